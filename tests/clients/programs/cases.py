"""What every program in Python here does: it runs its cases against the server it was told of, and says how they went.

A line of JSON each on standard output: first the client's packages with their versions, then every case. The exit code
is 1 where a case failed. Programs know of the server what any user's program does: OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[[], Any])


def weather(city: str) -> str:
    """Return the weather in a city."""
    return f"18 degrees in {city}"


def equal(got: object, wanted: object, what: str) -> None:
    """Fail unless `got` is what was wanted."""
    if got != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, got {got!r}")


def holds(text: str | None, wanted: str, what: str) -> None:
    """Fail unless `wanted` is in `text`."""
    if wanted not in (text or ""):
        raise AssertionError(f"{what}: expected {wanted!r} in {text!r}")


def once(text: str | None, wanted: str, what: str) -> None:
    """Fail unless `wanted` is in `text`, and no more than once."""
    holds(text, wanted, what)
    equal((text or "").count(wanted), 1, f"how often {what} holds it")


class Cases:
    """The cases of one client."""

    def __init__(self, *packages: str) -> None:
        """Say which versions of which packages are tried."""
        self._cases: list[tuple[str, Callable[[], Any]]] = []
        _tell(versions={package: version(package) for package in packages})

    def case(self, name: str) -> Callable[[Function], Function]:
        """Return a decorator that makes a function, async or not, the case of this name."""

        def add(function: Function) -> Function:
            self._cases.append((name, function))
            return function

        return add

    def lacks(self, name: str, reason: str) -> None:
        """Say what this client cannot do with any server."""
        _tell(case=name, lacks=reason)

    def run(self) -> None:
        """Run all cases, and exit."""
        sys.exit(asyncio.run(self._run()))

    async def _run(self) -> int:
        failed = 0
        for name, function in self._cases:
            try:
                # A case that is not async must not find a running loop, since some clients look for one.
                await (function() if inspect.iscoroutinefunction(function) else asyncio.to_thread(function))
            except Exception as error:  # noqa: BLE001 - whatever a client raises is what its user would see
                failed += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                at = f"{where.filename.rsplit('/', 1)[-1]}:{where.lineno}"
                _tell(case=name, failed=f"{type(error).__name__}: {error} ({at})")
            else:
                _tell(case=name)
        return 1 if failed else 0


def _tell(**said: object) -> None:
    print(json.dumps(said), flush=True)
