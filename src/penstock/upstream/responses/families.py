"""The four kinds of content that deltas stream, and the events each is said with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from penstock.spec import events as e
from penstock.spec.content import (
    Content,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
)

__all__ = [
    "FAMILY_OF",
    "REASONING",
    "REFUSAL",
    "STANDARD_ITEMS",
    "SUMMARY",
    "TEXT",
    "Family",
    "family_of_item",
    "family_of_part",
]

STANDARD_ITEMS: Final = frozenset({"message", "reasoning", "function_call", "function_call_output", "compaction"})
_STANDARD_PARTS: Final = frozenset(
    {
        "output_text",
        "refusal",
        "reasoning_text",
        "text",
        "summary_text",
        "input_text",
        "input_image",
        "input_file",
        "input_video",
    }
)


class Family(Struct, frozen=True):
    """A kind of content: the item it belongs to, the parts it may go to, its events, and the part that is implied."""

    item: str
    parts: frozenset[str]
    delta: Any
    done: Any
    said_in: str
    """The field of its done event that holds the text."""
    empty: Content
    is_summary: bool = False

    def takes(self, part: str) -> bool:
        """Whether such content may go to a part of this kind; of a stranger's own nothing is known."""
        return part in self.parts or part not in _STANDARD_PARTS


TEXT: Final = Family(
    "message",
    frozenset({"output_text"}),
    e.OutputTextDelta,
    e.OutputTextDone,
    "text",
    OutputTextContent(text="", annotations=[]),
)
REFUSAL: Final = Family(
    "message", frozenset({"refusal"}), e.RefusalDelta, e.RefusalDone, "refusal", RefusalContent(refusal="")
)
REASONING: Final = Family(
    "reasoning",
    frozenset({"reasoning_text", "output_text", "text"}),
    e.ReasoningDelta,
    e.ReasoningDone,
    "text",
    ReasoningTextContent(text=""),
)
SUMMARY: Final = Family(
    "reasoning",
    frozenset({"summary_text"}),
    e.ReasoningSummaryTextDelta,
    e.ReasoningSummaryTextDone,
    "text",
    SummaryTextContent(text=""),
    is_summary=True,
)

FAMILY_OF: Final[Mapping[type[e.Event], Family]] = {
    cls: family for family in (TEXT, REFUSAL, REASONING, SUMMARY) for cls in (family.delta, family.done)
}


def family_of_part(part: str, item: str, *, is_summary: bool) -> Family | None:
    """Return how a part of this kind in such an item is streamed; None where no deltas are expected."""
    families = (SUMMARY,) if is_summary else (TEXT, REFUSAL, REASONING)
    for family in families:
        if part in family.parts and (family.item == item or item not in STANDARD_ITEMS):
            return family
    return None


def family_of_item(item: str, *, is_summary: bool) -> Family:
    """Return how text in an item of this kind is streamed, where its part does not tell."""
    if is_summary:
        return SUMMARY
    return REASONING if item == "reasoning" else TEXT
