"""The assertion for other people's tests."""

from __future__ import annotations

import pytest

from penstock.lint.findings import Level
from penstock.lint.select import UnknownRule
from penstock.spec.request import CreateResponse
from penstock.testing import assert_valid_stream
from penstock.wire.codec import load_event
from tests.lint.faulty import GOOD, THREE, WARNED

MESSAGE = """\
the stream is not valid:

error OR305 part-not-added
  response.output_text.delta comes for output[0].content[0], which was never
  added
  at event 3 (response.output_text.delta) at byte 1668
  | {"type":"response.output_text.delta","sequence_number":3,"output_index":0...
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

  expected  A part's `content_part.added` (or `reasoning_summary_part.added`)
            comes before its deltas, once.
  why       The official OpenAI helpers for Python and Node raise (`missing
            content at index 0`) on a delta to a part that was not added: the
            whole stream is lost to the user.
  repair    The missing event is put in before the first delta; a second one is
            left out.

and 2 more:
  OR404 item-id-changes at event 4
  OR603 output-differs-from-stream at event 9"""


def test_a_valid_stream_passes_in_any_form() -> None:
    data = GOOD.data()
    assert_valid_stream(data)
    assert_valid_stream([data[:100], data[100:]])
    assert_valid_stream(GOOD.events())
    assert_valid_stream(load_event(event) for event in GOOD.events())


def test_the_message_shows_the_first_fault_and_names_the_others() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_valid_stream(THREE.data())
    assert str(caught.value) == MESSAGE


def test_one_fault_alone_has_no_others() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_valid_stream(THREE.data(), select=["OR404"])
    assert "more:" not in str(caught.value)


def test_many_faults_are_not_all_named() -> None:
    with pytest.raises(AssertionError, match=r"and 39 more:\n(  OR106 .*\n){10}  \.\.\.$"):
        assert_valid_stream(b"data: oops\n\n" * 40)


def test_warnings_count_where_they_are_asked_to() -> None:
    assert_valid_stream(WARNED.data())
    with pytest.raises(AssertionError, match="warning OR103"):
        assert_valid_stream(WARNED.data(), fail_level=Level.WARNING)


def test_faults_of_the_whole_stream_have_no_event() -> None:
    data = GOOD.data().replace(b"data: [DONE]\n\n", b"")
    with pytest.raises(AssertionError, match="at the stream as a whole\n"):
        assert_valid_stream(data, ignore=["OR6"])
    with pytest.raises(AssertionError, match=r"\n  OR108 wrong-content-type$"):
        assert_valid_stream(data, content_type="text/html")


@pytest.mark.parametrize("nothing", [b"", [], [b""]])
def test_no_events_are_no_stream(nothing: bytes | list[bytes]) -> None:
    with pytest.raises(AssertionError, match="OR601"):
        assert_valid_stream(nothing)
    with pytest.raises(AssertionError, match=r"^the stream has no events$"):
        assert_valid_stream(nothing, ignore=["OR6"])


def test_it_is_judged_as_asked() -> None:
    flat = GOOD.data().replace(b"data: [DONE]\n\n", b"")
    assert_valid_stream(flat, dialect="openai")
    assert_valid_stream(flat, transport="websocket", ignore=["OR1"])
    assert_valid_stream(GOOD.events()[2:], resumed=True)
    with pytest.raises(AssertionError, match="OR706"):
        assert_valid_stream(GOOD.data(), request=CreateResponse(model="m", input="Hi", temperature=0.1))
    with pytest.raises(UnknownRule):
        assert_valid_stream(flat, select=["OR9"])
