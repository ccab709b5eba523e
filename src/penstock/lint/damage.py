"""What damaged data was meant to be: bytes that are no UTF-8, an event cut in two, several events in one frame."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct

from penstock.wire.codec import decode_json_object
from penstock.wire.errors import JSONError

__all__ = ["Damage", "damaged", "repeated_key", "type_in"]

_TYPE: Final = re.compile(rb'"type"\s*:\s*"([^"\\]*)"')


class Damage(Struct, frozen=True):
    """What is wrong with data that is not one JSON object.

    `not_utf8` says where it is no UTF-8; `meant` is the object it was meant to be, None where that cannot be told;
    `joined` whether it was found by joining it to the frame before; `several` are the objects where it is more than
    one.
    """

    not_utf8: str | None = None
    meant: dict[str, object] | None = None
    joined: bool = False
    several: tuple[dict[str, object], ...] = ()


def damaged(data: bytes, begun: bytes | None) -> Damage:
    """Look into damaged `data`; `begun` is the damaged frame before it, if there was one."""
    not_utf8 = None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        not_utf8 = f"not UTF-8: {error.reason} at byte {error.start} of the data"
        meant = _object(data.decode("utf-8", "replace"))
        if meant is not None:
            return Damage(not_utf8, meant)
    if begun is not None:
        meant = _object(begun + data)
        if meant is not None:
            return Damage(not_utf8, meant, joined=True)
    lines = [_object(line) for line in data.split(b"\n")]
    several = tuple(line for line in lines if line is not None)
    if len(several) > 1 and len(several) == len(lines):
        return Damage(not_utf8, several=several)
    return Damage(not_utf8)


def _object(data: bytes | str) -> dict[str, object] | None:
    try:
        return decode_json_object(data)
    except JSONError:
        return None


def type_in(data: bytes) -> str:
    """Return the type that an event's damaged JSON still names; empty where it names none."""
    found = _TYPE.search(data)
    return "" if found is None else found[1].decode("utf-8", "replace")


class _RepeatedKeyError(Exception):
    """A key stands twice in one object."""


def repeated_key(data: bytes) -> str | None:
    """Return a key that stands twice in one object of `data`, JSON text; None where there is none."""
    try:
        json.loads(data, object_pairs_hook=_look)
    except _RepeatedKeyError as repeated:
        return str(repeated)
    except (ValueError, RecursionError):
        return None
    return None


def _look(pairs: list[tuple[str, object]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise _RepeatedKeyError(next(key for index, key in enumerate(keys) if key in keys[:index]))
