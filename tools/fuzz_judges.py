"""What the fuzzer holds those to who judge and mend a stream: the linter, the repairer, the reader of Responses."""

from __future__ import annotations

import contextlib
import gc
import itertools
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

import msgspec

from penstock import ListStreamEmitter, ResponseStream, SSEEmitter, SSEEncoder, TeeEmitter, read_sse
from penstock.lint.engine import EventLinter
from penstock.lint.facts import Profile
from penstock.lint.findings import Finding, Level
from penstock.lint.linter import Linter, lint
from penstock.lint.record import Judgement, Recorder
from penstock.lint.repair import Mend, Repairer
from penstock.lint.report import TextReport, github_lines, json_report, sarif_report
from penstock.spec.request import CreateResponse
from penstock.upstream.relay import Relay
from penstock.upstream.responses import Responses
from penstock.wire.codec import decode_json_object, decode_object
from penstock.wire.dialects import dialect_names
from penstock.wire.errors import WireError
from penstock.wire.sse import Frame, SSEDecoder
from tools.fuzz_inputs import cuts
from tools.fuzz_targets import check, dice_for, expect, expect_valid, lines_run, said, same, tolerantly

_REQUESTS = (
    None,
    None,
    decode_object(CreateResponse, b'{"model":"m","input":"Hi","stream_options":{"include_obfuscation":false}}'),
    decode_object(
        CreateResponse,
        b'{"model":"m","input":"Hi","parallel_tool_calls":false,"max_tool_calls":1,"max_output_tokens":16,'
        b'"tools":[{"type":"function","name":"find","parameters":{}}],"tool_choice":"required",'
        b'"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}}}',
    ),
)


# ------------------------------------------------------------------------------------------------------------- linting


def _options(dice: Random) -> dict[str, Any]:
    return {
        "dialect": dice.choice(dialect_names()),
        "resumed": dice.random() < 0.2,
        "transport": dice.choice([None, None, "sse", "websocket"]),
        "request": dice.choice(_REQUESTS),
    }


def _judged(pieces: Iterable[bytes], options: dict[str, Any]) -> Judgement:
    """Return the verdict on bytes that come in pieces; what each call returns is what it adds."""
    linter = Linter(**options)
    recorder = Recorder(linter, "a.sse")
    for piece in pieces:
        recorder.feed(piece)
    return recorder.finish()


@check("events", "chat", "request", "noise")
def a_verdict_does_not_depend_on_cuts(data: bytes) -> None:
    dice = dice_for(data)
    options = _options(dice)
    linter = Linter(**options)
    online: list[Finding] = []
    pieces = cuts(data, dice)
    for piece in pieces:
        online += linter.feed(piece)
    online += linter.finish()
    same("what the calls return", linter.findings, online)
    whole = lint(data, **options)
    same("findings", whole, online)
    for finding in whole:
        expect(finding.message and finding.name, "a finding that says nothing", finding)
        expect(finding.event is None or 0 <= finding.event <= linter.events, "an event there is not", finding)
        expect(finding.offset is None or 0 <= finding.offset <= len(data), "an offset there is not", finding)
        expect(finding.related is None or 0 <= finding.related <= linter.events, "related to no event", finding)
    same("where findings are", _places(_judged([data], options)), _places(_judged(pieces, options)))


def _places(judgement: Judgement) -> list[tuple[object, ...]]:
    """Return what is told of each finding; what cannot be framed is shown as far as it had come."""
    return [
        (located.finding, located.line, located.event_type, located.related_line, located.related_type)
        if located.finding.event is None
        else (located,)
        for located in judgement.findings
    ]


@check("events", "noise")
def a_verdict_can_be_told(data: bytes) -> None:
    judgement = _judged([data], _options(dice_for(data)))
    text = TextReport(width=80)
    shown = text.stream(judgement) + text.summary() + text.statistics() + github_lines([judgement])
    shown.encode()
    expect(not set(map(ord, shown)) & {*range(10), *range(11, 32), 127}, "text that commands a terminal", shown)
    for document in (json_report([judgement]), sarif_report([judgement], version="0")):
        msgspec.json.decode(document)


