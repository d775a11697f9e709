"""The script: which rule is played for which request, and how often."""

import httpx2
import pytest

from aisa_integrations.local import FAULTS, LocalGateway, Script
from tests.local.conftest import Ask, chat_body


def taken(script: Script, model: str, *, stream: bool = False) -> str | None:
    played = script.take_fault(model, surface="chat", stream=stream)
    return played.fault.name if played else None


def test_rules_are_used_up_in_order() -> None:
    script = Script()
    script.fail("m", "rate_limited", times=1)
    script.fail("m", "server_error", times=2)
    assert [taken(script, "m") for _ in range(4)] == ["rate_limited", "server_error", "server_error", None]


def test_a_rule_can_let_requests_through_first() -> None:
    script = Script()
    script.fail("m", "rate_limited", times=1, after=2)
    assert [taken(script, "m") for _ in range(4)] == [None, None, "rate_limited", None]


def test_the_model_comes_before_the_star_and_the_last_endless_rule_holds() -> None:
    script = Script()
    script.fail("*", "server_error")
    script.fail("m", "rate_limited")
    script.fail("m", "model_not_found")
    assert taken(script, "m") == "model_not_found"
    assert taken(script, "other") == "server_error"
    script.clear()
    assert taken(script, "m") is None


def test_requests_that_a_fault_is_not_for_do_not_use_it_up() -> None:
    script = Script()
    script.fail("m", "cut_after_content", times=1)
    assert [taken(script, "m"), taken(script, "m", stream=True), taken(script, "m", stream=True)] == [
        None,
        "cut_after_content",
        None,
    ]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"no fault named 'tea'; there are: .*server_error"):
        Script().fail("m", "tea")
    with pytest.raises(TypeError, match=r"unknown style colour; there are: .*null_first"):
        Script().set_style("m", colour="red")


def test_styles_of_a_model_build_on_those_for_all() -> None:
    script = Script()
    script.set_style("*", crlf=True)
    script.set_style("m", index=False)
    script.set_style("m", done=False)
    assert (script.style("m").crlf, script.style("m").index, script.style("m").done) == (True, False, False)
    assert script.style("n").crlf
    assert script.style("n").index


def test_a_request_can_name_its_own_fault(chat: Ask) -> None:
    assert chat(headers={"X-Local-Fault": "rate_limited; retry_after=2"}).headers["retry-after"] == "2"
    assert chat().status_code == 200
    unknown = chat(headers={"X-Local-Fault": "tea"}).json()["error"]
    assert unknown["code"] == "unknown_local_fault"
    wrong = chat(headers={"X-Local-Fault": "cut_after_content"}).json()["error"]
    assert wrong["code"] == "local_fault_does_not_fit"


@pytest.mark.parametrize("path", ["/v1/credits/balance", "/v1/models", "/v1/models/gpt-4o"])
def test_requests_without_a_model_are_named_by_their_path(
    gateway: LocalGateway, http: httpx2.Client, path: str
) -> None:
    gateway.script.fail(path, "upstream_unavailable", times=1)
    gateway.script.fail(path, "connection_closed", times=1)
    gateway.script.fail(path, "slow_first_byte", times=1, seconds=0.01)
    assert http.get(path).status_code == 503
    with pytest.raises(httpx2.RemoteProtocolError):
        http.get(path)
    assert http.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/rerank"])
def test_faults_hold_for_the_other_surfaces(gateway: LocalGateway, http: httpx2.Client, path: str) -> None:
    for name, fault in FAULTS.items():
        if fault.kind == "reply" and {"plain", "chat"} <= fault.tags and fault.when is None:
            gateway.script.fail("*", name)
            assert http.post(path, json=chat_body(input="x", query="x", documents=["x"])).status_code == fault.status
