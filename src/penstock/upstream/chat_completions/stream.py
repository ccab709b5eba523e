"""A Chat Completions reply being read: bytes in, output said.

Some decisions, each made once and here:

- `Stop` is said last, at `[DONE]` or at the end of the connection: usage, text and even errors come after a finish
  reason, and an error after it still makes the reply a failure.
- `[DONE]` finishes a reply that never gave a finish reason (Snowflake); a connection that ends with neither does not.
- Only the first choice is read. That others came, and whatever else Open Responses has no place for, is in `losses`.
- A body that is no event stream at all, but one JSON document, is read as a whole reply or error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from penstock.spec.base import JsonObject
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Failure, Output, Stop
from penstock.upstream.base import Loss, Translation
from penstock.upstream.chat_completions.answer import Answer
from penstock.upstream.chat_completions.chunks import WRONG_JSON, Choice, Chunk, decode_chunk, read_chunk
from penstock.upstream.chat_completions.errors import (
    SHOWN_CHARACTERS,
    chunk_error,
    own_error,
    provider_error,
    quoted,
)
from penstock.upstream.chat_completions.parts import usage_of
from penstock.wire.errors import FramingError
from penstock.wire.sse import Frame, SSEDecoder

BOM = b"\xef\xbb\xbf"

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

FAILURES = {
    "error": "model_error",
    "abort": "server_error",
    "insufficient_system_resource": "server_error",
    "network_error": "server_error",
}
"""Finish reasons that are errors, and the type of the error."""


TOO_DEEP = own_error("upstream_invalid_json", "the upstream sent JSON that is nested too deeply")


class ChatCompletionsTranslation(Translation):
    """One reply of a Chat Completions endpoint, streamed or whole.

    `losses` tells what of the reply has no place in Open Responses and was left out, each kind once; `param` is its
    path in the chunk.
    """

    def __init__(self, *, functions: Collection[str] = (), think_tags: bool = False) -> None:
        """Read a reply to a request that offered `functions`; `think_tags`: `<think>` begins reasoning."""
        self.losses: list[Loss] = []
        self._decoder = SSEDecoder()
        self._answer = Answer(functions=functions, think_tags=think_tags, lose=self._lose)
        self._head: bytes | None = b""
        self._document: list[bytes] | None = None
        self._first = b""
        self._framed = False
        self._spoke = False
        self._answered = False
        self._finish: str | None = None
        self._failed = False
        self._ended = False
        self._usage: JsonObject | None = None

    def feed(self, data: bytes) -> Sequence[Output]:
        """Take the next bytes of the reply, cut anywhere; return what the model said in them, in order."""
        if self._ended:
            return []
        if self._head is not None:
            data = self._sniff(self._head + data)
        if self._document is not None:
            self._document.append(data)
            return []
        out: list[Output] = []
        self._frames(lambda: self._decoder.feed(data), out)
        if not self._framed:
            self._first = (self._first + data)[:SHOWN_CHARACTERS]
        return out

    def close(self) -> Sequence[Output]:
        """The upstream closed the connection: return what is left, at least `Stop` or `Failure` if neither was said."""
        out: list[Output] = []
        if self._ended:
            return out
        if self._document is not None:
            self._whole(b"".join(self._document), out)
            return out
        self._frames(self._decoder.flush, out)
        self._end(out, finished=self._finish is not None)
        return out

    # ---------------------------------------------------------------------------------------- frames and documents

    def _sniff(self, head: bytes) -> bytes:
        """Find out from its first character what the body is; return the bytes to read now."""
        text = head.removeprefix(BOM).lstrip()
        if not text or BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        # No line of an event stream that says anything begins with a bracket.
        if text[:1] in b"{[":
            self._document = []
            return text
        return head

    def _frames(self, decode: Callable[[], Sequence[Frame]], out: list[Output]) -> None:
        try:
            frames = decode()
        except FramingError as error:
            self._fail(out, own_error("upstream_invalid_stream", f"the upstream's stream is damaged: {error}"))
            return
        try:
            for frame in frames:
                self._frame(frame, out)
        except RecursionError:
            self._fail(out, TOO_DEEP)

    def _frame(self, frame: Frame, out: list[Output]) -> None:
        self._framed = True
        if self._ended:
            return
        named = frame.event == "error"
        data = frame.data
        try:
            chunk = decode_chunk(data)
        except WRONG_JSON:
            if frame.is_done:
                self._end(out, finished=True)
            elif data or named:
                self._odd_frame(frame, out, named=named)
        else:
            self._chunk(chunk, out, named=named)

    def _odd_frame(self, frame: Frame, out: list[Output], *, named: bool) -> None:
        """Read a frame that is not quite what OpenAI would send."""
        data = frame.data
        try:
            chunk = read_chunk(data)
        except ValueError:
            if named:
                self._fail(out, provider_error(data.decode("utf-8", "replace")))
            elif frame.terminated:  # else it was cut short, as `close` will say
                words = f"the upstream sent a frame that is no JSON object: {quoted(data)}"
                self._fail(out, own_error("upstream_invalid_json", words))
        else:
            self._chunk(chunk, out, named=named)

    def _whole(self, data: bytes, out: list[Output]) -> None:
        """Read a body that is one JSON document."""
        try:
            chunk = read_chunk(data)
        except ValueError:
            words = f"the upstream's reply is no JSON object: {quoted(data)}"
            self._fail(out, own_error("upstream_invalid_json", words))
            return
        try:
            self._chunk(chunk, out, named=False)
        except RecursionError:
            self._fail(out, TOO_DEEP)
        if not chunk.choices:
            self._fail(out, own_error("upstream_empty_reply", f"the upstream's reply has no choice: {quoted(data)}"))
        self._end(out, finished=True)

    def _chunk(self, chunk: Chunk, out: list[Output], *, named: bool) -> None:
        choices = chunk.choices
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

    def _end(self, out: list[Output], *, finished: bool) -> None:
        """Say what was held back, and how it ended; nothing more is read."""
        if self._ended:  # by the last frame
            return
        self._ended = True
        if self._failed:
            return
        self._answer.settle(out)
        nameless = self._answer.calls.nameless()
        if nameless is not None:
            words = f"the model called a function without naming it, with the arguments {quoted(nameless)}"
            self._fail(out, own_error("call_without_name", words, error_type="model_error"))
        elif not finished:
            self._fail(out, self._truncated())
        elif not self._answered:
            self._fail(out, own_error("upstream_empty_reply", "the upstream ended its stream without an answer"))
        elif self._finish is not None and self._finish.lower() in FAILURES:
            words = f"the upstream gave up: its finish reason is {self._finish!r}"
            self._fail(out, own_error(self._finish, words, error_type=FAILURES[self._finish.lower()]))
        elif self._finish is not None:
            out.append(Stop(STOP_REASONS.get(self._finish.lower(), self._finish)))
        else:
            out.append(Stop("tool_calls" if len(self._answer.calls) else "stop"))

    def _truncated(self) -> ErrorPayload:
        if self._framed:
            return own_error("upstream_truncated", "the upstream closed the connection before the reply was finished")
        if self._first:
            words = f"the upstream's reply is no event stream: {quoted(self._first)}"
            return own_error("upstream_invalid_stream", words)
        return own_error("upstream_truncated", "the upstream closed the connection without any reply")

    def _fail(self, out: list[Output], error: ErrorPayload) -> None:
        """Say what was held back, then the failure; of several only the first."""
        if not self._failed:
            self._answer.settle(out)
            self._failed = True
            out.append(Failure(error))

    def _lose(self, param: str, reason: str) -> None:
        if all(loss.param != param for loss in self.losses):
            self.losses.append(Loss(param, reason))

    # ------------------------------------------------------------------------------------------------- what was said

    def _choice(self, choice: Choice, out: list[Output]) -> None:
        delta = choice.delta
        if delta is None and not self._spoke:
            # Some end a stream with the whole message once more; it counts only where it comes first.
            delta = choice.message
        if choice.logprobs is not None:
            self._answer.take_logprobs(choice.logprobs)
        if delta is not None:
            self._spoke = True
            self._answer.take(delta, out)
        if choice.finish_reason:
            self._finish = choice.finish_reason
        if choice.error:
            self._fail(out, provider_error(choice.error))
