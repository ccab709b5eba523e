"""Where the document of 2026-01-15 asks for something else than that of 2026-04-24.

It asks for `logprobs` on every text event and output text part; it has no `phase` and no compaction items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.wire.wording import is_array, is_object

__all__ = ["OLDER_VERSION", "absent_logprobs", "has_newer_objects"]

OLDER_VERSION: Final = "2026-01-15"
_TEXT_EVENTS: Final = ("response.output_text.delta", "response.output_text.done")


def absent_logprobs(fields: dict[str, object]) -> Iterator[str]:
    """Yield the places in an event where the older document asks for log probabilities, and there are none."""
    if fields.get("type") in _TEXT_EVENTS and "logprobs" not in fields:
        yield "logprobs"
    for path, part in _parts(fields):
        if is_object(part) and part.get("type") == "output_text" and "logprobs" not in part:
            yield f"{path}.logprobs"


def has_newer_objects(fields: dict[str, object]) -> bool:
    """Whether an event holds what only the newer document has."""
    return any(is_object(item) and (item.get("type") == "compaction" or "phase" in item) for _, item in _items(fields))


def _items(fields: dict[str, object]) -> Iterator[tuple[str, object]]:
    if "item" in fields:
        yield "item", fields["item"]
    response = fields.get("response")
    output = response.get("output") if is_object(response) else None
    for index, item in enumerate(output if is_array(output) else []):
        yield f"response.output[{index}]", item


def _parts(fields: dict[str, object]) -> Iterator[tuple[str, object]]:
    if "part" in fields:
        yield "part", fields["part"]
    for path, item in _items(fields):
        content = item.get("content") if is_object(item) else None
        for index, part in enumerate(content if is_array(content) else []):
            yield f"{path}.content[{index}]", part
