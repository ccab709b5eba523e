"""Server-sent events: with the parser in `penstock.wire.blocks`, the only file that knows the letters `data:`.

Reading takes all that the WHATWG standard allows; writing has one strict form. Nearly every stream is in that form, so
reading has a fast road for it: the whole blocks of a chunk are divided by `bytes.split` and decoded in one loop.
Whatever is not plainly in that form goes to `Blocks`; the fast road decides nothing that would be decided differently
there, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

from penstock.spec.events import STANDARD_EVENTS, ResponseStreamEvent
from penstock.wire.blocks import Blocks, Frame
from penstock.wire.codec import encode_object, encode_plain
from penstock.wire.decoder import DONE, MAX_FRAME_BYTES, REFUSALS, EventDecoder, aread, read
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import FramingError, WireError

__all__ = ["MAX_LINE_BYTES", "Frame", "SSEDecoder", "SSEEncoder", "SSEEventDecoder", "aread_sse", "read_sse"]

MAX_LINE_BYTES = MAX_FRAME_BYTES
"""Most bytes of one line. A frame is usually one line, so this is the frame's limit unless asked otherwise."""

_SLICE_BYTES = 64 * 1024
"""Larger chunks (a file in one piece) are taken in such slices, so that no copy of more than one is held."""
_BLANK = b"\n\n"
_DATA = b"data: "


def _strict_bodies(region: bytes) -> list[bytes] | None:
    """Return the data of each block of `region`, whole LF-only blocks; None where not all are strict and named.

    A strict named block is `event: NAME` LF `data: BODY` LF LF with an ASCII name.
    """
    lines = region.split(b"\n")
    heads, datas, blanks = lines[:-1:3], lines[1::3], lines[2::3]
    if len(lines) % 3 != 1 or any(blanks) or not all(map(_is_strict_head, set(heads))):
        return None
    bodies = [line[len(_DATA) :] for line in datas if line.startswith(_DATA)]
    return bodies if len(bodies) == len(datas) else None


def _is_strict_head(line: bytes) -> bool:
    return line.startswith(b"event: ") and line.isascii()


def _strict_prefix(region: bytes) -> bytes | None:
    """Return how the first block of `region` begins, up to its data; None where it is no strict block."""
    if region.startswith(_DATA):
        return _DATA
    end = region.find(b"\n")
    head = region[:end]
    return head + b"\n" + _DATA if region.startswith(_DATA, end + 1) and _is_strict_head(head) else None


class _Gate:
    """Holds back bytes until whole blocks are there, and tells those that may be strict from those that are not."""

    def __init__(self, *, max_line: int, max_frame: int, all_blocks: bool = False) -> None:
        self.blocks = Blocks(max_line=max_line, max_frame=max_frame, all_blocks=all_blocks)
        self.limit = min(max_line, max_frame)
        self.pending = bytearray()
        """What came after the last blank line, where `blocks` has not got it."""

    def take(self, frames: list[Frame], data: bytes) -> bytes:
        """Take in `data`; append to `frames` what the standard's parser makes of it, or return whole blocks instead.

        The blocks returned hold no CR and end with a blank line; they are the caller's to read, in `blocks` or past it.
        Raises FramingError.
        """
        pending = self.pending
        if data.find(b"\r") >= 0 or not self.blocks.clean:
            self._parse(frames, data)
            return b""
        end = data.rfind(_BLANK) + len(_BLANK)
        if end == 1 and not (pending.endswith(b"\n") and data.startswith(b"\n")):  # nor is a blank line cut in two
            pending += data
            if len(pending) > self.limit:
                self._parse(frames, b"")
            return b""
        region = data[:end]
        if pending:
            region = bytes(pending + region)
            pending.clear()
        pending += data[end:]
        if len(region) <= self.limit:
            return region
        self.blocks.feed(frames, region)
        return b""

    def _parse(self, frames: list[Frame], data: bytes) -> None:
        held = bytes(self.pending)
        self.pending.clear()
        self.blocks.feed(frames, held + data)

    def flush(self, frames: list[Frame]) -> None:
        """Append to `frames` what was held back. Raises FramingError."""
        self._parse(frames, b"")
        self.blocks.flush(frames)


def _slices(data: bytes) -> Iterable[bytes]:
    if len(data) <= _SLICE_BYTES:
        return (data,)
    return (data[start : start + _SLICE_BYTES] for start in range(0, len(data), _SLICE_BYTES))


