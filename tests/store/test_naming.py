"""Every input item gets an id of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import UNSET

from penstock.spec.base import Extra
from penstock.spec.items import (
    CompactionItemParam,
    ExtensionItem,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    ItemReferenceParam,
    MessageItemParam,
    ReasoningItemParam,
)
from penstock.store.base import MAX_ID_LENGTH
from penstock.store.coding import decode_input_item
from penstock.store.naming import is_fit, with_ids
from penstock.wire.codec import encode_object
from tests.stream.samples import Ids

NAMELESS: Sequence[tuple[ItemParam, str]] = [
    (MessageItemParam(role="user", content="x"), "msg_1"),
    (FunctionCallItemParam(call_id="c", name="f", arguments="{}"), "fc_1"),
    (FunctionCallOutputItemParam(call_id="c", output="x"), "fco_1"),
    (ReasoningItemParam(summary=[]), "rs_1"),
    (CompactionItemParam(encrypted_content="x"), "cmp_1"),
    (ItemReferenceParam(id=""), "ref_1"),
    (ExtensionItem(fields=Extra({"type": "acme:thing"})), "item_1"),
]


@pytest.mark.parametrize(("item", "name"), NAMELESS, ids=[name for _, name in NAMELESS])
def test_an_item_without_an_id_gets_one_of_its_kind(item: ItemParam, name: str) -> None:
    [named] = with_ids([item], Ids())
    assert named.id == name
    assert type(named) is type(item)


def test_an_id_of_its_own_is_kept_and_anothers_replaced() -> None:
    items = [
        MessageItemParam(id=name, role="user", content="x")
        for name in ("a", "a", None, UNSET, "", "b\x00", "\ud800", "x" * (MAX_ID_LENGTH + 1), "b")
    ]
    assert [item.id for item in with_ids(items, Ids())] == ["a", *(f"msg_{n}" for n in range(1, 8)), "b"]


def test_what_fits_is_text_of_bounded_length_that_databases_can_hold() -> None:
    assert [is_fit(name) for name in ("", "x" * MAX_ID_LENGTH, "é😀", None, 7)] == [True, True, True, False, False]
    assert [is_fit(name) for name in ("x" * (MAX_ID_LENGTH + 1), "\x00", "\udfff")] == [False, False, False]


@pytest.mark.parametrize("item", [item for item, _ in NAMELESS], ids=[name for _, name in NAMELESS])
def test_an_input_item_comes_back_as_it_was(item: ItemParam) -> None:
    assert decode_input_item(encode_object(item)) == item


def test_an_input_item_with_unknown_keys_keeps_them() -> None:
    item = MessageItemParam(id="a", role="user", content="\ud800", extra=Extra({"acme": 1}))
    assert decode_input_item(encode_object(item)) == item


def test_an_input_item_that_no_request_may_hold_keeps_every_field() -> None:
    fields = {"type": "message", "role": "robot", "content": "x"}
    item = decode_input_item(b'{"type":"message","role":"robot","content":"x"}')
    assert item == ExtensionItem(fields=Extra(fields))
