"""Reading: the bytes of a stream to typed events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import httpx2
import msgspec
import orjson
from openai import OpenAI
from openresponses_types.types import ResponseOutputTextDeltaStreamingEvent

from bench import payload
from bench.measure import Prepare, Run, compare
from bench.table import Figures, Scale, row
from penstock import read_sse
from penstock.spec.events import OutputTextDelta, StandardEvent

_KIB = 1024
_CHUNK = 64 * _KIB

decode = msgspec.json.Decoder(StandardEvent).decode
"""The decoder ours is measured against: the same Structs, and no framing, dialects or unknown fields to care for."""


def _per_event(times: tuple[float, float], count: int, note: str = "") -> Figures:
    ours, peer = (seconds / count * 1e6 for seconds in times)
    return Figures(ours, peer, "us an event", note)


def _read(chunks: Sequence[bytes]) -> Run:
    return lambda: list(read_sse(chunks))


# ------------------------------------------------------------------------------------------- against the official SDK


class _Body(httpx2.SyncByteStream):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def sdk_road(chunks: Sequence[bytes]) -> Prepare:
    """Return what the official SDK does with a streamed reply of these `chunks`, without a network.

    The request is made before the clock starts. What is timed is the iteration of the SDK's own `Stream`: its decoder
    of server-sent events, `json.loads`, and the construction of its models.
    """

    def reply(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=_Body(chunks), request=request)

    client = OpenAI(
        api_key="none",
        base_url="http://upstream.invalid/v1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(reply)),
    )

    def prepare() -> Run:
        stream = client.responses.create(model="a-model", input="Hello", stream=True)
        return lambda: list(stream)

    return prepare


def _against_sdk(frames: Callable[[int], tuple[bytes, ...]], scale: Scale) -> Figures:
    count = scale.events(2000)
    chunks = payload.cut(b"".join(frames(count)), _CHUNK)
    times = compare(lambda: _read(chunks), sdk_road(chunks), rounds=scale.rounds(12))
    return _per_event(times, len(payload.events(count)))


@row(
    "read-vs-sdk",
    work="SSE bytes of one event -> typed event",
    against="the official `openai` SDK's own road",
    faster=100,
)
def read_vs_sdk(scale: Scale) -> Figures:
    return _against_sdk(payload.frames, scale)


@row(
    "read-vs-sdk-openai-form",
    work="the same, of a stream with OpenAI's `logprobs: []`",
    against="the same; its models then validate at once",
)
def read_vs_sdk_in_its_own_form(scale: Scale) -> Figures:
    return _against_sdk(payload.openai_frames, scale)


# ---------------------------------------------------------------------------------------------------- against msgspec


def _whole(count: int) -> list[bytes]:
    return [b"".join(payload.frames(count))]


def _in_chunks(size: int, count: int) -> list[bytes]:
    return payload.cut(b"".join(payload.frames(count)), size)


def _one_event(count: int) -> list[bytes]:
    return list(payload.frames(count))


def _half_an_event(count: int) -> list[bytes]:
    return payload.cut_in_the_middle(payload.frames(count))


def _oddly(most: int, count: int) -> list[bytes]:
    return payload.cut_oddly(b"".join(payload.frames(count)), most)


def _against_msgspec(chunked: Callable[[int], list[bytes]], scale: Scale) -> Figures:
    count = scale.events(20_000)
    chunks = chunked(count)
    bodies = payload.bodies(count)
    times = compare(lambda: _read(chunks), lambda: lambda: list(map(decode, bodies)), rounds=scale.rounds(20))
    return _per_event(times, len(bodies))


# The last two tell what a chunk costs, whatever is in it: a few calls and looks at its bytes, which one event alone has
# to bear. No demand is made there.
for _name, _how, _chunked, _most in (
    ("whole", "in one piece", _whole, 2),
    ("64k", "in chunks of 64 KiB", partial(_in_chunks, _CHUNK), 2),
    ("4k", "in chunks of 4 KiB", partial(_in_chunks, 4 * _KIB), 2),
    ("odd", "cut at random, 1 to 8,191 bytes", partial(_oddly, 8191), 2),
    ("one", "an event a chunk", _one_event, None),
    ("half", "as many chunks, each ending within an event", _half_an_event, None),
):
    row(
        f"read-{_name}",
        work=f"SSE bytes -> typed events, {_how}",
        against="raw `msgspec` decode of the same JSON into the same Structs",
        at_most=_most,
    )(partial(_against_msgspec, _chunked))


@row(
    "read-short",
    work="SSE bytes -> typed events, replies of 60 events, each in one piece",
    against="raw `msgspec` decode of the same JSON into the same Structs",
    at_most=2,
)
def read_short_replies(scale: Scale) -> Figures:
    pieces, replies = 52, scale.events(300)
    reply, bodies = b"".join(payload.frames(pieces)), payload.bodies(pieces)

    def ours() -> Run:
        return lambda: [list(read_sse([reply])) for _ in range(replies)]

    def peer() -> Run:
        return lambda: [list(map(decode, bodies)) for _ in range(replies)]

    return _per_event(compare(ours, peer, rounds=scale.rounds(20)), replies * len(bodies))


# --------------------------------------------------------------------------------------------------- told, not demanded


def _against_bodies(peer: Callable[[bytes], object], scale: Scale) -> Figures:
    count = scale.events(10_000)
    deltas = [
        body for body, event in zip(payload.bodies(count), payload.events(count), strict=True) if _is_delta(event)
    ]
    chunks = payload.cut(b"".join(payload.frames(count)), _CHUNK)
    times = compare(lambda: _read(chunks), lambda: lambda: list(map(peer, deltas)), rounds=scale.rounds(12))
    return _per_event(times, len(deltas))


def _is_delta(event: object) -> bool:
    return isinstance(event, OutputTextDelta)


@row("read-vs-orjson", work="SSE bytes -> typed events", against="`orjson` decode of the same JSON to plain dicts")
def read_vs_orjson(scale: Scale) -> Figures:
    return _against_bodies(orjson.loads, scale)


@row(
    "read-vs-pydantic",
    work="SSE bytes -> typed events",
    against="`model_validate_json` of the one model of `openresponses-types` that fits",
)
def read_vs_pydantic(scale: Scale) -> Figures:
    return _against_bodies(ResponseOutputTextDeltaStreamingEvent.model_validate_json, scale)