class SSEDecoder:
    """Turns the bytes of a stream, fed in pieces of any size, into frames; knows nothing of what is in them.

    After bytes that are no framing, or pass a limit, `error` holds the reason and the decoder is dead: the frames
    before the damage are still returned, and every later call raises `error`.
    """

    def __init__(
        self, *, max_line: int = MAX_LINE_BYTES, max_frame: int = MAX_FRAME_BYTES, all_blocks: bool = False
    ) -> None:
        """Begin a stream. `all_blocks`: return blocks without data, too, and keep comments."""
        self.error: FramingError | None = None
        """Why the decoder is dead; None while it lives."""
        self._all_blocks = all_blocks
        self._gate = _Gate(max_line=max_line, max_frame=max_frame, all_blocks=all_blocks)

    def feed(self, data: bytes) -> list[Frame]:
        """Take in the next bytes of the stream, and return the frames they complete.

        Raises FramingError where no frame came before the damage in `data`; otherwise the next call raises it.
        """
        if self.error is not None:
            raise self.error
        frames: list[Frame] = []
        try:
            for piece in _slices(data):
                region = self._gate.take(frames, piece)
                if region:
                    self._read(frames, region)
        except FramingError as error:
            self._die(error, frames)
        return frames

    def flush(self) -> list[Frame]:
        """Say that the stream has ended, and return the frame that never did, if any. Raises as `feed` does."""
        if self.error is not None:
            raise self.error
        frames: list[Frame] = []
        try:
            self._gate.flush(frames)
        except FramingError as error:
            self._die(error, frames)
        return frames

    def _die(self, error: FramingError, frames: list[Frame]) -> None:
        self.error = error
        if not frames:
            raise error

    def _read(self, frames: list[Frame], region: bytes) -> None:
        """Append to `frames` those of `region`: quickly where all are strict and of one name."""
        blocks = self._gate.blocks
        prefix = _strict_prefix(region)
        bodies = region[len(prefix) : -len(_BLANK)].split(_BLANK + prefix) if prefix is not None else []
        if prefix is None or b"\n" in b"".join(bodies):
            blocks.feed(frames, region)
            return
        name = prefix[len(b"event: ") : -len(b"\n" + _DATA)].decode() if prefix != _DATA else None
        offset = blocks.offset
        around = len(prefix) + len(_BLANK)
        for body in bodies:
            size = len(body) + around
            frames.append(Frame(name, body, None, None, (), offset, size, 1, True))
            offset += size
        blocks.offset = offset


