"""The linter as users hold it: bytes of any format, or events, in; findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from penstock.lint.asked import Asked, asked
from penstock.lint.engine import EventLinter
from penstock.lint.facts import Profile
from penstock.lint.findings import Finding
from penstock.lint.roads import Line
from penstock.lint.rules import ALL_RULES
from penstock.lint.select import selected_rules
from penstock.lint.source import Stream, pieces
from penstock.spec.events import ResponseStreamEvent
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.errors import SHOWN_FRAME_BYTES, FramingError
from penstock.wire.formats import Beginning, Format
from penstock.wire.sse import SSEDecoder

__all__ = ["Linter", "lint"]

_BOM = b"\xef\xbb\xbf"
_SLICE_BYTES = 64 * 1024


class Linter:
    """Judges one stream, while it comes.

    Feed it bytes (`feed`; SSE, JSON lines or a document, told apart by what they hold) or events (`feed_event`), then
    `finish`. Each call returns the findings that arose in it; `findings` are all of them. What is found of an event
    before which one number was left out waits for the next event, which may be the one missing: then the two came in
    the wrong order. It never raises on a stream: bytes that are no stream at all are a finding, too. Memory is bounded
    by the text of the response and the largest frame.
    """

    def __init__(
        self,
        *,
        dialect: str = "openresponses",
        resumed: bool = False,
        transport: str | None = None,
        content_type: str | None = None,
        request: Asked | None = None,
        select: Sequence[str] = (),
        ignore: Sequence[str] = (),
        max_frame: int = MAX_FRAME_BYTES,
    ) -> None:
        """Begin a stream.

        `dialect` and `resumed` are by what it is judged (see `Profile`), `transport` and `content_type` how it came,
        where the bytes do not tell. `request` is what it answers, typed or as a plain JSON object: family OR7 needs it.
        `select` and `ignore` are codes or prefixes of codes (`OR3`). Raises UnknownRule for one that fits no rule,
        RequestError for an object that is no request.
        """
        self._profile = Profile(
            dialect=dialect, resumed=resumed, transport=transport or "unknown", content_type=content_type
        )
        self._request = asked(request)
        self._rules = selected_rules(ALL_RULES, select, ignore)
        self._max_frame = max_frame
        self._engine: EventLinter | None = None
        self._beginning = Beginning(max_line=max_frame)
        self._format: Format | None = None
        self._sse = SSEDecoder(max_line=max_frame, max_frame=max_frame, all_blocks=True)
        self._pending = bytearray()
        self._offset = 0
        self._dead = False

    @property
    def findings(self) -> list[Finding]:
        """All findings so far, in the order they arose."""
        return [] if self._engine is None else self._engine.findings

    @property
    def more(self) -> int:
        """How many findings there were after those that are kept."""
        return 0 if self._engine is None else self._engine.uncounted

    @property
    def events(self) -> int:
        """How many events came."""
        return 0 if self._engine is None else self._engine.facts.events

    @property
    def unreadable(self) -> int:
        """How many frames or lines held nothing that could be read as an event; they are not among the events."""
        return 0 if self._engine is None else self._engine.unreadable

    @property
    def unchecked(self) -> list[str]:
        """What was not judged since something of it was lost or damaged, in words; that mended, there may be more."""
        return [] if self._engine is None else list(self._engine.unchecked)

    @property
    def format(self) -> Format | None:
        """The format of the bytes, None until it could be told, or where events came without bytes."""
        return self._format

    def feed(self, data: bytes) -> list[Finding]:
        """Take the next bytes, cut anywhere."""
        engine = self._engine
        if engine is not None and self._format is Format.SSE:
            body = self._sse.only_block(data)
            if body is not None and engine.take_strict(self._sse.name, body):
                self._sse.skip(data)
                return []
        before = len(engine.findings) if engine is not None else 0
        if not self._dead:
            try:
                self._feed(data)
            except FramingError as error:
                self._die(error)
        return self.findings[before:]

    def feed_event(self, event: ResponseStreamEvent | Mapping[str, object]) -> list[Finding]:
        """Take the next event: typed, or a plain JSON object."""
        engine = self._judge()
        before = len(engine.findings)
        engine.feed_event(event)
        return engine.findings[before:]

    def finish(self) -> list[Finding]:
        """Say that the stream is over; nothing may be fed after it."""
        before = len(self.findings) if self._engine is not None else 0
        if not self._dead:
            try:
                self._flush()
            except FramingError as error:
                self._die(error)
        engine = self._judge()
        engine.finish()
        return engine.findings[before:]

    def _judge(self, transport: str | None = None) -> EventLinter:
        """Return the engine; it begins when it is known how the stream comes."""
        if self._engine is None:
            profile = self._profile
            if profile.transport == "unknown" and transport is not None:
                profile = msgspec.structs.replace(profile, transport=transport)
            self._engine = EventLinter(profile=profile, request=self._request, rules=self._rules)
        return self._engine

    def _die(self, error: FramingError) -> None:
        """Report bytes that are no framing; after them nothing can be read."""
        self._dead = True
        code = "OR110" if "UTF-8" in error.message else "OR106"
        engine = self._judge()
        engine.facts.lose()
        engine.unchecked["all that follows"] = None
        engine.report(code, error.message, offset=error.offset)

    def _feed(self, data: bytes, *, final: bool = False) -> None:
        if self._format is None:
            data = self._beginning.take(data, final=final)
            self._format = self._beginning.format
            if self._format is None:
                return
        if self._format is Format.SSE:
            engine = self._judge("sse")
            # In slices, so that the frames of one are judged while they are warm.
            for start in range(0, len(data), _SLICE_BYTES):
                engine.feed_blocks(self._sse.feed_runs(data[start : start + _SLICE_BYTES]))
                if self._sse.error is not None:
                    raise self._sse.error
        elif self._format is Format.JSONL:
            self._feed_lines(data)
        else:
            self._pending += data
            self._check_size()

    def _feed_lines(self, data: bytes, *, final: bool = False) -> None:
        engine = self._judge("jsonl")
        self._pending += data
        if b"\n" not in data and not final:
            self._check_size()
            return
        *whole, rest = bytes(self._pending).split(b"\n")
        self._pending[:] = rest
        if final:
            whole.append(rest)
        lines: list[Line] = []
        for piece in whole:
            text = (piece.removeprefix(_BOM) if self._offset == 0 else piece).strip()
            if text:
                lines.append(Line(text, self._offset))
            self._offset += len(piece) + 1
        engine.feed_lines(lines)
        self._check_size()

    def _check_size(self) -> None:
        if len(self._pending) > self._max_frame:
            shown = bytes(self._pending[:SHOWN_FRAME_BYTES])
            raise FramingError(f"a line of more than {self._max_frame} bytes", offset=self._offset, frame=shown)

    def _flush(self) -> None:
        if self._format is None:
            self._feed(b"", final=True)
        if self._format is Format.SSE:
            self._judge().feed_frames(self._sse.flush())
        elif self._format is Format.JSONL:
            self._feed_lines(b"", final=True)
        elif self._format is Format.DOCUMENT:
            self._feed_document(bytes(self._pending))

    def _feed_document(self, data: bytes) -> None:
        """Judge an array of events; any other document is one event, or none."""
        engine = self._judge("unknown")
        document = data.removeprefix(_BOM).strip()
        try:
            elements = msgspec.json.decode(document, type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            engine.feed_lines([Line(document, 0)])
            return
        lines: list[Line] = []
        end = 0
        for element in map(bytes, elements):
            begin = data.index(element, end)
            end = begin + len(element)
            lines.append(Line(element, begin))
        engine.feed_lines(lines)


def lint(
    stream: Stream,
    *,
    dialect: str = "openresponses",
    resumed: bool = False,
    transport: str | None = None,
    content_type: str | None = None,
    request: Asked | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> list[Finding]:
    """Return everything that is wrong with a stream: its bytes, in one piece or in many, its events, or a file's path.

    The keywords are those of `Linter`, and so are the errors. Raises TypeError for what is no stream, OSError for a
    path that cannot be read, besides.
    """
    linter = Linter(
        dialect=dialect,
        resumed=resumed,
        transport=transport,
        content_type=content_type,
        request=request,
        select=select,
        ignore=ignore,
    )
    for piece in pieces(stream):
        if isinstance(piece, bytes):
            linter.feed(piece)
        else:
            linter.feed_event(piece)
    linter.finish()
    return linter.findings
