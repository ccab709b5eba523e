"""The known departures from the specification, each readable and writable: a dialect says how.

A dialect reads plain JSON into the specification's form before it is typed, and writes a typed event in its own form.
What it cannot say is never dropped in silence: it leaves a note. `penstock.wire.dialect_openai` and
`penstock.wire.dialect_vtcode` hold the two that are more than an option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, cast

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec.errors import PenstockError
from penstock.spec.events import OutputEvent, ResponseStreamEvent

__all__ = [
    "OPENRESPONSES",
    "Dialect",
    "UnknownDialectError",
    "dialect_by_name",
    "dialect_names",
    "openai",
    "openresponses",
    "vtcode",
]


class UnknownDialectError(PenstockError):
    """There is no dialect of this name; the message lists those there are."""


class Dialect:
    """How one family of servers writes the stream. Belongs to one stream, unless it says that it has no state.

    As it stands it is the specification's own; a subclass says what is different.
    """

    name: ClassVar[str] = "openresponses"
    sends_done: ClassVar[bool] = True
    """Whether a stream over HTTP ends with `[DONE]` (spec: "Streaming HTTP Responses")."""
    keeps_exact: ClassVar[bool] = True
    """Whether an event that is exactly as specified means the same here. A decoder need not call `read` on it then."""

    def __init__(self, *, response_ids: bool = False) -> None:
        """Begin a stream. `response_ids`: write the `response_id` of events that have one, as VT Code does."""
        self.response_ids = response_ids
        self._notes: dict[str, int] = {}

    @property
    def notes(self) -> Mapping[str, int]:
        """What could not be said as it was meant: a sentence each, and how many times so far."""
        return self._notes

    def note(self, sentence: str) -> None:
        """Count one more thing that could not be said as it was meant."""
        self._notes[sentence] = self._notes.get(sentence, 0) + 1

    def read(self, fields: dict[str, object]) -> dict[str, object]:
        """Return the event `fields`, one decoded JSON object, in the specification's form. May change `fields`.

        What is not of this dialect is returned as it is: reading never raises.
        """
        return fields

    def write(self, event: ResponseStreamEvent) -> ResponseStreamEvent | dict[str, object] | None:
        """Return `event` in this dialect's form, typed or plain; None where the dialect has nothing like it."""
        return event if self.response_ids else without_response_id(event)


def without_response_id(event: ResponseStreamEvent) -> ResponseStreamEvent:
    """Return `event` without the `response_id` that the specification does not have outside of snapshots."""
    if isinstance(event, OutputEvent) and event.response_id is not UNSET:
        # `replace` gives the same class back; the checkers see only the base class here.
        plain: ResponseStreamEvent = replace(event, response_id=UNSET)
        return plain
    return event


def as_object(value: object) -> dict[str, object]:
    """Return `value` if it is a JSON object, else an empty one that belongs to nobody."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def as_array(value: object) -> list[object]:
    """Return `value` if it is a JSON array, else an empty one that belongs to nobody."""
    return cast("list[object]", value) if isinstance(value, list) else []


OPENRESPONSES = Dialect()
"""The specification's own form. Stateless, so one serves all streams."""


def openresponses(*, response_ids: bool = False) -> Dialect:
    """Return the specification's own form; `response_ids` writes the `response_id` of events that have one."""
    return Dialect(response_ids=True) if response_ids else OPENRESPONSES


def openai() -> Dialect:
    """Return a dialect for one stream as OpenAI's own API writes it, and its SDKs read it."""
    from penstock.wire.dialect_openai import OpenAIDialect  # noqa: PLC0415 - it needs the codec, which needs this module

    return OpenAIDialect()


def vtcode() -> Dialect:
    """Return a dialect for one stream as VT Code writes and reads it."""
    from penstock.wire.dialect_vtcode import VTCodeDialect  # noqa: PLC0415 - it needs the codec, which needs this module

    return VTCodeDialect()


_FACTORIES: Mapping[str, Callable[[], Dialect]] = {
    "openresponses": openresponses,
    "openai": openai,
    "vtcode": vtcode,
}


def dialect_names() -> tuple[str, ...]:
    """Return the names `dialect_by_name` knows, the specification's own first."""
    return tuple(_FACTORIES)


def dialect_by_name(name: str) -> Dialect:
    """Return a dialect for one stream by its name; raise UnknownDialectError where there is none."""
    try:
        return _FACTORIES[name]()
    except KeyError:
        raise UnknownDialectError(f"no dialect {name!r}; there are {', '.join(_FACTORIES)}") from None
