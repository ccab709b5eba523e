"""What goes out, and what is told of it: the part of mending that every other part of it rests on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.stream.machine import StreamStateError
from penstock.stream.reader import ResponseReader
from penstock.upstream.responses.places import ItemPlace, Places

__all__ = ["MAX_MENDS", "Mended", "Voice", "index_name", "index_of", "placed"]

MAX_MENDS: Final = 10_000
"""How many changes are kept: of a hostile stream, which could need one in every event, the others are counted."""
_HOT: Final[Mapping[type, Callable[[Any], Any]]] = {
    e.OutputTextDelta: attrgetter("output_index", "content_index", "item_id", "logprobs", "response_id"),
    e.RefusalDelta: attrgetter("output_index", "content_index", "item_id", "response_id"),
    e.ReasoningDelta: attrgetter("output_index", "content_index", "item_id", "response_id"),
    e.ReasoningSummaryTextDelta: attrgetter("output_index", "summary_index", "item_id", "response_id"),
    e.FunctionCallArgumentsDelta: attrgetter("output_index", "item_id", "response_id"),
}


class Mended(Struct, frozen=True):
    """One change: the `code` of the rule it serves, the index of the incoming `event` (None: the end), and what.

    `is_other_text`: what goes out is not the text that was told, or not all of it; `output` is the index of the item
    it is in, None where that is not known.
    """

    code: str
    event: int | None
    message: str
    is_other_text: bool = False
    output: int | None = None


class Voice(ABC):
    """Emits events, and collects what was mended."""

    def __init__(self, *, ids: Callable[[str], str]) -> None:
        """Begin a stream; `ids` returns a new id for a prefix."""
        self.mends: list[Mended] = []
        self.more: int = 0
        """How many changes there were after those that are kept."""
        self.events: int = 0
        """How many events came."""
        self._ids = ids
        self._index: int | None = 0
        self._reader = ResponseReader(strict=True)
        self._out: list[e.ResponseStreamEvent] = []
        self._number = 0
        self._told: set[str] = set()
        self._used_ids: set[str] = set()
        self._places = Places()
        self._absent: Collection[str] = ()
        # The hot path: a delta that is where the last one was, and with which nothing can be wrong.
        self._is_hot_allowed = True
        self._hot: type | None = None
        self._hot_place: Callable[[Any], Any] = attrgetter("output_index")
        self._hot_key: object = None
        self._hot_append: Callable[[str], object] = str.__len__

    def note(self, code: str, message: str, *, at_end: bool = False, is_other_text: bool = False) -> None:
        """Add a change that was made elsewhere, such as to the framing of the next event."""
        self._keep(Mended(code, None if at_end else self.events, message, is_other_text=is_other_text))

    def _mend(self, code: str, message: str) -> None:
        self._keep(Mended(code, self._index, message))

    def _mend_text(self, output: int | None, code: str, message: str) -> None:
        """Tell of a change after which the text of `output` is another than was told, or not all of it."""
        self._keep(Mended(code, self._index, message, is_other_text=True, output=output))

    def _keep(self, mended: Mended) -> None:
        if len(self.mends) < MAX_MENDS:
            self.mends.append(mended)
        else:
            self.more += 1

    def _mend_once(self, key: str, code: str, message: str) -> None:
        """Tell once a stream what a server does all the time."""
        if key not in self._told:
            if len(self._told) < MAX_MENDS:
                self._told.add(key)
            self._mend(code, message)

    def _mend_empty(self, path: str, message: str) -> None:
        """Tell of an id that was empty; one that was absent was told when it was read."""
        if self._is_told(path):
            self._mend_once(path, "OR409", message)

    def _is_told(self, *paths: str) -> bool:
        return not any(path in self._absent for path in paths)

    def _emit(self, event: e.ResponseStreamEvent) -> bool:
        """Number an event, hold it to the grammar and let it out; whether it could go."""
        number = self._number
        if event.sequence_number != number:
            event = replace(event, sequence_number=number)
        try:
            self._reader.feed(event)
        except StreamStateError as error:
            rule = error.violation.rule.value if error.violation is not None else "OR302"
            if isinstance(event, e.DeltaEvent):
                self._mend_text(event.output_index, rule, f"left out: {error}")
            else:
                self._mend(rule, f"left out: {error}")
            return False
        self._number = number + 1
        self._out.append(event)
        return True

    def _new_id(self, prefix: str, wanted: str = "") -> str:
        """Return `wanted` if it is free, or else a new id."""
        found = wanted
        while not found or found in self._used_ids:
            found = self._ids(prefix)
        self._used_ids.add(found)
        return found

    def _set_hot(self, event: Any, append: Callable[[str], object]) -> None:  # noqa: ANN401
        self._hot = type(event)
        self._hot_place = _HOT[type(event)]
        self._hot_key = self._hot_place(event)
        self._hot_append = append

    @abstractmethod
    def _imply(self, kind: str, told_at: int, told_id: str, code: str, why: str) -> ItemPlace:
        """Begin an item that must have been added, since content comes for it."""


def placed(event: Any, place: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an event of any class in, one of the same out
    """Return `event` with what `place` says; itself where it says so already."""
    changed = {name: value for name, value in place.items() if getattr(event, name) != value}
    return replace(event, **changed) if changed else event


def index_of(event: Any) -> int:  # noqa: ANN401 - of a content or a summary event
    """Return the index of the part an event is about."""
    index: int = event.summary_index if isinstance(event, e.SummaryEvent) else event.content_index
    return index


def index_name(event: e.ContentEvent | e.SummaryEvent) -> str:
    """Return what that index is called."""
    return "summary_index" if isinstance(event, e.SummaryEvent) else "content_index"
