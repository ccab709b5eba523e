"""One response being read, with an eye on what is strange about its stream."""

from __future__ import annotations

from collections import Counter
from typing import Final

from msgspec import Struct

from penstock.cli.describe import compact_json, count, failure_words, is_json, shortened, usage_words
from penstock.cli.screen import Screen, Tone
from penstock.spec.base import NOTHING
from penstock.spec.events import DeltaEvent, ExtensionEvent, ResponseEvent, ResponseStreamEvent
from penstock.spec.response import Response
from penstock.stream.machine import Violation
from penstock.stream.reader import Difference, ResponseReader
from penstock.stream.states import OrderRule, ResponseState
from penstock.wire.errors import WireError

__all__ = ["Damage", "Turn"]

_MOST_LINES: Final = 20
"""How many lines of one kind are shown; a stream that is wrong all through is not told in full."""
_SHOWN_VALUE: Final = 40
_SHOWN_TYPES: Final = 5
_TELLS_OPEN: Final = frozenset({OrderRule.ITEM_DONE_ABSENT, OrderRule.PART_DONE_ABSENT})
_CHARACTERS_A_TOKEN: Final = 4
"""A rule of thumb, for the time before the usage is known."""


class Damage(Struct, frozen=True):
    """A frame that could not be read, and the line it stands on; None where that is not known."""

    error: WireError
    line: int | None = None

    def words(self) -> str:
        """Return in one line where it is and what is wrong with it."""
        return str(self.error) if self.line is None else f"line {self.line}, {self.error}"


class Turn:
    """A tolerant reader, and counts of what went through it."""

    def __init__(self, *, strict: bool = False) -> None:
        """Begin before the first event."""
        self.reader = ResponseReader(strict=strict)
        self.events = 0
        self.characters = 0
        self.model = ""
        """The model, as the response named it last."""
        self.is_snapshot = False
        """Whether this was no stream but a response in one piece, which breaks no order."""
        self.damages: list[Damage] = []
        """Frames that could not be read."""
        self.other_types: Counter[str] = Counter()
        """How often events came whose types the specification does not have."""
        self._violations: dict[tuple[OrderRule, str, str], tuple[int, Violation]] = {}
        self._repeated: Counter[tuple[OrderRule, str, str]] = Counter()

    def feed(self, event: ResponseStreamEvent) -> None:
        """Take the next event; a strict turn raises StreamStateError on one the grammar does not allow."""
        reader = self.reader
        known = len(reader.violations)
        reader.feed(event)
        for violation in reader.violations[known:]:
            key = (violation.rule, violation.event_type, violation.place)
            self._violations.setdefault(key, (self.events, violation))
            self._repeated[key] += 1
        if isinstance(event, ExtensionEvent):
            self.other_types[event.event_type or "(none)"] += 1
        elif isinstance(event, DeltaEvent):
            self.characters += len(event.delta)
        elif isinstance(event, ResponseEvent):
            self.model = event.response.model
        self.events += 1

    @property
    def response(self) -> Response | None:
        """The response as it now is."""
        return self.reader.response

    @property
    def is_whole(self) -> bool:
        """Whether the stream ended, and not in failure."""
        return self.reader.is_done and self.reader.state is not ResponseState.FAILED

    @property
    def is_sound(self) -> bool:
        """Whether the stream is whole, and every frame of it could be read."""
        return self.is_whole and not self.damages

    @property
    def token_words(self) -> str:
        """How much the model has written so far, estimated."""
        return f"~{count(-(-self.characters // _CHARACTERS_A_TOKEN), 'token')}"

    def ending(self) -> str:
        """Return in one line how the stream ended, and why."""
        reader, response = self.reader, self.response
        if not reader.is_done:
            is_open = ", ".join(reader.machine.open_places)
            reason = f": {reader.error.message}" if reader.error is not None else ""
            return "cut short, no terminal event came" + (f" while {is_open} was open" if is_open else "") + reason
        if response is not None and reader.state is ResponseState.FAILED:
            return f"failed, {failure_words(response)}"
        if response is not None and reader.state is ResponseState.INCOMPLETE:
            details = response.incomplete_details
            return f"incomplete, {details.reason if details is not None and details.reason else 'no reason is given'}"
        return reader.state.value

    def strange(self) -> list[str]:
        """Return what was strange about the stream, a line each."""
        found: list[str] = []
        if not self.is_snapshot:
            found += _limited([self._violation_line(key) for key in self._violations])
            found += _limited([_difference_line(difference) for difference in self.reader.differences()])
        found += _limited([f"unreadable: {damage.words()}" for damage in self.damages])
        response = self.response
        if response is not None:
            if self.reader.is_done and response.status != self.reader.state.value:
                found.append(f"the event says {self.reader.state.value}, the response in it {response.status!r}")
            found += _limited(
                [
                    f"the arguments of {call.name or 'a call'} are no JSON"
                    for call in response.function_calls
                    if call.status == "completed" and not is_json(call.arguments)
                ]
            )
        return found

    def sum_up(self, screen: Screen, *, seconds: float | None = None) -> None:
        """Show how the stream ended, and what is to be said of it."""
        reader, response = self.reader, self.response
        state = reader.state
        tone: Tone = (
            "good" if state is ResponseState.COMPLETED else "warning" if state is ResponseState.INCOMPLETE else "bad"
        )
        aside = [response.model, response.id] if response is not None else []
        screen.verdict(self.ending(), aside=aside, tone=tone)
        if response is not None and response.usage is not None:
            screen.fact("tokens", usage_words(response.usage))
        elif response is not None and reader.is_done and "usage" not in (response.extra or NOTHING):
            screen.fact("tokens", "not told", "aside")
        screen.fact("events", f"{self.events:,}" + (f" in {seconds:.1f} s" if seconds is not None else ""))
        if self.other_types:
            screen.fact("also", self._other_words())
        label = "strange"
        for line in self.strange():
            screen.fact(label, line, "warning")
            label = ""

    def _other_words(self) -> str:
        names = [f"{name} ({times:,})" for name, times in self.other_types.most_common(_SHOWN_TYPES)]
        more = len(self.other_types) - len(names)
        return f"{count(self.other_types.total(), 'event')} of other types: {', '.join(names)}" + (
            f" and {more} more" if more else ""
        )

    def _violation_line(self, key: tuple[OrderRule, str, str]) -> str:
        number, violation = self._violations[key]
        name = violation.rule.name.lower().replace("_", "-")
        where = f"{violation.place} is {violation.state}"
        if violation.rule in _TELLS_OPEN:
            where = f"still open: {', '.join(violation.open_places)}"
        times = self._repeated[key]
        again = f" ({times:,} times)" if times > 1 else ""
        return f"{violation.rule.value} {name}: event {number}, {violation.event_type}; {where}{again}"


def _difference_line(difference: Difference) -> str:
    streamed, said = (shortened(compact_json(v), _SHOWN_VALUE) for v in (difference.streamed, difference.said))
    return f"{difference.path}: streamed {streamed}, at the end {said}"


def _limited(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines if more <= 1 else [*lines[:_MOST_LINES], f"and {more:,} more like these"]
