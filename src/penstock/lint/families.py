"""The families of rules, by the beginning of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FAMILIES", "family"]

FAMILIES: Final[Mapping[str, str]] = {
    "OR1": "Framing: how events are put on a transport",
    "OR2": "Shape: the fields of events and what is in them",
    "OR3": "Order: what may come after what",
    "OR4": "Identity: ids, indexes and numbers",
    "OR5": "Content: what was said, and what is said of it at the end",
    "OR6": "Closing: how items and responses end",
    "OR7": "Promise: what the request asked for",
    "OR8": "Dialect: known departures, readable all the same",
}


def family(prefix: str) -> str:
    """Return what a family is about: `OR3`."""
    return FAMILIES[prefix]
