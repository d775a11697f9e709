"""Whether an answer satisfies: what it says of itself, and how a judge of the caller's own is heard. Pure."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import BaseOutputParser
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from ..errors import AisaError, ContentPolicyError
from .errors import ConfigurationError, RefusalError
from .hearing import message_of
from .structured_output import SchemaParser, refusal_of

# A name of NAMED, a function, a runnable, or a pydantic class.
When = str | Callable[[Any], Any] | Runnable[Any, Any] | type[BaseModel]


def _is_empty(output: Any, message: AIMessage | None) -> bool:
    if message is None:
        return output is None
    return not (str(message.text).strip() or message.tool_calls or message.invalid_tool_calls or refusal_of(message))


def _is_refusal(output: Any, message: AIMessage | None) -> bool:
    if message is None:
        return False
    return bool(refusal_of(message)) or message.response_metadata.get("finish_reason") == "content_filter"


def _is_cut(output: Any, message: AIMessage | None) -> bool:
    return message is not None and message.response_metadata.get("finish_reason") in ("length", "max_tokens")


def _is_invalid(output: Any, message: AIMessage | None) -> bool:
    unread = isinstance(output, dict) and "raw" in output and output.get("parsing_error") is not None
    return unread or (message is not None and (bool(message.invalid_tool_calls) or _has_broken_calls(message)))


def _has_broken_calls(message: AIMessage) -> bool:
    """Say whether a streamed call's arguments are no JSON: langchain-core takes what there is of them for all."""
    chunks = message.tool_call_chunks if isinstance(message, AIMessageChunk) else ()
    return not all(_is_json(chunk["args"]) for chunk in chunks if chunk["args"])


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True


NAMED: Final[Mapping[str, Callable[[Any, AIMessage | None], bool]]] = MappingProxyType(
    {"empty": _is_empty, "refusal": _is_refusal, "length": _is_cut, "invalid": _is_invalid}
)


def judges_of(when: When | Iterable[When]) -> tuple[When, ...]:
    """Return the judges that `when` stands for.

    Raises:
        ConfigurationError: there is none, or one can't judge.
    """
    judges = (when,) if isinstance(when, str | type | Runnable) or not isinstance(when, Iterable) else tuple(when)
    if not judges:
        raise ConfigurationError("when=… names nothing: no answer would ever be given to the next model.")
    return tuple(_judge(judge) for judge in judges)


def _judge(judge: When) -> When:
    if isinstance(judge, str):
        if judge not in NAMED:
            raise ConfigurationError(f"when={judge!r} is none of {', '.join(NAMED)}; a function may judge by the text.")
        return judge
    if isinstance(judge, Runnable):
        return judge
    if isinstance(judge, type) and issubclass(judge, BaseModel):
        return SchemaParser(answer_schema=judge)
    if inspect.iscoroutinefunction(judge):
        raise ConfigurationError("when=… is an async function: RunnableLambda(…) of it can judge.")
    if callable(judge) and not isinstance(judge, type):
        return judge
    raise ConfigurationError(f"when=… is a name, a function, a runnable or a pydantic class, not {judge!r}.")


def finding(judge: str | Callable[[Any], Any], output: Any) -> str | None:
    """Return why an answer does not satisfy a judge that is no runnable, or None.

    Raises:
        ConfigurationError: a function that returns neither True, False nor None.
    """
    if isinstance(judge, str):
        return judge if NAMED[judge](output, message_of(output)) else None
    try:
        verdict = judge(output)
    except Exception as error:
        return complaint(error)
    if verdict is None or isinstance(verdict, bool):
        return _name_of(judge) if verdict else None
    raise ConfigurationError(
        f"{_name_of(judge)} returned a {type(verdict).__name__}: a judge returns True or False, or raises and returns "
        "nothing. Something that reads the answer and raises, such as a parser, goes in as RunnableLambda(…)."
    )


def judged_by(judge: Runnable[Any, Any], output: Any) -> Any:
    """Return what a judge that is a runnable is given of an answer: a parser its message, any other all of it.

    Raises:
        ConfigurationError: a parser, where there is no message.
    """
    if not isinstance(judge, BaseOutputParser) or isinstance(output, str):
        return output
    message = message_of(output)
    if message is None:
        raise ConfigurationError(
            f"{judge.get_name()} reads messages, and the answer is a {type(output).__name__} that was read by a schema "
            "already: let a function judge it, or 'invalid'."
        )
    return message


def complaint(error: BaseException) -> str:
    """Return what a judge that raised says of an answer; a failed call of its own says nothing of it, and is raised."""
    if isinstance(error, AisaError) and not isinstance(error, ContentPolicyError):
        raise error
    return f"{type(error).__name__}: {error}"


def unread(error: BaseException, judges: Iterable[When]) -> str:
    """Return why what a structured model gave could not be read; where that is among no judge's reasons, raise it."""
    if isinstance(error, RefusalError) and "refusal" in judges:
        return "refusal"
    if isinstance(error, OutputParserException) and "invalid" in judges:
        return f"invalid: {error}"
    raise error


def _name_of(judge: Any) -> str:
    return str(getattr(judge, "__name__", type(judge).__name__))
