"""Where the bytes come from: a file, or whatever is piped in, as soon as it is there."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import UnsupportedOperation
from typing import BinaryIO, Final

from penstock.cli.errors import CommandError

__all__ = ["Source", "open_source", "read_document", "reason"]

_CHUNK_BYTES: Final = 64 * 1024
_MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
# Elsewhere `select` knows sockets only; the screen is then refreshed when bytes come, and not in between.
_CAN_WAIT: Final = os.name == "posix"


class Source:
    """An open input. `name` is what messages call it; `is_slow` tells whether bytes may be long in coming."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read `stream`, from its file descriptor where it has one."""
        self.name = name
        self._stream = stream
        try:
            self._fd: int | None = stream.fileno()
        except (UnsupportedOperation, AttributeError):
            self._fd = None
        self.is_slow = self._fd is not None and not stat.S_ISREG(os.fstat(self._fd).st_mode)

    def chunks(self, *, tick: float | None = None) -> Iterator[bytes]:
        """Yield the bytes as they arrive, and an empty chunk whenever none came for `tick` seconds.

        Raises CommandError where the input cannot be read any further.
        """
        while True:
            if tick is not None and not self._wait(tick):
                yield b""
                continue
            try:
                chunk = os.read(self._fd, _CHUNK_BYTES) if self._fd is not None else self._stream.read(_CHUNK_BYTES)
            except OSError as error:
                raise CommandError(f"{self.name}: {reason(error)}") from error
            if not chunk:
                return
            yield chunk

    def _wait(self, seconds: float) -> bool:
        """Wait until there is something to read, or the end; return False if `seconds` passed before."""
        if self._fd is None or not _CAN_WAIT:
            return True
        return bool(select.select([self._fd], [], [], seconds)[0])


def reason(error: OSError) -> str:
    """Return why the operating system refused, in small letters: `no such file or directory`."""
    text = error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


@contextmanager
def open_source(path: str | None) -> Generator[Source]:
    """Open the file `path`, or standard input where it is `-` or None. Raises CommandError where that is impossible."""
    if path is None or path == "-":
        if sys.stdin is None:
            raise CommandError("standard input is closed")
        if path is None and sys.stdin.isatty():
            raise CommandError("no FILE was given, and nothing is piped in (- reads what you type)")
        yield Source(sys.stdin.buffer, "standard input")
        return
    try:
        stream = open(path, "rb", buffering=0)  # noqa: SIM115 - the error of opening is one thing, those of reading another
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise CommandError(f"{path}: {why}") from error
    with stream:
        yield Source(stream, path)


def read_document(path: str) -> bytes:
    """Return all of a file that should be small. Raises CommandError where it cannot be read, or is not small."""
    parts: list[bytes] = []
    size = 0
    with open_source(path) as source:
        for chunk in source.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > _MAX_DOCUMENT_BYTES:
                raise CommandError(f"{path}: too large, more than {_MAX_DOCUMENT_BYTES} bytes")
    return b"".join(parts)
