"""What the cassettes show: one small conversation with the gateway each, held through the library itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import openai

from aisa_integrations import (
    AsyncGatewayClient,
    GatewayClient,
    async_openai_client,
    genai_client,
    openai_client,
)
from aisa_integrations.local import LocalGateway

CHAT: Final = "gpt-4.1-mini"
GEMINI: Final = "gemini-2.5-flash"
# No gateway serves it, so the way it fails is the gateway's own.
NOBODY: Final = "aisa-no-such-model"
QUESTION: Final = "Name the capital of Switzerland. Answer with its name alone."
MESSAGES: Final[list[Any]] = [{"role": "user", "content": QUESTION}]
BODY: Final[dict[str, Any]] = {"model": CHAT, "messages": MESSAGES, "max_tokens": 40, "temperature": 0}


@dataclass(frozen=True, slots=True)
class Site:
    """Where the gateway is, and the key to it."""

    base_url: str
    api_key: str

    @property
    def arguments(self) -> dict[str, Any]:
        """What every face takes. A second round, for the scene that needs one."""
        return {"api_key": self.api_key, "base_url": self.base_url, "max_retries": 1}


@dataclass(frozen=True, slots=True)
class Scene:
    """One cassette: its name, what is said, and what must go wrong for it, which only the local gateway can do."""

    name: str
    play: Callable[[Site], str]
    script: Callable[[LocalGateway], None] | None = None


def openai_plain(site: Site) -> str:
    with openai_client(**site.arguments) as client:
        return client.chat.completions.create(**BODY).choices[0].message.content or ""


def openai_stream(site: Site) -> str:
    with openai_client(**site.arguments) as client:
        chunks = client.chat.completions.create(**BODY, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


async def openai_async_plain(site: Site) -> str:
    async with async_openai_client(**site.arguments) as client:
        return (await client.chat.completions.create(**BODY)).choices[0].message.content or ""


async def openai_async_stream(site: Site) -> str:
    async with async_openai_client(**site.arguments) as client:
        chunks = await client.chat.completions.create(**BODY, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])


def genai_plain(site: Site) -> str:
    with genai_client(**site.arguments) as client:
        return client.models.generate_content(model=GEMINI, contents=QUESTION).text or ""


def genai_stream(site: Site) -> str:
    with genai_client(**site.arguments) as client:
        chunks = client.models.generate_content_stream(model=GEMINI, contents=QUESTION)
        return "".join(chunk.text or "" for chunk in chunks)


async def genai_async_plain(site: Site) -> str:
    async with genai_client(**site.arguments).aio as client:
        return (await client.models.generate_content(model=GEMINI, contents=QUESTION)).text or ""


async def genai_async_stream(site: Site) -> str:
    async with genai_client(**site.arguments).aio as client:
        chunks = await client.models.generate_content_stream(model=GEMINI, contents=QUESTION)
        return "".join([chunk.text or "" async for chunk in chunks])


def gateway_plain(site: Site) -> str:
    with GatewayClient(**site.arguments) as client:
        return str(client.chat(BODY)["choices"][0]["message"]["content"])


def gateway_stream(site: Site) -> str:
    with GatewayClient(**site.arguments) as client, client.stream(BODY) as events:
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events)


async def gateway_async_plain(site: Site) -> str:
    async with AsyncGatewayClient(**site.arguments) as client:
        return str((await client.chat(BODY))["choices"][0]["message"]["content"])


async def gateway_async_stream(site: Site) -> str:
    async with AsyncGatewayClient(**site.arguments) as client, client.stream(BODY) as events:
        return "".join([event["choices"][0]["delta"].get("content") or "" async for event in events])


def failover(site: Site) -> str:
    with openai_client(**site.arguments, fallbacks=[CHAT]) as client:
        return client.chat.completions.create(**{**BODY, "model": NOBODY}).choices[0].message.content or ""


def not_found(site: Site) -> str:
    with openai_client(**site.arguments) as client:
        try:
            client.chat.completions.create(**{**BODY, "model": NOBODY})
        except openai.NotFoundError as error:
            return error.message
    raise AssertionError(f"{NOBODY} has answered")


def _fail_once(gateway: LocalGateway) -> None:
    gateway.script.fail(CHAT, "upstream_unavailable", times=1, retry_after=0)


def _run(play: Callable[[Site], Any]) -> Callable[[Site], str]:
    return lambda site: str(asyncio.run(play(site)))


SCENES: Final = {
    scene.name: scene
    for scene in (
        Scene("openai-plain", openai_plain),
        Scene("openai-stream", openai_stream),
        Scene("openai-async-plain", _run(openai_async_plain)),
        Scene("openai-async-stream", _run(openai_async_stream)),
        Scene("genai-plain", genai_plain),
        Scene("genai-stream", genai_stream),
        Scene("genai-async-plain", _run(genai_async_plain)),
        Scene("genai-async-stream", _run(genai_async_stream)),
        Scene("gateway-plain", gateway_plain),
        Scene("gateway-stream", gateway_stream),
        Scene("gateway-async-plain", _run(gateway_async_plain)),
        Scene("gateway-async-stream", _run(gateway_async_stream)),
        Scene("retry-503-then-200", openai_plain, script=_fail_once),
        Scene("failover", failover),
        Scene("not-found", not_found),
    )
}
