"""The adapter: a Responses endpoint, of anybody's make, behind the one interface of all upstreams.

The request goes out nearly as it came. The reply is mended first (`penstock.upstream.responses.mender`), and what the
stream in order says is said again (`penstock.upstream.responses.said`): so whatever a server gets wrong is put right in
one place, for whoever proxies it and for whoever repairs recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from penstock.spec.events import ResponseStreamEvent
from penstock.spec.items import ItemReferenceParam
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Failure, FunctionCall, Output
from penstock.upstream.base import Translation, UnsupportedParameter, UpstreamAPI, UpstreamRequest
from penstock.upstream.responses.mender import Mended, Mender
from penstock.upstream.responses.said import Said
from penstock.wire.codec import EventCodec, decode_json_object, encode_plain, to_plain
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.errors import FramingError, JSONError
from penstock.wire.formats import Format, detect_format
from penstock.wire.load import load
from penstock.wire.sse import Frame, SSEDecoder

__all__ = ["Responses", "ResponsesTranslation"]

_NOT_EXACT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_STATUSES: Final = ("completed", "failed", "incomplete")


class Responses(UpstreamAPI):
    """The Responses API of OpenAI, or of anyone whose endpoint resembles it."""

    name = "responses"
    endpoint = "/responses"

    def request(self, request: CreateResponse, *, stream: bool = True) -> UpstreamRequest:
        """Return `request` as the body of `POST /responses`: as it is, with `stream` set.

        Raises UnsupportedParameter for what only our own store can resolve, and must have resolved before:
        `previous_response_id`, item references, `background`.
        """
        for param in ("previous_response_id", "background"):
            if getattr(request, param):
                raise UnsupportedParameter(
                    param, "the upstream does not know our responses; it must be resolved before"
                )
        if isinstance(request.input, list):
            for index, item in enumerate(request.input):
                if isinstance(item, ItemReferenceParam):
                    raise UnsupportedParameter(f"input[{index}]", "the upstream does not know our items")
        body = cast("dict[str, Any]", to_plain(request))
        return UpstreamRequest(body={**body, "stream": stream}, losses=[])

    def stream(self, request: CreateResponse | None = None) -> ResponsesTranslation:
        """Return a fresh translation of a streamed reply."""
        return ResponsesTranslation(request)

    def reply(self, data: bytes, request: CreateResponse | None = None) -> Sequence[Output]:
        """Return what the model said in a whole reply; an event stream that came in its place is read too."""
        translation = self.stream(request)
        return [*translation.feed(data), *translation.close()]


class ResponsesTranslation(Translation):
    """One reply of a Responses endpoint, streamed or whole. `mends` are what was wrong with it."""

    def __init__(self, request: CreateResponse | None = None) -> None:
        """Read a reply to `request`, where that is known."""
        super().__init__()
        self._made_up: set[str] = set()
        # Nothing of the time, and no id but a call's, is said; what is made up here is made up again by the writer.
        self._mender = Mender(ids=self._make_up, clock=lambda: 0.0, request=request)
        self._said = Said(self._mender.item)
        self._decoder = SSEDecoder()
        self._format: Format | None = None
        self._head = bytearray()
        self._is_over = False

    @property
    def mends(self) -> list[Mended]:
        """What was wrong with the reply, and was mended."""
        return self._mender.mends

    def feed(self, data: bytes) -> Sequence[Output]:
        """Take the next bytes of the reply, cut anywhere; return what the model said in them, in order."""
        return self._guarded(lambda: self._feed(data, final=False))

    def close(self) -> Sequence[Output]:
        """The upstream closed the connection: return what is left; a reply cut short is a `Failure`."""
        out = [*self._guarded(lambda: self._feed(b"", final=True))]
        if not self._is_over:
            out += self._say(self._mender.close())
        self._is_over = True
        return out

    def _make_up(self, prefix: str) -> str:
        made_up = f"{prefix}_untold_{len(self._made_up) + 1}"
        self._made_up.add(made_up)
        return made_up

    def _guarded(self, read: Callable[[], list[Output]]) -> list[Output]:
        """Return what `read` returns; after bytes that cannot be read, the reply is cut short."""
        if self._is_over:
            return []
        try:
            return read()
        except FramingError as error:
            self._mender.note("OR106", f"the reply cannot be read: {error.message}")
            out = self._say(self._mender.close())
            self._is_over = True
            return out

    def _say(self, events: Iterable[ResponseStreamEvent]) -> list[Output]:
        return [self._as_told(output) for output in self._said.read(events)]

    def _as_told(self, output: Output) -> Output:
        """Return a call as the upstream told it: the writer makes up its id, where it has none."""
        if isinstance(output, FunctionCall) and output.call_id in self._made_up:
            return FunctionCall(output.name, output.arguments, None, output.key)
        return output

    def _feed(self, data: bytes, *, final: bool) -> list[Output]:
        if self._format is None:
            self._head += data
            self._format = detect_format(bytes(self._head), final=final)
            if self._format is None:
                return []
            data = bytes(self._head)
            self._head.clear()
        if self._format is not Format.SSE:
            self._head += data
            if len(self._head) > MAX_FRAME_BYTES:
                raise FramingError(f"a document of more than {MAX_FRAME_BYTES} bytes")
            return self._document(bytes(self._head)) if final else []
        out: list[Output] = []
        frames = self._decoder.feed(data)
        for frame in [*frames, *(self._decoder.flush() if final and self._decoder.error is None else [])]:
            out += self._frame(frame)
        return out

    def _frame(self, frame: Frame) -> list[Output]:
        if frame.is_done:
            return self._say(self._mender.end())
        try:
            return self._say(self._mender.feed_exact(EventCodec.exact(frame.data)))
        except _NOT_EXACT:
            pass
        try:
            raw = decode_json_object(frame.data)
        except JSONError as error:
            self._mender.note("OR106", f"a frame was left out: {error.message}")
            return []
        return self._say(self._mender.feed(raw, frame.event))

    def _document(self, data: bytes) -> list[Output]:
        """Take a whole reply: it is read as its terminal event; anything else is an error."""
        try:
            fields = decode_json_object(data)
        except JSONError as error:
            self._mender.note("OR106", f"the reply cannot be read: {error.message}")
            return []
        if fields.get("object") == "response" and "type" not in fields:
            status = fields.get("status")
            name = f"response.{status}" if status in _STATUSES else "response.in_progress"
            event: Mapping[str, Any] = {"type": name, "sequence_number": 0, "response": fields}
            return self._say([*self._mender.feed(event), *self._mender.end()])
        self._is_over = True
        return [Failure(_error_of(fields))]


def _error_of(fields: Mapping[str, Any]) -> ErrorPayload:
    """Return the error in the body of a reply, `{"error": {...}}` or whatever it is."""
    error = fields.get("error", fields)
    if isinstance(error, dict) and "message" in error:
        # Every field of an error has a zero value, so a tolerant reading refuses none.
        payload = load(ErrorPayload, cast("dict[str, Any]", error), tolerant=True)
        return replace(payload, type=payload.type or "server_error")
    message = error if isinstance(error, str) else encode_plain(dict(fields)).decode()[:200]
    return ErrorPayload(type="server_error", code="upstream_error", message=message, param=None)
