"""What a writer does with values that JSON or UTF-8 cannot hold, and with figures that contradict themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.spec.content import LogProb
from penstock.spec.response import InputTokensDetails, OutputTokensDetails, ResponseUsage
from penstock.stream.fold import whole_text
from penstock.stream.machine import StreamStateError
from penstock.stream.output import Usage

__all__ = ["checked_json", "checked_logprobs", "json_text", "response_usage", "split_text"]

LEAST_LOGPROB = -9999.0
"""What minus infinity is written as: JSON has no infinity, and this is the figure providers use for it."""


def split_text(text: str) -> tuple[str, str]:
    """Return what of `text` can be sent, and the half surrogate pair at its end whose other half is still to come.

    Producers that count in UTF-16 cut emoji in two. Surrogates that stay alone become U+FFFD.
    """
    rest = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    return whole_text(text[: len(text) - len(rest)]), rest


def checked_logprobs(logprobs: list[LogProb] | None) -> list[LogProb] | None:
    """Return `logprobs` with minus infinity as `LEAST_LOGPROB`; raise StreamStateError for what is no number."""
    if logprobs is None:
        return None
    checked: list[LogProb] = []
    for index, entry in enumerate(logprobs):
        top = [
            msgspec.structs.replace(other, logprob=_finite(other.logprob, f"logprobs[{index}].top_logprobs[{n}]"))
            for n, other in enumerate(entry.top_logprobs)
        ]
        value = _finite(entry.logprob, f"logprobs[{index}]")
        checked.append(msgspec.structs.replace(entry, logprob=value, top_logprobs=top))
    return checked


def _finite(value: float, path: str) -> float:
    if math.isfinite(value):
        return value
    if value < 0:
        return LEAST_LOGPROB
    raise StreamStateError(f"{path}.logprob: {value} is no JSON number")


def checked_json(value: object, path: str) -> None:
    """Raise StreamStateError, with its path, for anything in `value` that JSON cannot hold."""
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
            for index, entry in enumerate(value):
                checked_json(entry, f"{path}[{index}]")
        case Mapping():
            for key, entry in value.items():
                if not isinstance(key, str):
                    raise StreamStateError(f"{path}: the key {key!r} is no string")
                checked_json(entry, f"{path}.{key}")
        case _:
            raise StreamStateError(f"{path}: {type(value).__name__} is no JSON value")


def json_text(arguments: str | Mapping[str, object]) -> str:
    """Return the arguments of a call as JSON text."""
    if isinstance(arguments, str):
        return arguments
    checked_json(arguments, "arguments")
    plain: Any = dict(arguments)
    return msgspec.json.encode(plain).decode()


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
