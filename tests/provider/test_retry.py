"""When a request is sent again: how long the waits are, and what a provider may say of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.provider.retry import Retries, is_worth_another_try, told_wait
from penstock.spec.base import NOTHING, Extra
from penstock.spec.response import ErrorPayload

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC).timestamp()


def error(code: str | None = None, **extra: object) -> ErrorPayload:
    return ErrorPayload(
        type="server_error", code=code, message="no", param=None, extra=Extra(extra) if extra else NOTHING
    )


def test_waits_double_up_to_the_longest() -> None:
    retries = Retries(times=8, first=0.5, longest=8.0)
    assert [retries.wait(attempt, None, 0.0) for attempt in range(9)] == [0.5, 1, 2, 4, 8, 8, 8, 8, None]


def test_chance_takes_up_to_half_of_a_wait() -> None:
    assert Retries(first=2.0).wait(0, None, 1.0) == 1.0
    assert Retries(first=2.0).wait(0, None, 0.5) == 1.5


def test_what_the_provider_says_is_kept_to_the_second() -> None:
    assert Retries().wait(0, 7.0, 1.0) == 7.0
    assert Retries(told=7.0).wait(0, 7.5, 1.0) is None
    assert Retries(times=0).wait(0, 0.0, 1.0) is None


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_a_wait_is_never_longer_than_the_longest(attempt: int, chance: float) -> None:
    wait = Retries(times=10**7).wait(attempt, None, chance)
    assert wait is not None
    assert 0.25 <= wait <= 8.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "later"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_what_a_provider_asks_for(headers: dict[str, str], wait: float | None) -> None:
    assert told_wait(headers, error(), NOW) == wait


def test_google_says_it_in_the_error() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32s"}
    assert told_wait({}, error(details=[{"@type": "Help"}, 7, info]), NOW) == 32.0
    assert told_wait({}, error(details=[{"retryDelay": "long"}]), NOW) is None
    assert told_wait({}, error(details="none"), NOW) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_is_too_odd(seconds: str, milliseconds: str) -> None:
    wait = told_wait({"retry-after": seconds, "retry-after-ms": milliseconds}, error(), NOW)
    assert wait is None or wait >= 0


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
def test_what_passes(status: int) -> None:
    assert is_worth_another_try(status, {}, error())
    assert not is_worth_another_try(status, {"x-should-retry": "false"}, error())
    assert not is_worth_another_try(status, {}, error("insufficient_quota"))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 501, 505, 511])
def test_what_does_not_pass(status: int) -> None:
    assert not is_worth_another_try(status, {}, error())
    assert is_worth_another_try(status, {"x-should-retry": "True"}, error())
