"""The adapter: a Responses endpoint, of anybody's make, behind the one interface of all upstreams.

The request goes out nearly as it came. The reply is mended first (`penstock.upstream.responses.mender`), and what the
stream in order says is said again (`penstock.upstream.responses.said`): so whatever a server gets wrong is put right in
one place, for whoever proxies it and for whoever repairs recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from penstock.spec.events import ResponseEvent, ResponseStreamEvent
from penstock.spec.request import CreateResponse
from penstock.stream.output import Arguments, Failure, Output, Reasoning, ReasoningSummary, Refusal, Text
from penstock.upstream.base import Loss, Translation, UpstreamAPI, UpstreamRequest
from penstock.upstream.faults import provider_error
from penstock.upstream.responses.alike import DELTA_EVENTS, Alike
from penstock.upstream.responses.mender import Mended, Mender
from penstock.upstream.responses.request import Options, translate
from penstock.upstream.responses.said import Said
from penstock.wire.codec import EventCodec, decode_json_object
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.errors import FramingError, JSONError
from penstock.wire.formats import Beginning, Format
from penstock.wire.sse import Frame, Run, SSEDecoder

__all__ = ["Responses", "ResponsesTranslation"]

_NOT_EXACT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
MAX_TRIES: Final = 3
"""How often in one run of frames all that follow are taken to be alike: each try that fails has read them in vain."""
_STATUSES: Final = ("completed", "failed", "incomplete")


class Responses(UpstreamAPI):
    """The Responses API of OpenAI, or of anyone whose endpoint resembles it."""

    name = "responses"
    endpoint = "/responses"

    def __init__(self, options: Options | None = None) -> None:
        """Speak to a server that differs from the others as `options` say."""
        self.options = options if options is not None else Options()

    def request(self, request: CreateResponse, *, stream: bool = True) -> UpstreamRequest:
        """Return `request` as the body of `POST /responses`, nearly as it is (`penstock.upstream.responses.request`).

        Raises UnsupportedParameter for what only our own store can resolve, and must have resolved before:
        `previous_response_id`, item references, `background`.
        """
        return translate(request, self.options, stream=stream)

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
        self._mender = Mender(ids=self._make_up, clock=_no_time, request=request)
        self._said = Said(self._mender.item, made_up=self._made_up, lose=self._lose)
        self._alike: Alike | None = None
        self._again: Callable[[str], Output] = Text
        self._decoder = SSEDecoder()
        self._beginning = Beginning(max_line=MAX_FRAME_BYTES)
        self._format: Format | None = None
        self._held = bytearray()
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
        if self.model is None:
            events = [*events]
            named = (event.response.model for event in events if isinstance(event, ResponseEvent))
            self.model = next(filter(None, named), None)
        return self._said.read(events)

    def _lose(self, param: str, reason: str) -> None:
        self.losses.append(Loss(param, reason))

    def _feed(self, data: bytes, *, final: bool) -> list[Output]:
        if self._format is None:
            data = self._beginning.take(data, final=final)
            self._format = self._beginning.format
            if self._format is None:
                return []
        if self._format is not Format.SSE:
            self._held += data
            if len(self._held) > MAX_FRAME_BYTES:
                raise FramingError(f"a document of more than {MAX_FRAME_BYTES} bytes")
            return self._document(bytes(self._held)) if final else []
        out: list[Output] = []
        for found in self._decoder.feed_runs(data):
            self._frame(found, out) if isinstance(found, Frame) else self._run(found, out)
        if final and self._decoder.error is None:
            for _ in self._decoder.flush():  # by the standard of such streams it was not sent
                self._mender.note("OR107", "the last event was left out: the reply was cut short within it")
        return out

    def _run(self, run: Run, out: list[Output]) -> None:
        """Take frames of one name. Where deltas are alike, the rest of them are read at once."""
        tried: Alike | None = None
        tries = MAX_TRIES
        for at, frame in enumerate(run.frames()):
            if tries and self._alike is not None and self._alike is not tried and run.event == self._alike.name:
                tried, tries = self._alike, tries - 1
                if self._passes(run.bodies[at:], out):
                    return
            self._frame(frame, out)

    def _passes(self, bodies: Sequence[bytes], out: list[Output]) -> bool:
        """Whether the data of frames is nothing but deltas like the last one; then they were taken."""
        alike = self._alike
        number = None if alike is None else self._mender.due(alike.event)
        deltas = None if alike is None or number is None else alike.read(bodies, number)
        if deltas is None:
            return False
        self._mender.pass_deltas(deltas)
        again = self._again
        out += [again(delta.delta) for delta in deltas]
        return True

    def _frame(self, frame: Frame, out: list[Output]) -> None:
        if frame.is_done:
            out += self._say(self._mender.end())
            return
        try:
            event = EventCodec.exact(frame.data)
        except _NOT_EXACT:
            self._inexact(frame, out)
            return
        events = self._mender.feed_exact(event)
        said = self._say(events)
        out += said
        if isinstance(event, DELTA_EVENTS) and len(said) == 1 and len(events) == 1 and events[0] is event:
            again = _again(said[0])
            if again is not None:
                self._alike, self._again = Alike(event, frame.data), again

    def _inexact(self, frame: Frame, out: list[Output]) -> None:
        try:
            raw = decode_json_object(frame.data)
        except JSONError as error:
            self._mender.note("OR106", f"a frame was left out: {error.message}")
            return
        out += self._say(self._mender.feed(raw, frame.event))

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
        return [Failure(provider_error(fields.get("error", fields)))]


def _no_time() -> float:
    return 0.0


def _again(said: Output) -> Callable[[str], Output] | None:
    """Return how the next delta is said that is like one which was said so; None where it may be said otherwise."""
    match said:
        case Text(logprobs=None) | Refusal() | Reasoning() | ReasoningSummary():
            return type(said)
        case Arguments():
            return partial(Arguments, call=said.call)
        case _:
            return None
