"""`penstock convert`: another API's reply in, a valid Open Responses stream out."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from penstock.cli.adapter import adapter
from penstock.cli.describe import failure_words
from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.kinds import KINDS, kind_of
from penstock.cli.output import Output, tell
from penstock.cli.requests import load_request
from penstock.cli.source import Source, open_source
from penstock.live import ResponseStream, random_id
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output as Said
from penstock.stream.output import Usage
from penstock.stream.states import ResponseState
from penstock.transport import JSONLEmitter, SSEEmitter
from penstock.upstream.base import Loss, Translation, UnsupportedParameter, UpstreamAPI
from penstock.upstream.relay import Relay
from penstock.upstream.values import read_json
from penstock.wire.dialects import dialect_by_name
from penstock.wire.errors import FramingError
from penstock.wire.sse import SSEDecoder
from penstock.wire.wording import is_array, is_object

__all__ = ["run", "seeded_id"]

_STOPPED_CLOCK: Final = 1_767_225_600.0
"""The time of a reproducible stream: the first second of 2026, UTC."""
_UNKNOWN_MODEL: Final = "unknown"
_MOST_HEAD: Final = 1024 * 1024
"""How much of the input is looked at, in bytes, to tell which API it comes from."""


def run(arguments: argparse.Namespace) -> int:
    """Convert; return the exit code."""
    if arguments.request == "-" and arguments.file in {None, "-"}:
        raise CommandError("FILE and --request cannot both be standard input")
    request = load_request(arguments.request) if arguments.request is not None else None
    dialect = dialect_by_name(arguments.dialect)
    seeded = arguments.seed is not None
    api = adapter(arguments.upstream, arguments.option)
    output = Output()
    emitter = (JSONLEmitter if arguments.to == "jsonl" else SSEEmitter)(output.write, dialect=dialect)

    def writer(model: str) -> ResponseStream:
        return ResponseStream(
            emitter,
            model=model,
            request=request,
            ids=seeded_id(arguments.seed) if seeded else random_id,
            clock=(lambda: _STOPPED_CLOCK) if seeded else time.time,
        )

    conversion = _Conversion(api.stream(request), writer, arguments.model or _requested_model(request))
    head = _Head(api.name)
    with open_source(arguments.file) as source:
        chunks = _Chunks(source)
        for chunk in chunks:
            head.feed(chunk)
            conversion.feed(chunk)
            output.send()
            if conversion.is_done:
                break
    if chunks.error is not None and not head.is_begun:
        raise chunks.error
    head.close()
    stream = conversion.close(is_broken=chunks.error is not None)
    if isinstance(emitter, SSEEmitter):
        emitter.done()
    output.send()
    tell("convert", "request, ", _request_losses(api, request))
    tell("convert", "left out, ", [f"{loss.param}: {loss.reason}" for loss in conversion.losses])
    notes = dialect.notes.items()
    tell("convert", "", [f"{note} ({times:,} times)" if times > 1 else note for note, times in notes])
    return _end(stream, chunks.error)


def _end(stream: ResponseStream, error: CommandError | None) -> int:
    """Tell of a failure; return the exit code."""
    if error is not None:
        tell("convert", "", [f"cut short, {error}"])
        return FAILED
    if stream.state is ResponseState.FAILED:
        tell("convert", "the reply failed, ", [failure_words(stream.response)])
        return FAILED
    return FINE


def _requested_model(request: CreateResponse | None) -> str:
    return request.model if request is not None and isinstance(request.model, str) else ""


def _request_losses(api: UpstreamAPI, request: CreateResponse | None) -> list[str]:
    """Return what of the request the provider cannot have been asked."""
    if request is None or not _requested_model(request):
        return []
    try:
        losses = api.request(request).losses
    except UnsupportedParameter as error:
        losses = [Loss(error.param, error.reason)]
    return [f"{loss.param}: {loss.reason}" for loss in losses]


def seeded_id(seed: int) -> Callable[[str], str]:
    """Return a maker of ids that look random and are always the same for the same `seed`."""
    generator = random.Random(seed)
    return lambda prefix: f"{prefix}_{generator.getrandbits(128):032x}"


class _Conversion:
    """A reply on its way to the writer, which is made as soon as it is known which model it is of.

    The first event names the model, so nothing can be said before; and once there is something to say, it is said.
    """

    def __init__(self, translation: Translation, writer: Callable[[str], ResponseStream], model: str) -> None:
        self._translation = translation
        self._writer = writer
        self._held: list[Said] = []
        self._relay: Relay | None = None
        self._stream: ResponseStream | None = None
        if model:
            self._begin(model)

    @property
    def is_done(self) -> bool:
        """Whether the rest of the reply need not be read."""
        return self._relay is not None and self._relay.is_done

    @property
    def losses(self) -> list[Loss]:
        """What of the reply has no place in Open Responses."""
        return self._translation.losses

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the reply."""
        if self._relay is not None:
            self._relay.feed(data)
            return
        self._held += self._translation.feed(data)
        is_said = any(not isinstance(said, Usage) for said in self._held)
        if self._translation.model or is_said:
            self._begin(self._translation.model or _UNKNOWN_MODEL).feed(b"")

    def close(self, *, is_broken: bool) -> ResponseStream:
        """The reply is over, or broken off: end the stream, and return it."""
        if self._relay is None and not is_broken:
            # A whole reply names its model only now.
            self._held += self._translation.close()
        relay = self._relay or self._begin(self._translation.model or _UNKNOWN_MODEL)
        if is_broken:
            relay.abort()
        else:
            relay.close()
        assert self._stream is not None
        return self._stream

    def _begin(self, model: str) -> Relay:
        self._stream = self._writer(model)
        self._relay = Relay(_Going(self._translation, self._held), self._stream)
        return self._relay


