"""What every SDK client of ours carries beside the SDK: whom it talks to, its policy, how it connects."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import httpx2

from ..errors import ConfigurationError
from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import Settings, Timeouts, Unset, resolve_settings
from ..transport.network import DEFAULT_LIMITS, NetworkOptions
from ..transport.request import CallOptions

# What an SDK object holds in place of the key, so that its frames, logs and pickles have nothing to leak.
PLACEHOLDER: Final = "aisa-key-is-held-by-the-transport"
_OF_A_POLICY: Final = frozenset(part.name for part in fields(Policy))


@dataclass(frozen=True, slots=True)
class Face:
    """Hold what a client was made with; a copy of the client shares it but for what was changed.

    Args:
        settings: key, origin and timeouts.
        policy: what to do about failures.
        network: how connections are made.
        event_hooks: httpx2's own, for requests and responses.

    Attributes:
        options: what each request of this client carries to the transport.
    """

    settings: Settings
    policy: Policy
    network: NetworkOptions = field(default_factory=NetworkOptions)
    event_hooks: Mapping[str, list[Any]] | None = None
    options: CallOptions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", CallOptions(key=self.settings.key, policy=self.policy))

    @property
    def timeout(self) -> httpx2.Timeout:
        """Return the timeouts in httpx2's form."""
        return httpx2.Timeout(**self.settings.timeouts.as_extension())

    def with_key(self, key: object) -> Face:
        """Return the same with another key."""
        return replace(self, settings=self.settings.with_key(key))

    def with_max_retries(self, max_retries: int) -> Face:
        """Return the same with another number of further rounds."""
        return replace(self, policy=self.policy.merged(max_retries=max_retries))


def resolve_face(
    api_key: object,
    *,
    base_url: object,
    timeout: float | Unset | Timeouts | None,
    max_retries: int | None,
    fallbacks: Iterable[str | Fallback] | None,
    policy: Policy | None,
    limits: httpx2.Limits | None,
    proxy: Any,
    verify: Any,
    event_hooks: Mapping[str, list[Any]] | None,
) -> Face:
    """Settle what a client is made with: an explicit argument beats the same field of `policy`."""
    if policy is not None and not isinstance(policy, Policy):
        raise ConfigurationError(f"policy is a Policy, not {type(policy).__name__}.")
    if policy is not None and policy.on_break == "continue":
        logging.getLogger("aisa_integrations").warning(
            'on_break="continue" has no effect on a client of an SDK, which raises; GatewayClient goes on.'
        )
    return Face(
        settings=resolve_settings(api_key, base_url, timeout),
        policy=(policy or Policy()).merged(fallbacks=fallbacks, max_retries=max_retries),
        network=NetworkOptions(limits=limits or DEFAULT_LIMITS, proxy=proxy, verify=verify),
        event_hooks=event_hooks,
    )


def refuse_beside_http_client(face: Face) -> None:
    """Raise where an `http_client` and what it would be made with were given both."""
    if face.network != NetworkOptions() or face.event_hooks:
        raise ConfigurationError(
            "http_client=… takes the place of limits=, proxy=, verify= and event_hooks=: give them to that client."
        )


def refuse(arguments: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Raise for a vendor's argument that would go around the transport, and for a policy's that stands beside it."""
    for name in arguments:
        if name in _OF_A_POLICY:
            raise ConfigurationError(f"{name}=… belongs to a policy: policy=Policy({name}=…).")
    for name, reason in reasons.items():
        if arguments.get(name) is not None:
            raise ConfigurationError(f"{name}=… can't be used here: {reason}")
