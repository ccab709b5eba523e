"""The parts of a response while they grow: what the reader and the writer collect, in one place for both.

A draft takes what events bring and gives, at any moment, the object it has become. Text is collected in a `StringIO`,
whose cost a delta and whose size a character stay the same however long the text. Nothing that came is lost, whatever
the producer did: closing events count unless they tell less than was streamed, what stood under an index before it was
used again stays, and content that came to an item without a place for it is kept in a field of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from itertools import zip_longest
from typing import Any, TypeVar, cast

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec.base import Extra, SpecObject, UnknownObject
from penstock.spec.content import (
    Annotation,
    Content,
    ExtensionContent,
    InputTextContent,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
)
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem

__all__ = [
    "ItemDraft",
    "PartDraft",
    "TextBuffer",
    "differences",
    "in_order",
    "item_text",
    "part_text",
    "share_text",
    "whole_text",
    "with_text",
]


def whole_text(text: str) -> str:
    """Return `text` with surrogate pairs that came in two pieces joined, and lone surrogates as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def part_text(part: Content) -> str:
    """Return the text of a part, whatever it calls it; empty for a part that has none."""
    match part:
        case OutputTextContent() | ReasoningTextContent() | SummaryTextContent() | TextContent() | InputTextContent():
            return part.text
        case RefusalContent():
            return part.refusal
        case _:
            text = _fields(part).get("text")
            return text if isinstance(text, str) else ""


def with_text(part: Content, text: str) -> Content:
    """Return `part` with `text` for its text; in a field `text` of its own, where such a part has none."""
    if part_text(part) == text:
        return part
    match part:
        case OutputTextContent() | ReasoningTextContent() | SummaryTextContent() | TextContent() | InputTextContent():
            return replace(part, text=text)
        case RefusalContent():
            return replace(part, refusal=text)
        case ExtensionContent():
            return ExtensionContent(fields=Extra({**part.fields, "text": text}))
        case _:
            return replace(part, extra=Extra({**part.extra, "text": text}))


def _fields(thing: Content | Item) -> Extra:
    """Return where an object keeps what its type has no field for."""
    return thing.fields if isinstance(thing, (ExtensionContent, ExtensionItem)) else thing.extra


def _fuller(streamed: str, told: str) -> str:
    """Return `told`, or what was streamed where `told` is nothing but a beginning of it."""
    return streamed if streamed.startswith(told) else told


def _after(initial: str, streamed: str) -> str:
    """Return `streamed` with the text it began with, which some producers stream once more."""
    return streamed if streamed.startswith(initial) else initial + streamed


def share_text(part: Content, text: str) -> Content:
    """Return `part` with the very string `text` where its own is equal: a long text is told often, and kept once."""
    own = part_text(part)
    if own is text or own != text:
        return part
    match part:
        case OutputTextContent() | ReasoningTextContent() | SummaryTextContent():
            return replace(part, text=text)
        case RefusalContent():
            return replace(part, refusal=text)
        case _:
            return part


class TextBuffer:
    """Text that arrives in pieces, and is told once more in whole by closing events.

    `str` gives the pieces, `whole` the text they and the closing events make.
    """

    __slots__ = ("_buffer", "_early", "_length", "_settled", "_text", "append")

    append: Callable[[str], int]
    """Take one more piece."""

    def __init__(self) -> None:
        """Begin empty."""
        self._early = ""
        """The pieces that came before the last closing event."""
        self._settled: str | None = None
        self._begin()

    def _begin(self) -> None:
        """Collect the pieces from now on."""
        self._buffer = StringIO()
        self._text = ""
        self._length = 0
        self.append = self._buffer.write

    def __str__(self) -> str:
        """Return all pieces, joined."""
        late = self._late
        return self._early + late if late else self._early

    def __bool__(self) -> bool:
        return bool(self._early) or self._buffer.tell() > 0

    @property
    def _late(self) -> str:
        """The pieces since the last closing event, joined."""
        length = self._buffer.tell()
        if length != self._length:
            self._text, self._length = whole_text(self._buffer.getvalue()), length
        return self._text

    @property
    def is_settled(self) -> bool:
        """Whether a closing event has told the text."""
        return self._settled is not None

    def whole(self, initial: str = "", told: str = "") -> str:
        """Return the text that began with `initial`, as closing events tell it, and what came after those.

        `told` is one more closing event's text.
        """
        if self._settled is None:
            return _fuller(_after(initial, str(self)), told)
        return _fuller(self._settled, told) + self._late

    def settle(self, initial: str = "", told: str = "") -> str:
        """Take a closing event that tells the text as `told`; what comes from now on comes after it.

        Return the text as it now is: a string that whoever keeps the same text keeps with us.
        """
        streamed = str(self)
        settled = _fuller(self.whole(initial), told)
        self._early = settled if streamed == settled else streamed
        self._settled = self._early if settled == self._early else settled
        self._begin()
        return self._settled


