"""The streams rules are shown and tested with: valid ones, written by our own writer, and edits that break them.

An example is one valid stream and a few named edits, so that what it shows is what was edited and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.spec.content import LogProb, UrlCitation
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream import output as o
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.writer import ResponseWriter
from penstock.wire.codec import decode_object, encode_plain, to_plain

__all__ = [
    "BASES",
    "Edit",
    "Events",
    "Example",
    "base_events",
    "change",
    "change_all",
    "drop",
    "drop_all",
    "insert_after",
    "move",
    "remove",
    "rename",
    "repeat",
    "truncate",
    "written",
]

Events = list[dict[str, Any]]
Edit = Callable[[Events], None]

# Unix seconds of every example: 2026-04-24, the day of the document.
_TIME: Final = 1_777_000_000

_USAGE: Final = o.Usage(input_tokens=9, output_tokens=4)
BASES: Final[Mapping[str, tuple[o.Output, ...]]] = {
    "text": (o.Text("Hello"), o.Text(" world"), o.Text("."), _USAGE),
    "two_messages": (
        o.NewMessage("commentary"),
        o.Text("Let me see."),
        o.NewMessage("final_answer"),
        o.Text("It is open."),
        _USAGE,
    ),
    "two_parts": (o.Text("First."), o.NewPart(), o.Text("Second."), _USAGE),
    "refusal": (o.Refusal("I cannot"), o.Refusal(" do that."), _USAGE),
    "reasoning": (
        o.Reasoning("The gate"),
        o.Reasoning(" is shut."),
        o.ReasoningSummary("Looked at"),
        o.ReasoningSummary(" the gate."),
        o.Text("It is shut."),
        _USAGE,
    ),
    "call": (
        o.FunctionCall("get_level", call_id="call_1"),
        o.Arguments('{"gate":'),
        o.Arguments('"north"}'),
        _USAGE,
    ),
    "two_calls": (
        o.FunctionCall("get_level", call_id="call_1"),
        o.FunctionCall("get_flow", call_id="call_2"),
        o.Arguments('{"gate":', "call_1"),
        o.Arguments('{"pipe":', "call_2"),
        o.Arguments('"north"}', "call_1"),
        o.Arguments("2}", "call_2"),
        _USAGE,
    ),
    "annotated": (
        o.Text("See the "),
        o.Text("chart."),
        o.Annotated(UrlCitation(url="https://example.org/chart", title="The chart", start_index=4, end_index=13)),
        _USAGE,
    ),
    "logprobs": (
        o.Text("Yes", [LogProb(token="Yes", logprob=-0.1, bytes=[89, 101, 115], top_logprobs=[])]),
        _USAGE,
    ),
    "extension": (o.Extension("acme:trace_event", {"phase": "open", "latency_ms": 34}), o.Text("Done."), _USAGE),
    "incomplete": (o.Text("The level is"), o.Stop("max_output_tokens"), _USAGE),
    "failed": (
        o.Text("The level"),
        o.Failure(ErrorPayload(type="server_error", code="pump_broken", message="The pump broke.", param=None)),
    ),
    "empty": (_USAGE,),
}
"""The valid streams, by name: what the model says in each."""


def written(
    outputs: Iterable[o.Output], request: Mapping[str, object] | None = None, *, queued: bool = False
) -> Events:
    """Return the events of a model that says `outputs`, as plain JSON objects."""
    emitter = ListStreamEmitter()
    counts: dict[str, int] = {}

    def ids(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{counts[prefix]}"

    asked = decode_object(CreateResponse, encode_plain(request), tolerant=False) if request is not None else None
    writer = ResponseWriter(emitter, model="example-model", ids=ids, clock=lambda: _TIME, request=asked)
    writer.start(queued=queued)
    for output in outputs:
        writer.send(output)
    writer.finish()
    events: Events = msgspec.to_builtins([to_plain(event) for event in emitter.take()])
    return events


@cache
def _as_json(base: str, request: bytes, queued: bool) -> bytes:  # noqa: FBT001 - a key of the cache
    """Return the events of a base stream as bytes, so that nobody can change what is cached."""
    asked = msgspec.json.decode(request) if request else None
    return msgspec.json.encode(written(BASES[base], asked, queued=queued))


def base_events(base: str, request: Mapping[str, object] | None = None, *, queued: bool = False) -> Events:
    """Return the events of the valid stream `base`, as plain JSON objects."""
    asked = encode_plain(request) if request is not None else b""
    events: Events = msgspec.json.decode(_as_json(base, asked, queued))
    return events


class Example(Struct, frozen=True, kw_only=True):
    """A stream to show a rule with: a valid one, and what is done to it.

    `edits` change the events; after them the sequence numbers are made right again, unless `renumber` is false.
    `framing` changes the bytes. `request`, `dialect` and `resumed` are how the stream is to be judged.
    """

    base: str
    edits: tuple[Edit, ...] = ()
    renumber: bool = True
    request: Mapping[str, object] | None = None
    queued: bool = False
    done: bool = True
    dialect: str = "openresponses"
    resumed: bool = False
    transport: str = "sse"
    content_type: str | None = None
    framing: Callable[[bytes], bytes] | None = None

    def events(self) -> Events:
        """Return its events, as plain JSON objects."""
        events = base_events(self.base, self.request, queued=self.queued)
        for edit in self.edits:
            edit(events)
        if self.renumber and self.edits:
            for number, event in enumerate(events):
                if "sequence_number" in event:
                    event["sequence_number"] = number
        return events

    def data(self) -> bytes:
        """Return the stream as bytes: SSE with its `[DONE]`, or a JSON line an event for `transport` websocket."""
        if self.transport == "websocket":
            data = b"".join(encode_plain(event) + b"\n" for event in self.events())
        else:
            data = b"".join(
                b"event: %s\ndata: %s\n\n" % (str(event.get("type", "")).encode(), encode_plain(event))
                for event in self.events()
            )
            if self.done:
                data += b"data: [DONE]\n\n"
        return self.framing(data) if self.framing is not None else data


def _find(events: Events, event_type: str, nth: int) -> int:
    found = [index for index, event in enumerate(events) if event.get("type") == event_type]
    return found[nth]


def drop(event_type: str, nth: int = 0) -> Edit:
    """Leave out the `nth` event of a type."""

    def edit(events: Events) -> None:
        del events[_find(events, event_type, nth)]

    return edit


def drop_all(event_type: str) -> Edit:
    """Leave out all events of a type."""

    def edit(events: Events) -> None:
        events[:] = [event for event in events if event.get("type") != event_type]

    return edit


def truncate(event_type: str, nth: int = 0) -> Edit:
    """Leave out the `nth` event of a type and all after it."""

    def edit(events: Events) -> None:
        del events[_find(events, event_type, nth) :]

    return edit


def repeat(event_type: str, nth: int = 0) -> Edit:
    """Send the `nth` event of a type twice."""

    def edit(events: Events) -> None:
        index = _find(events, event_type, nth)
        events.insert(index, copy.deepcopy(events[index]))

    return edit


def move(event_type: str, by: int, nth: int = 0) -> Edit:
    """Send the `nth` event of a type `by` events later; earlier, where `by` is negative."""

    def edit(events: Events) -> None:
        index = _find(events, event_type, nth)
        events.insert(index + by, events.pop(index))

    return edit


def insert_after(event_type: str, event: Mapping[str, object], nth: int = 0) -> Edit:
    """Send another event after the `nth` of a type."""

    def edit(events: Events) -> None:
        index = _find(events, event_type, nth)
        events.insert(index + 1, {"sequence_number": 0, **copy.deepcopy(dict(event))})

    return edit


def change(event_type: str, path: str, value: object, nth: int = 0) -> Edit:
    """Set a field of the `nth` event of a type: `item.content.0.text`."""

    def edit(events: Events) -> None:
        holder, key = _holder(events[_find(events, event_type, nth)], path)
        holder[key] = copy.deepcopy(value)

    return edit


def remove(event_type: str, path: str, nth: int = 0) -> Edit:
    """Leave out a field of the `nth` event of a type."""

    def edit(events: Events) -> None:
        holder, key = _holder(events[_find(events, event_type, nth)], path)
        del holder[key]

    return edit


def change_all(path: str, value: object) -> Edit:
    """Set a field of every event that has what holds it."""

    def edit(events: Events) -> None:
        for event in events:
            if path.partition(".")[0] in event:
                holder, key = _holder(event, path)
                holder[key] = copy.deepcopy(value)

    return edit


def rename(event_type: str, new_type: str, nth: int | None = None) -> Edit:
    """Give all events of a type, or the `nth` of them, another type."""

    def edit(events: Events) -> None:
        found = [event for event in events if event.get("type") == event_type]
        for event in found if nth is None else [found[nth]]:
            event["type"] = new_type

    return edit


def _holder(event: dict[str, Any], path: str) -> tuple[Any, Any]:
    holder: Any = event
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in way:
        holder = holder[key]
    return holder, last
