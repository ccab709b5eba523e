"""The grammar of a stream, as three tables. Nothing else in Penstock knows the order of events.

A response, each of its items and each part of an item is a state machine (spec: "State machines", "Items are state
machines", "Items are streamable"). An event moves up to three of them, outermost first: a text delta needs a response
in progress, an item that is open, and a part that is open. Each table is total. A cell says where the machine goes and,
where the specification forbids the step, which rule it breaks; the machine then goes where the event implies it already
was, so that one fault is one fault. `penstock.stream.machine` reads the tables for whole streams: the writer and the
reader refuse a step that breaks a rule, the linter reports it; the tables do not know who is asking.

    response     NEW ── created ──> CREATED ── in_progress, output ──> IN_PROGRESS ──> COMPLETED, INCOMPLETE, FAILED
                   └─ created, queued ──> WAITING ── queued ──> QUEUED ── in_progress ──┘     error ──> ERROR ──> FAILED
    item         ABSENT ── added ──> OPEN ── done ──> DONE
                                       └─ arguments ──> ARGUMENTS ──> ARGUMENTS_DONE ── done ──┘
    part         ABSENT ── added ──> OPEN ── <content>.done ──> CONTENT_DONE ── done ──> DONE
                   └─ added, nothing to stream ──> WHOLE ── done ──────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Generic, TypeVar

from msgspec import Struct

__all__ = [
    "ITEM_TABLE",
    "PART_TABLE",
    "RESPONSE_TABLE",
    "Cell",
    "ItemInput",
    "ItemState",
    "OrderRule",
    "PartInput",
    "PartState",
    "ResponseInput",
    "ResponseState",
]


class OrderRule(Enum):
    """The rules about order that a step can break; the value is the rule's code."""

    CREATED_NOT_FIRST = "OR301"
    LIFECYCLE_OUT_OF_ORDER = "OR302"
    EVENT_AFTER_TERMINAL = "OR303"
    ITEM_NOT_ADDED = "OR304"
    PART_NOT_ADDED = "OR305"
    DELTA_AFTER_DONE = "OR306"
    CONTENT_DONE_ABSENT = "OR307"
    PART_DONE_ABSENT = "OR308"
    ITEM_DONE_ABSENT = "OR309"
    DONE_TWICE = "OR310"
    WRONG_CONTENT_FOR_PART = "OR311"
    ERROR_NOT_FOLLOWED_BY_FAILED = "OR606"


class ResponseState(Enum):
    """Where a response is."""

    NEW = "new"
    CREATED = "created"
    WAITING = "created, to be queued"
    QUEUED = "queued"
    IN_PROGRESS = "in progress"
    ERROR = "in error"
    COMPLETED = "completed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"

    @property
    def is_terminal(self) -> bool:
        """Whether the response has ended."""
        return self in _TERMINAL


_TERMINAL: Final = frozenset({ResponseState.COMPLETED, ResponseState.FAILED, ResponseState.INCOMPLETE})


class ResponseInput(Enum):
    """What an event means to the response. The value is the event's type, or a word where several share one."""

    CREATED = "response.created"
    CREATED_QUEUED = "response.created (queued)"
    QUEUED = "response.queued"
    IN_PROGRESS = "response.in_progress"
    OUTPUT = "output"
    COMPLETED = "response.completed"
    COMPLETED_OPEN = "response.completed (items open)"
    INCOMPLETE = "response.incomplete"
    INCOMPLETE_OPEN = "response.incomplete (items open)"
    FAILED = "response.failed"
    ERROR = "error"
    EXTENSION = "extension"


class ItemState(Enum):
    """Where an item is."""

    ABSENT = "absent"
    OPEN = "open"
    ARGUMENTS = "open, arguments begun"
    ARGUMENTS_DONE = "open, arguments done"
    DONE = "done"


class ItemInput(Enum):
    """What an event means to its item."""

    ADDED = "response.output_item.added"
    CONTENT = "content"
    ARGUMENTS_DELTA = "response.function_call_arguments.delta"
    ARGUMENTS_DONE = "response.function_call_arguments.done"
    DONE = "response.output_item.done"
    DONE_OPEN = "response.output_item.done (parts open)"


class PartState(Enum):
    """Where a content part, or a part of a reasoning summary, is."""

    ABSENT = "absent"
    WHOLE = "open, nothing streamed"
    OPEN = "open"
    CONTENT_DONE = "open, content done"
    DONE = "done"


class PartInput(Enum):
    """What an event means to its part."""

    ADDED = "part added"
    ADDED_WHOLE = "part added (no deltas expected)"
    DELTA = "delta"
    ANNOTATION = "annotation"
    CONTENT_DONE = "content done"
    DONE = "part done"


State = TypeVar("State", ResponseState, ItemState, PartState)


