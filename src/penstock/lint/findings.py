"""What a linter says: a finding is data, told in the terms of the stream it was found in."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

__all__ = ["Finding", "Level"]


class Level(Enum):
    """How much a finding matters (spec: BCP 14 key words).

    MUST in the specification gives an error, SHOULD a warning; an info is worth knowing and breaks nothing.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(Struct, frozen=True, kw_only=True):
    """One fault of a stream.

    `code` and `name` are the rule's. `event` is the index of the event it is about, from 0 (None: of no single one),
    `offset` the byte offset of its frame, `path` the place within the event (`item.content[0].text`; empty: the event
    itself), `related` the index of another event that has to do with it. `fix` says how it is mended, None where it
    cannot be.
    """

    code: str
    name: str
    level: Level
    message: str
    event: int | None = None
    offset: int | None = None
    path: str = ""
    related: int | None = None
    fix: str | None = None
