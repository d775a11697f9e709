"""Every fault of the registry, played over a socket, on every kind of request that it is made for."""

import json
import time
from typing import Any

import httpx2
import pytest

from aisa_integrations.local import FAULTS, Fault, LocalGateway
from aisa_integrations.local.fault import Answer, Break
from tests.local.conftest import Ask, chat_body, gemini_body, gemini_path
from tests.local.events import events

FAST: dict[str, Any] = {"seconds": 0.02, "every": 0.005}
ENDLESS = {"comment_trickle_before_content", "comment_trickle_after_content"}
CASES = [
    pytest.param(fault, surface, mode, id=f"{fault.name}-{surface}-{mode}")
    for fault in FAULTS.values()
    for surface in ("chat", "gemini")
    for mode in ("plain", "stream")
    if {surface, mode} <= fault.tags
]


def ask(http: httpx2.Client, surface: str, mode: str, **headers: str) -> httpx2.Response:
    stream = mode == "stream"
    if surface == "gemini":
        return http.post(gemini_path("m", stream=stream), json=gemini_body(), headers=headers)
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    # One fault is about this field, in plain requests too.
    options.setdefault("stream_options", {})
    return http.post("/v1/chat/completions", json=chat_body("m", **options), headers=headers)


def has_content(text: str) -> bool:
    return any(
        part.get("delta", part.get("content", {})).get("content")
        or part.get("content", {}).get("parts", [{}])[0].get("text")
        for event in events(text)
        if isinstance(event, dict)
        for part in event.get("choices") or event.get("candidates") or ()
    )


@pytest.mark.parametrize(("fault", "surface", "mode"), CASES)
def test_every_fault_is_what_it_says(
    gateway: LocalGateway, http: httpx2.Client, fault: Fault, surface: str, mode: str
) -> None:
    when: dict[str, Any] = {"when": "contents"} if surface == "gemini" and fault.when else {}
    gateway.script.fail("m", fault.name, **FAST, **when)
    http.timeout = httpx2.Timeout(0.1 if fault.name in ENDLESS else 5)
    if fault.name in ENDLESS:
        # Comments keep a read timeout from ever running out, so this one needs a clock.
        _assert_trickles(http, surface)
        return
    try:
        reply = ask(http, surface, mode)
    except httpx2.TransportError as error:
        if fault.kind == "connection" or (isinstance(fault.play, Break) and fault.play.ending in ("cut", "hang")):
            return
        pytest.fail(f"{fault.name} broke the connection: {error!r}")
    assert reply.status_code == fault.status
    _assert_as_described(reply, fault, surface, mode)


def _assert_as_described(reply: httpx2.Response, fault: Fault, surface: str, mode: str) -> None:
    if isinstance(fault.play, Answer):
        assert reply.headers["content-type"] == fault.play.content_type
        if isinstance(fault.play.body, dict) and "error" in fault.play.body:
            assert reply.json()["error"]
            assert "{model}" not in reply.text
    elif isinstance(fault.play, Break):
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert has_content(reply.text) == (fault.play.at == "after")
        assert "[DONE]" not in reply.text
        assert "STOP" not in reply.text
        assert ("error" in reply.text) == (fault.play.event is not None)
    elif fault.name.startswith("finish_error"):
        assert '"finish_reason":"error"' in reply.text
    elif fault.name == "json_to_stream":
        assert reply.headers["content-type"] == "application/json"
        assert reply.json()
    elif fault.name.startswith("slow"):
        assert "STOP" in reply.text or "stop" in reply.text


def _assert_trickles(http: httpx2.Client, surface: str) -> None:
    path = gemini_path("m", stream=True) if surface == "gemini" else "/v1/chat/completions"
    body = gemini_body() if surface == "gemini" else chat_body("m", stream=True)
    begun, comments = time.monotonic(), 0
    with http.stream("POST", path, json=body) as reply:
        for line in reply.iter_lines():
            comments += line.startswith(":")
            if time.monotonic() - begun > 0.15:
                break
    assert comments > 5


def test_the_registry_describes_itself() -> None:
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert fault.description
        assert fault.source
        assert fault.tags & {"plain", "stream"}
        assert fault.tags & {"chat", "gemini"}
        assert fault.tags <= {"plain", "stream", "chat", "gemini"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_request", 400),
        ("missing_parameter", 400),
        ("json_parse_error", 400),
        ("invalid_api_key", 401),
        ("revoked_api_key", 401),
        ("model_not_allowed", 403),
        ("region_blocked", 403),
        ("unknown_model", 404),
        ("unknown_endpoint", 404),
        ("max_tokens_exceeded", 422),
        ("unsupported_parameter", 422),
        ("content_policy_violation", 422),
        ("rate_limit_exceeded", 429),
        ("upstream_rate_limit", 429),
        ("quota_exceeded", 429),
        ("upstream_unavailable", 503),
        ("upstream_timeout", 504),
        ("gateway_error", 502),
    ],
)
def test_the_codes_of_the_docs(gateway: LocalGateway, chat: Ask, code: str, status: int) -> None:
    gateway.script.fail("*", code)
    reply = chat()
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"type", "code", "message", "request_id"}
    assert reply.json()["error"]["code"] == code