@check("events", "noise")
def every_road_leads_to_the_same_verdict(data: bytes) -> None:
    dice = dice_for(data)
    profile = Profile(dialect=dice.choice(dialect_names()), transport="sse", resumed=dice.random() < 0.2)
    request = dice.choice(_REQUESTS)
    decoder = SSEDecoder(all_blocks=True)
    frames: list[Frame] = []
    with contextlib.suppress(WireError):
        frames += decoder.feed(data)
        frames += decoder.flush()
    verdicts: list[list[Finding]] = []
    for shortcuts in (True, False):
        linter = EventLinter(profile=profile, request=request, shortcuts=shortcuts)
        linter.feed_frames(frames)
        linter.finish()
        verdicts.append(linter.findings)
    same("findings by road", *verdicts)


@check("events", "noise")
def events_are_judged_without_bytes(data: bytes) -> None:
    options = _options(dice_for(data))
    linter, plain = Linter(**options), Linter(**options)
    online: list[Finding] = []
    for event in tolerantly(data):
        online += linter.feed_event(event)
    online += linter.finish()
    same("what the calls return", linter.findings, online)
    for raw in _objects(data):
        plain.feed_event(raw)
    plain.finish()


def _objects(data: bytes) -> list[dict[str, object]]:
    """Return the JSON objects that stand in lines of their own, or behind `data:`."""
    found: list[dict[str, object]] = []
    for line in data.splitlines():
        try:
            found.append(decode_json_object(line.removeprefix(b"data:").strip()))
        except WireError:
            continue
    return found


# ----------------------------------------------------------------------------------------------------------- repairing