class PartDraft:
    """One part: as it was added, what was streamed into it, and as it was when done."""

    __slots__ = ("added", "annotations", "before", "done", "logprobs", "said", "streamed")

    def __init__(self, added: Content, before: PartDraft | None = None) -> None:
        """Begin with the part of its `added` event, or with the empty part its first delta implies."""
        self.added = added
        self.streamed = TextBuffer()
        self.annotations: list[Annotation] = []
        self.logprobs: list[LogProb] = []
        self.said: str | None = None
        """The text as its `<content>.done` event says it."""
        self.done: Content | None = None
        """The part as its `done` event says it."""
        self.before = before
        """The part that stood under the same index, where a producer used it twice."""

    @property
    def is_fresh(self) -> bool:
        """Whether an `added` event may be about this part still: nothing told its text but deltas."""
        return not self.streamed.is_settled and not part_text(self.added)

    @property
    def text(self) -> str:
        """The text so far: the deltas, or what else tells more, or tells it otherwise."""
        return self.streamed.whole(part_text(self.added))

    def say(self, text: str) -> None:
        """Take the text as its `<content>.done` event says it."""
        settled = self.streamed.settle(part_text(self.added), text)
        self.said = settled if settled == text else text

    def finish(self, part: Content) -> None:
        """Take the part as its `done` event says it."""
        self.done = share_text(part, self.streamed.settle(part_text(self.added), part_text(part)))

    def snapshot(self, told: Content | None = None) -> Content:
        """Return the part as it now is; `told` is the part as the item's own done event says it."""
        part = told or self.done or self.added
        text = self.streamed.whole(part_text(self.added), part_text(told) if told is not None else "")
        part = with_text(part, text)
        if isinstance(part, OutputTextContent):
            if self.annotations and not part.annotations:
                part = replace(part, annotations=list(self.annotations))
            if self.logprobs and (part.logprobs is UNSET or not part.logprobs):
                part = replace(part, logprobs=list(self.logprobs))
        return part


class ItemDraft:
    """One item: as it was added, its parts and arguments so far, and as it was when done."""

    __slots__ = ("added", "arguments", "arguments_said", "before", "content", "done", "summary")

    def __init__(self, added: Item, before: ItemDraft | None = None) -> None:
        """Begin with the item of its `added` event, or with the empty item its first content implies."""
        self.added = added
        self.content: dict[int, PartDraft] = {}
        self.summary: dict[int, PartDraft] = {}
        self.arguments = TextBuffer()
        self.arguments_said: str | None = None
        self.done: Item | None = None
        self.before = before
        """The item that stood under the same index, where a producer used it twice."""

    def is_same(self, item: Item) -> bool:
        """Whether a second `added` event tells of this item: of one that was only implied, or of this very one."""
        return self.done is None and not item_text(self.added) and self.added.id in ("", item.id)

    def begin_part(self, parts: dict[int, PartDraft], index: int, added: Content) -> PartDraft:
        """Begin a part of `content` or `summary`, beside the one that stands there already."""
        part = parts[index] = PartDraft(added, parts.get(index))
        if self.done is not None:
            part.streamed.settle(part_text(added))
        return part

    def say_arguments(self, arguments: str) -> None:
        """Take the arguments as their done event says them."""
        settled = self.arguments.settle(self._initial_arguments, arguments)
        self.arguments_said = settled if settled == arguments else arguments

    def finish(self, item: Item) -> None:
        """Take the item as its `done` event says it."""
        self.arguments.settle(self._initial_arguments)
        for part in (*self.content.values(), *self.summary.values()):
            part.streamed.settle(part_text(part.added))
        self.done = self.share(item)

    def join(self) -> None:
        """Join the pieces of its texts."""
        str(self.arguments)
        for part in (*self.content.values(), *self.summary.values()):
            str(part.streamed)

    def share(self, item: Item) -> Item:
        """Return `item`, as an event told this one, with the strings that are kept here where its own are equal."""
        match item:
            case MessageItem():
                return replace(item, content=_shared(item.content, self.content))
            case ReasoningItem():
                content = item.content
                if isinstance(content, list):
                    content = _shared(content, self.content)
                return replace(item, summary=_shared(item.summary, self.summary), content=content)
            case FunctionCallItem():
                kept = self.arguments.whole()
                return replace(item, arguments=kept) if item.arguments == kept else item
            case _:
                return item

    @property
    def _initial_arguments(self) -> str:
        return self.added.arguments if isinstance(self.added, FunctionCallItem) else ""

    def snapshot(self) -> Item:
        """Return the item as it now is."""
        item = self.added if self.done is None else self.done
        strays: dict[str, object] = {}
        match item:
            case MessageItem():
                content = self._merged(item.content, self.content)
                item = item if content is item.content else replace(item, content=content)
            case ReasoningItem():
                item = self._reasoning(item)
            case FunctionCallItem():
                arguments = self.arguments.whole(self._initial_arguments, item.arguments if self.done else "")
                item = item if arguments == item.arguments else replace(item, arguments=arguments)
            case _:
                pass
        if self.content and not isinstance(item, (MessageItem, ReasoningItem)):
            strays["content"] = _plain(self._merged([], self.content))
        if self.summary and not isinstance(item, ReasoningItem):
            strays["summary"] = _plain(self._merged([], self.summary))
        if not isinstance(item, FunctionCallItem) and (self.arguments or self.arguments_said):
            strays["arguments"] = self.arguments.whole()
        return _with_strays(item, strays) if strays else item

    def _reasoning(self, item: ReasoningItem) -> ReasoningItem:
        summary = self._merged(item.summary, self.summary)
        if summary is not item.summary:
            item = replace(item, summary=summary)
        if self.content:
            item = replace(item, content=self._merged(item.content or [], self.content))
        return item

    def _merged(self, told: list[Content], drafts: dict[int, PartDraft]) -> list[Content]:
        """Return the parts the item itself tells, with what was streamed where they tell less."""
        if not drafts:
            return told
        streamed = [(index, part) for index in sorted(drafts) for part in in_order(drafts[index])]
        # Where an index was left out or used twice, the indexes tell nothing, and the parts are matched as they stand.
        if len(streamed) != len(drafts) or not all(0 <= index < len(told) for index in drafts):
            streamed = [(place, part) for place, (_, part) in enumerate(streamed)]
        merged: dict[int, Content] = dict(enumerate(told))
        for place, part in streamed:
            if place >= len(told):
                merged[place] = part.snapshot()
            elif self.done is not None:
                merged[place] = part.snapshot(told[place])
            else:
                merged[place] = with_text(part.snapshot(), _after(part_text(told[place]), part.text))
        return list(merged.values())


