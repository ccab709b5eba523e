"""The page on a terminal, with colours, and alive while the stream still comes. The only module that knows rich.

Lines are final once they are written, and scroll away like those of any program, so that the whole text can be read
afterwards. Only what is still growing is redrawn: the last line of the text, drafts such as a call's arguments, and the
status line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Self, TextIO

from msgspec import Struct
from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from penstock.cli.escape import escaped, one_line
from penstock.cli.screen import Draft, Screen, Tone
from penstock.cli.wrap import Wrapper

__all__ = ["TerminalScreen"]

_STYLES: Final[dict[Tone, str]] = {
    "text": "",
    "reasoning": "dim",
    "call": "cyan",
    "refusal": "red",
    "foreign": "magenta",
    "aside": "dim",
    "good": "green",
    "bad": "red",
    "warning": "yellow",
}
_FRAMES_PER_SECOND: Final = 30
_SPINS_PER_SECOND: Final = 10
_LABEL_WIDTH: Final = 9
_NARROW: Final = 36
"""Below so many columns, a fact's text stands under its label and not beside it."""
_DRAFT_LINES: Final = 8


class _Glyphs(Struct, frozen=True):
    """The few characters beyond ASCII, and what stands in for them where they cannot be written."""

    bar: str
    marks: dict[Tone, str]
    spinner: str
    dot: str


