"""For the tests of programs that use this package: a gateway that fails on demand, cassettes that hold no key, a switch
that forbids live requests.

    # conftest.py
    pytest_plugins = ["aisa_integrations.testing"]

Nothing here needs pytest until pytest loads it so. (PYTEST_DONT_REWRITE: there is no assert in here to rewrite, and a
conftest may well have imported it before.)
"""

from __future__ import annotations

from ..transport.live import forbid_live_requests
from .cassettes import cassette_leaks, cassette_options

__all__ = ["cassette_leaks", "cassette_options", "forbid_live_requests"]

# What pytest loads along with this module.
pytest_plugins = ["aisa_integrations.testing.fixtures"]
