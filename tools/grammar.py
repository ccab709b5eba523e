"""The page about the grammar: the three tables, as they stand in `penstock.stream.states`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from penstock.stream.states import (
    ITEM_TABLE,
    PART_TABLE,
    RESPONSE_TABLE,
    Cell,
    ItemInput,
    ItemState,
    OrderRule,
    PartInput,
    PartState,
    ResponseInput,
    ResponseState,
)

__all__ = ["grammar_pages"]

_HEAD = """# The grammar

The order of events is three tables: what a response, an item and a part may do next. The writer refuses a step that
breaks a rule, the reader raises on it, or notes it; none of them knows an order of its own.

An event moves up to three machines, outermost first. A text delta needs a response in progress, an item that is open
and a part that is open; the first that objects speaks. Each table is total: where a step breaks a rule, the cell says
which, and the machine goes where the event implies it already was, so that one fault stays one fault.

This page is made from `penstock.stream.states`. A row is what happens, a column the state it finds; a code in place of
a state is the rule that the step breaks.
"""

_OPTIONAL = """## What is not in the tables

- After `[DONE]` nothing is part of the stream; that is framing.
- Which item an event is about, and whether its numbers are right, is identity; the tables know order only.
- Items and parts of types the specification does not define take any content: of an extension nothing can be said.
"""


def grammar_pages() -> dict[str, str]:
    """Return the page about the grammar, by its path below `docs`."""
    parts = [
        _HEAD,
        *_table("The response", RESPONSE_TABLE, ResponseState, ResponseInput),
        *_table("An item", ITEM_TABLE, ItemState, ItemInput),
        *_table("A part of an item", PART_TABLE, PartState, PartInput),
        "## The rules\n",
        "| code | broken when |",
        "| --- | --- |",
        *(f"| {rule.value} | {rule.name.lower().replace('_', ' ')} |" for rule in OrderRule),
        "",
        _OPTIONAL,
    ]
    return {"grammar.md": "\n".join(parts).rstrip() + "\n"}


def _table(title: str, table: Mapping[Any, Any], states: Iterable[Enum], inputs: Iterable[Enum]) -> Iterator[str]:
    inputs = list(inputs)
    states = list(states)
    yield f"## {title}\n"
    # An input a row: there are more of them than states, and their names are long.
    yield "| what happens | " + " | ".join(state.value for state in states) + " |"
    yield "| --- |" + " --- |" * len(states)
    for given in inputs:
        cells = [_cell(table[state, given]) for state in states]
        yield f"| `{given.value}` | " + " | ".join(cells) + " |"
    yield ""


def _cell(cell: Cell[Any]) -> str:
    return f"→ {cell.state.value}" if cell.rule is None else f"**{cell.rule.value}**"
