"""One process among several that spend from one ledger: `python spender.py PATH LIMIT CALLS SEED`.

Says `ready` and begins when its input ends, so that all begin at once. Prints what it was billed, on the gateway's side
of the account.
"""

import random
import sys
import time
from decimal import Decimal

from aisa_integrations.budget import Budget, Granted, NotYet, Refused


def spend(budget: Budget, calls: int, chance: random.Random) -> Decimal:
    """Make calls until they are done or refused; return what they were billed in all."""
    billed = Decimal(0)
    for number in range(calls):
        worst = Decimal(chance.randint(1, 100)) / 1000
        answer = budget.ledger.reserve(f"call-{number}", "gpt-4o", worst, time.time())
        while isinstance(answer, NotYet):
            time.sleep(answer.wait)
            answer = budget.ledger.reserve(f"call-{number}", "gpt-4o", worst, time.time())
        if isinstance(answer, Refused):
            continue
        assert isinstance(answer, Granted), answer
        cost = worst * chance.randint(0, 100) / 100
        unsaid = chance.random() < 0.05
        billed += cost
        budget.ledger.settle(
            answer.reservation, None if unsaid else cost, time.time(), kind=None if unsaid else "billed"
        )
    return billed


if __name__ == "__main__":
    path, limit, calls, seed = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.read()
    print(spend(Budget(limit, path=path), int(calls), random.Random(int(seed))))
