"""The shorter roads to a verdict: what is exactly as specified, and what is exactly like the delta before it.

Nothing is decided here that would be decided otherwise on the long road; a test holds the roads against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET

from penstock.lint.facts import Facts
from penstock.lint.shape import is_as_enumerated
from penstock.spec import events as e
from penstock.stream.reader import ResponseReader
from penstock.wire.codec import EventCodec
from penstock.wire.sse import Frame

__all__ = ["DELTA_EVENTS", "Roads", "exact_event", "is_plain", "is_plain_frame"]

DELTA_EVENTS: Final = (
    e.OutputTextDelta,
    e.RefusalDelta,
    e.ReasoningDelta,
    e.ReasoningSummaryTextDelta,
    e.FunctionCallArgumentsDelta,
)

_NOT_EXACT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encode: Final = msgspec.json.Encoder().encode
# What a delta must tell, besides its number, its text and its padding, to be like one before it.
_SAME: Final[Mapping[type, Callable[[Any], Any]]] = {
    e.OutputTextDelta: attrgetter("__class__", "item_id", "content_index", "output_index", "response_id"),
    e.RefusalDelta: attrgetter("__class__", "item_id", "content_index", "output_index", "response_id"),
    e.ReasoningDelta: attrgetter("__class__", "item_id", "content_index", "output_index", "response_id"),
    e.ReasoningSummaryTextDelta: attrgetter("__class__", "item_id", "summary_index", "output_index", "response_id"),
    e.FunctionCallArgumentsDelta: attrgetter("__class__", "item_id", "output_index", "response_id"),
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
    return (
        event.sequence_number is not UNSET
        and (isinstance(event, e.ResponseEvent) or event.response_id is UNSET)
        and is_as_enumerated(event)
        and _keys(_encode(event)) == _keys(data)
    )


def _keys(data: bytes) -> int:
    """Return how many keys JSON has; a quote in a text has a backslash before it."""
    return data.count(b'":') - data.count(b'\\":')


def is_plain_frame(frame: Frame, name: str) -> bool:
    """Whether nothing is to be said against a frame with an event of the type `name` in it."""
    return frame.event == name and frame.data_lines == 1 and frame.id is None and frame.terminated


class _Road:
    """One place deltas go to: a part, or the arguments of a call."""

    __slots__ = ("append", "keys", "name", "padded")

    def __init__(self, append: Callable[[str], object], keys: int, name: str, *, padded: bool) -> None:
        self.append = append
        self.keys = keys
        self.name = name
        self.padded = padded


class Roads:
    """The places faultless deltas went to lately, while nothing but such deltas came."""

    __slots__ = ("_roads",)

    def __init__(self) -> None:
        """Begin with none."""
        self._roads: dict[object, _Road] = {}

    def close(self) -> None:
        """Forget them: something else came, and may have changed anything."""
        if self._roads:
            self._roads.clear()

    def open(self, event: e.StandardEvent, data: bytes, reader: ResponseReader) -> None:
        """Remember where a faultless delta, decoded from `data`, went."""
        if getattr(event, "logprobs", None):
            return
        match event:
            case e.FunctionCallArgumentsDelta():
                buffer = reader.draft(event.output_index).arguments
            case e.ReasoningSummaryTextDelta():
                buffer = reader.draft(event.output_index).summary[event.summary_index].streamed
            case e.OutputTextDelta() | e.RefusalDelta() | e.ReasoningDelta():
                buffer = reader.draft(event.output_index).content[event.content_index].streamed
            case _:
                return
        padded = getattr(event, "obfuscation", UNSET) is not UNSET
        key = _SAME[event.__class__](event)
        self._roads[key] = _Road(buffer.append, _keys(data), event.event_type, padded=padded)

    def take(self, event: e.StandardEvent, data: bytes, frame: Frame | None, facts: Facts) -> bool:
        """Take an event if it is a delta that differs from one before it in its number and text only.

        Nothing else can be wrong with it. Return whether it was taken.
        """
        same = _SAME.get(event.__class__)
        if same is None:
            return False
        road = self._roads.get(same(event))
        if road is None:
            return False
        delta: Any = event  # the table has none but deltas
        number = facts.last_number
        if (
            number is None
            or delta.sequence_number != number + 1
            or not delta.delta
            or (data.count(b'":') != road.keys and _keys(data) != road.keys)
            or (getattr(delta, "obfuscation", UNSET) is not UNSET) is not road.padded
            or getattr(delta, "logprobs", None)
        ):
            return False
        if frame is not None and not (
            frame.event == road.name and frame.data_lines == 1 and frame.id is None and frame.terminated
        ):
            return False
        road.append(delta.delta)
        facts.events += 1
        facts.numbered += 1
        facts.unnumbered = 0
        facts.last_number = number + 1
        facts.last_event = event
        return True
