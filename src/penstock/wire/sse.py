"""Server-sent events: with the parser in `penstock.wire.blocks`, the only file that knows the letters `data:`.

Reading takes all that the WHATWG standard allows; writing has one strict form: `event: TYPE` LF `data: JSON` LF LF.
Nearly every stream is in that form (or has no names, as `[DONE]` has none), so reading has a fast road for it: the
strict blocks a chunk begins with are divided and decoded in C. From the first that is not strict, `Blocks` reads on;
the fast road decides nothing that would be decided differently there, and a test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from msgspec import Struct

from penstock.spec.events import STANDARD_EVENTS, OutputTextDelta, ResponseStreamEvent
from penstock.wire.blocks import Blocks, Frame
from penstock.wire.codec import NOT_EXACT, encode_object, encode_plain
from penstock.wire.decoder import DONE, MAX_FRAME_BYTES, EventDecoder, aread, read
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import FramingError, WireError

__all__ = ["MAX_LINE_BYTES", "Frame", "Run", "SSEDecoder", "SSEEncoder", "SSEEventDecoder", "aread_sse", "read_sse"]

MAX_LINE_BYTES = MAX_FRAME_BYTES
"""Most bytes of one line. A frame is usually one line, so this is the frame's limit unless asked otherwise."""

_SLICE_BYTES = 64 * 1024
"""Larger chunks (a file in one piece) are taken in such slices, so that no copy of more than one is held."""
_HELD_BYTES = 16 * 1024
"""A block of which more has come goes to the standard's parser, which need not copy it with every chunk."""
_SMALL_BYTES = 2 * 1024
"""Up to this size a chunk is looked at as if it ended just one block, which most do then."""
_BLANK = b"\n\n"
_DATA = b"data: "
_CR, _LF = b"\r\n"
_HEADS: dict[type, bytes] = {cls: f"event: {cls.__struct_config__.tag}\ndata: ".encode() for cls in STANDARD_EVENTS}

_BLOCKS = re.compile(rb"(?:event: ([ -~]*+)\n)?data: (.*+)\n\n|((?s:.+))")
"""One strict block (its name, its data), or else all that is left: so it never searches, and never looks twice."""


def _split(data: bytes) -> tuple[list[bytes | None], list[bytes], bytes]:
    """Return the names and the data of the strict blocks that `data` begins with, and what comes after them."""
    # The text between two matches (always empty), and the three groups, of which a match has either two or one.
    parts = _BLOCKS.split(data)
    names, bodies, rest = parts[1::4], parts[2::4], b""
    if bodies and bodies[-1] is None:
        rest = parts[-2]
        names.pop()
        bodies.pop()
    return names, bodies, rest


