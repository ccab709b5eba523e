"""Responses to be stored, a clock that stands, and a look into the tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Table, func, select

from penstock.spec.content import OutputTextContent
from penstock.spec.items import ItemParam, MessageItem, MessageItemParam
from penstock.spec.response import Response
from penstock.store.base import Store
from penstock.store.sql import SQLStore
from tests.stream.samples import RESPONSE

ROOT = Path(__file__).parents[2]
ME, YOU = "owner-1", "owner-2"


class Clock:
    """A clock that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def store(url: str, clock: Clock | None = None) -> SQLStore:
    return SQLStore(url, clock=clock or Clock())


def begun(name: str, previous: str | None = None) -> Response:
    return replace(RESPONSE, id=name, status="in_progress", previous_response_id=previous)


def ended(name: str, previous: str | None = None, *, said: str = "Yes.") -> Response:
    text = OutputTextContent(text=said, annotations=[])
    message = MessageItem(id=f"msg_{name}", status="completed", role="assistant", content=[text])
    return replace(begun(name, previous), status="completed", output=[message])


def asked(*names: str) -> list[ItemParam]:
    return [MessageItemParam(id=name, role="user", content=f"About {name}?") for name in names]


async def put(
    into: Store,
    name: str,
    *,
    owner: str = ME,
    previous: str | None = None,
    ttl: float | None = None,
    input: Sequence[ItemParam] | None = None,
) -> Response:
    """Store a response from its beginning to its end."""
    items = asked(f"in_{name}") if input is None else input
    await into.begin(begun(name, previous), owner=owner, input=items, previous=previous, ttl=ttl)
    response = ended(name, previous)
    assert await into.finish(response, owner=owner)
    return response


def environment() -> dict[str, str]:
    """The environment of a child that imports what this process does."""
    paths = [str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


async def rows(of: SQLStore, table: Table) -> int:
    return await of._database.write(lambda c: c.execute(select(func.count()).select_from(table)).scalar_one())
