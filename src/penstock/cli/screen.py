"""What a command shows things on: a page of headings, running text and lines, plain or styled.

A screen takes what it is given in any wording; whatever a terminal must not be sent is made visible here, before any
screen of a kind sees it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, Self, TextIO

from msgspec import Struct

from penstock.cli.errors import CommandError
from penstock.cli.escape import TextFilter, escaped, one_line

__all__ = ["Draft", "Progress", "Screen", "Tone", "open_screen", "standard_output"]

Tone = Literal["text", "reasoning", "call", "refusal", "foreign", "aside", "good", "bad", "warning"]
"""What a piece of text is, for a screen that has colours."""


class Draft(Struct, frozen=True):
    """Something that is shown only once it is finished, and meanwhile as far as it has come, where there is room."""

    title: str
    text: str


class Progress(Struct, frozen=True):
    """How far things are: `words` for the status line, most important first; what is unfinished; labelled lines."""

    words: Sequence[str]
    drafts: Sequence[Draft] = ()
    lines: Sequence[tuple[str, str]] = ()


class Screen(ABC):
    """A page that is only ever added to. Below a heading, text and lines are indented.

    `progress`, where somebody sets it, is asked whenever a screen that can show what is not final wants to.
    """

    def __init__(self) -> None:
        """Begin with an empty page."""
        self.progress: Callable[[], Progress] | None = None
        self.is_live = False
        """Whether it shows what is not final, and so wants to be refreshed."""
        self._filter = TextFilter()

    def heading(self, title: str, *, aside: Sequence[str] = (), tone: Tone = "text", place: str = "") -> None:
        """Begin a block: its title, less important words, and where it is (`0`)."""
        self._end_text()
        self._heading(one_line(title), [one_line(word) for word in aside if word], tone, place)

    def text(self, piece: str, tone: Tone = "text") -> None:
        """Go on with the running text of the block."""
        shown = self._filter.feed(piece)
        if shown:
            self._text(shown, tone)

    def line(self, text: str, tone: Tone = "text") -> None:
        """Add `text`, which may be several lines, on lines of its own."""
        self._end_text()
        self._line(escaped(text), tone)

    def verdict(self, title: str, *, aside: Sequence[str] = (), tone: Tone = "text") -> None:
        """Add the line that says how it ended."""
        self._end_text()
        self._verdict(one_line(title), [one_line(word) for word in aside if word], tone)

    def fact(self, label: str, text: str, tone: Tone = "text") -> None:
        """Add a fact below the verdict; a fact without a label goes on with the one before."""
        self._end_text()
        self._fact(label, escaped(text), tone)

    def refresh(self) -> None:
        """Show everything up to here; called when bytes have been taken, and now and then when none come."""
        return

    def close(self) -> None:
        """Show everything; nothing more will be added."""
        self._end_text()
        self.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _end_text(self) -> None:
        rest = self._filter.flush()
        if rest:
            self._text(rest, "text")
        self._end()

    @abstractmethod
    def _heading(self, title: str, aside: list[str], tone: Tone, place: str) -> None: ...

    @abstractmethod
    def _text(self, piece: str, tone: Tone) -> None: ...

    @abstractmethod
    def _end(self) -> None:
        """End the running text, if there is any: what follows begins on a new line."""

    @abstractmethod
    def _line(self, text: str, tone: Tone) -> None: ...

    @abstractmethod
    def _verdict(self, title: str, aside: list[str], tone: Tone) -> None: ...

    @abstractmethod
    def _fact(self, label: str, text: str, tone: Tone) -> None: ...


def standard_output() -> TextIO:
    """Return standard output, made fit for any text. Raises CommandError where it is closed."""
    if sys.stdout is None:
        raise CommandError("standard output is closed")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # A terminal or a locale that knows few characters still shows which ones were meant.
        reconfigure(errors="backslashreplace")
    return sys.stdout


def open_screen(*, live: bool) -> Screen:
    """Return the best screen for standard output; live: one that also shows what is under way, if it can."""
    out = standard_output()
    if out.isatty() and os.environ.get("TERM") != "dumb" and importlib.util.find_spec("rich") is not None:
        from penstock.cli.render import TerminalScreen

        return TerminalScreen(out, live=live)
    from penstock.cli.plain import PlainScreen

    return PlainScreen(out)
