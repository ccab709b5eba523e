"""Words for the things of a stream: items, arguments, usage, errors. Plain strings, for any screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from penstock.spec.content import (
    Annotation,
    Content,
    ExtensionContent,
    InputTextContent,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
    UrlCitation,
)
from penstock.spec.response import Response, ResponseUsage
from penstock.wire.codec import encode_plain, to_plain

__all__ = [
    "annotation_line",
    "compact_json",
    "count",
    "failure_words",
    "foreign_lines",
    "part_words",
    "pretty_json",
    "shortened",
    "usage_words",
]

_SHORT: Final = 72
"""The longest JSON, in characters, that stands on one line."""
_LONG_VALUE: Final = 200


def count(number: int, noun: str) -> str:
    """Return how many there are: `1 event`, `1,204 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shortened(text: str, limit: int = _LONG_VALUE) -> str:
    """Return `text`, or its beginning and how long it is."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def pretty_json(text: str) -> str:
    """Return JSON text laid out for reading: on one line if it is short. What is no JSON is returned as it is."""
    try:
        line = msgspec.json.format(text, indent=0)
        return line if len(line) <= _SHORT else msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def is_json(text: str) -> bool:
    """Return whether `text` is JSON."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


def compact_json(value: object) -> str:
    """Return any value of a stream as JSON on one line; `nothing` where there is none."""
    if value is UNSET:
        return "nothing"
    return encode_plain(to_plain(value)).decode("utf-8", "replace")


def part_words(part: Content) -> str:
    """Return a part's text, or what else it is."""
    match part:
        case OutputTextContent() | ReasoningTextContent() | SummaryTextContent() | TextContent() | InputTextContent():
            return part.text
        case RefusalContent():
            return part.refusal
        case ExtensionContent():
            return shortened(compact_json(part)) if part.fields else ""
        case _:
            return shortened(compact_json(part))


def annotation_line(number: int, annotation: Annotation) -> str:
    """Return an annotation on one line."""
    if isinstance(annotation, UrlCitation):
        place = f"characters {annotation.start_index} to {annotation.end_index}"
        words = (annotation.title, annotation.url, place)
        return f"({number}) " + ", ".join(word for word in words if word)
    return f"({number}) {shortened(compact_json(annotation))}"


def foreign_lines(fields: Mapping[str, object]) -> list[str]:
    """Return the fields of an object of a type the specification does not define, a line each."""
    lines: list[str] = []
    for key, value in fields.items():
        if key in {"id", "type", "status"} or value is None:
            continue
        text = value if isinstance(value, str) else compact_json(value)
        lines.append(f"{key}: {shortened(text)}")
    return lines


def usage_words(usage: ResponseUsage) -> str:
    """Return the token counts: `187 in (128 cached), 142 out (58 reasoning), 329 in all`."""
    cached = usage.input_tokens_details.cached_tokens
    reasoning = usage.output_tokens_details.reasoning_tokens
    return ", ".join(
        [
            f"{usage.input_tokens:,} in" + (f" ({cached:,} cached)" if cached else ""),
            f"{usage.output_tokens:,} out" + (f" ({reasoning:,} reasoning)" if reasoning else ""),
            f"{usage.total_tokens:,} in all",
        ]
    )


def failure_words(response: Response) -> str:
    """Return what a failed response says of its failure."""
    if response.error is None:
        return "no error is given"
    return ": ".join(word for word in (response.error.code, response.error.message) if word) or "no reason is given"
