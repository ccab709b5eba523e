"""`penstock demo`: a provider's reply becomes an Open Responses stream while one watches.

Nothing is staged: the recording goes through the same adapter, writer and bytes as any other reply, and what is shown
is read back from those bytes by a reader that accepts no fault.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Final

from penstock.cli.describe import compact_json, count
from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.screen import Progress, Screen, open_screen
from penstock.cli.show import ResponseView
from penstock.cli.turn import Turn
from penstock.live import ResponseStream
from penstock.spec.events import DeltaEvent, ResponseStreamEvent
from penstock.spec.request import CreateResponse
from penstock.transport import SSEEmitter
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.relay import Relay
from penstock.wire.codec import decode_json_object
from penstock.wire.dialects import as_array, as_object
from penstock.wire.errors import JSONError
from penstock.wire.requests import parse_create
from penstock.wire.sse import SSEEventDecoder

__all__ = ["run"]

_SECONDS: Final = 5.5
"""How long the chunks take in all, a little less than a model would."""
_FIRST_PAUSE: Final = 0.7
"""How long the model seems to think before its first chunk, in seconds."""
_TICK: Final = 0.05

_WELCOME: Final = (
    "A provider's reply in Chat Completions form is played chunk by chunk. Each chunk is relayed at once as the events "
    "of an Open Responses stream, and what you see is read back from the bytes of that stream."
)
_TRY: Final = (
    ("with a reply you recorded", "penstock convert --from chat-completions reply.sse > responses.sse"),
    ("look at any stream", "penstock read responses.sse"),
    ("live", "curl -sN URL ... | penstock convert --from chat-completions | penstock read"),
)


class _Demo:
    """The pipe from the recording to the screen: bytes in, relay, bytes out, reader, screen."""

    def __init__(self, request: CreateResponse, screen: Screen, clock: Callable[[], float]) -> None:
        self.turn = Turn(strict=True)
        self.chunks = 0
        self.deltas = 0
        self._clock = clock
        self._began = clock()
        self._view = ResponseView(self.turn.reader, screen)
        self._wire: deque[bytes] = deque()
        self._emitter = SSEEmitter(self._wire.append)
        model = request.model if isinstance(request.model, str) else "unknown"
        stream = ResponseStream(self._emitter, model=model, request=request)
        self._relay = Relay(ChatCompletions().stream(request), stream)
        self._decoder = SSEEventDecoder()
        self._in = self._out = ""

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self._began

    def feed(self, chunk: bytes) -> None:
        """Relay a chunk, and show what came of it."""
        self.chunks += 1
        self._in = f"chunk {self.chunks:<4} {_chunk_words(chunk)}"
        self._relay.feed(chunk)
        self._read()

    def close(self) -> None:
        """The reply is over: end the stream, and show the rest."""
        self._relay.close()
        self._emitter.done()
        self._read()
        self._view.finish()

    def _read(self) -> None:
        """Read back what has been written."""
        data = b"".join(self._wire)
        self._wire.clear()
        events = self._decoder.feed(data)
        for event in events:
            self.turn.feed(event)
            self._view.feed(event)
            self.deltas += isinstance(event, DeltaEvent)
        if events:
            self._out = f"event {self.turn.events:<4} {_event_words(events)}"

    def progress(self) -> Progress:
        """Return how far it is: the last chunk, what became of it, and the counts."""
        words = [
            f"{self.seconds:.1f} s",
            f"{count(self.chunks, 'chunk')} in",
            f"{count(self.turn.events, 'event')} out",
            self.turn.token_words,
        ]
        lines = [("in", self._in), ("out", self._out)] if self.chunks else []
        return Progress(words, self._view.drafts(), lines)


def run(
    arguments: argparse.Namespace,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Show the demo; return the exit code. `sleep` and `clock` are in seconds."""
    chunks, request = _recording()
    is_paced = not arguments.fast and sys.stdout is not None and sys.stdout.isatty()
    with open_screen(live=is_paced) as screen:
        screen.heading("Chat Completions in, Open Responses out", tone="good")
        screen.line(_WELCOME)
        demo = _Demo(request, screen, clock)
        screen.progress = demo.progress
        screen.refresh()
        for pause, chunk in zip(_pauses(len(chunks)), chunks, strict=True):
            if is_paced:
                _wait(pause, screen, sleep)
            demo.feed(chunk)
            screen.refresh()
        demo.close()
        screen.progress = None
        demo.turn.sum_up(screen, seconds=demo.seconds if is_paced else None)
        _explain(demo, screen)
    return FINE if demo.turn.is_sound else FAILED


def _recording() -> tuple[list[bytes], CreateResponse]:
    """Return the shipped reply, a chunk a frame, and the request it answers."""
    folder = files("penstock") / "data"
    try:
        reply = (folder / "demo_chat_completions.sse").read_bytes()
        request = parse_create((folder / "demo_request.json").read_bytes())
    except OSError as error:
        raise CommandError("the recording of the demo is missing from this installation") from error
    return [frame + b"\n\n" for frame in reply.split(b"\n\n") if frame.strip()], request


def _pauses(chunks: int) -> list[float]:
    """Return how long to wait before each chunk, in seconds."""
    return [_FIRST_PAUSE, *([_SECONDS / chunks] * (chunks - 1))]


def _wait(seconds: float, screen: Screen, sleep: Callable[[float], None]) -> None:
    """Wait, and keep the screen moving."""
    while seconds > 0:
        sleep(min(seconds, _TICK))
        seconds -= _TICK
        screen.refresh()


def _explain(demo: _Demo, screen: Screen) -> None:
    """Say what was to be seen, and what to do next."""
    turn = demo.turn
    response = turn.response
    items = len(response.output) if response is not None else 0
    screen.fact("relayed", f"{count(demo.chunks, 'chunk')} in, {count(turn.events, 'event')} out")
    screen.heading("What you saw", tone="good")
    others = turn.events - demo.deltas
    screen.line(
        f"Chat Completions only says what to append. Penstock made {count(items, 'item')} of it: {others} events for "
        f"what begins and ends, around {count(demo.deltas, 'delta')}, all named and numbered, and at the end the "
        "whole response. Calls that came interleaved were taken apart. A strict reader accepted every event."
    )
    screen.heading("Try next", tone="good")
    for what, command in _TRY:
        screen.line(f"# {what}", "aside")
        screen.line(command)


def _chunk_words(chunk: bytes) -> str:
    """Return what a chunk says, without what is the same in all of them."""
    data = chunk.strip().removeprefix(b"data:").strip()
    try:
        fields = decode_json_object(data)
    except JSONError:
        return data.decode("utf-8", "replace")
    choices = as_array(fields.get("choices"))
    if not choices:
        return compact_json({"usage": fields.get("usage")})
    choice = as_object(choices[0])
    reason = choice.get("finish_reason")
    return compact_json({"finish_reason": reason} if reason else choice.get("delta"))


def _event_words(events: Sequence[ResponseStreamEvent]) -> str:
    """Return what events there are, and the text of one that is alone."""
    if len(events) == 1 and isinstance(events[0], DeltaEvent):
        return f"{events[0].event_type} {compact_json(events[0].delta)}"
    return ", ".join(event.event_type.removeprefix("response.") for event in events)
