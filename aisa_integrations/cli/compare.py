"""`aisa compare`: several models, one question, the answers side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import AisaError, ConfigurationError
from . import options, values
from .answer import tell_cut
from .exits import Exit, exit_code
from .progress import Progress
from .receipt import attempt_record, error_record, total
from .request import chat_body, joined, piped_text
from .screen import Screen
from .session import NO_MONEY, session
from .side_by_side import side_by_side
from .wording import in_words

if TYPE_CHECKING:
    from ..comparison import Comparison, Result


def compare(
    models: Annotated[
        str, typer.Option("--models", metavar="A,B", help="Models to ask.", autocompletion=values.complete_ids)
    ],
    text: options.Message = None,
    message: Annotated[str | None, typer.Option("--message", "-m", metavar="TEXT", help="What to say.")] = None,
    system: options.System = None,
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    fallback: options.Fallback = None,
    budget: options.BudgetUsd = None,
    timeout: options.Timeout = None,
    cache: options.UseCache = False,
    local: options.Local = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail unless every model answers.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask several models the same thing at the same time. Exit code 0 if any answers; with --strict, if all do."""
    from ..comparison import compare as ask

    screen = Screen(as_json)
    terms = options.Terms(local=local, timeout=timeout, fallback=fallback, budget=budget, cache=cache)
    asked = values.ids(models)
    body = chat_body("", _said(text, message), system=system, temperature=temperature, max_tokens=max_tokens)
    body.pop("model")
    found: dict[str, Result] = {}
    with session("compare", screen, terms) as opened:
        with contextlib.ExitStack() as stack:
            progress = stack.enter_context(Progress(asked)) if screen.for_a_person and not as_json else None

            def arrived(result: Result) -> None:
                found[result.model] = result
                if progress is not None:
                    progress.arrived(result)

            fallbacks = values.ids(fallback) if fallback is not None else None
            try:
                comparison = ask(asked, client=opened.client, on_result=arrived, fallbacks=fallbacks, **body)
            except KeyboardInterrupt:
                stack.close()
                if not as_json:
                    _show(screen, [found[model] for model in asked if model in found])  # they were paid for
                raise
        code = ending(comparison, strict=strict)
        if as_json:
            screen.document(_document(comparison, code))
        else:
            _show(screen, comparison.values())
            if screen.for_a_person:
                screen.note(f"{total(opened.spend)} · {NO_MONEY}" if opened.local else total(opened.spend))
    if code:
        raise typer.Exit(code)


def ending(comparison: Comparison, *, strict: bool) -> Exit:
    """Return the exit code: 0 where enough models answered, else that of the cause which those that failed share."""
    if not comparison.failed or (comparison.answered and not strict):
        return Exit.OK
    codes = {exit_code(result.error) for result in comparison.failed if result.error is not None}
    return codes.pop() if len(codes) == 1 else Exit.ALL_FAILED


def _said(text: str | None, message: str | None) -> list[dict[str, Any]]:
    if text is not None and message is not None:
        raise ConfigurationError("Say it once: as MESSAGE or --message.")
    content = joined(text if message is None else message, piped_text())
    if not content:
        raise ConfigurationError('Say something: aisa compare --models gpt-4o,o3 "Hello", or pipe text in.')
    return [{"role": "user", "content": content}]


def _show(screen: Screen, results: Iterable[Result]) -> None:
    results = list(results)
    answers = [(_title(result), result.response) for result in results if result.ok]
    side_by_side(screen, answers)
    for result in results:
        tell_cut(screen, result.finish_reason, result.model)
        if result.error is not None:
            said = in_words(result.error)
            screen.complaint(said if result.model in said else f"{result.model}: {said}")


def _title(result: Result) -> str:
    by = result.served_by
    return result.model if by in (None, result.model) else f"{result.model} (by {by})"


def _document(comparison: Comparison, code: Exit) -> dict[str, Any]:
    spend = comparison.spend
    return {
        "ok": code == Exit.OK,
        "results": [_row(result) for result in comparison.values()],
        "billed_usd": spend.billed,
        "estimated_usd": spend.estimated,
        "calls_of_unknown_cost": spend.unknown,
        "exit_code": code,
    }


def _row(result: Result) -> dict[str, Any]:
    error: AisaError | None = result.error
    return {
        **result.to_dict(),
        "error": None if error is None else error_record(error, exit_code(error))["error"],
        "finish_reason": result.finish_reason,
        "attempts": [attempt_record(attempt) for attempt in result.attempts],
    }
