"""A Chat Completions reply being read: bytes in, output said.

Some decisions, each made once and here:

- `Stop` is said last, at `[DONE]` or at the end of the connection: usage, text and even errors come after a finish
  reason, and an error after it still makes the reply a failure.
- `[DONE]` finishes a reply, though it never gave a finish reason (Snowflake). Without it nobody knows what is missing,
  the usage at least: the reply was cut short, unless its finish reason makes it incomplete anyway. For a provider that
  sends none (`Options.sentinel`) the finish reason is enough.
- Only the first choice is read. That others came, and whatever else Open Responses has no place for, is in `losses`.
- A body that is no event stream at all, but one JSON document, is read as a whole reply or error.
"""

from __future__ import annotations

from collections.abc import Collection

from penstock.spec.base import JsonObject
from penstock.stream.output import Output, Stop
from penstock.upstream.body import BodyTranslation
from penstock.upstream.chat_completions.answer import Answer
from penstock.upstream.chat_completions.chunks import Choice, Chunk, decode_chunk, read_chunk
from penstock.upstream.chat_completions.errors import chunk_error
from penstock.upstream.chat_completions.parts import usage_of
from penstock.upstream.faults import own_error, provider_error, quoted
from penstock.upstream.values import WRONG_JSON
from penstock.wire.sse import Frame

STOP_REASONS = {
    "complete": "stop",
    "completed": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop": "stop",
    "stop_sequence": "stop",
    "function_call": "tool_calls",
    "tool_call": "tool_calls",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "length": "max_output_tokens",
    "max_output_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "model_length": "max_output_tokens",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
"""Finish reasons, in small letters, and what they mean. One that is in neither table is the model's own: it makes the
response incomplete, with itself as the reason."""

_WHOLE = frozenset({"stop", "tool_calls"})

FAILURES = {
    "error": "model_error",
    "abort": "server_error",
    "insufficient_system_resource": "server_error",
    "network_error": "server_error",
}
"""Finish reasons that are errors, and the type of the error."""


class ChatCompletionsTranslation(BodyTranslation):
    """One reply of a Chat Completions endpoint, streamed or whole."""

    def __init__(self, *, functions: Collection[str] = (), think_tags: bool = False, sentinel: bool = True) -> None:
        """Read a reply to a request that offered `functions`.

        `think_tags`: `<think>` begins reasoning; `sentinel`: a stream ends with `[DONE]`.
        """
        super().__init__()
        self._sentinel = sentinel
        self._answer = Answer(functions=functions, think_tags=think_tags, lose=self._lose)
        self._spoke = False
        self._answered = False
        self._finish: str | None = None
        self._usage: JsonObject | None = None

    # ---------------------------------------------------------------------------------------- frames and documents

    def _take_frame(self, frame: Frame, out: list[Output]) -> None:
        named = frame.event == "error"
        data = frame.data
        try:
            chunk = decode_chunk(data)
        except WRONG_JSON:
            if frame.is_done:
                if frame.terminated or not self._sentinel:
                    self._end(out, finished=True)
                return
            if not (data or named):
                return
            # A frame that is not quite what OpenAI would send.
            try:
                chunk = read_chunk(data)
            except ValueError:
                self._not_json(frame, out)
                return
        self._chunk(chunk, out, named=named)

    def _take_document(self, data: bytes, out: list[Output]) -> bool:
        chunk = read_chunk(data)
        self._chunk(chunk, out, named=False)
        return bool(chunk.choices)

    def _chunk(self, chunk: Chunk, out: list[Output], *, named: bool) -> None:
        choices = chunk.choices
        if self.model is None and chunk.model:
            self.model = chunk.model
        if choices and not self._failed:
            for choice in choices:
                if choice.index:
                    self._lose(f"choices[{choice.index}]", "only the first of several answers is read")
                else:
                    self._answered = True
                    self._choice(choice, out)
        usage = chunk.usage
        if usage is None and chunk.x_groq is not None:
            usage = chunk.x_groq.usage
        if usage and usage != self._usage:
            self._answered = True
            self._usage = usage
            said = usage_of(usage)
            if said is not None:
                out.append(said)
        if named or chunk.error or chunk.x_groq is not None or choices is None:
            error = chunk_error(chunk, named=named)
            if error is not None:
                self._fail(out, error)

    def _settle(self, out: list[Output]) -> None:
        self._answer.settle(out)

    def came_whole(self) -> None:
        """Take the finish reason for the end: some servers never send `[DONE]`."""
        self._sentinel = False

    def _is_finished(self, *, broken_off: bool) -> bool:
        if self._finish is None:
            return False
        is_whole = STOP_REASONS.get(self._finish.lower()) in _WHOLE
        return not is_whole or not (self._sentinel or broken_off)

    def _stop(self, out: list[Output]) -> None:
        nameless = self._answer.calls.nameless()
        if nameless is not None:
            words = f"the model called a function without naming it, with the arguments {quoted(nameless)}"
            self._fail(out, own_error("call_without_name", words, error_type="model_error"))
        elif not self._answered:
            self._fail(out, own_error("upstream_empty_reply", "the upstream ended its stream without an answer"))
        elif self._finish is not None and self._finish.lower() in FAILURES:
            words = f"the upstream gave up: its finish reason is {self._finish!r}"
            self._fail(out, own_error(self._finish, words, error_type=FAILURES[self._finish.lower()]))
        elif self._finish is not None:
            out.append(Stop(STOP_REASONS.get(self._finish.lower(), self._finish)))
        else:
            out.append(Stop("tool_calls" if len(self._answer.calls) else "stop"))

    # ------------------------------------------------------------------------------------------------- what was said

    def _choice(self, choice: Choice, out: list[Output]) -> None:
        delta = choice.delta
        if delta is None and not self._spoke:
            # Some end a stream with the whole message once more; it counts only where it comes first.
            delta = choice.message
            self._sentinel = self._sentinel and delta is None  # a whole answer in a frame ends with it
        if choice.logprobs is not None:
            self._answer.take_logprobs(choice.logprobs)
        if delta is not None:
            self._spoke = True
            self._answer.take(delta, out)
        if choice.finish_reason:
            self._finish = choice.finish_reason
        if choice.error:
            self._fail(out, provider_error(choice.error))
