"""The bodies of HTTP errors, whoever wrote them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.provider.error_body import MAX_WORDS, error_in_body
from penstock.spec.base import Extra


def read(status: int, body: object) -> tuple[str, str | None, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = error_in_body(status, data)
    return error.type, error.code, error.message


def test_what_stands_beside_the_error_is_kept() -> None:
    body = {"type": "error", "error": {"type": "not_found_error", "message": "no"}, "request_id": "req_1"}
    assert error_in_body(404, json.dumps(body).encode()).extra == Extra({"request_id": "req_1"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "words"}, "words"),
        ({"error": ["one", {"message": "two"}, {"loc": ["a", 1], "msg": "three"}, 4]}, "one; two; a.1: three; 4"),
        ({"error": 7}, "7"),
        ({"detail": "words"}, "words"),
        ({"detail": {"message": "words", "code": "x"}}, "words"),
        ({"success": False, "errors": [{"code": 10000, "message": "words"}]}, "words"),
        ({"message": "words"}, "words"),
        ({"Message": "words"}, '{"Message":"words"}'),
        ([{"error": {"message": "words"}}, {"error": {"message": "more"}}], "words"),
        ("words", "words"),
        (b"words\n", "words"),
        ({"error": {}, "message": "words"}, "words"),
    ],
)
def test_words_are_found(body: object, message: str) -> None:
    assert read(500, body)[2] == message


@pytest.mark.parametrize("body", [b"", b"  \n", {}, [], b"null", b"7", b'""'])
def test_a_body_that_says_nothing(body: object) -> None:
    said = ("server_error", "upstream_http_503", "the upstream answered 503 Service Unavailable, without a word")
    assert read(503, body) == said


def test_a_page_is_told_by_its_title() -> None:
    page = b"<!DOCTYPE html><html><head><title>502 Bad\n Gateway &amp; so on</title></head><body>nginx</body></html>"
    message = "the upstream answered 502 Bad Gateway: '502 Bad Gateway & so on'"
    assert read(502, page) == ("server_error", "upstream_http_502", message)


def test_a_page_without_a_title_is_told_by_its_words() -> None:
    page = b"\n<html><style>p {}</style><!-- x --><body><p>Too   many</p> requests<script>if (a<b) {}</script></body>"
    message = "the upstream answered 429 Too Many Requests: 'Too many requests'"
    assert read(429, page) == ("too_many_requests", "upstream_http_429", message)
    assert read(500, b"<html></html>")[2] == "the upstream answered 500 Internal Server Error, without a word"


def test_a_status_that_has_no_name() -> None:
    assert read(529, b"") == ("server_error", "upstream_http_529", "the upstream answered 529, without a word")


def test_a_text_is_told_in_part() -> None:
    assert read(400, b"x" * 10_000) == ("invalid_request", "upstream_http_400", "x" * MAX_WORDS)


def test_what_is_nested_too_deeply_is_told_as_text() -> None:
    assert read(400, b"[" * 100_000)[2] == "[" * MAX_WORDS
    assert read(400, b'{"error": ' + b"[" * 400 + b"]" * 400 + b"}")[0] == "invalid_request"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "detail", "message", "code", "type", "msg", "loc", "param"]), inner
        )
    ),
    max_leaves=20,
)


@given(json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=100), st.integers(400, 599))
def test_any_body_is_an_error(body: bytes, status: int) -> None:
    error = error_in_body(status, body)
    assert error.message
    assert error.type
