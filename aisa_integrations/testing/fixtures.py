"""The pytest fixtures `aisa_gateway` and `aisa_offline`. (PYTEST_DONT_REWRITE)"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from ..transport.live import OFFLINE, forbid_live_requests

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..local import LocalGateway

_numbers: Final = itertools.count(1)
_REFUSED: Final = pytest.StashKey[list[str]]()


@pytest.fixture
def aisa_gateway_options() -> dict[str, Any]:
    """What `aisa_gateway` is made with, as `LocalGateway` takes it: a fixture of the same name replaces this one."""
    return {}


@pytest.fixture
def aisa_gateway(
    aisa_gateway_options: dict[str, Any],
    aisa_offline: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalGateway]:
    """A local gateway of the test's own, running, with the environment pointing at it."""
    from ..local import LocalGateway

    # A key of its own: cooldowns and paces are kept by key, and those of a policy that outlives a test stay behind.
    options = {"api_key": f"sk-aisa-test-{next(_numbers):016d}", **aisa_gateway_options}
    with LocalGateway(**options) as gateway:
        monkeypatch.setenv("AISA_BASE_URL", gateway.url)
        monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
        monkeypatch.setenv("AISA_HOME", str(tmp_path_factory.mktemp("aisa-home")))
        yield gateway


@pytest.fixture
def aisa_offline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Forbid live requests in this test and what it starts; gives a list of those that were refused."""
    if _is_recorded(request):
        yield []
        return
    monkeypatch.setenv(OFFLINE, "1")
    with forbid_live_requests() as refused:
        request.node.stash[_REFUSED] = refused
        yield refused


def _is_recorded(request: pytest.FixtureRequest) -> bool:
    """Whether pytest-recording records this test, as its own option asks."""
    mode = request.config.getoption("--record-mode", default=None)
    return mode not in (None, "none") and request.node.get_closest_marker("vcr") is not None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a test that passes although a live request was refused in it: something has swallowed the refusal."""
    result = yield
    if refused := pyfuncitem.stash.get(_REFUSED, None):
        lines = "\n  ".join(refused)
        pytest.fail(f"live requests were refused, and the refusal was swallowed:\n  {lines}", pytrace=False)
    return result
