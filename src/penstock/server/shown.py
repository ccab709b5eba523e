"""How a client is shown a stream, or a whole response: in its dialect, and of that what it can read."""

from __future__ import annotations

from typing import cast

from penstock.server.client import Manner
from penstock.server.obfuscation import ObfuscatingEmitter
from penstock.server.view import View
from penstock.spec.events import ResponseCompleted
from penstock.spec.response import Response
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.emitters import ListStreamEmitter
from penstock.wire.codec import to_plain

__all__ = ["as_shown", "shown_by"]


def shown_by(emitter: StreamEventEmitter, manner: Manner, *, obfuscate: bool = False) -> StreamEventEmitter:
    """Return `emitter` behind what makes the stream such as a client is to see it; `obfuscate`: with padding."""
    if obfuscate:
        emitter = ObfuscatingEmitter(emitter)
    return emitter if manner.view.shows_all else View(emitter, manner.view)


def as_shown(response: Response, manner: Manner) -> dict[str, object]:
    """Return a whole response, as plain JSON data, such as a client is to see it."""
    seen = View(ListStreamEmitter(), manner.view).response(response)
    # A dialect writes events; what it makes of a response is seen in any event that has one.
    event = manner.dialect().write(ResponseCompleted(sequence_number=0, response=seen))
    plain = cast("dict[str, object]", event if isinstance(event, dict) else to_plain(event))
    return cast("dict[str, object]", plain["response"])
