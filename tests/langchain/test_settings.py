"""What a chat model is made with: arguments, the environment, what is refused, and what is sent of it."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr

from aisa_integrations import ChatAisa, ConfigurationError, MissingKeyError, Policy
from aisa_integrations.chat_body import CHAT_OPTIONS
from aisa_integrations.langchain.options import NOT_FIELDS, OPTION_FIELDS
from aisa_integrations.local import LocalGateway
from aisa_integrations.settings import Timeouts

from .conftest import MODEL, Way

MakeChat = Callable[..., ChatAisa]

OPTIONS: dict[str, Any] = {
    "temperature": 0.5,
    "max_tokens": 20,
    "top_p": 0.9,
    "seed": 7,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
    "reasoning_effort": "low",
    "thinking": {"type": "enabled"},
    "user": "somebody",
}


def test_every_option_of_a_chat_is_a_field() -> None:
    assert {*OPTION_FIELDS} == (CHAT_OPTIONS - NOT_FIELDS) | {"extra_body"}


def test_options_are_sent_as_they_are(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    way.ask(make_chat(**OPTIONS, stop=["never"], extra_body={"top_k": 3}), "Hello")
    (request,) = gateway.requests
    expected = {**OPTIONS, "model": MODEL, "stop": ["never"], "top_k": 3}
    assert {name: request.json[name] for name in expected} == expected


def test_what_is_not_set_is_not_sent(chat: ChatAisa, gateway: LocalGateway) -> None:
    chat.invoke("Hello")
    assert set(gateway.requests[0].json) == {"model", "messages"}


def test_a_call_beats_the_model(make_chat: MakeChat, way: Way, gateway: LocalGateway) -> None:
    chat = make_chat(temperature=0.5, stop=["a"], max_tokens=20, extra_body={"top_k": 3, "min_p": 0})
    way.ask(chat, "Hello", stop=["b"], temperature=0, max_tokens=None, extra_body={"top_k": 4})
    sent = gateway.requests[0].json
    assert (sent["temperature"], sent["stop"], sent["top_k"], sent["min_p"]) == (0, ["b"], 4, 0)
    assert "max_tokens" not in sent


def test_no_stop_at_all_is_sent_for_an_empty_list(make_chat: MakeChat, gateway: LocalGateway) -> None:
    make_chat(stop=[]).invoke("Hello")
    assert "stop" not in gateway.requests[0].json


def test_an_answer_ends_at_a_stop(chat: ChatAisa, way: Way) -> None:
    assert way.ask(chat, "one two three", stop=["two"]).text.endswith("one ")


def test_key_and_origin_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, gateway: LocalGateway) -> None:
    monkeypatch.setenv("AISA_API_KEY", gateway.api_key)
    monkeypatch.setenv("AISA_BASE_URL", f"{gateway.url}/v1")
    chat = ChatAisa(model=MODEL)
    assert chat.base_url == gateway.url
    assert chat.invoke("Hello").text
    chat.close()


def test_a_key_may_be_given_as_a_secret(make_chat: MakeChat, gateway: LocalGateway) -> None:
    assert make_chat(api_key=SecretStr(gateway.api_key)).invoke("Hello").text


def test_without_a_key_it_says_where_to_get_one() -> None:
    with pytest.raises(MissingKeyError, match="AISA_API_KEY"):
        ChatAisa(model=MODEL)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"temprature": 1}, r"temprature=… is no argument of ChatAisa\. Did you mean temperature=…\?"),
        ({"model_name": "gpt-4o"}, r"Did you mean model=…\?"),
        ({"openai_api_key": "k"}, r"Did you mean api_key=…\?"),
        ({"top_k": 3}, r"goes into extra_body=\{'top_k': …\}"),
        ({"budget": 3}, r"budget=… belongs to a policy: policy=Policy\(budget=…\)"),
        ({"tools": []}, "tools=… is no setting of a model: bind it"),
        ({"temperature": "warm"}, "temperature=…: Input should be a valid number"),
        ({"n": 0}, "n=…: Input should be greater than or equal to 1"),
        ({"model": ""}, "model is the id of a model"),
        ({"base_url": "ftp://gateway.example"}, "base_url is an origin"),
        ({"timeout": -1}, "timeout is a number of seconds above 0"),
        ({"max_retries": -1}, "max_retries is a whole number"),
        ({"fallbacks": "gpt-4o"}, "fallbacks is a list of model ids"),
        ({"policy": 3}, "policy is a Policy, not int"),
        ({"network": 3}, "network is a NetworkOptions, not int"),
        ({"extra_body": {"model": "gpt-4o"}}, "extra_body can't hold model"),
    ],
)
def test_an_argument_that_cannot_work_is_refused(make_chat: MakeChat, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make_chat(**given)


def test_a_call_does_not_wait_for_ever_unless_it_is_told_to(make_chat: MakeChat) -> None:
    assert make_chat()._connected().settings.timeouts == Timeouts(connect=10, read=120)
    assert make_chat(timeout=7)._connected().settings.timeouts == Timeouts(connect=7, read=7)
    assert make_chat(timeout=None)._connected().settings.timeouts == Timeouts(connect=None, read=None)


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="model=…: Field required"):
        ChatAisa(api_key="k")  # type: ignore[call-arg]  # a type checker says so too


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temprature": 1}, "Did you mean temperature=…"),
        ({"timeout": 3}, "timeout=… is a setting of the client"),
        ({"extra_body": {"stream": True}}, "extra_body can't hold stream"),
    ],
)
def test_an_option_of_a_call_that_is_not_known_is_refused(
    chat: ChatAisa, way: Way, gateway: LocalGateway, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        way.ask(chat, "Hello", **options)
    assert not gateway.requests


def test_several_answers_come_of_generate_and_cost_once(chat: ChatAisa) -> None:
    from langchain_core.messages import HumanMessage

    (generations,) = chat.generate([[HumanMessage("Hello")]], n=3).generations
    messages: list[Any] = [getattr(generation, "message", None) for generation in generations]
    assert [message.text.count("choice") for message in messages] == [0, 1, 1]
    assert ["cost" in message.response_metadata for message in messages] == [True, False, False]
    assert [message.usage_metadata is None for message in messages] == [False, True, True]


def test_several_answers_are_no_stream(chat: ChatAisa, stream_way: Way) -> None:
    with pytest.raises(ConfigurationError, match="n=2 can't be streamed"):
        stream_way.chunks(chat, "Hello", n=2)


# ---- whose connections ----------------------------------------------------------------------------------------------


def test_copies_share_connections_where_their_settings_are_equal(make_chat: MakeChat) -> None:
    chat = make_chat()
    clients = chat._connected()
    assert chat.fallback_to("gpt-4o")._connected() is clients
    assert chat.model_copy(update={"temperature": 1})._connected() is clients
    dynamic: Any = chat.configurable_fields(temperature=ConfigurableField("warmth"))
    changed, _ = dynamic.prepare({"configurable": {"warmth": 0.1}})
    assert isinstance(changed, ChatAisa)
    assert changed.temperature == 0.1
    assert changed._connected() is clients
    assert make_chat()._connected() is not clients  # a policy of its own, and so a state of its own
    policy = Policy()
    assert make_chat(policy=policy)._connected() is make_chat(policy=policy)._connected()
    assert make_chat(policy=policy, timeout=3)._connected() is not make_chat(policy=policy)._connected()


def test_a_setting_that_is_changed_later_holds(chat: ChatAisa, gateway: LocalGateway) -> None:
    with LocalGateway() as other:
        chat.base_url = other.url
        assert chat.invoke("Hello").text
        assert len(other.requests) == 1
        chat.close()
    assert not gateway.requests


def test_configurable_fields_stream(chat: ChatAisa) -> None:
    runnable = chat.configurable_fields(temperature=ConfigurableField("warmth"))
    assert len(list(runnable.stream("Hello there", config={"configurable": {"warmth": 0.1}}))) > 2
