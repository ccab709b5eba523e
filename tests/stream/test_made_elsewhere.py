"""Messages, reasoning and calls that were made elsewhere keep their ids and what they held beyond the specification."""

from __future__ import annotations

from itertools import count

import pytest

from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem
from penstock.stream import output as o
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.machine import StreamStateError
from penstock.stream.writer import ResponseWriter
from tests.stream.validity import assert_valid

EXTRA = Extra({"namespace": "money"})


def written(*outputs: o.Output) -> list[tuple[str, Extra]]:
    """The ids of the items that were written, and what they hold beyond the specification."""
    numbers = count()
    emitter = ListStreamEmitter()
    writer = ResponseWriter(emitter, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 0.0)
    with writer:
        for output in outputs:
            writer.send(output)
    assert_valid(emitter.events)
    return [(item.id, Extra() if isinstance(item, ExtensionItem) else item.extra) for item in writer.response.output]


def test_a_message_keeps_its_id_and_what_it_held() -> None:
    said = (o.NewMessage("final_answer", "msg_theirs", EXTRA), o.Text("Hi"))
    assert written(*said) == [("msg_theirs", EXTRA)]


def test_reasoning_keeps_its_id_and_what_it_held() -> None:
    assert written(o.NewMessage(id="rs_theirs", extra=EXTRA), o.EncryptedReasoning("x")) == [("rs_theirs", EXTRA)]


def test_a_call_keeps_its_id_and_what_it_held() -> None:
    assert written(o.FunctionCall("f", id="fc_theirs", extra=EXTRA)) == [("fc_theirs", EXTRA)]


def test_only_what_begins_next_is_meant() -> None:
    said = (o.NewMessage(id="rs_theirs", extra=EXTRA), o.Reasoning("Hm"), o.Text("Hi"))
    assert written(*said) == [("rs_theirs", EXTRA), ("msg_1", Extra())]
    assert written(o.NewMessage(id="msg_theirs"), o.NewMessage(), o.Text("Hi")) == [("msg_1", Extra())]


def test_an_id_that_is_taken_is_replaced() -> None:
    said = (o.NewMessage(id="theirs"), o.Text("Hi"), o.FunctionCall("f", id="theirs"), o.NewMessage(id="theirs"), "Ho")
    ids = [id for id, _ in written(*said)]
    assert ids[0] == "theirs"
    assert len(set(ids)) == 3


@pytest.mark.parametrize("output", [o.NewMessage(id="\ud800"), o.FunctionCall("f", id="\ud800")])
def test_an_id_is_whole_unicode(output: o.Output) -> None:
    assert written(output, o.Text("Hi"))[0][0] == "\ufffd"


@pytest.mark.parametrize(
    "output", [o.NewMessage(extra=Extra({"x": {1}})), o.FunctionCall("f", extra=Extra({"x": {1}}))]
)
def test_what_json_cannot_hold_is_refused_before_anything_is_written(output: o.Output) -> None:
    with pytest.raises(StreamStateError, match="x"):
        written(output)


def test_what_contradicts_a_field_is_left_out() -> None:
    assert written(o.FunctionCall("f", extra=Extra({"name": 7, "odd": 1}))) == [("fc_2", Extra({"odd": 1}))]
