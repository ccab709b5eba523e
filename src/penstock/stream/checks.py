"""What a writer does with values that JSON or UTF-8 cannot hold, and with figures that contradict themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec
from msgspec import UNSET, Struct

from penstock.spec.base import NOTHING, Extra, SpecObject, UnknownObject
from penstock.spec.content import LogProb
from penstock.spec.response import InputTokensDetails, OutputTokensDetails, ResponseUsage
from penstock.stream.fold import whole_text
from penstock.stream.machine import StreamStateError
from penstock.stream.output import Usage

__all__ = ["checked", "checked_json", "checked_logprobs", "checked_text", "json_text", "response_usage", "split_text"]

StructT = TypeVar("StructT", bound=Struct)

LEAST_LOGPROB = -9999.0
"""What minus infinity is written as: JSON has no infinity, and this is the figure providers use for it."""


def checked_text(text: object, what: str) -> str:
    """Return `text`; raise StreamStateError, saying `what` it was for, where it is no string."""
    if not isinstance(text, str):
        raise StreamStateError(f"{what}: {text!r} is no text")
    return text


def split_text(text: str) -> tuple[str, str]:
    """Return what of `text` can be sent, and the half surrogate pair at its end whose other half is still to come.

    Producers that count in UTF-16 cut emoji in two. Surrogates that stay alone become U+FFFD.
    """
    rest = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    return whole_text(text[: len(text) - len(rest)]), rest


def checked(value: StructT, path: str) -> StructT:
    """Return an object of the specification as it can be sent.

    Its texts are whole, minus infinity is `LEAST_LOGPROB`, and nothing in `extra` speaks against its fields: a tolerant
    reading keeps there what had the wrong type. Raises StreamStateError, with the path, for what JSON cannot hold.
    """
    if isinstance(value, UnknownObject):
        checked_json(value.fields, path)
        return value
    changed: dict[str, Any] = {}
    for field in value.__struct_fields__:
        old = getattr(value, field)
        new = _checked_extra(value, path) if field == "extra" else _checked_value(old, f"{path}.{field}")
        if new is not old:
            changed[field] = new
    return msgspec.structs.replace(value, **changed) if changed else value


def _checked_value(value: object, path: str) -> object:
    match value:
        case str():
            return whole_text(value)
        case float():
            return _finite(value, path)
        case list():
            old = cast("list[object]", value)
            entries = [_checked_value(entry, f"{path}[{index}]") for index, entry in enumerate(old)]
            same = all(new is was for new, was in zip(entries, old, strict=True))
            return old if same else entries
        case SpecObject():
            return checked(value, path)
        case dict():
            checked_json(cast("dict[str, object]", value), path)
            return cast("dict[str, object]", value)
        case _:
            return value


def _checked_extra(value: Struct, path: str) -> Extra:
    """Return the `extra` of an object without what its own fields tell."""
    extra: Extra = getattr(value, "extra", NOTHING)
    known = {*value.__struct_encode_fields__, value.__struct_config__.tag_field}
    kept = {key: entry for key, entry in extra.items() if key not in known and entry is not UNSET}
    checked_json(kept, path)
    if len(kept) == len(extra):
        return extra
    return Extra(kept) if kept else NOTHING


def checked_logprobs(logprobs: list[LogProb] | None) -> list[LogProb] | None:
    """Return `logprobs` as they can be sent; None where there are none. Raises StreamStateError as `checked` does."""
    return [checked(entry, f"logprobs[{index}]") for index, entry in enumerate(logprobs)] if logprobs else None


def _finite(value: float, path: str) -> float:
    if math.isfinite(value):
        return value
    if value < 0:
        return LEAST_LOGPROB
    raise StreamStateError(f"{path}: {value} is no JSON number")


def checked_json(value: object, path: str) -> None:
    """Raise StreamStateError, with its path, for anything in `value` that JSON cannot hold."""
    try:
        _check_json(value, path)
    except RecursionError:
        raise StreamStateError(f"{path}: nested too deeply, or holds itself") from None


def _check_json(value: object, path: str) -> None:
    match value:
        case None | bool() | int():
            pass
        case str():
            if whole_text(value) != value:
                raise StreamStateError(f"{path}: a lone surrogate is no Unicode text")
        case float():
            if not math.isfinite(value):
                raise StreamStateError(f"{path}: {value} is no JSON number")
        case list() | tuple():
            for index, entry in enumerate(cast("Sequence[object]", value)):
                _check_json(entry, f"{path}[{index}]")
        case Mapping():
            for key, entry in cast("Mapping[object, object]", value).items():
                if not isinstance(key, str) or whole_text(key) != key:
                    raise StreamStateError(f"{path}: the key {key!r} is no string that JSON can hold")
                _check_json(entry, f"{path}.{key}")
        case _:
            raise StreamStateError(f"{path}: {type(value).__name__} is no JSON value")


def json_text(arguments: str | Mapping[str, object]) -> str:
    """Return the arguments of a call as JSON text."""
    if isinstance(arguments, str):
        return arguments
    checked_json(arguments, "arguments")
    return msgspec.json.encode(arguments, enc_hook=dict).decode()


def response_usage(usage: Usage | None) -> ResponseUsage:
    """Return the figures in the specification's form, consistent with each other.

    The total is the sum, and a detail is at most what it is a detail of: some providers send figures that are not.
    """
    if usage is None:
        usage = Usage(input_tokens=0, output_tokens=0)
    read, written = max(usage.input_tokens, 0), max(usage.output_tokens, 0)
    return ResponseUsage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_tokens_details=InputTokensDetails(cached_tokens=min(max(usage.cached_tokens, 0), read)),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=min(max(usage.reasoning_tokens, 0), written)),
        extra=usage.extra,
    )
