"""`LLMRouterClient`, used as the skill's text uses it, and what that text's own client lost."""

import base64
import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations import (
    AisaError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InsufficientCreditsError,
    InterruptedStreamError,
    LLMRouterClient,
    MissingKeyError,
    ModelNotFoundError,
    Policy,
    state,
    track,
)
from aisa_integrations.local import FAULTS, LocalGateway
from tests.faults.cases import SILENT, play
from tests.faults.table import TOLERATED, end_of
from tests.lifecycle.watching import no_noise

A, B, C = "gpt-4.1", "claude-haiku-4-5-20251001", "gemini-2.5-flash"
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def client(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> LLMRouterClient:
    """The client as the skill makes it: the key, and here the origin, are found in the environment."""
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", gateway.url)
    return LLMRouterClient()


def quick(gateway: LocalGateway, **more: Any) -> LLMRouterClient:
    return LLMRouterClient(gateway.api_key, base_url=gateway.url, **{"max_retries": 0, "timeout": 10, **more})


# ---- as the skill's text uses it ------------------------------------------------------------------------------------


def test_chat(client: LLMRouterClient, gateway: LocalGateway) -> None:
    response = client.chat(model=A, messages=MESSAGES, temperature=0.7, max_tokens=100)
    assert isinstance(response, dict)
    assert response["choices"][0]["message"]["content"].endswith("What is the capital of France?")
    assert response["usage"]["cost"] > 0
    assert response.exchange.served_by == A
    assert gateway.requests[0].json == {"model": A, "messages": MESSAGES, "temperature": 0.7, "max_tokens": 100}


def test_chat_stream(client: LLMRouterClient, gateway: LocalGateway) -> None:
    pieces = list(client.chat_stream(model=A, messages=MESSAGES, temperature=0))
    assert len(pieces) > 2
    assert all(type(piece) is str and piece for piece in pieces)
    assert "".join(pieces) == f"Simulated reply from {A}: you said What is the capital of France?"
    assert gateway.requests[0].json["temperature"] == 0


def test_vision(client: LLMRouterClient, gateway: LocalGateway) -> None:
    url = "https://example.com/image.jpg"
    response = client.vision(model="gpt-4o", image_url=url, prompt="What is in this image?", max_tokens=50)
    assert response["choices"][0]["message"]["content"]
    (asked,) = gateway.requests
    assert asked.json["max_tokens"] == 50
    assert asked.json["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is in this image?"},
                {"type": "image_url", "image_url": {"url": url}},
            ],
        }
    ]


def test_compare_models(client: LLMRouterClient, gateway: LocalGateway) -> None:
    gateway.script.fail(B, "rate_limited")
    results = quick(gateway).compare_models(models=[A, B, C], message="Hello")
    assert list(results) == [A, B, C]
    assert json.loads(json.dumps(results)) == results
    bills = {call.model: call.cost for call in gateway.account.calls}
    for name in (A, C):
        found = results[name]
        assert list(found) == ["success", "response", "latency", "tokens", "cost"]
        assert found["success"] is True
        assert found["response"] == f"Simulated reply from {name}: you said Hello"
        assert type(found["latency"]) is float
        assert type(found["tokens"]) is int
        assert found["cost"] == float(bills[name])
    assert list(results[B]) == ["success", "error"]
    assert results[B]["success"] is False
    assert B in results[B]["error"]


def test_what_is_not_known_is_none_in_a_comparison(client: LLMRouterClient, gateway: LocalGateway) -> None:
    gateway.script.set_style(A, usage="none")
    found = client.compare_models(models=[A], message="Hello")[A]
    assert (found["success"], found["tokens"], found["cost"]) == (True, None, None)


def test_all_models_of_a_comparison_may_fail(gateway: LocalGateway) -> None:
    gateway.script.fail("*", "server_error")
    results = quick(gateway).compare_models(models=[A, B], message="Hello", temperature=0)
    assert [found["success"] for found in results.values()] == [False, False]


def test_list_models(client: LLMRouterClient) -> None:
    models = client.list_models()
    assert A in {model["id"] for model in models}


def test_a_fallback_list_as_in_the_skills_recipe(gateway: LocalGateway) -> None:
    gateway.script.fail(A, "server_error")
    client = quick(gateway)

    def ask(models: list[str]) -> Any:
        for model in models:
            try:
                return client.chat(model=model, messages=MESSAGES)
            except Exception as error:
                print(f"{model} failed: {error}")
        raise AssertionError

    assert ask([A, B])["model"] == B


