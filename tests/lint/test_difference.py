"""Where two tellings of a text part is said in words: what was not streamed, what was streamed twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.lint.difference import DONE_EVENT, SHOWN, STREAM, counted, quoted, where_they_differ

HELLO = "Hello world."


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (HELLO, HELLO * 2, "is what was streamed twice over: 'Hello world.'"),
        (HELLO * 2, HELLO, "was streamed twice over: 'Hello world.'"),
        (HELLO, "", "is empty: 'Hello world.' was streamed"),
        (HELLO, "Hello world. Bye.", "has 5 characters more at its end: ' Bye.' was not streamed"),
        (HELLO, "Hello, world.", "has 1 character more after its first 5 characters: ',' was not streamed"),
        (HELLO, "Oh, Hello world.", "has 4 characters more at its beginning: 'Oh, ' was not streamed"),
        (HELLO, "Hello", "lacks 7 characters at its end: ' world.' was streamed"),
        (HELLO, "Hello.", "lacks 6 characters after its first 5 characters: ' world' was streamed"),
        (HELLO, "world.", "lacks 6 characters at its beginning: 'Hello ' was streamed"),
        (
            HELLO,
            "Hello Hello world.",
            "has a piece twice, after its first 6 characters, which was streamed once: 'Hello '",
        ),
        (
            "Hello world world.",
            HELLO,
            "has a piece once, after its first 11 characters, which was streamed twice: ' world'",
        ),
        ("Helo", "Hello", "has 1 character more after its first 3 characters: 'l' was not streamed"),
        (HELLO, "Hello you!", "differs after its first 6 characters: 'you!' here, 'world.' in what was streamed"),
        (HELLO, "Bye.", "differs from its beginning on: 'Bye.' here, 'Hello world.' in what was streamed"),
    ],
)
def test_a_difference_says_what_happened_and_where(before: str, now: str, words: str) -> None:
    assert words == where_they_differ(before, now, STREAM)


def test_what_a_done_event_said_is_called_so() -> None:
    told = [where_they_differ(HELLO, now, DONE_EVENT) for now in ("Hello", HELLO + "!", "H", HELLO * 2, "No")]
    assert told == [
        "lacks 7 characters at its end: ' world.' was in its done event",
        "has 1 character more at its end: '!' was not in its done event",
        "lacks 11 characters at its end: 'ello world.' was in its done event",
        "is what its done event said twice over: 'Hello world.'",
        "differs from its beginning on: 'No' here, 'Hello world.' in what its done event said",
    ]


def test_a_text_where_there_was_none_is_more_from_its_beginning_on() -> None:
    words = where_they_differ("", "Hi", DONE_EVENT)
    assert words == "has 2 characters more from its beginning on: 'Hi' was not in its done event"


def test_no_more_is_shown_than_finds_the_place() -> None:
    assert quoted("x" * SHOWN) == repr("x" * SHOWN)
    assert quoted("x" * (SHOWN + 1)) == repr("x" * SHOWN) + "..."
    assert [counted(1, "entry"), counted(2, "entry"), counted(0, "part")] == ["1 entry", "2 entries", "0 parts"]


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_whatever_differs_what_is_missing_and_what_is_more_account_for_it(before: str, now: str) -> None:
    words = where_they_differ(before, now, STREAM)
    if before == now:
        return
    missing, more = "lacks" in words or "once," in words, " more " in words or "twice," in words
    if missing:
        assert len(now) < len(before)
    elif more:
        assert len(now) > len(before)
    else:
        assert "differs" in words or "twice over" in words or not now
