"""The options that verbs share, each defined once, and what they mean for a client."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import typer

from ..errors import ConfigurationError

DEFAULT_MODEL = "aisa/auto"


def complete_id(begun: str) -> list[str]:
    """Return the ids and routes that a word on the command line may become."""
    from ..catalogue import catalogue
    from ..routing import route_names

    served = sorted(model.id for model in catalogue().chat_models(served_only=True))
    return [name for name in (*route_names(), *served) if name.lower().startswith(begun.lower())]


def complete_ids(begun: str) -> list[str]:
    """Return what `a,b` may become: its last id is completed, by one that it does not hold yet."""
    before, comma, last = begun.rpartition(",")
    named = before.split(",")
    return [f"{before}{comma}{name}" for name in complete_id(last) if name not in named]


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
    """

    local: bool = False
    timeout: float | None = None
    fallback: str | None = None
    budget: str | None = None
    cache: bool = False
    max_retries: int | None = None

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
            budget = Budget(usd, per="day" if per == "day" else "run")
        policy = Policy(
            fallbacks=ids(self.fallback) if self.fallback is not None else (),
            budget=budget,
            cache=Cache() if self.cache else None,
        ).merged(max_retries=self.max_retries)
        return {"policy": policy, **({} if self.timeout is None else {"timeout": self.timeout})}


def model_or_default(model: str | None) -> str:
    """Return the model to ask: the one named, else `AISA_MODEL`, else the route that chooses."""
    return model or os.environ.get("AISA_MODEL") or DEFAULT_MODEL


def ids(text: str) -> list[str]:
    """Split `a,b` into model ids.

    Raises:
        ConfigurationError: there is none.
    """
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found:
        raise ConfigurationError(f"Name at least one model, several as a,b: {text!r} holds none.")
    return found


def parse_budget(text: str) -> tuple[Decimal, str]:
    """Read `0.50`, `$0.50` or `5/day` as USD and `run` or `day`.

    Raises:
        ConfigurationError: it is neither.
    """
    found = re.fullmatch(r"\$?(\d+(?:\.\d+)?|\.\d+)(?:/(day|run))?", text.strip())
    if found is None:
        raise ConfigurationError(f"--budget is an amount of USD such as 0.50, or 5/day, not {text!r}.")
    return Decimal(found[1]), found[2] or "run"
