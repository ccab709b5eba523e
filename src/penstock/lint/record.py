"""A linter that remembers what it judged, as far as a report needs it: the events with findings, and where they are.

The linter keeps no bytes. Here the last of them are held while they go by; when a finding comes, its event is looked up
and only the piece around the fault is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.lint.excerpt import Excerpt, excerpt
from penstock.lint.findings import Finding
from penstock.lint.linter import Linter
from penstock.lint.unreadable import unreadable
from penstock.spec.events import ResponseStreamEvent
from penstock.wire.codec import to_plain
from penstock.wire.errors import FramingError
from penstock.wire.formats import Format
from penstock.wire.sse import Frame, SSEDecoder

__all__ = ["Judgement", "Located", "Recorder"]

_WINDOW_BYTES: Final = 4 * 1024 * 1024
_RAW_BYTES: Final = 400
"""How much is shown of bytes that are no frame."""
_ABOUT_READING: Final = ("OR106", "OR110")
"""The rules a breach of which is in the characters of an event, not in a field of it."""
_AFTER_END: Final = "OR105"
"""The rule about frames that are no part of the stream any more, and so have no index."""
_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\n\r\n|\r\n\n|\r\r")
_FRAME_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Located(Struct, frozen=True, kw_only=True):
    """A finding and where it is: the type of its event, the line (from 1) on which that stands, what it says there.

    Each is None where it is not known: of findings about no single event, and of streams that came without bytes.
    `related_type` and `related_line` tell the same of the related event.
    """

    finding: Finding
    event_type: str | None = None
    line: int | None = None
    excerpt: Excerpt | None = None
    related_type: str | None = None
    related_line: int | None = None


class Judgement(Struct, frozen=True, kw_only=True):
    """The verdict on one stream. `path` is where it came from, `events` how many it has, `findings` by event.

    `unreadable` is how many frames or lines it has that are no events, `more` how many findings there were after those
    that are kept, `unchecked` what was not judged since something of it was lost or damaged, in words.
    """

    path: str
    events: int
    findings: list[Located]
    unreadable: int = 0
    more: int = 0
    unchecked: tuple[str, ...] = ()


class _Text(Struct, frozen=True):
    """An event as it came: its JSON, and the line it stands on."""

    data: str
    line: int | None


class Recorder:
    """Feeds a linter and keeps what a report of its findings shows.

    Memory is bounded by what the linter needs, by a window of some megabytes, and by the findings.
    """

    def __init__(self, linter: Linter, path: str, *, window: int = _WINDOW_BYTES) -> None:
        """Begin a stream that came from `path`, held in a `window` of so many bytes; `linter` has not been fed yet."""
        self.linter = linter
        self._path = path
        self._limit = window
        self._trim_at = 2 * window
        self._held = bytearray()
        self._start = 0
        # The line of one place in what is held; that of any other is counted from there.
        self._known_offset, self._known_line = 0, 1
        self._located: list[Located] = []
        self._types: list[str] = []
        self._recent: dict[int | None, Mapping[str, object]] = {}
        """The last two events, where they come without bytes: a finding may wait for the event behind its own."""
        self._elements: dict[int, bytes] | None = None

    def feed(self, data: bytes) -> list[Located]:
        """Take the next bytes; return the findings they make."""
        self._held += data
        located = self._locate(self.linter.feed(data))
        if len(self._held) > self._trim_at and self.linter.format is not Format.DOCUMENT:
            self._trim()
        return located

    def feed_event(self, event: ResponseStreamEvent | Mapping[str, object]) -> list[Located]:
        """Take the next event; return the findings it makes."""
        raw: Any = event if isinstance(event, Mapping) else to_plain(event)
        self._types.append(str(raw.get("type", "")))
        index = self.linter.events
        self._recent[index] = raw
        self._recent.pop(index - 2, None)
        return self._locate(self.linter.feed_event(event))

    def finish(self) -> Judgement:
        """Say that the stream is over; return the verdict."""
        self._locate(self.linter.finish())
        if any(located.finding.related is not None for located in self._located):
            self._tell_related()
        # What is told at the end may be about the first event; the reader reads from there.
        self._located.sort(key=_by_event)
        self._held.clear()
        self._elements = None
        linter = self.linter
        return Judgement(
            path=self._path,
            events=linter.events,
            findings=self._located,
            unreadable=linter.unreadable,
            more=linter.more,
            unchecked=tuple(linter.unchecked),
        )

    def _locate(self, findings: Iterable[Finding]) -> list[Located]:
        located = [_located(finding, self._text(finding)) for finding in findings]
        self._located += located
        return located

    def _text(self, finding: Finding) -> _Text | None:
        offset = finding.offset
        raw = self._recent.get(finding.event)
        if raw is not None:
            return _Text(json.dumps(dict(raw), ensure_ascii=False, separators=(",", ":"), default=repr), None)
        if offset is None or not self._start <= offset < self._start + len(self._held):
            return None
        at = offset - self._start
        data, below = bytes(self._held[at : at + _RAW_BYTES]), 0
        if finding.event is not None or finding.code == _AFTER_END:
            offset, data, below = next(self._frames(at), (offset, data, below))
        return _Text(data.decode("utf-8", "surrogateescape"), self._line(offset) + below)

    def _line(self, offset: int) -> int:
        low, high = sorted((offset, self._known_offset))
        lines = self._held.count(b"\n", low - self._start, high - self._start)
        self._known_line += lines if offset > self._known_offset else -lines
        self._known_offset = offset
        return self._known_line

    def _frames(self, at: int, *, every: bool = False) -> Iterator[tuple[int, bytes, int]]:
        """Yield the frame that begins at `at` in what is held, or `every` one from there.

        Each is its offset in the stream, its data, and how many lines its data is below its beginning.
        """
        held = self._held
        if self.linter.format is Format.SSE:
            if every:
                end = len(held)
            else:
                blank = _BLANK_LINE.search(held, at)
                end = blank.end() if blank is not None else len(held)
            yield from _sse_frames(bytes(held[at:end]), self._start + at)
        elif self.linter.format is Format.DOCUMENT:
            if self._elements is None:
                self._elements = dict(_elements(bytes(held)))
            for offset in self._elements if every else (at,):
                yield offset, self._elements.get(offset, b""), 0
        else:
            while 0 <= at < len(held):
                end = held.find(b"\n", at)
                stop = end if end >= 0 else len(held)
                yield self._start + at, bytes(held[at:stop]).strip(), 0
                at = stop + 1

    def _tell_related(self) -> None:
        """Say of related events what they are and where, if all of the stream is still at hand."""
        lines: dict[int, int] = {}
        types = self._types
        if not types and self._start == 0:
            places = {located.finding.event: located.finding.offset for located in self._located}
            wanted = {located.finding.related for located in self._located}
            for offset, data, below in self._frames(0, every=True):
                name = _type_of(data)
                if name is None:
                    continue
                index = len(types)
                if places.get(index, offset) not in (offset, None):
                    # Damage has made the count another than the linter's.
                    types.clear()
                    break
                types.append(name)
                if index in wanted:
                    lines[index] = self._line(offset) + below
        for number, located in enumerate(self._located):
            related = located.finding.related
            if related is not None and related < len(types):
                self._located[number] = msgspec.structs.replace(
                    located, related_type=types[related], related_line=lines.get(related)
                )

    def _trim(self) -> None:
        """Let go of whole frames that went by long ago."""
        held = self._held
        before = len(held) - self._limit
        ends = _FRAME_ENDS if self.linter.format is Format.SSE else (b"\n",)
        cut = max((at + len(end) for end in ends if (at := held.rfind(end, 0, before)) >= 0), default=0)
        self._trim_at = max(2 * (len(held) - cut), 2 * self._limit)
        if cut:
            self._line(self._start + cut)
            del held[:cut]
            self._start += cut


def _located(finding: Finding, text: _Text | None) -> Located:
    if text is None:
        return Located(finding=finding)
    data = text.data
    # What is no event, but bytes that are no stream, is wrong as a whole.
    span = unreadable(data) if finding.code in _ABOUT_READING and finding.event is not None else None
    return Located(
        finding=finding,
        event_type=_type_of(data.encode("utf-8", "replace")),
        line=text.line,
        excerpt=excerpt(data, finding.path, span=span),
    )


def _by_event(located: Located) -> float:
    return located.finding.event if located.finding.event is not None else float("inf")


class _Typed(Struct):
    """The only field of an event that is looked at here."""

    name: str = msgspec.field(name="type", default="")


_typed: Final = msgspec.json.Decoder(_Typed, strict=False)


def _type_of(data: bytes) -> str | None:
    """Return the type in `data`; empty where an object has none, None where it is no object."""
    try:
        return _typed.decode(data).name
    except msgspec.ValidationError:
        return "" if data.lstrip().startswith(b"{") else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _sse_frames(data: bytes, offset: int) -> Iterator[tuple[int, bytes, int]]:
    # The linter has read these bytes; no limit is needed that might be another than its own.
    decoder = SSEDecoder(max_line=len(data), max_frame=len(data))
    frames: list[Frame] = []
    with suppress(FramingError):  # of which it told, where it reads bytes that are no framing
        frames += decoder.feed(data)
        frames += decoder.flush()
    for frame in frames:
        head = data[frame.offset : frame.offset + frame.size]
        yield offset + frame.offset, frame.data, head.count(b"\n", 0, max(head.find(b"data"), 0))


def _elements(document: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of an array, or the document itself where it is none."""
    try:
        elements = msgspec.json.decode(document.removeprefix(b"\xef\xbb\xbf"), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield 0, document.strip()
        return
    end = 0
    for element in map(bytes, elements):
        begin = document.index(element, end)
        end = begin + len(element)
        yield begin, element
