"""The page as plain text, for pipes and files, and for terminals where rich is not installed."""

# ruff: noqa: ARG002 - a screen is told the tone of everything, and plain text has none

from __future__ import annotations

from typing import Final, TextIO

from penstock.cli.screen import Screen, Tone
from penstock.cli.wrap import Wrapper
from penstock.lint.excerpt import cells

__all__ = ["PlainScreen"]

_INDENT: Final = "  "
_LABEL_WIDTH: Final = 9
_FACT_WIDTH: Final = 80
"""How wide a fact is at most: it is ours, and for reading."""


class PlainScreen(Screen):
    """Writes text as it comes. Its lines are not wrapped, whoever reads them next can do that better; facts are."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        super().__init__()
        self._out = out
        self._is_empty = True
        self._in_text = False
        self._at_line_start = True

    def refresh(self) -> None:
        """Hand on what was written."""
        self._out.flush()

    def _heading(self, title: str, aside: list[str], tone: Tone, place: str) -> None:
        prefix = f"[{place}] " if place else ""
        self._gap()
        self._out.write("  ".join([prefix + title, *aside]) + "\n")

    def _text(self, piece: str, tone: Tone) -> None:
        self._in_text = True
        for line in _lines(piece):
            if self._at_line_start and line != "\n":
                self._out.write(_INDENT)
            self._out.write(line)
            self._at_line_start = line.endswith("\n")

    def _end(self) -> None:
        if self._in_text and not self._at_line_start:
            self._out.write("\n")
        self._in_text, self._at_line_start = False, True

    def _line(self, text: str, tone: Tone) -> None:
        for line in text.split("\n"):
            self._out.write((_INDENT + line).rstrip() + "\n")

    def _verdict(self, title: str, aside: list[str], tone: Tone) -> None:
        self._gap()
        self._out.write("  ".join([title, *aside]) + "\n")

    def _fact(self, label: str, text: str, tone: Tone) -> None:
        margin = _INDENT + label.ljust(_LABEL_WIDTH)
        width = _FACT_WIDTH - len(margin) - len(_INDENT)
        for line in text.split("\n"):
            wrapper = Wrapper(width, cells)
            first, *more = [*wrapper.feed(line), *wrapper.flush()] or [""]
            self._out.write((margin + first).rstrip() + "\n")
            margin = " " * len(margin)
            # What goes on is indented, so that it is not taken for a fact of its own.
            self._out.writelines(f"{margin}{_INDENT}{rest}\n" for rest in more)

    def _gap(self) -> None:
        if not self._is_empty:
            self._out.write("\n")
        self._is_empty = False


def _lines(text: str) -> list[str]:
    """Return the lines of `text` with their ends: at LF only, where `splitlines` knows many more."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return [line for line in lines if line]