class SSEEventDecoder(EventDecoder):
    """Turns the bytes of an SSE stream into events. It ends with `[DONE]`: frames after that are only counted."""

    def __init__(
        self,
        dialect: Dialect = OPENRESPONSES,
        *,
        max_line: int = MAX_LINE_BYTES,
        max_frame: int = MAX_FRAME_BYTES,
        on_error: Callable[[WireError], None] | None = None,
    ) -> None:
        """Begin a stream in `dialect`."""
        super().__init__(dialect, on_error=on_error)
        self._gate = _Gate(max_line=max_line, max_frame=max_frame)
        # How the last strict block began, as the next one will most likely do, and what then stands between bodies.
        self._prefix = _DATA
        self._between = _BLANK + _DATA
        # A dialect that must see every event, and once, gets them one by one.
        self._keeps_exact = dialect.keeps_exact
        self._strict = dialect.keeps_exact  # ... while the next byte begins a block, before damage and `[DONE]`
        self._ready = dialect.keeps_exact  # ... and while nothing is held back
        self._largest = min(_SLICE_BYTES, self._gate.limit)

    def feed(self, data: bytes) -> list[ResponseStreamEvent]:
        """Take in the next bytes of the stream, and return the events they complete. Raises as `EventDecoder.feed`."""
        size = len(data)
        if size > self._largest:
            return self._run(self._feed, data)
        prefix = self._prefix
        if self._ready and data.startswith(prefix) and data.endswith(_BLANK):
            # One block in one chunk, as servers send them: nothing to divide. (`find` is quicker than `in`.)
            body = data[len(prefix) : -len(_BLANK)]
            if body.find(b"\n") < 0 and body.find(b"\r") < 0:
                try:
                    event = self._exact(body)
                except REFUSALS:
                    return self._run(self._read, data)
                self._gate.blocks.offset += size
                return [event]
        events = self._read_strict(data)
        return self._run(self._read, data) if events is None else events

    def _feed(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        for start in range(0, len(data), self._largest):
            piece = data[start : start + self._largest]
            strict = self._read_strict(piece)
            if strict is None:
                self._read(events, piece)
            else:
                events += strict

    def _flush(self, events: list[ResponseStreamEvent]) -> None:
        self._strict = self._ready = False
        frames: list[Frame] = []
        try:
            self._gate.flush(frames)
        finally:
            self._decode_frames(events, frames)

    def _read_strict(self, data: bytes) -> list[ResponseStreamEvent] | None:
        """Return the events `data` completes where all is strict and exact; else None, and nothing has happened."""
        end = data.rfind(_BLANK) + len(_BLANK)
        if end < len(_BLANK) or not self._strict or data.find(b"\r") >= 0:
            return None
        gate = self._gate
        pending = gate.pending
        region = b"".join((pending, data[:end])) if pending else data[:end]
        if len(region) > gate.limit:
            return None
        prefix = self._prefix
        if not region.startswith(prefix):
            found = _strict_prefix(region)
            if found is None:
                return None
            self._prefix = prefix = found
            self._between = _BLANK + prefix
        bodies = region[len(prefix) : -len(_BLANK)].split(self._between)
        # Blocks of one name follow one another, so mostly that was all: an LF is in a body only where blocks of
        # another form follow it. One search in the joined bodies is far quicker than one in each.
        if b"".join(bodies).find(b"\n") >= 0:
            mixed = _strict_bodies(region)
            if mixed is None:
                return None
            bodies = mixed
        exact = self._exact
        try:
            events: list[ResponseStreamEvent] = [exact(body) for body in bodies]
        except REFUSALS:
            return None
        if pending or end != len(data):
            pending[:] = data[end:]
            self._ready = not pending
        gate.blocks.offset += len(region)
        return events

    def _read(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        """Append to `events` those `data` completes, whatever it is."""
        gate = self._gate
        self._strict = self._ready = False
        frames: list[Frame] = []
        try:
            region = gate.take(frames, data)
            if region:
                gate.blocks.feed(frames, region)
        finally:
            self._decode_frames(events, frames)
        self._strict = self._keeps_exact and gate.blocks.clean and not self.done
        self._ready = self._strict and not gate.pending

    def _decode_frames(self, events: list[ResponseStreamEvent], frames: list[Frame]) -> None:
        self._decode_all(events, [(frame.data, frame.offset) for frame in frames])


_HEADS: dict[type, bytes] = {cls: f"event: {cls.__struct_config__.tag}\ndata: ".encode() for cls in STANDARD_EVENTS}


class SSEEncoder:
    """Turns events into our one strict form: `event: TYPE` LF `data: JSON` LF LF, a frame always in one piece."""

    def __init__(self, dialect: Dialect = OPENRESPONSES) -> None:
        """Begin a stream in `dialect`."""
        self.dialect = dialect

    def encode(self, event: ResponseStreamEvent) -> bytes:
        """Return the frame of `event`; nothing (`b""`) where the dialect has no such event, as its notes then say.

        Raises FramingError where the event's own type would break the frame.
        """
        written = self.dialect.write(event)
        if written is None:
            return b""
        if isinstance(written, dict):
            name = written.get("type")
            return self._frame(name if isinstance(name, str) else "", encode_plain(written))
        head = _HEADS.get(type(written))
        if head is None:
            return self._frame(written.event_type, encode_object(written))
        return b"%b%b\n\n" % (head, encode_object(written))

    def _frame(self, name: str, data: bytes) -> bytes:
        # "The `event` field MUST match the `type` in the event body."
        return b"event: %b\ndata: %b\n\n" % (_line(name, "an event's type"), data)

    def done(self) -> bytes:
        """Return the frame that ends the stream; nothing where the dialect has none."""
        return _DATA + DONE + _BLANK if self.dialect.sends_done else b""

    def comment(self, text: str = "") -> bytes:
        """Return a comment, which readers ignore: a sign of life. Raises FramingError where `text` has a line end."""
        return b": %b\n\n" % _line(text, "a comment")


def _line(text: str, what: str) -> bytes:
    """Return `text` as part of a line; raise FramingError where it would be more than that."""
    if "\n" in text or "\r" in text:
        raise FramingError(f"{what} with a line end in it: {text!r}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FramingError(f"{what} that UTF-8 cannot say: {text!r}") from None


def read_sse(
    chunks: Iterable[bytes] | bytes,
    *,
    dialect: Dialect = OPENRESPONSES,
    max_frame: int = MAX_FRAME_BYTES,
    on_error: Callable[[WireError], None] | None = None,
) -> Iterator[ResponseStreamEvent]:
    """Yield the events of an SSE stream, up to `[DONE]` or the end.

    `chunks` is any iterable of bytes, cut anywhere: a response's `iter_bytes()`, a file, or the bytes themselves.
    Raises WireError, with its byte offset, at the first damage, after the events before it; `on_error` gets damaged
    frames instead and reading goes on.
    """
    return read(SSEEventDecoder(dialect, max_frame=max_frame, max_line=max_frame, on_error=on_error), chunks)


def aread_sse(
    chunks: AsyncIterable[bytes],
    *,
    dialect: Dialect = OPENRESPONSES,
    max_frame: int = MAX_FRAME_BYTES,
    on_error: Callable[[WireError], None] | None = None,
) -> AsyncIterator[ResponseStreamEvent]:
    """Yield what `read_sse` would, from an asynchronous iterator of bytes."""
    return aread(SSEEventDecoder(dialect, max_frame=max_frame, max_line=max_frame, on_error=on_error), chunks)
