"""A Gemini reply being read: bytes in, output said.

Some decisions, each made once and here:

- There is no sentinel at the end of a stream: a finish reason, or that the prompt was blocked, ends a reply. `Stop` is
  said at the end of the connection, since usage, and even an error, may come after it.
- Usage is told with every chunk, and said once, at the end.
- Calls do not show in the finish reason, so `tool_calls` is what `STOP` means where there were any.
- A blocked prompt is an answer that was filtered out. What the provider says about it is told as a refusal, and its
  details, like those of a blocked answer, as an event of the provider's own.
- Only the first candidate is read. That others came, and whatever else Open Responses has no place for, is in `losses`.
- A body that is no event stream but one JSON document is a whole reply, an error, or, without `alt=sse`, an array of
  all the chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.spec.base import JsonObject
from penstock.stream.output import Extension, Output, Refusal, Stop
from penstock.upstream.body import BodyTranslation
from penstock.upstream.faults import own_error, provider_error
from penstock.upstream.gemini.answer import Answer
from penstock.upstream.gemini.chunks import (
    NO_USAGE,
    NULL_USAGE,
    Candidate,
    Chunk,
    decode_chunk,
    read_chunk,
    read_document,
)
from penstock.upstream.gemini.figures import usage_of
from penstock.upstream.gemini.finish import CUT, FAILED, STOP, UNSAID
from penstock.upstream.gemini.names import extension_type
from penstock.upstream.values import WRONG_JSON, as_object, as_text, kept, read_json
from penstock.wire.sse import Frame

TAIL_BYTES = 16 * 1024
"""How much of the end of a stream is kept, for an error that stands there as bare JSON; one takes far less."""


class GeminiTranslation(BodyTranslation):
    """One reply of the Gemini API, streamed or whole. `response_id` is the provider's name of it, once it is known."""

    def __init__(self) -> None:
        """Begin at the first byte."""
        super().__init__()
        self.response_id: str | None = None
        self._answer = Answer(self._lose)
        self._answered = False
        self._finish: str | None = None
        self._finish_message: str | None = None
        self._ratings: list[JsonObject] = []
        self._blocked = False
        self._usage = NO_USAGE
        self._tail = b""

    # ------------------------------------------------------------------------------------------------------ the bytes

    def feed(self, data: bytes) -> Sequence[Output]:
        """Take the next bytes of the reply, cut anywhere; return what the model said in them, in order."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return super().feed(data)

    def close(self) -> Sequence[Output]:
        """The upstream closed the connection: return what is left, at least `Stop` or `Failure` if neither was said."""
        out: list[Output] = []
        if self._document is None and not self._failed:
            self._bare_error(out)
        return [*out, *super().close()]

    def _bare_error(self, out: list[Output]) -> None:
        """Read an error that stands in the stream as it is, without `data:`: so the API ends one that broke."""
        last = self._tail.replace(b"\r\n", b"\n").strip().rpartition(b"\n\n")[2]
        if last[:1] in (b"{", b"["):
            try:
                chunk = read_chunk(last)
            except ValueError:
                return  # not all of it came, and the reply was cut short
            if chunk.error:
                self._fail(out, provider_error(chunk.error))

    def _take_frame(self, frame: Frame, out: list[Output]) -> None:
        named = frame.event == "error"
        data = frame.data
        try:
            chunk = decode_chunk(data)
        except WRONG_JSON:
            if frame.is_done or not (data or named):
                return
            try:
                chunk = read_chunk(data)
            except ValueError:
                self._not_json(frame, out)
                return
        self._chunk(chunk, out)
        if named and not chunk.error:
            self._fail(out, provider_error(as_object(read_json(data))))

    def _take_document(self, data: bytes, out: list[Output]) -> bool:
        chunks = read_document(data)
        for chunk in chunks:
            self._chunk(chunk, out)
        if self._answered and not self._is_finished(broken_off=False) and not self._failed:
            self._fail(out, own_error("upstream_truncated", "the upstream's reply ends before the answer does"))
        return self._answered or self._failed

    # --------------------------------------------------------------------------------------------------- what was said

    def _chunk(self, chunk: Chunk, out: list[Output]) -> None:
        candidates = chunk.candidates
        if self.model is None:
            self.model = chunk.model_version or None
            self.response_id = chunk.response_id
        if candidates and not self._failed:
            for candidate in candidates:
                if candidate.index:
                    self._lose(f"candidates[{candidate.index}]", "only the first of several answers is read")
                else:
                    self._answered = True
                    self._candidate(candidate, out)
        if chunk.prompt_feedback and not (self._failed or self._blocked):
            self._feedback(chunk.prompt_feedback, out)
        if chunk.usage_metadata not in (NO_USAGE, NULL_USAGE):
            self._usage = chunk.usage_metadata
            if self._failed:
                self._say_usage(out)
        if chunk.error:
            self._fail(out, provider_error(chunk.error))

    def _candidate(self, candidate: Candidate, out: list[Output]) -> None:
        answer = self._answer
        answer.take(candidate, out)
        if candidate.finish_reason and candidate.finish_reason.upper() != UNSAID:
            self._finish = candidate.finish_reason
            self._finish_message = candidate.finish_message
        if candidate.safety_ratings:
            self._ratings = [dict(kept(rating)) for rating in candidate.safety_ratings]
        if candidate.continuation_token:
            self._lose("candidates[0].continuationToken", "Open Responses cannot ask for the rest of an answer")
        if answer.error is not None:
            self._fail(out, answer.error)

    def _feedback(self, feedback: JsonObject, out: list[Output]) -> None:
        """Read what the provider thinks of the prompt."""
        if not as_text(feedback.get("blockReason")):
            self._lose("promptFeedback", "Open Responses has no ratings of a prompt that is let pass")
            return
        self._answered = self._blocked = True
        out.append(Extension(extension_type("promptFeedback"), {"promptFeedback": dict(kept(feedback))}))
        message = as_text(feedback.get("blockReasonMessage"))
        if message:
            out.append(Refusal(message))

    def _say_usage(self, out: list[Output]) -> None:
        """Say what the last chunk that told the usage told of it."""
        usage, self._usage = bytes(self._usage), NO_USAGE
        try:
            said = usage_of(as_object(read_json(usage)) or {}) if usage else None
        except (ValueError, RecursionError):
            self._lose("usageMetadata", "it cannot be read")
            return
        if said is not None:
            out.append(said)

    # --------------------------------------------------------------------------------------------------------- the end

    @property
    def _reason(self) -> str:
        """The finish reason as the API spells it."""
        return (self._finish or "").upper()

    def _settle(self, out: list[Output]) -> None:
        self._answer.settle(out, cut=self._reason != STOP)
        self._say_usage(out)

    def _is_finished(self, *, broken_off: bool) -> bool:
        if broken_off and self._reason == STOP:
            return False  # by the standard of such streams a frame without its blank line was not sent
        return self._finish is not None or self._blocked

    def _stop(self, out: list[Output]) -> None:
        reason = self._reason
        if self._answer.error is not None:
            self._fail(out, self._answer.error)
        elif reason in FAILED:
            kind, words = FAILED[reason]
            self._fail(out, own_error(reason.lower(), self._finish_message or words, error_type=kind))
        elif reason == STOP:
            self._unrated()
            out.append(Stop("tool_calls" if self._answer.calls else "stop"))
        elif self._finish is None:
            out.append(Stop("content_filter"))  # the prompt was blocked
        else:
            stop = CUT.get(reason, self._finish)
            if stop == "content_filter":
                self._filtered(self._finish, out)
            else:
                self._unrated()
            out.append(Stop(stop))

    def _filtered(self, reason: str, out: list[Output]) -> None:
        """Say why the answer was filtered out."""
        details: JsonObject = {"finishReason": reason}
        if self._finish_message:
            out.append(Refusal(self._finish_message))
        if self._ratings:
            details["safetyRatings"] = self._ratings
        out.append(Extension(extension_type("finishReason"), dict(kept(details))))

    def _unrated(self) -> None:
        if self._ratings:
            self._lose("candidates[0].safetyRatings", "Open Responses has no ratings of an answer that is let pass")
        if self._finish_message:
            self._lose("candidates[0].finishMessage", "Open Responses has no words on why an answer ended")
