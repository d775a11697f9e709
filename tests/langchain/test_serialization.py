"""A chat model written down: langchain's form, pickles, what identifies it to tracing; the key in none of them."""

import copy
import pickle
import pprint
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps, load

from aisa_integrations import ChatAisa, Fallback, MissingKeyError, Policy
from aisa_integrations.local import LocalGateway
from aisa_integrations.settings import _keys_by_token, _tokens_by_key

MakeChat = Callable[..., ChatAisa]


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_what_is_dumped_can_be_loaded(make_chat: MakeChat, gateway: LocalGateway) -> None:
    capped = Fallback("gpt-4.1", max_cost_usd="0.5")
    chat = make_chat(temperature=0.5, fallbacks=["gpt-4o", capped], timeout=7)
    written = dumpd(chat)
    assert written["kwargs"]["api_key"] == {"lc": 1, "type": "secret", "id": ["AISA_API_KEY"]}
    back = load(
        written,
        allowed_objects=[ChatAisa],
        valid_namespaces=["aisa_integrations"],
        secrets_map={"AISA_API_KEY": gateway.api_key},
    )
    assert isinstance(back, ChatAisa)
    assert (back.temperature, back.fallbacks, back.timeout) == (0.5, chat.fallbacks, 7)
    assert back.invoke("Hello").text
    back.close()


FORMS: dict[str, Callable[[ChatAisa], str]] = {
    "dumps": dumps,
    "repr": repr,
    "str": str,
    "model_dump": lambda chat: repr(chat.model_dump()),
    "model_dump_json": lambda chat: chat.model_dump_json(exclude={"timeout", "callbacks"}),
    "asdict": lambda chat: repr(chat.asdict()),
    "vars": lambda chat: pprint.pformat([vars(chat), chat.__pydantic_private__]),
    "key": lambda chat: f"{chat.api_key!r} {chat.api_key}",
    "tracing": lambda chat: repr([chat._identifying_params, chat._get_ls_params(), chat._get_llm_string()]),
    "pickle": lambda chat: repr(pickle.dumps(chat)),
    "bound": lambda chat: repr([chat.bind(stop=["x"]), dumps(chat.bind(stop=["x"])), pickle.dumps(chat.bind())]),
    "structured": lambda chat: repr(chat.with_structured_output(method="json_mode")),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_holds_the_key(make_chat: MakeChat, canary_key: str, form: str) -> None:
    with LocalGateway(api_key=canary_key) as gateway:
        chat = make_chat(api_key=canary_key, base_url=gateway.url)
        chat.invoke("Hello")
        assert chat.api_key.get_secret_value() == canary_key  # type: ignore[union-attr]  # asked for, it is given
        assert canary_key not in FORMS[form](chat)
        chat.close()


def test_a_pickle_takes_the_key_of_its_new_process(
    make_chat: MakeChat, canary_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalGateway(api_key=canary_key) as gateway:
        data = pickle.dumps(make_chat(api_key=canary_key, base_url=gateway.url))
        # As in another process, which was never told the key.
        monkeypatch.delitem(_keys_by_token, _tokens_by_key[canary_key])
        monkeypatch.delitem(_tokens_by_key, canary_key)
        with pytest.raises(MissingKeyError, match="AISA_API_KEY"):
            pickle.loads(data)
        monkeypatch.setenv("AISA_API_KEY", canary_key)
        back = pickle.loads(data)
        assert back.invoke("Hello").text
        back.close()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda chat: pickle.loads(pickle.dumps(chat))])
def test_a_copy_answers_as_the_first_does(make_chat: MakeChat, gateway: LocalGateway, again: Any) -> None:
    gateway.script.fail("gpt-4o", "server_error")
    chat = make_chat(model="gpt-4o", policy=Policy(fallbacks=["gpt-4.1"]), max_retries=0, temperature=0.5)
    chat.invoke("Hello")
    back = again(chat)
    assert back.invoke("Hello").response_metadata["served_by"] == "gpt-4.1"
    assert gateway.requests[-1].json["temperature"] == 0.5
    back.close()


def test_what_identifies_it(make_chat: MakeChat, gateway: LocalGateway) -> None:
    chat = make_chat(temperature=0.5, stop=["x"], fallbacks=["gpt-4o"])
    about = chat._identifying_params
    assert about == {
        "model": chat.model, "base_url": gateway.url, "temperature": 0.5, "stop": ["x"], "fallbacks": ["gpt-4o"],
    }  # fmt: skip
    told = chat._get_ls_params(model="gpt-4.1", max_tokens=5)
    assert (told["ls_provider"], told["ls_model_name"], told["ls_stop"]) == ("aisa", "gpt-4.1", ["x"])
    assert (told["ls_temperature"], told["ls_max_tokens"]) == (0.5, 5)
    assert chat._llm_type == "aisa-chat"
    assert chat.model_name == chat.model
