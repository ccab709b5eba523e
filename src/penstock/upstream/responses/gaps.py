"""A gap in a text: an event of it could not be read, and what came behind it waits until the whole text is told.

What was streamed cannot be taken back. So where a piece is missing, the pieces behind it are held back: the done event
of the text, or any snapshot of it, tells what was in the gap, and it can be said in its place.
"""

from __future__ import annotations

from typing import Final

from penstock.spec.events import DeltaEvent
from penstock.stream.fold import whole_text

__all__ = ["MAX_HELD", "Gap"]

MAX_HELD: Final = 16_384
"""How many characters are held back behind a gap: some pages. After so many, readers had better go on reading."""


class Gap:
    """The gaps of one text, and the deltas that came behind them; `code` is the rule that the lost event broke."""

    __slots__ = ("_runs", "_size", "code")

    def __init__(self, code: str) -> None:
        """Begin with a gap, and nothing behind it."""
        self.code = code
        self._runs: list[list[DeltaEvent]] = [[]]
        """The deltas behind each gap."""
        self._size = 0

    def widen(self) -> None:
        """Take note that one more event is missing."""
        if self._runs[-1]:
            self._runs.append([])

    def hold(self, delta: DeltaEvent) -> bool:
        """Hold a delta back; whether there is still room for more."""
        self._runs[-1].append(delta)
        self._size += len(delta.delta)
        return self._size <= MAX_HELD

    @property
    def held(self) -> list[DeltaEvent]:
        """All deltas that were held back."""
        return [delta for run in self._runs for delta in run]

    def filled(self, rest: str) -> list[DeltaEvent | str] | None:
        """Return what to say, where `rest` is the whole text from the first gap on: the deltas, and what was missing.

        None where `rest` does not have what was held back.
        """
        out: list[DeltaEvent | str] = []
        at = 0
        for number, run in enumerate(self._runs):
            text = whole_text("".join(delta.delta for delta in run))
            is_last = number == len(self._runs) - 1
            found = len(rest) - len(text) if is_last else rest.find(text, at)
            if found < at or not rest.startswith(text, found):
                return None
            if found > at:
                out.append(rest[at:found])
            out += run
            at = found + len(text)
        return out