def _shared(parts: list[Content], drafts: Mapping[int, PartDraft]) -> list[Content]:
    return [
        share_text(part, drafts[index].streamed.whole()) if index in drafts else part
        for index, part in enumerate(parts)
    ]


DraftT = TypeVar("DraftT", PartDraft, ItemDraft)


def in_order(draft: DraftT) -> list[DraftT]:
    """Return all that stood under one index, the first one first."""
    drafts = [draft]
    while (before := drafts[-1].before) is not None:
        drafts.append(before)
    return drafts[::-1]


def _with_strays(item: Item, strays: Mapping[str, object]) -> Item:
    """Return `item` with fields its type does not have, except where it tells them itself."""
    fields = _fields(item)
    kept = Extra({**fields, **{name: value for name, value in strays.items() if not fields.get(name)}})
    return ExtensionItem(fields=kept) if isinstance(item, ExtensionItem) else replace(item, extra=kept)


def _kept(extra: Any) -> dict[str, object]:  # noqa: ANN401 - what msgspec hands over
    """Return what an object keeps beyond its type; what was only absent is not kept."""
    return {key: value for key, value in extra.items() if value is not UNSET}


def _plain(parts: Iterable[Content]) -> list[object]:
    """Return parts as plain JSON data."""
    plain: list[object] = []
    for part in parts:
        fields: dict[str, Any] = dict(part.fields) if isinstance(part, ExtensionContent) else {}
        if not fields:
            fields = msgspec.to_builtins(part, enc_hook=_kept)
            fields |= fields.pop("*extra*", {})
        plain.append(fields)
    return plain


def item_text(item: Item) -> str:
    """Return all the text of an item: of its parts, its arguments, its output."""
    match item:
        case MessageItem():
            return "".join(map(part_text, item.content))
        case ReasoningItem():
            return "".join(map(part_text, [*item.summary, *(item.content or [])]))
        case FunctionCallItem():
            return item.arguments
        case _:
            return ""


def differences(path: str, streamed: object, said: object) -> Sequence[tuple[str, object, object]]:
    """Return each place below `path` where two objects differ, as path, value in `streamed`, value in `said`."""
    if streamed == said:
        return []
    here: Sequence[tuple[str, object, object]] = [(path, streamed, said)]
    if isinstance(streamed, list) and isinstance(said, list):
        pairs = zip_longest(cast("list[object]", streamed), cast("list[object]", said), fillvalue=UNSET)
        return [found for index, pair in enumerate(pairs) for found in differences(f"{path}[{index}]", *pair)]
    if isinstance(streamed, SpecObject) and type(streamed) is type(said) and not isinstance(streamed, UnknownObject):
        return [
            found
            for name in streamed.__struct_fields__
            for found in differences(f"{path}.{name}", getattr(streamed, name), getattr(said, name))
        ]
    return here
