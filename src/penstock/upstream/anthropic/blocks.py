"""The content blocks of one message being read: what each becomes in Open Responses.

- text: a part of the open message; citations wait for the end of their text, whose length they cover;
- thinking: a part of the open reasoning item, and the signed block as its encrypted content (see `signed.py`);
- tool_use: a call; it is done when it was closed and another block begins, for one that the limit of tokens cut in two
  is closed as well, but nothing follows it;
- compaction: the item of that name;
- whatever else there is or will be, tools that Anthropic runs and their results above all: an item of Anthropic's own.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.spec.base import JsonObject
from penstock.spec.items import CompactionItem, ExtensionItem, FunctionCallItem
from penstock.stream.output import (
    Annotated,
    Arguments,
    Done,
    EncryptedReasoning,
    FunctionCall,
    Output,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Text,
)
from penstock.upstream.anthropic.citations import annotation
from penstock.upstream.anthropic.events import Delta
from penstock.upstream.anthropic.names import SLUG
from penstock.upstream.anthropic.signed import sealed
from penstock.upstream.values import as_list, as_object, as_text, json_text, kept, read_json


class Block:
    """One block of the message; as it is, one that has no place in Open Responses."""

    def __init__(self, block: JsonObject, lose: Callable[[str, str], None]) -> None:
        """Begin `block`, of which `lose(param, reason)` is told what has no place in Open Responses."""
        self.kind = as_text(block.get("type")) or ""
        self.told = False
        """Whether it was told to its end."""
        self._lose = lose

    def begin(self, out: list[Output]) -> None:
        """Say what is there from the beginning."""

    def take(self, delta: Delta, out: list[Output]) -> None:  # noqa: ARG002 - what blocks know they say
        """Read what an event adds; add to `out` what can be said of it."""
        self._lose(f"content[].{self.kind}.{delta.type}", "the adapter knows no such piece of such a block")

    def finish(self, out: list[Output]) -> None:
        """Say what was held back: nothing more comes."""


class TextBlock(Block):
    """Text, and the citations it rests on."""

    def __init__(self, block: JsonObject, lose: Callable[[str, str], None]) -> None:
        super().__init__(block, lose)
        self._text = as_text(block.get("text")) or ""
        self._citations = [found for value in as_list(block.get("citations")) or () if (found := as_object(value))]
        self._length = len(self._text)

    def begin(self, out: list[Output]) -> None:
        """Say the text there is."""
        if self._text:
            out.append(Text(self._text))

    def take(self, delta: Delta, out: list[Output]) -> None:
        """Say more text; keep citations until its end is known."""
        if delta.type == "text_delta":
            if delta.text:
                self._length += len(delta.text)
                out.append(Text(delta.text))
        elif delta.type == "citations_delta" and delta.citation:
            self._citations.append(delta.citation)
        else:
            super().take(delta, out)

    def finish(self, out: list[Output]) -> None:
        """Say the citations."""
        out.extend(Annotated(annotation(citation, self._length)) for citation in self._citations)


class ThinkingBlock(Block):
    """Thinking and its signature. Without a signature nothing can go back."""

    def __init__(self, block: JsonObject, lose: Callable[[str, str], None], *, raw: bool) -> None:
        super().__init__(block, lose)
        self._said: type[Reasoning | ReasoningSummary] = Reasoning if raw else ReasoningSummary
        thinking = as_text(block.get("thinking"))
        self._texts = [thinking] if thinking else []
        self._signature = as_text(block.get("signature")) or ""

    def begin(self, out: list[Output]) -> None:
        """Say the thinking there is."""
        out.extend(map(self._said, self._texts))

    def take(self, delta: Delta, out: list[Output]) -> None:
        """Say more thinking; keep the signature."""
        if delta.type == "thinking_delta":
            if delta.thinking:
                self._texts.append(delta.thinking)
                out.append(self._said(delta.thinking))
        elif delta.type == "signature_delta":
            self._signature = delta.signature
        else:
            super().take(delta, out)

    def finish(self, out: list[Output]) -> None:
        """Say the block as it must go back."""
        if self._signature:
            block = {"type": self.kind, "thinking": "".join(self._texts), "signature": self._signature}
            out.append(EncryptedReasoning(sealed(block)))


class RedactedBlock(Block):
    """Thinking that nobody may read; it comes at once."""

    def __init__(self, block: JsonObject, lose: Callable[[str, str], None]) -> None:
        super().__init__(block, lose)
        self._data = as_text(block.get("data"))

    def begin(self, out: list[Output]) -> None:
        """Say the block as it must go back."""
        if self._data:
            out.append(EncryptedReasoning(sealed({"type": self.kind, "data": self._data})))


class CallBlock(Block):
    """A call of one of the caller's functions."""

    def __init__(self, block: JsonObject, lose: Callable[[str, str], None], reference: str, *, known: bool) -> None:
        """Begin a call that `Arguments` refer to as `reference`, its id where that is `known`."""
        super().__init__(block, lose)
        self.name = as_text(block.get("name")) or ""
        self.reference = reference
        self._known = known
        self._input = as_object(block.get("input"))
        self._streamed = False

    def begin(self, out: list[Output]) -> None:
        """Say that there is a call; its arguments follow."""
        if self._known:
            out.append(FunctionCall(self.name, call_id=self.reference))
        else:
            out.append(FunctionCall(self.name, key=self.reference))

    def take(self, delta: Delta, out: list[Output]) -> None:
        """Say more of the arguments."""
        if delta.type != "input_json_delta":
            super().take(delta, out)
        elif delta.partial_json:
            self._streamed = True
            out.append(Arguments(delta.partial_json, self.reference))

    def finish(self, out: list[Output]) -> None:
        """Say the arguments, where they came in one piece."""
        if self._input and not self._streamed:
            out.append(Arguments(json_text(self._input), self.reference))

    def done(self) -> Done:
        """Return what says that nothing more of it comes."""
        return Done(self.reference)


