from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.escape import TextFilter, escaped, escaped_json, one_line
from tests.cli.streams import HOSTILE_TEXT, SHOWN_TEXT


def test_what_a_terminal_would_obey_is_made_visible() -> None:
    assert escaped(HOSTILE_TEXT) == SHOWN_TEXT


@pytest.mark.parametrize("text", ["", "plain", "a\tb\nc", "naïve 水位 😀 e\u0301", "\u200e\u200f"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text


@given(st.text(st.characters(codec=None)))
def test_whatever_is_shown_can_be_encoded_and_commands_nothing(text: str) -> None:
    shown = escaped(text)
    shown.encode()
    assert not any(ord(c) < 0x20 and c not in "\t\n" for c in shown)
    assert not any(0x7F <= ord(c) <= 0x9F for c in shown)


@given(st.lists(st.text(st.sampled_from("ab\r\n\x1b\ud83d\ude00\ud800é"), max_size=3)))
def test_pieces_show_what_the_whole_shows(pieces: list[str]) -> None:
    filtering = TextFilter()
    assert "".join([*map(filtering.feed, pieces), filtering.flush()]) == escaped("".join(pieces))


def test_one_line_is_one_line_of_the_given_length() -> None:
    assert one_line("a\nb\tc\x1b") == "a\\nb\\tc\\x1b"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


@given(st.text(st.characters(codec="utf-8")))
def test_escaped_json_means_the_same(text: str) -> None:
    shown = escaped_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(shown) == {"a": text}
    assert not any(0x7F <= ord(c) <= 0x9F for c in shown)
