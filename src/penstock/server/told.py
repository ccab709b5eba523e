"""A conversation as the provider is told it, and where the client has each of its items.

What came before stands ahead of the request's own items, and what was sealed unfolds among them. So what a provider
says of `input[7]` may be about the first item that the client sent, or about none of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.spec.items import ItemParam

__all__ = ["Told"]

_ITEM: Final = re.compile(r"input\[(\d+)\](.*)", re.DOTALL)
"""The path of an item, and of what is in it."""


class Told(Struct, frozen=True):
    """A conversation. `places` are the paths of its items in the request that the client sent.

    An item that is not in the request as such has the path of what it comes from: `previous_response_id`, `input`
    where that is a text, or the `encrypted_content` of an item.
    """

    items: Sequence[ItemParam]
    places: Sequence[str]

    def place(self, param: str) -> str:
        """Return the path of something in the conversation as a path in the request; any other path as it is."""
        found = _ITEM.fullmatch(param)
        if found is None or int(found[1]) >= len(self.places):
            return param
        place = self.places[int(found[1])]
        return place + found[2] if place.endswith("]") else place