_UNICODE: Final = _Glyphs("│", {"good": "✓", "warning": "!", "bad": "✗"}, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", " · ")
_ASCII: Final = _Glyphs("|", {"good": "+", "warning": "!", "bad": "x"}, "|/-\\", ", ")


class TerminalScreen(Screen):
    """Writes styled lines, wrapped to the terminal's width."""

    def __init__(self, out: TextIO, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to the terminal `out`; live: also show what is not final. `clock` returns seconds."""
        super().__init__()
        self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._glyphs = _UNICODE if self._console.encoding.startswith("utf") else _ASCII
        self._clock = clock
        self._drawn = clock()
        self._lines: list[Text] = []
        self._is_empty = True
        self._tone: Tone = "text"
        self._margin = Text()
        self._wrapper = Wrapper(self._width, cell_len)
        self._live: Live | None = None
        if live:
            self._live = Live(
                get_renderable=self._region,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self.is_live = True

    @property
    def _width(self) -> int:
        """How many cells the text of a block has."""
        return self._console.width - 2

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def refresh(self) -> None:
        """Write what is final and redraw what is not, at most so often as an eye can follow."""
        now = self._clock()
        if self._live is not None and now - self._drawn < 1 / _FRAMES_PER_SECOND:
            return
        self._drawn = now
        self._write()

    def close(self) -> None:
        """Write everything, and leave the terminal as it was."""
        self._end_text()
        self._write()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _write(self) -> None:
        """Write the lines that are final, and redraw the live region below them, in one go."""
        with self._console:
            if self._lines:
                lines, self._lines = self._lines, []
                self._console.print(Text("\n").join(lines), no_wrap=True, overflow="ignore", crop=False)
            if self._live is not None:
                self._live.refresh()

    # ------------------------------------------------------------------------------------------- what is only added

    def _heading(self, title: str, aside: list[str], tone: Tone, place: str) -> None:
        self._gap()
        # What is of the response has a bar beside it, which tells it from our own words; those can be copied.
        # Appended: a style given to the Text itself would be that of everything behind it, too.
        self._margin = Text().append(f"{self._glyphs.bar} ", _STYLES[tone] or "dim") if place else Text("  ")
        self._wrapper = Wrapper(self._width, cell_len)
        words = [(f"[{place}]", "dim")] if place else []
        words.append((title, f"bold {_STYLES[tone]}"))
        self._lines += self._row([*words, *((word, "dim") for word in aside)], gaps=(1, 2))

    def _text(self, piece: str, tone: Tone) -> None:
        if tone != self._tone:
            self._end()
            self._tone = tone
        self._lines += [self._margined(line, tone) for line in self._wrapper.feed(piece)]

    def _end(self) -> None:
        self._lines += [self._margined(line, self._tone) for line in self._wrapper.flush()]

    def _line(self, text: str, tone: Tone) -> None:
        self._lines += [self._margined(line, tone) for line in self._wrapped(text, self._width)]

    def _verdict(self, title: str, aside: list[str], tone: Tone) -> None:
        self._gap()
        words = [(self._glyphs.marks.get(tone, ""), _STYLES[tone]), (title, f"bold {_STYLES[tone]}")]
        self._lines += self._row([*words, *((word, "dim") for word in aside)], gaps=(1, 2))

    def _fact(self, label: str, text: str, tone: Tone) -> None:
        style = _STYLES[tone]
        if self._console.width < _NARROW:
            if label:
                self._lines.append(Text(f"  {label}", "dim"))
            self._lines += [Text("    ").append(line, style) for line in self._wrapped(text, self._console.width - 4)]
            return
        margin = 2 + _LABEL_WIDTH
        for line in self._wrapped(text, self._console.width - margin):
            self._lines.append(Text().append(f"  {label}".ljust(margin), "dim").append(line, style))
            label = ""

    def _gap(self) -> None:
        if not self._is_empty:
            self._lines.append(Text())
        self._is_empty = False

    def _margined(self, line: str, tone: Tone) -> Text:
        row = self._margin.copy().append(line, _STYLES[tone])
        row.rstrip()
        return row

    def _wrapped(self, text: str, width: int) -> list[str]:
        wrapper = Wrapper(width, cell_len)
        return [*wrapper.feed(text), *wrapper.flush()] or [""]

    def _row(self, words: Sequence[tuple[str, str]], *, gaps: tuple[int, int]) -> list[Text]:
        """Lay out styled words in as few lines as they need; after the first word is a smaller gap."""
        width = self._console.width
        rows = [Text()]
        for number, (word, style) in enumerate(words):
            gap = gaps[0] if number == 1 else gaps[1]
            if not rows[-1]:
                gap = 0
            # The mark or the place in front never stands alone.
            if number != 1 and rows[-1] and rows[-1].cell_len + gap + cell_len(word) > width:
                rows.append(Text("  "))
                gap = 0
            first, *more = self._wrapped(word, width - rows[-1].cell_len - gap)
            rows[-1].append(" " * gap).append(first, style)
            rows += [Text("  ").append(line, style) for line in more]
        return rows

    # --------------------------------------------------------------------------------------------- what is redrawn

    def _region(self) -> Group:
        """Return what is not final: the growing line, the drafts, the status."""
        rows: list[Text] = []
        if self._wrapper.growing:
            rows.append(self._margined(self._wrapper.growing, self._tone))
        if self.progress is not None:
            progress = self.progress()
            room = max(self._console.height - 4, 1)
            for draft in progress.drafts[-(room // 3 + 1) :]:
                rows += self._draft(draft, lines=max(min(_DRAFT_LINES, room // len(progress.drafts) - 2), 1))
            rows.append(Text())
            for label, text in progress.lines:
                # Far more than fits is cut off before it is measured.
                rows.append(Text(f"  {label:<4}", "dim").append(one_line(text[: self._console.width]), "green dim"))
            rows.append(self._status(progress.words))
        for row in rows:
            row.no_wrap, row.overflow = True, "crop"
        return Group(*rows[-max(self._console.height - 1, 1) :])

    def _draft(self, draft: Draft, *, lines: int) -> list[Text]:
        rows = [Text(), Text(one_line(draft.title), f"bold {_STYLES['call']}")]
        # Only the end of a long text is seen, so only that is laid out.
        tail = escaped(draft.text[-lines * self._width :])
        bar = Text(f"{self._glyphs.bar} ", _STYLES["call"])
        return rows + [bar.copy().append(line, "dim") for line in self._wrapped(tail, self._width)[-lines:] if line]

    def _status(self, words: Sequence[str]) -> Text:
        """Return the status line, with as many words as there is room for."""
        glyphs = self._glyphs
        line = glyphs.spinner[int(self._clock() * _SPINS_PER_SECOND) % len(glyphs.spinner)] + " "
        shown: list[str] = []
        for word in words:
            if cell_len(line + glyphs.dot.join([*shown, word])) > self._console.width:
                break
            shown.append(escaped(word))
        return Text(line, "green").append(glyphs.dot.join(shown), "dim")
