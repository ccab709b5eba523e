"""What was expected and what was there, in words that read well aloud.

msgspec says "Expected `str | null`, got `int`" and "Invalid enum value 'x'", in Python's names and without what would
have been right. A caller who has to mend a request is told more: the exact place, the choices or the bounds, the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal, TypeGuard, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from penstock.wire.annotations import members
from penstock.wire.errors import ShapeError

__all__ = ["NO_FIT", "bounded", "is_array", "is_object", "mismatch", "one_of", "shown", "type_name", "wanted"]

NO_FIT = (msgspec.ValidationError, UnicodeEncodeError)
"""What `msgspec.convert` raises on a value of the wrong type; the second where a lone surrogate is in it."""
SHOWN_CHARACTERS = 40
"""Longest string an error repeats; of a longer one it tells the length."""

_NAMES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_UNITS: dict[type, str] = {str: "characters", list: "entries", dict: "keys"}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether `value` is a JSON object."""
    return type(value) is dict


def is_array(value: object) -> TypeGuard[list[object]]:
    """Whether `value` is a JSON array."""
    return type(value) is list


def type_name(value: object) -> str:
    """Return what JSON calls `value`: "a string", "null", "an object" ..."""
    return _NAMES.get(type(value), f"a Python {type(value).__name__}")


def shown(value: object) -> str:
    """Return `value` as an error tells of it: itself where it is short, else what it is."""
    if type(value) is str:
        return repr(value) if len(value) <= SHOWN_CHARACTERS else f"a string of {len(value)} characters"
    if type(value) in (bool, int, float) and len(text := _number(value)) <= SHOWN_CHARACTERS:
        return text
    return type_name(value)


def _number(value: object) -> str:
    try:
        return _json(value)
    except ValueError:  # Python refuses to write thousands of digits
        return " " * (SHOWN_CHARACTERS + 1)


def mismatch(annotation: object, value: object, path: str) -> ShapeError:
    """Return the error for a `value` at `path` that is no `annotation`: it names the innermost place that is wrong."""
    kind = type(value)
    for member in members(annotation):
        bare, bounds = _bare(member)
        if _python_type(bare) not in ((float, int) if kind is int else (kind,)):
            continue
        if is_array(value):
            (inner,) = get_args(bare)
            for index, entry in enumerate(value):
                if not _fits(inner, entry):
                    return mismatch(inner, entry, f"{path}[{index}]")
        if is_object(value):
            key_type, inner = get_args(bare)
            for key, entry in value.items():
                if not _fits(key_type, key):
                    return ShapeError(path, f"expected every key to be {bounded(key_type)}, got {shown(key)}")
                if not _fits(inner, entry):
                    return mismatch(inner, entry, f"{path}{_step(key)}")
        if bounds:
            got = str(len(value)) if is_array(value) or is_object(value) else shown(value)
            return ShapeError(path, f"expected {bounded(member)}, got {got}")
    return ShapeError(path, f"expected {wanted(annotation)}, got {shown(value)}")


@cache
def wanted(annotation: object) -> str:
    """Return what may stand where `annotation` is: "a string", "'low', 'high' or null"."""
    words: dict[str, None] = {}
    for member in members(annotation):
        bare, _ = _bare(member)
        if get_origin(bare) is Literal:
            words.update(dict.fromkeys(map(repr, get_args(bare))))
        else:
            python = _python_type(bare)
            words["an integer" if python is int else _NAMES[python]] = None
    if "null" in words:
        words["null"] = words.pop("null")  # last
    return one_of(list(words))


def one_of(words: Sequence[str]) -> str:
    """Return the alternatives as a list that is spoken: "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def bounded(annotation: object) -> str:
    """Return one type with its bounds: "a string of at most 64 characters", "an integer from 0 to 20"."""
    bare, bounds = _bare(annotation)
    name = wanted(bare)
    if not bounds:
        return name
    unit = _UNITS.get(_python_type(bare))
    if unit is None:
        low = max((meta.ge for meta in bounds if meta.ge is not None), default=None)
        high = min((meta.le for meta in bounds if meta.le is not None), default=None)
        return f"{name} {'of' if None in (low, high) else 'from'} {_range(low, high)}"
    shortest = max((meta.min_length for meta in bounds if meta.min_length is not None), default=None)
    longest = min((meta.max_length for meta in bounds if meta.max_length is not None), default=None)
    pattern = next((f", matching {meta.pattern}" for meta in bounds if meta.pattern is not None), "")
    return f"{name} of {_range(shortest, longest)} {unit}{pattern}"


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _bare(annotation: object) -> tuple[object, list[Meta]]:
    """Return a type without its bounds, and the bounds."""
    if get_origin(annotation) is Annotated:
        bare, *bounds = get_args(annotation)
        return bare, bounds
    return annotation, []


def _python_type(bare: Any) -> type:  # noqa: ANN401 - an annotation can be anything
    """Return the Python type of the JSON a type is read from."""
    if isinstance(bare, type) and issubclass(bare, Struct):
        return dict
    python: type = get_origin(bare) or bare  # pyright: ignore[reportUnknownVariableType]  # a type without arguments
    return python


def _fits(annotation: object, value: object) -> bool:
    try:
        msgspec.convert(value, annotation)
    except NO_FIT:
        return False
    return True


def _json(value: object) -> str:
    import json  # noqa: PLC0415 - rarely needed, and a part of the time to import Penstock

    return json.dumps(value)


def _step(key: str) -> str:
    """Return the last step of a path, to the value of `key`."""
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{_json(key)}]"
