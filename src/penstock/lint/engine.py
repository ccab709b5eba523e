"""The engine: frames or events in, findings out as they arise. It never raises on a stream, however bad.

Three roads lead through it. Every event could take the longest: plain JSON, held against the shapes, read in the
specification's form. One that is exactly as specified takes a shorter one, without its plain form. And a delta that
differs from one before it in its number and its text only is recognised at a glance (`penstock.lint.roads`). What is
found is the same on all three.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from penstock.lint.damage import damaged, repeated_key, type_in
from penstock.lint.facts import Profile, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.judge import MAX_FINDINGS, Judge
from penstock.lint.older import OLDER_VERSION
from penstock.lint.reading import Reading
from penstock.lint.roads import DELTA_EVENTS, Line, Roads, exact_event, is_plain, is_plain_frame
from penstock.lint.rule import Rule
from penstock.lint.rules import ALL_RULES
from penstock.spec import events as e
from penstock.spec.request import CreateResponse
from penstock.upstream.responses.alike import LARGE_BYTES
from penstock.wire.codec import decode_json_object, load_event, to_plain
from penstock.wire.decoder import DONE
from penstock.wire.errors import JSONError, ShapeError
from penstock.wire.load import load
from penstock.wire.sse import Frame, Run
from penstock.wire.wording import shown

__all__ = ["EventLinter"]

_CLASSES: Final = {str(cls.__struct_config__.tag): cls for cls in e.STANDARD_EVENTS}
# What an event is about: without it, it says nothing.
_PAYLOADS: Final = frozenset({"response", "item", "part", "error"})


class EventLinter(Judge):
    """Judges the events of one stream; `findings` are all that arose so far."""

    def __init__(
        self,
        *,
        profile: Profile | None = None,
        request: CreateResponse | None = None,
        rules: Iterable[type[Rule]] = ALL_RULES,
        shortcuts: bool = True,
    ) -> None:
        """Begin a stream, judged by `profile`, with the request it answers where that is known.

        `shortcuts`: take the shorter roads, which lead to the same findings; without, every event takes the longest.
        """
        self.unreadable = 0
        """How many frames held nothing that could be read as an event; they are not counted as events."""
        self._requests: deque[CreateResponse] = deque(maxlen=MAX_FINDINGS)
        """The requests that were sent while a response was under way."""
        self._broken: tuple[Frame, Finding | None] | None = None
        profile = profile or Profile()
        # Where another document or a dialect judges, every event is looked at in its plain form.
        self._shortcuts = shortcuts and profile.dialect not in (OLDER_VERSION, "vtcode")
        self._roads = Roads()
        super().__init__(profile, request, rules)

    def _begin(self, profile: Profile, request: CreateResponse | None, events: int) -> None:
        super()._begin(profile, request, events)
        self._reading = Reading(profile.dialect)
        self._roads.close()

    # What comes in.

    def take_strict(self, name: str, data: bytes) -> bool:
        """Judge a strict frame if it is a delta like the one before it; return whether it was."""
        return self._roads.take_all(name, (data,), self.facts)

    def feed_blocks(self, blocks: Sequence[Frame | Run]) -> None:
        """Judge the next frames of an SSE stream, in runs as far as they come so."""
        loose: list[Frame] = []
        for block in blocks:
            if isinstance(block, Run):
                self.feed_frames(loose)
                loose.clear()
                self._feed_run(block)
            else:
                loose.append(block)
        self.feed_frames(loose)

    def _feed_run(self, run: Run) -> None:
        if self._roads.take_all(run.event, run.bodies, self.facts):
            return
        first, *others = run.frames()
        self.feed_frames((first,))
        # It may have shown the others the way.
        if others and not self._roads.take_all(run.event, run.bodies[1:], self.facts):
            self.feed_frames(others)

    def feed_frames(self, frames: Sequence[Frame]) -> None:
        """Judge the next frames of an SSE stream."""
        at, count = 0, len(frames)
        while at < count:
            if not self.facts.done_sentinels:
                at = self._roads.run(frames, at, self.facts)
            if at < count:
                self._feed_frame(frames[at])
                at += 1

    def _feed_frame(self, frame: Frame) -> None:
        if frame.data == DONE:
            self._settle_broken()
            self._settle_held(None)
            self._judge_frame(frame, None)
            self.facts.done_sentinels += 1
            self._roads.close()
        elif not frame.data:
            # A comment, or a block without data: the standard gives it to nobody.
            pass
        elif self.facts.done_sentinels:
            # After [DONE] nothing is part of the stream any more.
            self._judge_frame(frame, None)
            self.facts.is_last_lost = True
        else:
            self._feed_data(frame.data, frame, frame.offset)

    def feed_lines(self, lines: Sequence[Line]) -> None:
        """Judge the next lines of a recording, or messages of a WebSocket."""
        at, count = 0, len(lines)
        while at < count:
            at = self._roads.run(lines, at, self.facts)
            if at < count:
                line = lines[at]
                at += 1
                if line.data == DONE:
                    self.facts.done_sentinels += 1
                else:
                    self._feed_data(line.data, None, line.offset)

    def feed_event(self, event: e.ResponseStreamEvent | Mapping[str, object]) -> None:
        """Judge one event that came without bytes."""
        raw = dict(event) if isinstance(event, Mapping) else to_plain(event)
        self._judge(cast("dict[str, object]", raw), None, None)

    def feed_request(self, request: CreateResponse) -> None:
        """Take the request of the next response, as a client sent it over the connection that the stream came on."""
        facts = self.facts
        if facts.is_over or facts.events == facts.begun_at:
            self._begin(replace(facts.profile, transport="websocket"), request, facts.events)
        else:
            self._requests.append(request)

    def finish(self) -> None:
        """Say that the stream is over."""
        self._settle_broken()
        self._settle_held(None)
        self.facts.end()
        for rule in self._end_rules:
            self._keep(rule.end(self.facts))

    def report(self, code: str, message: str, *, offset: int | None = None) -> None:
        """Add a finding of the rule `code` that was made elsewhere, such as by the framing's decoder."""
        self._add(code, message, None, offset)

    # From bytes to events.

    def _feed_data(self, data: bytes, frame: Frame | None, offset: int) -> None:
        if self._shortcuts and self._broken is None:
            is_large = len(data) > LARGE_BYTES
            if is_large:
                self.facts.reader.join()
            event = exact_event(data)
            if event is not None and is_plain(event, data):
                if is_large:
                    event = self.facts.reader.shared(event)
                self._judge_exact(event, data, frame, offset)
                return
        begun = self._broken
        raw = self._decoded(data, frame, offset)
        if raw is None:
            return
        if frame is not None and begun is not None and self._broken is None:
            frame = replace(frame, event=begun[0].event)
        self._settle_broken()
        self._check_json(data, raw, offset)
        self._judge(raw, frame, offset)

    def _decoded(self, data: bytes, frame: Frame | None, offset: int) -> dict[str, object] | None:
        """Return the JSON object in `data`, or the one that was meant by it; None where there is none."""
        try:
            return decode_json_object(data)
        except JSONError as error:
            self._roads.close()
            self._settle_held(None)
            index = self.facts.events
            begun = self._broken[0] if self._broken is not None and frame is not None else None
            damage = damaged(data, begun.data if begun is not None else None)
            if damage.not_utf8 is not None:
                self._add("OR110", damage.not_utf8, index, offset)
            if damage.joined and begun is not None:
                self._broken = None
                self._add("OR107", "one event is split over two frames", index, begun.offset)
            if damage.meant is not None:
                if damage.not_utf8 is not None:
                    self._doubt(damage.meant)
                return damage.meant
            self._settle_broken()
            if frame is not None and damage.several:
                self._add("OR107", f"{len(damage.several)} events are in one frame", index, offset)
                for raw in damage.several:
                    self._judge(raw, None, offset)
                return None
            words = error.message if data.upper() != DONE else f"{error.message}; did you mean {DONE.decode()}?"
            finding = None if damage.not_utf8 is not None else self._finding("OR106", words, index, offset)
            if frame is not None and damage.not_utf8 is None:
                # It may be the first half of an event; the next frame tells.
                self._broken = (frame, finding)
            else:
                self._lose(finding, frame.event if frame is not None else None, data)
            return None

    def _lose(self, finding: Finding | None, name: str | None, data: bytes) -> None:
        """Report what could not be read, where that was not done already; `name` is what its frame calls it."""
        if finding is not None:
            self._keep((finding,))
        self.facts.lose(is_delta=(name or type_in(data)).endswith(".delta"))
        self.facts.unnumbered += 1
        self.unreadable += 1

    def _doubt(self, raw: Mapping[str, object]) -> None:
        """Let it be known that a text in an event is not the one that was meant."""
        if _is_delta(raw):
            self.facts.miss(raw)
        else:
            self.facts.tear(None)

    def _settle_broken(self) -> None:
        """Report a frame that could have been the first half of an event, and was not."""
        if self._broken is not None:
            frame, finding = self._broken
            self._broken = None
            # A frame without its end was cut short with the stream, which the end tells.
            if frame.terminated:
                self._lose(finding, frame.event, frame.data)

    def _check_json(self, data: bytes, raw: dict[str, object], offset: int) -> None:
        index = self.facts.events
        if b"\\u" in data:
            try:
                msgspec.json.encode(raw)
            except UnicodeEncodeError:
                self._add("OR110", "an escape is a lone surrogate", index, offset)
                self._doubt(raw)
        repeated = repeated_key(data)
        if repeated is not None:
            finding = self._finding("OR106", f"the key {shown(repeated)} stands twice", index, offset)
            self._keep(() if finding is None else (replace(finding, level=Level.INFO),))

    # From events to findings.

    def _judge(self, raw: dict[str, object], frame: Frame | None, offset: int | None) -> None:
        """Judge an event by its plain form."""
        self._roads.close()
        self.facts.is_last_lost = False
        fields, dialect = self._reading.read(raw)
        self._settle_held(fields.get("sequence_number"))
        name = raw.get("type")
        if name == "response.create" and frame is None and self.facts.profile.transport in ("jsonl", "websocket"):
            self._take_request(raw)
            return
        if name == "response.created":
            self._take_turn()
        step = Step(self.facts.events, offset, frame, name if isinstance(name, str) else "")
        if dialect is not None:
            self._tell_dialect(dialect, step)
        name = fields.get("type")
        cls = _CLASSES.get(name) if isinstance(name, str) else None
        is_envelope = self._is_envelope(fields)
        self._paths.clear()
        self._judge_shape(step, fields, cls, is_keepalive=dialect is not None, is_envelope=is_envelope)
        if not is_envelope and dialect != "OR806" and isinstance(name, str):
            try:
                if _PAYLOADS.isdisjoint(self._paths):
                    step.event = load_event(fields)
            except ShapeError:
                pass
            if step.event is None:
                # It says too little to be an event; what it lacks was told.
                self.facts.lose(fields, is_delta=_is_delta(fields))
            number = fields.get("sequence_number")
            step.number = number if type(number) is int else UNSET
        if frame is not None and not is_plain_frame(frame, step.type):
            self._judge_frame(frame, step)
        if step.event is not None:
            if self._paths:
                step.event = self._meant.doubted(step.event, self._paths)
            self._judge_event(step, step.event)
        elif is_envelope:
            self.facts.is_over = True
        self.facts.take(step)

    def _judge_exact(self, event: e.StandardEvent, data: bytes, frame: Frame | None, offset: int) -> None:
        """Judge an event that is exactly as specified."""
        if not isinstance(event, DELTA_EVENTS):
            self._roads.close()
        self._settle_held(event.sequence_number)
        if isinstance(event, e.ResponseCreated):
            self._take_turn()
        found = len(self.findings) + self.uncounted
        self.facts.is_last_lost = False
        step = Step(self.facts.events, offset, frame, event.event_type)
        step.event = event
        if self._paths:
            self._paths.clear()
        if frame is not None and not is_plain_frame(frame, step.type):
            self._judge_frame(frame, step)
        self._judge_event(step, event)
        self.facts.take(step)
        if isinstance(event, DELTA_EVENTS):
            is_faultless = self._held is None and len(self.findings) + self.uncounted == found
            if is_faultless and step.violation is None and step.event is event:
                self._roads.open(event, data, self.facts.reader, framed=frame is not None)
            else:
                self._roads.close()

    def _take_turn(self) -> None:
        """Begin the next response of a WebSocket, where one follows another."""
        facts = self.facts
        if facts.is_over and facts.profile.transport == "websocket":
            self._begin(facts.profile, self._requests.popleft() if self._requests else None, facts.events)

    def _take_request(self, raw: Mapping[str, object]) -> None:
        """Take a client's message from a recording that has both sides; it is no event."""
        fields = {key: value for key, value in raw.items() if key != "type"}
        try:
            self.feed_request(load(CreateResponse, fields, tolerant=False))
        except ShapeError:
            # What is wrong with a request is told where requests are read.
            self.facts.profile = replace(self.facts.profile, transport="websocket")


def _is_delta(raw: Mapping[str, object]) -> bool:
    """Whether an event is a delta: one that is only called so may be another, by a wrong name."""
    return "delta" in raw and str(raw.get("type")).endswith(".delta")
