"""What a store changes, on a connection whose transaction is the caller's. Those that end in `_all` do many at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select, update

from penstock.store.base import LEASE_SECONDS, MAX_CONVERSATION
from penstock.store.coding import as_abandoned, decode_response
from penstock.store.errors import ConversationTooLongError, StoreError, UnknownResponseError
from penstock.store.tables import input_items, output_items, processes, responses
from penstock.wire.codec import encode_object

__all__ = ["PAGE", "Begun", "Ended", "abandon", "begin_all", "expire", "finish_all", "forget", "remove", "renew"]

PAGE = 500
"""Most responses that one transaction expires or abandons, so that others can write between."""


class Begun(Struct, frozen=True, kw_only=True):
    """A response to be stored as in progress: its row but for `depth`, and the ids and the JSON of its input items."""

    id: str
    owner: str
    previous_id: str | None
    body: bytes
    stored_at: float
    expires_at: float | None
    process_id: str
    items: Sequence[tuple[str, bytes]]


class Ended(Struct, frozen=True, kw_only=True):
    """A response to be stored as ended: which, its JSON, and the indexes and ids of its output items."""

    id: str
    owner: str
    process_id: str
    body: bytes
    items: Sequence[tuple[int, str]]


def begin_all(connection: Connection, begun: Sequence[Begun]) -> Sequence[StoreError | None]:
    """Store responses that begin. The outcome of each is None, or why it cannot be."""
    wanted = sorted({one.previous_id for one in begun if one.previous_id is not None})
    found = {}
    if wanted:
        # Held until the commit, so that what is continued from is not removed before it has a successor.
        query = (
            select(responses.c.id, responses.c.owner, responses.c.depth, responses.c.expires_at, responses.c.running)
            .where(responses.c.id.in_(wanted), ~responses.c.gone)
            .order_by(responses.c.id)
            .with_for_update(read=True, key_share=True)
        )
        found = {row.id: row for row in connection.execute(query)}
    outcomes: list[StoreError | None] = []
    rows: list[dict[str, object]] = []
    items: list[dict[str, object]] = []
    for one in begun:
        depth = 1
        if one.previous_id is not None:
            row = found.get(one.previous_id)
            over = row is not None and row.expires_at is not None and row.expires_at <= one.stored_at
            if row is None or row.owner != one.owner or (over and not row.running):
                outcomes.append(UnknownResponseError(f"There is no response {one.previous_id!r} to continue from."))
                continue
            depth = row.depth + 1
            if depth > MAX_CONVERSATION:
                outcomes.append(ConversationTooLongError(f"A conversation has at most {MAX_CONVERSATION} responses."))
                continue
        outcomes.append(None)
        rows.append(
            {
                "id": one.id,
                "owner": one.owner,
                "previous_id": one.previous_id,
                "depth": depth,
                "body": one.body,
                "stored_at": one.stored_at,
                "expires_at": one.expires_at,
                "process_id": one.process_id,
                "running": True,
            }
        )
        items.extend(
            {"response_id": one.id, "position": position, "item_id": item_id, "body": body}
            for position, (item_id, body) in enumerate(one.items)
        )
    if rows:
        connection.execute(insert(responses), rows)
    if items:
        connection.execute(insert(input_items), items)
    return outcomes


_END = (
    update(responses)
    .where(responses.c.id == bindparam("which"))
    .values(body=bindparam("new"), running=False, process_id=None)
)
_ABANDON = update(responses).where(responses.c.id == bindparam("which")).values(body=bindparam("new"), running=False)


def finish_all(connection: Connection, ended: Sequence[Ended]) -> Sequence[bool]:
    """Store how responses ended; the outcome of each is whether it was there and not ended."""
    query = (
        select(responses.c.id, responses.c.owner, responses.c.process_id)
        .where(responses.c.id.in_(sorted({one.id for one in ended})), responses.c.process_id.is_not(None))
        .order_by(responses.c.id)
        .with_for_update()
    )
    unended = {(row.id, row.owner, row.process_id) for row in connection.execute(query)}
    outcomes: list[bool] = []
    rows: list[dict[str, object]] = []
    items: list[dict[str, object]] = []
    for one in ended:
        key = (one.id, one.owner, one.process_id)
        outcomes.append(key in unended)
        if key in unended:
            unended.remove(key)
            rows.append({"which": one.id, "new": one.body})
            items.extend(
                {"response_id": one.id, "position": position, "item_id": item_id} for position, item_id in one.items
            )
    if rows:
        connection.execute(_END, rows)
    if items:
        connection.execute(insert(output_items), items)
    return outcomes


def remove(connection: Connection, response_id: str, owner: str, now: float) -> bool:
    """Make a response be found no more; return whether it could be found until now."""
    over = responses.c.expires_at <= now
    query = (
        select(responses.c.id)
        .where(responses.c.id == response_id, responses.c.owner == owner, ~responses.c.gone)
        .where(or_(responses.c.running, responses.c.expires_at.is_(None), ~over))
        .with_for_update()
    )
    if connection.execute(query).first() is None:
        return False
    connection.execute(update(responses).where(responses.c.id == response_id).values(gone=True))
    _collect(connection, [response_id])
    return True


def expire(connection: Connection, now: float) -> int:
    """Remove at most `PAGE` responses whose time is over; return how many."""
    query = (
        select(responses.c.id)
        .where(responses.c.expires_at <= now, ~responses.c.gone, ~responses.c.running)
        .order_by(responses.c.expires_at)
        .limit(PAGE)
        .with_for_update(skip_locked=True)
    )
    found = list(connection.execute(query).scalars())
    if found:
        connection.execute(update(responses).where(responses.c.id.in_(found)).values(gone=True))
        _collect(connection, found)
    return len(found)


def _collect(connection: Connection, candidates: Collection[str]) -> None:
    """Take away those of `candidates` that are gone and have no successor, then those that thereby have none."""
    later = responses.alias("later")
    while candidates:
        # First to hold them, then to look for successors: of two who take away the last two, one then finds none.
        hold = (
            select(responses.c.id, responses.c.previous_id)
            .where(responses.c.id.in_(sorted(candidates)), responses.c.gone)
            .order_by(responses.c.id)
            .with_for_update()
        )
        previous = {row.id: row.previous_id for row in connection.execute(hold)}
        last = select(responses.c.id).where(
            responses.c.id.in_(list(previous)), ~exists().where(later.c.previous_id == responses.c.id)
        )
        unneeded = list(connection.execute(last).scalars())
        connection.execute(delete(responses).where(responses.c.id.in_(unneeded)))
        candidates = {before for name in unneeded if (before := previous[name]) is not None}


def renew(connection: Connection, process_id: str, now: float) -> None:
    """Say that a process lives."""
    alive = connection.execute(update(processes).where(processes.c.id == process_id).values(heartbeat=now))
    if alive.rowcount == 0:
        connection.execute(insert(processes).values(id=process_id, heartbeat=now))


def forget(connection: Connection, process_id: str) -> None:
    """Say that a process has ended."""
    connection.execute(delete(processes).where(processes.c.id == process_id))


def abandon(connection: Connection, process_id: str, now: float) -> int:
    """Make failed at most `PAGE` responses in progress under dead processes; return how many. The asker lives."""
    dead_since = now - LEASE_SECONDS
    living = select(processes.c.id).where(processes.c.heartbeat > dead_since)
    query = (
        select(responses.c.id, responses.c.body)
        .where(responses.c.running, responses.c.process_id != process_id, responses.c.process_id.not_in(living))
        .limit(PAGE)
        .with_for_update(skip_locked=True)
    )
    rows = [
        {"which": row.id, "new": encode_object(as_abandoned(decode_response(row.body)))}
        for row in connection.execute(query)
    ]
    if rows:
        connection.execute(_ABANDON, rows)
    connection.execute(delete(processes).where(processes.c.heartbeat <= dead_since, processes.c.id != process_id))
    return len(rows)
