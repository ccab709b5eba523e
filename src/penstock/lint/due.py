"""Which value is due where the event, or the place in it, leaves less choice than the schema does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.lint.shape import Problem, without_indexes

__all__ = ["value_due"]

_COMPLETED: Final = "response.completed"
_DUE: Final[Mapping[tuple[str, str], str]] = {
    ("response.created", "response.status"): "in_progress or queued",
    ("response.queued", "response.status"): "queued",
    ("response.in_progress", "response.status"): "in_progress",
    (_COMPLETED, "response.status"): "completed",
    ("response.failed", "response.status"): "failed",
    ("response.incomplete", "response.status"): "incomplete",
    (_COMPLETED, "response.output[].status"): "completed",
    ("response.output_item.added", "item.status"): "in_progress",
    ("response.output_item.done", "item.status"): "completed or incomplete",
}
"""By the type of the event and the path."""
_OF_OUTPUT: Final = ("item.role", "response.output[].role")
"""Where the role of a message stands that the model made."""


def value_due(event_type: str, problem: Problem) -> str:
    """Return which value is due where `problem` found one that no enumeration has; empty where that is not known."""
    if problem.kind != "value":
        return ""
    path = without_indexes(problem.path)
    return "assistant" if path in _OF_OUTPUT else _DUE.get((event_type, path), "")
