"""Text laid out for people: wrapped to a width, in colour or plain, with nothing in it that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.lint.excerpt import Excerpt, cells, visible
from penstock.lint.findings import Level

__all__ = ["Layout"]

_COLOURS: Final = {Level.ERROR: "31", Level.WARNING: "33", Level.INFO: "36"}
_LABEL_WIDTH: Final = 10
_NARROWEST: Final = 48
"""The first line of a finding is never broken, and no name of a rule is longer."""


class Layout:
    """Makes lines of at most `width` cells."""

    def __init__(self, *, width: int = 80, color: bool = False) -> None:
        """Lay out for `width` cells, 48 at least; in colour where `color` is asked for."""
        self.width = max(width, _NARROWEST)
        self._color = color

    def bold(self, text: str) -> str:
        """Return `text` in bold."""
        return self._paint(text, "1")

    def dim(self, text: str) -> str:
        """Return `text` as something less important."""
        return self._paint(text, "2")

    def place(self, text: str) -> str:
        """Return `text` as a place in a stream."""
        return self._paint(text, "36")

    def good(self, text: str) -> str:
        """Return `text` as good news."""
        return self._paint(text, "32")

    def bad(self, text: str) -> str:
        """Return `text` as bad news."""
        return self._paint(text, "31")

    def level(self, level: Level, text: str) -> str:
        """Return `text` in the colour of a level."""
        return self._paint(text, f"1;{_COLOURS[level]}")

    def labelled(self, label: str, text: str) -> Iterator[str]:
        """Yield `text`, with a label before its first line."""
        before = self.dim(label) + " " * (_LABEL_WIDTH - len(label))
        for line in self.wrap(text, self.width - 2 - _LABEL_WIDTH):
            yield f"  {before}{line}"
            before = " " * _LABEL_WIDTH

    def wrapped(self, text: str, indent: int) -> Iterator[str]:
        """Yield `text`, indented."""
        for line in self.wrap(text, self.width - indent):
            yield " " * indent + line

    def quoted(self, text: str) -> Iterator[str]:
        """Yield an event with a bar beside it; its further lines are indented."""
        bar, margin = self.dim("|"), ""
        if not text:
            # The blank line that ends a frame.
            yield f"  {bar}"
        for line in self.wrap(text, self.width - 6):
            yield f"  {bar} {margin}{line}"
            margin = "  "

    def excerpt(self, excerpt: Excerpt, level: Level) -> Iterator[str]:
        """Yield the piece of an event, and a line that marks the place in it."""
        shown = excerpt.line(self.width - 4)
        bar = self.dim("|")
        yield f"  {bar} {shown.text}"
        yield f"  {bar} {' ' * shown.start}{self.level(level, '^' * (shown.end - shown.start))}"

    def wrap(self, text: str, width: int) -> Iterator[str]:
        """Yield `text` in lines of at most `width` cells, broken between words; words that are wider are cut."""
        line = ""
        for word in visible(text).split():
            if line and cells(line) + 1 + cells(word) <= width:
                line += " " + word
                continue
            if line:
                yield line
            *whole, line = _cut(word, width)
            yield from whole
        if line:
            yield line

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and text else text


def _cut(text: str, width: int) -> list[str]:
    """Return `text` in pieces of at most `width` cells."""
    pieces = [""]
    room = width
    for character in text:
        size = cells(character)
        if size > room:
            pieces.append("")
            room = width
        pieces[-1] += character
        room -= size
    return pieces
