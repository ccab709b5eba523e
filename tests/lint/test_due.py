"""What is due is said where the event, its frame or what came before tells it; and one fault is one finding."""

from __future__ import annotations

import pytest

from penstock.lint.examples import Example, change, insert_after
from penstock.lint.linter import lint

DELTA = "response.output_text.delta"


def _framed(kind: object) -> bytes:
    """Return a stream in which the type of a delta is another, and its event field is right."""
    was, now = f'"type":"{DELTA}"'.encode(), b'"type":' + str(kind).encode()
    data = Example(base="text").data()
    assert was in data
    return data.replace(was, now, 1)


def test_an_unknown_type_whose_event_field_is_right_is_one_finding_that_says_which_is_due() -> None:
    (found,) = lint(_framed('"response.output_text.deltax"'))
    assert (found.code, found.path) == ("OR205", "type")
    assert found.message == (
        f"the event type 'response.output_text.deltax' is not the specification's, and has no slug; here {DELTA} is due"
    )


@pytest.mark.parametrize(("kind", "code"), [("7", "OR203"), ("null", "OR202")])
def test_a_type_that_is_no_string_is_told_with_the_one_that_the_event_field_names(kind: str, code: str) -> None:
    (found,) = lint(_framed(kind))
    assert (found.code, found.path) == (code, "type")
    assert found.message.endswith(f"; expected a string; here {DELTA} is due")


def test_an_event_field_that_differs_is_told_where_the_rule_about_the_type_is_not_asked_for() -> None:
    (found,) = lint(_framed('"response.output_text.deltax"'), select=["OR1"])
    assert found.code == "OR101"


def test_an_event_field_that_is_no_event_either_is_told_beside_the_type() -> None:
    data = _framed('"response.output_text.deltax"').replace(f"event: {DELTA}\n".encode(), b"event: response.x\n", 1)
    assert [finding.code for finding in lint(data)] == ["OR205", "OR101"]


ADDED = "response.output_item.added"


def test_an_id_that_changes_in_an_item_that_was_added_under_a_wrong_index_is_told_as_that() -> None:
    edits = (change(ADDED, "output_index", 1), change(DELTA, "item_id", "msg_other"))
    found = lint(Example(base="text", edits=edits).events())
    assert [(finding.code, finding.path) for finding in found] == [("OR406", "output_index"), ("OR404", "item_id")]


def test_an_item_that_comes_late_under_the_index_that_was_left_out_is_its_own() -> None:
    late = {
        "type": ADDED,
        "output_index": 0,
        "item": {"type": "message", "id": "msg_0", "status": "in_progress", "role": "assistant", "content": []},
    }
    edits = (change(ADDED, "output_index", 1), insert_after(DELTA, late))
    found = lint(Example(base="text", edits=edits).events())
    assert [finding.code for finding in found][:1] == ["OR406"]
    assert not any(finding.code == "OR404" for finding in found)
