"""The main job, with no key: the vendors' own clients on a local gateway, answered by a real small model.

    make demo
    AISA_API_KEY=… make demo ARGS=--live     # the same against the live gateway, for some hundredths of a cent

Without --live the model is SmolLM2-135M, a toy of 135 million parameters: its text is real and often wrong. The prices
are the catalogue's for the models named, so that the cost table has something to add up; nothing is billed to anyone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from typing import Any

import openai
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from aisa_integrations import Budget, Policy, Spend, compare, genai_client, openai_client, track
from aisa_integrations.local import LocalGateway

console = Console(highlight=False, markup=False)
# The skill's own example names it, and the gateway no longer serves it.
GONE = "llama-3.1-70b"


class City(BaseModel):
    """What the structured-output call asks for."""

    name: str
    country: str
    population: int


def streamed(where: dict[str, Any]) -> None:
    """Stream an answer through the openai SDK."""
    with openai_client(**where) as client:
        for chunk in client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "In one sentence: why is the sky blue?"}],
            max_tokens=60,
            stream=True,
        ):
            console.print(chunk.choices[0].delta.content or "", end="", soft_wrap=True)
    console.print()


def structured(where: dict[str, Any]) -> None:
    """Have an answer parsed into a pydantic model by the openai SDK."""
    with openai_client(**where) as client:
        parsed = client.chat.completions.parse(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": "Name a big city, its country and its population."}],
            response_format=City,
            max_tokens=120,
        )
    console.print(repr(parsed.choices[0].message.parsed))


def native_gemini(where: dict[str, Any]) -> None:
    """Call Gemini's native surface through the google-genai SDK."""
    with genai_client(**where) as client:
        answer = client.models.generate_content(
            model="gemini-2.5-flash", contents="Say hello in French.", config={"max_output_tokens": 30}
        )
    console.print(answer.text)


def fallback_seen(where: dict[str, Any]) -> None:
    """Ask a model that is gone, with another one named to go on with."""
    with openai_client(fallbacks=["gpt-4.1-mini"], max_retries=0, **where) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=GONE, messages=[{"role": "user", "content": "Say hello."}], max_tokens=30
        )
    console.print(raw.parse().choices[0].message.content)
    console.print(f"x-aisa-attempts: {raw.headers['x-aisa-attempts']}", style="dim", soft_wrap=True)


def compared(where: dict[str, Any]) -> None:
    """Ask three models at once; one of them is gone, and that is a result too."""
    found = compare(
        ["gpt-4.1-mini", "claude-haiku-4-5-20251001", GONE], "Name one fruit.", max_tokens=20, max_retries=0, **where
    )
    console.print(repr(found), soft_wrap=True)


def budget_refuses(where: dict[str, Any]) -> None:
    """Show a budget that refuses a call before anything is sent."""
    with openai_client(policy=Policy(budget=Budget("0.0001")), **where) as client:
        try:
            client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "Write a novel."}], max_tokens=4_000
            )
        except openai.APIStatusError as refused:
            console.print(f"{refused.status_code} {refused.code}: {refused.message}", soft_wrap=True)


STEPS = (
    ("openai.OpenAI, streamed, asking gpt-4o", streamed),
    ("openai.OpenAI, structured output into a pydantic model, asking gpt-4.1-mini", structured),
    ("google.genai.Client, native generateContent, asking gemini-2.5-flash", native_gemini),
    (f"a fallback: {GONE} is gone, gpt-4.1-mini was named to go on with", fallback_seen),
    ("a comparison, with one model failing", compared),
    ("a budget of $0.0001, and a call that could cost more", budget_refuses),
)


def cost_table(spend: Spend) -> Table:
    """Return the spend as a table, a line per model."""
    table = Table("model", "calls", "billed (USD)", "estimated (USD)", "of unknown cost")
    for model, part in [*spend.by_model.items(), ("all, failed too", spend)]:
        table.add_row(model, str(part.calls), f"{part.billed:f}", f"{part.estimated:f}", str(part.unknown))
    return table


@contextlib.contextmanager
def place(*, live: bool) -> Iterator[tuple[dict[str, Any], LocalGateway | None]]:
    """Yield where to ask: the live gateway, or one on this machine."""
    if live:
        console.print("The live gateway, by AISA_API_KEY. This costs some hundredths of a cent.\n")
        yield {}, None
        return
    console.print(
        "A local gateway, no key, no network. Every answer below is made by SmolLM2-135M, a 135M toy model: "
        "real text, often wrong. Costs are simulated at the catalogue's prices; nothing is billed.\n"
    )
    # Strict: an id that the live gateway does not serve is refused here too.
    with LocalGateway("llama", strict_models=True) as gateway:
        yield {"api_key": gateway.api_key, "base_url": gateway.url}, gateway
    if os.environ.get("AISA_API_KEY"):
        console.print("\nAISA_API_KEY is set. The same against the live gateway: make demo ARGS=--live")


def main() -> None:
    """Run the steps and print what they cost."""
    parser = argparse.ArgumentParser(description="The main job, with no key.")
    parser.add_argument("--live", action="store_true", help="ask the live gateway instead, with AISA_API_KEY")
    options = parser.parse_args()
    with place(live=options.live) as (where, gateway), track() as spend:
        for number, (title, step) in enumerate(STEPS, 1):
            console.print(f"{number}. {title}:", style="bold")
            step(where)
            console.print()
        console.print("What track() counted:", style="bold")
        console.print(cost_table(spend))
        if gateway is not None:
            console.print(f"The local gateway's own account says ${gateway.account.spent:f}.")
            assert spend.cost == gateway.account.spent


if __name__ == "__main__":
    main()
