"""The repairer: a stream in, however broken; the stream as it should have been out, and what was mended.

The mending itself is `penstock.upstream.responses.mender`, which says where something waits, and how long at most.
This module is about bytes: frames that are no events, events that are no frames, and the names of the rules that were
served.

What holds: a valid stream comes out as it went in, event for event, unknown fields included. Whatever comes in, what
goes out has no error, and repairing it again changes nothing. No text, argument or item that came in is lost; where
two sources of one text disagree, what was sent already stands. Nothing is invented but ids, indexes, numbers, missing
wrappers and zero values. A stream cut short ends as failed. Every change is told.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from penstock.lint.asked import Asked, asked
from penstock.lint.damage import damaged, repeated_key, type_in
from penstock.lint.findings import Level
from penstock.lint.rules import ALL_RULES
from penstock.lint.shape import is_bare_failure
from penstock.spec.events import ResponseStreamEvent
from penstock.upstream.responses.alike import DELTA_EVENTS, LARGE_BYTES, Alike, has_no_key_twice
from penstock.upstream.responses.mender import Mender
from penstock.upstream.responses.voice import MAX_MENDS, Mended
from penstock.wire.codec import EventCodec, decode_json_object, encode_object, encode_plain
from penstock.wire.decoder import DONE, MAX_FRAME_BYTES
from penstock.wire.dialects import Dialect, dialect_by_name
from penstock.wire.errors import FramingError, JSONError
from penstock.wire.formats import Beginning, Format
from penstock.wire.jsonl import JSONLEncoder
from penstock.wire.sse import Frame, Run, SSEDecoder, SSEEncoder

__all__ = ["Mend", "Repairer", "repair"]

_NAMES: Final[Mapping[str, str]] = {rule.code: rule.name for rule in ALL_RULES}
_NOT_EXACT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BOM: Final = b"\xef\xbb\xbf"
_STATUS: Final[Mapping[str, int]] = {
    "invalid_request": 400,
    "authentication_error": 401,
    "permission_denied": 403,
    "not_found": 404,
    "too_many_requests": 429,
}
"""The HTTP status of an error, by its type; any other is the server's fault (spec: "Errors")."""
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
"""How Python's decoder passes on bytes that are not UTF-8."""


class Mend(Struct, frozen=True, kw_only=True):
    """One change: the rule it serves by `code` and `name`, the index of the `event` that came in, and what was done.

    `event` is None for what was done at the end of the stream. `level` is a warning where what goes out is not the text
    that was told, or not all of it, and an info where nothing is lost; `output` is the index of the item whose text
    that is, None where it is not known.
    """

    code: str
    name: str
    event: int | None
    message: str
    level: Level = Level.INFO
    output: int | None = None


def _named(mended: Mended) -> Mend:
    return Mend(
        code=mended.code,
        name=_NAMES[mended.code],
        event=mended.event,
        message=mended.message,
        level=Level.WARNING if mended.is_other_text else Level.INFO,
        output=mended.output,
    )


