"""`aisa eval`: every row of a file asked of several models, and the figures that come of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import errors
from ..errors import AisaError, ConfigurationError
from . import options
from .exits import Exit, exit_code
from .receipt import error_record
from .request import chat_body
from .screen import Screen
from .session import NO_MONEY, session
from .values import complete_ids, ids
from .wording import in_words_here

if TYPE_CHECKING:
    from ..evaluation import Evaluation, Summary


def evaluate(
    rows: Annotated[str, typer.Argument(metavar="FILE", help="The rows: .jsonl, .csv or .parquet.")],
    models: Annotated[str, typer.Option("--models", metavar="A,B", help="Models to ask.", autocompletion=complete_ids)],
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt",
            "-p",
            metavar="TEXT",
            help="What to ask, {field} for a row's field. Default: the row's own `prompt` or `messages`.",
        ),
    ] = None,
    system: options.System = None,
    score: Annotated[
        str | None, typer.Option("--score", metavar="A,B", help="exact_match, contains or matches, against --expected.")
    ] = None,
    expected: Annotated[
        str | None, typer.Option("--expected", metavar="FIELD", help="The field that holds the right answer.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="Keep the answers there; what is there is not asked again."),
    ] = None,
    row_id: Annotated[str | None, typer.Option("--id", metavar="FIELD", help="The field that names a row.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Take the first rows only.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", min=1, max=1000, help="Calls at once. Default: 5.")
    ] = None,
    tier: Annotated[
        str | None, typer.Option("--tier", metavar="NAME", help="Keep to a key's limits: free, starter or growth.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed/--keep-failed", help="Ask again what failed in an earlier run.")
    ] = True,
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    fallback: options.Fallback = None,
    budget: options.BudgetUsd = None,
    timeout: options.Timeout = None,
    cache: options.UseCache = False,
    local: options.Local = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail unless every call brings an answer.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask several models about every row of a file, score the answers, and show the figures.

    With --out each answer is on disk before it counts: after Ctrl-C, a crash or a spent budget the same command goes on
    from there. Exit code 0 if there is any answer; with --strict, if there are all.
    """
    _check_installed()
    from ..evaluation import evaluate as ask
    from ..evaluation.rows import rows_of

    screen = Screen(as_json)
    terms = options.Terms(local=local, timeout=timeout, fallback=fallback, budget=budget, cache=cache, tier=tier)
    asked, fallbacks = ids(models), ids(fallback) if fallback is not None else None
    body = chat_body("", [], temperature=temperature, max_tokens=max_tokens)
    said = {name: value for name, value in body.items() if name not in ("model", "messages")}
    # A few rows of a file are read here; all of them are read as they are asked about.
    data: Any = rows if limit is None else list(itertools.islice(rows_of(rows).fields, limit))
    with session("eval", screen, terms) as opened:
        try:
            found = ask(
                data, asked, prompt=prompt, system=system, score=_scores(score), expected=expected, out=out,
                row_id=row_id, retry_failed=retry_failed, concurrency=concurrency, fallbacks=fallbacks,
                progress=screen.for_a_person and not as_json, client=opened.client, **said,
            )  # fmt: skip
        except (KeyboardInterrupt, SystemExit) as left:
            for note in getattr(left, "__notes__", () if out else ("nothing was kept; --out FILE keeps what is done",)):
                screen.note(note)
            raise
        if not len(found):
            raise ConfigurationError(f"{rows} holds no row.")
        summary, code = found.summary(), ending(found, strict=strict)
        if as_json:
            screen.document(_document(found, summary, code))
        else:
            _show(screen, found, summary)
            if opened.local and screen.for_a_person:
                screen.note(NO_MONEY)
    if code:
        raise typer.Exit(code)


def ending(found: Evaluation, *, strict: bool) -> Exit:
    """Return the exit code: of what stopped it; else 0 where enough was answered; else of the cause that all share."""
    if found.stopped is not None:
        return exit_code(found.stopped)
    failed = {answer.error_type for answer in found if not answer.ok}
    if not failed or (not strict and any(answer.ok for answer in found)):
        return Exit.OK
    codes = {_code_of(name) for name in failed}
    return codes.pop() if len(codes) == 1 else Exit.ALL_FAILED


def _code_of(name: str | None) -> Exit:
    """Return the exit code of an error that is known by its name."""
    kind = getattr(errors, name or "", None)
    return exit_code(kind("")) if isinstance(kind, type) and issubclass(kind, AisaError) else Exit.OTHER


def _check_installed() -> None:
    try:
        import numpy  # noqa: F401
    except ImportError:
        raise AisaError('aisa eval needs numpy: pip install "aisa-integrations[cli,eval]".') from None


def _scores(names: str | None) -> Any:
    found = ids(names) if names is not None else []
    return (found[0] if len(found) == 1 else found) if found else None


def _show(screen: Screen, found: Evaluation, summary: Summary) -> None:
    from ..display.money import total
    from .tables import plain_table

    names = list(dict.fromkeys(name for model in summary.models for name in model.scores))
    table = plain_table("model", ">n", ">failed", *(f">{name}" for name in names), ">seconds", ">in", ">out", "cost")
    for model in summary.models:
        scores = [str(model.scores.get(name, "")) for name in names]
        seconds = "" if model.latency is None else f"{model.latency.estimate:.2f}"
        tokens = ["?" if count is None else f"{count:,}" for count in (model.input_tokens, model.output_tokens)]
        cost = total(model.billed, model.estimated, model.unknown)
        table.add_row(model.model, f"{model.n:,}", f"{model.failed:,}", *scores, seconds, *tokens, cost)
    screen.table(table)
    for pair in summary.pairs:
        counts = f"{pair.wins:,} won, {pair.ties:,} tied, {pair.losses:,} lost"
        screen.line(f"{pair.model} against {pair.other}: {counts}{'' if pair.is_clear else ', no clear difference'}")
    failed = next((answer for answer in found if not answer.ok), None)
    if failed is not None:
        more = f" (and {found.cost.failed - 1:,} more)" if found.cost.failed > 1 else ""
        screen.complaint(f"{failed.model}, row {failed.id}: {in_words_here(failed.error or '')}{more}")
    if found.stopped is not None and found.path is not None:
        screen.note(f"what is done is in {found.path}: the same command goes on from there")


def _document(found: Evaluation, summary: Summary, code: Exit) -> dict[str, Any]:
    return {
        "ok": code == Exit.OK,
        "complete": found.complete,
        "calls": len(found),
        "calls_in_all": found.total,
        "models": summary.to_dicts(),
        "pairs": [pair.to_dict() for pair in summary.pairs],
        "billed_usd": found.cost.billed,
        "estimated_usd": found.cost.estimated,
        "calls_of_unknown_cost": found.cost.unknown,
        "stopped": None if found.stopped is None else error_record(found.stopped, code)["error"],
        **({"out": str(found.path)} if found.path is not None else {"results": found.to_dicts()}),
        "exit_code": code,
    }
