"""The script of a local gateway: which model fails how, says what, and streams in which form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from json import dumps, loads
from threading import Lock
from typing import Any, Generic, Literal, TypeVar

from .fault import Fault
from .faults import FAULTS

ANY = "*"


@dataclass(frozen=True, slots=True)
class Style:
    """The form in which a model answers. Every value but the defaults is a form that the gateway is known to use."""

    index: bool = True
    """False: chunks without `choices[].index`, as in the skill."""
    null_first: bool = False
    """The first chunk says `"content": null`."""
    usage_on: Literal["asked", "own", "last", "never"] = "asked"
    """Usage of a stream: on an own chunk with empty `choices` if `stream_options.include_usage` asks for it ("asked")
    or in any case ("own"), on the last content chunk in any case ("last"), or not at all ("never")."""
    usage: Literal["full", "tokens", "none"] | None = None
    """Overrides the gateway's `usage=` for this model."""
    details: bool = False
    """Usage has `prompt_tokens_details` and `completion_tokens_details`."""
    finish_with_content: bool = False
    """The finish reason is on the last content chunk instead of on an own one."""
    done: bool = True
    """False: no `data: [DONE]`."""
    comments: bool = False
    """A comment line before every event."""
    space: bool = True
    """False: `data:` without the space."""
    crlf: bool = False
    """Lines end in CRLF."""
    write_size: int | None = None
    """Send the stream in writes of so many bytes, across events and UTF-8 characters; 0: all in one write."""
    reasoning: Literal["reasoning_content", "reasoning", "think"] | None = None
    """Where reasoning goes: one of two fields, or `<think>` inline. Naming one makes the model reason."""
    fenced: bool = False
    """JSON comes inside a Markdown fence."""
    tool_prose: bool = False
    """Tool calls come back as prose."""
    gemini_usage: Literal["top", "metadata"] = "top"
    """Gemini: `cost` and `credits_remaining` in a top-level `usage` object, or inside `usageMetadata`. No capture of
    either exists; the skill only promises both fields on every response."""
    finish: bool = True
    """False: a stream ends with `[DONE]` alone, without a finish reason."""
    error_null: bool = False
    """Replies and chunks say `"error": null` beside their choices, which is no error."""
    latency: float | None = None
    """Seconds before the reply begins; overrides the gateway's."""
    chunk_delay: float | None = None
    """Seconds before each content event; overrides the gateway's."""


_STYLE_FIELDS = frozenset(field.name for field in fields(Style))


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """What a model is to say, in place of the scripted backend's own words."""

    text: str | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    reasoning: str | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PlayedFault:
    """A fault that was chosen for one request, with its options."""

    fault: Fault
    options: Mapping[str, Any]

    def fits(self, *, surface: str, stream: bool, body: Mapping[str, Any] | None) -> bool:
        """Whether it can be played for such a request."""
        when = self.options.get("when", self.fault.when)
        return self.fault.fits(surface=surface, stream=stream) and (when is None or when in (body or {}))


T = TypeVar("T")


@dataclass(slots=True)
class _Rule(Generic[T]):
    model: str
    value: T
    left: int | None
    after: int


@dataclass(slots=True)
class _Rules(Generic[T]):
    """Rules in the order they were made; a rule without an end is replaced by the next one for the same model."""

    rules: list[_Rule[T]] = field(default_factory=list)

    def add(self, rule: _Rule[T]) -> None:
        if rule.left is None:
            self.rules = [old for old in self.rules if old.left is not None or old.model != rule.model]
        self.rules.append(rule)

    def take(self, model: str, fits: Any = None) -> T | None:
        for name in (model, ANY):
            for rule in self.rules:
                if rule.model != name or rule.left == 0 or (fits is not None and not fits(rule.value)):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                if rule.left is not None:
                    rule.left -= 1
                return rule.value
        return None


