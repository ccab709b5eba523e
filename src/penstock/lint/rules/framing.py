"""OR1, framing: how events are put on a transport."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.lint.difference import quoted
from penstock.lint.examples import Example
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.rule import FrameRule
from penstock.wire.decoder import DONE
from penstock.wire.sse import Frame

_STREAMING = "Streaming HTTP Responses"
_MATCH = "The event field MUST match the type in the event body."
_JSON = "with individual data objects returned as JSON-encoded strings"
_DELTA = b"event: response.output_text.delta\n"


class EventFieldDiffers(FrameRule):
    """The frame says another type than the body."""

    code = "OR101"
    name = "event-field-differs"
    level = Level.ERROR
    section = _STREAMING
    sentence = _MATCH
    what = "The SSE `event` field equals the `type` of the body."
    why = (
        "Clients that dispatch on the field (any `EventSource` in a browser) take the event for another one, or never "
        "see it."
    )
    mend = "The field is written from the type."
    bad = Example(base="text", framing=lambda data: data.replace(_DELTA, b"event: response.text.delta\n", 1))
    good = Example(base="text")

    def frame(self, frame: Frame, step: Step | None, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002
        """Compare the two."""
        if step is not None and step.type and frame.event is not None and frame.event != step.type:
            yield self.found(f"the event field says {frame.event!r}, the body {step.type!r}", step, path="type")


class EventFieldAbsent(FrameRule):
    """The frame does not say its type."""

    code = "OR102"
    name = "event-field-absent"
    level = Level.ERROR
    section = _STREAMING
    sentence = _MATCH
    what = "Every event is sent with its `event` field."
    why = (
        "An `EventSource` in a browser hands such an event to `onmessage` only; the SDKs tested read the body and do "
        "not mind."
    )
    mend = "The field is written from the type."
    bad = Example(base="text", framing=lambda data: data.replace(_DELTA, b""))
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a stream."""
        self._first: Step | None = None
        self._count = 0

    def frame(self, frame: Frame, step: Step | None, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002
        """Count the frames without; a server that leaves the field out leaves it out everywhere."""
        if step is not None and frame.event is None:
            self._first = self._first or step
            self._count += 1
        yield from ()

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Tell it once."""
        if self._first is not None:
            words = f"{self._count} of {facts.events} events have no event field; this is the first"
            if self._count == facts.events:
                words = "no event has an event field"
            elif self._count == 1:
                words = "this event has no event field, though the others do"
            yield self.found(words, self._first)


class IdFieldUsed(FrameRule):
    """The frame has an `id`."""

    code = "OR103"
    name = "id-field-used"
    level = Level.WARNING
    section = _STREAMING
    sentence = "Servers SHOULD NOT use id."
    what = "Frames have no SSE `id` field."
    why = (
        "A browser sends the last id back when it connects again, and expects the stream to go on there; "
        "`sequence_number` is for that."
    )
    mend = "The field is left out."
    bad = Example(base="text", framing=lambda data: data.replace(_DELTA, _DELTA + b"id: 4\n", 1))
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a stream."""
        self._told = False

    def frame(self, frame: Frame, step: Step | None, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002
        """Look for the field; once is enough."""
        if frame.id is not None and not self._told:
            self._told = True
            yield self.found(f"the frame has the id {frame.id!r}", step)


class DoneSentinelAbsent(FrameRule):
    """The stream does not end with `[DONE]`, or says it twice."""

    code = "OR104"
    name = "done-sentinel-absent"
    level = Level.ERROR
    section = _STREAMING
    sentence = "The terminal event MUST be the literal string [DONE]."
    what = "A stream over HTTP ends with the literal `[DONE]`, once."
    why = (
        "A client that reads on until `[DONE]` hangs until the connection is closed. None of the seventeen tested "
        "breaks without it."
    )
    mend = "It is put at the end, once."
    bad = Example(base="text", done=False)
    good = Example(base="text")

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Ask for the sentinel.

        A stream without its terminal event was cut short, which is another rule's; and what could not be read behind
        that event may have been the sentinel.
        """
        if facts.profile.transport != "sse" or facts.profile.dialect == "openai" or not facts.events:
            return
        if facts.done_sentinels == 0 and facts.is_over and not facts.is_last_lost:
            yield self.found("the stream ends without [DONE]")
        elif facts.done_sentinels > 1:
            yield self.found(f"[DONE] was sent {facts.done_sentinels} times")


class DataAfterDone(FrameRule):
    """Something follows `[DONE]`."""

    code = "OR105"
    name = "data-after-done"
    level = Level.ERROR
    section = _STREAMING
    sentence = "The terminal event MUST be the literal string [DONE]."
    what = "Nothing follows `[DONE]`."
    why = "Clients stop reading there; whatever follows is lost."
    mend = "A `[DONE]` that comes before the terminal event waits for it; what comes after both is left out."
    bad = Example(
        base="text",
        framing=lambda data: data + b'event: acme:late\ndata: {"type":"acme:late","sequence_number":11}\n\n',
    )
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a stream."""
        self._told = False

    def frame(self, frame: Frame, step: Step | None, facts: Facts) -> Iterator[Finding]:
        """Look for frames after the sentinel; once is enough."""
        if facts.done_sentinels and not frame.is_done and frame.data_lines and not self._told:
            self._told = True
            yield self.found(f"more data comes after [DONE]: {quoted(frame.data.decode('utf-8', 'replace'))}", step)


class DataNotJSONObject(FrameRule):
    """A frame holds something else than an event."""

    code = "OR106"
    name = "data-not-json-object"
    level = Level.ERROR
    section = _STREAMING
    sentence = _JSON
    what = "The data of a frame is one JSON object, and no key stands in it twice."
    why = (
        "A client that parses each frame raises, and the rest of the stream is lost with it; of two equal keys "
        "clients take either."
    )
    mend = (
        "The frame is left out. An event that began or ended something is made anew from those around it; what follows "
        "in an open text waits until a later event tells the whole text, and what was missing is sent in its place. "
        "What only this frame told is lost. Of two equal keys the last counts."
    )
    bad = Example(base="text", framing=lambda data: data.replace(b'"delta":" world"}', b'"delta":" wor'))
    good = Example(base="text")


class EventSplitOrMerged(FrameRule):
    """A frame is not one event."""

    code = "OR107"
    name = "event-split-or-merged"
    level = Level.ERROR
    section = _STREAMING
    sentence = _JSON
    what = "One frame is one event, with one `data` line, and a blank line ends it."
    why = (
        "Many clients read line by line: of an event on two lines, or of two events in one frame, they parse half and "
        "raise."
    )
    mend = "Each event is written as a frame of its own, on one line; the halves of one event are joined."
    bad = Example(
        base="text",
        framing=lambda data: data.replace(
            b'{"type":"response.output_text.done",', b'{"type":"response.output_text.done",\ndata: '
        ),
    )
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a stream."""
        self._unended: tuple[Frame | None, Step | None] = (None, None)

    def frame(self, frame: Frame, step: Step | None, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002
        """Count the data lines, and look for the end."""
        if step is not None and frame.data_lines > 1:
            yield self.found(f"the event is on {frame.data_lines} data lines", step)
        if not frame.terminated:
            self._unended = frame, step

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Tell of the last frame, where nothing else is missing at the end."""
        frame, step = self._unended
        is_last = frame is not None and (frame.data == DONE or (facts.profile.dialect == "openai" and step is not None))
        if is_last and facts.terminal_at is not None:
            yield self.found("the stream ends before the blank line that ends its last event", step)


class WrongContentType(FrameRule):
    """The stream does not say that it is one."""

    code = "OR108"
    name = "wrong-content-type"
    level = Level.ERROR
    section = _STREAMING
    sentence = "servers MUST return header Content-Type: text/event-stream"
    what = "A streamed reply has the content type `text/event-stream`. Judged only where the reply's headers are known."
    why = "Browsers refuse it, and proxies hold it back until it is whole."
    mend = None
    bad = Example(base="text", content_type="application/json")
    good = Example(base="text", content_type="text/event-stream; charset=utf-8")

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Look at the header."""
        told = facts.profile.content_type
        if told is not None and told.partition(";")[0].strip().lower() != "text/event-stream":
            yield self.found(f"the header Content-Type is {told!r}, not 'text/event-stream'")


class SentinelOnWebSocket(FrameRule):
    """`[DONE]` is sent where messages are events."""

    code = "OR109"
    name = "sentinel-on-websocket"
    level = Level.WARNING
    section = "WebSocket Transport"
    sentence = "Servers MUST send response progress over the WebSocket using the same streaming event objects"
    what = "Over a WebSocket every message is a JSON object; there is no `[DONE]`."
    why = "A client that parses each message raises on it."
    mend = "It is left out."
    bad = Example(base="text", transport="websocket", framing=lambda data: data + b"[DONE]\n")
    good = Example(base="text", transport="websocket")

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Count the sentinels."""
        if facts.profile.transport == "websocket" and facts.done_sentinels:
            times = "" if facts.done_sentinels == 1 else f" {facts.done_sentinels} times"
            yield self.found(f"[DONE] was sent over a WebSocket{times}")


class InvalidUTF8(FrameRule):
    """The bytes are no text."""

    code = "OR110"
    name = "invalid-utf8"
    level = Level.ERROR
    section = _STREAMING
    sentence = _JSON
    what = "The bytes are UTF-8, and no escape is a lone surrogate."
    why = (
        "Some clients raise, others put a replacement character in: an emoji cut between two deltas is lost, since "
        "half of a surrogate pair is no character."
    )
    mend = "Halves that meet in the next delta are joined; what stays alone becomes U+FFFD."
    bad = Example(base="extension", framing=lambda data: data.replace(b'"phase":"open"', b'"phase":"\xff"', 1))
    good = Example(base="extension")


RULES = (
    EventFieldDiffers,
    EventFieldAbsent,
    IdFieldUsed,
    DoneSentinelAbsent,
    DataAfterDone,
    DataNotJSONObject,
    EventSplitOrMerged,
    WrongContentType,
    SentinelOnWebSocket,
    InvalidUTF8,
)
