"""Answers from any OpenAI-compatible server; the local gateway adds ids, prices and faults."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx2

from ...settings import is_loopback
from ...transport.live import AsyncRefusal, LiveRequestRefused, guard
from . import BackendError, Json

_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)


class UpstreamBackend:
    """Asks the server at `url` (with or without `/v1`), as `model` where one is given, else as the asked model."""

    def __init__(self, url: str, api_key: str | None = None, model: str | None = None) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._client: httpx2.AsyncClient | None = None
        self.label = f"upstream {model}" if model else "upstream"
        self.fingerprint = f"local-{model or 'upstream'}"

    async def start(self) -> None:
        """Open the connection pool. Nothing of the environment (proxies, netrc) has a say in it."""
        self._client = httpx2.AsyncClient(headers=self._headers, timeout=_TIMEOUT, trust_env=False)

    async def stop(self) -> None:
        """Close the connection pool."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def chat(self, body: Json) -> Json:
        """A whole answer."""
        async with self._answer({**body, "stream": False}) as response:
            data = await response.aread()
            try:
                completion = json.loads(data)
            except ValueError:
                completion = None
            if response.status_code != 200 or not isinstance(completion, dict) or not completion.get("choices"):
                raise BackendError(_status(response.status_code), data, _content_type(response))
            return completion

    async def stream(self, body: Json) -> AsyncIterator[Json]:
        """The chunks of a streamed answer, its usage included."""
        wanted = {**body, "stream": True, "stream_options": {"include_usage": True}}
        async with self._answer(wanted) as response:
            if response.status_code != 200:
                raise BackendError(_status(response.status_code), await response.aread(), _content_type(response))
            async for line in response.aiter_lines():
                data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                if data == "[DONE]":
                    return
                if data:
                    yield _decoded(data)

    def _answer(self, body: Json) -> _Answer:
        if self._client is None:
            raise RuntimeError("the upstream backend has not been started")
        if self._model:
            body = {**body, "model": self._model}
        request = self._client.build_request("POST", self._url, json=body)
        if not is_loopback(request.url.host):
            guard(request, body.get("model"), AsyncRefusal)
        return _Answer(self._client, request)


class _Answer:
    """A response that is open for as long as its block; a server that can't be reached, or breaks off, is a 502."""

    def __init__(self, client: httpx2.AsyncClient, request: httpx2.Request) -> None:
        self._client = client
        self._request = request
        self._response: httpx2.Response | None = None

    async def __aenter__(self) -> httpx2.Response:
        try:
            self._response = await self._client.send(self._request, stream=True)
        except (httpx2.TransportError, LiveRequestRefused) as error:
            raise _unavailable(error) from error
        return self._response

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._response is not None:
            await self._response.aclose()
        if isinstance(error, httpx2.TransportError):
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> BackendError:
    body = {"error": {"code": "upstream_unavailable", "message": f"the upstream server: {error!r}"}}
    return BackendError(502, json.dumps(body).encode())


def _decoded(data: str) -> Json:
    try:
        chunk = json.loads(data)
    except ValueError as error:
        raise _unavailable(error) from error
    return chunk if isinstance(chunk, dict) else {"error": chunk}


def _status(status: int) -> int:
    # A 200 without an answer in it is the upstream's failure, not ours to pass off as one.
    return 502 if status == 200 else status


def _content_type(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "application/json")
