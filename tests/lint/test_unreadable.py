"""Where data cannot be read: the characters a reader of JSON stumbles over."""

from __future__ import annotations

import pytest

from penstock.lint.linter import Linter
from penstock.lint.record import Recorder
from penstock.lint.unreadable import unreadable
from tests.lint.faulty import GOOD

DELTA = b'"delta":" world"}'


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ('{"a":1,"b":"cut sh', '"cut sh'),
        ('{"a', '"a'),
        ('{"a":1x}', "x"),
        ("{'a':1}", "'"),
        ('{"a":1}{"b":2}', "{"),
        ("null x", "x"),
        ('{"a":NaN}', "NaN"),
        ('{"a":[1.5, -Infinity]}', "-Infinity"),
        ('{"a":1e999}', "1e999"),
        ('{"a":1,"b":{"a":2},"c":[{"a":3}],"a":4}', '"a"'),
        ('{"a":{"b":1, "b" : 2}}', '"b"'),
        ('{"a":"x\udcffy"}', "\udcff"),
        ('{"a":"\udcc3\udcff', "\udcc3\udcff"),
        ('{"a":"\\\\ud83d \\ud83d\\ude00 \\ud83d"}', "\\ud83d"),
        ('{"a":"\\udE00"}', "\\udE00"),
    ],
)
def test_the_characters_that_cannot_be_read_are_found(text: str, marked: str) -> None:
    found = unreadable(text)
    assert found is not None
    assert text[found[0] : found[1]] == marked


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('{"a":1', 6),
        ("", 0),
        # the second of two equal keys, not the first
        ('{"a":1,"a":2}', 7),
        # the one that stands alone, not those in a pair or behind a backslash
        ('{"a":"\\\\ud83d \\ud83d\\ude00 \\ud83d"}', 27),
    ],
)
def test_the_place_is_the_first_that_cannot_be_read(text: str, at: int) -> None:
    found = unreadable(text)
    assert found is not None
    assert found[0] == at


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"\\"b\\":","b":[1.5,-2,1E5,true,null],"c":{"a":1}}',
        "[1]",
        "null",
        "1" * 400,
        "1" * 5000,
        "[" * 100_000,
    ],
)
def test_nothing_is_found_where_all_can_be_read_or_nobody_can_tell(text: str) -> None:
    assert unreadable(text) is None


@pytest.mark.parametrize(
    ("damaged", "code", "before", "marked"),
    [
        (b'"delta":" world"', "OR106", '"delta":" world"', ""),
        (b'"delta":" wor', "OR106", '"delta":', '" wor'),
        (b'"delta":" world","delta":"!"}', "OR106", ",", '"delta"'),
        (b'"delta":" wor\xffld"}', "OR110", '" wor', "\\xff"),
        (b'"delta":" wor\\ud83dld"}', "OR110", '" wor', "\\ud83d"),
    ],
)
def test_a_finding_marks_the_damage_and_not_the_type(damaged: bytes, code: str, before: str, marked: str) -> None:
    recorder = Recorder(Linter(), "reply")
    recorder.feed(GOOD.data().replace(DELTA, damaged))
    found = next(located for located in recorder.finish().findings if located.finding.code == code)
    assert found.excerpt is not None
    assert found.excerpt.before.endswith(before)
    assert found.excerpt.marked == marked


def test_what_is_no_stream_at_all_is_marked_as_a_whole() -> None:
    recorder = Recorder(Linter(), "notes.txt")
    recorder.feed(b"hello world")
    (found,) = (located for located in recorder.finish().findings if located.finding.code == "OR106")
    assert found.excerpt is not None
    assert found.excerpt.marked == "hello world"
