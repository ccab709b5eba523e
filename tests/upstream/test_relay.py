"""The way from a provider's bytes to events: whatever comes, a valid stream with its end goes out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.live import ResponseStream
from penstock.spec.response import ErrorPayload
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import Arguments, Failure, Output, Text
from penstock.upstream.base import Translation
from penstock.upstream.relay import Relay

BROKE = ErrorPayload(type="server_error", code="broke", message="It broke.", param=None)


class Script(Translation):
    """Says one list of outputs a chunk, and the last at the end."""

    def __init__(self, *pieces: Sequence[Output]) -> None:
        self.pieces = list(pieces)

    def feed(self, data: bytes) -> Sequence[Output]:
        return self.pieces.pop(0)

    def close(self) -> Sequence[Output]:
        return self.pieces.pop(0)


def relayed(*pieces: Sequence[Output]) -> tuple[Relay, ResponseStream, ListStreamEmitter]:
    emitter = ListStreamEmitter()
    stream = ResponseStream(emitter, model="m")
    return Relay(Script(*pieces), stream), stream, emitter


def test_each_chunk_is_emitted_at_once_and_the_end_is_computed() -> None:
    relay, stream, emitter = relayed([Text("a")], [Text("b")], [])
    relay.feed(b"1")
    so_far = len(emitter.events)
    assert emitter.events[-1].event_type == "response.output_text.delta"
    relay.feed(b"2")
    assert len(emitter.events) == so_far + 1
    relay.close()
    assert (stream.response.status, stream.response.output_text) == ("completed", "ab")


def test_a_whole_reply_is_relayed_by_run() -> None:
    relay, stream, _ = relayed([Text("a")], [Text("b")])
    relay.run([b"1"])
    assert relay.is_done
    assert stream.response.output_text == "ab"


def test_nothing_is_said_after_a_failure() -> None:
    relay, stream, emitter = relayed([Failure(BROKE), Text("late")], [Text("later")], [])
    relay.run([b"1", b"2"])
    assert stream.response.status == "failed"
    assert [event.event_type for event in emitter.events][-2:] == ["error", "response.failed"]


def test_a_stream_that_was_started_is_not_started_again() -> None:
    relay, stream, emitter = relayed([Text("a")], [])
    stream.start(queued=True)
    relay.run([b"1"])
    assert [event.event_type for event in emitter.events][:3] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]


@pytest.mark.parametrize("fed", [0, 1])
def test_a_broken_connection_ends_the_stream_as_failed(fed: int) -> None:
    relay, stream, _ = relayed([Text("a")])
    if fed:
        relay.feed(b"1")
    relay.abort()
    assert stream.response.status == "failed"
    assert stream.response.error is not None
    assert stream.response.error.code == "upstream_interrupted"


def test_a_stream_that_has_ended_stays_as_it_is_when_the_connection_breaks() -> None:
    relay, stream, _ = relayed([Text("a")], [])
    relay.run([b"1"])
    relay.abort(BROKE)
    assert stream.response.status == "completed"


def test_output_that_makes_no_sense_fails_the_stream_and_says_why() -> None:
    relay, stream, _ = relayed([Arguments("{}", "nobody")], [])
    relay.run([b"1"])
    assert stream.response.status == "failed"
    assert stream.response.error is not None
    assert stream.response.error.code == "upstream_invalid_output"
    assert "nobody" in stream.response.error.message
