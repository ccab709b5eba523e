"""The tolerant reading of a Responses stream: events in, however broken; a stream that is in order out, at once.

Each event that comes is placed (which item, which part is meant?), put right, and emitted, after whatever has to come
before it. What goes out is held to the grammar by a strict `ResponseReader`, as the writer's events are, and the items
and the response at the end are that reader's fold; so an event out of order cannot go out, and text that went out is
what is told of it afterwards. An event with which nothing is wrong goes out as the object that came in.

Where something has to wait, and how long at most:

| what waits | for what | at most until |
| --- | --- | --- |
| the terminal event | more output, which some servers send after it | `end` (`[DONE]`) or `close` |
| an `error` event, and extension events behind it | output, which may not follow it | the same |
| a call that was never added, or without its name or `call_id` | these | its `output_item.done`, or the end |
| deltas behind an event of their text that could not be read | the whole text | its end, or `MAX_HELD` characters |
| half a surrogate pair | its other half | the part's or the call's next delta, or its done event |
| deltas that repeat what was said before them | the first that does not | the length of that text, or its done event |
| `output_item.done` | those of the items before it | the last of them |
| `output_item.done` of an incomplete item, which has to be last | another item | the next item, or the end |

Of the events that wait for another, `MAX_WAITING` are held at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.items import FunctionCallItem, Item
from penstock.spec.request import CreateResponse
from penstock.stream.machine import item_kind
from penstock.upstream.responses import ending
from penstock.upstream.responses.items import unnamed_call
from penstock.upstream.responses.matching import match_items
from penstock.upstream.responses.places import LOOK_BACK
from penstock.upstream.responses.shape import UNTOLD_INDEX, is_sound
from penstock.upstream.responses.snapshots import SnapshotMender
from penstock.upstream.responses.voice import Mended
from penstock.wire.codec import to_plain

__all__ = ["MAX_WAITING", "Mended", "Mender"]

_STANDARD: Final = {str(cls.__struct_config__.tag): cls for cls in e.STANDARD_EVENTS}
MAX_WAITING: Final = 1000
"""How many events wait for another: no honest server says as much before its response, or behind an error."""


class Mender(SnapshotMender):
    """Mends one stream. Every call returns the events that can go out; `mends` are the changes so far.

    It never raises on what a stream holds.
    """

    def __init__(
        self,
        *,
        ids: Callable[[str], str],
        clock: Callable[[], float],
        request: CreateResponse | None = None,
    ) -> None:
        """Begin a stream.

        `ids` returns a new id for a prefix (`resp`, `msg`, `fc`, `call`, `rs` ...), `clock` the time in Unix seconds;
        both are asked only for what the stream does not tell. `request` is what it answers, where that is known.
        """
        super().__init__(ids=ids, clock=clock, request=request)
        options = request.stream_options if request is not None else None
        self._no_padding = getattr(options, "include_obfuscation", None) is False
        self._is_hot_allowed = not self._no_padding
        self._last_number = -1
        self._last: e.DeltaEvent | None = None
        """The last event, where it is a delta whose number rose, as those of all before it did."""

    @property
    def is_done(self) -> bool:
        """Whether the terminal event went out."""
        return self._reader.state.is_terminal

    @property
    def has_ended(self) -> bool:
        """Whether the upstream has said how the response ended; more may follow all the same."""
        return self._terminal is not None or self.is_done

    def item(self, output_index: int) -> Item:
        """Return the item at `output_index` as far as it went out; raise KeyError where there is none."""
        return self._reader.item(output_index)

    def feed(self, raw: Mapping[str, Any], named: str | None = None) -> list[e.ResponseStreamEvent]:
        """Take an event as plain JSON; `named` is what its frame calls it."""
        self._hot = None
        if not self._begin():
            return []
        event = self._reading.read(raw, named)
        self._absent = self._reading.absent
        if event is not None:
            self._take(event)
        return self._drain()

    def feed_exact(self, event: e.ResponseStreamEvent) -> list[e.ResponseStreamEvent]:
        """Take a typed event, which was decoded from JSON of exactly the shape of its class."""
        if event.__class__ is self._hot:
            delta: Any = event
            number = delta.sequence_number
            if self._hot_place(event) == self._hot_key and number == self._last_number + 1 and delta.delta:
                self._last_number = number
                self._last = delta
                self._hot_append(delta.delta)
                self.events += 1
                due = self._number
                self._number = due + 1
                return [event if number == due else replace(event, sequence_number=due)]
        if getattr(event, "response_id", UNSET) is not UNSET and not isinstance(event, e.ResponseEvent):
            return self.feed(cast("dict[str, Any]", to_plain(event)))
        if not is_sound(event):
            return self.feed(cast("dict[str, Any]", to_plain(event)))
        self._hot = None
        if not self._begin():
            return []
        self._absent = ()
        self._take(event)
        return self._drain()

    def due(self, like: e.DeltaEvent) -> int | None:
        """Return the number of a delta that would go where `like` went, and out as it is; None where none would now."""
        is_hot = like.__class__ is self._hot and self._hot_place(like) == self._hot_key
        return self._number if is_hot and self._number == self._last_number + 1 else None

    def pass_deltas(self, deltas: Sequence[e.DeltaEvent]) -> None:
        """Take deltas that are like the one `due` was asked about, numbered as it said; they go out as they are."""
        count = len(deltas)
        self._hot_append(deltas[0].delta if count == 1 else "".join([delta.delta for delta in deltas]))
        self._last_number += count
        self._last = deltas[-1]
        self._number += count
        self.events += count

    def join(self) -> None:
        """Join the text that was streamed so far: then there is room for an event that tells it once more."""
        self._reader.join()

    def shared(self, event: e.StandardEvent) -> e.StandardEvent:
        """Return `event` with the very strings that were streamed, where its own are equal to them."""
        return self._reader.shared(event)

    def lose(self, name: str) -> None:
        """Say that an event could not be read, whose type is `name` as far as that is known.

        It may have been a delta: what comes behind it in the texts that are open waits until they are told as a whole.
        """
        self._hot = None
        told = _STANDARD.get(name)
        if told is not None and not issubclass(told, e.DeltaEvent):
            return
        for place in self._items[-LOOK_BACK:]:
            for part in place.latest_parts():
                if part.is_open and part.family is not None and told in (None, part.family.delta):
                    self._open_gap(part, "OR106")
            if place.kind == "function_call" and told in (None, e.FunctionCallArgumentsDelta):
                self._open_gap_in_call(place, "OR106")

    def end(self) -> list[e.ResponseStreamEvent]:
        """Say that the upstream has said its `[DONE]`: what waited for the end goes out, if the response has ended."""
        self._hot = None
        self._index = None
        if self.has_ended and not self.is_done:
            self._finish()
        return self._drain()

    def close(self) -> list[e.ResponseStreamEvent]:
        """Say that the upstream has closed: the stream ends, as failed where it was cut short."""
        self._hot = None
        self._index = None
        if not self.is_done:
            self._finish()
        return self._drain()

    def _begin(self) -> bool:
        """Count an event; whether it still has a place in the stream."""
        self._index = self.events
        self.events += 1
        if self.is_done:
            self._mend_once("after", "OR105", "what comes after the end of the stream was left out")
            return False
        return True

    def _drain(self) -> list[e.ResponseStreamEvent]:
        out, self._out = self._out, []
        return out

    def _take(self, event: e.ResponseStreamEvent) -> None:
        if self._last is not None and event == self._last:
            # Its number is the same, too, and numbers have a meaning here: it was sent once more.
            self._mend("OR401", f"{event.event_type} {event.sequence_number} came again: it was left out")
            return
        self._check_number(event)
        rises = isinstance(event, e.DeltaEvent) and self._told.isdisjoint(("number", "rising"))
        self._last = cast("e.DeltaEvent", event) if rises else None
        if isinstance(event, e.ExtensionEvent):
            self._extension(event)
            return
        if isinstance(event, e.ErrorEvent):
            self._error = event.error
            if self._terminal is not None:
                self._mend("OR303", "the error event was put before the terminal event")
            if len(self._tail) < MAX_WAITING:
                self._tail.append(event)
            else:
                self._mend_once("errors", "OR606", f"of more than {MAX_WAITING} errors the others were left out")
            return
        if isinstance(event, e.ResponseEvent):
            self._lifecycle(event)
            return
        self._begin_output()
        if self._no_padding and getattr(event, "obfuscation", UNSET) is not UNSET:
            self._mend_once("padding", "OR707", "obfuscation is left out: it was not asked for")
            event = replace(event, obfuscation=UNSET)
        match event:
            case e.OutputItemAdded():
                self._item_added(event)
            case e.OutputItemDone():
                self._item_done(event)
            case e.ContentPartAdded() | e.ReasoningSummaryPartAdded():
                self._part_added(event)
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                self._part_done(event)
            case e.OutputTextAnnotationAdded():
                self._annotation(event)
            case e.FunctionCallArgumentsDelta():
                self._arguments_delta(event)
            case e.FunctionCallArgumentsDone():
                self._arguments_done(event)
            case e.OutputTextDone() | e.RefusalDone() | e.ReasoningDone() | e.ReasoningSummaryTextDone():
                self._content_done(event)
            case _:
                self._content_delta(event)

    def _check_number(self, event: e.ResponseStreamEvent) -> None:
        number, last = event.sequence_number, self._last_number
        if not isinstance(number, int):
            code = "OR207" if isinstance(event, e.ExtensionEvent) else "OR201"
            self._mend_once("number", code, "sequence_number is required, and absent: events are numbered anew")
            self._last_number = last + 1
        elif number <= last:
            self._mend_once("rising", "OR401", f"sequence_number {number} comes after {last}: numbered anew")
            self._last_number = last + 1
        else:
            if number > last + 1:
                self._mend_once("gap", "OR402", f"sequence_number {number} where {last + 1} is due: numbered anew")
            self._last_number = number

    def _extension(self, event: e.ExtensionEvent) -> None:
        """Let an implementor's event through; what it says of an item that has another place now is put right."""
        index, item_id = event.fields.get("output_index"), event.fields.get("item_id")
        if type(index) is int and isinstance(item_id, str) and self._places.is_known(item_id):
            item = self._places.candidates(index, item_id)[0]
            if item.index != UNTOLD_INDEX and (item.index != index or item.id != item_id):
                fields = {**event.fields, "output_index": item.index, "item_id": item.id}
                event = replace(event, fields=Extra(fields))
        if self._terminal is not None:
            self._mend("OR303", f"{event.event_type} was put before the terminal event")
        if (self._tail or self._cut is not None) and len(self._tail) < MAX_WAITING:
            self._tail.append(event)
        else:
            # An extension may come anywhere, so it may overtake what waits already.
            self._emit(event)

    def _finish(self) -> None:
        """Let everything that waits go out, and the terminal event last."""
        self._finishing = True
        self._create()
        terminal = self._terminal
        failed = terminal is None or isinstance(terminal, e.ResponseFailed) or self._error is not None
        self._absent = self._absent_at_end
        self._absorb_output(failed=failed)
        for place in self._places.all:
            if place.waiting is not None:
                self._release(place, unnamed_call(place))
        if failed:
            self._flush_open()
        else:
            self._progress()
            self._close_all()
        self._cut = None
        self._settle()
        tail, self._tail = self._tail, []
        if terminal is None and self._error is None:
            self._mend("OR601", "the stream ends without a terminal event: it was cut short")
            self._error = ending.CUT_SHORT
            tail.append(e.ErrorEvent(error=self._error))
        for event in tail:
            self._emit(event)
        if not self._emit(self._ended(terminal, failed=failed)):
            # Nothing leads here; but a stream without its end would be worse than one that failed without need.
            self._emit(self._ended(None, failed=True))

    def _absorb_output(self, *, failed: bool) -> None:
        """Say what only the terminal event, or another snapshot, told of the output."""
        for output in self._told_output:
            self._absorb_snapshot([item for item in output if item_kind(item)], failed=failed)

    def _absorb_snapshot(self, told: list[Item], *, failed: bool) -> None:
        fold = {place.index: self._reader.item(place.index) for place in self._items}
        matched = match_items(told, list(self._places.all), fold)
        known = [item for item, place in matched if place is not None and item.id]
        for item, place in matched:
            if place is None and item in known:
                self._mend("OR603", f"the output told {item.id!r} more than once: once is enough")
                continue
            if place is None:
                self._progress()
                added = self._add_whole(item, UNTOLD_INDEX, "OR603")
                self._close_item(added, e.OutputItemDone(output_index=added.index, item=item), "OR603")
                continue
            if place.waiting is not None and isinstance(item, FunctionCallItem):
                self._release(place, item)
            if failed or place.closing:
                self._absorb(place, item, "OR603")
            else:
                self._mend("OR309", f"output[{place.index}] was not done: it was closed before the terminal event")
                self._close_item(place, e.OutputItemDone(output_index=place.index, item=item), "OR603")

    def _close_all(self) -> None:
        """Close what is open."""
        for place in self._items:
            if not place.closing:
                self._mend("OR309", f"output[{place.index}] was not done: it was closed before the terminal event")
                self._close_item(place, None)

    def _flush_open(self) -> None:
        """Emit what was held back of items that stay open, and that those are done which are."""
        for place in self._items:
            if not place.closing:
                for is_summary in (True, False):
                    for part in place.all_parts(is_summary=is_summary):
                        if part.is_open:
                            self._flush_if_new(part)
                if not place.arguments_done and (place.held or place.pending or place.gap is not None):
                    self._flush_arguments(place)
        waiting = self._items[self._next_done :]
        for place in waiting:
            # What came to an item behind its done event goes before all of these, as it would have come.
            if place.closing and not place.done:
                self._close_parts(place, report=False)
        for place in waiting:
            if place.closing and not place.done:
                self._emit_done(place, is_last=place.index == len(self._items) - 1)
        self._next_done = len(self._items)

    def _ended(self, terminal: e.ResponseEvent | None, *, failed: bool) -> e.ResponseStreamEvent:
        """Return the terminal event, with the output that was streamed."""
        if terminal is None:
            response = self._reader.response
            assert response is not None
            base = response
            self._is_output_told = False
        else:
            base = self._snapshot(terminal, terminal.event_type.rpartition(".")[2])
        items = [self._reader.item(place.index) for place in self._items]
        if not self._is_output_told:
            base = replace(base, output=items)
        output = ending.output(base.output, items, [place.done for place in self._items], self._reader, failed=failed)
        if output is not base.output:
            self._mend("OR603", "the terminal event's output is what was streamed")
            base = replace(base, output=output)
        is_cut = bool(items) and items[-1].status == "incomplete"
        cls, response = ending.ended(
            terminal,
            base,
            self._error if failed else None,
            failed=failed,
            is_cut=is_cut,
            clock=self._clock,
            mend=self._mend,
        )
        if terminal is not None and cls is type(terminal):
            ended = terminal if response is terminal.response else replace(terminal, response=response)
        else:
            ended = cls(response=response)
        return cast("e.ResponseStreamEvent", ended)
