"""What is known of the texts that were streamed: whether a piece is missing, and which pieces changed places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from penstock.lint.difference import DONE_EVENT, STREAM, Telling
from penstock.stream.fold import TextBuffer

__all__ = ["MAX_SWAPS", "Streamed"]

MAX_SWAPS: Final = 16
"""How many pieces of one text may have changed places until it is known no more: each costs a look at all of it."""


class Streamed:
    """The texts of a stream as far as their deltas tell them."""

    __slots__ = ("_gaps", "_swaps")

    def __init__(self) -> None:
        """Begin where nothing is amiss."""
        self._gaps: set[TextBuffer] = set()
        self._swaps: dict[TextBuffer, list[tuple[int, int, int]]] = {}

    def lose(self, buffers: Iterable[TextBuffer]) -> None:
        """Let it be known that a delta of these texts is missing."""
        self._gaps.update(buffers)

    def swap(self, buffer: TextBuffer, first: str, second: str) -> bool:
        """Let it be known that `first`, the end of a text, and `second`, which follows, came in the wrong order.

        Return whether the text is still known.
        """
        swaps = self._swaps.setdefault(buffer, [])
        if len(swaps) == MAX_SWAPS:
            self._gaps.add(buffer)
        else:
            end = len(str(buffer))
            swaps.append((end - len(first), end, end + len(second)))
        return buffer not in self._gaps

    def is_known(self, buffer: TextBuffer) -> bool:
        """Whether nothing of a text is missing."""
        return buffer not in self._gaps

    def is_in_order(self, buffer: TextBuffer) -> bool:
        """Whether nothing of a text is missing, and its pieces came as their numbers say."""
        return buffer not in self._gaps and buffer not in self._swaps

    def texts(self, buffer: TextBuffer) -> list[str]:
        """Return a text as it came and as its numbers say, where those differ; nothing where it is not known."""
        if buffer in self._gaps:
            return []
        text = str(buffer)
        swaps = self._swaps.get(buffer)
        if not swaps:
            return [text]
        meant = text
        for begin, middle, end in swaps:
            meant = meant[:begin] + meant[middle:end] + meant[begin:middle] + meant[end:]
        return [text, meant]

    def telling(self, buffer: TextBuffer) -> Telling:
        """Return who told a text, for words about what differs from it."""
        return STREAM if self.is_known(buffer) else DONE_EVENT
