"""What a model says in the pieces of one answer: text, reasoning, refusals, calls.

Some decisions, each made once and here:

- Reasoning that a chunk tells twice, readable and in `reasoning_details`, is said once.
- `reasoning_details` that must go back unchanged (encrypted, or signed) become `EncryptedReasoning`, one line of JSON
  each, so that lines may be joined; `messages.py` sends them back as `reasoning_details`.
- The `extra_content` of a call (Google's signature of the thoughts behind it) is kept in the same way.
- Annotations wait for the text they belong to, log probabilities without text for the next text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from penstock.spec.base import JsonObject
from penstock.spec.content import Annotation, LogProb
from penstock.stream.output import (
    Annotated,
    EncryptedReasoning,
    Output,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Text,
)
from penstock.upstream.chat_completions.calls import LEGACY_INDEX, Calls
from penstock.upstream.chat_completions.chunks import (
    CALL_EXTRA,
    Delta,
    LogProbs,
    ToolCallDelta,
)
from penstock.upstream.chat_completions.parts import annotation, logprob, readable_text
from penstock.upstream.chat_completions.think import ThinkTags
from penstock.upstream.faults import quoted
from penstock.upstream.values import as_integer, as_list, as_object, as_text, json_text


class Answer:
    """One answer being read. `calls` are the calls it makes."""

    def __init__(self, *, functions: Collection[str], think_tags: bool, lose: Callable[[str, str], None]) -> None:
        """Begin an answer. `lose(param, reason)` is told of whatever has no place in Open Responses."""
        self.calls = Calls(functions)
        self._lose = lose
        self._tags = ThinkTags() if think_tags else None
        self._in_text = False
        self._annotations: list[Annotation] = []
        self._logprobs: list[LogProb] = []
        self._block: tuple[int | None, str | None] | None = None
        self._signed: list[str] = []

    def take(self, delta: Delta, out: list[Output]) -> None:
        """Read what a chunk adds; add to `out` what can be said."""
        if delta.reasoning_details or delta.reasoning_content or delta.reasoning:
            self._reasoning(delta, out)
        content = delta.content
        if content:
            if not isinstance(content, str):
                self._parts(content, out)
            elif self._tags is None:
                self._text(content, out)
            else:
                self._tagged(self._tags.split(content), out)
        if delta.refusal:
            self._refuse(delta.refusal, out)
        if delta.annotations:
            self._annotate(delta.annotations, out)
        if delta.tool_calls:
            self._in_text = False
            for call in delta.tool_calls:
                if call.custom is not None:
                    self._lose("choices[0].delta.tool_calls[].custom", "calls of custom tools have no counterpart")
                else:
                    if call.extra_content:
                        self._call_extra(call, call.extra_content, out)
                    self.calls.take(call, out)
        if delta.function_call is not None:
            self._in_text = False
            self.calls.take(ToolCallDelta(index=LEGACY_INDEX, function=delta.function_call), out)
        if delta.audio is not None:
            self._audio(delta.audio, out)
        if delta.images:
            self._lose("choices[0].delta.images", "Open Responses has no images in an answer")

    def _text(self, text: str, out: list[Output]) -> None:
        if self.calls.unsaid:
            self.calls.settle(out)
        if self._logprobs:
            out.append(Text(text, self._logprobs))
            self._logprobs = []
        else:
            out.append(Text(text))
        self._in_text = True
        if self._annotations:
            self._say_annotations(out)

    def _think(self, text: str, out: list[Output]) -> None:
        if self.calls.unsaid:
            self.calls.settle(out)
        self._in_text = False
        out.append(Reasoning(text))

    def _refuse(self, text: str, out: list[Output]) -> None:
        if self.calls.unsaid:
            self.calls.settle(out)
        self._in_text = False
        out.append(Refusal(text))

    def _tagged(self, pieces: Iterable[tuple[bool, str]], out: list[Output]) -> None:
        for is_reasoning, text in pieces:
            if is_reasoning:
                self._think(text, out)
            else:
                self._text(text, out)

    def _parts(self, parts: Sequence[object], out: list[Output]) -> None:
        """Say content that comes as a list of parts, as Mistral's does."""
        for value in parts:
            part = as_object(value) or {}
            kind = as_text(part.get("type")) or "type"
            text = as_text(part.get("text"))
            thinking = part.get("thinking")
            refusal = as_text(part.get("refusal"))
            if thinking is not None:
                inner = as_list(thinking) or [thinking]
                thought = "".join(as_text((as_object(piece) or {"text": piece}).get("text")) or "" for piece in inner)
                if thought:
                    self._think(thought, out)
            elif text is not None or isinstance(value, str):
                whole = text if text is not None else str(value)
                if whole:
                    self._text(whole, out)
            elif refusal:
                self._refuse(refusal, out)
            else:
                self._lose(f"choices[0].delta.content[].{kind}", "Open Responses has no such content in an answer")

    def _reasoning(self, delta: Delta, out: list[Output]) -> None:
        if self.calls.unsaid:
            self.calls.settle(out)
        self._in_text = False
        plain = delta.reasoning_content or delta.reasoning or ""
        if delta.reasoning and plain != delta.reasoning:
            self._lose("choices[0].delta.reasoning", "it differs from reasoning_content, which was taken")
        details = delta.reasoning_details
        if not details:
            out.append(Reasoning(plain))
            return
        readable = "".join(readable_text(detail) for detail in details)
        # The details tell raw reasoning from a summary, so they go first, unless they tell less.
        by_details = not plain or readable == plain
        if not by_details:
            out.append(Reasoning(plain))
        for detail in details:
            self._detail(detail, out, readable=by_details)

    def _detail(self, detail: JsonObject, out: list[Output], *, readable: bool) -> None:
        """Say one block of `reasoning_details`; its text only if it is to be `readable`."""
        kind = detail.get("type")
        text = readable_text(detail)
        if kind == "reasoning.text":
            block = (as_integer(detail.get("index")), as_text(detail.get("id")))
            if block != self._block:
                self._block = block
                self._signed.clear()
            if text:
                self._signed.append(text)
                if readable:
                    out.append(Reasoning(text))
            if detail.get("signature"):
                # A signature holds for the whole block, which has come in pieces.
                self._encrypted({**detail, "text": "".join(self._signed)}, out)
                self._signed.clear()
        elif kind == "reasoning.summary":
            if text and readable:
                out.append(ReasoningSummary(text))
        elif kind == "reasoning.encrypted":
            if detail.get("data"):
                self._encrypted(detail, out)
        else:
            words = f"reasoning of an unknown type: {quoted(str(kind))}"
            self._lose("choices[0].delta.reasoning_details[].type", words)

    @staticmethod
    def _encrypted(detail: JsonObject, out: list[Output]) -> None:
        out.append(EncryptedReasoning(json_text(detail) + "\n"))

    def _call_extra(self, call: ToolCallDelta, extra: JsonObject, out: list[Output]) -> None:
        if call.id:
            self._encrypted({"type": CALL_EXTRA, "call_id": call.id, "extra_content": extra}, out)
        else:
            self._lose("choices[0].delta.tool_calls[].extra_content", "a call without id cannot take it back")

    def _audio(self, audio: JsonObject, out: list[Output]) -> None:
        transcript = as_text(audio.get("transcript"))
        if transcript:
            self._text(transcript, out)
        if audio.get("data"):
            self._lose("choices[0].delta.audio.data", "Open Responses has no audio in an answer, only its text")

    def _annotate(self, annotations: Sequence[JsonObject], out: list[Output]) -> None:
        self._annotations.extend(map(annotation, annotations))
        if self._in_text:
            self._say_annotations(out)

    def _say_annotations(self, out: list[Output]) -> None:
        out.extend(map(Annotated, self._annotations))
        self._annotations.clear()

    def take_logprobs(self, logprobs: LogProbs) -> None:
        """Read the log probabilities of the text that comes next."""
        if logprobs.content:
            self._logprobs.extend(map(logprob, logprobs.content))
        if logprobs.refusal:
            self._lose("choices[0].logprobs.refusal", "Open Responses has log probabilities of text only")

    def settle(self, out: list[Output]) -> None:
        """Say what waited for something that can no longer come."""
        if self._tags is not None:
            self._tagged(self._tags.flush(), out)
        self.calls.settle(out)
        if self._logprobs:
            self._text("", out)
        if self._annotations:
            self._lose("choices[0].delta.annotations", "annotations came without a text they could belong to")
