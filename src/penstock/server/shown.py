"""How a client is shown a stream, or a whole response: in its dialect, and of that what it can read."""

from __future__ import annotations

from typing import cast

from penstock.server.client import Manner
from penstock.server.obfuscation import ObfuscatingEmitter
from penstock.server.view import View
from penstock.spec.events import ResponseCompleted
from penstock.spec.items import ItemParam, MessageItemParam
from penstock.spec.response import Response
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.emitters import ListStreamEmitter
from penstock.wire.codec import to_plain

__all__ = ["as_shown", "input_item_as_shown", "shown_by"]


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


def input_item_as_shown(item: ItemParam) -> dict[str, object]:
    """Return an item of a request's input, as plain JSON data, such as lists of input items hold them.

    A message's content may be sent as a string; it is always listed as parts, as OpenAI lists it and its SDKs read it.
    """
    plain = cast("dict[str, object]", to_plain(item))
    if isinstance(item, MessageItemParam):
        if isinstance(item.content, str):
            is_own = item.role == "assistant"
            part: dict[str, object] = {"type": "output_text", "annotations": []} if is_own else {"type": "input_text"}
            plain["content"] = [{**part, "text": item.content}]
        plain.setdefault("status", "completed")
    return plain
