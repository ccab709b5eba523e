from __future__ import annotations

import time

import pytest

from penstock.live import ResponseStream, random_id
from penstock.stream.emitters import ListStreamEmitter
from tests.stream.samples import terminal
from tests.stream.validity import assert_valid


def test_a_random_id_has_its_prefix_and_never_comes_twice() -> None:
    ids = {random_id("msg") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(found.startswith("msg_") and len(found) == len("msg_") + 32 for found in ids)


def test_a_stream_has_random_ids_and_the_time_of_the_machine() -> None:
    before = int(time.time())
    emitter = ListStreamEmitter()
    with ResponseStream(emitter, model="m") as stream:
        stream.send("Hi")
    events = emitter.take()
    assert_valid(events)
    response = terminal(events)
    assert response.id.startswith("resp_")
    assert response.completed_at is not None
    assert before <= response.created_at <= response.completed_at <= time.time()


def test_ids_and_clock_may_be_given() -> None:
    with ResponseStream(
        None, model="m", ids=lambda prefix: f"{prefix}_x", clock=lambda: 7.9, response_id="r"
    ) as stream:
        stream.send("Hi")
    assert (stream.response.id, stream.response.output[0].id, stream.response.completed_at) == ("r", "msg_x", 7)


def test_misuse_is_refused_as_by_any_writer() -> None:
    with pytest.raises(Exception, match="start"):
        ResponseStream(None, model="m").send("Hi")