class _Ids:
    """Ids that count, and are nobody else's."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_new{self._counts[prefix]}"


def _repairer(request: CreateResponse | None = None, **options: Any) -> Repairer:  # noqa: ANN401 - those of Repairer
    return Repairer(ids=_Ids(), clock=lambda: 1.7e9, request=request, **options)


def _repaired(pieces: Iterable[bytes], request: CreateResponse | None = None) -> tuple[bytes, list[Mend]]:
    repairer = _repairer(request)
    out = b"".join(map(repairer.feed, pieces))
    return out + repairer.close(), repairer.mends


def _expect_mended(out: bytes) -> None:
    same("errors after repair", [], [finding for finding in lint(out) if finding.level is Level.ERROR])
    same("repaired twice", (out, []), _repaired([out]))


@check("events", "chat", "request", "noise")
def what_is_repaired_has_no_error(data: bytes) -> None:
    dice = dice_for(data)
    out, mends = _repaired([data])
    same("repaired in pieces", (out, mends), _repaired(cuts(data, dice)))
    _expect_mended(out)
    for mend in mends:
        expect(mend.message and mend.name, "a mend that says nothing", mend)
    # Whatever was asked for and whatever is written, nothing is raised.
    other = _repairer(
        dice.choice(_REQUESTS), dialect=dice.choice(dialect_names()), transport=dice.choice([None, "websocket"])
    )
    for piece in cuts(data, dice):
        other.feed(piece)
    other.close()


@check("events", "noise")
def events_are_repaired_without_bytes(data: bytes) -> None:
    for events in (tolerantly(data), _objects(data)):
        repairer = _repairer()
        out = [mended for event in events for mended in repairer.feed_event(event)]
        out += repairer.close_events()
        encoder = SSEEncoder()
        _expect_mended(b"".join(map(encoder.encode, out)) + encoder.done())


# ------------------------------------------------------------------------------------------------- as an upstream reply


@check("events", "chat", "request", "noise")
def whatever_a_responses_endpoint_sends_a_valid_stream_comes_out(data: bytes) -> None:
    dice = dice_for(data)
    pieces = cuts(data, dice)
    whole = said(Responses().stream(), [data])
    same("outputs", whole, said(Responses().stream(), pieces))
    same("outputs of the reply", whole, list(Responses().reply(data)))
    events = ListStreamEmitter()
    frames: list[bytes] = []
    numbers = itertools.count()
    emitter = TeeEmitter(events, SSEEmitter(frames.append))
    stream = ResponseStream(emitter, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 1.7e9)
    Relay(Responses().stream(), stream).run(pieces)
    expect_valid(list(events.events), stream.response)
    same("read again", list(events.events), list(read_sse(frames)))


# ---------------------------------------------------------------------------------------------------- time and memory

_RESPONSE = (
    b'{"id":"r","object":"response","created_at":1,"completed_at":null,"status":"in_progress","incomplete_details":null,'
    b'"model":"m","previous_response_id":null,"instructions":null,"output":[],"error":null,"tools":[],'
    b'"tool_choice":"auto","truncation":"disabled","parallel_tool_calls":true,"text":{"format":{"type":"text"}},'
    b'"top_p":1,"presence_penalty":0,"frequency_penalty":0,"top_logprobs":0,"temperature":1,"reasoning":null,'
    b'"usage":null,"max_output_tokens":null,"max_tool_calls":null,"store":false,"background":false,'
    b'"service_tier":"default","metadata":{},"safety_identifier":null,"prompt_cache_key":null}'
)
_MESSAGE = b'"item":{"type":"message","id":"i%N","status":"in_progress","role":"assistant","content":[]}'
_CALL = b'"item":{"type":"function_call","id":"i%N","call_id":"c%N","name":"f","arguments":"","status":"in_progress"}'
_PART = b'"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}'
_FIRST = b'"item_id":"i2","output_index":0,"content_index":0'
_TYPE = b'data: {"type":"response.'
_NUMBER = b',"sequence_number":%N}\n\n'


def _event(name: bytes, fields: bytes) -> bytes:
    return _TYPE + name + b'",' + fields + _NUMBER


_CREATED = _event(b"created", b'"response":' + _RESPONSE)
_ITEM = _event(b"output_item.added", b'"output_index":0,' + _MESSAGE)
_OPEN = (_CREATED, b"", _ITEM, _event(b"content_part.added", _FIRST + b"," + _PART))
_ENDED = (_CREATED, _event(b"completed", b'"response":' + _RESPONSE.replace(b"in_progress", b"completed")))
_DELTA = _event(b"output_text.delta", _FIRST + b',"delta":"abc","logprobs":[]')
_ERROR = b'data: {"type":"error","error":{"type":"x","code":null,"message":"m","param":null}' + _NUMBER


@dataclass(frozen=True)
class _Endless:
    """A stream that goes on for ever: how it begins, and what comes again and again; `%N` is the number of a frame.

    `says` is whether it says something each time, which the response has to hold; `is_one` whether it is all one frame,
    which some have to hold until it is longer than a frame may be.
    """

    begin: tuple[bytes, ...]
    unit: bytes
    says: bool = False
    is_one: bool = False

    def frames(self, count: int) -> Iterable[bytes]:
        for number, frame in enumerate(itertools.chain(self.begin, itertools.repeat(self.unit, count))):
            yield frame.replace(b"%N", b"%d" % number)


_ENDLESS = {
    "comments": _Endless((), b": ping\n\n"),
    "blank lines": _Endless((), b"\n"),
    "a line without an end": _Endless((), b"data: aaaaaaaaaa", is_one=True),
    "a block without an end": _Endless((), b"data: a\n", is_one=True),
    "pings before the beginning": _Endless((), b'data: {"type":"ping"}\n\n'),
    "extensions before the beginning": _Endless((), b'data: {"type":"a:b"' + _NUMBER),
    "extensions": _Endless(_OPEN, b'data: {"type":"a:b"' + _NUMBER),
    "lines of extensions": _Endless((), b'{"type":"a:b","sequence_number":%N}\n', is_one=True),
    "unknown events": _Endless(_OPEN, _TYPE + b'n%N"' + _NUMBER),
    "names of frames": _Endless(_OPEN, b"event: n%N\n" + _DELTA, says=True),
    "errors": _Endless(_OPEN, _ERROR),
    "extensions after an error": _Endless((*_OPEN, _ERROR), b'data: {"type":"a:b"' + _NUMBER),
    "no JSON": _Endless(_OPEN, b"data: {%N\n\n"),
    "responses created": _Endless((), _CREATED),
    "responses of other ids": _Endless((_CREATED,), _CREATED.replace(b'"id":"r"', b'"id":"r%N"')),
    "responses in progress": _Endless((), _CREATED.replace(b".created", b".in_progress")),
    "terminal events": _Endless((_CREATED,), _ENDED[1]),
    "extensions after the end": _Endless(_ENDED, b'data: {"type":"a:b"' + _NUMBER),
    "events after [DONE]": _Endless((*_ENDED, b"data: [DONE]\n\n"), _DELTA),
    "[DONE]": _Endless(_ENDED, b"data: [DONE]\n\n"),
    "empty deltas": _Endless(_OPEN, _DELTA.replace(b"abc", b"")),
    "deltas": _Endless(_OPEN, _DELTA, says=True),
    "deltas of one number": _Endless(_OPEN, _DELTA.replace(b"%N", b"9"), says=True),
    "deltas of no item": _Endless((_CREATED,), _DELTA, says=True),
    "deltas of many items": _Endless((_CREATED,), _DELTA.replace(b'"i2"', b'"i%N"'), says=True),
    "halves of characters": _Endless(_OPEN, _DELTA.replace(b"abc", b"\\ud83d"), says=True),
    "items": _Endless((_CREATED,), _event(b"output_item.added", b'"output_index":%N,' + _MESSAGE), says=True),
    "items of one index": _Endless(
        (_CREATED,), _event(b"output_item.added", b'"output_index":0,' + _MESSAGE), says=True
    ),
    "items that are done": _Endless(
        (_CREATED,),
        _event(b"output_item.done", b'"output_index":%N,' + _MESSAGE.replace(b"in_progress", b"completed")),
        says=True,
    ),
    "parts": _Endless(_OPEN, _event(b"content_part.added", _FIRST[:-1] + b"%N," + _PART), says=True),
    "parts of one index": _Endless(_OPEN, _event(b"content_part.added", _FIRST + b"," + _PART)),
    "calls": _Endless((_CREATED,), _event(b"output_item.added", b'"output_index":%N,' + _CALL), says=True),
    "arguments of a call without a name": _Endless(
        (_CREATED,), _event(b"function_call_arguments.delta", b'"item_id":"i","output_index":0,"delta":"1"'), says=True
    ),
    "annotations": _Endless(
        _OPEN,
        _event(b"output_text.annotation.added", _FIRST + b',"annotation_index":%N,"annotation":{"type":"a:b"}'),
        says=True,
    ),
}


Feed = Callable[[bytes], object]


def _linting() -> Feed:
    return Linter(max_frame=_MOST_HELD).feed


def _repairing() -> Feed:
    repairer = _repairer(max_frame=_MOST_HELD)

    def feed(data: bytes) -> None:
        repairer.feed(data)
        repairer.mends  # noqa: B018 - whoever relays a stream asks for them while it flows

    return feed


def _translating() -> Feed:
    return Responses().stream().feed


_MOST_HELD = 10_000
_JUDGES: dict[str, Callable[[], Feed]] = {"lint": _linting, "repair": _repairing, "translate": _translating}
_LIMITS = (
    "penstock.lint.engine.MAX_FINDINGS",
    "penstock.lint.judge.MAX_FINDINGS",
    "penstock.lint.repair.MAX_MENDS",
    "penstock.upstream.responses.voice.MAX_MENDS",
    "penstock.upstream.responses.mender.MAX_WAITING",
)
_LOW = 50
"""What the limits are set to, so that they are reached soon."""
_NOISE = 20_000
"""How many bytes more may be held after a while, without growing with the stream."""


def judging_is_linear(count: int) -> None:
    """Raise Fault where four times the frames take much more than four times the steps."""

    def run(judge: Callable[[], Feed], frames: Iterable[bytes]) -> None:
        feed = judge()
        for frame in frames:
            feed(frame)

    for (what, endless), (name, judge) in itertools.product(_ENDLESS.items(), _JUDGES.items()):
        few, many = (lines_run(partial(run, judge, endless.frames(length))) for length in (count, 4 * count))
        expect(many <= 7 * few, "more steps than frames", what, name, few, many)


def judging_holds_little(count: int) -> None:
    """Raise Fault where a stream that says nothing, and has said so for long, makes a judge hold more and more."""
    with contextlib.ExitStack() as limits:
        for limit in _LIMITS:
            limits.enter_context(patch(limit, _LOW))
        limits.enter_context(_frozen())
        for (what, endless), (name, judge) in itertools.product(_ENDLESS.items(), _JUDGES.items()):
            few, many = _held(judge, endless, count)
            is_held = endless.says or (endless.is_one and name == "translate")
            allowed = 30 * count * len(endless.unit) if is_held else _NOISE
            expect(many - few <= allowed, "holds more and more", what, name, few, many)


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Let the collector pass over what is there already: to look through that hundreds of times takes minutes."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _held(judge: Callable[[], Feed], endless: _Endless, count: int) -> tuple[int, int]:
    """Return how many bytes are held after `count` frames, and after as many more."""
    frames = iter(endless.frames(2 * count))
    held: list[int] = []
    tracemalloc.start()
    try:
        feed = judge()
        for _ in range(2):
            for frame in itertools.islice(frames, count):
                feed(frame)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return held[0], held[1]