# ---- what the skill's own client lost -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [name for name in FAULTS if FAULTS[name].fits(surface="chat", stream=True)])
def test_no_fault_of_a_stream_is_lost(gateway: LocalGateway, fault: str) -> None:
    play(gateway, FAULTS[fault], A)
    client = quick(gateway, timeout=0.5 if fault in SILENT else 10)
    came: list[str] = []

    def read() -> None:
        for piece in client.chat_stream(model=A, messages=MESSAGES):
            came.append(piece)

    end = end_of(fault, stream=True)
    if end is None:
        read()
        assert fault in TOLERATED
        assert came
        return
    with pytest.raises(AisaError) as caught:
        read()
    assert (caught.type, caught.value.code) == (end.error, end.code)
    if end.interrupted:
        assert isinstance(caught.value, InterruptedStreamError)
        assert came
        assert caught.value.partial == "".join(came)


def test_no_error_of_a_plain_call_is_lost(gateway: LocalGateway) -> None:
    client = quick(gateway)
    for fault, kind in {"wallet_empty": InsufficientCreditsError, "bad_key": AuthenticationError}.items():
        gateway.script.fail("*", fault, times=3)
        with pytest.raises(kind):
            client.chat(model=A, messages=MESSAGES)
        with pytest.raises(kind):
            client.vision(model=A, image_url="https://example.com/a.png", prompt="What is it?")
        with pytest.raises(kind):
            client.chat_stream(model=A, messages=MESSAGES)
    gateway.script.fail("/v1/models", "server_error")
    with pytest.raises(AisaError):
        client.list_models()
    gateway.script.fail("gpt-4.I", "unknown_model")
    with pytest.raises(ModelNotFoundError) as caught:
        client.chat(model="gpt-4.I", messages=MESSAGES)
    assert A in caught.value.suggestions


def test_reasoning_is_no_text(gateway: LocalGateway) -> None:
    gateway.script.reply(A, "Paris.", reasoning="France's capital …")
    gateway.script.set_style(A, reasoning="reasoning_content")
    assert "".join(quick(gateway).chat_stream(model=A, messages=MESSAGES)) == "Paris."


def test_only_the_first_choice_is_streamed(gateway: LocalGateway) -> None:
    client = quick(gateway)
    assert "".join(client.chat_stream(model=A, messages="Hello", n=2)) == f"Simulated reply from {A}: you said Hello"


def test_a_stream_tells_its_record_at_its_end(gateway: LocalGateway) -> None:
    stream = quick(gateway).chat_stream(model=A, messages=MESSAGES)
    assert stream.exchange is None
    list(stream)
    assert list(stream) == []
    assert stream.exchange is not None
    assert stream.exchange.usage.cost == gateway.account.spent


@pytest.mark.parametrize("by", ["close", "block", "drop"])
def test_a_stream_that_is_left_is_closed(gateway: LocalGateway, by: str) -> None:
    gateway.script.fail(A, "hang_after_content")
    with no_noise():
        stream = quick(gateway).chat_stream(model=A, messages=MESSAGES)
        assert next(stream)
        if by == "block":
            with stream as same:
                assert same is stream
        elif by == "close":
            stream.close()
        del stream
        assert gateway.wait(disconnects=1)


# ---- every setting that every face takes ----------------------------------------------------------------------------


def test_fallbacks_and_a_policy(gateway: LocalGateway) -> None:
    gateway.script.fail(A, "server_error")
    client = quick(gateway, fallbacks=[B], policy=Policy(fallbacks=[C], deadline=20))
    assert client.chat(model=A, messages=MESSAGES).exchange.served_by == B
    assert "".join(client.chat_stream(model=A, messages=MESSAGES)).startswith(f"Simulated reply from {B}")
    assert client.chat(model=A, messages=MESSAGES, models=[A, C])["model"] == C
    assert client.compare_models([A, C], "Hello")[A]["success"] is False
    assert client.compare_models([A, C], "Hello", fallbacks=[B])[A]["success"] is True
    assert {cooling.model for cooling in state(client).cooling} == {A}