class Cell(Struct, Generic[State], frozen=True):
    """One cell of a table: the state after the step, and the rule the step breaks, if it does."""

    state: State
    rule: OrderRule | None = None


def _response_table() -> Mapping[tuple[ResponseState, ResponseInput], Cell[ResponseState]]:
    s, i, r = ResponseState, ResponseInput, OrderRule
    goes: dict[ResponseInput, ResponseState] = {
        i.CREATED: s.CREATED,
        i.CREATED_QUEUED: s.WAITING,
        i.QUEUED: s.QUEUED,
        i.IN_PROGRESS: s.IN_PROGRESS,
        i.OUTPUT: s.IN_PROGRESS,
        i.COMPLETED: s.COMPLETED,
        i.COMPLETED_OPEN: s.COMPLETED,
        i.INCOMPLETE: s.INCOMPLETE,
        i.INCOMPLETE_OPEN: s.INCOMPLETE,
        i.FAILED: s.FAILED,
        i.ERROR: s.ERROR,
    }
    lifecycle = {i.QUEUED, i.IN_PROGRESS, i.OUTPUT, i.COMPLETED, i.INCOMPLETE}
    # What each state lets happen; every other input breaks the rule in `broken`, or the default of its state.
    legal: dict[ResponseState, set[ResponseInput]] = {
        s.NEW: {i.CREATED, i.CREATED_QUEUED},
        s.CREATED: lifecycle | {i.FAILED, i.ERROR},
        s.WAITING: {i.QUEUED, i.IN_PROGRESS, i.FAILED, i.ERROR},
        s.QUEUED: {i.IN_PROGRESS, i.FAILED, i.ERROR},
        s.IN_PROGRESS: {i.OUTPUT, i.COMPLETED, i.INCOMPLETE, i.FAILED, i.ERROR},
        s.ERROR: {i.FAILED, i.ERROR},
        s.COMPLETED: set(),
        s.FAILED: set(),
        s.INCOMPLETE: set(),
    }
    otherwise: dict[ResponseState, OrderRule] = {
        s.NEW: r.CREATED_NOT_FIRST,
        s.CREATED: r.LIFECYCLE_OUT_OF_ORDER,
        s.WAITING: r.LIFECYCLE_OUT_OF_ORDER,
        s.QUEUED: r.LIFECYCLE_OUT_OF_ORDER,
        s.IN_PROGRESS: r.LIFECYCLE_OUT_OF_ORDER,
        s.ERROR: r.ERROR_NOT_FOLLOWED_BY_FAILED,
        s.COMPLETED: r.EVENT_AFTER_TERMINAL,
        s.FAILED: r.EVENT_AFTER_TERMINAL,
        s.INCOMPLETE: r.EVENT_AFTER_TERMINAL,
    }
    table: dict[tuple[ResponseState, ResponseInput], Cell[ResponseState]] = {}
    for state in s:
        for given in i:
            rule = otherwise[state]
            if given is i.EXTENSION:
                # An implementor's event never touches the response; only after its end may nothing come at all.
                table[state, given] = Cell(state, rule if state.is_terminal else None)
                continue
            after = goes[given]
            if given in legal[state]:
                table[state, given] = Cell(after)
                continue
            if not state.is_terminal and state is not s.NEW:
                if given in (i.CREATED, i.CREATED_QUEUED):
                    rule, after = r.CREATED_NOT_FIRST, state
                elif given in (i.COMPLETED_OPEN, i.INCOMPLETE_OPEN) and state in (s.CREATED, s.IN_PROGRESS):
                    rule = r.ITEM_DONE_ABSENT
                elif given is i.QUEUED and state is s.IN_PROGRESS:
                    after = state
            table[state, given] = Cell(after, rule)
    return table


