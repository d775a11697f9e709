"""The main job, with no key: the vendors' own clients on a local gateway, answered by a real small model.

    make demo

The model is SmolLM2-135M, a toy of 135 million parameters: its text is real and often wrong. The prices are the
catalogue's for the models named, so that the cost table has something to add up; nothing is billed to anyone.
"""

from __future__ import annotations

from pydantic import BaseModel

from aisa_integrations import Spend, genai_client, openai_client, track
from aisa_integrations.local import LocalGateway


class City(BaseModel):
    """What the structured-output call asks for."""

    name: str
    country: str
    population: int


def main() -> None:
    """Run the three calls and print what they cost."""
    print("A local gateway, no key, no network. Every answer below is made by SmolLM2-135M, a 135M toy model:")
    print("real text, often wrong. Costs are simulated at the catalogue's prices; nothing is billed.\n")
    with LocalGateway(backend="llama") as gateway, track() as spend:
        client = openai_client(gateway.api_key, base_url=gateway.url)

        print("1. openai.OpenAI, streamed, asking gpt-4o:")
        for chunk in client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "In one sentence: why is the sky blue?"}],
            max_tokens=60,
            stream=True,
        ):
            print(chunk.choices[0].delta.content or "", end="", flush=True)

        print("\n\n2. openai.OpenAI, structured output into a pydantic model, asking gpt-4.1-mini:")
        parsed = client.chat.completions.parse(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": "Name a big city, its country and its population."}],
            response_format=City,
            max_tokens=120,
        )
        print(repr(parsed.choices[0].message.parsed))

        print("\n3. google.genai.Client, native generateContent, asking gemini-2.5-flash:")
        gemini = genai_client(gateway.api_key, base_url=gateway.url)
        answer = gemini.models.generate_content(
            model="gemini-2.5-flash", contents="Say hello in French.", config={"max_output_tokens": 30}
        )
        print(answer.text)

    print("\nWhat track() counted (the local gateway's own account says the same):\n")
    print(cost_table(spend))
    assert spend.cost == gateway.account.spent


def cost_table(spend: Spend) -> str:
    """Return the spend as a table, a line per model."""
    rows = [("model", "calls", "cost (USD)", "kind")]
    for model, part in spend.by_model.items():
        rows.append((model, str(part.calls), f"{part.cost:f}", "billed" if part.billed else "estimated"))
    rows.append(("all", str(spend.calls), f"{spend.cost:f}", f"unknown: {spend.unknown}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


if __name__ == "__main__":
    main()