def test_a_text_is_a_message(client: LLMRouterClient, gateway: LocalGateway) -> None:
    client.chat(A, "Hello")
    assert gateway.requests[0].json["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_file_is_read_for_vision(client: LLMRouterClient, gateway: LocalGateway, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    client.vision("gpt-4o", tmp_path / "a.png", "What is it?")
    (part,) = (part for part in gateway.requests[0].json["messages"][0]["content"] if part["type"] == "image_url")
    assert part["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()


def test_a_block_counts_its_calls(client: LLMRouterClient, gateway: LocalGateway) -> None:
    with track() as spend:
        client.chat(A, "Hello")
        list(client.chat_stream(A, "Hello"))
        client.compare_models([A, B], "Hello")
    assert (spend.calls, spend.cost) == (4, gateway.account.spent)


WRONG: dict[str, Any] = {
    "no model": lambda client: client.chat(None, "Hello"),
    "an empty model": lambda client: client.chat(" ", "Hello"),
    "no message": lambda client: client.chat(A, []),
    "a slip": lambda client: client.chat(A, "Hello", temprature=1),
    "a slip in a stream": lambda client: client.chat_stream(A, "Hello", max_token=1),
    "a stream of chat": lambda client: client.chat(A, "Hello", stream=True),
    "no stream": lambda client: client.chat_stream(A, "Hello", stream=False),
    "fallbacks for one call": lambda client: client.chat(A, "Hello", fallbacks=[B]),
    "no image": lambda client: client.vision("gpt-4o", "no-such-file.png", "What is it?"),
    "no prompt": lambda client: client.vision("gpt-4o", "https://example.com/a.png", " "),
    "a slip in vision": lambda client: client.vision("gpt-4o", "https://example.com/a.png", "What is it?", max_token=1),
    "one model": lambda client: client.compare_models(A, "Hello"),
    "twice": lambda client: client.compare_models([A, A], "Hello"),
    "a slip in a comparison": lambda client: client.compare_models([A, B], "Hello", temprature=1),
    "another client": lambda client: client.compare_models([A, B], "Hello", api_key="k"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_is_an_error_before_anything_is_sent(
    client: LLMRouterClient, gateway: LocalGateway, wrong: str
) -> None:
    with pytest.raises(ConfigurationError):
        WRONG[wrong](client)
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("temprature", "Did you mean temperature=…?"),
        ("model_s", "models=…"),
        ("timeout", "setting of the client"),
        ("fallbacks", "setting of the client"),
        ("deadline", "policy=Policy(deadline=…)"),
        ("system", "begin with a message"),
        ("top_k", "extra_body={'top_k': …}"),
    ],
)
def test_an_unknown_option_says_the_way_out(client: LLMRouterClient, option: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client.chat(A, "Hello", **{option: 1})
    assert hint in str(caught.value)


def test_harmless_forms_of_the_same_are_taken(client: LLMRouterClient, gateway: LocalGateway) -> None:
    assert client.chat(A, "Hello", stream=False, temperature=None)["choices"]
    assert list(client.chat_stream(A, "Hello", stream=True))
    assert "temperature" not in gateway.requests[0].json


def test_models_that_are_no_list_are_refused(client: LLMRouterClient) -> None:
    with pytest.raises(BadRequestError, match="models"):
        client.chat(A, "Hello", models="gpt-4o")


def test_wrong_settings_are_errors() -> None:
    with pytest.raises(MissingKeyError):
        LLMRouterClient()
    with pytest.raises(ConfigurationError):
        LLMRouterClient("k", timeout=-1)
    with pytest.raises(TypeError):
        LLMRouterClient("k", retries=3)  # type: ignore[call-arg]


# ---- the client itself ----------------------------------------------------------------------------------------------


def test_it_is_a_context_manager_and_may_be_copied_pickled_and_used_again(gateway: LocalGateway) -> None:
    with quick(gateway) as client:
        assert client.chat(A, "Hello")
    for twin in (client, copy.deepcopy(client), pickle.loads(pickle.dumps(client))):
        with twin:
            assert twin.chat(A, "Hello")["model"] == A
    assert repr(client) == f"LLMRouterClient({gateway.url})"


@pytest.mark.parametrize("known", [True, False], ids=["key in the environment", "no key there"])
def test_a_pickle_finds_its_key_again_in_another_process(gateway: LocalGateway, tmp_path: Path, known: bool) -> None:
    (tmp_path / "client").write_bytes(pickle.dumps(quick(gateway)))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).chat('gpt-4.1', 'Hello')['model'])"
    environment = {name: value for name, value in os.environ.items() if name != "AISA_API_KEY"}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "client")],
        env={**environment, **({"AISA_API_KEY": gateway.api_key} if known else {})},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip() == A) == known
    assert known or "MissingKeyError" in run.stderr
