"""When a request is sent a second time, and how long after the first. No clock and no dice here: both are handed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

from penstock.spec.response import ErrorPayload
from penstock.upstream.values import as_list, as_object, as_text

__all__ = ["Retries", "is_worth_another_try", "told_wait"]

_RETRIED = frozenset({408, 409, 425, 429})
"""Statuses below 500 that tell of a passing state: a timeout, a lock, too early, too many."""
_NOT_RETRIED = frozenset({501, 505, 511})
"""Statuses from 500 on that will be the same the next time: not implemented, HTTP version, a login to the network."""
_OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of OpenAI's that come with 429, and that no waiting mends."""
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s?").fullmatch


class Retries(Struct, frozen=True, kw_only=True):
    """How often, and after how long, a request is sent again that has not been answered.

    A request is repeated only as long as nothing of its answer was said: whoever listens never hears anything twice.
    """

    times: int = 2
    """How often at most, after the first. Two, as in the providers' own libraries: whatever has not passed by then
    lasts longer than anybody waits."""

    first: float = 0.5
    """Seconds before the first; each further one waits twice as long as the last."""

    longest: float = 8.0
    """Seconds after which waits grow no longer."""

    told: float = 60.0
    """Seconds that a provider may ask us to wait (`Retry-After`). Where it asks for more, it is told to the caller
    instead: to come back earlier would only be refused again."""

    def wait(self, attempt: int, told: float | None, chance: float) -> float | None:
        """Return how many seconds to wait after the failed `attempt`, counted from 0; None for: not again.

        `told` are the seconds the provider asked for. `chance`, between 0 and 1, spreads the waits of many who failed
        together over half of each: so they do not come together again.
        """
        if attempt >= self.times:
            return None
        if told is not None:
            return told if told <= self.told else None
        # An exponent beyond this makes no difference, but could overflow.
        grown = self.first * 2.0 ** min(attempt, 60)
        return min(grown, self.longest) * (1 - chance / 2)


def is_worth_another_try(status: int, headers: Mapping[str, str], error: ErrorPayload) -> bool:
    """Whether the same request may fare better soon after an answer of this `status`, which told of `error`.

    OpenAI and Anthropic say so themselves, in `x-should-retry`.
    """
    said = headers.get("x-should-retry", "").lower()
    if said in ("true", "false"):
        return said == "true"
    if error.code in _OUT_OF_MONEY:
        return False
    return status in _RETRIED or (status >= 500 and status not in _NOT_RETRIED)


def told_wait(headers: Mapping[str, str], error: ErrorPayload, now: float) -> float | None:
    """Return the seconds a provider asks to wait from `now` (Unix seconds); None where it does not say.

    It may say so in `retry-after-ms`, in `Retry-After` as seconds or as a date (RFC 9110, section 10.2.3), or as
    Google does in its error's details.
    """
    milliseconds = _seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after", "").strip()
    if said:
        seconds = _seconds(said)
        return seconds if seconds is not None else _until(said, now)
    for detail in as_list(error.extra.get("details")) or ():
        delay = as_text((as_object(detail) or {}).get("retryDelay"))
        if delay is not None:
            return _seconds(delay)
    return None


def _seconds(said: str) -> float | None:
    found = _SECONDS(said.strip())
    return None if found is None else float(found[1])


def _until(date: str, now: float) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    if then.tzinfo is None:  # "-0000"
        then = then.replace(tzinfo=UTC)
    return max((then - datetime.fromtimestamp(now, UTC)).total_seconds(), 0.0)
