"""Tells formats by their content, and reads any of them. File names say nothing: VT Code's "jsonl" is SSE.

The first bytes that are not white space decide: `[` an array, `{` lines of JSON or one document, a field of
server-sent events SSE. Lines and document are told apart by the first line, which both must have whole in any case.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from enum import Enum

import msgspec

from penstock.spec.events import (
    ResponseCompleted,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
    ResponseStreamEvent,
)
from penstock.spec.response import Response
from penstock.wire.codec import decode_json_object
from penstock.wire.decoder import MAX_FRAME_BYTES, EventDecoder, aread, read
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import SHOWN_FRAME_BYTES, FramingError, JSONError, ShapeError, WireError
from penstock.wire.jsonl import JSONLDecoder
from penstock.wire.load import load
from penstock.wire.sse import SSEEventDecoder

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "AnyDecoder",
    "Beginning",
    "DocumentDecoder",
    "Format",
    "aread_events",
    "detect_format",
    "read_events",
]

MAX_DOCUMENT_BYTES = MAX_FRAME_BYTES
"""Most bytes of a document in one piece, which must be held whole before anything can be read."""

_LOOK_AHEAD_BYTES = 64 * 1024
"""How much white space may come before the content."""
_BOM = b"\xef\xbb\xbf"
_SSE_FIELDS = (b"data", b"event", b"id", b"retry")
_SNAPSHOT_EVENTS: dict[
    str,
    type[ResponseCompleted | ResponseFailed | ResponseIncomplete | ResponseInProgress | ResponseQueued],
] = {
    "completed": ResponseCompleted,
    "failed": ResponseFailed,
    "incomplete": ResponseIncomplete,
    "queued": ResponseQueued,
}


class Format(Enum):
    """How events are put into bytes."""

    SSE = "sse"
    """Server-sent events, what a server streams over HTTP."""
    JSONL = "jsonl"
    """One JSON object a line: recordings of events, or of a WebSocket's messages."""
    DOCUMENT = "document"
    """One JSON document: an array of events, a single event, or a whole response."""


def detect_format(head: bytes, *, final: bool = False) -> Format | None:
    """Return the format of a stream that begins with `head`; None where more bytes are needed to tell.

    `final` says that `head` is all there is: then None only stands for nothing but white space. Raises FramingError
    where it is none of the formats, or begins with too much white space.
    """
    return _detect(head, final=final, most=_LOOK_AHEAD_BYTES)


def _detect(head: bytes, *, final: bool, most: int) -> Format | None:
    """Do what `detect_format` does; `most` is how much white space may come before the content."""
    start = head.removeprefix(_BOM).lstrip(b" \t\r\n")
    if len(head) - len(start) > most:
        raise FramingError(f"nothing but white space in the first {most} bytes", offset=0)
    if not start or (not final and _BOM.startswith(start)):
        return None
    if start.startswith(b"["):
        return Format.DOCUMENT
    if start.startswith(b"{"):
        line, found, _ = start.partition(b"\n")
        return _lines_or_document(line, ended=bool(found)) if found or final else None
    if start.startswith(b":"):
        return Format.SSE
    line = start.split(b"\n", 1)[0].split(b"\r", 1)[0]
    name, colon, _ = line.partition(b":")
    whole = bool(colon) or len(line) < len(start) or final
    if whole and name in _SSE_FIELDS:
        return Format.SSE
    if not whole and any(field.startswith(name) for field in _SSE_FIELDS):
        return None
    raise FramingError(
        "neither server-sent events nor JSON", offset=len(head) - len(start), frame=start[:SHOWN_FRAME_BYTES]
    )


def _lines_or_document(line: bytes, *, ended: bool) -> Format:
    """Tell by the first line, which begins with a brace. A whole object with a `type` is an event, and has a line."""
    try:
        fields = decode_json_object(line)
    except JSONError:
        # A document over many lines has an opening line without its closing brace; else it is a damaged line.
        return Format.DOCUMENT if ended and not line.rstrip().endswith(b"}") else Format.JSONL
    return Format.JSONL if "type" in fields else Format.DOCUMENT


class Beginning:
    """The beginning of a stream, held back until it tells the format.

    It is looked at again only where what came may bring news, so that many small pieces cost no more than a large one.
    """

    def __init__(self, *, max_line: int = MAX_FRAME_BYTES) -> None:
        """Begin with nothing; `max_line` is the limit of the first line, in bytes."""
        self.format: Format | None = None
        """The format; None until it can be told."""
        self._max_line = max_line
        self._held = bytearray()
        self._line_at: int | None = None

    def take(self, data: bytes, *, final: bool = False) -> bytes:
        """Take the next bytes; once the format is known, return all that were held, and know nothing of those to come.

        `final` says that none follow. Raises FramingError as `detect_format` does, and for too long a line.
        """
        # A brace leaves only one question open, and the LF that ends the first line is what answers it.
        in_json = self._line_at is not None
        self._held += data
        if final or not in_json or b"\n" in data:
            self.format = _detect(bytes(self._held), final=final, most=min(_LOOK_AHEAD_BYTES, self._max_line))
        if self.format is not None:
            held = bytes(self._held)
            self._held.clear()
            return held
        if self._line_at is None and b"{" in data:
            self._line_at = self._held.rfind(b"\n") + 1
        # Before the brace nothing piles up: of white space, too, no more than the limit is allowed.
        at = self._line_at
        if at is not None and len(self._held) - at > self._max_line:
            start = bytes(self._held[at : at + SHOWN_FRAME_BYTES])
            raise FramingError(f"a line of more than {self._max_line} bytes", offset=at, frame=start)
        return b""


