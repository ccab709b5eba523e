"""Recordings: one event a line (JSON Lines). A recorded WebSocket, one message a line, is read here too."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

from penstock.spec.events import ResponseStreamEvent
from penstock.wire.codec import EventCodec
from penstock.wire.decoder import MAX_FRAME_BYTES, EventDecoder, aread, read
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import SHOWN_FRAME_BYTES, FramingError, WireError

__all__ = ["JSONLDecoder", "JSONLEncoder", "aread_jsonl", "read_jsonl"]

_BOM = b"\xef\xbb\xbf"
_CLIENT_MESSAGES = frozenset({"response.create"})
"""What a client says on a WebSocket: no event, but part of a recording of both sides."""


class JSONLDecoder(EventDecoder):
    """Turns lines of JSON into events. Blank lines are skipped, CRLF and a leading BOM are fine.

    Messages of the client in the recording of a WebSocket are no events; they are counted in `client_messages`.
    """

    def __init__(
        self,
        dialect: Dialect = OPENRESPONSES,
        *,
        max_line: int = MAX_FRAME_BYTES,
        on_error: Callable[[WireError], None] | None = None,
    ) -> None:
        """Begin a recording in `dialect`."""
        super().__init__(dialect, on_error=on_error)
        self.client_messages = 0
        """How many messages of the client were passed over."""
        self._max_line = max_line
        self._pending = bytearray()
        self._offset = 0  # of the first byte of `_pending`

    def _feed(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        pending = self._pending
        end = data.rfind(b"\n") + 1
        if end == 0:
            pending += data
            self._check(pending, self._offset)
            return
        whole = data[:end]
        if pending:
            whole = bytes(pending + whole)
        pending[:] = data[end:]
        self._read(events, whole)
        self._check(pending, self._offset)

    def _flush(self, events: list[ResponseStreamEvent]) -> None:
        whole = bytes(self._pending)
        self._pending.clear()
        self._read(events, whole)

    def _check(self, line: bytes | bytearray, offset: int) -> None:
        if len(line) > self._max_line:
            raise FramingError(
                f"a line of more than {self._max_line} bytes", offset=offset, frame=bytes(line[:SHOWN_FRAME_BYTES])
            )

    def _read(self, events: list[ResponseStreamEvent], whole: bytes) -> None:
        """Append to `events` those of `whole` lines; the last may lack its end."""
        found: list[ResponseStreamEvent] = []
        try:
            self._decode_all(found, self._lines(whole))
        finally:
            wanted = [event for event in found if event.event_type not in _CLIENT_MESSAGES]
            self.client_messages += len(found) - len(wanted)
            events += wanted

    def _lines(self, whole: bytes) -> Iterator[tuple[bytes, int]]:
        # JSON takes a CR as white space, so only LF divides; `split` at a single byte is one pass in C.
        for line in whole.split(b"\n"):
            at = self._offset
            self._offset += len(line) + 1
            self._check(line, at)
            data = (line if at else line.removeprefix(_BOM)).removesuffix(b"\r")
            if data and not data.isspace():
                yield data, at
        self._offset -= 1  # after the last line no LF was divided away


class JSONLEncoder:
    """Turns events into lines of JSON, each ended by LF."""

    def __init__(self, dialect: Dialect = OPENRESPONSES) -> None:
        """Begin a recording in `dialect`."""
        self.dialect = dialect
        self._encode = EventCodec(dialect).encode

    def encode(self, event: ResponseStreamEvent) -> bytes:
        """Return the line of `event`; nothing (`b""`) where the dialect has no such event, as its notes then say."""
        data = self._encode(event)
        return b"" if data is None else data + b"\n"


def read_jsonl(
    chunks: Iterable[bytes] | bytes,
    *,
    dialect: Dialect = OPENRESPONSES,
    max_line: int = MAX_FRAME_BYTES,
    on_error: Callable[[WireError], None] | None = None,
) -> Iterator[ResponseStreamEvent]:
    """Yield the events of a recording, one a line; `chunks` and the errors are as in `penstock.wire.sse.read_sse`."""
    return read(JSONLDecoder(dialect, max_line=max_line, on_error=on_error), chunks)


def aread_jsonl(
    chunks: AsyncIterable[bytes],
    *,
    dialect: Dialect = OPENRESPONSES,
    max_line: int = MAX_FRAME_BYTES,
    on_error: Callable[[WireError], None] | None = None,
) -> AsyncIterator[ResponseStreamEvent]:
    """Yield what `read_jsonl` would, from an asynchronous iterator of bytes."""
    return aread(JSONLDecoder(dialect, max_line=max_line, on_error=on_error), chunks)
