"""One process among several that spend from one file through a client: `python spender.py URL KEY PATH LIMIT CALLS`.

Says `ready` and begins when its input ends, so that all begin at once. Prints how many calls were answered, and how
many refused for the budget.
"""

import sys
from typing import Any

from aisa_integrations import Budget, BudgetExceededError, GatewayClient, Policy


def spend(client: GatewayClient, calls: int, number: str) -> tuple[int, int]:
    """Make calls, plain and streamed; return how many were answered and how many refused."""
    answered = refused = 0
    for call in range(calls):
        body: dict[str, Any] = {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": f"{number}: {call}"}],
            "max_tokens": 40,
        }
        try:
            if call % 2:
                client.chat(body)
            else:
                list(client.stream(body))
            answered += 1
        except BudgetExceededError:
            refused += 1
    return answered, refused


if __name__ == "__main__":
    url, key, path, limit, calls = sys.argv[1:]
    policy = Policy(budget=Budget(limit, path=path or None, per="run" if path else "day"))
    with GatewayClient(key, base_url=url, policy=policy) as client:
        print("ready", flush=True)
        number = sys.stdin.read()
        print(*spend(client, int(calls), number), flush=True)
