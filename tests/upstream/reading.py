"""Replies of providers, read in every way that the tests of an adapter need."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import httpx2

import penstock
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, Response
from penstock.stream.output import Failure, Output, Stop
from penstock.upstream.base import Loss, UpstreamAPI
from penstock.upstream.relay import Relay
from tests.stream.validity import assert_valid

__all__ = ["check_valid", "failure", "in_pieces", "losses_by", "read_by", "relayed", "replaying"]


def in_pieces(
    adapter: UpstreamAPI, data: bytes, cuts: Iterable[int] = (), request: CreateResponse | None = None
) -> list[Output]:
    """What is said in `data` where it comes cut at these places; a second close says nothing."""
    translation = adapter.stream(request)
    said = [out for start, end in pairwise([0, *cuts, len(data)]) for out in translation.feed(data[start:end])]
    said += translation.close()
    assert list(translation.close()) == []
    return said


def read_by(adapter: UpstreamAPI, data: bytes, request: CreateResponse | None = None) -> list[Output]:
    """What is said in `data`, after making sure that it is the same whole, byte by byte and cut at random."""
    whole = in_pieces(adapter, data, (), request)
    assert whole == in_pieces(adapter, data, range(1, len(data)), request)
    dice = random.Random(len(data))
    for _ in range(3):
        cuts = sorted(dice.sample(range(len(data) + 1), min(5, len(data))))
        assert whole == in_pieces(adapter, data, cuts, request)
    assert whole == list(adapter.reply(data, request))
    return whole


def losses_by(adapter: UpstreamAPI, data: bytes) -> list[Loss]:
    translation = adapter.stream()
    translation.feed(data)
    translation.close()
    assert all(loss.reason for loss in translation.losses)
    return translation.losses


def failure(said: Sequence[Output]) -> ErrorPayload:
    """The failure that a reply ends with; nothing else ends it."""
    last = said[-1]
    assert isinstance(last, Failure)
    assert sum(isinstance(output, Failure | Stop) for output in said) == 1
    return last.error


def relayed(
    adapter: UpstreamAPI,
    data: bytes,
    emitter: penstock.StreamEventEmitter | None = None,
    request: CreateResponse | None = None,
) -> Response:
    """The response that a reply becomes."""
    stream = penstock.ResponseStream(emitter or penstock.ListStreamEmitter(), model="m", request=request)
    Relay(adapter.stream(request), stream).run([data])
    return stream.response


def check_valid(adapter: UpstreamAPI, data: bytes, request: CreateResponse) -> Response:
    """Fail unless a reply to its request becomes a valid stream without findings but notes; return the response."""
    emitter = penstock.ListStreamEmitter()
    response = relayed(adapter, data, emitter, request)
    assert_valid(emitter.events)
    frames: list[bytes] = []
    sse = penstock.SSEEmitter(frames.append)
    relayed(adapter, data, sse, request)
    sse.done()
    found = penstock.lint(b"".join(frames), request=request)
    assert [finding for finding in found if finding.level is not penstock.Level.INFO] == []
    return response


def replaying(data: bytes) -> httpx2.Client:
    """What a provider's SDK asks through, to be answered with a stream of these bytes."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    return httpx2.Client(transport=httpx2.MockTransport(answer))
