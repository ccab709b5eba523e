"""The WHATWG's parser of server-sent events: lines, fields and blocks, in pieces of any size.

Standard: HTML, "Server-sent events", sections 9.2.5 and 9.2.6. This is the reading that decides; the quicker one in
`penstock.wire.sse` takes only what is read here in the same way.
"""

from __future__ import annotations

from msgspec import Struct

from penstock.wire.decoder import DONE
from penstock.wire.errors import SHOWN_FRAME_BYTES, FramingError

__all__ = ["Blocks", "Frame"]

_MAX_RETRY_DIGITS = 18
"""Longer reconnection times are ignored: some 30 million years, and Python refuses to read very long numbers."""
_BOM = b"\xef\xbb\xbf"


class Frame(Struct, frozen=True, gc=False):
    """One block of the stream, up to its blank line."""

    event: str | None
    """Its `event` field, None where it has none."""
    data: bytes
    """Its `data` lines, joined with LF."""
    id: str | None
    """Its `id` field; the specification's servers send none."""
    retry: int | None
    """Its `retry` field, in milliseconds."""
    comments: tuple[bytes, ...]
    """Its comment lines, without the colon; only where the decoder was asked for all blocks."""
    offset: int
    """Where it begins in the stream, in bytes."""
    size: int
    """How many bytes it took, with its blank line; of a final CRLF only the CR is counted, the block ends with it."""
    data_lines: int
    """How many `data` lines there were. 0: the standard gives such a block to nobody."""
    terminated: bool
    """Whether its blank line came. The standard throws away a block without one."""

    @property
    def is_done(self) -> bool:
        """Whether this is the sentinel that ends the stream."""
        return self.data == DONE


class Blocks:
    """The parser of one stream. Dead after a FramingError."""

    def __init__(self, *, max_line: int, max_frame: int, all_blocks: bool) -> None:
        self.offset = 0
        """How many bytes have been taken in. Who reads whole blocks elsewhere, while `clean`, adds their size here."""
        self.clean = True
        """Whether the next byte begins a block, as far as the bytes seen tell."""
        self._max_line = max_line
        self._max_frame = max_frame
        self._all_blocks = all_blocks
        self._line = bytearray()
        self._after_cr = False
        self._begin_block()

    def _begin_block(self) -> None:
        self._start = self.offset
        self._head = b""
        self._event: str | None = None
        self._data: list[bytes] = []
        self._id: str | None = None
        self._retry: int | None = None
        self._comments: list[bytes] = []

    def feed(self, frames: list[Frame], data: bytes) -> None:
        """Append to `frames` the blocks that `data` ends; raise FramingError, with which the parser is dead."""
        if self.clean:
            self._start = self.offset
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):  # the LF of a CRLF that was cut in two
                data = data[1:]
                self.offset += 1
                if not self._head:
                    self._start = self.offset
        # Of bytes, unlike of text, `splitlines` knows CR, LF and CRLF only: just what the standard asks.
        for piece in data.splitlines(keepends=True):
            self.offset += len(piece)
            if not piece.endswith((b"\n", b"\r")):
                self._line += piece
                self._check(self._line, self.offset)
                break
            line: bytes | bytearray = piece.rstrip(b"\r\n")
            ended = len(piece) - len(line)
            if self._line:
                # A line of megabytes is copied once more, in `_take`, and that must do.
                self._line += line
                line, self._line = self._line, bytearray()
            if line:
                self._check(line, self.offset - ended)
                self._take(line)
                del line
            else:
                self._end_block(frames, self.offset - (piece == b"\r\n"))
        self._after_cr = data.endswith(b"\r") or (self._after_cr and not data)
        self.clean = not (self._line or self._head or self._after_cr)

    def flush(self, frames: list[Frame]) -> None:
        """Append to `frames` the block that was begun and never ended, if there is one."""
        if self._line:
            line, self._line = self._line, bytearray()
            self._take(line)
            del line
        self._end_block(frames, self.offset, terminated=False)
        self._after_cr = False
        self.clean = True

    def _check(self, line: bytes | bytearray, end: int) -> None:
        """Raise FramingError where `line`, or the block up to its `end`, is over the limit.

        Line ends count for nothing, and of two limits the one passed first is named: how a stream was cut must not
        show in what becomes of it.
        """
        over_line = len(line) - self._max_line
        over_block = end - self._start - self._max_frame
        if over_line > 0 or over_block > 0:
            what, limit = ("line", self._max_line) if over_line >= over_block else ("block", self._max_frame)
            raise self._error(f"a {what} of more than {limit} bytes", line)

    def _error(self, message: str, line: bytes | bytearray) -> FramingError:
        shown = self._head or bytes(line[:SHOWN_FRAME_BYTES])
        return FramingError(message, offset=self._start, frame=shown)

    def _take(self, line: bytes | bytearray) -> None:
        """Process one line that is not blank (the standard's "process the field")."""
        if self._start == 0 and not self._head and line.startswith(_BOM):
            # "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are present."
            line = line[len(_BOM) :]
            self._start = len(_BOM)
            if not line:
                self._begin_block()
                return
        if not self._head:
            self._head = bytes(line[:SHOWN_FRAME_BYTES])
        colon = line.find(b":")
        name = bytes(line[:colon] if colon >= 0 else line)
        value = b""
        if colon >= 0:
            value = bytes(memoryview(line)[colon + 1 + line.startswith(b" ", colon + 1) :])
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = self._text(value, "an event name")
        elif not name:
            if self._all_blocks:
                self._comments.append(value)
        elif name == b"id":
            if b"\0" not in value:
                self._id = self._text(value, "an id")
        elif name == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            self._retry = int(value)

    def _text(self, value: bytes, what: str) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise self._error(f"{what} that is not UTF-8", value) from None

    def _end_block(self, frames: list[Frame], end: int, *, terminated: bool = True) -> None:
        if self._data or (self._all_blocks and self._head):
            frames.append(
                Frame(
                    self._event,
                    b"\n".join(self._data),
                    self._id,
                    self._retry,
                    tuple(self._comments),
                    self._start,
                    end - self._start,
                    len(self._data),
                    terminated,
                )
            )
        self._begin_block()
