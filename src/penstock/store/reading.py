"""What a store looks up, on a connection whose transaction is the caller's and shows one moment."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from penstock.spec.items import Item, ItemParam
from penstock.store.base import ItemPage, Order, StoredResponse
from penstock.store.coding import decode_input_item, decode_response
from penstock.store.errors import UnknownCursorError
from penstock.store.naming import is_fit
from penstock.store.tables import input_items, output_items, responses

__all__ = ["answer", "conversation", "item", "page", "stored"]


def answer(connection: Connection) -> None:
    """Ask for nothing, to hear that somebody answers."""
    connection.execute(select(1))


def _can_be_found(owner: str, now: float) -> ColumnElement[bool]:
    """The condition under which a response is there for `owner`."""
    in_time = or_(responses.c.running, responses.c.expires_at.is_(None), responses.c.expires_at > now)
    return and_(responses.c.owner == owner, ~responses.c.gone, in_time)


def stored(connection: Connection, response_id: str, owner: str, now: float) -> StoredResponse | None:
    """Return a response with its own input."""
    query = select(responses.c.body, responses.c.previous_id).where(
        responses.c.id == response_id, _can_be_found(owner, now)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    bodies = select(input_items.c.body).where(input_items.c.response_id == response_id).order_by(input_items.c.position)
    return _stored(row.body, row.previous_id, connection.execute(bodies).scalars())


def _stored(body: bytes, previous_id: str | None, inputs: Iterable[bytes]) -> StoredResponse:
    return StoredResponse(
        response=decode_response(body),
        input=[decode_input_item(one) for one in inputs],
        previous_response_id=previous_id,
    )


def conversation(connection: Connection, response_id: str, owner: str, now: float) -> list[StoredResponse] | None:
    """Return a response after all those it continues from."""
    chain = (
        select(responses.c.id, responses.c.previous_id)
        .where(responses.c.id == response_id, _can_be_found(owner, now))
        .cte("chain", recursive=True)
    )
    earlier = responses.alias("earlier")
    chain = chain.union_all(
        select(earlier.c.id, earlier.c.previous_id).join_from(earlier, chain, earlier.c.id == chain.c.previous_id)
    )
    rows = (
        connection.execute(
            select(responses.c.id, responses.c.body, responses.c.previous_id)
            .join_from(chain, responses, responses.c.id == chain.c.id)
            .order_by(responses.c.depth)
        )
    ).all()
    if not rows:
        return None
    bodies: dict[str, list[bytes]] = {row.id: [] for row in rows}
    for row in connection.execute(
        select(input_items.c.response_id, input_items.c.body)
        .join_from(chain, input_items, input_items.c.response_id == chain.c.id)
        .order_by(input_items.c.response_id, input_items.c.position)
    ):
        bodies[row.response_id].append(row.body)
    return [_stored(row.body, row.previous_id, bodies[row.id]) for row in rows]


def page(
    connection: Connection,
    response_id: str,
    owner: str,
    now: float,
    *,
    after: str | None,
    before: str | None,
    limit: int,
    order: Order,
) -> ItemPage | None:
    """Return a page of a response's own input items."""
    query = select(responses.c.id).where(responses.c.id == response_id, _can_be_found(owner, now))
    if connection.execute(query).first() is None:
        return None
    position = input_items.c.position
    query_items = select(input_items.c.item_id, input_items.c.body).where(input_items.c.response_id == response_id)
    ascending = order == "asc"
    for cursor, follows in ((after, ascending), (before, not ascending)):
        if cursor is not None:
            at = _position(connection, response_id, cursor)
            query_items = query_items.where(position > at if follows else position < at)
    backwards = before is not None and after is None
    query_items = query_items.order_by(position.asc() if ascending != backwards else position.desc()).limit(limit + 1)
    rows = connection.execute(query_items).all()
    shown = rows[:limit]
    if backwards:
        shown = shown[::-1]
    return ItemPage(
        data=[decode_input_item(row.body) for row in shown],
        first_id=shown[0].item_id if shown else None,
        last_id=shown[-1].item_id if shown else None,
        has_more=len(rows) > limit,
    )


def _position(connection: Connection, response_id: str, item_id: str) -> int:
    query = select(input_items.c.position).where(
        input_items.c.response_id == response_id, input_items.c.item_id == item_id
    )
    position = connection.execute(query).scalar() if is_fit(item_id) else None
    if position is None:
        raise UnknownCursorError(f"There is no input item {item_id!r} in the response.")
    return int(position)


def item(connection: Connection, item_id: str, owner: str, now: float) -> Item | ItemParam | None:
    """Return an item of any of the owner's responses."""
    query = (
        select(responses.c.body, output_items.c.position)
        .join_from(output_items, responses, responses.c.id == output_items.c.response_id)
        .where(output_items.c.item_id == item_id, _can_be_found(owner, now))
        .order_by(responses.c.stored_at.desc(), output_items.c.position.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is not None:
        index: int = row.position
        return decode_response(row.body).output[index]
    query_input = (
        select(input_items.c.body)
        .join_from(input_items, responses, responses.c.id == input_items.c.response_id)
        .where(input_items.c.item_id == item_id, _can_be_found(owner, now))
        .order_by(responses.c.stored_at.desc())
        .limit(1)
    )
    sent = connection.execute(query_input).scalar()
    return None if sent is None else decode_input_item(sent)
