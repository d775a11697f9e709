"""`evaluate` and `aevaluate`: every row asked of every model, in threads or in tasks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..budget import Budget
from ..comparison.asking import client_of
from ..errors import ConfigurationError
from ..gateway_client import AsyncGatewayClient, GatewayClient
from ..policy import Policy
from ..routing.caps import Fallback
from ..settings import UNSET, Unset, concealed
from ..transport.network import NetworkOptions
from .driving import work_in_tasks, work_in_threads
from .prompts import Prompt
from .result import Evaluation
from .run import Plan, Run
from .scoring import Score

if TYPE_CHECKING:
    import pandas

Data: TypeAlias = "Iterable[Mapping[str, Any] | str] | str | PathLike[str] | pandas.DataFrame"

logger: Final = logging.getLogger("aisa_integrations")


def evaluate(
    rows: Data,
    models: Iterable[str],
    *,
    prompt: Prompt | None = None,
    system: str | None = None,
    score: Score | Sequence[Score] | None = None,
    expected: str | None = None,
    out: str | PathLike[str] | None = None,
    row_id: str | None = None,
    retry_failed: bool = True,
    rescore: bool = False,
    concurrency: int | None = None,
    budget: Budget | Decimal | float | str | None = None,
    progress: bool | None = None,
    stream: bool = False,
    fallbacks: Iterable[str | Fallback] | None = None,
    client: GatewayClient | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float | Unset | None = UNSET,
    max_retries: int | None = None,
    policy: Policy | None = None,
    network: NetworkOptions | None = None,
    **options: Any,
) -> Evaluation:
    """Ask every model about every row, score the answers, and keep them; what fails is an answer too.

    With `out` each answer is in that file before it counts, and the same call again asks only for what is missing. It
    ends early where the budget is spent, the key is refused, the wallet is empty or the gateway can't be reached:
    `Evaluation.stopped` says so, and what was done is kept.

    Args:
        rows: dicts or texts, a data frame, or the path of a .jsonl, .csv or .parquet file; a generator is read as it
            is needed.
        models: model ids, each once.
        prompt: a text or messages with `{field}` of the row in them, or a function of the row; None is the row's own
            `prompt` or `messages`, which is what a text as a row is.
        system: what each model is told first.
        score: a function of an answer's text and its row (and of `result`, the whole `Answer`, where it takes that)
            that returns a number, True or False, or a dict of these; `exact_match`, `contains` or `matches`; or
            several. It is called in worker threads.
        expected: the field of a row that holds the right answer, or several of them, for the named scores.
        out: a file of JSON lines for the answers; None keeps them in memory.
        row_id: the field that names a row, so that a change of the others leaves it the same row; None is `id`, where a
            row has it, else all that it holds.
        retry_failed: ask again what failed in an earlier run.
        rescore: score again what the same functions scored in an earlier run.
        concurrency: calls at once; None is what `policy.limits` allow, else 5, which every key may have.
        budget: USD, or a `Budget`; when it is spent, nothing more is asked.
        progress: show a bar on stderr or in a notebook; None is where a person sees it.
        stream: ask for streams, for the time to the first content.
        fallbacks: asked in turn, for each of the models, when it fails; those of the policy are left out.
        client: who asks; it is left open. Else one is made of the settings below, as `GatewayClient` takes them.
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt; None is no limit.
        max_retries: further rounds for each call (default 2).
        policy: the rest of what to do about failures.
        network: how connections are made.
        options: fields of the chat call such as `temperature`; `extra_body` for those that are not known here.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument, a row or a file that cannot work.
        AisaError: it ended early, and there is not a single answer.
        ImportError: what reads a file or shows progress is not installed.
    """
    key, api_key = concealed(api_key), None
    plan = Plan(
        rows, models, prompt=prompt, system=system, score=score, expected=expected, out=out, row_id=row_id,
        retry_failed=retry_failed, rescore=rescore, progress=progress, stream=stream, fallbacks=fallbacks,
        options=options, may_await=False,
    )  # fmt: skip
    settings = {"base_url": base_url, "max_retries": max_retries, "policy": policy, "network": network}
    with client_of(GatewayClient, client, key, timeout, _with_budget(settings, budget, client)) as asking:
        with Run(plan, asking, concurrency) as run:
            work_in_threads(asking, run.work, plan.scorer, run.concurrency)
        return _ended(run.evaluation)


async def aevaluate(
    rows: Data,
    models: Iterable[str],
    *,
    prompt: Prompt | None = None,
    system: str | None = None,
    score: Score | Sequence[Score] | None = None,
    expected: str | None = None,
    out: str | PathLike[str] | None = None,
    row_id: str | None = None,
    retry_failed: bool = True,
    rescore: bool = False,
    concurrency: int | None = None,
    budget: Budget | Decimal | float | str | None = None,
    progress: bool | None = None,
    stream: bool = False,
    fallbacks: Iterable[str | Fallback] | None = None,
    client: AsyncGatewayClient | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float | Unset | None = UNSET,
    max_retries: int | None = None,
    policy: Policy | None = None,
    network: NetworkOptions | None = None,
    **options: Any,
) -> Evaluation:
    """Ask every model about every row, in tasks; see `evaluate`. A score may be an async function."""
    key, api_key = concealed(api_key), None
    plan = Plan(
        rows, models, prompt=prompt, system=system, score=score, expected=expected, out=out, row_id=row_id,
        retry_failed=retry_failed, rescore=rescore, progress=progress, stream=stream, fallbacks=fallbacks,
        options=options, may_await=True,
    )  # fmt: skip
    settings = {"base_url": base_url, "max_retries": max_retries, "policy": policy, "network": network}
    async with client_of(AsyncGatewayClient, client, key, timeout, _with_budget(settings, budget, client)) as asking:
        with Run(plan, asking, concurrency) as run:
            await work_in_tasks(asking, run.work, plan.scorer, run.concurrency)
        return _ended(run.evaluation)


def _with_budget(settings: dict[str, Any], budget: object, client: object) -> dict[str, Any]:
    if budget is None:
        return settings
    if client is not None:
        raise ConfigurationError("client=… has settings of its own: budget can't be given beside it.")
    policy = settings["policy"] if settings["policy"] is not None else Policy()
    if not isinstance(policy, Policy):
        return settings  # which the client says
    if policy.budget is not None:
        raise ConfigurationError("budget=… was given beside a policy that has one: give one of the two.")
    limit = budget if isinstance(budget, Budget) else Budget(budget)  # type: ignore[arg-type]
    return {**settings, "policy": replace(policy, budget=limit)}


def _ended(evaluation: Evaluation) -> Evaluation:
    """Return what there is; where that is nothing, raise why."""
    error = evaluation.stopped
    if error is None:
        return evaluation
    if not any(answer.ok for answer in evaluation):
        raise error
    logger.warning("the evaluation was stopped after %s calls: %s", evaluation.progress, error)
    return evaluation