class Script:
    """Says what goes wrong, and how replies look; safe from any thread, and the same every time.

    A model is an id, `"*"` for all of them, or for a request without a model its path (`"/v1/credits/balance"`).
    A rule for the id comes before one for all; a rule with `times` is used up by as many requests.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: _Rules[PlayedFault] = _Rules()
        self._replies: _Rules[ScriptedReply] = _Rules()
        self._styles: dict[str, Style] = {}

    def fail(self, model: str, fault: str | Fault, *, times: int | None = None, after: int = 0, **options: Any) -> None:
        """Play `fault` (a name of `FAULTS`) for the next `times` requests of `model`, the first `after` let through.

        A fault is only played for requests it is made for (`Fault.fits`): one that breaks streams leaves plain
        requests alone, and is not used up by them. Options: those named by its description, and for replies `status`,
        `code`, `message`, `retry_after`, `headers`; for any fault `when`, a field of the body that a request must have.
        """
        played = played_fault(fault, options)
        with self._lock:
            self._faults.add(_Rule(model, played, times, after))

    def reply(
        self,
        model: str,
        text: str | None = None,
        *,
        json: Any = None,
        tool_calls: Iterable[Mapping[str, Any]] = (),
        reasoning: str | None = None,
        finish_reason: str | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """Let `model` say `text` (or `json` as JSON), or call tools: `[{"name": …, "arguments": {…}}]`."""
        if json is not None:
            text = dumps(json, ensure_ascii=False)
        said = ScriptedReply(text, tuple(tool_calls), reasoning, finish_reason)
        with self._lock:
            self._replies.add(_Rule(model, said, times, after))

    def set_style(self, model: str, **options: Any) -> None:
        """Let `model` answer in another form; `options` are the fields of `Style`, added to those set before."""
        if unknown := set(options) - _STYLE_FIELDS:
            raise TypeError(
                f"unknown style {', '.join(sorted(unknown))}; there are: {', '.join(sorted(_STYLE_FIELDS))}"
            )
        with self._lock:
            self._styles[model] = replace(self._styles.get(model) or self._styles.get(ANY) or Style(), **options)

    def clear(self) -> None:
        """Forget everything: no faults, own words, standard form."""
        with self._lock:
            self._faults = _Rules()
            self._replies = _Rules()
            self._styles = {}

    # What the gateway asks

    def take_fault(
        self, model: str, *, surface: str, stream: bool, body: Mapping[str, Any] | None = None
    ) -> PlayedFault | None:
        """The fault to play for this request, which it uses up by one."""
        if not self._faults.rules:
            return None
        with self._lock:
            return self._faults.take(model, lambda played: played.fits(surface=surface, stream=stream, body=body))

    def take_reply(self, model: str) -> ScriptedReply | None:
        """The words laid down for this request, which it uses up by one."""
        if not self._replies.rules:
            return None
        with self._lock:
            return self._replies.take(model)

    def style(self, model: str) -> Style:
        """The form that this model answers in."""
        with self._lock:
            return self._styles.get(model) or self._styles.get(ANY) or _STANDARD


_STANDARD = Style()


def played_fault(fault: str | Fault, options: Mapping[str, Any]) -> PlayedFault:
    """A fault by its name, or a clear error that lists them all."""
    if isinstance(fault, Fault):
        return PlayedFault(fault, dict(options))
    if fault not in FAULTS:
        raise ValueError(f"no fault named {fault!r}; there are: {', '.join(sorted(FAULTS))}")
    return PlayedFault(FAULTS[fault], dict(options))


def fault_from_header(value: str) -> PlayedFault:
    """The fault named by `X-Local-Fault: name;option=value`; numbers are read as numbers."""
    name, *parts = (part.strip() for part in value.split(";"))
    options: dict[str, Any] = {}
    for part in filter(None, parts):
        key, _, text = part.partition("=")
        try:
            options[key.strip()] = loads(text)
        except ValueError:
            options[key.strip()] = text.strip()
    return played_fault(name, options)