def _item_table() -> Mapping[tuple[ItemState, ItemInput], Cell[ItemState]]:
    s, i, r = ItemState, ItemInput, OrderRule
    rows: dict[ItemState, dict[ItemInput, Cell[ItemState]]] = {
        s.ABSENT: {
            i.ADDED: Cell(s.OPEN),
            i.CONTENT: Cell(s.OPEN, r.ITEM_NOT_ADDED),
            i.ARGUMENTS_DELTA: Cell(s.ARGUMENTS, r.ITEM_NOT_ADDED),
            i.ARGUMENTS_DONE: Cell(s.ARGUMENTS_DONE, r.ITEM_NOT_ADDED),
            i.DONE: Cell(s.DONE, r.ITEM_NOT_ADDED),
            i.DONE_OPEN: Cell(s.DONE, r.ITEM_NOT_ADDED),
        },
        s.OPEN: {
            i.ADDED: Cell(s.OPEN, r.ITEM_NOT_ADDED),
            i.CONTENT: Cell(s.OPEN),
            i.ARGUMENTS_DELTA: Cell(s.ARGUMENTS),
            i.ARGUMENTS_DONE: Cell(s.ARGUMENTS_DONE),
            i.DONE: Cell(s.DONE),
            i.DONE_OPEN: Cell(s.DONE, r.PART_DONE_ABSENT),
        },
        s.ARGUMENTS: {
            i.ADDED: Cell(s.OPEN, r.ITEM_NOT_ADDED),
            # A function call has no parts, but that is for its kind to say: an extension's own item may have both.
            i.CONTENT: Cell(s.ARGUMENTS),
            i.ARGUMENTS_DELTA: Cell(s.ARGUMENTS),
            i.ARGUMENTS_DONE: Cell(s.ARGUMENTS_DONE),
            i.DONE: Cell(s.DONE, r.CONTENT_DONE_ABSENT),
            i.DONE_OPEN: Cell(s.DONE, r.PART_DONE_ABSENT),
        },
        s.ARGUMENTS_DONE: {
            i.ADDED: Cell(s.OPEN, r.ITEM_NOT_ADDED),
            i.CONTENT: Cell(s.ARGUMENTS_DONE),
            i.ARGUMENTS_DELTA: Cell(s.ARGUMENTS_DONE, r.DELTA_AFTER_DONE),
            i.ARGUMENTS_DONE: Cell(s.ARGUMENTS_DONE, r.DONE_TWICE),
            i.DONE: Cell(s.DONE),
            i.DONE_OPEN: Cell(s.DONE, r.PART_DONE_ABSENT),
        },
        s.DONE: {
            i.ADDED: Cell(s.OPEN, r.ITEM_NOT_ADDED),
            i.CONTENT: Cell(s.DONE, r.DELTA_AFTER_DONE),
            i.ARGUMENTS_DELTA: Cell(s.DONE, r.DELTA_AFTER_DONE),
            i.ARGUMENTS_DONE: Cell(s.DONE, r.DONE_TWICE),
            i.DONE: Cell(s.DONE, r.DONE_TWICE),
            i.DONE_OPEN: Cell(s.DONE, r.DONE_TWICE),
        },
    }
    return {(state, given): cell for state, row in rows.items() for given, cell in row.items()}


def _part_table() -> Mapping[tuple[PartState, PartInput], Cell[PartState]]:
    s, i, r = PartState, PartInput, OrderRule
    # Added a second time, it is another part under the same index: what comes next is about that one.
    again = {i.ADDED: Cell(s.OPEN, r.PART_NOT_ADDED), i.ADDED_WHOLE: Cell(s.WHOLE, r.PART_NOT_ADDED)}
    rows: dict[PartState, dict[PartInput, Cell[PartState]]] = {
        s.ABSENT: {
            i.ADDED: Cell(s.OPEN),
            i.ADDED_WHOLE: Cell(s.WHOLE),
            i.DELTA: Cell(s.OPEN, r.PART_NOT_ADDED),
            i.ANNOTATION: Cell(s.OPEN, r.PART_NOT_ADDED),
            i.CONTENT_DONE: Cell(s.CONTENT_DONE, r.PART_NOT_ADDED),
            i.DONE: Cell(s.DONE, r.PART_NOT_ADDED),
        },
        s.WHOLE: {
            **again,
            # Which kinds take deltas is for the kind to say; of an extension's own parts we know nothing.
            i.DELTA: Cell(s.OPEN),
            i.ANNOTATION: Cell(s.WHOLE),
            i.CONTENT_DONE: Cell(s.CONTENT_DONE),
            i.DONE: Cell(s.DONE),
        },
        s.OPEN: {
            **again,
            i.DELTA: Cell(s.OPEN),
            i.ANNOTATION: Cell(s.OPEN),
            i.CONTENT_DONE: Cell(s.CONTENT_DONE),
            i.DONE: Cell(s.DONE, r.CONTENT_DONE_ABSENT),
        },
        s.CONTENT_DONE: {
            **again,
            i.DELTA: Cell(s.CONTENT_DONE, r.DELTA_AFTER_DONE),
            # The specification orders deltas before `<content>.done`; of annotations it says nothing.
            i.ANNOTATION: Cell(s.CONTENT_DONE),
            i.CONTENT_DONE: Cell(s.CONTENT_DONE, r.DONE_TWICE),
            i.DONE: Cell(s.DONE),
        },
        s.DONE: {
            **again,
            i.DELTA: Cell(s.DONE, r.DELTA_AFTER_DONE),
            i.ANNOTATION: Cell(s.DONE, r.DELTA_AFTER_DONE),
            i.CONTENT_DONE: Cell(s.DONE, r.DONE_TWICE),
            i.DONE: Cell(s.DONE, r.DONE_TWICE),
        },
    }
    return {(state, given): cell for state, row in rows.items() for given, cell in row.items()}


RESPONSE_TABLE: Final = _response_table()
ITEM_TABLE: Final = _item_table()
PART_TABLE: Final = _part_table()
