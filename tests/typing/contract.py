"""What type checkers are told of the public faces: never run, only checked by `make types`.

`assert_type` fails the check where a face says less, or something else, than is written here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal
from typing import Any, assert_type

import openai
from google import genai
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from pandas import DataFrame
from pydantic import BaseModel

from aisa_integrations import (
    ABSummary,
    AisaError,
    AsyncGatewayClient,
    Budget,
    Cache,
    ChatAisa,
    Comparison,
    Exchange,
    Fallback,
    GatewayClient,
    LLMRouterClient,
    Policy,
    Reply,
    Result,
    RouteDecision,
    Spend,
    acompare,
    async_openai_client,
    compare,
    explain,
    genai_client,
    openai_client,
    track,
)
from aisa_integrations.ab_testing import Arm, Row
from aisa_integrations.langchain.ab_test import RunnableABTest
from aisa_integrations.langchain.binding import BoundChatAisa
from aisa_integrations.langchain.comparison import ModelResult, RunnableComparison
from aisa_integrations.langchain.escalation import RunnableEscalation
from aisa_integrations.local import LocalGateway

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


class Person(BaseModel):
    """A schema."""

    name: str


def the_sdk_faces() -> None:
    client: openai.OpenAI = openai_client("sk-…", base_url="https://api.aisa.one", timeout=30, max_retries=1)
    another: openai.AsyncOpenAI = async_openai_client(
        fallbacks=["gpt-4.1", Fallback("o3", max_cost_usd=Decimal("0.1"))]
    )
    gemini: genai.Client = genai_client(policy=Policy(budget=Budget(5), cache=Cache()))
    assert_type(client.with_options(timeout=3).api_key, str)
    print(another, gemini)


def the_gateway_clients(client: GatewayClient, policy: Policy) -> None:
    with GatewayClient(policy=policy) as own:
        assert_type(own, GatewayClient)
    reply = client.chat({"model": "gpt-4o", "messages": HELLO})
    assert_type(reply, Reply)
    assert_type(reply.exchange, Exchange)
    assert_type(reply.exchange.usage.cost, Decimal | None)
    for event in client.stream({"model": "gpt-4o", "messages": HELLO}):
        assert_type(event, dict[str, Any])


async def the_gateway_clients_from_a_loop(client: AsyncGatewayClient) -> None:
    assert_type(await client.chat({"model": "gpt-4o", "messages": HELLO}), Reply)
    async for event in client.stream({"model": "gpt-4o", "messages": HELLO}):
        assert_type(event, dict[str, Any])


def counting() -> None:
    with track() as spend:
        assert_type(spend, Spend)
    assert_type((spend.cost, spend.billed, spend.unknown), tuple[Decimal, Decimal, int])
    assert_type(spend.by_model, dict[str, Spend])


def comparing(client: GatewayClient) -> None:
    found = compare(["gpt-4o", "gpt-4.1"], "Hello", client=client, temperature=0)
    assert_type(found, Comparison)
    assert_type(found["gpt-4o"], Result)
    assert_type(found["gpt-4o"].error, AisaError | None)
    assert_type(found.to_dict(), dict[str, dict[str, Any]])
    assert_type(found.to_dicts(), list[dict[str, Any]])
    assert_type(found.spend, Spend)


async def comparing_from_a_loop(client: AsyncGatewayClient) -> None:
    assert_type(await acompare(["gpt-4o", "gpt-4.1"], HELLO, client=client), Comparison)


def the_skills_client(router: LLMRouterClient) -> None:
    reply: Mapping[str, Any] = router.chat(model="gpt-4o", messages=HELLO)
    words: Iterator[str] = iter(router.chat_stream(model="gpt-4o", messages=HELLO))
    print(reply, words)


def the_chat_model() -> None:
    chat = ChatAisa(model="gpt-4o", api_key="sk-…", temperature=0, timeout=30, fallbacks=["gpt-4.1"])
    assert_type(chat.invoke("Hello"), AIMessage)
    assert_type(chat.fallback_to("o3", Fallback("gpt-4.1")), ChatAisa)
    bound = chat.bind_tools([Person], tool_choice="any")
    assert_type(bound, BoundChatAisa)
    assert_type(bound.fallback_to("o3"), BoundChatAisa)
    assert_type(chat.explain("Hello"), RouteDecision)
    chain = ChatPromptTemplate.from_messages([("user", "{text}")]) | chat
    assert_type(chain.invoke({"text": "Hello"}), AIMessage)


def several_models(chat: ChatAisa) -> None:
    several = chat.compare_with("gpt-4.1", "o3", stream=True)
    assert_type(several, RunnableComparison)
    assert_type(several.invoke("Hello"), Comparison)
    for result in several.stream("Hello"):
        assert_type(result, ModelResult)
    assert_type(chat.bind_tools([Person]).compare_with("o3"), RunnableComparison)
    assert_type(chat.with_structured_output(Person).compare_with("o3"), RunnableComparison)
    assert_type(several.with_structured_output(Person), RunnableComparison)


async def several_models_from_a_loop(chat: ChatAisa) -> None:
    assert_type(await chat.compare_with("o3").ainvoke("Hello"), Comparison)
    results: AsyncIterator[ModelResult] = chat.compare_with("o3").astream("Hello")
    print(results)


def escalating(chat: ChatAisa) -> None:
    climbing = chat.escalate_to("gpt-4.1").escalate_to(
        "o3", when=["refusal", Person, lambda message: len(message.text) < 9]
    )
    assert_type(climbing, RunnableEscalation)
    assert_type(chat.escalate_to(ChatAisa(model="o3"), when="empty"), RunnableEscalation)
    assert_type(climbing.bind_tools([Person]), RunnableEscalation)


def splitting(chat: ChatAisa) -> None:
    test = chat.ab_test("o3", weights={"gpt-4o": 0.9, "o3": 0.1}, seed=7, log="trial.jsonl")
    assert_type(test, RunnableABTest)
    assert_type(test.rows(), list[Row])
    summary = test.summary(confidence=0.9)
    assert_type(summary, ABSummary)
    assert_type(summary["o3"], Arm)
    assert_type(ABSummary.read("trial.jsonl"), ABSummary)
    rate = summary["o3"].figures["error_rate"]
    assert rate is not None
    assert_type(rate.low, float | None)
    table: DataFrame = summary.to_pandas()
    print(table)


def routes() -> None:
    decision = explain({"model": "aisa/auto", "messages": HELLO})
    assert_type(decision, RouteDecision)


def locally() -> None:
    with LocalGateway() as gateway:
        assert_type(gateway.url, str)
        assert_type(gateway.api_key, str)


def what_a_checker_refuses(chat: ChatAisa) -> None:
    """Each of these must be an error: an `ignore` that nothing needs is one too."""
    ChatAisa(model=3)  # type: ignore[arg-type]
    chat.compare_with(3)  # type: ignore[arg-type]
    chat.escalate_to("o3", when=3)  # type: ignore[arg-type]
    chat.ab_test("o3", weights="much")  # type: ignore[arg-type]
    Policy(max_retries="2")  # type: ignore[arg-type]
    compare(["gpt-4o"], 3)  # type: ignore[arg-type]
