"""Pages of models, whoever wrote them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.provider.base import ModelInfo
from penstock.provider.listing import read_page


def page(document: object) -> tuple[list[ModelInfo], str | None]:
    models, query = read_page(json.dumps(document).encode())
    return list(models), query


def test_a_list_without_an_envelope_is_read() -> None:
    assert page([{"id": "a"}, {"name": "models/b"}]) == ([ModelInfo("a"), ModelInfo("b")], None)


def test_what_names_no_model_is_left_out() -> None:
    assert page({"data": [{"id": ""}, {"id": 7}, "x", None, {"id": "a", "owned_by": 7}]}) == ([ModelInfo("a")], None)


@pytest.mark.parametrize(
    ("fields", "created"),
    [
        ({"created": 5}, 5),
        ({"created_at": 5}, 5),
        ({"created": "yesterday"}, 0),
        ({"created_at": "1970-01-02T00:00:00Z"}, 86400),
        ({"created_at": "1970-01-02T00:00:00"}, 86400),
        ({"created_at": "yesterday"}, 0),
    ],
)
def test_when_a_model_was_made(fields: dict[str, object], created: int) -> None:
    assert page({"data": [{"id": "a", **fields}]}) == ([ModelInfo("a", created=created)], None)


def test_the_next_page() -> None:
    assert page({"models": [], "nextPageToken": "a&b"})[1] == "pageToken=a%26b"
    assert page({"data": [], "has_more": True, "last_id": "a b"})[1] == "after_id=a+b"
    assert page({"data": [], "has_more": True, "last_id": None})[1] is None
    assert page({"data": [], "has_more": False, "last_id": "a"})[1] is None


@given(st.binary(max_size=50))
def test_anything_else_is_no_list(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_page(b'{"data": 1, "x": "' + data)
