"""What may escape from reading bytes: these exceptions and no others.

WireError
├── FramingError   the bytes are no SSE, JSONL or WebSocket framing, or pass a limit
├── JSONError      the data is not one JSON object
└── ShapeError     the JSON is not the object it says it is
"""

from __future__ import annotations

from typing import Self

from penstock.spec.errors import PenstockError

__all__ = ["FramingError", "JSONError", "ShapeError", "WireError"]

SHOWN_FRAME_BYTES = 200
"""How much of a damaged frame an error keeps: enough to recognise it, too little to fill a log."""


class WireError(PenstockError):
    """Bytes that cannot be read.

    `offset` is the byte offset of the frame in the stream, None where it is not known; `frame` is how the frame begins.
    """

    def __init__(self, message: str, *, offset: int | None = None, frame: bytes = b"") -> None:
        """Say what is wrong, and where."""
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.frame = frame[:SHOWN_FRAME_BYTES]

    def at(self, offset: int | None, frame: bytes) -> Self:
        """Fill in the place and return self."""
        self.offset = offset
        self.frame = frame[:SHOWN_FRAME_BYTES]
        return self

    def __str__(self) -> str:
        place = f"byte {self.offset}: " if self.offset is not None else ""
        shown = f" in {self.frame.decode('utf-8', 'backslashreplace')!r}" if self.frame else ""
        return f"{place}{self.message}{shown}"


class FramingError(WireError):
    """The bytes do not divide into frames, or pass a limit on the way."""


class JSONError(WireError):
    """The data of a frame is not one JSON object."""


class ShapeError(WireError):
    """A JSON object lacks something without which it says nothing, such as the `delta` of a delta.

    `path` is where (`item.content[0].text`; empty for the object itself), `expected` what should be there.
    """

    def __init__(self, path: str, expected: str, *, offset: int | None = None, frame: bytes = b"") -> None:
        """Say what was expected, and where."""
        super().__init__(f"{path or 'the object'}: {expected}", offset=offset, frame=frame)
        self.path = path
        self.expected = expected
