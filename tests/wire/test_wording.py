from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, UnsetType

from penstock.spec.response import Response
from penstock.wire.wording import bounded, mismatch, one_of, shown, type_name, wanted

Short = Annotated[str, Meta(max_length=3)]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({}, "an object"),
        ([], "an array"),
        ("", "a string"),
        (True, "a boolean"),
        (1, "a number"),
        (0.5, "a number"),
        (None, "null"),
        (datetime.timedelta(1), "a Python timedelta"),
    ],
)
def test_values_have_the_names_json_gives_them(value: object, name: str) -> None:
    assert type_name(value) == name


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a'b", '"a\'b"'),
        ("x" * 40, repr("x" * 40)),
        ("x" * 41, "a string of 41 characters"),
        (True, "true"),
        (None, "null"),
        (-7, "-7"),
        (1.5, "1.5"),
        (10**50, "a number"),
        pytest.param(10**5000, "a number", id="more digits than Python writes"),
        ({"secret": 1}, "an object"),
        ([1], "an array"),
    ],
)
def test_short_values_are_shown_and_long_ones_told_of(value: object, told: str) -> None:
    assert shown(value) == told


@pytest.mark.parametrize(
    ("words", "spoken"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_alternatives_are_spoken(words: list[str], spoken: str) -> None:
    assert one_of(words) == spoken


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "a string"),
        (Annotated[int, Meta(ge=1)], "an integer"),
        (None | str | UnsetType, "a string or null"),
        (Literal["low", "high"] | None, "'low', 'high' or null"),
        (str | list[Response] | Response | None, "a string, an array, an object or null"),
        (float | bool | dict[str, Any], "a number, a boolean or an object"),
    ],
)
def test_types_are_told_as_what_is_wanted(annotation: object, words: str) -> None:
    assert wanted(annotation) == words


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "a string"),
        (Short, "a string of at most 3 characters"),
        (Annotated[str, Meta(min_length=1)], "a string of at least 1 characters"),
        (
            Annotated[str, Meta(min_length=1, max_length=64, pattern="^a$")],
            "a string of 1 to 64 characters, matching ^a$",
        ),
        (Annotated[dict[str, str], Meta(max_length=16)], "an object of at most 16 keys"),
        (Annotated[list[str], Meta(min_length=2)], "an array of at least 2 entries"),
        (Annotated[int, Meta(ge=16)], "an integer of at least 16"),
        (Annotated[int, Meta(le=3)], "an integer of at most 3"),
        (Annotated[float, Meta(ge=0, le=2.0)], "a number from 0 to 2.0"),
    ],
)
def test_bounds_are_told(annotation: object, words: str) -> None:
    assert bounded(annotation) == words


@pytest.mark.parametrize(
    ("annotation", "value", "error"),
    [
        (str, 5, "x: expected a string, got 5"),
        (str | None, [], "x: expected a string or null, got an array"),
        (Short | None, "abcd", "x: expected a string of at most 3 characters, got 'abcd'"),
        (Literal["a", "b"], "c", "x: expected 'a' or 'b', got 'c'"),
        (Literal["a", "b"] | None, 5, "x: expected 'a', 'b' or null, got 5"),
        (int, 1.5, "x: expected an integer, got 1.5"),
        (int, True, "x: expected an integer, got true"),
        (Annotated[float, Meta(ge=0, le=1)], 2, "x: expected a number from 0 to 1, got 2"),
        (Annotated[float, Meta(ge=0, le=1)], -0.5, "x: expected a number from 0 to 1, got -0.5"),
        (list[int], [1, "a"], "x[1]: expected an integer, got 'a'"),
        (
            list[list[Short]] | None,
            [["a"], ["a", "abcd"]],
            "x[1][1]: expected a string of at most 3 characters, got 'abcd'",
        ),
        (Annotated[list[int], Meta(max_length=1)], [1, 2], "x: expected an array of at most 1 entries, got 2"),
        (dict[str, int], {"a": 1, "b": None}, "x.b: expected an integer, got null"),
        (dict[str, int], {"a b": None}, 'x["a b"]: expected an integer, got null'),
        (dict[str, list[int]], {"a": [None]}, "x.a[0]: expected an integer, got null"),
        (dict[Short, int], {"abcd": 1}, "x: expected every key to be a string of at most 3 characters, got 'abcd'"),
        (
            Annotated[dict[str, int], Meta(max_length=1)],
            {"a": 1, "b": 2},
            "x: expected an object of at most 1 keys, got 2",
        ),
    ],
)
def test_mismatch_tells_the_place_the_wish_and_the_value(annotation: object, value: object, error: str) -> None:
    assert str(mismatch(annotation, value, "x")) == error
