"""How a command ends: one exit code for each kind of cause, so that a script can tell them apart."""

from __future__ import annotations

from enum import IntEnum

from ..errors import (
    AisaError,
    AllModelsFailedError,
    AuthenticationError,
    ConfigurationError,
    InsufficientCreditsError,
    MissingKeyError,
    RateLimitError,
    RequestTimeoutError,
)


class Exit(IntEnum):
    """The exit codes of `aisa`."""

    OK = 0
    OTHER = 1
    USAGE = 2
    KEY = 3
    CREDITS = 4
    RATE = 5
    ALL_FAILED = 6
    TIMEOUT = 7
    INTERRUPT = 130


_CODES: tuple[tuple[type[AisaError], Exit], ...] = (
    (ConfigurationError, Exit.USAGE),
    (MissingKeyError, Exit.KEY),
    (AuthenticationError, Exit.KEY),
    (InsufficientCreditsError, Exit.CREDITS),
    (RateLimitError, Exit.RATE),
    (AllModelsFailedError, Exit.ALL_FAILED),
    (RequestTimeoutError, Exit.TIMEOUT),
)


def exit_code(error: AisaError) -> Exit:
    """Return the code that an error ends the command with."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.OTHER)
