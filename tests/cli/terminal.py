"""A terminal of a few lines of code, which knows what our output uses and refuses everything else."""

from __future__ import annotations

import re

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x00-\x1f\x7f-\x9f]+)|([\s\S])")


class Terminal:
    """What stands on the screen, and above it, after some output."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self.row = self.column = 0
        self.is_cursor_shown = True
        self.styles: set[str] = set()
        self._held = ""

    @property
    def text(self) -> str:
        """All lines, without blanks at their ends."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n")

    def write(self, data: bytes) -> None:
        """Take output; it may be cut anywhere but in the middle of a character."""
        text = self._held + data.decode()
        cut = text.rfind("\x1b")
        self._held = text[cut:] if cut >= 0 and not re.match(r"\x1b\[[?0-9;]*[A-Za-z]", text[cut:]) else ""
        for match in _TOKEN.finditer(text[: len(text) - len(self._held)]):
            numbers, command, control, plain, other = match.groups()
            assert other is None, f"{other!r} must never reach a terminal"
            if plain:
                self._put(plain)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self.row += 1
                if self.row == len(self.rows):
                    self.rows.append("")
            else:
                self._obey(numbers, command)

    def _obey(self, numbers: str, command: str) -> None:
        if command == "m":
            self.styles.update(numbers.split(";"))
        elif command == "A":
            self.row -= int(numbers or 1)
            assert self.row >= 0
        elif (numbers, command) == ("2", "K"):
            self.rows[self.row] = ""
        elif numbers == "?25":
            self.is_cursor_shown = command == "h"
        else:
            raise AssertionError(f"unknown command {numbers}{command}")

    def _put(self, text: str) -> None:
        line = self.rows[self.row]
        line = line[: self.column].ljust(self.column) + text + line[self.column + len(text) :]
        assert cell_len(line) <= self.columns, f"wider than the terminal: {line!r}"
        self.rows[self.row] = line
        self.column += len(text)