def test_error_events_come_in_three_forms(gateway: LocalGateway, chat: Ask) -> None:
    found = []
    for name in ("error_event", "error_string_event", "error_int_event"):
        gateway.script.fail("*", f"{name}_after_content")
        found.append(events(chat(stream=True).text)[-1]["error"])
    assert [type(error) for error in found] == [dict, str, dict]
    assert isinstance(found[0]["code"], str)
    assert isinstance(found[2]["code"], int)


def test_options_change_a_fault(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail(
        "*", "server_error", status=503, code="busy", message="so busy", retry_after=7, headers={"x-extra": "1"}
    )
    reply = chat()
    assert reply.status_code == 503
    assert reply.json()["error"] == {"code": "busy", "message": "so busy"}
    assert (reply.headers["retry-after"], reply.headers["x-extra"]) == ("7", "1")
    gateway.script.fail("*", "error_event_after_content", chunks=4, code="c")
    got = events(chat(stream=True).text)
    assert len(got) == 1 + 4 + 1
    assert got[-1]["error"]["code"] == "c"


def test_limits_say_when_to_come_back(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail("*", "retry_after", retry_after=3)
    assert chat().headers["retry-after"] == "3"
    gateway.script.fail("*", "key_spent", reset_in=30)
    headers = chat().headers
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 28 <= int(headers["x-ratelimit-reset-requests"]) - time.time() <= 32


def test_a_redirect_points_elsewhere(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail("*", "redirect_307", location="http://127.0.0.1:1/stolen")
    reply = chat()
    assert (reply.status_code, reply.headers["location"]) == (307, "http://127.0.0.1:1/stolen")


def test_connections_break_in_their_own_ways(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail("*", "connection_reset", times=1)
    with pytest.raises(httpx2.ReadError):
        chat()
    gateway.script.fail("*", "connection_closed", times=1)
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        chat()
    gateway.script.fail("*", "body_cut", times=1)
    with pytest.raises(httpx2.RemoteProtocolError, match="complete message body"):
        chat()
    gateway.script.fail("*", "cut_after_content", times=1, reset=True)
    with pytest.raises(httpx2.ReadError):
        chat(stream=True)
    assert [call.status for call in gateway.account.calls] == [0, 0, 200, 200]
    assert gateway.disconnects == 0


def test_a_hang_lasts_until_the_client_leaves(gateway: LocalGateway, http: httpx2.Client) -> None:
    for name, stream in (("hang", False), ("hang_before_content", True), ("hang_after_content", True)):
        gateway.clear()
        gateway.script.fail("*", name)
        with pytest.raises(httpx2.ReadTimeout):
            http.post("/v1/chat/completions", json=chat_body(stream=stream), timeout=0.05)
        assert gateway.wait(disconnects=1)


def test_one_of_several_choices_never_finishes(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail("*", "choice_unfinished")
    chunks = events(chat(stream=True, n=3).text)
    finished = [c["choices"][0]["index"] for c in chunks if c["choices"][0]["finish_reason"]]
    assert finished == [0, 1]


def test_usage_is_only_rejected_where_it_was_asked_for(gateway: LocalGateway, chat: Ask) -> None:
    gateway.script.fail("*", "usage_rejected", times=1)
    assert chat(stream=True).status_code == 200
    assert chat(stream=True, stream_options={"include_usage": True}).status_code == 400
    assert chat(stream=True, stream_options={"include_usage": True}).status_code == 200
    gateway.script.fail("*", "invalid_temperature", when="temperature")
    assert [chat(**o).status_code for o in ({}, {"temperature": 0})] == [200, 400]


def test_after_content_means_after_content_in_gemini_calls_too(gateway: LocalGateway, http: httpx2.Client) -> None:
    gateway.script.fail("*", "error_int_event_after_content")
    tools = [{"functionDeclarations": [{"name": "find"}]}]
    got = events(http.post(gemini_path(stream=True), json=gemini_body(tools=tools)).text)
    assert "functionCall" in json.dumps(got[0])
    assert "error" in got[1]
    assert len(got) == 2
