"""The parts of a response while they grow: what the reader and the writer collect, in one place for both.

A draft takes what events bring and gives, at any moment, the object it has become. Text is collected in a `StringIO`,
whose cost a delta and whose size a character stay the same however long the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from typing import TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import replace

from penstock.spec.base import NOTHING
from penstock.spec.content import (
    Annotation,
    Content,
    ExtensionContent,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
)
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem

__all__ = ["ItemDraft", "PartDraft", "TextBuffer", "part_text", "whole_text", "with_text"]

StructT = TypeVar("StructT", bound=Struct)


def whole_text(text: str) -> str:
    """Return `text` with surrogate pairs that came in two pieces joined, and lone surrogates as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def part_text(part: Content) -> str:
    """Return the text of a part, whatever it calls it; empty for a part that has none."""
    match part:
        case OutputTextContent() | ReasoningTextContent() | SummaryTextContent() | TextContent():
            return part.text
        case RefusalContent():
            return part.refusal
        case _:
            return ""


def with_text(part: Content, text: str) -> Content:
    """Return `part` with `text` for its text; as it is, where it has none."""
    match part:
        case OutputTextContent() | ReasoningTextContent() | SummaryTextContent() | TextContent():
            return replace(part, text=text)
        case RefusalContent():
            return replace(part, refusal=text)
        case _:
            return part


class TextBuffer:
    """Text that arrives in pieces."""

    __slots__ = ("_buffer", "append")

    append: Callable[[str], int]
    """Take one more piece."""

    def __init__(self) -> None:
        """Begin empty."""
        self._buffer = StringIO()
        self.append = self._buffer.write

    def __str__(self) -> str:
        """Return all pieces, joined."""
        return whole_text(self._buffer.getvalue())

    def __bool__(self) -> bool:
        return self._buffer.tell() > 0


class PartDraft:
    """One part: as it was added, what was streamed into it, and as it was when done."""

    __slots__ = ("added", "annotations", "done", "logprobs", "said", "streamed")

    def __init__(self, added: Content) -> None:
        """Begin with the part of its `added` event, or with the empty part its first delta implies."""
        self.added = added
        self.streamed = TextBuffer()
        self.annotations: list[Annotation] = []
        self.logprobs: list[LogProb] = []
        self.said: str | None = None
        """The text as its `<content>.done` event says it."""
        self.done: Content | None = None
        """The part as its `done` event says it."""

    @property
    def text(self) -> str:
        """The text so far: the deltas, or what else tells it where they are missing."""
        streamed = str(self.streamed)
        initial = part_text(self.added)
        if initial and not streamed.startswith(initial):
            streamed = initial + streamed
        return streamed or self.said or (part_text(self.done) if self.done is not None else "")

    def snapshot(self) -> Content:
        """Return the part as it now is. A done event that tells less than was streamed takes nothing away."""
        part = self.done if self.done is not None else self.added
        text = part_text(part) if self.done is not None else ""
        part = with_text(part, text or self.text)
        if isinstance(part, OutputTextContent):
            if self.annotations and not part.annotations:
                part = replace(part, annotations=list(self.annotations))
            if self.logprobs and (part.logprobs is UNSET or not part.logprobs):
                part = replace(part, logprobs=list(self.logprobs))
        return part


class ItemDraft:
    """One item: as it was added, its parts and arguments so far, and as it was when done."""

    __slots__ = ("added", "arguments", "arguments_said", "content", "done", "summary")

    def __init__(self, added: Item) -> None:
        """Begin with the item of its `added` event, or with the empty item its first content implies."""
        self.added = added
        self.content: dict[int, PartDraft] = {}
        self.summary: dict[int, PartDraft] = {}
        self.arguments = TextBuffer()
        self.arguments_said: str | None = None
        self.done: Item | None = None

    def snapshot(self) -> Item:
        """Return the item as it now is. A done event that tells less than was streamed takes nothing away."""
        item = self.added if self.done is None else self.done
        match item:
            case MessageItem():
                content = self._merged(item.content, self.content)
                return item if content is item.content else replace(item, content=content)
            case ReasoningItem():
                return self._reasoning(item)
            case FunctionCallItem():
                said = item.arguments if self.done is not None else ""
                arguments = said or str(self.arguments) or self.arguments_said or item.arguments
                return item if arguments == item.arguments else replace(item, arguments=arguments)
            case _:
                return item

    def _reasoning(self, item: ReasoningItem) -> ReasoningItem:
        summary = self._merged(item.summary, self.summary)
        if summary is not item.summary:
            item = replace(item, summary=summary)
        if self.content:
            has = item.content if isinstance(item.content, list) else []
            content = self._merged(has, self.content)
            if content is not has:
                item = replace(item, content=content)
        return item

    def _merged(self, parts: list[Content], drafts: dict[int, PartDraft]) -> list[Content]:
        """Return `parts` with what was streamed where they tell less; `parts` itself where they tell all."""
        if not drafts:
            return parts
        merged: list[Content] = []
        for index in range(max(len(parts), max(drafts) + 1)):
            draft = drafts.get(index)
            told = parts[index] if index < len(parts) else None
            if draft is None:
                merged.append(told if told is not None else ExtensionContent(fields=NOTHING))
            elif told is None or self.done is None or (draft.text and not part_text(told)):
                merged.append(draft.snapshot())
            else:
                merged.append(told)
        return parts if self.done is not None and merged == parts else merged


def differences(path: str, streamed: object, said: object) -> Sequence[tuple[str, object, object]]:
    """Return each place below `path` where two objects differ, as path, value in `streamed`, value in `said`."""
    if streamed == said:
        return []
    if isinstance(streamed, list) and isinstance(said, list):
        found: list[tuple[str, object, object]] = []
        for index in range(max(len(streamed), len(said))):
            left = streamed[index] if index < len(streamed) else UNSET
            right = said[index] if index < len(said) else UNSET
            found += differences(f"{path}[{index}]", left, right)
        return found
    same = type(streamed) is type(said) and isinstance(streamed, Struct) and isinstance(said, Struct)
    if same and not isinstance(streamed, (ExtensionItem, ExtensionContent)):
        assert isinstance(streamed, Struct)
        found = []
        for name in streamed.__struct_fields__:
            found += differences(f"{path}.{name}", getattr(streamed, name), getattr(said, name))
        return found
    return [(path, streamed, said)]
