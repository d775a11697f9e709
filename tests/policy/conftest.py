"""What the tests of policies share."""

import ssl

import pytest


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """One for all clients: it is never used on loopback, and each would take 20 ms to build its own."""
    return ssl.create_default_context()
