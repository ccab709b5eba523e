"""`penstock read`: a stream, folded and shown."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from penstock.cli.auto import reading_dialect
from penstock.cli.describe import count
from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.escape import escaped_json, one_line
from penstock.cli.kinds import kind_of
from penstock.cli.lines import LineCounter
from penstock.cli.screen import Progress, Screen, open_screen, standard_output
from penstock.cli.show import ResponseView
from penstock.cli.source import Source, open_source
from penstock.cli.turn import Damage, Turn
from penstock.spec.events import ExtensionEvent, ResponseCreated, ResponseStreamEvent
from penstock.wire.codec import encode_object
from penstock.wire.dialects import Dialect
from penstock.wire.errors import WireError
from penstock.wire.formats import AnyDecoder, Format

__all__ = ["run"]

_TICK: Final = 0.1
"""How often, in seconds, the status line moves while nothing comes."""


class _Reading:
    """The turns of one input. A recording of a WebSocket may hold several, a stream over HTTP holds one."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self.turns = [Turn()]
        self._source = source
        self._decoder = AnyDecoder(dialect, on_error=self._note_damage)
        self._lines = LineCounter()

    @property
    def turn(self) -> Turn:
        """The turn being read."""
        return self.turns[-1]

    def _note_damage(self, error: WireError) -> None:
        line = self._lines.line(error.offset, error.frame) if error.offset is not None else None
        self.turn.damages.append(Damage(error, line))

    def events(self, *, tick: float | None = None) -> Iterator[ResponseStreamEvent | None]:
        """Yield each event once its turn has taken it, and None whenever all that came so far was told.

        Raises CommandError where there is nothing to read in the input.
        """
        for chunk in self._source.chunks(tick=tick):
            self._lines.feed(chunk)
            yield from self._take(partial(self._decoder.feed, chunk))
            yield None
            if self._decoder.done or self._decoder.error is not None:
                break
        else:
            yield from self._take(self._decoder.flush)
        self._check()

    def _take(self, decode: Callable[[], list[ResponseStreamEvent]]) -> Iterator[ResponseStreamEvent]:
        try:
            events = decode()
        except WireError:
            return  # `_check` tells of it
        for event in events:
            if isinstance(event, ResponseCreated) and self.turn.reader.is_done:
                self.turns.append(Turn())
            if not self.turn.events:
                self._check_kind(event)
            self.turn.feed(event)
            yield event

    def _check_kind(self, event: ResponseStreamEvent) -> None:
        kind = kind_of(event.fields) if isinstance(event, ExtensionEvent) else None
        if kind is not None and kind.upstream != "responses":
            hint = f"try: penstock convert --from {kind.upstream}"
            raise CommandError(f"{self._source.name}: {kind.words} stream, not an Open Responses stream; {hint}")

    def _check(self) -> None:
        """Judge the input when all of it was read."""
        error = self._decoder.error
        if error is not None and all(error is not damage.error for damage in self.turn.damages):
            self._note_damage(error)
        if self.turns[0].events:
            self.turns[0].is_snapshot = self._decoder.format is Format.DOCUMENT and self.turns[0].events == 1
            return
        damages = self.turns[0].damages
        what = one_line(damages[0].words(), 160) if damages else "empty, there is no stream"
        raise CommandError(f"{self._source.name}: {what}")


def run(arguments: argparse.Namespace) -> int:
    """Read and show; return the exit code."""
    dialect = reading_dialect(arguments.dialect)
    with open_source(arguments.file) as source:
        reading = _Reading(source, dialect)
        if arguments.format == "json":
            _print_json(reading)
        else:
            with open_screen(live=source.is_slow) as screen:
                _show(reading, screen, live=source.is_slow)
    return FINE if all(turn.is_sound for turn in reading.turns) else FAILED


def _show(reading: _Reading, screen: Screen, *, live: bool) -> None:
    began = time.monotonic()
    turn: Turn | None = None
    view: ResponseView | None = None

    def progress() -> Progress:
        return _progress(reading.turn, view, time.monotonic() - began)

    screen.progress = progress
    for event in reading.events(tick=_TICK if live and screen.is_live else None):
        if event is None:
            screen.refresh()
            continue
        if turn is not reading.turn or view is None:
            if view is not None and turn is not None:
                view.finish()
                turn.sum_up(screen)
            turn = reading.turn
            view = ResponseView(turn.reader, screen)
        view.feed(event)
    screen.progress = None
    if view is not None and turn is not None:
        view.finish()
        turn.sum_up(screen, seconds=time.monotonic() - began if live and screen.is_live else None)


def _progress(turn: Turn, view: ResponseView | None, seconds: float) -> Progress:
    words = [f"{seconds:.1f} s", count(turn.events, "event"), turn.token_words]
    if turn.model:
        words.append(turn.model)
    return Progress(words, view.drafts() if view is not None else ())


def _print_json(reading: _Reading) -> None:
    for _ in reading.events():
        pass
    out = standard_output()
    for turn in reading.turns:
        response = turn.response
        if response is not None:
            text = msgspec.json.format(encode_object(response), indent=2).decode()
            out.write(escaped_json(text) + "\n")
    out.flush()
    for turn in reading.turns:
        if not turn.is_whole:
            print(f"penstock read: {one_line(turn.ending())}", file=sys.stderr)
        for line in turn.strange():
            print(f"penstock read: {one_line(line)}", file=sys.stderr)