class _Gate:
    """Holds back the bytes of a block that has only begun, and has the standard's parser for what is not strict."""

    def __init__(self, *, max_line: int, max_frame: int, all_blocks: bool = False) -> None:
        self.blocks = Blocks(max_line=max_line, max_frame=max_frame, all_blocks=all_blocks)
        self.unread = b""
        """What neither the fast road nor `blocks` has read."""
        self.taken = 0
        """How many bytes have come, with those unread."""
        limit = min(max_line, max_frame)
        # What is held and a slice are together never over a limit: limits are the business of `blocks` alone.
        self._held = min(_HELD_BYTES, limit // 4)
        self._slice = max(1, min(_SLICE_BYTES, limit // 2))
        self.small = min(_SMALL_BYTES, limit)

    def slices(self, data: bytes) -> Iterable[bytes]:
        """Return `data` in pieces that `take` can have."""
        size = self._slice
        return (data,) if len(data) <= size else (data[at : at + size] for at in range(0, len(data), size))

    def take(self, piece: bytes) -> bool:
        """Add `piece` to `unread`; return whether that begins a block, and has no CR. If not, `parse` it."""
        self.unread += piece
        self.taken += len(piece)
        return _CR not in piece and self.blocks.clean

    def may_hold(self) -> bool:
        """Whether `unread`, which `take` approved of, can wait for more: it is short, and no block ends in it."""
        return len(self.unread) <= self._held and self.unread.find(_BLANK) < 0

    @property
    def offset(self) -> int:
        """Where in the stream `unread` begins."""
        return self.taken - len(self.unread)

    def parse(self, frames: list[Frame]) -> None:
        """Append to `frames` what the standard's parser makes of `unread`. Raises FramingError."""
        self.blocks.offset = self.offset
        data, self.unread = self.unread, b""
        self.blocks.feed(frames, data)

    def flush(self, frames: list[Frame]) -> None:
        """Append to `frames` what has not been read, and the block that never ended. Raises FramingError."""
        self.parse(frames)
        self.blocks.flush(frames)


class Run(Struct, frozen=True):
    """Strict blocks of one name that follow one another: what a `Frame` of each would say, without making so many."""

    event: str
    """The `event` field of each."""
    bodies: list[bytes]
    """The data of each."""
    data: bytes
    """All their bytes."""
    offset: int
    """Where the first begins in the stream, in bytes."""

    def frames(self) -> Iterator[Frame]:
        """Yield the frame of each."""
        around = len(_head(self.event)) + len(_BLANK)
        offset = self.offset
        for body in self.bodies:
            size = len(body) + around
            yield Frame(self.event, body, None, None, (), offset, size, 1, True)
            offset += size


def _head(name: str) -> bytes:
    """Return how a strict block of this name begins."""
    return b"event: %b\n%b" % (name.encode(), _DATA)


FoundT = TypeVar("FoundT")


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
        self._gate = _Gate(max_line=max_line, max_frame=max_frame, all_blocks=all_blocks)
        self.name = ""
        """What blocks are called, as far as we know: a guess that makes nothing but haste."""
        self._expect(str(OutputTextDelta.__struct_config__.tag))

    def feed(self, data: bytes) -> list[Frame]:
        """Take in the next bytes of the stream, and return the frames they complete.

        Raises FramingError where no frame came before the damage in `data`; otherwise the next call raises it.
        """
        frames: list[Frame] = []
        self._feed(frames, data, self._read)
        return frames

    def feed_runs(self, data: bytes) -> list[Frame | Run]:
        """Do as `feed`, but return strict blocks of one name that follow one another as one `Run`."""
        found: list[Frame | Run] = []
        self._feed(found, data, self._read_runs)
        return found

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

    def only_block(self, data: bytes) -> bytes | None:
        """Return the data of the one strict block called `name` that `data` is; None where it is anything else.

        Servers send an event at a time. Who needs no frame of it may `skip` it; who does feeds it as any other chunk.
        """
        if not data.startswith(self._head) or not data.endswith(_BLANK):
            return None
        gate = self._gate
        body = data[len(self._head) : -len(_BLANK)]
        is_next = not gate.unread and gate.blocks.clean and self.error is None
        return body if is_next and len(data) <= gate.small and _LF not in body and _CR not in body else None

    def skip(self, data: bytes) -> None:
        """Take in a chunk which is only one block, without a frame of it."""
        self._gate.taken += len(data)

    def _expect(self, name: str) -> None:
        if name != self.name:
            self.name, self._head = name, _head(name)

    def _die(self, error: FramingError, found: Sequence[object]) -> None:
        self.error = error
        if not found:
            raise error

    def _feed(
        self, found: list[FoundT | Frame], data: bytes, read: Callable[[list[FoundT | Frame], bytes], bytes]
    ) -> None:
        if self.error is not None:
            raise self.error
        gate = self._gate
        for piece in gate.slices(data):
            plain = gate.take(piece)
            if plain and _LF in piece:
                gate.unread = read(found, gate.unread)
            if not (plain and gate.may_hold()):
                frames: list[Frame] = []
                try:
                    gate.parse(frames)
                except FramingError as error:
                    found += frames
                    self._die(error, found)
                    return
                found += frames

    def _read(self, frames: list[Frame], data: bytes) -> bytes:
        """Append to `frames` the strict ones at the beginning of `data`, and return the rest."""
        names, bodies, rest = _split(data)
        offset = self._gate.offset
        for name, body in zip(names, bodies, strict=True):
            size = len(_DATA) + len(body) + len(_BLANK)
            if name is not None:
                size += len(b"event: ") + len(name) + len(b"\n")
            frames.append(Frame(None if name is None else name.decode(), body, None, None, (), offset, size, 1, True))
            offset += size
        return rest

    def _read_runs(self, found: list[Run | Frame], data: bytes) -> bytes:
        """Append to `found` the strict blocks at the beginning of `data`, and return the rest."""
        # As in `SSEEventDecoder._divide`: to split is twice as quick as to match, where blocks have one name.
        offset, name, head = self._gate.offset, self.name, self._head
        begin = 0
        if not data.startswith(head):
            before, found_one, _ = data.partition(_BLANK + head)
            if not found_one:
                return self._read_blocks(found, data, offset)
            begin = len(before) + len(_BLANK)
            gap = self._read_blocks(found, data[:begin], offset)
            if gap:
                return gap + data[begin:]
        bodies = data[begin + len(head) :].split(_BLANK + head)
        last = bodies.pop()
        if _LF in b"".join(bodies):
            return self._read_blocks(found, data[begin:], offset + begin)
        body, _, after = last.partition(b"\n")
        rest = head + last
        if after[:1] == b"\n":
            bodies.append(body)
            rest = after[1:]
        end = len(data) - len(rest)
        if bodies:
            self._expect(name)
            found.append(Run(name, bodies, data[begin:end], offset + begin))
        return self._read_blocks(found, rest, offset + end) if rest.find(_BLANK) >= 0 else rest

    def _read_blocks(self, found: list[Run | Frame], data: bytes, offset: int) -> bytes:
        """Do the same with blocks of any names; `data` begins at `offset`."""
        names, bodies, rest = _split(data)
        at = 0
        for name, group in groupby(zip(names, bodies, strict=True), key=itemgetter(0)):
            alike = [body for _, body in group]
            if name is None:
                for body in alike:
                    size = len(_DATA) + len(body) + len(_BLANK)
                    found.append(Frame(None, body, None, None, (), offset + at, size, 1, True))
                    at += size
            else:
                self._expect(name.decode())
                size = sum(map(len, alike)) + len(alike) * (len(self._head) + len(_BLANK))
                found.append(Run(self.name, alike, data[at : at + size], offset + at))
                at += size
        return rest


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
        self._prefix = _HEADS[OutputTextDelta]
        """How most blocks begin, as far as we know: a guess that makes nothing but haste."""

    def feed(self, data: bytes) -> list[ResponseStreamEvent]:
        """Take in the next bytes of the stream, and return the events they complete. Raises as `EventDecoder.feed`."""
        gate = self._gate
        held = gate.unread
        if len(held) + len(data) <= gate.small and _CR not in data and gate.blocks.clean:
            # Servers send an event at a time; so mostly, one block of the kind we know ends here.
            whole = held + data if held else data
            rest = whole.removeprefix(self._prefix)
            body, _, after = rest.partition(b"\n")
            if rest != whole and (after == b"\n" or (after[:1] == b"\n" and after.find(_BLANK) < 0)):
                try:
                    event = self._exact(body)
                except NOT_EXACT:
                    return self._run(self._feed, data)
                gate.taken += len(data)
                gate.unread = after[1:]
                return [event]
        return self._run(self._feed, data)

    def _feed(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        gate = self._gate
        for piece in gate.slices(data):
            plain = gate.take(piece)
            if plain and _LF in piece:
                gate.unread = self._read(events, gate.unread)
            if not (plain and gate.may_hold()):
                frames: list[Frame] = []
                try:
                    gate.parse(frames)
                finally:
                    self._decode_frames(events, frames)

    def _flush(self, events: list[ResponseStreamEvent]) -> None:
        frames: list[Frame] = []
        try:
            self._gate.flush(frames)
        finally:
            self._decode_frames(events, frames)

    def _decode_frames(self, events: list[ResponseStreamEvent], frames: list[Frame]) -> None:
        self._decode_all(events, [(frame.data, frame.offset) for frame in frames])

    def _read(self, events: list[ResponseStreamEvent], data: bytes) -> bytes:
        """Append to `events` those in the strict blocks at the beginning of `data`, and return the rest."""
        bodies, rest = self._divide(data)
        remaining = iter(bodies)
        index = 0
        while True:
            before = len(events)
            try:
                events.extend(map(self._exact, remaining))  # what came before an exception stays in the list
            except NOT_EXACT:
                index += len(events) - before
                try:
                    self._decode_refused(events, bodies[index])
                except WireError as error:
                    # Every strict block holds one blank line, at its end.
                    offset = self._gate.offset + len(data) - len(data.split(_BLANK, index)[-1])
                    self._report(error.at(offset, bodies[index]))
                index += 1
            else:
                return rest

    def _divide(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the data of the strict blocks that `data` begins with, and what comes after them."""
        # `bytes.split` is twice as quick as the expression, where blocks have one name; and streams are made of such,
        # with few other blocks before and after.
        prefix = self._prefix
        bodies = data.split(_BLANK + prefix)
        if len(bodies) > 1:
            first, last = bodies[0], bodies.pop()
            bodies[0] = b""
            if _LF not in b"".join(bodies):
                bodies[0] = first.removeprefix(prefix)
                gap = b""
                if bodies[0] == first or _LF in bodies[0]:
                    _, bodies[:1], gap = _split(first + _BLANK)
                if not gap:
                    body, ended, after = last.partition(b"\n")
                    if not ended:
                        return bodies, prefix + last
                    if after[:1] == b"\n" and after.find(_BLANK) < 0:
                        bodies.append(body)
                        return bodies, after[1:]
                    _, more, rest = _split(prefix + last)
                    return bodies + more, rest
        elif (block := _BLOCKS.match(data)) and block[2] is not None:
            self._prefix = data[: block.start(2)]
        _, bodies, rest = _split(data)
        return bodies, rest


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
