"""Lines of a stream, found again by their byte offset."""

from __future__ import annotations

from penstock.cli.lines import LineCounter

STREAM = b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n"


def test_a_line_is_counted_from_one() -> None:
    lines = LineCounter()
    for byte in STREAM:
        lines.feed(bytes([byte]))
    assert [lines.line(STREAM.index(word)) for word in (b"event: a", b"data: 1", b"event: b")] == [1, 2, 4]


def test_data_is_found_below_the_beginning_of_its_frame() -> None:
    lines = LineCounter()
    lines.feed(STREAM)
    frame = STREAM.index(b"event: b")
    assert (lines.line(frame, b"2"), lines.line(frame, b"not there")) == (5, 4)


def test_what_went_by_long_ago_is_not_told_and_what_follows_is() -> None:
    lines = LineCounter(window=10)
    for _ in range(100):
        lines.feed(b"x\n")
    assert lines.line(0) is None
    assert lines.line(198) == 100
