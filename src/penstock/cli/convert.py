"""`penstock convert`: another API's reply in, a valid Open Responses stream out."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from penstock.cli.describe import failure_words
from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.escape import one_line
from penstock.cli.requests import load_request
from penstock.cli.source import Source, open_source
from penstock.live import ResponseStream, random_id
from penstock.spec.request import CreateResponse
from penstock.stream.states import ResponseState
from penstock.transport import JSONLEmitter, SSEEmitter
from penstock.upstream.base import Loss, UnsupportedParameter
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.relay import Relay
from penstock.wire.codec import decode_json_object
from penstock.wire.dialects import dialect_by_name
from penstock.wire.errors import FramingError, JSONError
from penstock.wire.sse import SSEDecoder

__all__ = ["look_ahead", "run", "seeded_id"]

_UPSTREAMS: Final[Mapping[str, type[ChatCompletions]]] = {"chat-completions": ChatCompletions}
_STOPPED_CLOCK: Final = 1_767_225_600.0
"""The time of a reproducible stream: the first second of 2026, UTC."""
_UNKNOWN_MODEL: Final = "unknown"


def run(arguments: argparse.Namespace) -> int:
    """Convert; return the exit code."""
    if arguments.request == "-" and arguments.file in {None, "-"}:
        raise CommandError("FILE and --request cannot both be standard input")
    request = load_request(arguments.request) if arguments.request is not None else None
    dialect = dialect_by_name(arguments.dialect)
    seeded = arguments.seed is not None
    with open_source(arguments.file) as source:
        chunks = _Chunks(source)
        held: list[bytes] = []
        named = look_ahead(chunks, held)
        if chunks.error is not None and not held:
            raise chunks.error
        model = arguments.model or _requested_model(request) or named or _UNKNOWN_MODEL
        output = _Output()
        emitter = (JSONLEmitter if arguments.to == "jsonl" else SSEEmitter)(output.write, dialect=dialect)
        stream = ResponseStream(
            emitter,
            model=model,
            request=request,
            ids=seeded_id(arguments.seed) if seeded else random_id,
            clock=(lambda: _STOPPED_CLOCK) if seeded else time.time,
        )
        api = _UPSTREAMS[arguments.upstream]()
        translation = api.stream(request)
        relay = Relay(translation, stream)
        for chunk in itertools.chain(held, chunks):
            relay.feed(chunk)
            output.send()
            if relay.is_done:
                break
    if chunks.error is not None:
        relay.abort()
    else:
        relay.close()
    if isinstance(emitter, SSEEmitter):
        emitter.done()
    output.send()
    _tell("request, ", _request_losses(api, request))
    _tell("left out, ", [f"{loss.param}: {loss.reason}" for loss in translation.losses])
    _tell("", [f"{note} ({times:,} times)" if times > 1 else note for note, times in dialect.notes.items()])
    return _end(stream, chunks.error)


def _end(stream: ResponseStream, error: CommandError | None) -> int:
    """Tell of a failure; return the exit code."""
    if error is not None:
        _tell("", [f"cut short, {error}"])
        return FAILED
    if stream.state is ResponseState.FAILED:
        _tell("the reply failed, ", [failure_words(stream.response)])
        return FAILED
    return FINE


def _tell(prefix: str, lines: Iterable[str]) -> None:
    if sys.stderr is not None:
        for line in lines:
            print(f"penstock convert: {prefix}{one_line(line)}", file=sys.stderr)


def _requested_model(request: CreateResponse | None) -> str:
    return request.model if request is not None and isinstance(request.model, str) else ""


def _request_losses(api: ChatCompletions, request: CreateResponse | None) -> list[str]:
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


def look_ahead(chunks: Iterator[bytes], held: list[bytes]) -> str:
    """Read the beginning of a reply into `held`; return the model it names, empty where it names none.

    The first event must name the model, so this much has to be there before anything can be said. Raises CommandError
    where the beginning is that of another API's stream.
    """
    decoder = SSEDecoder()
    try:
        for data in chunks:
            held.append(data)
            for frame in decoder.feed(data):
                model = _named_model(frame.data)
                if model is not None:
                    return model
    except FramingError:
        return ""
    # No frames: perhaps it is one document.
    return _named_model(b"".join(held)) or ""


def _named_model(data: bytes) -> str | None:
    """Return the model a chunk names; empty where it names none and none can follow; None where one may follow."""
    try:
        fields = decode_json_object(data)
    except JSONError:
        return None
    kind = fields.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        raise CommandError("the input is an Open Responses stream, not a Chat Completions stream; try: penstock read")
    if kind == "message_start":
        raise CommandError("the input is an Anthropic Messages stream, not a Chat Completions stream")
    if "candidates" in fields:
        raise CommandError("the input is a Gemini stream, not a Chat Completions stream")
    model = fields.get("model")
    if isinstance(model, str) and model:
        return model
    # Some begin with a chunk about the prompt that names no model, and has no choices.
    return "" if fields.get("choices") or "error" in fields else None


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


class _Output:
    """Standard output, as bytes. What is ready together leaves together."""

    def __init__(self) -> None:
        if sys.stdout is None:
            raise CommandError("standard output is closed")
        self._stream = sys.stdout.buffer
        self._ready: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep `data` until `send`."""
        self._ready.append(data)

    def send(self) -> None:
        """Hand on what is ready."""
        if self._ready:
            ready, self._ready = self._ready, []
            self._stream.write(b"".join(ready))
            self._stream.flush()
