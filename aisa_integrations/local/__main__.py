"""`python -m aisa_integrations.local`: a local gateway until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence

from .server import DEFAULT_API_KEY, LocalGateway


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, and say where."""
    parser = argparse.ArgumentParser(prog="python -m aisa_integrations.local", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--backend", choices=("scripted", "llama"), default="scripted")
    parser.add_argument(
        "--api-key", default=DEFAULT_API_KEY, help="the key to ask for (default: a fixed, harmless one)"
    )
    options = parser.parse_args(arguments)
    try:
        gateway = LocalGateway(options.backend, port=options.port, api_key=options.api_key).start()
    except (ImportError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        sys.stdout.write(f"AISA_BASE_URL={gateway.url}\nAISA_API_KEY={gateway.api_key}\n")
        sys.stdout.flush()
        threading.Event().wait()
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        gateway.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
