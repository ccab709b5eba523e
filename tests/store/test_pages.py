"""Pages of input items: every cursor, both orders, forwards and backwards."""

from __future__ import annotations

import pytest

from penstock.store.base import ItemPage, Order
from penstock.store.errors import UnknownCursorError
from penstock.wire.codec import encode_object
from tests.store.stored import ME, asked, put, store

NAMES = ["e", "d", "c", "b", "a"]  # in no order that a database would choose


def expected(order: Order, after: str | None, before: str | None, limit: int) -> ItemPage:
    """What a list of Python would give."""
    names = NAMES if order == "asc" else NAMES[::-1]
    start = names.index(after) + 1 if after else 0
    stop = names.index(before) if before else len(names)
    between = names[start:stop]
    shown = between[-limit:] if before and not after else between[:limit]
    return ItemPage(
        data=asked(*shown),
        first_id=shown[0] if shown else None,
        last_id=shown[-1] if shown else None,
        has_more=len(between) > limit,
    )


async def test_every_page_is_what_a_list_would_give(url: str) -> None:
    async with store(url) as it:
        await put(it, "r1", input=asked(*NAMES))
        await put(it, "r2", input=asked(*NAMES, "f"), previous="r1")
        orders: list[Order] = ["asc", "desc"]
        for order in orders:
            for after in (None, *NAMES):
                for before in (None, *NAMES):
                    for limit in (1, 2, 5, 100):
                        page = await it.input_items(
                            "r1", owner=ME, after=after, before=before, limit=limit, order=order
                        )
                        assert page == expected(order, after, before, limit), (order, after, before, limit)


async def test_without_a_word_the_twenty_newest_come(url: str) -> None:
    async with store(url) as it:
        names = [f"i{n}" for n in range(25)]
        await put(it, "r1", input=asked(*names))
        page = await it.input_items("r1", owner=ME)
        assert page == ItemPage(data=asked(*names[:4:-1]), first_id="i24", last_id="i5", has_more=True)
        rest = await it.input_items("r1", owner=ME, after="i5")
        assert rest == ItemPage(data=asked(*names[4::-1]), first_id="i4", last_id="i0", has_more=False)


async def test_a_response_without_input_has_an_empty_page(url: str) -> None:
    async with store(url) as it:
        await put(it, "r1", input=[])
        page = await it.input_items("r1", owner=ME)
        assert page == ItemPage(data=[], first_id=None, last_id=None, has_more=False)
        assert page is not None
        assert encode_object(page) == b'{"data":[],"first_id":null,"last_id":null,"has_more":false}'


@pytest.mark.parametrize("cursor", ["nobody", "other", "a\x00b", "\ud800", "x" * 300])
async def test_a_cursor_that_is_no_item_of_the_response_is_refused(url: str, cursor: str) -> None:
    async with store(url) as it:
        await put(it, "r1", input=asked("a"))
        await put(it, "r2", input=asked("other"))
        with pytest.raises(UnknownCursorError):
            await it.input_items("r1", owner=ME, after=cursor)
        with pytest.raises(UnknownCursorError):
            await it.input_items("r1", owner=ME, before=cursor)
        await it.ping()


@pytest.mark.parametrize("limit", [0, -1, 101])
async def test_a_page_has_one_to_a_hundred_items(url: str, limit: int) -> None:
    async with store(url) as it:
        with pytest.raises(ValueError, match=f"limit: expected 1 to 100, got {limit}"):
            await it.input_items("r1", owner=ME, limit=limit)
