"""What the fuzzer holds every public parser to.

Each check takes one input and is a function of it alone. It raises `Fault` where an invariant is broken; any other
exception that comes out of it is a fault, too, for the documented ones are caught here, each where it may come.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from penstock import (
    ListStreamEmitter,
    ResponseReader,
    ResponseStream,
    ResponseStreamEvent,
    SSEEmitter,
    SSEEncoder,
    StreamStateError,
    TeeEmitter,
    WireError,
    read_jsonl,
    read_sse,
)
from penstock.spec.events import DeltaEvent
from penstock.spec.request import CreateResponse, WebSocketError
from penstock.spec.response import Response
from penstock.stream.output import Output
from penstock.upstream.base import Translation, UnsupportedParameter
from penstock.upstream.chat_completions import ChatCompletions, Options
from penstock.upstream.relay import Relay
from penstock.wire.blocks import Frame
from penstock.wire.codec import EventCodec, decode_json_object, decode_object, encode_object
from penstock.wire.dialects import Dialect, dialect_by_name, dialect_names, openresponses
from penstock.wire.errors import FramingError
from penstock.wire.formats import AnyDecoder, detect_format, read_events
from penstock.wire.jsonl import JSONLEncoder
from penstock.wire.requests import RequestError, parse_compact, parse_create, parse_websocket_create
from penstock.wire.sse import SSEDecoder
from penstock.wire.template import DeltaTemplate
from penstock.wire.websocket import WebSocketCodec, decode_create
from tools.fuzz_inputs import Kind, cuts

if TYPE_CHECKING:
    from _typeshed import TraceFunction

T = TypeVar("T")
Check = Callable[[bytes], None]
Events = Iterator[ResponseStreamEvent]
Told = Callable[[WireError], str]


class Fault(Exception):  # noqa: N818 - it names what was found
    """An invariant does not hold."""


CHECKS: dict[str, tuple[frozenset[Kind], Check]] = {}
"""Name -> what kinds of input the check is for, and the check."""


def check(*kinds: Kind) -> Callable[[Check], Check]:
    def add(function: Check) -> Check:
        CHECKS[function.__name__] = (frozenset(kinds), function)
        return function

    return add


def expect(condition: object, *told: object) -> None:
    """Raise Fault with what is `told` unless `condition` holds."""
    if not condition:
        raise Fault(*told)


def same(what: str, one: object, other: object) -> None:
    """Raise Fault unless both are equal."""
    if one != other:
        raise Fault(what, one, other)


def dice_for(data: bytes) -> Random:
    """Return dice that fall alike whenever `data` is the same."""
    return Random(data)


# ------------------------------------------------------------------------------------------------- bytes to events


def _told(error: WireError) -> str:
    return f"{type(error).__name__} at {error.offset}: {error.message} in {error.frame!r}"


def _told_briefly(error: WireError) -> str:
    """Leave out how the frame begins: of what never became a frame, more is shown where more had come."""
    return f"{type(error).__name__} at {error.offset}"


def _collect(values: Iterable[T], told: Told = _told) -> tuple[list[T], str | None]:
    """Return what an iterator yields, and the WireError that ended it."""
    found: list[T] = []
    try:
        for value in values:
            found.append(value)  # noqa: PERF402 - what came before an error counts
    except WireError as error:
        return found, told(error)
    return found, None


def _frames(pieces: Iterable[bytes], *, all_blocks: bool) -> Iterator[Frame]:
    decoder = SSEDecoder(all_blocks=all_blocks)
    for piece in pieces:
        yield from decoder.feed(piece)
        if decoder.error is not None:
            raise decoder.error
    yield from decoder.flush()
    if decoder.error is not None:
        raise decoder.error


@check("events", "chat", "noise")
def sse_frames_do_not_depend_on_cuts(data: bytes) -> None:
    dice = dice_for(data)
    all_blocks = dice.random() < 0.5
    whole = _collect(_frames([data], all_blocks=all_blocks))
    same("frames", whole, _collect(_frames(cuts(data, dice), all_blocks=all_blocks)))
    end = 0
    for frame in whole[0]:
        expect(frame.offset >= end, "a frame begins within the one before it", frame)
        end = frame.offset + frame.size
    expect(end <= len(data), "a frame ends after the end", end)


@dataclass(frozen=True)
class _Reader:
    """One of the public readers: `read` with a dialect and `on_error`, `limited` with the most bytes of a frame."""

    read: Callable[[Iterable[bytes], Dialect, Callable[[WireError], None] | None], Events]
    limited: Callable[[Iterable[bytes], int], Events]
    told: Told = _told


_READERS: Mapping[str, _Reader] = {
    "sse": _Reader(
        lambda chunks, dialect, on_error: read_sse(chunks, dialect=dialect, on_error=on_error),
        lambda chunks, limit: read_sse(chunks, max_frame=limit),
    ),
    "jsonl": _Reader(
        lambda chunks, dialect, on_error: read_jsonl(chunks, dialect=dialect, on_error=on_error),
        lambda chunks, limit: read_jsonl(chunks, max_line=limit),
    ),
    "any": _Reader(
        lambda chunks, dialect, on_error: read_events(chunks, dialect=dialect, on_error=on_error),
        lambda chunks, limit: read_events(chunks, max_frame=limit),
        _told_briefly,
    ),
}


def _events_do_not_depend_on_cuts(reader: _Reader, data: bytes) -> None:
    dice = dice_for(data)
    name = dice.choice(dialect_names())
    pieces = cuts(data, dice)
    whole = _collect(reader.read([data], dialect_by_name(name), None), reader.told)
    same("events", whole, _collect(reader.read(pieces, dialect_by_name(name), None), reader.told))
    tolerant, reported = _tolerant(reader, [data], name)
    same("events, tolerant", (tolerant, reported), _tolerant(reader, pieces, name))
    if whole[1] is None:
        same("no damage", (whole, []), (tolerant, reported))
    else:
        same("events before the first damage", whole[0], tolerant[0][: len(whole[0])])
    # Limits hold wherever the stream is cut; of several that are passed at once, any may be named.
    limited = [_collect(reader.limited(chunks, 100), lambda error: type(error).__name__) for chunks in ([data], pieces)]
    same("limited", *limited)


def _tolerant(
    reader: _Reader, chunks: Sequence[bytes], dialect: str
) -> tuple[tuple[list[ResponseStreamEvent], str | None], list[str]]:
    """Return what is read past damage, and what damage was reported."""
    reported: list[str] = []
    found = reader.read(chunks, dialect_by_name(dialect), lambda error: reported.append(reader.told(error)))
    return _collect(found, reader.told), reported


@check("events", "chat", "noise")
def sse_events_do_not_depend_on_cuts(data: bytes) -> None:
    _events_do_not_depend_on_cuts(_READERS["sse"], data)


@check("events", "noise")
def jsonl_events_do_not_depend_on_cuts(data: bytes) -> None:
    _events_do_not_depend_on_cuts(_READERS["jsonl"], data)


@check("events", "request", "noise")
def any_format_does_not_depend_on_cuts(data: bytes) -> None:
    _events_do_not_depend_on_cuts(_READERS["any"], data)


@check("events", "chat", "request", "noise")
def format_once_told_stays(data: bytes) -> None:
    def told(head: bytes, *, final: bool = False) -> object:
        try:
            return detect_format(head, final=final)
        except FramingError:
            return "none"

    dice = dice_for(data)
    whole = told(data, final=True)
    for length in sorted(dice.randint(0, len(data)) for _ in range(4)):
        early = told(data[:length])
        expect(early in (None, whole), "told early, and differently", length, early, whole)


@check("events", "chat", "noise")
def decoders_die_once(data: bytes) -> None:
    """After an error every call raises the same; a decoder never goes on as if nothing had been."""
    decoder = AnyDecoder()
    steps: tuple[Callable[[], object], ...] = (
        lambda: decoder.feed(data),
        lambda: decoder.feed(b"data: {}\n\n"),
        decoder.flush,
        decoder.flush,
    )
    for step in steps:
        dead = decoder.error
        try:
            step()
        except WireError as error:
            expect(dead is None or error is dead, "another error than the first", dead, error)
            expect(decoder.error is error, "raised and not kept", error)
        else:
            expect(dead is None, "a dead decoder went on", dead)


# --------------------------------------------------------------------------------------------------------- the codec


_LOSSLESS = openresponses(response_ids=True)
"""The dialect that writes all it reads: the plain one leaves out the `response_id` that the specification lacks."""


def _bodies(data: bytes) -> list[bytes]:
    """Return what may be the JSON of events in `data`."""
    bodies = [line.partition(b"{") for line in data.splitlines()]
    return [data, *(brace + rest for _, brace, rest in bodies[:40] if brace)]


@check("events", "chat", "request", "noise")
def codec_loses_nothing(data: bytes) -> None:
    codec = EventCodec(_LOSSLESS)
    for body in _bodies(data):
        try:
            event = codec.decode(body)
        except WireError:
            continue
        encoded = codec.encode(event)
        expect(encoded is not None and b"\n" not in encoded, "not one line", encoded)
        assert encoded is not None
        same("decode(encode(event))", event, codec.decode(encoded))
        same("encode is stable", encoded, codec.encode(codec.decode(encoded)))
        same("plain JSON", _plain(decode_json_object(body)), _plain(json.loads(encoded)))


def _plain(value: object) -> object:
    """Return JSON data such that what JSON calls equal is equal, but a boolean is no number.

    An integer beyond the digits of a float is made one, as reading does where the specification has a float.
    """
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, int) and 2**53 < abs(value) < 2**1023:
        return float(value)
    return (bool, value) if isinstance(value, bool) else value


@check("events", "chat", "request", "noise")
def dialects_read_and_write_anything(data: bytes) -> None:
    for name in dialect_names():
        dialect = dialect_by_name(name)
        codec = EventCodec(dialect)
        frames, lines, messages = SSEEncoder(dialect), JSONLEncoder(dialect), WebSocketCodec(dialect)
        for body in _bodies(data):
            try:
                event = codec.decode(body)
            except WireError:
                continue
            encoded = codec.encode(event)
            expect(encoded is None or b"\n" not in encoded, "not one line", encoded)
            lines.encode(event)
            messages.encode(event)
            try:
                frame = frames.encode(event)
            except FramingError:
                expect(set("\r\n") & set(event.event_type) or not event.event_type.isprintable(), "refused", event)
                continue
            expect(frame == b"" or (frame.endswith(b"\n\n") and frame.count(b"\n") == 3), "not one frame", frame)
            if isinstance(event, DeltaEvent) and not event.extra:
                made = DeltaTemplate(event, SSEEncoder(dialect_by_name(name))).frame(7, event.delta)
                expect(made == b"" or made.endswith(b"\n\n"), "not one frame", made)


@check("events", "request", "noise")
def websocket_messages_are_read_or_refused(data: bytes) -> None:
    messages: list[bytes | str] = [*_bodies(data), data.decode("utf-8", "surrogateescape")]
    for body in messages:
        codec = WebSocketCodec(_LOSSLESS, max_message=20_000)
        try:
            message = codec.decode(body)
        except WireError:
            continue
        again = codec.encode(message)
        expect(again is not None, "read, and not written", message)
        assert again is not None
        if not isinstance(message, WebSocketError):
            same("decode(encode(message))", message, codec.decode(again))
    with contextlib.suppress(WireError):
        decode_create(data)


# --------------------------------------------------------------------------------------------------- events to response


def tolerantly(data: bytes) -> list[ResponseStreamEvent]:
    found, _ = _collect(read_events([data], on_error=lambda _: None))
    return found


@check("events", "noise")
def any_events_can_be_folded(data: bytes) -> None:
    events = tolerantly(data)
    reader = ResponseReader(strict=False)
    for event in events:
        reader.feed(event)
    response = reader.response
    same("a response after the first event", bool(events), response is not None)
    expect(isinstance(reader.text, str))
    reader.differences()
    reader.function_calls  # noqa: B018 - that it can be asked is the point
    if response is not None:
        decode_object(Response, encode_object(response))


@check("events", "noise")
def a_refused_step_changes_nothing(data: bytes) -> None:
    strict = ResponseReader(strict=True)
    for event in tolerantly(data)[:60]:
        before = (strict.response, strict.state, list(strict.machine.open_places), strict.last_sequence_number)
        try:
            strict.feed(event)
        except StreamStateError as error:
            expect(error.violation is not None and str(error), "a refusal that says nothing", error)
            after = (strict.response, strict.state, list(strict.machine.open_places), strict.last_sequence_number)
            same("state after a refusal", before, after)
    expect(not strict.violations, "a strict reader noted a violation", strict.violations)


# ------------------------------------------------------------------------------------------------------------ upstream


def said(translation: Translation, pieces: Iterable[bytes]) -> list[Output]:
    outputs: list[Output] = []
    for piece in pieces:
        outputs.extend(translation.feed(piece))
    outputs.extend(translation.close())
    return outputs


@check("events", "chat", "noise")
def chat_completions_do_not_depend_on_cuts(data: bytes) -> None:
    dice = dice_for(data)
    api = ChatCompletions(Options(think_tags=dice.random() < 0.5))
    whole = said(api.stream(), [data])
    same("outputs", whole, said(api.stream(), cuts(data, dice)))
    same("outputs of the reply", whole, list(api.reply(data)))


@check("events", "chat", "noise")
def whatever_an_upstream_sends_a_valid_stream_comes_out(data: bytes) -> None:
    dice = dice_for(data)
    events = ListStreamEmitter()
    frames: list[bytes] = []
    numbers = itertools.count()
    emitter = TeeEmitter(events, SSEEmitter(frames.append))
    stream = ResponseStream(emitter, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 1.7e9)
    translation = ChatCompletions(Options(think_tags=dice.random() < 0.5)).stream()
    Relay(translation, stream).run(cuts(data, dice))
    expect_valid(list(events.events), stream.response)
    same("bytes", list(map(SSEEncoder().encode, events.events)), frames)
    same("read again", list(events.events), list(read_sse(frames)))


def expect_valid(events: list[ResponseStreamEvent], response: Response) -> None:
    reader = ResponseReader(strict=True).feed_all(events)
    expect(reader.is_done, "no terminal event")
    same("differences", [], reader.differences())
    same("sequence numbers", list(range(len(events))), [event.sequence_number for event in events])
    same("the response", response, reader.response)


# ------------------------------------------------------------------------------------------------------------- requests


@check("request", "noise")
def requests_are_parsed_or_refused(data: bytes) -> None:
    parsers: tuple[Callable[[bytes], object], ...] = (parse_create, parse_websocket_create, parse_compact)
    for parse in parsers:
        try:
            request = parse(data)
        except RequestError as error:
            same("the payload's type", "invalid_request", error.payload().type)
            encode_object(error.payload())
            continue
        if isinstance(request, CreateResponse):
            _answer(request)


def _answer(request: CreateResponse) -> None:
    """Whatever was let in can be answered, and sent on or refused by name."""
    events = ListStreamEmitter()
    numbers = itertools.count()
    stream = ResponseStream(
        events, model="m", request=request, ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 1.7e9
    )
    with stream:
        stream.send("Hello")
    expect_valid(list(events.events), stream.response)
    written = encode_object(stream.response)
    same("the response, read again", stream.response, decode_object(Response, written))
    same("the request, read again", request, decode_object(type(request), encode_object(request)))
    try:
        translated = ChatCompletions().request(request)
    except UnsupportedParameter as error:
        expect(error.param, "a refusal of nothing", error)
    else:
        expect(isinstance(json.loads(json.dumps(translated.body)), Mapping))
    ChatCompletions().stream(request)


# ---------------------------------------------------------------------------------------------------- time and memory


_NEVER_ENDING: tuple[tuple[str, bytes], ...] = (
    ("a line without an end", b"data: aaaaaaaaaa"),
    ("a block without an end", b"data: a\n"),
    ("CR after CR", b"\r"),
    ("LF after LF", b"\n"),
    ("comments", b": ping\n\n"),
    ("spaces", b" "),
    ("a string without an end", b'{"type":"aaaaaaa'),
    ("brackets", b"["),
    ("small events", b'data: {"type":"a:b"}\n\n'),
    ("CRLF events", b'data: {"type":"a:b"}\r\n\r\n'),
    ("small lines", b'{"type":"a:b"}\n'),
)


def lines_run(function: Callable[[], object]) -> int:
    """Return how many lines of Python are run by `function`."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> TraceFunction:  # noqa: ARG001 - as settrace wants it
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def growth_is_linear(size: int) -> None:
    """Raise Fault where four times the bytes, in small pieces, take much more than four times the steps."""
    for (what, unit), (name, reader), piece in itertools.product(_NEVER_ENDING, _READERS.items(), (1, 50)):
        few, many = (
            lines_run(partial(_read_in_pieces, reader, unit * (length // len(unit)), piece))
            for length in (size, 4 * size)
        )
        expect(many <= 5 * few + 200, "more steps than bytes", what, name, piece, few, many)


def _read_in_pieces(reader: _Reader, data: bytes, size: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    _collect(reader.read(chunks, openresponses(), None))


def memory_is_bounded(limit: int = 10_000, sent: int = 2_000_000) -> None:
    """Raise Fault where a stream that goes on for ever makes a parser hold much more than its limit."""
    for (what, unit), (name, reader) in itertools.product(_NEVER_ENDING, _READERS.items()):
        piece = unit * (1000 // len(unit))
        tracemalloc.start()
        try:
            with contextlib.suppress(WireError):
                for _ in reader.limited(itertools.repeat(piece, sent // len(piece)), limit):
                    pass
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        expect(peak <= 20 * limit + 100_000, "held too much", what, name, peak)
