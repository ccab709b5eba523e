"""Valid streams with one thing broken, and where at the earliest that can be seen.

A mutation takes the events of a valid stream (or its bytes) and gives every mutant of its kind: what it broke, and at
which event index the fault can first be known. That is the mutated event itself, except where an event says something
that only a later one contradicts; `Mutant.seen` then names that one, and None stands for the end of the stream.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from msgspec import Struct

from penstock.lint.examples import BASES, Events, base_events, written
from penstock.stream import output as o

__all__ = ["ALL", "MUTATIONS", "Mutant", "chosen", "mutants", "streams"]

ALL: Final = os.environ.get("PENSTOCK_MUTANTS") == "all"
"""Whether every mutant is tried; some of every class are, else."""


class Mutant(Struct, frozen=True):
    """One broken stream: `kind` and `what` name its class, `at` is the event that was broken, `seen` where it shows."""

    kind: str
    what: str
    data: bytes
    at: int
    seen: int | None

    @property
    def name(self) -> str:
        """Its class."""
        return f"{self.kind} {self.what}"


MORE_BASES: Final = {
    "everything": (
        o.Reasoning("Hm"),
        o.Reasoning("m."),
        o.ReasoningSummary("Thought"),
        o.ReasoningSummary("."),
        o.NewMessage("commentary"),
        o.Text("I look"),
        o.Text(" it up."),
        o.NewPart(),
        o.Text("Twice."),
        o.FunctionCall("get_level", call_id="call_1"),
        o.Arguments('{"gate":'),
        o.Arguments("1}"),
        o.FunctionCall("get_flow", call_id="call_2"),
        o.Arguments("{}"),
        o.Usage(input_tokens=9, output_tokens=4, cached_tokens=2, reasoning_tokens=1),
    ),
}


def streams() -> dict[str, Events]:
    """Return the valid streams that are broken."""
    every = {base: base_events(base) for base in BASES}
    every["queued"] = base_events("text", queued=True)
    every |= {name: written(outputs) for name, outputs in MORE_BASES.items()}
    return every


# ------------------------------------------------------------------------------------------------------------- framing


def frame(event: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (str(event.get("type", "")).encode(), dumps(event))


def dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


DONE: Final = b"data: [DONE]\n\n"


def sse(events: Events) -> bytes:
    return b"".join(map(frame, events)) + DONE


def renumbered(events: Events) -> Events:
    for number, event in enumerate(events):
        if "sequence_number" in event:
            event["sequence_number"] = number
    return events


# ---------------------------------------------------------------------------------------------- which event tells more

TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed")


def _item(event: dict[str, Any]) -> object:
    return event.get("output_index")


def _part(event: dict[str, Any]) -> tuple[object, ...]:
    return event.get("output_index"), event.get("content_index"), event.get("summary_index")


def _next(events: Events, index: int, wanted: Callable[[dict[str, Any]], bool]) -> int | None:
    """Return the index of the first event from `index` on that is wanted; None where there is none."""
    return next((at for at in range(index, len(events)) if wanted(events[at])), None)


def _ends(event: dict[str, Any]) -> bool:
    return event["type"] in TERMINAL


def _closes(event: dict[str, Any], lost: dict[str, Any]) -> bool:
    """Whether an event ends what a lost event was about."""
    name, kind = event["type"], lost["type"]
    if kind.endswith((".delta", "annotation.added")):
        stem = kind.rpartition(".")[0] if kind.endswith(".delta") else None
        if stem is not None:
            return name == f"{stem}.done" and _part(event) == _part(lost)
        return name == "response.content_part.done" and _part(event) == _part(lost)
    if kind.endswith("part.added"):
        return _part(event) == _part(lost) and name != "response.output_item.done"
    if kind == "response.output_item.added":
        # Another item that is added is not the next without this one.
        return _item(event) == _item(lost) or name == "response.output_item.added"
    if kind == "response.function_call_arguments.done":
        return name == "response.output_item.done" and _item(event) == _item(lost)
    if kind.endswith("part.done"):
        return name == "response.output_item.done" and _item(event) == _item(lost)
    if kind.endswith("_item.done"):
        return _ends(event)
    if kind.endswith(".done"):
        return name.endswith("part.done") and _part(event) == _part(lost)
    return True


def _missed(events: Events, index: int, lost: dict[str, Any]) -> int | None:
    """Return where it shows that `lost` is missing from `events`, which had it at `index`."""
    if lost["type"] in TERMINAL:
        return None
    seen = _next(events, index, lambda event: _closes(event, lost))
    # A response that failed in the middle of an item tells of it at its end.
    return seen if seen is not None else _next(events, index, _ends)


# ------------------------------------------------------------------------------------------------------ whole events

Mutation = Callable[[Events], Iterator[Mutant]]
MUTATIONS: Final[dict[str, Mutation]] = {}


def mutation(make: Mutation) -> Mutation:
    MUTATIONS[make.__name__.replace("_", " ")] = make
    return make


def _copy(events: Events) -> Events:
    copied: Events = pickle.loads(pickle.dumps(events))  # several times as quick as `deepcopy`
    return copied


@mutation
def drop(events: Events) -> Iterator[Mutant]:
    for index, lost in enumerate(events):
        broken = _copy(events)
        del broken[index]
        yield Mutant("drop", lost["type"], sse(renumbered(broken)), index, _missed(broken, index, lost))


@mutation
def lose(events: Events) -> Iterator[Mutant]:
    """Drop an event whose number goes with it."""
    for index, lost in enumerate(events):
        broken = _copy(events)
        del broken[index]
        yield Mutant("lose", lost["type"], sse(broken), index, index if index < len(broken) else None)


@mutation
def repeat(events: Events) -> Iterator[Mutant]:
    for index, event in enumerate(events):
        broken = _copy(events)
        broken.insert(index + 1, copy.deepcopy(event))
        seen: int | None = index + 1
        if event["type"].endswith(".delta"):
            seen = _missed(broken, index + 2, event)
        yield Mutant("repeat", event["type"], sse(renumbered(broken)), index + 1, seen)


@mutation
def send_twice(events: Events) -> Iterator[Mutant]:
    """Repeat an event with its number."""
    for index, event in enumerate(events):
        broken = _copy(events)
        broken.insert(index + 1, copy.deepcopy(event))
        yield Mutant("send twice", event["type"], sse(broken), index + 1, index + 1)


@mutation
def swap(events: Events) -> Iterator[Mutant]:
    for index in range(len(events) - 1):
        broken = _copy(events)
        first, second = broken[index], broken[index + 1]
        broken[index], broken[index + 1] = second, first
        what = f"{first['type']} with {second['type']}"
        if _item(first) != _item(second):
            what += " of another item"
        seen: int | None = index
        both = {first["type"], second["type"]}
        if first["type"].endswith(".delta") and second["type"] == first["type"]:
            seen = _missed(broken, index, first)
        elif "response.created" not in both and (
            both & {"response.queued", "error"} or (first["type"] == "response.in_progress" and index == 1)
        ):
            # The second may come there; the first, after it, may not.
            seen = index + 1
        yield Mutant("swap", what, sse(renumbered(broken)), index, seen)


@mutation
def exchange(events: Events) -> Iterator[Mutant]:
    """Swap two events that keep their numbers."""
    for index in range(len(events) - 1):
        broken = _copy(events)
        broken[index], broken[index + 1] = broken[index + 1], broken[index]
        yield Mutant("exchange", "two events", sse(broken), index, index)


@mutation
def delay(events: Events) -> Iterator[Mutant]:
    """Send an event last."""
    for index, event in enumerate(events[:-1]):
        broken = _copy(events)
        broken.append(broken.pop(index))
        seen = _missed(broken[:-1], index, event)
        if event["type"] in (
            "response.queued",
            "error",
            "acme:trace_event",
            "response.output_text.annotation.added",
        ) or (event["type"] == "response.in_progress" and index == 1):
            seen = len(broken) - 1  # nobody misses it
        yield Mutant("delay", event["type"], sse(renumbered(broken)), index, seen)


@mutation
def hasten(events: Events) -> Iterator[Mutant]:
    """Send an event first."""
    for index, event in enumerate(events[1:], 1):
        broken = _copy(events)
        broken.insert(0, broken.pop(index))
        yield Mutant("hasten", event["type"], sse(renumbered(broken)), 0, 0)


@mutation
def truncate(events: Events) -> Iterator[Mutant]:
    for index, event in enumerate(events[1:], 1):
        yield Mutant("truncate", f"before {event['type']}", sse(_copy(events)[:index]), index, None)


@mutation
def insert_foreign(events: Events) -> Iterator[Mutant]:
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("unknown event", {"type": "response.trace", "sequence_number": 0}),
        ("extension", {"type": "acme:trace", "sequence_number": 0}),
        ("ping", {"type": "ping"}),
        ("second created", copy.deepcopy(events[0])),
        ("event without type", {"sequence_number": 0}),
    )
    for index in range(len(events) + 1):
        for what, event in kinds:
            broken = _copy(events)
            broken.insert(index, copy.deepcopy(event))
            where = "first" if index == 0 else "last" if index == len(events) else "between"
            seen = 1 if what == "second created" and index == 0 else index
            yield Mutant("insert", f"{what} {where}", sse(renumbered(broken)), index, seen)


@mutation
def insert_late_delta(events: Events) -> Iterator[Mutant]:
    """Send a delta again after its content was done."""
    for index, event in enumerate(events):
        if not event["type"].endswith(".delta"):
            continue
        done = _next(events, index, lambda later, event=event: _closes(later, event))  # type: ignore[misc]
        if done is None:
            continue  # the response failed in the middle of it
        for at in range(done + 1, len(events) + 1):
            broken = _copy(events)
            broken.insert(at, copy.deepcopy(event))
            yield Mutant("insert late", event["type"], sse(renumbered(broken)), at, at)


# ------------------------------------------------------------------------------------------------------------- retype

_RETYPES: Final = {
    "response.created": ("response.in_progress", "response.queued"),
    "response.queued": ("response.in_progress", "response.created"),
    "response.in_progress": ("response.queued", "response.created", "response.completed"),
    "response.completed": ("response.failed", "response.incomplete", "response.in_progress"),
    "response.incomplete": ("response.failed", "response.completed"),
    "response.failed": ("response.completed", "response.incomplete"),
    "response.output_item.added": ("response.output_item.done", "response.content_part.added"),
    "response.output_item.done": ("response.output_item.added", "response.content_part.done"),
    "response.content_part.added": ("response.content_part.done", "response.reasoning_summary_part.added"),
    "response.content_part.done": ("response.content_part.added", "response.output_item.done"),
    "response.output_text.delta": ("response.refusal.delta", "response.reasoning.delta", "response.output_text.done"),
    "response.output_text.done": ("response.output_text.delta", "response.reasoning.done"),
    "response.refusal.delta": ("response.output_text.delta",),
    "response.refusal.done": ("response.output_text.done",),
    "response.reasoning.delta": ("response.output_text.delta", "response.reasoning_summary_text.delta"),
    "response.reasoning.done": ("response.output_text.done",),
    "response.reasoning_summary_part.added": ("response.content_part.added", "response.reasoning_summary_part.done"),
    "response.reasoning_summary_part.done": ("response.content_part.done", "response.reasoning_summary_part.added"),
    "response.reasoning_summary_text.delta": ("response.reasoning.delta", "response.output_text.delta"),
    "response.reasoning_summary_text.done": ("response.reasoning.done",),
    "response.function_call_arguments.delta": ("response.output_text.delta",),
    "response.function_call_arguments.done": ("response.function_call_arguments.delta",),
    "response.output_text.annotation.added": ("response.output_text.delta",),
    "error": ("response.failed",),
}


@mutation
def retype(events: Events) -> Iterator[Mutant]:
    for index, event in enumerate(events):
        for name in _RETYPES.get(event["type"], ()):
            broken = _copy(events)
            broken[index]["type"] = name
            yield Mutant("retype", f"{event['type']} to {name}", sse(broken), index, index)


@mutation
def rename(events: Events) -> Iterator[Mutant]:
    """Give an event a type there is not."""
    for index, event in enumerate(events):
        broken = _copy(events)
        broken[index]["type"] += "s"
        what = "an extension" if ":" in event["type"] else "an event"
        yield Mutant("rename", what, sse(broken), index, index)


@mutation
def hide(events: Events) -> Iterator[Mutant]:
    """Make an event an implementor's own, which nobody has to understand."""
    for index, event in enumerate(events):
        if ":" in event["type"]:
            continue
        broken = _copy(events)
        broken[index]["type"] = "acme:" + event["type"]
        after = broken[:index] + broken[index + 1 :]
        seen = _missed(after, index, event)
        yield Mutant("hide", event["type"], sse(broken), index, None if seen is None else seen + 1)


