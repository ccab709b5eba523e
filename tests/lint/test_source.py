"""What may be called a stream, and what is told of what may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.lint.examples import base_events
from penstock.lint.source import pieces
from penstock.testing import assert_valid_stream
from penstock.wire.codec import load_event
from tests.lint.repairing import sse

GOOD = sse(base_events("text"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "good.sse"
    path.write_bytes(GOOD)
    return path


def test_a_path_is_read(path: Path) -> None:
    assert penstock.lint(path) == penstock.lint(str(path)) == []
    assert_valid_stream(path)
    assert_valid_stream(str(path))


@pytest.mark.parametrize(
    "stream",
    [
        GOOD,
        bytearray(GOOD),
        memoryview(GOOD),
        [GOOD[:100], bytearray(GOOD[100:])],
        base_events("text"),
        [load_event(event) for event in base_events("extension")],
    ],
)
def test_bytes_and_events_are_streams(stream: Any) -> None:  # noqa: ANN401 - what users hand over
    assert penstock.lint(stream) == []


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ("none.sse", "no file is called 'none.sse'"),
        ("data: {}\n\n" * 1000, "no file is called 'data: {}"),
        ("\0", "no file is called"),
        (None, "not NoneType"),
        ({"type": "response.created"}, "not dict"),
        (["data: {}"], "there is str in this one"),
    ],
)
def test_what_is_no_stream_is_told(stream: Any, words: str) -> None:  # noqa: ANN401 - what users hand over
    with pytest.raises(TypeError, match="a stream is bytes, an iterable of bytes or of events, or the path") as told:
        list(pieces(stream))
    assert words in str(told.value)


def test_a_path_that_is_not_there_is_told_as_usual(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        penstock.lint(tmp_path / "none.sse")
