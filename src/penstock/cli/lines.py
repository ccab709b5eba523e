"""Which line of a stream stands at a byte offset, told while the stream goes by."""

from __future__ import annotations

from typing import Final

__all__ = ["LineCounter"]

_WINDOW_BYTES: Final = 4 * 1024 * 1024
"""How much is held at least: more than any sensible event, so that one begins in it when its damage is told."""


class LineCounter:
    """Counts lines, which end in LF. Memory is bounded by the window, and by the largest piece that is fed."""

    def __init__(self, window: int = _WINDOW_BYTES) -> None:
        """Begin at offset 0 and line 1, and hold the last `window` bytes, up to twice as many."""
        self._window = window
        self._held = bytearray()
        self._start = 0
        self._line = 1

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._held += data
        past = len(self._held) - self._window
        if past > self._window:
            self._line += self._held.count(b"\n", 0, past)
            self._start += past
            del self._held[:past]

    def line(self, offset: int, data: bytes = b"") -> int | None:
        """Return the line on which `data` begins that follows `offset`, or the line of `offset` where it does not.

        None where that went by too long ago.
        """
        at = offset - self._start
        if at < 0:
            return None
        found = self._held.find(data, at)
        return self._line + self._held.count(b"\n", 0, found if found >= 0 else at)
