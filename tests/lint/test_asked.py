"""The request that a stream answers is taken typed or as the JSON object that was sent, wherever there is one to give."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

import penstock
from penstock.lint.asked import asked
from penstock.lint.examples import base_events
from penstock.testing import assert_valid_stream
from penstock.wire.codec import encode_plain
from penstock.wire.requests import RequestError, parse_create

PLAIN: dict[str, Any] = {
    "model": "example-model",
    "input": [{"role": "user", "content": "What is the level?"}],
    "tools": [{"type": "function", "name": "other"}],
    "acme_unknown": {"a": 1},
}


def call() -> bytes:
    """A stream with a call of a tool that the request does not offer."""
    return b"".join(encode_plain(event) + b"\n" for event in base_events("call"))


def linted(request: Any) -> None:  # noqa: ANN401 - also what is no request
    linter = penstock.Linter(request=request)
    linter.feed(call())
    linter.finish()


TAKERS: list[Callable[[Any], object]] = [
    lambda request: penstock.lint(call(), request=request),
    linted,
    lambda request: penstock.repair(call(), request=request),
    lambda request: penstock.Repairer(request=request),
    lambda request: assert_valid_stream(call(), request=request, ignore=["OR7"]),
]


@pytest.mark.parametrize("request_", [PLAIN, MappingProxyType(PLAIN)])
def test_a_plain_request_is_the_typed_one(request_: Any) -> None:  # noqa: ANN401 - any mapping
    assert asked(request_) == parse_create(PLAIN)
    found = penstock.lint(call(), request=request_)
    assert [finding.code for finding in found if finding.code.startswith("OR7")]
    assert found == penstock.lint(call(), request=parse_create(PLAIN))


def test_no_request_and_a_typed_one_stay_as_they_are() -> None:
    typed = parse_create(PLAIN)
    assert asked(None) is None
    assert asked(typed) is typed


@pytest.mark.parametrize("take", TAKERS)
def test_whoever_takes_a_request_takes_a_plain_one(take: Callable[[Any], object]) -> None:
    take(PLAIN)


@pytest.mark.parametrize("take", TAKERS)
def test_what_is_no_request_is_refused_at_once(take: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="request: expected a CreateResponse or a JSON object, got str"):
        take("request.json")
    with pytest.raises(RequestError, match=r"tools\[0\].name"):
        take({**PLAIN, "tools": [{"type": "function"}]})
