"""How mending changes a stream, event by event, for people: what differs in an event, and no more around it than fits.

Each event has a number, and one that is put in or left out changes those of all that follow: that is told once. Of an
event that stays the event it is, the fields that change are shown, however its JSON is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Final

import msgspec

from penstock.lint.excerpt import Excerpt, visible
from penstock.lint.layout import Layout
from penstock.wire.codec import decode_json_object
from penstock.wire.errors import JSONError
from penstock.wire.wording import is_array, is_object

__all__ = ["diff_lines"]

_BLANK: Final = b"\n\n"
_NUMBER: Final = "sequence_number"
_DEEPEST: Final = 8
"""How deep fields are compared one by one; `response.output[0].content[0].annotations[0].url` is so deep."""
_KEPT: Final = 400
"""How many characters around a change are looked at: more than a line shows."""


class _Absent:
    """What stands for the value of a key that is not there."""


_ABSENT: Final = _Absent()


class _Unit:
    """One block or line of a stream: its lines before the data, its data, and the event in that, if there is one."""

    def __init__(self, raw: bytes) -> None:
        """Read a block or a line."""
        lines = raw.decode("utf-8", "backslashreplace").split("\n")
        fields = [line.rstrip("\r") for line in lines if line.strip()]
        is_framed = any(line.startswith("data:") for line in fields)
        self.head = tuple(line for line in fields if is_framed and not line.startswith("data:"))
        self.data = tuple(line for line in fields if line not in self.head)
        self.event: dict[str, object] | None = None
        self.number: object = None
        said = raw.strip()
        with suppress(JSONError):
            self.event = decode_json_object("\n".join(line.removeprefix("data:") for line in self.data))
            self.number = self.event.pop(_NUMBER, None)
            with suppress(UnicodeError, RecursionError):
                said = msgspec.json.encode(self.event, order="sorted")
        self.key = self.head, is_framed and len(self.data), said
        """What tells it from others: what it says, its number aside, and on how many lines."""
        name = None if self.event is None else self.event.get("type")
        self.name = name if isinstance(name, str) else ""

    def lines(self) -> Iterator[str]:
        """Yield its lines, as they came."""
        yield from self.head
        yield from self.data


def diff_lines(path: str, before: bytes, after: bytes, layout: Layout) -> Iterator[str]:
    """Yield how a stream changes, in lines as wide as `layout` allows; nothing where it does not."""
    lines = list(_Diff(before, after, layout).lines())
    if lines:
        yield layout.bold(visible(f"--- {path}"))
        yield layout.bold(visible(f"+++ {path}, mended"))
        yield from lines


class _Diff:
    """Two tellings of a stream, and which events of the one are which of the other."""

    def __init__(self, before: bytes, after: bytes, layout: Layout) -> None:
        """Compare them."""
        self._layout = layout
        self._old, self._new = ([_Unit(raw) for raw in _units(data)] for data in (before, after))
        self._matcher = SequenceMatcher(None, [unit.key for unit in self._old], [unit.key for unit in self._new])
        self._partners: dict[int, int] = {}
        """Where each event that stays is now, by where it was."""
        for tag, old_from, old_to, new_from, new_to in self._matcher.get_opcodes():
            were, are = range(old_from, old_to), range(new_from, new_to)
            stay = zip(were, are, strict=True) if tag == "equal" else self._same_events(were, are)
            self._partners.update(stay)

    def _same_events(self, were: range, are: range) -> Iterator[tuple[int, int]]:
        """Yield which of the events that differ are the same all the same: those of one type, in their order."""
        old, new = [self._old[at].name for at in were], [self._new[at].name for at in are]
        pairs: Iterable[tuple[int, int]]
        if old == new:
            pairs = zip(were, are, strict=True)
        else:
            blocks = SequenceMatcher(None, old, new).get_matching_blocks()
            pairs = ((were[begin + k], are[now + k]) for begin, now, size in blocks for k in range(size))
        yield from ((at, now) for at, now in pairs if self._old[at].name)

    def lines(self) -> Iterator[str]:
        """Yield what to tell of it."""
        yield from map(self._layout.place, self._renumbered())
        for group in self._matcher.get_grouped_opcodes(1):
            first, last = group[0], group[-1]
            yield self._layout.place(f"@@ event {first[1]} to {last[2] - 1}, now {first[3]} to {last[4] - 1} @@")
            for tag, old_from, old_to, new_from, new_to in group:
                if tag == "equal":
                    yield from self._marked(" ", self._new[new_from:new_to])
                else:
                    yield from self._changed(range(old_from, old_to), range(new_from, new_to))

    def _renumbered(self) -> Iterator[str]:
        """Yield how many events have another number, and which is the first; nothing where none has."""
        pairs = ((at, self._old[at].number, self._new[now].number) for at, now in self._partners.items())
        changed = [(at, old, new) for at, old, new in pairs if old != new]
        if changed:
            at, old, new = changed[0]
            events = "1 event is" if len(changed) == 1 else f"{len(changed):,} events are"
            was = "that had none" if old is None else f"that was {visible(_json(old))}"
            yield f"{events} renumbered; the first: event {at}, {was}, is {visible(_json(new))}"

    def _changed(self, were: range, are: range) -> Iterator[str]:
        """Yield the lines of what was, and of what is in its place."""
        now = are.start
        for at in were:
            partner = self._partners.get(at)
            if partner is None:
                yield from self._marked("-", self._old[at : at + 1])
                continue
            yield from self._marked("+", self._new[now:partner])
            yield from _event_changes(self._old[at], self._new[partner], self._layout)
            now = partner + 1
        yield from self._marked("+", self._new[now : are.stop])

    def _marked(self, mark: str, units: Iterable[_Unit]) -> Iterator[str]:
        for unit in units:
            yield from _marked(mark, unit.lines(), self._layout)


def _event_changes(old: _Unit, new: _Unit, layout: Layout) -> Iterator[str]:
    """Yield what changes in an event: the lines of its frame, and its fields."""
    if old.head == new.head:
        yield from _marked(" ", new.head or new.data, layout)
    else:
        yield from _marked("-", old.head, layout)
        yield from _marked("+", new.head, layout)
    changes = list(_field_changes(old.event, new.event, "", _DEEPEST))
    for path, was, now in changes:
        yield from _value_lines(f"  {path}: ", was, now, layout)
    if not changes and old.head == new.head:
        # What changes is on how many lines it is.
        yield from _marked("-", old.data, layout)
        yield from _marked("+", new.data, layout)


def _field_changes(old: object, new: object, path: str, depth: int) -> Iterator[tuple[str, object, object]]:
    """Yield what differs in two values, as the path, what was there and what is."""
    if depth and is_object(old) and is_object(new):
        for key in dict.fromkeys((*old, *new)):
            was, now = old.get(key, _ABSENT), new.get(key, _ABSENT)
            yield from _field_changes(was, now, f"{path}.{key}" if path else key, depth - 1)
    elif depth and is_array(old) and is_array(new) and len(old) == len(new):
        for index, (was, now) in enumerate(zip(old, new, strict=True)):
            yield from _field_changes(was, now, f"{path}[{index}]", depth - 1)
    elif old != new or type(old) is not type(new):
        yield path, old, new


def _value_lines(label: str, was: object, now: object, layout: Layout) -> Iterator[str]:
    """Yield what a field was and is, each on a line, with as much around the difference as fits."""
    before, after = ("" if value is _ABSENT else visible(_json(value)) for value in (was, now))
    begin = _alike(before, after)
    end = _alike(before[begin:][::-1], after[begin:][::-1])
    if was is not _ABSENT:
        yield layout.bad(_fitted(f"-{label}", before, begin, len(before) - end, layout))
    if now is not _ABSENT:
        yield layout.good(_fitted(f"+{label}", after, begin, len(after) - end, layout))


def _alike(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _marked(mark: str, lines: Iterable[str], layout: Layout) -> Iterator[str]:
    """Yield the beginnings of lines, each behind a mark that says whether it goes, comes or stays."""
    paint = {"-": layout.bad, "+": layout.good}.get(mark, str)
    for line in lines:
        yield paint(_fitted(mark, visible(line), 0, 0, layout))


def _fitted(label: str, text: str, begin: int, end: int, layout: Layout) -> str:
    """Return a line of `text` behind a label, cut to the width around what stands from `begin` to `end`."""
    label = _shortened(visible(label), layout.width // 2)
    before, marked, after = text[max(begin - _KEPT, 0) : begin], text[begin:end], text[end : end + _KEPT]
    if begin < end:
        marked = marked if len(marked) <= 2 * _KEPT else marked[:_KEPT] + marked[-_KEPT:]
        return label + Excerpt(before, marked, after).line(layout.width - len(label)).text
    return label + _shortened(before + after, layout.width - len(label), begin=len(before))


def _shortened(text: str, width: int, *, begin: int = 0) -> str:
    """Return as much of `text` as fits, around a place in it."""
    return Excerpt(text[:begin], "", text[begin:]).line(width).text


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeError:
        return ascii(value)  # with halves of surrogate pairs, which JSON cannot say


def _units(data: bytes) -> list[bytes]:
    """Return a stream in its elements, its blocks or, where it has none, its lines."""
    with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        return [bytes(element) for element in msgspec.json.decode(data, type=list[msgspec.Raw])]
    lines = data.splitlines(keepends=True)
    units = [b""]
    for line in lines:
        # A blank line ends a block, and belongs to it.
        if line.strip() and units[-1].endswith(_BLANK):
            units.append(b"")
        units[-1] += line if line.strip() else _BLANK[1:]
    return units if len(units) > 1 else lines