class DocumentDecoder(EventDecoder):
    """Turns one JSON document into events, when the document has ended: an array of events, one event, or a response.

    A response is told as the one event that carries such a snapshot: `response.completed` for a completed one.
    """

    def __init__(
        self,
        dialect: Dialect = OPENRESPONSES,
        *,
        max_document: int = MAX_DOCUMENT_BYTES,
        on_error: Callable[[WireError], None] | None = None,
    ) -> None:
        """Begin a document in `dialect`."""
        super().__init__(dialect, on_error=on_error)
        self._max_document = max_document
        self._held = bytearray()

    def _feed(self, events: list[ResponseStreamEvent], data: bytes) -> None:  # noqa: ARG002 - it ends before it says anything
        self._held += data
        if len(self._held) > self._max_document:
            start = bytes(self._held[:SHOWN_FRAME_BYTES])
            raise FramingError(f"a document of more than {self._max_document} bytes", offset=0, frame=start)

    def _flush(self, events: list[ResponseStreamEvent]) -> None:
        held = bytes(self._held)
        self._held.clear()
        document = held.removeprefix(_BOM).lstrip()
        offset = len(held) - len(document)
        try:
            if document.startswith(b"["):
                frames = [(element, offset + at) for element, at in _elements(document)]
            elif not document or "type" in (fields := decode_json_object(document)):
                frames = [(document, offset)] if document else []
            else:
                frames = []
                events.append(self._snapshot(fields))
        except WireError as error:
            raise error.at(offset, document) from None
        self._decode_all(events, frames)

    def _snapshot(self, fields: dict[str, object]) -> ResponseStreamEvent:
        if fields.get("object") != "response":
            raise ShapeError("", "expected an array of events, an event or a response")
        # A dialect reads events, so it is shown one.
        event = self.codec.dialect.read({"type": "response.completed", "response": fields})
        response = load(Response, event["response"], tolerant=True)
        return _SNAPSHOT_EVENTS.get(response.status, ResponseInProgress)(response=response)


def _elements(document: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the elements of a JSON array as they stand there, each with its offset. Raises JSONError."""
    try:
        elements = msgspec.json.decode(document, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) or "nested too deeply"
        raise JSONError(f"not a JSON array: {reason[:1].lower()}{reason[1:]}") from None
    end = 0
    for element in map(bytes, elements):
        begin = document.index(element, end)
        end = begin + len(element)
        yield element, begin


class AnyDecoder(EventDecoder):
    """Turns bytes of any format into events, once the first bytes have told the format."""

    def __init__(
        self,
        dialect: Dialect = OPENRESPONSES,
        *,
        max_frame: int = MAX_FRAME_BYTES,
        on_error: Callable[[WireError], None] | None = None,
    ) -> None:
        """Begin a stream in `dialect`; `max_frame` is the limit of a frame, a line or a document, in bytes."""
        super().__init__(dialect, on_error=on_error)
        self._max_frame = max_frame
        self._beginning = Beginning(max_line=max_frame)
        self._inner: EventDecoder | None = None

    @property
    def format(self) -> Format | None:
        """The format; None until it can be told."""
        return self._beginning.format

    def _feed(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        inner = self._inner
        if inner is None:
            data = self._beginning.take(data)
            inner = self._choose()
            if inner is None:
                return
        self._pass_on(events, inner, inner.feed(data))

    def _flush(self, events: list[ResponseStreamEvent]) -> None:
        inner = self._inner
        if inner is None:
            data = self._beginning.take(b"", final=True)
            inner = self._choose()
            if inner is None:
                return
            self._pass_on(events, inner, inner.feed(data))
        self._pass_on(events, inner, inner.flush())

    def _choose(self) -> EventDecoder | None:
        """Return the decoder for what has come so far, if that can be told yet."""
        dialect, limit, on_error = self.codec.dialect, self._max_frame, self._on_error
        if self.format is Format.SSE:
            self._inner = SSEEventDecoder(dialect, max_line=limit, max_frame=limit, on_error=on_error)
        elif self.format is Format.JSONL:
            self._inner = JSONLDecoder(dialect, max_line=limit, on_error=on_error)
        elif self.format is Format.DOCUMENT:
            self._inner = DocumentDecoder(dialect, max_document=limit, on_error=on_error)
        return self._inner

    def _pass_on(
        self, events: list[ResponseStreamEvent], inner: EventDecoder, found: list[ResponseStreamEvent]
    ) -> None:
        events += found
        self.done = inner.done
        self.frames_after_done = inner.frames_after_done
        if inner.error is not None:
            raise inner.error


def read_events(
    chunks: Iterable[bytes] | bytes,
    *,
    dialect: Dialect = OPENRESPONSES,
    max_frame: int = MAX_FRAME_BYTES,
    on_error: Callable[[WireError], None] | None = None,
) -> Iterator[ResponseStreamEvent]:
    """Yield the events in bytes of any format; `chunks` and the errors are as in `penstock.wire.sse.read_sse`."""
    return read(AnyDecoder(dialect, max_frame=max_frame, on_error=on_error), chunks)


def aread_events(
    chunks: AsyncIterable[bytes],
    *,
    dialect: Dialect = OPENRESPONSES,
    max_frame: int = MAX_FRAME_BYTES,
    on_error: Callable[[WireError], None] | None = None,
) -> AsyncIterator[ResponseStreamEvent]:
    """Yield what `read_events` would, from an asynchronous iterator of bytes."""
    return aread(AnyDecoder(dialect, max_frame=max_frame, on_error=on_error), chunks)