# ------------------------------------------------------------------------------------------------------------- numbers


@mutation
def renumber(events: Events) -> Iterator[Mutant]:
    for index, event in enumerate(events):
        number = event["sequence_number"]
        last = index == len(events) - 1
        for what, value in (
            ("the same as before", number - 1),
            ("lower", max(number - 3, 0) if index > 1 else -1),
            ("higher", number + 7),
            ("null", None),
            ("a string", str(number)),
            ("a fraction", number + 0.5),
            ("negative", -number - 1),
        ):
            broken = _copy(events)
            broken[index]["sequence_number"] = value
            yield Mutant(
                "renumber", f"{what}{', the last' if last and what == 'higher' else ''}", sse(broken), index, index
            )
        broken = _copy(events)
        del broken[index]["sequence_number"]
        yield Mutant("renumber", "none", sse(broken), index, index)


@mutation
def renumber_all(events: Events) -> Iterator[Mutant]:
    for what, number in (
        ("from 1", lambda at: at + 1),
        ("by tens", lambda at: at * 10),
        ("all 0", lambda at: 0),
        ("downwards", lambda at: 100 - at),
    ):
        broken = _copy(events)
        for at, event in enumerate(broken):
            event["sequence_number"] = number(at)
        first = 0 if what in ("from 1", "downwards") else 1
        yield Mutant("renumber all", what, sse(broken), first, first)
    broken = _copy(events)
    for event in broken:
        del event["sequence_number"]
    yield Mutant("renumber all", "none", sse(broken), 0, 0)


