"""A JSON value that fits a JSON schema, made of what the prompt says where that is possible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_QUOTED = re.compile(r"""["'“‘「『]([^"'”’」』\n]{1,80})["'”’」』]""")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{2,}")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_NAMED = re.compile(r"""["'`](\w{1,60})["'`]""")
_DEFAULT_NUMBER = 3
_DEEPEST = 8

_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT1H",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/simulated",
    "url": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def fit(schema: Mapping[str, Any], prompt: str = "") -> Any:
    """A deterministic value that fits `schema` (JSON Schema, or Gemini's form with its upper-case types)."""
    return _Fitter(schema, prompt).value(schema, "value", 0)


def free_object(prompt: str) -> dict[str, str]:
    """An object for a request that gives no schema: the keys that the prompt names in quotes, else `reply`."""
    keys = dict.fromkeys(_NAMED.findall(prompt)) or {"reply": None}
    return {key: f"Simulated {key}" for key in keys}


class _Fitter:
    def __init__(self, root: Mapping[str, Any], prompt: str) -> None:
        self._root = root
        number = _NUMBER.search(prompt)
        self._number = float(number.group()) if number else float(_DEFAULT_NUMBER)
        self._name = _name_in(prompt)

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return f"Simulated {name}"
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        if depth > _DEEPEST and _nullable(schema):
            return None
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                return self._first_real(schema[union], name, depth)
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return int(self._bounded(schema, whole=True))
            case "number":
                return self._bounded(schema, whole=False)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_DEEPEST):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            target: Any = self._root
            for step in reference.removeprefix("#").strip("/").split("/"):
                step = step.replace("~1", "/").replace("~0", "~")
                target = target.get(step, {}) if step and isinstance(target, Mapping) else target
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        if parts := schema.get("allOf"):
            merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
            for part in map(self._resolved, parts):
                properties = {**merged.get("properties", {}), **part.get("properties", {})}
                required = [*merged.get("required", ()), *part.get("required", ())]
                merged = {**merged, **part, "properties": properties, "required": required}
            return merged
        return schema

    def _first_real(self, options: list[Any], name: str, depth: int) -> Any:
        real = [option for option in options if _type(self._resolved(option)) != "null"]
        if not real or (depth > _DEEPEST and len(real) < len(options)):
            return None
        return self.value(real[0], name, depth + 1)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            key: self.value(part, key, depth + 1)
            for key, part in schema.get("properties", {}).items()
            # A schema that refers to itself ends at the first thing that may be left out.
            if depth < _DEEPEST or key in required
        }

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        fixed = [self.value(part, name, depth + 1) for part in schema.get("prefixItems", ())]
        least = int(schema.get("minItems", 0))
        wanted = max(least, 0 if depth > _DEEPEST else min(1, int(schema.get("maxItems", 1))))
        items = schema.get("items")
        if items is False or (items is None and fixed):
            return fixed
        fill = [self.value(items, name, depth + 1) for _ in range(max(0, wanted - len(fixed)))]
        if schema.get("uniqueItems") and len(fill) > 1 and all(isinstance(item, str) for item in fill):
            fill = [f"{item} {number}" for number, item in enumerate(fill, 1)]
        return fixed + fill

    def _bounded(self, schema: Mapping[str, Any], *, whole: bool) -> float:
        step = 1.0 if whole else 0.5
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        # Draft 4 says `true` beside the bound, later drafts say the bound itself.
        if above is not None and above is not False:
            low = float(low or 0 if above is True else above) + step
        if below is not None and below is not False:
            high = float(high or 0 if below is True else below) - step
        value = self._number
        if low is not None:
            value = max(value, float(low))
        if high is not None:
            value = min(value, float(high))
        if multiple := schema.get("multipleOf"):
            value = -(-value // multiple) * multiple
            if high is not None and value > high:
                value -= multiple
        return value

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        text = _FORMATS.get(str(schema.get("format", "")))
        if text is None:
            # langchain's standard tests look for the customer's name, in its own script, among the arguments.
            text = self._name if self._name and "name" in name.lower() else f"Simulated {name}"
        text = text.ljust(int(schema.get("minLength", 0)), ".")
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _name_in(prompt: str) -> str | None:
    # A quoted word may as well be a tool's name or a key; one in Chinese, Japanese or Korean is what is to be kept.
    quoted = _QUOTED.findall(prompt)
    own_script = [text for text in quoted if _CJK.search(text)] or sorted(_CJK.findall(prompt), key=len, reverse=True)
    return next(iter(own_script or quoted), None)


def _type(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "string"
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((option for option in kind if option != "null"), "null")
    if kind is None:
        if "properties" in schema:
            return "object"
        if "items" in schema or "prefixItems" in schema:
            return "array"
        return "string"
    return str(kind).lower()


def _nullable(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return bool(
        schema.get("nullable")
        or (isinstance(kind, list) and "null" in kind)
        or any(_type(option) == "null" for option in options)
    )
