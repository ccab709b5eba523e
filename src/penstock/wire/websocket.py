"""The messages of a WebSocket: one event, one request or one error each, as JSON text.

Spec: "WebSocket Transport". There is no framing to do, the transport has its own; and no `[DONE]`.
"""

from __future__ import annotations

from penstock.spec.events import ErrorEvent, ResponseStreamEvent
from penstock.spec.request import WebSocketCreateResponse, WebSocketError
from penstock.wire.codec import EventCodec, decode_json_object, encode_object
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import FramingError, JSONError, ShapeError, WireError
from penstock.wire.load import load

__all__ = ["WebSocketCodec", "decode_create", "encode_create"]


class WebSocketCodec:
    """The messages a server sends, in one dialect: events, and errors with an HTTP status."""

    def __init__(self, dialect: Dialect = OPENRESPONSES, *, max_message: int = MAX_FRAME_BYTES) -> None:
        """Begin a connection in `dialect`; longer messages than `max_message` bytes are refused."""
        self._codec = EventCodec(dialect)
        self._max_message = max_message

    def decode(self, message: str | bytes) -> ResponseStreamEvent | WebSocketError:
        """Return the event or the error in `message`; what tells an error is its `status`.

        Raises FramingError where the message is too long, JSONError where it is not one JSON object, ShapeError where
        nothing can be made of it. The codec is usable afterwards.
        """
        data = _bytes(message, self._max_message)
        try:
            event = self._codec.decode(data)
            if isinstance(event, ErrorEvent) and "status" in event.extra:
                return load(WebSocketError, decode_json_object(data), tolerant=True)
        except WireError as error:
            raise error.at(None, data) from None
        return event

    def encode(self, message: ResponseStreamEvent | WebSocketError) -> str | None:
        """Return `message` as JSON text; None where the dialect has no such event, as its notes then say."""
        if isinstance(message, WebSocketError):
            return encode_object(message).decode()
        data = self._codec.encode(message)
        return None if data is None else data.decode()


def decode_create(message: str | bytes, *, max_message: int = MAX_FRAME_BYTES) -> WebSocketCreateResponse:
    """Return the request in a client's `message`; unknown keys are kept in its `extra`.

    Raises as `WebSocketCodec.decode` does; ShapeError for anything the specification does not allow in a request, its
    `path` naming the parameter.
    """
    data = _bytes(message, max_message)
    try:
        fields = decode_json_object(data)
        if fields.get("type") != "response.create":
            got = f", got {fields['type']!r}" if "type" in fields else ""
            raise ShapeError("type", f"expected 'response.create'{got}")
        return load(WebSocketCreateResponse, fields, tolerant=False)
    except WireError as error:
        raise error.at(None, data) from None


def encode_create(request: WebSocketCreateResponse) -> str:
    """Return `request` as JSON text."""
    return encode_object(request).decode()


def _bytes(message: str | bytes, limit: int) -> bytes:
    """Return `message` as bytes; raise FramingError where it is over the limit, JSONError where it is no Unicode."""
    try:
        data = message.encode() if isinstance(message, str) else message
    except UnicodeEncodeError as error:
        raise JSONError(f"not Unicode: a lone surrogate at character {error.start}") from None
    if len(data) > limit:
        raise FramingError(f"a message of more than {limit} bytes", frame=data)
    return data
