"""`python -m aisa_integrations.local`: a local gateway until Ctrl-C; `aisa serve` without its extra."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final, get_args

from ..errors import AisaError, ConfigurationError
from .serving import DEFAULT_BALANCE, DEFAULT_PORT, HELP, BackendName, Serving, TierName, until_told_to_stop, variables

_ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "port": {"type": int, "default": DEFAULT_PORT},
    "backend": {"choices": get_args(BackendName)},
    "upstream": {"metavar": "URL"},
    "upstream_model": {"metavar": "ID"},
    "tier": {"choices": get_args(TierName)},
    "balance": {"metavar": "USD", "default": DEFAULT_BALANCE},
    "strict": {"action": "store_true"},
    "api_key": {"metavar": "KEY"},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, and say where."""
    parser = argparse.ArgumentParser(prog="python -m aisa_integrations.local", description=__doc__)
    for name, how in _ARGUMENTS.items():
        default = f" Default: {how['default']}." if "default" in how else ""
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{HELP[name]}{default}", **how)
    options = parser.parse_args(arguments)
    try:
        gateway = Serving(**vars(options)).start()
    except AisaError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, ConfigurationError) else 1
    try:
        sys.stdout.write(variables(gateway))
        sys.stdout.flush()
        until_told_to_stop()
    except BrokenPipeError:
        pass
    finally:
        gateway.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
