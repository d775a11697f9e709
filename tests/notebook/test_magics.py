"""`%%aisa`, `%%compare` and `%aisa_spend` in a real IPython shell, against a local gateway."""

import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from IPython.core.error import UsageError

from aisa_integrations import (
    BudgetExceededError,
    Comparison,
    GatewayClient,
    GatewayError,
    MissingKeyError,
    ModelNotFoundError,
    Result,
)
from aisa_integrations.local import LocalGateway
from tests.lifecycle.watching import descriptors, eventually, no_noise
from tests.notebook.shells import Notebook, notebook

LONG = " ".join(f"word{number}" for number in range(500))


@pytest.fixture
def book(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", gateway.url)
    with notebook() as opened:
        yield opened


def said(gateway: LocalGateway) -> list[dict]:
    return [json.loads(request.body) for request in gateway.requests if request.body]


# ---- %%aisa ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_one_output_and_a_result(book: Notebook, gateway: LocalGateway) -> None:
    ran = book.run("%%aisa gpt-4o --system 'Be brief' -t 0.5 --max-tokens 100\nHello\n")
    assert ran.error is None
    assert len(ran.outputs) == 1
    assert [message.update for message in ran.published] == [False] + [True] * (len(ran.published) - 1)
    result = book["_aisa"]
    assert isinstance(result, Result)
    assert (result.ok, result.response, result.served_by) == (
        True,
        "Simulated reply from gpt-4o: you said Hello",
        "gpt-4o",
    )
    assert result.response in ran.html
    assert f"${result.cost} billed" in ran.html
    assert f"{result.usage.prompt_tokens} → {result.usage.completion_tokens} tokens" in ran.html
    assert "first token after" in ran.html
    assert ran.text.startswith(result.response)
    (body,) = said(gateway)
    assert body["stream"] is True
    assert (body["temperature"], body["max_tokens"]) == (0.5, 100)
    assert [message["content"] for message in body["messages"]] == ["Be brief", "Hello"]


def test_many_chunks_are_few_drawings(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4o", LONG)
    gateway.script.set_style("gpt-4o", chunk_delay=0.001)
    ran = book.run("%%aisa gpt-4o\nHello")
    result = book["_aisa"]
    assert result.response == LONG
    assert len(ran.outputs) == 1
    # One for the beginning, one for the end, and between them no more than ten a second.
    assert len(ran.published) <= 3 + result.latency / 0.1
    assert LONG in ran.html


def test_a_plain_reply(book: Notebook, gateway: LocalGateway) -> None:
    ran = book.run("%%aisa gpt-4o --no-stream\nHello")
    assert "stream" not in said(gateway)[0]
    assert book["_aisa"].response in ran.html
    assert "first token" not in ran.html


def test_who_answered_after_whom_is_shown(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    ran = book.run("%%aisa gpt-4o --fallback gpt-4.1,gpt-4.1-mini\nHello")
    assert book["_aisa"].served_by == "gpt-4.1"
    assert "served by gpt-4.1 · " in ran.html
    # In the output, and not in red below it.
    assert "gpt-4o failed (server_error, status 500); asking gpt-4.1" in ran.html
    assert ran.printed == ""


def test_nothing_that_was_not_named_is_asked(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("*", "model_gated")
    assert book.run("%%aisa gpt-4o\nHello").error is not None
    assert [body["model"] for body in said(gateway)] == ["gpt-4o"]


def test_the_model_is_chosen_where_none_is_named(book: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    book.run("%%aisa\nHello")
    assert book["_aisa"].model == "aisa/auto"
    monkeypatch.setenv("AISA_MODEL", "gpt-4.1-mini")
    book.run("%%aisa --into other\nHello")
    assert (book["_aisa"].model, book["other"].model) == ("aisa/auto", "gpt-4.1-mini")


def test_an_error_is_the_cell_s_own_in_a_line(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    ran = book.run("%%aisa gpt-4o\nHello")
    assert isinstance(ran.error, GatewayError)
    assert ran.printed.count("\n") == 1
    assert "GatewayError" in ran.printed
    assert "failed" in ran.html
    assert book["_aisa"].error is ran.error
    assert str(pickle.loads(pickle.dumps(ran.error))) == str(ran.error)


def test_what_had_come_of_a_stream_that_broke_is_shown(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.reply("gpt-4o", LONG)
    gateway.script.fail("gpt-4o", "cut_after_content")
    ran = book.run("%%aisa gpt-4o\nHello")
    assert "InterruptedStreamError" in ran.printed
    assert ran.error.partial.startswith("word0 word1")  # type: ignore[union-attr]
    assert "word0 word1" in ran.html
    assert "cost unknown" in ran.html


@pytest.mark.parametrize("model", ["gpt-4oo", "aisa/nope"])
def test_an_unknown_model_comes_with_those_it_may_have_been(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalGateway(strict_models=True) as gateway, notebook() as book:
        monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
        monkeypatch.setenv("AISA_BASE_URL", gateway.url)
        ran = book.run(f"%%aisa {model}\nHello")
    assert isinstance(ran.error, ModelNotFoundError)
    assert "gpt-4o, gpt-4.1" in ran.printed or "aisa/auto, aisa/cheap" in ran.printed


def test_a_budget_is_the_cell_s_own(book: Notebook, gateway: LocalGateway) -> None:
    ran = book.run("%%aisa gpt-4o --budget 0.0001\nHello")
    assert isinstance(ran.error, BudgetExceededError)
    assert "Set a lower --max-tokens" in ran.printed or "Raise the budget" in ran.printed
    assert gateway.requests == []
    assert book.run("%%aisa gpt-4o --budget 0.10 --max-tokens 50\nHello").error is None


def test_a_client_of_the_user_s(book: Notebook, gateway: LocalGateway) -> None:
    with GatewayClient(gateway.api_key, base_url=gateway.url) as client:
        book.shell.user_ns["mine"] = client
        assert book.run("%%aisa gpt-4o --client mine\nHello").error is None
    assert book.run("%%aisa gpt-4o --client nobody\nHello").printed.startswith("UsageError: --client nobody: ")


def test_without_a_key_the_cell_says_what_to_do(book: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AISA_API_KEY")
    ran = book.run("%%aisa gpt-4o\nHello")
    assert isinstance(ran.error, MissingKeyError)
    assert "getpass" in ran.printed
    assert "connect()" in ran.printed
    assert "Traceback" not in ran.printed
    assert ran.published == []


def test_the_policy_of_a_client_holds(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    with GatewayClient(gateway.api_key, base_url=gateway.url, fallbacks=["o3"], max_retries=0) as client:
        book.shell.user_ns["mine"] = client
        book.run("%%aisa gpt-4o --client mine\nHello")
        assert book["_aisa"].served_by == "o3"
        book.run("%%aisa gpt-4o --client mine --fallback gpt-4.1\nHello")
        assert book["_aisa"].served_by == "gpt-4.1"
        # Compared are the models that were named, and nobody in their place.
        book.run("%%compare gpt-4o gpt-4.1 --client mine\nHello")
        assert [result.ok for result in book["_compare"].values()] == [False, True]


# ---- what a line says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("%%aisa gpt-4o What is this", "One model, not 'What' too: the prompt goes below"),
        ("%%aisa gpt-4o --temprature 1", "There is no option --temprature. Did you mean --temperature?"),
        ("%%aisa gpt-4o -t hot", "--temperature/-t: invalid number value: 'hot'."),
        ("%%aisa gpt-4o -t 3", "it goes from 0 to 2, not 3."),
        ("%%aisa gpt-4o --max-tokens 0", "it is 1 or more, not 0."),
        ("%%aisa gpt-4o --system Don't", "No closing quotation: "),
        ("%%aisa gpt-4o --budget much", "--budget is an amount of USD such as 0.50"),
        ("%%aisa gpt-4o --into 1x", "'1x' is no name of a variable."),
        ("%%aisa {nowhere}", "There is no variable nowhere."),
        ("%%aisa {table}", "table is dict; a text, a number or a list of texts can stand here."),
        ("%%aisa gpt-4o --fill nowhere", "There is no variable nowhere."),
        ("%%aisa gpt-4o --fill table", "neither the prompt nor --system says {table}."),
        ("%%compare", "the following arguments are required: MODEL."),
        ("%%compare gpt-4o gpt-4o", "gpt-4o: named twice."),
    ],
)
def test_what_is_wrong_with_a_line_is_said_in_one(
    line: str, complaint: str, book: Notebook, gateway: LocalGateway
) -> None:
    book.shell.user_ns["table"] = {"a": 1}
    ran = book.run(f"{line}\nHello")
    assert isinstance(ran.error, UsageError)
    assert complaint in ran.printed
    assert ran.printed.count("\n") == 1
    assert gateway.requests == []


def test_a_cell_that_says_nothing(book: Notebook) -> None:
    assert "the prompt goes below its first line" in book.run("%%aisa gpt-4o\n\n   \n").printed


def test_a_prompt_is_sent_as_it_stands(book: Notebook, gateway: LocalGateway) -> None:
    book.shell.user_ns.update(model="gpt-4.1", x="oh no", HOME="oh no")
    prompt = 'Explain {"a": {x}} and f"{model}" and $HOME, $5 and `{x!r}`.\n\n    indented'
    book.run(f"%%aisa gpt-4o --system 'Say {{x}} for $5'\n{prompt}\n")
    assert [message["content"] for message in said(gateway)[0]["messages"]] == ["Say {x} for $5", prompt]


def test_named_variables_are_put_in_and_nothing_else(book: Notebook, gateway: LocalGateway) -> None:
    book.shell.user_ns.update(text="see {tone}", tone="- dry", others=["gpt-4.1", "o3"], model="gpt-4o")
    book.run('%%aisa $model --fill text,tone --system {tone} --fallback {others}\n{"a": {text}, "b": {c}, "d": {tone}}')
    (body,) = said(gateway)
    assert body["model"] == "gpt-4o"
    assert [message["content"] for message in body["messages"]] == [
        "- dry",
        '{"a": see {tone}, "b": {c}, "d": - dry}',
    ]


# ---- %%compare ------------------------------------------------------------------------------------------------------


def test_a_comparison_is_one_output_with_failures_in_their_place(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4.1", "model_gated")
    gateway.script.set_style("o3", usage="none")
    book.shell.user_ns["models"] = ["gpt-4.1", "o3"]
    ran = book.run("%%compare gpt-4o {models}\nHello")
    assert ran.error is None
    assert len(ran.outputs) == 1
    found = book["_compare"]
    assert isinstance(found, Comparison)
    assert list(found) == ["gpt-4o", "gpt-4.1", "o3"]
    assert [result.ok for result in found.values()] == [True, False, True]
    assert ran.text == repr(found)
    assert "InsufficientCreditsError" in ran.html
    assert found["gpt-4o"].response in ran.html
    assert "unknown" in ran.html


def test_it_grows_side_by_side(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.set_style("slow", chunk_delay=0.15)
    ran = book.run("%%compare gpt-4o slow\nHello")
    first, *_, last = ran.published
    assert "asked" in first.html
    between = [message.html for message in ran.published if "answering" in message.html]
    assert any("you said Hello" in html and "1 answered" in html for html in between)
    assert "2 answered" in last.html or "2 of 2" in last.html


# ---- nothing is left open -------------------------------------------------------------------------------------------


def test_cells_that_are_run_again_leave_nothing_open(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("o3", "cut_after_content")
    gateway.script.fail("o1", "connection_reset", times=3)
    cells = [
        "%%aisa gpt-4o\nHello",
        "%%aisa o3\nHello",
        "%%aisa o1 --no-stream\nHello",
        "%%aisa gpt-4o --budget 1 --max-tokens 50\nHello",
        "%%compare gpt-4o gpt-4.1 o3\nHello",
    ]

    def once() -> None:
        for cell in cells:
            book.run(cell)

    once()
    before, threads = descriptors(), threading.active_count()
    with no_noise():
        for _ in range(20):
            once()
        # The gateway, in this process too, closes its ends of connections a little later.
        assert eventually(lambda: descriptors() <= before)
        assert eventually(lambda: threading.active_count() <= threads)
        book.run("%unload_ext aisa_integrations")
        assert eventually(lambda: descriptors() < before)


def test_another_key_or_origin_is_another_client(book: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    book.run("%%aisa gpt-4o\nHello")
    with LocalGateway() as other, no_noise():
        monkeypatch.setenv("AISA_BASE_URL", other.url)
        monkeypatch.setenv("AISA_API_KEY", other.api_key)
        book.run("%%aisa gpt-4o\nHello")
        assert len(other.requests) == 1


def test_a_huge_answer_is_in_the_variable_and_not_in_the_notebook_s_file(book: Notebook, gateway: LocalGateway) -> None:
    huge = "<b>&" * 2_500_000
    gateway.script.reply("gpt-4o", huge)
    for cell in ("%%aisa gpt-4o --no-stream\nHello", "%%compare gpt-4o o3 --no-stream\nHello"):
        ran = book.run(cell)
        assert sum(len(message.html) + len(message.text) for message in ran.published) < 3_000_000
        assert "characters more" in ran.html
    assert book["_aisa"].response == book["_compare"]["gpt-4o"].response == huge


# ---- what is shown is text ------------------------------------------------------------------------------------------

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> $a$ \x1b[2J [x](javascript:alert(3)) \u202e"


@pytest.mark.parametrize("cell", ["%%aisa gpt-4o", "%%compare gpt-4o o3"])
@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_an_answer_is_text_and_nothing_else(cell: str, stream: str, book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.reply("*", EVIL)
    gateway.script.set_style("*", chunk_delay=0.05)
    ran = book.run(f"{cell} {stream} --system '<b>'\n<script>alert(0)</script>")
    assert ran.error is None
    assert len(ran.published) > 1
    for message in ran.published:
        for markup in ("<script", "<img", "<b>alert", "\x1b", "\u202e", "href="):
            assert markup not in message.html
        assert "\x1b" not in message.text
    assert "&lt;script&gt;alert(1)" in ran.html


@pytest.mark.parametrize("cell", ["%%aisa", "%%compare"])
def test_a_model_s_name_is_text_too(cell: str, book: Notebook) -> None:
    ran = book.run(f"{cell} '<img/src=x>'\nHello")
    assert all("<img" not in message.html for message in ran.published)


# ---- %aisa_spend ----------------------------------------------------------------------------------------------------


IN_CELLS = """
import asyncio, threading
from aisa_integrations import async_openai_client, openai_client, track
client, later = openai_client(), async_openai_client()
asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
def ask():
    client.chat.completions.create(**asked)
def ask_in_a_thread():
    thread = threading.Thread(target=ask); thread.start(); thread.join()
"""


def test_the_notebook_s_spend_is_the_gateway_s_account(book: Notebook, gateway: LocalGateway) -> None:
    gateway.script.fail("gpt-4.1", "model_gated")
    before = gateway.account.balance
    cells = [
        IN_CELLS,
        "%%aisa gpt-4o\nHello",
        "%%compare gpt-4o gpt-4.1 o3\nHello",
        "ask()",
        "ask_in_a_thread()",
        "with track() as inner:\n    ask(); ask_in_a_thread()",
        "await asyncio.gather(*[later.chat.completions.create(**asked) for _ in range(2)])",
        "async with asyncio.TaskGroup() as group:\n    group.create_task(asyncio.to_thread(ask))",
        "with track() as last:\n    await later.chat.completions.create(**asked)",
        "client.close(); await later.close()",
    ]
    for cell in cells:
        assert book.run(cell).error is None, cell
    spend = book.run("%aisa_spend").value
    assert spend.calls == 1 + 3 + 1 + 1 + 2 + 2 + 1 + 1
    assert spend.cost == before - gateway.account.balance
    # Blocks count as they do without the extension.
    assert (book["inner"].calls, book["last"].calls) == (2, 1)
    assert spend.unattributed == book["inner"].unattributed == 0


def test_the_last_cell_s_spend(book: Notebook) -> None:
    assert book.run("%aisa_spend cell").value.calls == 0
    book.run("%%compare gpt-4o o3\nHello")
    book.run("%%aisa gpt-4o\nHello")
    book.run("1 + 1")
    one = book.run("%aisa_spend cell").value
    assert (one.calls, one.cost) == (1, book["_aisa"].cost)
    assert "UsageError" in book.run("%aisa_spend everything").printed


def test_running_totals(book: Notebook) -> None:
    book.run("%%aisa gpt-4o\nHello")
    ran = book.run("%%compare gpt-4o o3\nHello")
    assert "this notebook: 3 calls" in ran.html


def test_an_output_says_where_its_answers_come_from(book: Notebook, gateway: LocalGateway) -> None:
    """A part of a page, or a picture of it, must not pass a toy's words off as a model's."""
    for cell in ("%%aisa gpt-4o\nHello", "%%compare gpt-4o o3\nHello"):
        assert f"local, {gateway.url}" in book.run(cell).html
    book.run("from aisa_integrations import GatewayClient\nmine = GatewayClient()")
    assert "local, " not in book.run("%%aisa gpt-4o --client mine\nHello").html
    book.run("mine.close()")


def test_nothing_counts_once_the_extension_is_unloaded(book: Notebook) -> None:
    spend = book.run("%aisa_spend").value
    book.run("%unload_ext aisa_integrations")
    assert "not found" in book.run("%%aisa gpt-4o\nHello").printed
    book.run("from aisa_integrations import GatewayClient\nwith GatewayClient() as c: c.models()")
    assert spend.calls == 0
    book.run("%load_ext aisa_integrations")
    book.run("%%aisa gpt-4o\nHello")
    assert (spend.calls, book.run("%aisa_spend").value.calls) == (0, 1)
    assert spend.cost == Decimal(0)


# ---- loading --------------------------------------------------------------------------------------------------------


def test_a_magic_that_had_the_name_before_is_there_again_afterwards(gateway: LocalGateway) -> None:
    with notebook() as book:
        book.run("%unload_ext aisa_integrations")
        book.run("get_ipython().register_magic_function(lambda line, cell: print('mine'), 'cell', 'compare')")
        book.run("%load_ext aisa_integrations")
        assert "MODEL" in book.run("%%compare\nHello").printed
        book.run("%unload_ext aisa_integrations")
        assert book.run("%%compare\nHello").printed == "mine\n"


def test_help(book: Notebook) -> None:
    assert "--fallback <A,B>" in book["get_ipython"]().find_cell_magic("aisa").__doc__
    assert "MODEL [MODEL ...]" in book["get_ipython"]().find_cell_magic("compare").__doc__


def test_importing_the_package_loads_no_notebook() -> None:
    code = "import sys, aisa_integrations; aisa_integrations.load_ipython_extension; print('IPython' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
