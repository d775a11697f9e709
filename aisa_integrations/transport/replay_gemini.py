"""Gemini's `generateContent`: events to one response, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .merging import NotExact, append_items, index_of, items, keep_first, keep_last, keep_same
from .merging import members as members_of

Json = dict[str, Any]

_SHELL: Final = ("modelVersion", "responseId", "createTime")
# Said anew with every event, of all that came so far.
_RUNNING: Final = ("usageMetadata", "usage", "promptFeedback")
_RUNNING_OF_A_CANDIDATE: Final = ("finishReason", "finishMessage", "safetyRatings", "tokenCount", "avgLogprobs")
_TEXT_ALONE: Final = {"text", "thought"}


def assemble(events: list[Json]) -> Json:
    """Return the response that a complete stream of events amounts to."""
    whole: Json = {}
    candidates: dict[int, _Candidate] = {}
    for event in events:
        for name, value in members_of(event).items():
            if name == "candidates":
                for piece in map(members_of, items(value)):
                    candidates.setdefault(index_of(piece), _Candidate()).add(piece)
            else:
                _keeper(name, _RUNNING)(whole, name, value)
    if whole.get("error") or not (candidates or _is_blocked(whole)):
        raise NotExact
    if candidates:
        whole["candidates"] = [candidates[index].whole() for index in sorted(candidates)]
    return whole


def as_events(reply: Json) -> list[Json]:
    """Return the one event that a response would come in: a short one does come so."""
    return [reply]


def _is_blocked(whole: Json) -> bool:
    return bool(members_of(whole.get("promptFeedback")).get("blockReason"))


def _keeper(name: str, running: tuple[str, ...]) -> Callable[[Json, str, Any], None]:
    if name in _SHELL:
        return keep_first
    return keep_last if name in running else keep_same


class _Candidate:
    """One candidate, as it grows."""

    def __init__(self) -> None:
        self._candidate: Json = {}
        self._content: Json | None = None
        self._parts: list[Any] | None = None

    def add(self, piece: Json) -> None:
        for name, value in piece.items():
            if name == "content":
                self._add_content(value)
            elif name == "logprobsResult":
                self._add_logprobs(value)
            else:
                _keeper(name, _RUNNING_OF_A_CANDIDATE)(self._candidate, name, value)

    def whole(self) -> Json:
        if not self._candidate.get("finishReason"):
            raise NotExact
        if self._content is None:
            return self._candidate
        parts = {} if self._parts is None else {"parts": self._parts}
        return {**self._candidate, "content": {**self._content, **parts}}

    def _add_content(self, content: Any) -> None:
        whole = {} if self._content is None else self._content
        for name, value in members_of(content).items():
            if name == "parts":
                self._parts = _joined(self._parts, items(value))
            else:
                keep_same(whole, name, value)
        self._content = whole

    def _add_logprobs(self, piece: Any) -> None:
        if piece is None:
            return
        whole = dict(members_of(self._candidate.get("logprobsResult")))
        for name, value in members_of(piece).items():
            if isinstance(value, list):
                append_items(whole, name, value)
            else:
                keep_same(whole, name, value)
        self._candidate["logprobsResult"] = whole


def _joined(known: list[Any] | None, pieces: list[Any]) -> list[Any]:
    """Join the parts of two events where a text goes on; the parts of one event are apart on purpose."""
    for piece in pieces:
        if not isinstance(piece, dict):
            raise NotExact
        _check(piece)
    if known is None or (pieces and len(known) == 1 and _is_empty(known[0])):
        return list(pieces)
    if not pieces or _is_empty(pieces[0]):
        # The first event and the last, with the finish reason, often have an empty text.
        return [*known, *pieces[1:]]
    if known and _goes_on(known[-1], pieces[0]):
        last = {**known[-1], "text": known[-1]["text"] + pieces[0]["text"]}
        return [*known[:-1], last, *pieces[1:]]
    return [*known, *pieces]


def _check(part: Json) -> None:
    call = members_of(part.get("functionCall"))
    if "partialArgs" in call or call.get("willContinue"):
        # Arguments in pieces, by JSON path; the whole call is not among the events.
        raise NotExact


def _is_empty(part: Json) -> bool:
    return part.keys() <= _TEXT_ALONE and part.get("text") == ""


def _goes_on(last: Json, piece: Json) -> bool:
    both = (last, piece)
    # A signature belongs to the part it came on, so a part that has one is whole.
    if any(not part.keys() <= _TEXT_ALONE or not isinstance(part.get("text"), str) for part in both):
        return False
    return bool(last.get("thought")) == bool(piece.get("thought"))
