"""Deltas that differ in their number and their text only: read many at once, since most of most streams is such.

What was found of the first of them holds for all. Whoever has looked at one with all care, and found nothing wrong with
it, need not look at the next thousand: that they are like it is told here, and where any of them is not, nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from penstock.spec import events as e
from penstock.wire.codec import NOT_EXACT, EventCodec

__all__ = ["DELTA_EVENTS", "LARGE_BYTES", "Alike", "has_no_key_twice", "key_count"]

LARGE_BYTES: Final = 256 * 1024
"""An event of more is one that tells a long text once more: worth a little time, not to hold that text once more."""

DELTA_EVENTS: Final = (
    e.OutputTextDelta,
    e.RefusalDelta,
    e.ReasoningDelta,
    e.ReasoningSummaryTextDelta,
    e.FunctionCallArgumentsDelta,
)

_encode: Final = msgspec.json.Encoder().encode
_number_of: Final[Callable[[Any], Any]] = attrgetter("sequence_number")
_delta_of: Final[Callable[[Any], str]] = attrgetter("delta")
_padding_of: Final[Callable[[Any], Any]] = attrgetter("obfuscation")
_OWN: Final = frozenset({"sequence_number", "delta", "extra"})
"""What each delta has of its own; and `extra`, which is empty in what was decoded exactly."""
_ALIKE: Final[Mapping[type, Callable[[Any], object]]] = {
    cls: attrgetter("__class__", *(name for name in cls.__struct_fields__ if name not in _OWN)) for cls in DELTA_EVENTS
}
_ALIKE_BUT_PADDING: Final[Mapping[type, Callable[[Any], object]]] = {
    cls: attrgetter(
        "__class__", *(name for name in cls.__struct_fields__ if name not in _OWN and name != "obfuscation")
    )
    for cls in DELTA_EVENTS
}


def key_count(data: bytes) -> int:
    """Return how many keys JSON has; a quote in a text has a backslash before it."""
    return data.count(b'":') - data.count(b'\\":')


def has_no_key_twice(event: e.StandardEvent, data: bytes) -> bool:
    """Whether an event, which was decoded exactly from `data`, has all the keys that stand there."""
    if len(data) > LARGE_BYTES:
        return _keys_of(msgspec.to_builtins(event)) == key_count(data)
    written = _encode(event)
    return written == data or key_count(written) == key_count(data)


def _keys_of(value: object) -> int:
    """Return how many keys plain JSON data has."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return len(fields) + sum([_keys_of(entry) for entry in fields.values()])
    entries = cast("list[object]", value) if isinstance(value, list) else []
    return sum([_keys_of(entry) for entry in entries])


class Alike:
    """A delta with which nothing was wrong, and what others must have in common with it."""

    __slots__ = ("_common", "_is_padded", "_keys", "_rest", "_size", "event", "name")

    def __init__(self, event: e.DeltaEvent, data: bytes) -> None:
        """Take a faultless delta, which was decoded exactly from `data`."""
        self.event = event
        self.name = event.event_type
        self._is_padded = getattr(event, "obfuscation", UNSET) is not UNSET
        self._rest = (_ALIKE_BUT_PADDING if self._is_padded else _ALIKE)[event.__class__]
        self._common = self._rest(event)
        self._keys = key_count(data)
        self._size = len(_encode(event)) - self._own_size([event.delta], [event])

    def read_one(self, data: bytes, number: int) -> e.DeltaEvent | None:
        """Return what `read` would of one: as servers send them, an event at a time."""
        try:
            delta: Any = EventCodec.exact(data)
        except NOT_EXACT:
            return None
        if delta.__class__ is not self.event.__class__ or self._rest(delta) != self._common:
            return None
        is_next = delta.sequence_number == number and delta.delta
        if not is_next or (self._is_padded and _padding_of(delta) is UNSET):
            return None
        return delta if len(_encode(delta)) == len(data) or key_count(data) == self._keys else None

    def read(self, bodies: Sequence[bytes], number: int) -> Sequence[e.DeltaEvent] | None:
        """Return the deltas in `bodies`, numbered from `number`, if all are like this one; None where any is not."""
        if len(bodies) == 1:
            one = self.read_one(bodies[0], number)
            return None if one is None else (one,)
        try:
            deltas: list[Any] = list(map(EventCodec.exact, bodies))
        except NOT_EXACT:
            return None
        count = len(deltas)
        try:
            is_alike = list(map(self._rest, deltas)).count(self._common) == count
        except AttributeError:
            return None
        if not is_alike or list(map(_number_of, deltas)) != list(range(number, number + count)):
            return None
        texts = list(map(_delta_of, deltas))
        if not all(texts) or (self._is_padded and UNSET in map(_padding_of, deltas)):
            return None
        # JSON as short as it can be has no key twice, and nothing else in it either. Or else the keys are counted:
        # none has less of them than its fields, so if there are as many, none has more.
        joined = b"".join(bodies)
        is_short = len(joined) == count * self._size + self._own_size(texts, deltas)
        return deltas if is_short or key_count(joined) == count * self._keys else None

    def _own_size(self, texts: list[str], deltas: list[Any]) -> int:
        """Return how much JSON there is at least to what each delta has of its own."""
        own: list[list[Any]] = [texts, list(map(_number_of, deltas))]
        if self._is_padded:
            own.append(list(map(_padding_of, deltas)))
        # Between brackets and commas, of which each list has one more than entries.
        return sum(len(_encode(values)) - len(values) - 1 for values in own)
