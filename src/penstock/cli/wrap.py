"""Text that comes in pieces, broken into lines of a terminal's width as it comes.

A line that was given out never changes, so a terminal can scroll it away; only the last one is still growing. Work and
memory depend on the piece and on one line, never on the text so far.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["Wrapper"]

_PIECES: Final = re.compile(r"\n|[^\S\n]+|\S+")
_TAB: Final = "    "


class Wrapper:
    """Breaks text between words, and words that are wider than a line."""

    def __init__(self, width: int, measure: Callable[[str], int]) -> None:
        """Break at `width` cells; `measure` returns how many a string takes."""
        self._width = max(width, 2)
        self._measure = measure
        self._line = ""
        self._line_width = 0
        # The blanks after the line's last word, which show only if another word follows, and that other word so far.
        self._blank = ""
        self._word = ""
        self._is_wrapped = False

    @property
    def growing(self) -> str:
        """The line that is still growing."""
        return self._line + self._blank + self._word if self._word else self._line

    def feed(self, text: str) -> list[str]:
        """Take more text; return the lines that are finished."""
        lines: list[str] = []
        for match in _PIECES.finditer(text.replace("\t", _TAB)):
            piece = match[0]
            if piece == "\n":
                self._take_word(lines)
                self._end_line(lines, wrapped=False)
            elif piece.isspace():
                self._take_word(lines)
                # Blanks at the end of a broken line went with it; those that begin the text's own line are its indent.
                if self._line or not self._is_wrapped:
                    self._blank = (self._blank + piece)[: self._width]
            else:
                self._word += piece
                self._take_wide_word(lines)
        if self._word and self._line_width + self._measure(self._blank + self._word) > self._width:
            self._break(lines)
        return lines

    def flush(self) -> list[str]:
        """Return the line that is still growing, if it holds anything, and begin anew."""
        lines: list[str] = []
        self._take_word(lines)
        if self._line:
            self._end_line(lines, wrapped=False)
        self._blank, self._is_wrapped = "", False
        return lines

    def _take_word(self, lines: list[str]) -> None:
        """Put the word that has ended where it belongs."""
        if not self._word:
            return
        width = self._measure(self._blank + self._word)
        if self._line_width + width > self._width:
            self._break(lines)
            width = self._measure(self._word)
        self._line += self._blank + self._word
        self._line_width += width
        self._blank = self._word = ""

    def _break(self, lines: list[str]) -> None:
        if self._line:
            self._end_line(lines, wrapped=True)
        self._blank = ""

    def _end_line(self, lines: list[str], *, wrapped: bool) -> None:
        lines.append(self._line)
        self._line, self._blank, self._line_width, self._is_wrapped = "", "", 0, wrapped

    def _take_wide_word(self, lines: list[str]) -> None:
        """Cut off whole lines from a word that is wider than one."""
        word, width = self._word, self._width
        # More characters than cells is too wide as well: nearly always true, and it bounds what has to be measured.
        if len(word) <= width and self._measure(word) <= width:
            return
        self._break(lines)
        start = 0
        while len(word) - start > width or self._measure(word[start:]) > width:
            end = min(start + width, len(word))
            while end > start + 1 and self._measure(word[start:end]) > width:
                end -= 1
            lines.append(word[start:end])
            start = end
        self._word, self._is_wrapped = word[start:], True