class HeldBlock(Block):
    """A block that is told as a whole item, when it is there."""

    def __init__(self, block: JsonObject, lose: Callable[[str, str], None]) -> None:
        super().__init__(block, lose)
        self._block = block
        self._input: list[str] = []

    def take(self, delta: Delta, out: list[Output]) -> None:
        """Keep more of the input."""
        if delta.type != "input_json_delta" or "input" not in self._block:
            super().take(delta, out)
        elif delta.partial_json:
            self._input.append(delta.partial_json)

    def finish(self, out: list[Output]) -> None:
        """Say the item."""
        fields = dict(self._block)
        whole = self.told or "input" not in fields  # what takes no pieces was whole when it began
        if self._input:
            text = "".join(self._input)
            try:
                fields["input"] = read_json(text.encode("utf-8", "surrogatepass"))
            except ValueError:
                fields["input"], whole = text, False  # the limit of tokens cut it in two: it stays text
        out.append(ReadyItem(self._item(fields, "completed" if whole else "incomplete")))

    def _item(self, fields: JsonObject, status: str) -> ExtensionItem | FunctionCallItem | CompactionItem:
        return ExtensionItem(fields=kept({**fields, "type": SLUG + self.kind, "status": status}))


class CompactionBlock(HeldBlock):
    """The conversation so far, summed up by Anthropic."""

    def take(self, delta: Delta, out: list[Output]) -> None:
        """Keep the summary."""
        if delta.type != "compaction_delta":
            super().take(delta, out)
            return
        self._block["content"] = delta.content
        if delta.encrypted_content is not None:
            self._block["encrypted_content"] = delta.encrypted_content

    def _item(self, fields: JsonObject, status: str) -> CompactionItem:
        return CompactionItem(id="", encrypted_content=sealed(fields), status=status)


class SpecialCallBlock(HeldBlock):
    """A call that needs more than its arguments to go back: who made it, or which toolset it is of."""

    def _item(self, fields: JsonObject, status: str) -> FunctionCallItem:
        arguments = fields.get("input")
        return FunctionCallItem(
            id="",
            call_id=as_text(fields.get("id")) or "",
            name=as_text(fields.get("name")) or "",
            arguments=arguments if isinstance(arguments, str) else json_text(arguments or {}),
            status=status,
            extra=kept({SLUG + key: fields[key] for key in SPECIAL if fields.get(key)}),
        )


SPECIAL = ("caller", "toolset_name")


def is_special(block: JsonObject) -> bool:
    """Whether a call is more than one of the model's own, of a function the caller offers."""
    caller = as_object(block.get("caller"))
    return bool(block.get("toolset_name")) or (caller is not None and caller.get("type") != "direct")
