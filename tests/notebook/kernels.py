"""A real kernel, in a process of its own, and what it sends to a front end."""

import contextlib
import os
import queue
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

LONGEST = 60.0
_OF_THE_MACHINE = re.compile(r"(AISA|JUPYTER|IPYTHON|OPENAI|GOOGLE|GEMINI)_?|.*_PROXY$", re.IGNORECASE)


@dataclass
class Seen:
    """The messages of one cell, in order."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """The contents of the messages of these kinds."""
        return [message["content"] for message in self.messages if message["msg_type"] in kinds]

    @property
    def html(self) -> str:
        """What is shown at the end."""
        shown: str = self.of("display_data", "update_display_data")[-1]["data"]["text/html"]
        return shown

    @property
    def printed(self) -> str:
        """What stands in the streams."""
        return "".join(content["text"] for content in self.of("stream"))

    @property
    def everything(self) -> str:
        """All that was sent, as text."""
        return repr(self.messages)


class Kernel:
    """Run cells in a kernel, as a front end does."""

    def __init__(self, manager: Any, client: Any) -> None:
        self._manager = manager
        self._client = client

    def run(self, cell: str, *, interrupt_when: Callable[[str], bool] | None = None) -> Seen:
        """Run a cell; interrupt the kernel, as the stop button does, once what is shown meets a condition."""
        asked = self._client.execute(cell)
        seen, began, interrupted = Seen(), time.monotonic(), False
        while time.monotonic() - began < LONGEST:
            with contextlib.suppress(queue.Empty):
                message = self._client.get_iopub_msg(timeout=0.1)
                if message["parent_header"].get("msg_id") == asked:
                    seen.messages.append(message)
                    if message["content"].get("execution_state") == "idle":
                        seen.seconds = time.monotonic() - began
                        return seen
            if interrupt_when is not None and not interrupted and interrupt_when(seen.everything):
                self._manager.interrupt_kernel()
                interrupted = True
        raise TimeoutError(f"the cell did not end:\n{seen.everything}")

    def value(self, expression: str) -> str:
        """What an expression prints."""
        seen = self.run(f"print({expression})")
        assert not seen.of("error"), seen.everything
        return seen.printed.strip()


@contextlib.contextmanager
def kernel() -> Iterator[Kernel]:
    """A kernel of this Python with the extension loaded, and nothing of the machine's configuration."""
    # Short: a socket's path may have no more than about 100 characters.
    with tempfile.TemporaryDirectory(prefix="aisa-k-") as folder:
        manager: Any = KernelManager(
            kernel_name="python3", transport="ipc", ip=f"{folder}/socket", connection_file=f"{folder}/kernel.json",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        )  # fmt: skip
        clean = {name: value for name, value in os.environ.items() if not _OF_THE_MACHINE.match(name)}
        manager.start_kernel(env={**clean, "IPYTHONDIR": folder, "AISA_HOME": folder})
        with _connected(manager) as opened:
            assert not opened.run("%load_ext aisa_integrations").of("error", "stream")
            yield opened


@contextlib.contextmanager
def _connected(manager: Any) -> Iterator[Kernel]:
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=LONGEST)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
