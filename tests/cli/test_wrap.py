from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from penstock.cli.wrap import Wrapper


def lines(width: int, *pieces: str) -> list[str]:
    wrapper = Wrapper(width, len)
    found = [line for piece in pieces for line in wrapper.feed(piece)]
    return found + wrapper.flush()


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([], ""),
        (["one two", "three"], "one two three"),
        (["one", "", "  two", ""], "one\n\n  two\n\n"),
        (["abcdefgh", "ij kl"], "abcdefghij kl"),
        (["ab", "abcdefgh", "ij"], "ab abcdefghij"),
        (["abcdefgh", "x"], "abcdefgh    x"),
        (["a", "b"], "a" + " " * 100_000 + "b"),
        (["x" * 8] * 1000, "x" * 8000),
        (["    x"], "\tx"),
    ],
)
def test_lines_are_broken_between_words_and_in_words_that_are_too_wide(expected: list[str], text: str) -> None:
    assert lines(8, text) == expected


def test_wide_characters_take_the_room_they_need() -> None:
    wrapper = Wrapper(5, cell_len)
    assert [*wrapper.feed("水位 ab水"), *wrapper.flush()] == ["水位", "ab水"]
    assert [*wrapper.feed("水" * 5), *wrapper.flush()] == ["水水", "水水", "水"]


@given(st.lists(st.text("ab \n\t", max_size=12)), st.integers(2, 9))
def test_it_does_not_matter_how_text_is_cut(pieces: list[str], width: int) -> None:
    assert lines(width, *pieces) == lines(width, "".join(pieces))
    assert all(len(line) <= width for line in lines(width, *pieces))


@given(st.lists(st.text("ab \n", max_size=12)), st.integers(2, 9))
def test_the_growing_line_is_never_wider_than_the_screen(pieces: list[str], width: int) -> None:
    wrapper = Wrapper(width, len)
    for piece in pieces:
        wrapper.feed(piece)
        assert len(wrapper.growing) <= width
