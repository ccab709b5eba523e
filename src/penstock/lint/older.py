"""Where the document of 2026-01-15 asks for something else than that of 2026-04-24.

It asks for `logprobs` on every text event and output text part; it has no `phase` and no compaction items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

__all__ = ["OLDER_VERSION", "absent_logprobs", "has_newer_objects"]

OLDER_VERSION: Final = "2026-01-15"
_TEXT_EVENTS: Final = ("response.output_text.delta", "response.output_text.done")


def absent_logprobs(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the places in an event where the older document asks for log probabilities, and there are none."""
    if fields.get("type") in _TEXT_EVENTS and "logprobs" not in fields:
        yield "logprobs"
    for path, part in _parts(fields):
        if isinstance(part, dict) and part.get("type") == "output_text" and "logprobs" not in part:
            yield f"{path}.logprobs"


def has_newer_objects(fields: dict[str, Any]) -> bool:
    """Whether an event holds what only the newer document has."""
    return any(
        isinstance(item, dict) and (item.get("type") == "compaction" or "phase" in item) for _, item in _items(fields)
    )


def _items(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "item" in fields:
        yield "item", fields["item"]
    response = fields.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    for index, item in enumerate(output if isinstance(output, list) else []):
        yield f"response.output[{index}]", item


def _parts(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "part" in fields:
        yield "part", fields["part"]
    for path, item in _items(fields):
        content = item.get("content") if isinstance(item, dict) else None
        for index, part in enumerate(content if isinstance(content, list) else []):
            yield f"{path}.content[{index}]", part
