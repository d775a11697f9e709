"""`genai_client`: a `google.genai.Client` for the gateway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import httpx2

from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import UNSET, Unset, concealed, resolve_timeouts
from .face import resolve_face

if TYPE_CHECKING:
    from google import genai


def genai_client(
    api_key: str | None = None,
    *,
    base_url: str | None = None,
    timeout: float | Unset | None = UNSET,
    max_retries: int | None = None,
    fallbacks: Iterable[str | Fallback] | None = None,
    policy: Policy | None = None,
    limits: httpx2.Limits | None = None,
    proxy: Any = None,
    verify: Any = True,
    event_hooks: Mapping[str, list[Any]] | None = None,
    http_options: Any = None,
    **vendor: Any,
) -> genai.Client:
    """Make a `google.genai.Client` that talks to the gateway, with its async side (`.aio`) and a Bearer alone.

    Args:
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt (default: connect 10, read 120); None is no limit.
        max_retries: further rounds over the chain of models (default 2); 0 still fails over.
        fallbacks: ids of models that speak Gemini, asked in turn when the one that was named fails.
        policy: the rest of what to do about failures; an argument above beats the same field here.
        limits: of the connection pool, `httpx2.Limits`.
        proxy: a proxy URL; else the environment's.
        verify: TLS verification, as httpx2 takes it.
        event_hooks: httpx2's hooks on requests and responses; the sync side calls those that are plain functions, the
            async side calls all and awaits what can be awaited.
        http_options: the SDK's own, such as `headers` or `extra_body`.
        vendor: anything else goes to `google.genai.Client`.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that cannot work, or would go around the key guard.
        ImportError: google-genai is not installed.
    """
    # Not before it is called: the package's door opens without google-genai too.
    from .google_sdk import make_client

    key, api_key = concealed(api_key), None
    face = resolve_face(
        key, base_url=base_url, timeout=resolve_timeouts(timeout), max_retries=max_retries, fallbacks=fallbacks,
        policy=policy, limits=limits, proxy=proxy, verify=verify, event_hooks=event_hooks,
    )  # fmt: skip
    return make_client(face, http_options, vendor)
