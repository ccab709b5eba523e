"""Reading JSON that a provider sent, whatever it is: values by their JSON type, and what was not understood, kept.

All adapters read in two ways. The exact one is a msgspec call into their own Structs and carries what the provider
documents. The tolerant one goes through these functions: a value of another type than the API's counts as absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TypeVar, cast

import msgspec

from penstock.spec.base import NOTHING, Extra, JsonObject
from penstock.stream.checks import LEAST_LOGPROB
from penstock.stream.fold import whole_text
from penstock.wire.wording import is_array, is_object

__all__ = [
    "WRONG_JSON",
    "as_integer",
    "as_list",
    "as_logprob",
    "as_object",
    "as_text",
    "each",
    "json_text",
    "kept",
    "read_json",
    "read_object",
]

T = TypeVar("T")

WRONG_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on what it does not read."""


_decode_any = msgspec.json.Decoder().decode


def json_text(value: object) -> str:
    """Return plain JSON data as compact JSON text; what is nested too deeply to be written is null."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return "null"


def as_object(value: object) -> JsonObject | None:
    """Return a JSON object as it is, None for anything else."""
    return cast("JsonObject", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """Return a JSON array as it is, None for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else None


def as_text(value: object) -> str | None:
    """Return a string as it is, None for anything else."""
    return value if isinstance(value, str) else None


def as_integer(value: object) -> int | None:
    """Return a whole number as an int, however JSON wrote it; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def as_logprob(value: object) -> float:
    """Return a log probability as it can be written; what is no number counts as minus infinity."""
    whole = as_integer(value)
    if whole is not None:  # which may have any number of digits
        return float(max(min(whole, 0), LEAST_LOGPROB))
    return value if isinstance(value, float) else LEAST_LOGPROB


def read_json(data: bytes) -> object:
    """Return the JSON in `data`; raise ValueError where there is none.

    Wider than msgspec: lone surrogates in escapes and raw control characters in strings are kept, and NaN, infinity and
    numbers beyond all bounds are null, so that whatever comes out can be written again.
    """
    try:
        value: object = _decode_any(data)
    except WRONG_JSON:
        try:
            text = data.decode("utf-8", "replace")
            value = json.loads(text, strict=False, parse_float=_finite, parse_constant=_finite)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    return value


def read_object(data: bytes, *, unwrap: bool = False) -> JsonObject:
    """Return the JSON object in `data`; raise ValueError where there is none.

    With `unwrap` an array of one object counts as the object, for that is how Google wraps errors.
    """
    value = read_json(data)
    elements = as_list(value) if unwrap else None
    fields = as_object(elements[0] if elements and len(elements) == 1 else value)
    if fields is None:
        raise ValueError("no JSON object")
    return fields


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def each(read: Callable[[object], T | None], value: object) -> list[T] | None:
    """Return what `read` makes of each element of a list, without those it makes nothing of; None for no list."""
    elements = as_list(value)
    if elements is None:
        return None
    return [element for element in map(read, elements) if element is not None]


def kept(fields: JsonObject) -> Extra:
    """Return what of a reply has no field of its own, as it can be written: without lone surrogates."""
    return Extra({whole_text(key): _whole(value) for key, value in fields.items()}) if fields else NOTHING


def _whole(value: object) -> object:
    if isinstance(value, str):
        return whole_text(value)
    if is_array(value):
        return [_whole(entry) for entry in value]
    if is_object(value):
        return {whole_text(key): _whole(entry) for key, entry in value.items()}
    return value