class _Going(Translation):
    """A translation that goes on after `held`, which it said already."""

    def __init__(self, translation: Translation, held: list[Said]) -> None:
        super().__init__()
        self._translation = translation
        self._held = held

    def feed(self, data: bytes) -> Sequence[Said]:
        return [*self._released(), *(self._translation.feed(data) if data else ())]

    def close(self) -> Sequence[Said]:
        return [*self._released(), *self._translation.close()]

    def _released(self) -> list[Said]:
        held = self._held.copy()
        self._held.clear()
        return held


class _Head:
    """The beginning of the input, looked at for signs of another API than the one that was named."""

    def __init__(self, upstream: str) -> None:
        self.is_begun = False
        self._upstream = upstream
        self._decoder: SSEDecoder | None = SSEDecoder()
        self._document = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; raise CommandError where the first frame is another API's."""
        self.is_begun = True
        if self._decoder is None:
            return
        self._document += data
        try:
            frames = self._decoder.feed(data)
        except FramingError:
            frames = []
            self._decoder = None
        for frame in frames:
            if frame.data:
                self._decoder = None
                self._check(frame.data)
                break
        if len(self._document) > _MOST_HEAD:
            self._decoder = None

    def close(self) -> None:
        """The input is over; raise CommandError where it is a document, and another API's."""
        if self._decoder is not None:
            self._check(bytes(self._document))

    def _check(self, data: bytes) -> None:
        try:
            fields = read_json(data)
        except ValueError:
            return
        if is_array(fields) and fields:
            fields = fields[0]
        kind = kind_of(fields) if is_object(fields) else None
        if kind is None or kind.upstream == self._upstream:
            return
        expected = next(other.words for other in KINDS if other.upstream == self._upstream)
        raise CommandError(f"the input is {kind.words} stream, not {expected} stream; try --from {kind.upstream}")


class _Chunks(Iterator[bytes]):
    """The bytes of a source; where it cannot be read any further they end, and `error` says why."""

    def __init__(self, source: Source) -> None:
        self.error: CommandError | None = None
        self._chunks = source.chunks()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except CommandError as error:
            self.error = error
            raise StopIteration from None
