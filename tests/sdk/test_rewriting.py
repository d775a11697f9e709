"""What is asked of another model is what was asked of the first, but for its id."""

import json
from typing import Any

import pytest

from aisa_integrations import genai_client, openai_client
from aisa_integrations.local import LocalGateway

AWKWARD: dict[str, Any] = {
    "seed": 12345678901234567890,
    "temperature": 0.1,
    "top_p": 1e-07,
    "user": 'quoted "ü" \\ \u2028 \x00 你好 🇨🇭',
    "stop": None,
    "logit_bias": {"1": -100},
    "extra": {"nested": [1.0, True, [], {}], "": ""},
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_body_is_kept(gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail("gpt-4o", "upstream_unavailable")
    messages: list[Any] = [{"role": "user", "content": AWKWARD["user"]}]
    with openai_client(gateway.api_key, base_url=gateway.url, fallbacks=["gpt-4.1-mini"]) as client:
        reply = client.chat.completions.create(model="gpt-4o", messages=messages, extra_body=AWKWARD, stream=stream)
        list(reply)
    first, second = gateway.requests
    assert (first.model, second.model) == ("gpt-4o", "gpt-4.1-mini")
    assert {**second.json, "model": "gpt-4o"} == first.json
    assert {name: second.json[name] for name in AWKWARD} == AWKWARD
    # The same to the letter: 1.0 stays 1.0, and numbers keep their digits.
    assert json.dumps(second.json["extra"]) == json.dumps(AWKWARD["extra"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_gemini_body_is_kept_to_the_byte(gateway: LocalGateway, stream: bool) -> None:
    gateway.script.fail("gemini-2.5-pro", "gemini_unavailable")
    with genai_client(gateway.api_key, base_url=gateway.url, fallbacks=["gemini-2.5-flash"]) as client:
        ask: Any = client.models.generate_content_stream if stream else client.models.generate_content
        list(ask(model="gemini-2.5-pro", contents=AWKWARD["user"]))
    first, second = gateway.requests
    assert first.body == second.body
    assert first.path.replace("gemini-2.5-pro", "gemini-2.5-flash") == second.path
    assert first.query == second.query
