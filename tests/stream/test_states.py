"""The grammar, cell by cell.

Both snapshots are there to be read: a change of a table shows as a change of `state_table.txt` or `event_table.txt`.
After a change that is meant, write them anew with `python -m tests.stream.test_states` and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.content import (
    Content,
    InputImageContent,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
)
from penstock.stream.machine import ItemMachine, PartMachine, StreamMachine, step
from penstock.stream.states import (
    ITEM_TABLE,
    PART_TABLE,
    RESPONSE_TABLE,
    ItemInput,
    ItemState,
    OrderRule,
    PartInput,
    PartState,
    ResponseInput,
    ResponseState,
)
from tests.stream.samples import ITEMS, RESPONSE, event, extension_part

FOLDER = Path(__file__).parent


def grid(title: str, rows: list[str], columns: list[str], cell: Callable[[int, int], str]) -> Iterator[str]:
    """A table as text: one line a row, columns as wide as they must be."""
    lines = [["", *columns], *([row, *(cell(r, c) for c in range(len(columns)))] for r, row in enumerate(rows))]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns) + 1)]
    yield f"{title}"
    for line in lines:
        yield "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
    yield ""


def state_table() -> str:
    """The tables: rows are inputs, columns are states; a cell is `rule -> state`."""
    lines = [
        "The tables of penstock.stream.states. Down: what comes. Across: where the machine is. A cell: where it goes;",
        "before that, in parentheses, the rule that the step breaks.",
        "",
    ]
    tables: list[tuple[str, Mapping[Any, Any], type[Enum], type[Enum]]] = [
        ("RESPONSE", RESPONSE_TABLE, ResponseInput, ResponseState),
        ("ITEM", ITEM_TABLE, ItemInput, ItemState),
        ("PART", PART_TABLE, PartInput, PartState),
    ]
    for title, table, inputs, states in tables:

        def cell(row: int, column: int) -> str:
            found = table[list(states)[column], list(inputs)[row]]  # noqa: B023 - used at once
            name: str = found.state.name
            return f"({found.rule.value}) {name}" if found.rule else name

        lines += grid(title, [i.value for i in inputs], [s.name for s in states], cell)
    return "\n".join(lines)


PARTS: dict[str, Content] = {
    "output_text": OutputTextContent(text="", annotations=[]),
    "refusal": RefusalContent(refusal=""),
    "reasoning_text": ReasoningTextContent(text=""),
    "summary_text": SummaryTextContent(text=""),
    "input_image": InputImageContent(image_url=None, detail="auto"),
    "acme:part": extension_part(),
}
EVENTS: dict[str, e.ResponseStreamEvent] = {
    "created": event("ResponseCreated"),
    "created (queued)": event("ResponseCreated", response=replace(RESPONSE, status="queued")),
    "queued": event("ResponseQueued"),
    "in_progress": event("ResponseInProgress"),
    "completed": event("ResponseCompleted"),
    "incomplete": event("ResponseIncomplete"),
    "failed": event("ResponseFailed"),
    "error": event("ErrorEvent"),
    "extension": event("ExtensionEvent"),
    **{f"output_item.added {kind}": event("OutputItemAdded", item=item) for kind, item in ITEMS.items()},
    **{f"output_item.done {kind}": event("OutputItemDone", item=item) for kind, item in ITEMS.items()},
    **{f"content_part.added {kind}": event("ContentPartAdded", part=part) for kind, part in PARTS.items()},
    "content_part.done": event("ContentPartDone"),
    "reasoning_summary_part.added summary_text": event("ReasoningSummaryPartAdded", part=PARTS["summary_text"]),
    "reasoning_summary_part.added acme:part": event("ReasoningSummaryPartAdded", part=PARTS["acme:part"]),
    "reasoning_summary_part.done": event("ReasoningSummaryPartDone", part=PARTS["summary_text"]),
    **{
        cls.__struct_config__.tag.removeprefix("response."): event(cls.__name__)  # type: ignore[union-attr]
        for cls in e.STANDARD_EVENTS
        if issubclass(cls, e.ItemEvent) and not {"item", "part"} & set(cls.__struct_fields__)
    },
}
"""Every event of the specification, as often as what it carries makes a difference, and an extension."""


def machine_at(
    response: ResponseState = ResponseState.IN_PROGRESS,
    kind: str = "",
    item: ItemState = ItemState.ABSENT,
    part: str = "",
    at: PartState = PartState.ABSENT,
) -> StreamMachine:
    """A machine that is there already. The part stands where such a part stands: in `content[0]` or `summary[0]`."""
    machine = StreamMachine()
    machine.state = response
    if item is not ItemState.ABSENT:
        machine.items[0] = found = ItemMachine()
        found.kind, found.state = kind, item
        if item is not ItemState.DONE:
            machine.open_items[0] = None
        if part:
            made = PartMachine()
            made.kind, made.state = part, at
            (found.summary if part == "summary_text" else found.content)[0] = made
    return machine


def places() -> Iterator[tuple[str, list[tuple[str, Callable[[], StreamMachine]]]]]:
    """Every machine state: by title, the columns of one table."""
    yield (
        "THE RESPONSE, nothing open",
        [(state.name, lambda state=state: machine_at(state)) for state in ResponseState],  # type: ignore[misc]
    )
    yield (
        "THE RESPONSE, an open message",
        [
            (state.name, lambda state=state: machine_at(state, "message", ItemState.OPEN))  # type: ignore[misc]
            for state in ResponseState
        ],
    )
    for kind in ("message", "reasoning", "function_call", "acme:thing"):
        yield (
            f"AN ITEM of type {kind}, without parts",
            [
                (state.name, lambda kind=kind, state=state: machine_at(kind=kind, item=state))  # type: ignore[misc]
                for state in ItemState
            ],
        )
    for kind, part in (
        ("message", "output_text"),
        ("message", "refusal"),
        ("message", "input_image"),
        ("message", "acme:part"),
        ("reasoning", "reasoning_text"),
        ("reasoning", "output_text"),
        ("reasoning", "summary_text"),
        ("acme:thing", "output_text"),
    ):
        yield (
            f"A PART of type {part}, in an open item of type {kind}",
            [
                (
                    state.name,
                    lambda kind=kind, part=part, state=state: machine_at(  # type: ignore[misc]
                        kind=kind, item=ItemState.OPEN, part=part, at=state
                    ),
                )
                for state in PartState
                if state is not PartState.ABSENT
            ],
        )


def where(machine: StreamMachine) -> str:
    """Where the innermost machine is."""
    item = machine.items.get(0)
    if item is None:
        return machine.state.name
    found = f"{item.kind or '?'} {item.state.name}"
    parts = [f"{p.kind or '?'} {p.state.name}" for p in (*item.content.values(), *item.summary.values())]
    return " / ".join([machine.state.name, found, *parts])


def moved(before: str, after: str) -> str:
    """What of `after` differs from `before`: a dot for nothing."""
    if before == after:
        return "."
    old, new = before.split(" / "), after.split(" / ")
    changed = [word for n, word in enumerate(new) if n >= len(old) or old[n] != word]
    return " / ".join(changed) or "(items forgotten)"


def event_table() -> str:
    """Every machine state times every event: the rule it breaks, and what of the machine changes."""
    lines = [
        "penstock.stream.machine.step. Down: the event, at output_index 0 and content_index 0. Across: where the machine",
        "is. A cell: the rule that the step breaks, in parentheses, and what of the machine changes; a dot for nothing.",
        "",
    ]
    for title, columns in places():

        def cell(row: int, column: int) -> str:
            machine = columns[column][1]()  # noqa: B023 - used at once
            before = where(machine)
            violation = step(machine, list(EVENTS.values())[row])
            change = moved(before, where(machine))
            return change if violation is None else f"({violation.rule.value}) {change}"

        lines += grid(title, list(EVENTS), [name for name, _ in columns], cell)
    return "\n".join(lines)


MAKERS = {"state_table.txt": state_table, "event_table.txt": event_table}


@pytest.mark.parametrize("name", MAKERS)
def test_the_grammar_is_what_was_reviewed(name: str) -> None:
    assert (FOLDER / name).read_text() == MAKERS[name]()


def test_every_event_of_the_specification_is_in_the_snapshot() -> None:
    assert {type(one) for one in EVENTS.values()} == {*e.STANDARD_EVENTS, e.ExtensionEvent}


@pytest.mark.parametrize(
    ("table", "states", "inputs"),
    [
        (RESPONSE_TABLE, ResponseState, ResponseInput),
        (ITEM_TABLE, ItemState, ItemInput),
        (PART_TABLE, PartState, PartInput),
    ],
)
def test_tables_are_total(table: Mapping[Any, Any], states: type[Enum], inputs: type[Enum]) -> None:
    assert set(table) == {(state, given) for state in states for given in inputs}


def test_every_rule_of_order_is_in_a_table() -> None:
    in_tables = {cell.rule for table in (RESPONSE_TABLE, ITEM_TABLE, PART_TABLE) for cell in table.values()}
    # The kinds of items and parts are no state: which content goes where is asked by the machine.
    assert set(OrderRule) - in_tables == {OrderRule.WRONG_CONTENT_FOR_PART}


def test_nothing_is_allowed_after_a_terminal_event() -> None:
    for state in (ResponseState.COMPLETED, ResponseState.FAILED, ResponseState.INCOMPLETE):
        assert state.is_terminal
        assert {RESPONSE_TABLE[state, given].rule for given in ResponseInput} == {OrderRule.EVENT_AFTER_TERMINAL}


def test_an_extension_event_never_moves_the_response() -> None:
    for state in ResponseState:
        assert RESPONSE_TABLE[state, ResponseInput.EXTENSION].state is state


def test_a_fault_is_found_once() -> None:
    """The same event again, right after it broke a rule, is what the machine now expects: no flood of findings."""
    repeatable = {PartInput.DELTA, PartInput.ANNOTATION}
    for (state, given), cell in PART_TABLE.items():
        if cell.rule is OrderRule.PART_NOT_ADDED and given in repeatable:
            assert PART_TABLE[cell.state, given].rule is None, (state, given)
    for (before, what), found in ITEM_TABLE.items():
        if found.rule is OrderRule.ITEM_NOT_ADDED and what in (ItemInput.CONTENT, ItemInput.ARGUMENTS_DELTA):
            assert ITEM_TABLE[found.state, what].rule is None, (before, what)


if __name__ == "__main__":
    for name, make in MAKERS.items():
        (FOLDER / name).write_text(make())
