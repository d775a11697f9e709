"""The magics in a real kernel: what goes to the front end, and what the stop button does."""

import ast
import operator
from collections.abc import Iterator

import pytest

from aisa_integrations.local import LocalGateway
from tests.conftest import CANARY_KEY
from tests.lifecycle.watching import eventually
from tests.notebook.kernels import Kernel, kernel

LONG = " ".join(f"word{number}" for number in range(500))


@pytest.fixture(scope="module")
def running() -> Iterator[Kernel]:
    with kernel() as opened:
        opened.run("import os")
        yield opened


@pytest.fixture
def gateway() -> Iterator[LocalGateway]:
    """A gateway whose key is easy to search for."""
    with LocalGateway(api_key=CANARY_KEY) as opened:
        yield opened


@pytest.fixture
def book(running: Kernel, gateway: LocalGateway) -> Kernel:
    """The kernel of this module, led to the test's own gateway: where the environment changes, a new client asks."""
    running.run(f"os.environ.update(AISA_API_KEY={gateway.api_key!r}, AISA_BASE_URL={gateway.url!r})")
    return running


def test_many_chunks_are_one_output(book: Kernel, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4o", LONG)
    gateway.script.set_style("gpt-4o", chunk_delay=0.002)
    seen = book.run("%%aisa gpt-4o\nHello")
    (first,) = seen.of("display_data")
    later = seen.of("update_display_data")
    assert {content["transient"]["display_id"] for content in later} == {first["transient"]["display_id"]}
    assert 3 <= len(later) <= 3 + seen.seconds / 0.1
    assert LONG in seen.html
    assert not seen.of("stream", "error", "execute_result")


@pytest.mark.parametrize("fault", ["hang", "hang_before_content"])
def test_the_stop_button_before_an_answer(fault: str, book: Kernel, gateway: LocalGateway) -> None:
    gateway.script.fail("*", fault)
    seen = book.run("%%aisa gpt-4o\nHello", interrupt_when=lambda shown: bool(gateway.requests))
    assert gateway.wait(disconnects=1)
    (error,) = seen.of("error")
    assert error["ename"] == "KeyboardInterrupt"
    assert len(error["traceback"]) == 1
    assert "interrupted" in seen.html
    assert "cost unknown" in seen.html
    assert "connection_lost" not in seen.everything  # nothing failed, and nothing is asked again
    assert book.value("_aisa.ok, _aisa.response, _aisa.error.code") == "False  interrupted"
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("call", ["acompare(['gpt-4o'], 'Hello')", "aevaluate(['Hello'], ['gpt-4o'])"])
def test_the_stop_button_while_a_cell_awaits(call: str, book: Kernel, gateway: LocalGateway) -> None:
    # ipykernel cancels the cell, and does not wake its loop for that.
    gateway.script.fail("*", "hang")
    cell = f"from aisa_integrations import acompare, aevaluate\nawait {call}"
    seen = book.run(cell, interrupt_when=lambda shown: bool(gateway.requests))
    assert gateway.wait(disconnects=1)
    assert [error["ename"] for error in seen.of("error")] == ["CancelledError"]
    assert len(gateway.requests) == 1


def test_what_came_is_shown_while_nothing_more_comes(book: Kernel, gateway: LocalGateway) -> None:
    """All of it comes at once, right after the first drawing, and then the stream stands still."""
    gateway.script.fail("stuck", "hang_after_content")
    seen = book.run(
        "%%compare gpt-4o stuck\nHello", interrupt_when=lambda shown: "1 answered" in shown and "1 s so far" in shown
    )
    assert "first token after" in seen.of("update_display_data")[-2]["data"]["text/html"]


def test_the_stop_button_leaves_what_came(book: Kernel, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4o", LONG)
    gateway.script.set_style("gpt-4o", chunk_delay=0.05)
    seen = book.run("%%aisa gpt-4o\nHello", interrupt_when=lambda shown: "word10" in shown)
    assert gateway.wait(disconnects=1)
    assert [error["ename"] for error in seen.of("error")] == ["KeyboardInterrupt"]
    assert "what had come is in _aisa" in seen.of("error")[0]["traceback"][0]
    assert "word10" in seen.html
    assert "word499" not in seen.html
    assert book.value("_aisa.response == _aisa.error.partial and _aisa.response.startswith('word0 word1 ')") == "True"
    assert "1 of unknown cost" in book.value("get_ipython().run_line_magic('aisa_spend', 'cell')")


def test_the_stop_button_leaves_what_came_of_each(book: Kernel, gateway: LocalGateway) -> None:
    gateway.script.reply("slow", LONG)
    gateway.script.set_style("slow", chunk_delay=0.05)
    gateway.script.fail("stuck", "hang")
    seen = book.run("%%compare gpt-4o slow stuck\nHello", interrupt_when=lambda shown: "word10" in shown)
    assert gateway.wait(disconnects=2)
    assert [error["ename"] for error in seen.of("error")] == ["KeyboardInterrupt"]
    assert book.value("[r.ok for r in _compare.values()]") == "[True, False, False]"
    assert book.value("_compare['slow'].response[:11], _compare['stuck'].response == ''") == "word0 word1 True"
    assert book.value("_compare.spend.calls, _compare.spend.unknown") == "3 2"
    assert "interrupted" in seen.html
    # The kernel goes on, with the same client.
    assert "you said Hello" in book.run("%%aisa gpt-4o\nHello").html


OPENED = """
import gc, socket, threading
from aisa_integrations import GatewayClient
def opened():
    # The kernel's own descriptors come and go: those of its messages, of its history.
    gc.collect()
    connections = [one for one in gc.get_objects() if isinstance(one, socket.socket) and one.family == socket.AF_INET]
    clients = [one for one in gc.get_objects() if isinstance(one, GatewayClient)]
    return sum(one.fileno() >= 0 for one in connections), len(clients), threading.active_count()
"""


def test_cells_that_are_interrupted_again_and_again_leave_nothing_open(book: Kernel, gateway: LocalGateway) -> None:
    gateway.script.fail("slow", "hang_after_content")
    book.run(OPENED)
    book.run("%%compare gpt-4o gpt-4.1\nHello")
    before = ast.literal_eval(book.value("opened()"))

    def no_more_than_before() -> bool:
        return all(map(operator.le, ast.literal_eval(book.value("opened()")), before))

    for number in range(10):
        magic = "aisa" if number % 2 else "compare gpt-4o"
        seen = book.run(f"%%{magic} slow\nHello", interrupt_when=lambda shown: "answering" in shown)
        assert seen.of("error")
    book.run("%%compare gpt-4o gpt-4.1\nHello")
    assert eventually(no_more_than_before), (before, book.value("opened()"))


def test_the_key_is_nowhere(book: Kernel, gateway: LocalGateway, canary_key: str) -> None:
    gateway.script.fail("o3", "bad_key")
    gateway.script.fail("o1", "server_error")
    cells = [
        "%xmode Verbose",
        "%%aisa o3\nHello",
        "%tb",
        "%%compare o3 o1 gpt-4o\nHello",
        "%aisa_spend",
        "_aisa, _compare, _aisa.error.__traceback__",
        "get_ipython().magics_manager.magics['cell']['aisa'].__self__.__dict__",
        "%%aisa o3 --budget 1\nHello",
        "%tb",
        "%xmode Context",
    ]
    sent = "".join(book.run(cell).everything for cell in cells)
    assert "AuthenticationError" in sent
    assert canary_key not in sent