class Repairer:
    """Mends one stream while it flows.

    Feed it bytes (`feed`: SSE, JSON lines or a document, told apart by what they hold), which come out as SSE or as
    JSON lines; or events (`feed_event`), which come out as events. Then `close`, or `close_events`. It never raises on
    a stream. `mends` is what was mended so far, the first `MAX_MENDS` changes; `more` is how many came after them.
    """

    def __init__(
        self,
        *,
        ids: Callable[[str], str],
        clock: Callable[[], float],
        request: Asked | None = None,
        dialect: Dialect | str = "openresponses",
        transport: str | None = None,
        max_frame: int = MAX_FRAME_BYTES,
    ) -> None:
        """Begin a stream.

        `ids` returns a new id for a prefix (`resp`, `msg` ...), `clock` the time in Unix seconds: for what the stream
        does not tell. `request` is what it answers, where that is known, typed or as a plain JSON object. `dialect` is
        what bytes are written in; whatever dialect comes in is read. `transport` is `websocket` where the messages of
        one come in: then several responses may follow each other, and a terminal event does not wait for what could
        follow it. Frames of more than `max_frame` bytes end the stream. Raises UnknownDialectError, RequestError for an
        object that is no request.
        """
        self._new_mender: Callable[[], Mender] = partial(Mender, ids=ids, clock=clock, request=asked(request))
        self._mender: Mender = self._new_mender()
        self._is_websocket = transport == "websocket"
        self._dialect = dialect_by_name(dialect) if isinstance(dialect, str) else dialect
        self._sse = SSEEncoder(self._dialect)
        self._encode: Callable[[ResponseStreamEvent], bytes] = self._sse.encode
        self._max_frame = max_frame
        self._frames = SSEDecoder(max_line=max_frame, max_frame=max_frame, all_blocks=True)
        self._text = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._is_split = False
        self._is_damaged = False
        self._beginning = Beginning(max_line=max_frame)
        self._format: Format | None = None
        self._pending = bytearray()
        self._is_dead = False
        self._is_closed = False
        self._begun: Frame | None = None
        self._done_sentinels = 0
        self._is_done_sent = False
        self._told: set[str] = set()
        self._named: list[Mend] = []
        self._more = 0
        self._seen = 0
        # How many events came before the first one of this response.
        self._first = 0
        # Whether an event with which nothing is wrong is written as it came; and the last delta that was.
        self._is_verbatim = type(self._dialect) is Dialect
        self._alike: Alike | None = None

    @property
    def mends(self) -> list[Mend]:
        """What was mended so far, in order."""
        self._name_mends()
        return self._named

    def _name_mends(self) -> None:
        new, self._seen = self._mender.mends[self._seen :], len(self._mender.mends)
        for mended in new:
            if len(self._named) < MAX_MENDS:
                self._named.append(_named(mended))
            else:
                self._more += 1

    @property
    def more(self) -> int:
        """How many changes there were after those that are kept."""
        self._name_mends()
        return self._more + self._mender.more

    @property
    def events(self) -> int:
        """How many events came in."""
        return self._mender.events

    @property
    def format(self) -> Format | None:
        """The format of the bytes that come in, None until it could be told."""
        return self._format

    def encode(self, event: ResponseStreamEvent) -> bytes:
        """Return an event that came out of `feed_event` as bytes, in the dialect and the format of this stream."""
        return self._encode(event)

    # Events.

    def feed_event(self, event: ResponseStreamEvent | Mapping[str, object]) -> list[ResponseStreamEvent]:
        """Take the next event, typed or a plain JSON object; return the events that can go out."""
        if isinstance(event, Mapping):
            return self._mender.feed(decode_json_object(encode_plain(dict(event))))
        data = encode_object(event)
        try:
            return self._mender.feed_exact(EventCodec.exact(data))
        except _NOT_EXACT:
            return self._mender.feed(decode_json_object(data))

    def close_events(self) -> list[ResponseStreamEvent]:
        """Say that the upstream has ended; return the events that waited for it. For streams without bytes."""
        self._is_closed = True
        return self._mender.close()

    # Bytes.

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes, cut anywhere; return what can go out."""
        if self._is_closed:
            return b""
        if self._alike is not None and not self._is_split:
            body = self._frames.only_block(data)
            if body is not None and self._passes(self._frames.name, (body,)):
                self._frames.skip(data)
                return data
        out: list[bytes] = []
        self._take(out, self._as_utf8(data, final=False), final=False)
        return b"".join(out)

    def _passes(self, name: str, bodies: Sequence[bytes]) -> bool:
        """Whether the data of strict frames of this name is nothing but deltas like the last one; then they were taken.

        They go out as they are: there is nothing to write.
        """
        alike = self._alike
        if alike is None or self._begun is not None or self._done_sentinels or name != alike.name:
            return False
        number = self._mender.due(alike.event)
        deltas = None if number is None else alike.read(bodies, number)
        if deltas is None:
            return False
        self._mender.pass_deltas(deltas)
        return True

    def close(self) -> bytes:
        """Say that the upstream has closed; return the rest of the stream, with its end."""
        if self._is_closed:
            return b""
        out: list[bytes] = []
        self._take(out, self._as_utf8(b"", final=True), final=True)
        self._is_closed = True
        if self._is_damaged:
            self._mender.note("OR110", "bytes that are not UTF-8 became U+FFFD", at_end=True, is_other_text=True)
        ended = self._mender.has_ended
        if not (self._first and self._is_before):
            # Or else nothing was told but failures, which need no response.
            self._write(out, self._mender.close())
        if self._format in (None, Format.SSE) and not self._is_done_sent:
            if ended and not self._done_sentinels:
                self._note("OR104", "the stream ends without [DONE], which was put there")
            out.append(self._sse.done())
        return b"".join(out)

    def _as_utf8(self, data: bytes, *, final: bool) -> bytes:
        """Return `data` as UTF-8; a character that is cut in two waits for its other bytes."""
        if not self._is_split and not final:
            try:
                str(data, "utf-8")
            except UnicodeDecodeError:
                pass
            else:
                return data
        text = self._text.decode(data, final)
        self._is_split = bool(self._text.getstate()[0])
        try:
            return text.encode()
        except UnicodeEncodeError:
            # Which event they are in is not known here, nor may it depend on how the stream was cut.
            self._is_damaged = True
            return _NOT_UTF8.sub("\ufffd", text).encode()

    def _take(self, out: list[bytes], data: bytes, *, final: bool) -> None:
        if self._is_dead:
            return
        try:
            self._take_bytes(out, data, final=final)
        except FramingError as error:
            self._is_dead = True
            self._mender.note("OR106", f"what follows cannot be read: {error.message}", is_other_text=True)

    def _take_bytes(self, out: list[bytes], data: bytes, *, final: bool) -> None:
        if self._format is None:
            data = self._beginning.take(data, final=final)
            self._format = self._beginning.format
            if self._format is None:
                return
            if self._format is not Format.SSE:
                self._encode = JSONLEncoder(self._dialect).encode
        if self._format is Format.SSE:
            self._take_sse(out, data, final=final)
        elif self._format is Format.JSONL:
            self._take_lines(out, data, final=final)
        else:
            self._pending += data
            self._check_size()
            if final:
                self._take_document(out, bytes(self._pending).removeprefix(_BOM).strip())

    def _check_size(self) -> None:
        if len(self._pending) > self._max_frame:
            raise FramingError(f"a line of more than {self._max_frame} bytes")

    def _take_sse(self, out: list[bytes], data: bytes, *, final: bool) -> None:
        found = self._frames.feed_runs(data)
        found.reverse()
        while found:
            # A frame may hold the whole text, which need not be there once more while the next ones are taken.
            if isinstance(found[-1], Run):
                self._take_run(out, cast("Run", found.pop()))
            else:
                self._take_frame(out, cast("Frame", found.pop()))
        if self._frames.error is not None:
            raise self._frames.error
        if final:
            for frame in self._frames.flush():
                self._take_frame(out, frame)
            self._settle_begun()

    def _take_lines(self, out: list[bytes], data: bytes, *, final: bool) -> None:
        self._pending += data
        if b"\n" in data or final:
            *lines, rest = bytes(self._pending).split(b"\n")
            self._pending[:] = rest
            if final:
                lines.append(rest)
            for line in lines:
                self._take_line(out, line.removeprefix(_BOM).strip())
        if not final:
            self._check_size()

    def _take_line(self, out: list[bytes], line: bytes) -> None:
        if line == DONE:
            self._note("OR109", "[DONE] was left out: every line is an event")
            self._write(out, self._mender.end())
        elif line:
            self._take_data(out, line, None)

    def _take_document(self, out: list[bytes], document: bytes) -> None:
        """Take an array of events, a single event, or a whole response: that is read as its terminal event."""
        if document.startswith(b"["):
            try:
                elements = msgspec.json.decode(document, type=list[msgspec.Raw])
            except _NOT_EXACT:
                self._note("OR106", "the document was left out: it is no JSON array")
                return
            for element in elements:
                self._take_data(out, bytes(element), None)
            return
        try:
            fields = decode_json_object(document)
        except JSONError as error:
            self._note("OR106", f"the document was left out: {error.message}")
            return
        if "type" not in fields and fields.get("object") == "response":
            status = fields.get("status")
            known = status if status in ("completed", "failed", "incomplete") else "in_progress"
            fields = {"type": f"response.{known}", "sequence_number": 0, "response": fields}
        self._write(out, self._mender.feed(fields))

    # Frames.

    def _take_frame(self, out: list[bytes], frame: Frame) -> None:
        if frame.is_done:
            self._settle_begun()
            self._take_done(out)
            return
        if frame.data_lines == 0:
            out += [self._comment(comment) for comment in frame.comments]
            return
        if self._is_done_sent:
            self._note_once("late", "OR105", "what comes after [DONE] was left out")
            return
        if self._done_sentinels:
            self._note_once("late", "OR105", "what comes after [DONE] was put before it")
        if frame.id is not None:
            self._note_once("id", "OR103", "the SSE field id is left out")
        if frame.data_lines > 1:
            self._note("OR107", f"an event on {frame.data_lines} data lines was written on one")
        if not frame.terminated:
            self._note("OR107", "the blank line that ends the event was put in")
        self._take_data(out, frame.data, frame)

    def _take_run(self, out: list[bytes], run: Run) -> None:
        if self._passes(run.event, run.bodies):
            out.append(run.data)
            return
        first, *others = run.frames()
        self._take_frame(out, first)
        # It may have shown the others the way.
        if others and self._passes(run.event, run.bodies[1:]):
            out.append(run.data[first.size :])
        else:
            for frame in others:
                self._take_frame(out, frame)

    def _comment(self, comment: bytes) -> bytes:
        return self._sse.comment(comment.decode("utf-8", "replace"))

    def _take_done(self, out: list[bytes]) -> None:
        """Take `[DONE]`; it goes out when the response has ended, and once."""
        self._done_sentinels += 1
        if self._done_sentinels > 1:
            self._note("OR104", "a second [DONE] was left out")
        if self._mender.has_ended and not self._is_done_sent:
            self._write(out, self._mender.end())
            out.append(self._sse.done())
            self._is_done_sent = True

    def _take_data(self, out: list[bytes], data: bytes, frame: Frame | None) -> None:
        """Take the data of one frame, or of one line."""
        if len(data) > LARGE_BYTES:
            self._mender.join()
        try:
            event = EventCodec.exact(data)
        except _NOT_EXACT:
            self._take_inexact(out, data, frame)
            return
        if len(data) > LARGE_BYTES:
            event = self._mender.shared(event)
        self._settle_begun()
        if frame is not None and frame.event != event.event_type:
            self._note_name(frame, event.event_type)
        if self._is_websocket:
            if event.event_type == "error" and self._is_envelope({}):
                # It has all that an event has; yet it is about no response.
                self._take_inexact(out, data, frame)
                return
            self._renew(event.event_type)
        events = self._mender.feed_exact(event)
        # No key stands twice if there are as many as the event has; or else they are looked at.
        if not has_no_key_twice(event, data) and self._has_repeated_key(data):
            self._write(out, events)
        elif len(events) == 1 and events[0] is event and self._is_verbatim and b"\n" not in data:
            # What came in goes out as it is, however its JSON was written: then cuts in the stream cannot show.
            if frame is None:
                out.append(data + b"\n")
                return
            out += (b"event: %b\ndata: " % event.event_type.encode(), data, b"\n\n")
            if isinstance(event, DELTA_EVENTS):
                self._alike = Alike(event, data)
        else:
            self._write(out, events)

    def _take_inexact(self, out: list[bytes], data: bytes, frame: Frame | None) -> None:
        named = frame.event if frame is not None else None
        try:
            raw = decode_json_object(data)
        except JSONError as error:
            self._take_damaged(out, data, frame, error)
            return
        self._settle_begun()
        name = raw.get("type")
        if frame is not None and isinstance(name, str) and frame.event != name:
            self._note_name(frame, name)
        self._has_repeated_key(data)
        if name == "error" and frame is None and self._is_envelope(raw):
            self._is_websocket = True
            self._write(out, self._mender.end())
            out.append(encode_plain(self._envelope(raw)) + b"\n")
            self._first += self._is_before
            self._mender.events += 1
            return
        if self._is_websocket:
            self._renew(name)
        self._write(out, self._mender.feed(raw, named))

    # WebSockets.

    def _renew(self, name: object) -> None:
        """Begin another response, where the one before has ended."""
        if name == "response.created" and self._mender.is_done:
            self._more = self.more
            self._seen = 0
            self._first = self._mender.events
            self._mender = self._new_mender()
            self._mender.events = self._first

    @property
    def _is_before(self) -> bool:
        """Whether nothing has come of the next response yet."""
        return self._mender.events == self._first

    def _is_envelope(self, raw: Mapping[str, Any]) -> bool:
        """Whether an error is a failure of a WebSocket, which is about no response (spec: "WebSocket Errors")."""
        is_outside = self._mender.has_ended or self._is_before
        return is_outside and (self._is_websocket or is_bare_failure(raw))

    def _envelope(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return a failure of a WebSocket with the status and the code that it must have."""
        error = dict(raw["error"]) if isinstance(raw.get("error"), dict) else {}
        kind = error.get("type")
        fields = {**raw, "error": error}
        if not isinstance(error.get("code"), str):
            error["code"] = kind if isinstance(kind, str) else "server_error"
        if type(raw.get("status")) is not int:
            fields["status"] = _STATUS.get(str(kind), 500)
        if fields != raw:
            self._note("OR209", "the error of a WebSocket was given the status and the code it must have")
        return fields

    def _take_damaged(self, out: list[bytes], data: bytes, frame: Frame | None, error: JSONError) -> None:
        """Take data that is not one JSON object: half an event, several, or nothing that can be read."""
        begun, self._begun = self._begun, None
        damage = damaged(data, begun.data if begun is not None else None)
        if damage.joined and damage.meant is not None:
            self._note("OR107", "an event that was split over two frames was joined")
            self._write(out, self._mender.feed(damage.meant, begun.event if begun is not None else None))
            return
        self._begun = begun
        self._settle_begun()
        if damage.several:
            self._note("OR107", f"{len(damage.several)} events in one frame were written as one each")
            for raw in damage.several:
                self._write(out, self._mender.feed(raw))
        elif frame is not None:
            # It may be the first half of an event; the next frame tells.
            self._begun = frame
        else:
            self._note("OR106", f"a line was left out: {error.message}")
            self._mender.lose(type_in(data))

    def _settle_begun(self) -> None:
        """Leave out a frame that could have been the first half of an event, and was not."""
        if self._begun is not None:
            frame, self._begun = self._begun, None
            self._note("OR106", "a frame was left out: its data is not one JSON object")
            self._mender.lose(frame.event or type_in(frame.data))

    # What is told, and what goes out.

    def _note_name(self, frame: Frame, name: str) -> None:
        if frame.event is None:
            self._note_once("name", "OR102", "frames without the event field were given it")
        else:
            key = f"name {frame.event} {name}"
            self._note_once(
                key, "OR101", f"the event field said {frame.event!r}; it is written from the type, {name!r}"
            )

    def _has_repeated_key(self, data: bytes) -> bool:
        key = repeated_key(data)
        if key is not None:
            self._note("OR106", f"the key {key!r} stood twice: the last counts")
        return key is not None

    def _note(self, code: str, message: str) -> None:
        self._mender.note(code, message)

    def _note_once(self, key: str, code: str, message: str) -> None:
        if key not in self._told:
            if len(self._told) < MAX_MENDS:
                self._told.add(key)
            self._note(code, message)

    def _write(self, out: list[bytes], events: Iterable[ResponseStreamEvent]) -> None:
        out += map(self._encode, events)
        if self._is_websocket and self._mender.has_ended:
            # Nothing follows before the next request: it would wait for that.
            out += map(self._encode, self._mender.end())


def repair(
    stream: bytes | Iterable[bytes] | Iterable[ResponseStreamEvent] | Iterable[Mapping[str, Any]],
    *,
    ids: Callable[[str], str],
    clock: Callable[[], float],
    request: Asked | None = None,
    dialect: Dialect | str = "openresponses",
    transport: str | None = None,
) -> tuple[bytes, list[Mend]]:
    """Return a stream mended, as bytes, and what was mended. The keywords are those of `Repairer`.

    The stream is its bytes, in one piece or in many, or its events, which are written as SSE.
    """
    repairer = Repairer(ids=ids, clock=clock, request=request, dialect=dialect, transport=transport)
    out: list[bytes] = []
    for piece in (stream,) if isinstance(stream, bytes) else stream:
        if isinstance(piece, bytes):
            out.append(repairer.feed(piece))
        else:
            out += map(repairer.encode, repairer.feed_event(piece))
    out.append(repairer.close())
    return b"".join(out), repairer.mends
