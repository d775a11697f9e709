"""The callers' side: one call on any face, plain or streamed, and what its caller saw of it."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import openai
from google.genai import errors as genai_errors

from aisa_integrations import (
    AisaError,
    AsyncGatewayClient,
    GatewayClient,
    Policy,
    Spend,
    async_openai_client,
    genai_client,
    openai_client,
    track,
)
from aisa_integrations.local import LocalGateway
from aisa_integrations.transport.network import NetworkOptions

from .mayhem import prompt

SYNC_FACES: Final = ("openai", "genai", "gateway")
ASYNC_FACES: Final = ("async openai", "genai aio", "async gateway")
FACES: Final = (*SYNC_FACES, *ASYNC_FACES)
# What users catch: the SDKs' own errors, those of the network where they are the whole story, and our tree.
EXPECTED: Final = (openai.OpenAIError, genai_errors.APIError, httpx2.TransportError, AisaError)
_TLS: Final = ssl.create_default_context()  # never used on loopback; each client would take 20 ms to build its own


@dataclass(frozen=True, slots=True)
class Job:
    """One call to make.

    Args:
        number: which.
        face: who makes it.
        stream: whether the answer is streamed.
        leaves: whether its caller leaves the stream after the first text.
        alone: whether it has no fallback that never fails.
    """

    number: int
    face: str
    stream: bool
    leaves: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a caller saw.

    Args:
        job: the call.
        text: what came.
        error: what was raised, or None.
        spend: what listened to it. A stream that was left may be recorded later: google-genai's own generators are
            closed by the event loop, in its own time.
    """

    job: Job
    text: str
    error: BaseException | None
    spend: Spend


class Client:
    """A client of one face, asked by number.

    Args:
        face: one of `FACES`.
        gateway: whom it asks.
        model: the model that is named in its calls.
        policy: fallbacks and the rest.
        timeout: seconds of an attempt.
    """

    def __init__(self, face: str, gateway: LocalGateway, model: str, policy: Policy, timeout: float) -> None:
        settings: dict[str, Any] = {"base_url": gateway.url, "policy": policy, "timeout": timeout}
        kind: Any = {"openai": openai_client, "async openai": async_openai_client}.get(face)
        self._model = model
        self._make: Callable[[str, bool], Any]
        self._text: Callable[[Any], str]
        if kind is not None:
            client = kind(gateway.api_key, verify=_TLS, **settings)
            self._make, self._text, self._close = self._openai(client), _chat_text, client.close
        elif "genai" in face:
            google = genai_client(gateway.api_key, verify=_TLS, **settings)
            self._make, self._text = self._genai(google.aio if "aio" in face else google), _gemini_text
            self._close = google.aio.aclose if "aio" in face else google.close
        else:
            kind = AsyncGatewayClient if "async" in face else GatewayClient
            client = kind(gateway.api_key, network=NetworkOptions(verify=_TLS), **settings)
            self._make, self._text, self._close = self._gateway(client), _dict_text, client.close

    def _openai(self, client: Any) -> Callable[[str, bool], Any]:
        return lambda text, stream: client.chat.completions.create(
            model=self._model, messages=[{"role": "user", "content": text}], stream=stream
        )

    def _genai(self, client: Any) -> Callable[[str, bool], Any]:
        models = client.models
        return lambda text, stream: (models.generate_content_stream if stream else models.generate_content)(
            model=self._model, contents=text
        )

    def _gateway(self, client: Any) -> Callable[[str, bool], Any]:
        return lambda text, stream: (client.stream if stream else client.chat)(
            {"model": self._model, "messages": [{"role": "user", "content": text}]}
        )

    def run(self, job: Job) -> Outcome:
        """Make a call in this thread."""
        text, error = "", None
        with track() as spend:
            try:
                reply = self._make(prompt(job.number), job.stream)
                for item in reply if job.stream else (reply,):
                    text += self._text(item)
                    if job.leaves and text:
                        reply.close()
                        break
            except Exception as raised:
                error = raised
        return Outcome(job, text, error, spend)

    async def arun(self, job: Job) -> Outcome:
        """Make a call in this task."""
        text, error = "", None
        with track() as spend:
            try:
                reply = self._make(prompt(job.number), job.stream)
                reply = await reply if inspect.isawaitable(reply) else reply
                if not job.stream:
                    text = self._text(reply)
                else:
                    async for item in reply:
                        text += self._text(item)
                        if job.leaves and text:
                            await (reply.aclose() if hasattr(reply, "aclose") else reply.close())
                            break
            except Exception as raised:
                error = raised
        return Outcome(job, text, error, spend)

    def close(self) -> Any:
        """Close it; to be awaited where the face is async."""
        return self._close()


def _chat_text(item: Any) -> str:
    return "".join((getattr(choice, "delta", None) or choice.message).content or "" for choice in _given(item.choices))


def _dict_text(item: dict[str, Any]) -> str:
    return "".join(
        (choice.get("delta", choice.get("message")) or {}).get("content") or "" for choice in item["choices"]
    )


def _gemini_text(item: Any) -> str:
    return "".join(
        part.text or ""
        for candidate in _given(item.candidates)
        if candidate.content is not None
        for part in _given(candidate.content.parts)
    )


def _given(items: Iterable[Any] | None) -> Iterable[Any]:
    return items or ()
