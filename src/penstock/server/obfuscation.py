"""Padding, so that the sizes of events tell nothing of the words in them (`stream_options.include_obfuscation`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from penstock.spec.events import DeltaEvent, RefusalDelta, ResponseStreamEvent
from penstock.stream.emitter import StreamEventEmitter

__all__ = ["ObfuscatingEmitter"]

BLOCK: Final = 32
"""Deltas are padded to a multiple of so many bytes: longer than nearly every token."""


class ObfuscatingEmitter(StreamEventEmitter):
    """Passes events on, each delta with an `obfuscation` that makes it as long as others are.

    Those of a refusal have none in the specification, and are left as they are.
    """

    def __init__(self, emitter: StreamEventEmitter, random_text: Callable[[int], str] | None = None) -> None:
        """Pass events on to `emitter`; `random_text` returns so many characters that nobody can guess."""
        self._emitter = emitter
        self._random_text = random_text or _random_text

    def emit(self, event: ResponseStreamEvent) -> None:
        """Pass `event` on, padded where it is a delta that can be."""
        if isinstance(event, DeltaEvent) and not isinstance(event, RefusalDelta):
            padded: Any = replace(event, obfuscation=self._random_text(-len(event.delta.encode()) % BLOCK or BLOCK))
            event = padded
        self._emitter.emit(event)


def _random_text(length: int) -> str:
    return secrets.token_urlsafe(length)[:length]
