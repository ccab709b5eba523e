"""What a command writes besides a page: bytes on standard output, and lines about them on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from penstock.cli.errors import CommandError
from penstock.cli.escape import one_line

__all__ = ["Output", "tell"]


class Output:
    """Standard output, as bytes. What is ready together leaves together."""

    def __init__(self) -> None:
        """Raise CommandError where standard output is closed."""
        if sys.stdout is None:
            raise CommandError("standard output is closed")
        self._stream = sys.stdout.buffer
        self._ready: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep `data` until `send`."""
        self._ready.append(data)

    def send(self) -> None:
        """Hand on what is ready."""
        if self._ready:
            ready, self._ready = self._ready, []
            self._stream.write(b"".join(ready))
            self._stream.flush()


def tell(command: str, prefix: str, lines: Iterable[str]) -> None:
    """Tell each of `lines` on standard error, as a line of `penstock COMMAND`."""
    if sys.stderr is not None:
        for line in lines:
            print(f"penstock {command}: {prefix}{one_line(line)}", file=sys.stderr)
