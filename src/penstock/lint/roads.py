"""The shorter roads to a verdict: what is exactly as specified, and what is exactly like the delta before it.

Nothing is decided here that would be decided otherwise on the long road; a test holds the roads against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from penstock.lint.facts import Facts
from penstock.lint.shape import is_as_enumerated
from penstock.spec import events as e
from penstock.stream.reader import ResponseReader
from penstock.upstream.responses.alike import DELTA_EVENTS, Alike, has_no_key_twice, key_count
from penstock.wire.codec import EventCodec
from penstock.wire.sse import Frame

__all__ = ["DELTA_EVENTS", "Line", "Roads", "exact_event", "is_plain", "is_plain_frame"]

_NOT_EXACT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# What a delta must tell, besides its number, its text and its padding, to go where one before it went.
_PLACE: Final[Mapping[type, Callable[[Any], Any]]] = {
    e.OutputTextDelta: attrgetter("__class__", "item_id", "content_index", "output_index"),
    e.RefusalDelta: attrgetter("__class__", "item_id", "content_index", "output_index"),
    e.ReasoningDelta: attrgetter("__class__", "item_id", "content_index", "output_index"),
    e.ReasoningSummaryTextDelta: attrgetter("__class__", "item_id", "summary_index", "output_index"),
    e.FunctionCallArgumentsDelta: attrgetter("__class__", "item_id", "output_index"),
}


def exact_event(data: bytes) -> e.StandardEvent | None:
    """Return the event in `data`, where it is one of the specification's and its JSON has the right types."""
    try:
        return EventCodec.exact(data)
    except _NOT_EXACT:
        return None


def is_plain(event: e.StandardEvent, data: bytes) -> bool:
    """Whether nothing is to be said against the shape of an event that was decoded from `data`.

    Its types are right; what they leave open is looked at here, and whether a key stands twice: then there are more
    keys in `data` than in the event.
    """
    if event.sequence_number is UNSET or not (isinstance(event, e.ResponseEvent) or event.response_id is UNSET):
        return False
    return has_no_key_twice(event, data) and is_as_enumerated(event)


class Line(Struct, frozen=True, gc=False):
    """One line of a recording, or one message of a WebSocket: what a frame is to SSE."""

    data: bytes
    offset: int
    event: None = None
    data_lines: int = 1
    id: None = None
    terminated: bool = True


def is_plain_frame(frame: Frame | Line, name: str) -> bool:
    """Whether nothing is to be said against a frame with an event of the type `name` in it."""
    return frame.event == name and frame.data_lines == 1 and frame.id is None and frame.terminated


class _Road:
    """One place deltas go to, a part or the arguments of a call, and what else each of them has.

    Beside what every delta has there are three keys it may have. As long as it has as many keys as the first, and as
    far as it is told here the same ones, it has the same.
    """

    __slots__ = ("alike", "append", "has_logprobs", "has_padding", "keys", "name")

    def __init__(self, append: Callable[[str], object], event: e.DeltaEvent, data: bytes, name: str | None) -> None:
        self.append = append
        self.alike = Alike(event, data)
        self.keys = key_count(data)
        self.name = name  # of the frame; None where there is none but the line itself
        self.has_logprobs = event.logprobs is not UNSET if isinstance(event, e.OutputTextDelta) else None
        self.has_padding = None if isinstance(event, e.RefusalDelta) else event.obfuscation is not UNSET


class Roads:
    """The places faultless deltas went to lately, while nothing but such deltas came."""

    __slots__ = ("_last", "_roads")

    def __init__(self) -> None:
        """Begin with none."""
        self._roads: dict[object, _Road] = {}
        self._last: _Road | None = None
        """The one that was opened last, where most deltas go."""

    def close(self) -> None:
        """Forget them: something else came, and may have changed anything."""
        if self._roads:
            self._roads.clear()
            self._last = None

    def open(self, event: e.DeltaEvent, data: bytes, reader: ResponseReader, *, framed: bool) -> None:
        """Remember where a faultless delta, decoded from `data`, went; `framed`: it was in a frame of its name."""
        if getattr(event, "logprobs", None):
            return
        match event:
            case e.FunctionCallArgumentsDelta():
                buffer = reader.draft(event.output_index).arguments
            case e.ReasoningSummaryTextDelta():
                buffer = reader.draft(event.output_index).summary[event.summary_index].streamed
            case _:
                buffer = reader.draft(event.output_index).content[event.content_index].streamed
        self._last = _Road(buffer.append, event, data, event.event_type if framed else None)
        self._roads[_PLACE[event.__class__](event)] = self._last

    def take_all(self, name: str, bodies: Sequence[bytes], facts: Facts) -> bool:
        """Take the data of strict frames of this name, if all go where the last road leads.

        Return whether they were taken; where they were not, some may be all the same, which `run` tells.
        """
        number, road = facts.last_number, self._last
        if number is None or road is None or road.name != name:
            return False
        deltas = road.alike.read(bodies, number + 1)
        if deltas is None:
            return False
        last, count = deltas[-1], len(deltas)
        road.append(last.delta if count == 1 else "".join([delta.delta for delta in deltas]))
        _pass(facts, count, last)
        return True

    def run(self, frames: Sequence[Frame] | Sequence[Line], at: int, facts: Facts) -> int:
        """Take `frames` from `at` on, as long as each differs from one before it in its number and its text only.

        Nothing else can be wrong with such a delta. Return the index of the first that was not taken. This is one loop,
        and a long one, since most of most streams goes through it.
        """
        roads, number = self._roads, facts.last_number
        if not roads or number is None:
            return at
        begun, last = number, facts.last_event
        exact = EventCodec.exact
        cls: type | None = None
        place_of: Callable[[Any], Any] = _PLACE[e.OutputTextDelta]
        place: object = None
        append: Callable[[str], object] = str
        keys = 0
        name: str | None = None
        has_padding: bool | None = None
        has_logprobs: bool | None = None
        ahead: Iterator[Frame | Line] = islice(frames, at, None)
        try:
            for frame in ahead:
                data = frame.data
                event: Any = exact(data)
                if event.__class__ is not cls:
                    cls = event.__class__
                    if cls not in _PLACE:
                        break
                    place_of = _PLACE[cls]
                here = place_of(event)
                if here != place:
                    road = roads.get(here)
                    if road is None:
                        break
                    place = here
                    append, keys, name = road.append, road.keys, road.name
                    has_padding, has_logprobs = road.has_padding, road.has_logprobs
                delta = event.delta
                if (
                    event.sequence_number != number + 1
                    or not delta
                    or (data.count(b'":') != keys and key_count(data) != keys)
                    or (has_padding is not None and (event.obfuscation is not UNSET) is not has_padding)
                    or (
                        has_logprobs is not None
                        and (event.logprobs or (event.logprobs is not UNSET) is not has_logprobs)
                    )
                    or (
                        name is not None
                        and (
                            frame.event != name or frame.data_lines != 1 or frame.id is not None or not frame.terminated
                        )
                    )
                ):
                    break
                append(delta)
                last = event
                number += 1
        except _NOT_EXACT:
            pass
        taken = number - begun
        if taken:
            _pass(facts, taken, last)
        return at + taken


def _pass(facts: Facts, taken: int, last: e.ResponseStreamEvent | None) -> None:
    """Let the facts be as after so many events with nothing new in them but their text."""
    assert facts.last_number is not None
    facts.events += taken
    facts.numbered += taken
    facts.unnumbered = 0
    facts.last_number += taken
    facts.number = facts.last_number
    facts.highest = max(facts.highest, facts.number)
    facts.is_repeated = False
    facts.last_event = last
