"""Which of the items and parts that were streamed are meant by those a snapshot tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.spec.items import FunctionCallItem, Item
from penstock.stream.fold import item_text
from penstock.stream.machine import item_kind
from penstock.upstream.responses.places import ItemPlace

__all__ = ["match_items", "match_parts"]


def match_items(
    told: Sequence[Item], places: Sequence[ItemPlace], fold: Mapping[int, Item]
) -> list[tuple[Item, ItemPlace | None]]:
    """Return each told item with the place it means, None where it was never streamed.

    An item is known by its id; by its `call_id`; by its text; by where it stands; a call that waits for its name, by
    being the next call. `fold` are the streamed items by index.
    """
    free = dict.fromkeys(places)
    found: dict[int, ItemPlace] = {}

    def match(keys_of_told: list[object], keys_of_places: list[tuple[object, ItemPlace]]) -> None:
        by_key: dict[object, list[ItemPlace]] = {}
        for key, place in keys_of_places:
            if place in free:
                by_key.setdefault(key, []).append(place)
        for at, key in enumerate(keys_of_told):
            if at not in found and key is not None and by_key.get(key):
                found[at] = by_key[key].pop(0)
                free.pop(found[at], None)

    kinds = [item_kind(item) for item in told]
    streamed = [(place, fold[place.index]) for place in places if place.index in fold]
    match(
        [(kind, item.id) if item.id else None for kind, item in zip(kinds, told, strict=True)],
        [((place.kind, place.told_id), place) for place in places],
    )
    match(
        [(kind, item.id) if item.id else None for kind, item in zip(kinds, told, strict=True)],
        [((place.kind, place.id), place) for place in places if place.id],
    )
    match(
        [item.call_id or None if isinstance(item, FunctionCallItem) else None for item in told],
        [(item.call_id, place) for place, item in streamed if isinstance(item, FunctionCallItem)],
    )
    match(
        [(kind, item_text(item)) if item_text(item) else None for kind, item in zip(kinds, told, strict=True)],
        [((place.kind, item_text(item)), place) for place, item in streamed],
    )
    match(
        [(kind, at) for at, kind in enumerate(kinds)],
        [((place.kind, place.index), place) for place, _ in streamed],
    )
    match(list(kinds), [(place.kind, place) for place in places if place.waiting is not None])
    return [(item, found.get(at)) for at, item in enumerate(told)]


def match_parts(told: Sequence[str], said: Sequence[str], keys: Sequence[int]) -> list[tuple[int, int | None]]:
    """Return, for the text of each told part, which of the streamed ones it means; None where it was never streamed.

    `keys` are the indexes the upstream streamed them under. Where one of them is none of the told list's, the indexes
    tell nothing, and the parts are taken as they stand.
    """
    slots = {key: at for at, key in enumerate(keys)} if all(0 <= key < len(told) for key in keys) else None
    free = dict.fromkeys(range(len(said)))
    found: dict[int, int] = {}

    def take(index: int, at: int) -> None:
        found[index] = at
        del free[at]

    def slot(index: int) -> int | None:
        at = index if slots is None else slots.get(index)
        return at if at in free else None

    for index, text in enumerate(told):
        at = slot(index)
        if at is not None and text and (text.startswith(said[at]) or said[at].startswith(text)):
            take(index, at)
    by_text: dict[str, list[int]] = {}
    for at in free:
        by_text.setdefault(said[at], []).append(at)
    for index, text in enumerate(told):
        if index not in found and text and by_text.get(text):
            take(index, by_text[text].pop(0))
    for index in range(len(told)):
        at = slot(index)
        if index not in found and at is not None:
            take(index, at)
    return [(index, found.get(index)) for index in range(len(told))]
