"""Streams with faults that are told one by one."""

from __future__ import annotations

from penstock.lint.examples import Example, change, drop

GOOD = Example(base="text")
THREE = Example(
    base="text",
    edits=(
        drop("response.content_part.added"),
        change("response.output_text.delta", "item_id", "msg_other", 1),
        change("response.completed", "response.output", []),
    ),
)
"""A part that is not added, an id that changes, an end that forgets everything."""
WARNED = Example(base="text", framing=lambda data: data.replace(b"data: ", b"id: 1\ndata: ", 1))
"""Nothing worse than a warning."""
