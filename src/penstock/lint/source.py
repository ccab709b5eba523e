"""What a user may call a stream: its bytes, its events, or the path of a file that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from penstock.spec.events import Event, ExtensionEvent, ResponseStreamEvent

__all__ = ["Stream", "pieces"]

Stream = str | Path | bytes | Iterable[bytes] | Iterable[ResponseStreamEvent] | Iterable[Mapping[str, object]]
_WANTED = "a stream is bytes, an iterable of bytes or of events, or the path of a file"


def pieces(stream: Stream) -> Iterator[bytes | ResponseStreamEvent | Mapping[str, object]]:
    """Yield the bytes or the events of a stream.

    Raises TypeError for what is no stream, OSError for a path that cannot be read.
    """
    for piece in _whole(stream):
        if isinstance(piece, (bytearray, memoryview)):
            yield bytes(cast("bytes", piece))
        elif isinstance(piece, (bytes, Mapping, Event, ExtensionEvent)):
            yield cast("bytes | ResponseStreamEvent | Mapping[str, object]", piece)
        else:
            raise TypeError(f"{_WANTED}; there is {type(piece).__name__} in this one")


def _whole(stream: object) -> Iterable[object]:
    if isinstance(stream, (bytes, bytearray, memoryview)):
        return (cast("bytes", stream),)
    if isinstance(stream, Path):
        return (stream.read_bytes(),)
    if isinstance(stream, str):
        if not _is_file(stream):
            raise TypeError(f"{_WANTED}; no file is called {stream[:80]!r}")
        return (Path(stream).read_bytes(),)
    kind = type(stream).__name__
    if isinstance(stream, Mapping) or not isinstance(stream, Iterable):
        raise TypeError(f"{_WANTED}, not {kind}")
    return cast("Iterable[object]", stream)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        # Too long for a name, or with a character in it that no name has.
        return False