# -------------------------------------------------------------------------------------------------------- all fields

Path = tuple[Any, ...]


def _places(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every key in an event, at every depth."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (*path, key)
            yield from _places(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _places(entry, (*path, index))


def _holder(event: dict[str, Any], path: Path) -> dict[Any, Any]:
    """Return what holds the last key of a path: an object, or an array used like one."""
    holder: Any = event
    for key in path[:-1]:
        holder = holder[key]
    return cast("dict[Any, Any]", holder)


def _value(event: dict[str, Any], path: Path) -> object:
    return _holder(event, path)[path[-1]]


def _told(event: dict[str, Any], path: Path) -> str:
    """Return a path as the class of a mutant names it."""
    words = [f"[{key}]" if isinstance(key, int) else str(key) for key in path]
    name = ".".join(words).replace(".[", "[")
    for number in range(9):
        name = name.replace(f"[{number}]", "[]")
    return f"{event['type']} {name}"


# Free text and free objects: what is in them is nobody's to judge.
_FREE: Final = ("parameters", "schema", "metadata")


def _fields(events: Events) -> Iterator[tuple[int, dict[str, Any], Path]]:
    for index, event in enumerate(events):
        for path in _places(event):
            if path not in (("type",), ("sequence_number",)) and not set(path[:-1]) & set(_FREE):
                yield index, event, path


@mutation
def remove_field(events: Events) -> Iterator[Mutant]:
    for index, event, path in _fields(events):
        broken = _copy(events)
        del _holder(broken[index], path)[path[-1]]
        yield Mutant("remove field", _told(event, path), sse(broken), index, index)


@mutation
def null_field(events: Events) -> Iterator[Mutant]:
    for index, event, path in _fields(events):
        if _value(event, path) is None:
            continue
        broken = _copy(events)
        _holder(broken[index], path)[path[-1]] = None
        seen = _missed(events, index, event) if path == ("annotation",) else index
        yield Mutant("null field", _told(event, path), sse(broken), index, seen)


@mutation
def retype_field(events: Events) -> Iterator[Mutant]:
    for index, event, path in _fields(events):
        value = _value(event, path)
        others: tuple[object, ...] = ("x", 7, [], {"a": 1}, True)
        for other in others:
            if type(other) is type(value) or (isinstance(value, float) and type(other) is int):
                continue
            broken = _copy(events)
            _holder(broken[index], path)[path[-1]] = other
            kind = type(other).__name__
            seen = _seen_in_field(events, index, path, other) if value is None else index
            yield Mutant("retype field", f"{_told(event, path)} to {kind}", sse(broken), index, seen)


@mutation
def rekey_field(events: Events) -> Iterator[Mutant]:
    for index, event, path in _fields(events):
        broken = _copy(events)
        holder = _holder(broken[index], path)
        holder[f"{path[-1]}s"] = holder.pop(path[-1])
        yield Mutant("re-key field", _told(event, path), sse(broken), index, index)


_OTHER_STRINGS: Final = {
    "in_progress": ("completed", "incomplete", "paused"),
    "completed": ("in_progress", "incomplete", "failed", "queued"),
    "incomplete": ("in_progress", "completed"),
    "queued": ("in_progress", "completed"),
    "failed": ("completed", "in_progress"),
    "assistant": ("user", "robot"),
    "message": ("reasoning", "note", "acme:note"),
    "reasoning": ("message", "thought"),
    "function_call": ("message", "tool_call"),
    "output_text": ("refusal", "summary_text", "texts", "acme:text"),
    "refusal": ("output_text",),
    "reasoning_text": ("summary_text", "thought"),
    "summary_text": ("output_text", "summary"),
    "auto": ("none", "some"),
}


_NEXT_SNAPSHOT: Final = {
    "id": str,
    "model": str,
    "created_at": int,
    "previous_response_id": str,
    "instructions": str,
    "max_output_tokens": int,
    "max_tool_calls": int,
    "safety_identifier": str,
    "prompt_cache_key": str,
    "top_p": float,
    "temperature": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "top_logprobs": int,
    "parallel_tool_calls": bool,
    "store": bool,
    "background": bool,
}
"""What the first event says of a response, and only the next one contradicts; with its type."""


def _seen_in_field(events: Events, index: int, path: Path, other: object) -> int | None:
    """Return where it shows that the value of a field was changed to another that could stand there."""
    event = events[index]
    name, key = event["type"], path[-1]

    def closing() -> int | None:
        return _missed(events, index + 1, event)

    def about(*types: str) -> int | None:
        """The next event of one of these types about the same item, or the end."""
        seen = _next(events, index + 1, lambda later: later["type"] in types and _item(later) == _item(event))
        return seen if seen is not None else _next(events, index + 1, _ends)

    if (
        name.endswith(".delta")
        and (key == "delta" or path[0] == "logprobs")
        and (key != "delta" or other or "logprobs" in event)
    ):
        return closing()
    if name == "response.output_item.added" and other in ("user", "acme:note"):
        return about("response.output_item.done")
    if name == "response.output_item.added" and path in (("item", "call_id"), ("item", "name")) and other:
        return about("response.output_item.done")
    if name == "response.output_item.added" and path == ("item", "id") and other:
        return _next(events, index + 1, lambda later: _item(later) == _item(event) and "output_index" in later)
    if name == "response.content_part.added" and other == "acme:text":
        return about("response.content_part.done")
    if name == "response.content_part.added" and path == ("part", "type") and other == "summary_text":
        return index + 1
    if name == "response.output_item.done" and path == ("item", "status") and other in ("completed", "incomplete"):
        wanted = (*TERMINAL, "response.output_item.added") if other == "incomplete" else TERMINAL
        return _next(events, index + 1, lambda later: later["type"] in wanted)
    if name == "response.output_text.annotation.added" and path[0] == "annotation" and key != "type":
        return about("response.content_part.done")
    if name == "response.created" and len(path) == 2:
        wanted_type = _NEXT_SNAPSHOT.get(key)
        number = isinstance(other, (int, float)) and not isinstance(other, bool) and wanted_type is float
        if key == "tool_choice" and other == "none":
            return index + 1
        if (type(other) is wanted_type or number) and not (key == "id" and not other):
            return index + 1
    return index


@mutation
def change_text(events: Events) -> Iterator[Mutant]:
    """Change a string to another one of the same meaning, or of none."""
    for index, event, path in _fields(events):
        value = _value(event, path)
        if not isinstance(value, str):
            continue
        for other in _OTHER_STRINGS.get(value, (value + "x", "", value[:-1])):
            if other == value:
                continue
            broken = _copy(events)
            _holder(broken[index], path)[path[-1]] = other
            known = value in _OTHER_STRINGS
            how = (
                f"{value} to {other}"
                if known
                else "longer"
                if len(other) > len(value)
                else "empty"
                if not other
                else "shorter"
            )
            yield Mutant(
                "change text",
                f"{_told(event, path)} {how}",
                sse(broken),
                index,
                _seen_in_field(events, index, path, other),
            )


@mutation
def change_number(events: Events) -> Iterator[Mutant]:
    for index, event, path in _fields(events):
        value = _value(event, path)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        for how, other in (("higher", value + 1), ("much higher", value + 1000), ("negative", -5)):
            broken = _copy(events)
            _holder(broken[index], path)[path[-1]] = other
            seen = _seen_in_field(events, index, path, other)
            yield Mutant("change number", f"{_told(event, path)} {how}", sse(broken), index, seen)


@mutation
def change_list(events: Events) -> Iterator[Mutant]:
    """Empty a list, leave out its last entry, repeat it, or turn the list about."""
    for index, event, path in _fields(events):
        value = _value(event, path)
        if not isinstance(value, list) or not value:
            continue
        for how, other in (
            ("emptied", []),
            ("shortened", value[:-1]),
            ("repeated", [*value, value[-1]]),
            ("turned about", value[::-1]),
        ):
            if other == value or (how == "shortened" and len(value) == 1):
                continue
            broken = _copy(events)
            _holder(broken[index], path)[path[-1]] = copy.deepcopy(other)
            seen = _seen_in_field(events, index, path, other)
            yield Mutant("change list", f"{_told(event, path)} {how}", sse(broken), index, seen)


@mutation
def change_flag(events: Events) -> Iterator[Mutant]:
    for index, event, path in _fields(events):
        value = _value(event, path)
        if isinstance(value, bool):
            broken = _copy(events)
            _holder(broken[index], path)[path[-1]] = not value
            seen = _seen_in_field(events, index, path, not value)
            yield Mutant("change flag", _told(event, path), sse(broken), index, seen)


@mutation
def unnull_field(events: Events) -> Iterator[Mutant]:
    """Tell something where nothing is to be told."""
    things = {
        "error": {"code": "broken", "message": "It broke."},
        "incomplete_details": {"reason": "max_output_tokens"},
        "completed_at": 1_777_000_001,
    }
    for index, event, path in _fields(events):
        if _value(event, path) is None and path[-1] in things and path[0] == "response":
            broken = _copy(events)
            _holder(broken[index], path)[path[-1]] = things[path[-1]]
            yield Mutant("un-null field", _told(event, path), sse(broken), index, index)


@mutation
def borrow_id(events: Events) -> Iterator[Mutant]:
    """Call an item by the id of another."""
    ids = {event["item"]["id"] for event in events if event["type"] == "response.output_item.added"}
    for index, event in enumerate(events):
        holder, key = (event["item"], "id") if "item" in event else (event, "item_id")
        for other in sorted(ids - {holder.get(key)}) if key in holder else ():
            broken = _copy(events)
            (broken[index]["item"] if "item" in event else broken[index])[key] = other
            known = any(
                item["type"] == "response.output_item.added" and item["item"]["id"] == other for item in events[:index]
            )
            seen: int | None = index
            if event["type"] == "response.output_item.added" and not known:
                seen = _missed(events, index + 1, event)
            yield Mutant("borrow id", f"{event['type']}", sse(broken), index, seen)


# ------------------------------------------------------------------------------------------ one fault in many events


@mutation
def share_index(events: Events) -> Iterator[Mutant]:
    """Give all items, or all parts, the same index."""
    for key in ("output_index", "content_index", "summary_index"):
        broken = _copy(events)
        touched = [at for at, event in enumerate(broken) if event.get(key)]
        for at in touched:
            broken[at][key] = 0
        if touched:
            yield Mutant("share index", key, sse(broken), touched[0], touched[0])


@mutation
def count_from_one(events: Events) -> Iterator[Mutant]:
    for key in ("output_index", "content_index", "summary_index"):
        broken = _copy(events)
        touched = [at for at, event in enumerate(broken) if key in event]
        for at in touched:
            broken[at][key] += 1
        if touched:
            yield Mutant("count from one", key, sse(broken), touched[0], touched[0])


@mutation
def drop_all(events: Events) -> Iterator[Mutant]:
    """Never send a type of event."""
    for name in sorted({event["type"] for event in events}):
        broken = [copy.deepcopy(event) for event in events if event["type"] != name]
        lost = next(index for index, event in enumerate(events) if event["type"] == name)
        seen = _missed(broken, lost, events[lost])
        yield Mutant("drop all", name, sse(renumbered(broken)), lost, seen)


@mutation
def change_id_midway(events: Events) -> Iterator[Mutant]:
    """Call an item otherwise from some event on, as a server does that makes an id again in each handler."""
    for name in ("response.content_part.added", "response.output_text.delta", "response.output_item.done"):
        first = _next(events, 0, lambda event, name=name: event["type"] == name)  # type: ignore[misc]
        if first is None:
            continue
        broken = _copy(events)
        index = events[first]["output_index"]
        for event in broken[first:]:
            if event.get("output_index") == index and "item_id" in event:
                event["item_id"] += "b"
            elif event.get("output_index") == index and "item" in event:
                event["item"]["id"] += "b"
            elif _ends(event):
                event["response"]["output"][index]["id"] += "b"
        yield Mutant("change id midway", name, sse(broken), first, first)


# ------------------------------------------------------------------------------------------------------------- bytes


def _frames(events: Events) -> list[bytes]:
    return [frame(event) for event in events] + [DONE]


@mutation
def break_framing(events: Events) -> Iterator[Mutant]:
    for index, event in enumerate(events):
        whole = frame(event)
        head, _, rest = whole.partition(b"\n")
        body = rest.removeprefix(b"data: ").rstrip(b"\n")
        half = body.index(b",") + 1
        changes: dict[str, bytes] = {
            "other event field": b"event: response.other\n" + rest,
            "no event field": rest,
            "an id": b"id: 7\n" + whole,
            "a retry": b"retry: 500\n" + whole,
            "a comment": b": ping\n\n" + whole,
            "two data lines": head + b"\ndata: " + body[:half] + b"\ndata: " + body[half:] + b"\n\n",
            "split in two frames": head + b"\ndata: " + body[:half] + b"\n\ndata: " + body[half:] + b"\n\n",
            "CRLF": whole.replace(b"\n", b"\r\n"),
            "no space after the colon": whole.replace(b"data: ", b"data:", 1),
            "not JSON": head + b"\ndata: " + body[:-1] + b"\n\n",
            "null": head + b"\ndata: null\n\n",
            "an array": head + b"\ndata: [" + body + b"]\n\n",
            "repeated key": head + b"\ndata: " + body[:-1] + b',"type":"' + event["type"].encode() + b'"}\n\n',
            "spaces": head + b"\ndata: " + json.dumps(event).encode() + b"\n\n",
            "cut": b"",
            "empty data": b"data\n\n" + whole,
        }
        for what, changed in changes.items():
            broken = _frames(events)
            broken[index] = changed
            seen: int | None = index
            if what == "cut":
                broken = [*broken[:index], whole[: len(whole) // 2]]
                seen = None
            yield Mutant("framing", what, b"".join(broken), index, seen)
        if index + 1 < len(events):
            broken = _frames(events)
            following = broken[index + 1].partition(b"\n")[2]
            broken[index : index + 2] = [whole[:-1] + following]
            yield Mutant("framing", "no blank line", b"".join(broken), index, index)


@mutation
def break_text(events: Events) -> Iterator[Mutant]:
    for index, event in enumerate(events):
        for key in ("delta", "text", "refusal", "arguments"):
            if not isinstance(event.get(key), str) or len(event[key]) < 2:
                continue
            encoded = dumps(event[key])
            for what, changed in (
                ("not UTF-8", encoded[:2] + b"\xff" + encoded[2:]),
                ("lone surrogate", encoded[:2] + b"\\ud83d" + encoded[2:]),
            ):
                broken = _frames(events)
                broken[index] = broken[index].replace(
                    b'"%s":%s' % (key.encode(), encoded), b'"%s":%s' % (key.encode(), changed)
                )
                yield Mutant("text", f"{what} in a {key}", b"".join(broken), index, index)


@mutation
def break_end(events: Events) -> Iterator[Mutant]:
    end, whole = len(events) - 1, b"".join(map(frame, events))
    late = frame({"type": "acme:late", "sequence_number": len(events)})
    for what, data, seen in (
        ("no [DONE]", whole, None),
        ("[DONE] twice", whole + DONE + DONE, None),
        ("[DONE] with its own event name", whole + b"event: done\n" + DONE, None),
        ("[done]", whole + DONE.lower(), end + 1),
        ("event after [DONE]", whole + DONE + late, None),
        ("comment after [DONE]", whole + DONE + b": bye\n\n", None),
        ("[DONE] without its blank line", whole + DONE[:-1], None),
        ("[DONE] cut", whole + DONE[:9], None),
        ("[DONE] before the terminal event", b"".join(map(frame, events[:-1])) + DONE + frame(events[-1]), None),
    ):
        yield Mutant("end", what, data, end, seen)


def mutants() -> Iterator[tuple[str, Mutant]]:
    """Yield every mutant of every stream, with the name of the stream."""
    for name, events in streams().items():
        for make in MUTATIONS.values():
            for mutant in make(events):
                yield name, mutant


def chosen(of_a_class: int) -> list[tuple[str, Mutant]]:
    """Return so many mutants of every class, and one of every kind of every stream; `ALL` of them, if that is asked.

    Which ones is by their bytes: a mutation that is added or taken away does not change the choice of the others.
    """
    every = list(mutants())
    if ALL:
        return every
    classes: dict[str, list[int]] = defaultdict(list)
    kinds: dict[tuple[str, str], int] = {}
    for number in sorted(range(len(every)), key=lambda number: zlib.crc32(every[number][1].data)):
        stream, mutant = every[number]
        classes[mutant.name].append(number)
        kinds.setdefault((stream, mutant.kind), number)
    numbers = {number for group in classes.values() for number in group[:of_a_class]} | set(kinds.values())
    return [every[number] for number in sorted(numbers)]
