"""The content of one message being read: its blocks, told apart by their index.

Anthropic tells one block after the other. So a block that begins ends those before it, but for calls, whose pieces
may also arrive interleaved; a piece for a block that is not open belongs nowhere, and the reply is damaged.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.spec.base import JsonObject, is_extension_name
from penstock.spec.items import MAX_CALL_ID_LENGTH
from penstock.spec.response import ErrorPayload
from penstock.stream.output import NewPart, Output
from penstock.upstream.anthropic.blocks import (
    Block,
    CallBlock,
    CompactionBlock,
    HeldBlock,
    RedactedBlock,
    SpecialCallBlock,
    TextBlock,
    ThinkingBlock,
    is_special,
)
from penstock.upstream.anthropic.events import Delta
from penstock.upstream.anthropic.names import SLUG
from penstock.upstream.faults import own_error, quoted
from penstock.upstream.values import as_object, as_text, json_text


class Answer:
    """One message being read."""

    def __init__(self, *, raw_thinking: bool, lose: Callable[[str, str], None]) -> None:
        """Begin a message. `lose(param, reason)` is told of whatever has no place in Open Responses."""
        self.calls = 0
        """How many calls the model has made."""
        self._raw_thinking = raw_thinking
        self._lose = lose
        self._open: dict[int | None, Block] = {}
        self._closed: list[CallBlock] = []
        self._ids: set[str] = set()
        self._speaking: set[str] = set()

    def begin(self, index: int | None, block: JsonObject, out: list[Output]) -> ErrorPayload | None:
        """Begin the block at `index`; return what is wrong with it, if anything is."""
        for before, other in list(self._open.items()):
            if before == index or not isinstance(other, CallBlock):
                self.end(before, out)
        out.extend(call.done() for call in self._closed)
        self._closed.clear()
        kind = as_text(block.get("type")) or ""
        if kind == "tool_use" and not as_text(block.get("name")):
            words = f"the model called a function without naming it: {quoted(json_text(block))}"
            return own_error("call_without_name", words, error_type="model_error")
        made = self._open[index] = self._block(kind, block)
        self._part(kind, out)
        made.begin(out)
        return None

    def _block(self, kind: str, block: JsonObject) -> Block:
        match kind:
            case "text":
                return TextBlock(block, self._lose)
            case "thinking":
                return ThinkingBlock(block, self._lose, raw=self._raw_thinking)
            case "redacted_thinking":
                return RedactedBlock(block, self._lose)
            case "tool_use":
                return self._call(block)
            case "compaction":
                return CompactionBlock(block, self._lose)
            case _ if is_extension_name(SLUG + kind):
                return HeldBlock(block, self._lose)
            case _:
                self._lose(f"content[].{kind or 'type'}", "a block of this type has no place in Open Responses")
                return Block(block, self._lose)

    def _call(self, block: JsonObject) -> Block:
        self.calls += 1
        if is_special(block):
            return SpecialCallBlock(block, self._lose)
        call_id = as_text(block.get("id")) or ""
        known = 0 < len(call_id) <= MAX_CALL_ID_LENGTH and call_id not in self._ids
        # An id that another call has, or that could not be sent back, is no id: the writer makes one up.
        reference = call_id if known else f"*{self.calls}*"
        self._ids.add(reference)
        return CallBlock(block, self._lose, reference, known=known)

    def _part(self, kind: str, out: list[Output]) -> None:
        """Let each block of text or thinking have a part of its own: citations and signatures hold for one block."""
        speaking = {"text": "text", "thinking": "thinking", "redacted_thinking": "thinking"}.get(kind)
        if speaking is None:
            self._speaking.clear()
        elif speaking in self._speaking:
            out.append(NewPart())
        else:
            self._speaking.add(speaking)

    def take(self, index: int | None, delta: Delta, out: list[Output]) -> ErrorPayload | None:
        """Read a piece of the block at `index`; return what is wrong with it, if anything is."""
        block = self._open.get(index)
        if block is None:
            words = f"the upstream sent a piece of content block {index}, which is not open"
            return own_error("upstream_invalid_stream", words)
        block.take(delta, out)
        return None

    def end(self, index: int | None, out: list[Output]) -> None:
        """The block at `index` was told to its end."""
        block = self._open.pop(index, None)
        if block is not None:
            block.told = True
            block.finish(out)
            if isinstance(block, CallBlock):
                self._closed.append(block)

    def settle(self, out: list[Output]) -> None:
        """Say what was held back: nothing more comes."""
        for block in self._open.values():
            block.finish(out)
        self._open.clear()

    def whole(self, blocks: list[object], out: list[Output]) -> ErrorPayload | None:
        """Read blocks that are complete; return what is wrong with one of them, if anything is."""
        for number, value in enumerate(blocks):
            block = as_object(value) or {}
            error = self.begin(number, block, out)
            if error is not None:
                return error
            self.end(number, out)
        return None
