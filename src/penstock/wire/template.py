"""Frames of deltas without making the events: what a stream writes most, written fastest.

All deltas of a part differ in two places only. A template takes the frame of one, as the encoder writes it, and cuts it
open there; so it cannot differ from the encoder's, in whatever dialect.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec.structs import replace

from penstock.spec.events import (
    FunctionCallArgumentsDelta,
    OutputTextDelta,
    ReasoningDelta,
    ReasoningSummaryTextDelta,
    RefusalDelta,
    ResponseStreamEvent,
)

__all__ = ["DeltaEvent", "DeltaTemplate", "FrameEncoder"]

DeltaEvent = OutputTextDelta | RefusalDelta | ReasoningDelta | ReasoningSummaryTextDelta | FunctionCallArgumentsDelta
"""The events that carry a `delta`."""

_encode = msgspec.json.Encoder().encode
_NUMBER = b'"sequence_number":0'
_DELTA = b'"delta":""'


class FrameEncoder(Protocol):
    """What makes a frame of an event: `SSEEncoder`, `JSONLEncoder`."""

    def encode(self, event: ResponseStreamEvent) -> bytes:
        """Return the frame; nothing where the dialect has no such event."""
        ...


class DeltaTemplate:
    """Writes the frames of one open part's deltas, byte for byte as the encoder's `encode` would.

    Make it anew for each part. What the dialect notes is noted once, when the template is made.
    """

    __slots__ = ("_encoder", "_event", "_form")

    def __init__(self, event: DeltaEvent, encoder: FrameEncoder) -> None:
        """Take the part's constant fields from `event`; its `sequence_number` and `delta` do not matter."""
        self._encoder = encoder
        self._event = event
        frame = encoder.encode(replace(event, sequence_number=0, delta="")).replace(b"%", b"%%")
        # Within a JSON string every quote is escaped, and a value is never followed by a colon: each is there once.
        self._form = frame.replace(_NUMBER, b'"sequence_number":%d').replace(_DELTA, b'"delta":%b')

    def frame(self, sequence_number: int, delta: str) -> bytes:
        """Return the frame of the part's next delta; nothing where the dialect has no such event."""
        try:
            return self._form % (sequence_number, _encode(delta)) if self._form else b""
        except UnicodeEncodeError:
            # A lone surrogate, which the encoder knows how to escape.
            return self._encoder.encode(replace(self._event, sequence_number=sequence_number, delta=delta))
