"""A reply of the Messages API being read: bytes in, output said.

Some decisions, each made once and here:

- The reply is finished with `message_stop`, in a frame with its blank line. Where the connection ends before that, the
  reply has failed, though a stop reason was given; unless that makes it incomplete anyway.
- A refusal comes without words of the model's. Where Anthropic explains it, the explanation is said as the refusal.
- What a message tells beyond its content and the specification (its container, the edits made to the context, the stop
  sequence) is one event of Anthropic's own, `anthropic:message`, before the end.
- A body that is no event stream at all, but one JSON document, is read as a whole reply or error.
"""

from __future__ import annotations

from penstock.spec.base import JsonObject
from penstock.stream.output import Extension, Output, Refusal, Stop
from penstock.upstream.anthropic.answer import Answer
from penstock.upstream.anthropic.events import Delta, Event, decode_event, read_event
from penstock.upstream.anthropic.names import SLUG, says_something
from penstock.upstream.anthropic.usage import merged, usage_of
from penstock.upstream.body import BodyTranslation
from penstock.upstream.faults import own_error, provider_error
from penstock.upstream.values import WRONG_JSON, as_list, as_object, as_text, kept, read_object
from penstock.wire.sse import Frame

STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_output_tokens",
    "refusal": "content_filter",
}
"""Stop reasons, and what they mean. Any other makes the response incomplete, with itself as the reason: `pause_turn`
and `compaction` (send the output back to go on), `model_context_window_exceeded`, and those to come."""

_WHOLE = frozenset({"stop", "tool_calls"})

MESSAGE_FIELDS = ("container", "context_management", "diagnostics", "input_transformations", "stop_details")
"""What a message may tell beyond the specification."""


class AnthropicTranslation(BodyTranslation):
    """One reply of a Messages endpoint, streamed or whole."""

    def __init__(self, *, raw_thinking: bool = False) -> None:
        """Read a reply. `raw_thinking`: its thinking is the model's own words, and no summary of them."""
        super().__init__()
        self._answer = Answer(raw_thinking=raw_thinking, lose=self._lose)
        self._begun = False
        self._stopped = False
        self._stop_reason: str | None = None
        self._usage: JsonObject = {}
        self._beyond: JsonObject = {}

    # ---------------------------------------------------------------------------------------- frames and documents

    def _take_frame(self, frame: Frame, out: list[Output]) -> None:
        data = frame.data
        try:
            event = decode_event(data)
        except WRONG_JSON:
            if frame.is_done or not (data or frame.event == "error"):
                return  # other providers of this API end their streams with [DONE]
            try:
                event = read_event(data)
            except ValueError:
                self._not_json(frame, out)
                return
        kind = event.type
        if kind == "content_block_delta":
            delta = event.delta
            if delta is not None and not self._failed:
                error = self._answer.take(event.index, delta, out)
                if error is not None:
                    self._fail(out, error)
        elif kind == "message_stop":
            if frame.terminated:
                self._stopped = True
                self._end(out, finished=True)
        else:
            self._event(event, frame.event, out)

    def _event(self, event: Event, name: str | None, out: list[Output]) -> None:
        """Read any event but those that are most."""
        kind = event.type
        if kind == "error" or name == "error" or event.error:
            self._error(event.error, event.request_id, out)
        elif kind == "content_block_start":
            if not self._failed:
                self._begin_block(event.index, event.content_block or {}, out)
        elif kind == "content_block_stop":
            self._answer.end(event.index, out)
        elif kind == "message_start":
            self._message(event.message or {}, out)
        elif kind == "message_delta":
            self._message_delta(event, event.delta or Delta(), out)
        elif kind != "ping":
            self._lose(kind or "type", "the adapter knows no such event")

    def _take_document(self, data: bytes, out: list[Output]) -> bool:
        fields = read_object(data)
        if fields.get("type") == "error" or (fields.get("error") and "content" not in fields):
            self._error(fields.get("error"), as_text(fields.get("request_id")), out)
            return True
        if as_list(fields.get("content")) is None:
            return False
        self._message(fields, out)
        return True

    def _error(self, error: object, request_id: str | None, out: list[Output]) -> None:
        fields = as_object(error)
        if fields is not None and request_id:
            error = {"request_id": request_id, **fields}
        self._fail(out, provider_error(error))

    # ------------------------------------------------------------------------------------------------- what was said

    def _message(self, message: JsonObject, out: list[Output]) -> None:
        """Read a message as it is at its start, or as a whole."""
        self._begun = True
        if self.model is None:
            self.model = as_text(message.get("model"))
        if not self._failed:
            error = self._answer.whole(as_list(message.get("content")) or [], out)
            if error is not None:
                self._fail(out, error)
        self._stop_reason = as_text(message.get("stop_reason")) or self._stop_reason
        self._keep({name: message.get(name) for name in (*MESSAGE_FIELDS, "stop_sequence")})
        self._count(as_object(message.get("usage")), out)

    def _begin_block(self, index: int | None, block: JsonObject, out: list[Output]) -> None:
        if block.get("type") == "fallback":
            # Another model goes on where the first one declined.
            self.model = as_text((as_object(block.get("to")) or {}).get("model")) or self.model
        error = self._answer.begin(index, block, out)
        if error is not None:
            self._fail(out, error)

    def _message_delta(self, event: Event, delta: Delta, out: list[Output]) -> None:
        self._begun = True
        self._stop_reason = delta.stop_reason or self._stop_reason
        self._keep(
            {
                "container": delta.container,
                "context_management": event.context_management,
                "input_transformations": event.input_transformations,
                "stop_details": delta.stop_details,
                "stop_sequence": delta.stop_sequence,
            }
        )
        self._count(event.usage, out)

    def _keep(self, fields: JsonObject) -> None:
        self._beyond.update((name, value) for name, value in fields.items() if says_something(value))

    def _count(self, usage: JsonObject | None, out: list[Output]) -> None:
        if usage is None:
            return
        usage = merged(self._usage, usage)
        if usage != self._usage:
            self._usage = usage
            said = usage_of(usage)
            if said is not None:
                out.append(said)

    # ------------------------------------------------------------------------------------------------------- the end

    def _settle(self, out: list[Output]) -> None:
        self._answer.settle(out)

    def _is_finished(self, *, broken_off: bool) -> bool:  # noqa: ARG002 - it makes no difference
        """Whether the connection may close: only where the provider said before that the reply is not whole."""
        return self._stop_reason is not None and STOP_REASONS.get(self._stop_reason) not in _WHOLE

    def _stop(self, out: list[Output]) -> None:
        if not self._begun:
            self._fail(out, own_error("upstream_empty_reply", "the upstream ended its stream without an answer"))
            return
        reason = self._stop_reason
        explanation = as_text((as_object(self._beyond.get("stop_details")) or {}).get("explanation"))
        if reason == "refusal" and explanation:
            out.append(Refusal(explanation))
        if self._beyond:
            out.append(Extension(SLUG + "message", kept(self._beyond)))
        if reason is None:
            out.append(Stop("tool_calls" if self._answer.calls else "stop"))
        else:
            out.append(Stop(STOP_REASONS.get(reason, reason)))
