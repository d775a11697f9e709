"""Looking for a key everywhere it could have got to: reprs, attributes at any depth, tracebacks with their locals."""

import pickle
import traceback
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_OPAQUE = (type, ModuleType, FunctionType, MethodType, BuiltinFunctionType)
_TESTS = "/tests/"


def paths_to(needle: str, value: Any) -> list[str]:
    """Every path of attributes and items that leads from a value to text or bytes holding the needle."""
    return list(_search(needle, value, type(value).__name__, set()))


def _search(needle: str, value: Any, path: str, seen: set[int]) -> Iterator[str]:
    if isinstance(value, (str, bytes, bytearray)):
        text = value if isinstance(value, str) else bytes(value).decode("latin-1")
        if needle in text:
            yield path
        return
    if isinstance(value, _OPAQUE) or id(value) in seen:
        return
    seen.add(id(value))
    for name, inner in _parts(value):
        yield from _search(needle, inner, f"{path}{name}", seen)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in list(value.items()):
            yield f"[{key!r:.40}]", inner
            yield f".key {key!r:.40}", key
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, inner in enumerate(list(value)):
            yield f"[{index}]", inner
    for name, inner in list(getattr(value, "__dict__", {}).items()):
        yield f".{name}", inner
    for cls in type(value).__mro__:
        names = cls.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__weakref__", "__dict__") and hasattr(value, name):
                yield f".{name}", getattr(value, name)


def chain_of(error: BaseException) -> list[BaseException]:
    """An error with all its causes and contexts, suppressed ones too, and the members of groups."""
    chain: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in chain:
            continue
        chain.append(one)
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return chain


def rendered(error: BaseException) -> str:
    """What a crash reporter writes: messages, notes and every frame with its locals, but for the tests' own frames."""
    parts = []
    for one in chain_of(error):
        parts += [str(one), repr(one), repr(one.args), repr(getattr(one, "__notes__", ()))]
        shown = traceback.TracebackException.from_exception(one, capture_locals=True, limit=None)
        for frame in shown.stack:
            if _TESTS not in frame.filename:
                parts.append(f"{frame.filename}:{frame.lineno} {frame.line} {frame.locals}")
    return "\n".join(parts)


def frames_of(error: BaseException) -> str:
    """The locals of every frame, searched in depth where a reporter would only print their repr."""
    parts = []
    for one in chain_of(error):
        for frame, line in traceback.walk_tb(one.__traceback__):
            if _TESTS not in frame.f_code.co_filename:
                parts.append(f"{frame.f_code.co_filename}:{line}: {dict(frame.f_locals)!r}")
    return "\n".join(parts)


def pickled(value: Any) -> bytes:
    """The bytes of a pickle, or none where the value can't be pickled."""
    try:
        return pickle.dumps(value)
    except Exception:
        return b""
