"""A response on a screen while it is being read: its items, in order, their text as it comes.

Messages and reasoning run: they are shown piece by piece, one item at a time. Everything else (calls, extension items)
is shown when it is finished, in its place; until then it is a draft, which only a live screen shows. What was shown is
remembered, so that whatever else the end of an item tells is shown too, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET, Struct

from penstock.cli.describe import annotation_line, count, foreign_lines, part_words, pretty_json
from penstock.cli.screen import Draft, Screen, Tone
from penstock.spec import events as e
from penstock.spec.base import NOTHING
from penstock.spec.content import Content, ExtensionContent, OutputTextContent, RefusalContent
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    MessageItem,
    ReasoningItem,
)
from penstock.stream.fold import ItemDraft, whole_text
from penstock.stream.reader import ResponseReader

__all__ = ["ResponseView"]

_ASIDE: Final = "· "
"""What begins a line of ours among those of the model."""

_Key = tuple[str, int]
"""A part of an item: `content` or `summary`, and its place there."""


class _Part(Struct, frozen=True):
    """A part as it is to be shown: under a label, then its text, then notes on lines of their own."""

    key: _Key
    label: str
    tone: Tone
    text: str
    notes: list[str] = []


class _Shown:
    """What of an item has been shown. `draft` is the item itself, as the reader has it."""

    def __init__(self, index: int, draft: ItemDraft) -> None:
        self.index = index
        self.draft = draft
        self.is_begun = False
        self.is_done = False
        self.is_closed = False
        self.pieces: dict[_Key, list[str]] = {}
        self.notes: set[str] = set()

    @property
    def runs(self) -> bool:
        """Whether it is shown while it comes."""
        return isinstance(self.draft.added, (MessageItem, ReasoningItem))


class ResponseView:
    """Shows what `reader` reads; `feed` it each event after the reader has taken it, and `finish` at the end."""

    def __init__(self, reader: ResponseReader, screen: Screen) -> None:
        """Show on `screen`."""
        self._reader = reader
        self._screen = screen
        self._items: list[_Shown] = []
        self._by_index: dict[int, _Shown] = {}
        self._running: _Shown | None = None
        self._part: _Key | None = None

    def feed(self, event: e.ResponseStreamEvent) -> None:
        """Show what `event` brought."""
        if not isinstance(event, e.ItemEvent):
            return
        shown = self._find(event.output_index)
        if isinstance(event, e.OutputItemDone):
            shown.is_done = True
        if shown.runs and not shown.is_begun and shown is not self._running:
            self._stop_running()
            self._begin(shown, shown.draft.added)
            self._running = shown
        if shown is self._running:
            self._run(shown, event)
            if shown.is_done:
                self._stop_running()
        self._show_ready()

    def finish(self) -> None:
        """Show what is left: items that never finished, and those that only the terminal event told of."""
        self._stop_running()
        for shown in self._items:
            self._close(shown, shown.draft.snapshot())
        response = self._reader.response
        if response is None:
            return
        next_index = max(self._by_index, default=-1) + 1
        for index, item in enumerate(response.output[len(self._reader.output) :], next_index):
            self._close(_Shown(index, ItemDraft(item)), item)

    def drafts(self) -> list[Draft]:
        """Return what is unfinished and not on the screen yet."""
        found: list[Draft] = []
        for shown in self._items:
            if not shown.is_begun:
                added = shown.draft.added
                arguments = str(shown.draft.arguments) if isinstance(added, FunctionCallItem) else ""
                found.append(Draft(_title(added), arguments))
        return found

    def _find(self, index: int) -> _Shown:
        """Return what is known of the item at `index`; where a producer uses an index twice, there are two."""
        draft = self._reader.draft(index)
        shown = self._by_index.get(index)
        if shown is None or shown.draft is not draft:
            shown = _Shown(index, draft)
            self._by_index[index] = shown
            self._items.append(shown)
            self._items.sort(key=_index)
        return shown

    def _begin(self, shown: _Shown, item: Item, *, again: bool = False) -> None:
        shown.is_begun = True
        self._part = None
        title = f"{_title(item)}, continued" if again else _title(item)
        self._screen.heading(title, aside=list(_asides(item)), tone=_tone(item), place=str(shown.index))

    def _run(self, shown: _Shown, event: e.ItemEvent) -> None:
        """Show a delta of the running item."""
        key: _Key
        match event:
            case e.OutputTextDelta() | e.RefusalDelta() | e.ReasoningDelta():
                key = ("content", event.content_index)
            case e.ReasoningSummaryTextDelta():
                key = ("summary", event.summary_index)
            case _:
                return
        tone: Tone = "text"
        if isinstance(event, e.RefusalDelta):
            tone = "refusal"
        elif not isinstance(event, e.OutputTextDelta):
            tone = "reasoning"
        label = "summary" if key[0] == "summary" else "refusal" if tone == "refusal" else ""
        self._say(shown, key, label, event.delta, tone)

    def _say(self, shown: _Shown, key: _Key, label: str, text: str, tone: Tone) -> None:
        """Show `text` as more of the part `key`, under its label where it begins."""
        if not text:
            return
        if self._part != key:
            is_labelled = label == "refusal" or (label != "" and (self._part is None or self._part[0] != key[0]))
            if is_labelled:
                self._screen.line(f"{_ASIDE}{label}", "aside")
            elif self._part is not None:
                self._screen.line("")
            self._part = key
        shown.pieces.setdefault(key, []).append(text)
        self._screen.text(text, tone)

    def _stop_running(self) -> None:
        """Show the rest of the running item, as far as it is known."""
        shown, self._running = self._running, None
        if shown is not None:
            self._rest(shown, shown.draft.snapshot())
            shown.is_closed = shown.is_done

    def _show_ready(self) -> None:
        """Show, in order, what has finished and waited for its turn."""
        if self._running is not None:
            return
        for shown in self._items:
            if shown.is_closed:
                continue
            if shown.is_done:
                self._close(shown, shown.draft.snapshot())
            elif not shown.is_begun:
                return

    def _close(self, shown: _Shown, item: Item) -> None:
        """Show all of an item that is not on the screen yet, under its heading."""
        shown.is_closed = True
        if not shown.is_begun:
            self._begin(shown, item)
        elif any(
            part.text != _joined(shown, part.key) or not shown.notes.issuperset(part.notes) for part in _parts(item)
        ):
            self._begin(shown, item, again=True)
        self._rest(shown, item)

    def _rest(self, shown: _Shown, item: Item) -> None:
        """Show what the item as it now is tells beyond what was shown of it."""
        for part in _parts(item):
            so_far = _joined(shown, part.key)
            text = part.text
            if so_far and not text.startswith(so_far):
                self._screen.line(f"{_ASIDE}the finished part tells something else:", "warning")
                shown.pieces[part.key] = []
            else:
                text = text[len(so_far) :]
            self._say(shown, part.key, part.label, text, part.tone)
            for note in part.notes:
                if note not in shown.notes:
                    shown.notes.add(note)
                    self._screen.line(f"{_ASIDE}{note}", "warning" if note.startswith("status: ") else "aside")


def _index(shown: _Shown) -> int:
    return shown.index


def _joined(shown: _Shown, key: _Key) -> str:
    return whole_text("".join(shown.pieces.get(key, ())))


def _title(item: Item) -> str:
    match item:
        case MessageItem():
            return "message" if item.role == "assistant" else f"message of {item.role}"
        case FunctionCallItem():
            return f"call {item.name}".rstrip()
        case FunctionCallOutputItem():
            return "call output"
        case ReasoningItem():
            return "reasoning"
        case CompactionItem():
            return "compaction"
        case ExtensionItem():
            return item.type or "item of no type"


def _asides(item: Item) -> Iterator[str]:
    match item:
        case MessageItem():
            if item.phase is not UNSET:
                yield str(item.phase).replace("_", " ")
        case FunctionCallItem() | FunctionCallOutputItem():
            yield item.call_id
        case ExtensionItem():
            yield item.id
        case _:
            pass


def _tone(item: Item) -> Tone:
    match item:
        case MessageItem():
            return "text"
        case FunctionCallItem():
            return "call"
        case ReasoningItem():
            return "reasoning"
        case _:
            return "foreign"


_WHOLE: _Key = ("item", 0)
_NOTE: _Key = ("note", 0)


def _parts(item: Item) -> Iterator[_Part]:
    """Yield what an item says, part by part."""
    match item:
        case MessageItem():
            for index, part in enumerate(item.content):
                yield _content_part(("content", index), part)
            yield from _status(item.status)
        case ReasoningItem():
            for index, part in enumerate(item.content if isinstance(item.content, list) else ()):
                yield _Part(("content", index), "", "reasoning", part_words(part))
            for index, part in enumerate(item.summary):
                yield _Part(("summary", index), "summary", "reasoning", part_words(part))
            if isinstance(item.encrypted_content, str) and item.encrypted_content:
                yield _note(f"encrypted, {count(len(item.encrypted_content), 'character')}")
            yield from _status(item.status if isinstance(item.status, str) else "completed")
        case FunctionCallItem():
            yield _Part(_WHOLE, "", "call", pretty_json(item.arguments))
            yield from _status(item.status)
        case FunctionCallOutputItem():
            output = item.output
            text = output if isinstance(output, str) else "\n".join(part_words(part) for part in output)
            yield _Part(_WHOLE, "", "text", text)
            yield from _status(item.status)
        case CompactionItem():
            yield _note(f"encrypted, {count(len(item.encrypted_content), 'character')}")
        case ExtensionItem():
            for line in foreign_lines(item.fields):
                yield _note(line)
            yield from _status(item.status if isinstance(item.status, str) else "completed")


def _content_part(key: _Key, part: Content) -> _Part:
    if isinstance(part, RefusalContent):
        return _Part(key, "refusal", "refusal", part.refusal)
    if isinstance(part, ExtensionContent) and part.fields is NOTHING:
        return _Part(key, "", "foreign", "")
    notes: list[str] = []
    if isinstance(part, OutputTextContent):
        notes += [annotation_line(number, entry) for number, entry in enumerate(part.annotations, 1)]
        if part.logprobs is not UNSET and part.logprobs:
            notes.append(f"log probabilities of {count(len(part.logprobs), 'token')}")
    return _Part(key, "", "text", part_words(part), notes)


def _note(text: str) -> _Part:
    return _Part(_NOTE, "", "aside", "", [text])


def _status(status: str) -> Iterator[_Part]:
    """Tell of a status that is not the ordinary end."""
    if status not in {"completed", ""}:
        yield _note(f"status: {status}")
