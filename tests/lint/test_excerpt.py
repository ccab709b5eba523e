"""Excerpts: the piece of an event's JSON a finding is about."""

from __future__ import annotations

import json

import pytest

from penstock.lint.excerpt import Excerpt, cells, excerpt, visible

EVENT = '{"type": "a.b", "item": {"id":"x","content":[1, {"text":"he said \\"{\\""}, [2]]}, "n": -1.5e3 ,"z":null}'


@pytest.mark.parametrize(
    ("path", "marked"),
    [
        ("", '"a.b"'),
        ("type", '"a.b"'),
        ("item.id", '"x"'),
        ("item.content[0]", "1"),
        ("item.content[1].text", '"he said \\"{\\""'),
        ("item.content[2]", "[2]"),
        ("n", "-1.5e3"),
        ("z", "null"),
        # what should hold the value, where there is none
        ("item.content[3]", "]"),
        ("item.content[3].text", "]"),
        ("item.status", "}"),
        ("item.id.deeper", '"x"'),
        ("item[0]", "}"),
        ("absent", "}"),
    ],
)
def test_the_value_at_a_path_is_marked(path: str, marked: str) -> None:
    found = excerpt(EVENT, path)
    assert found.marked == marked
    assert found.before + found.marked + found.after == EVENT


@pytest.mark.parametrize(
    ("text", "path", "marked"),
    [
        ("not JSON ", "a", "not JSON"),
        ("", "a", ""),
        ("[1]", "a", "[1]"),
        ('{"a"', "b", '"'),
        ('{"a" 1}', "b", "}"),
        ('{"a":', "a", ""),
        ('{"a":{"b":[1', "a.b", "[1"),
        ('{"a":[1', "a[1]", "1"),
        ('{"a":[,', "a[1]", ","),
        ('{"a":"x', "a", ""),
        ('{"a":1,}', "b", "}"),
    ],
)
def test_damage_is_shown_as_it_stands(text: str, path: str, marked: str) -> None:
    assert excerpt(text, path).marked == marked


def test_an_event_without_a_type_is_marked_as_a_whole() -> None:
    assert excerpt(' {"a":1} ').marked == '{"a":1}'
    assert excerpt("{}").marked == "{}"


def test_line_breaks_and_control_characters_do_not_reach_the_screen() -> None:
    found = excerpt('{\n  "a": "x\x1b[2J\u202e",\r\n  "b": 1\n}', "b")
    assert found.before == '{ "a": "x\\x1b[2J\\u202e", "b": '
    assert found.after == " }"


def test_visible_leaves_other_languages_alone() -> None:
    assert visible("水位 ok") == "水位 ok"
    assert visible("plain") == "plain"


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("水位", 4), ("e\u0301", 1), ("a\u200bb", 2)])
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width


def test_a_short_event_is_shown_whole() -> None:
    line = excerpt('{"type":"x","a":1}', "a").line(76)
    assert line.text == '{"type":"x","a":1}'
    assert line.text[line.start : line.end] == "1"


@pytest.mark.parametrize("width", [20, 36, 76, 96])
@pytest.mark.parametrize("size", [0, 1, 40, 1000, 100_000])
@pytest.mark.parametrize("letter", ["x", "水"])
@pytest.mark.parametrize("path", ["a", "b", "c", "d"])
def test_a_line_is_never_too_wide_and_marks_what_is_meant(width: int, size: int, letter: str, path: str) -> None:
    event = json.dumps({"a": letter * size, "b": 1, "c": letter * size, "d": letter * size}, ensure_ascii=False)
    line = excerpt(event, path).line(width)
    assert cells(line.text) <= width
    assert line.end <= width
    if path == "b":
        assert line.text[cells_to(line.text, line.start) :].startswith("1")


def cells_to(text: str, cell: int) -> int:
    """Return the index of the character in a cell."""
    index = 0
    while cells(text[:index]) < cell:
        index += 1
    return index


def test_of_a_long_value_both_ends_are_seen() -> None:
    line = Excerpt('{"a":', '"' + "b" * 300 + 'c"', "}").line(60)
    assert line.text.startswith('{"a":"bbbb')
    assert line.text.endswith('c"}')
    assert "b...b" in line.text


def test_a_mark_is_never_empty() -> None:
    assert Excerpt("", "", "").line(40) == excerpt("").line(40)
    line = Excerpt("", "", "").line(40)
    assert (line.start, line.end) == (0, 1)


def test_what_is_kept_is_bounded() -> None:
    found = excerpt(json.dumps({"a": "x" * 10_000, "b": "y" * 10_000, "c": "z" * 10_000}), "b")
    assert len(found.before) + len(found.marked) + len(found.after) < 1300


@pytest.mark.parametrize("width", [20, 76])
def test_the_mark_of_an_end_is_within_the_width(width: int) -> None:
    line = excerpt("x" * 100, span=(100, 100)).line(width)
    assert line.end - line.start == 1
    assert line.end <= width
