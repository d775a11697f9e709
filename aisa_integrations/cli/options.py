"""The options that verbs share, each defined once, and what they mean for a client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..errors import ConfigurationError
from .values import complete_id, complete_ids, ids, parse_budget

Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="ID", help="Model to ask. Default: $AISA_MODEL, else aisa/auto, which chooses.",
        show_default=False, autocompletion=complete_id,
    ),
]  # fmt: skip
Message = Annotated[str | None, typer.Argument(metavar="MESSAGE", help="What to say.", show_default=False)]
System = Annotated[str | None, typer.Option("--system", "-s", metavar="TEXT", help="What the model is told first.")]
Temperature = Annotated[
    float | None, typer.Option("--temperature", "-t", metavar="0..2", help="How freely words are chosen.")
]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", metavar="N", help="Tokens an answer may have.")]
Stream = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream", help="Show the answer as it comes, which is the default but for --json.",
        show_default=False,
    ),
]  # fmt: skip
Fallback = Annotated[
    str | None,
    typer.Option(
        "--fallback", metavar="A,B", help="Models to ask in turn when the first fails.", autocompletion=complete_ids
    ),
]
BudgetUsd = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="USD[/day]",
        help="Refuse what could cost more: this command, or all of a UTC day's. Mostly wants --max-tokens beside it.",
    ),
]  # fmt: skip
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="Longest wait for a connection, and between two bytes."),
]
UseCache = Annotated[bool, typer.Option("--cache", help="Answer a repeated request from a file, at no cost.")]
Local = Annotated[
    bool, typer.Option("--local", help="Ask a gateway on this machine: no key, no network, a real but tiny model.")
]
Locally = Annotated[bool, typer.Option("--local", help="Ask a gateway on this machine: no key, no network, no money.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors included.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Say how a verb's calls are made.

    Args:
        local: ask a gateway that this process starts.
        timeout: seconds of an attempt.
        fallback: model ids, separated by commas.
        budget: USD, or USD/day.
        cache: answer repeated requests from the cache's own file.
        max_retries: further rounds over the models; None leaves it to the policy.
        tier: of the key, at whose limits to ask.
    """

    local: bool = False
    timeout: float | None = None
    fallback: str | None = None
    budget: str | None = None
    cache: bool = False
    max_retries: int | None = None
    tier: str | None = None

    def client_settings(self) -> dict[str, Any]:
        """Return the keyword arguments of a `GatewayClient` that these terms stand for.

        Raises:
            ConfigurationError: for a value that cannot work.
        """
        from ..budget import Budget
        from ..cache import Cache
        from ..policy import Policy

        if self.timeout is not None and not self.timeout > 0:
            raise ConfigurationError(f"--timeout is a number of seconds above 0, not {self.timeout:g}.")
        budget = None
        if self.budget is not None:
            usd, per = parse_budget(self.budget)
            budget = Budget(usd, per=per)
        policy = Policy(
            fallbacks=ids(self.fallback) if self.fallback is not None else (),
            budget=budget,
            cache=Cache() if self.cache else None,
            limits=self.tier,
        ).merged(max_retries=self.max_retries)
        return {"policy": policy, **({} if self.timeout is None else {"timeout": self.timeout})}
