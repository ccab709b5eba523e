"""The dialect that is told by the events themselves, for reading what one does not know."""

from __future__ import annotations

from typing import ClassVar

from penstock.wire.dialects import Dialect, dialect_by_name, openai, vtcode

__all__ = ["AutoDialect", "reading_dialect"]


class AutoDialect(Dialect):
    """Reads OpenAI's form, of which the specification's is a part, until an event shows that the stream is VT Code's.

    Only VT Code puts `response_id` beside an event's own fields. What comes before the first event that has one says
    the same in all dialects.
    """

    name: ClassVar[str] = "auto"

    def __init__(self) -> None:
        """Begin a stream."""
        super().__init__()
        self._dialect = openai()
        self._is_decided = False

    def read(self, fields: dict[str, object]) -> dict[str, object]:
        """Return the event `fields` in the specification's form."""
        if not self._is_decided and ("response_id" in fields or fields.get("type") == "response.custom_event"):
            self._is_decided = True
            self._dialect = vtcode()
        return self._dialect.read(fields)


def reading_dialect(name: str) -> Dialect:
    """Return the dialect `name` for one stream that is read; `auto` is told by the events."""
    return AutoDialect() if name == "auto" else dialect_by_name(name)
