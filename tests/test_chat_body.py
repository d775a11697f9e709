"""The fields of a chat call that have a name here, against those of the client that most programs come from."""

from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from aisa_integrations.chat_body import CHAT_OPTIONS, chat_messages, chat_options

# They have arguments of their own.
OWN = {"model", "messages"}


def test_every_field_of_openais_client_is_an_option() -> None:
    assert set(CompletionCreateParamsBase.__annotations__) - OWN - CHAT_OPTIONS == set()


def test_what_the_caller_gave_is_left_as_it_is() -> None:
    given = [{"role": "user", "content": "Hello"}]
    made = chat_messages(given, "Be brief.")
    made[1]["content"] = "changed"
    assert given == [{"role": "user", "content": "Hello"}]
    extra = {"top_k": 3, "seed": None}
    options = chat_options({"temperature": 0, "seed": None, "extra_body": extra})
    assert options == {"temperature": 0, "top_k": 3, "seed": None}
    assert extra == {"top_k": 3, "seed": None}
