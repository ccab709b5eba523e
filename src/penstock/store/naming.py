"""The ids of items: which a store can keep, and how a client's items come by one each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

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

__all__ = ["is_fit", "with_ids"]

_PREFIXES: dict[type, str] = {
    MessageItemParam: "msg",
    FunctionCallItemParam: "fc",
    FunctionCallOutputItemParam: "fco",
    ReasoningItemParam: "rs",
    CompactionItemParam: "cmp",
    ItemReferenceParam: "ref",
    ExtensionItem: "item",
}


def is_fit(name: object) -> bool:
    """Whether every database can keep `name` as a key: not too long, and text that UTF-8 has, without U+0000."""
    if not isinstance(name, str) or len(name) > MAX_ID_LENGTH or "\x00" in name:
        return False
    try:
        name.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def with_ids(items: Sequence[ItemParam], ids: Callable[[str], str]) -> list[ItemParam]:
    """Return `items`, each with an id that is its own; one from `ids` where it had none, another's, or an unfit one.

    `ids` makes a new id from a prefix, as `penstock.random_id` does. References are to be replaced by what they refer
    to before; with a new id they would refer to nothing.
    """
    taken: set[str] = set()
    named: list[ItemParam] = []
    for item in items:
        own = item.id
        if not isinstance(own, str) or not own or own in taken or not is_fit(own):
            own = ids(_PREFIXES[type(item)])
            if isinstance(item, ExtensionItem):
                item = replace(item, fields=Extra({**item.fields, "id": own}))  # noqa: PLW2901 - the same, named
            else:
                item = replace(item, id=own)  # noqa: PLW2901 - the same, named
        taken.add(own)
        named.append(item)
    return named
