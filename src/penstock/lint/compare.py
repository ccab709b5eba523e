"""How the rules compare what was streamed with what was said of it, and how they tell the difference in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, get_args

from msgspec import UNSET

from penstock.lint.difference import DONE_EVENT, counted, where_they_differ
from penstock.lint.streamed import Streamed
from penstock.spec.base import UnknownObject, is_extension_name
from penstock.spec.content import Content, LogProb, OutputTextContent
from penstock.spec.items import FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.stream.fold import ItemDraft, PartDraft, part_text
from penstock.stream.machine import part_kind
from penstock.wire.codec import encode_plain, to_plain

__all__ = [
    "adds_parts",
    "call_arguments",
    "clipped",
    "differences_from_done",
    "differences_from_draft",
    "different_lists",
    "is_known_kind",
    "is_streamed",
    "part_texts",
]


def clipped(value: object) -> str:
    """Return a value as a message shows it: not more than a line of it."""
    text = encode_plain(to_plain(value)).decode()
    return text if len(text) <= _CLIPPED else f"{text[:_CLIPPED]}..."


_CLIPPED: Final = 60
_KINDS: Final = frozenset(
    str(kind.__struct_config__.tag)
    for kind in get_args(Item) + get_args(Content)
    if not issubclass(kind, UnknownObject)
)


def part_texts(part: PartDraft, streamed: Streamed) -> list[str]:
    """Return the texts of a part as its events told it, the one that counts first; none where none is known.

    Where they differ from one another that was told already, and what comes later may agree with any of them.
    """
    texts = [] if part.said is None else [part.said]
    told = streamed.texts(part.streamed)
    if part.streamed or not texts:
        texts += told
    begun = part_text(part.added)
    if begun:
        # Some producers stream once more what they began with.
        texts += [begun + text for text in told]
    return texts


def done_texts(part: PartDraft, streamed: Streamed) -> list[str]:
    """Return the texts of a part as its events told it, its done event first."""
    return [*([] if part.done is None else [part_text(part.done)]), *part_texts(part, streamed)]


def call_arguments(draft: ItemDraft, streamed: Streamed) -> list[str]:
    """Return the arguments of a call as its events told them, the one that counts first; empty where none did."""
    texts = [] if draft.arguments_said is None else [draft.arguments_said]
    told = streamed.texts(draft.arguments)
    if draft.arguments:
        texts += told
    if isinstance(draft.added, FunctionCallItem) and draft.added.arguments:
        texts += [draft.added.arguments + text for text in told]
    return texts


def differences_from_draft(item: Item, draft: ItemDraft, streamed: Streamed) -> Iterator[tuple[str, str]]:
    """Yield, as path and words, where a finished item is not what was streamed into it, as far as that is known."""
    match item:
        case FunctionCallItem():
            told = call_arguments(draft, streamed)
            if told and item.arguments not in told:
                telling = streamed.telling(draft.arguments)
                yield ".arguments", f"the call's arguments text {where_they_differ(told, item.arguments, telling)}"
        case MessageItem():
            yield from _differing_parts(".content", item.content, draft.content, streamed)
        case ReasoningItem():
            yield from _differing_parts(".summary", item.summary, draft.summary, streamed)
            content = item.content if isinstance(item.content, list) else []
            yield from _differing_parts(".content", content, draft.content, streamed)
        case _:
            pass


def _differing_parts(
    path: str, parts: Sequence[Content], drafts: dict[int, PartDraft], streamed: Streamed
) -> Iterator[tuple[str, str]]:
    for index in sorted(drafts):
        draft = drafts[index]
        told = draft.done if draft.done is not None else draft.added
        if not 0 <= index < len(parts):
            yield path, f"the item has {counted(len(parts), 'part')}, {max(drafts) + 1} were streamed"
            return
        part, texts, kinds = parts[index], done_texts(draft, streamed), {part_kind(told), part_kind(draft.added)}
        at = f"{path}[{index}]"
        if not is_known_kind(part_kind(part)):
            continue
        if part_kind(part) not in kinds and is_known_kind(part_kind(told)):
            yield f"{at}.type", f"the part is {part_kind(part)}, streamed was {part_kind(told)}"
        elif texts and part_text(part) not in texts:
            key = "refusal" if part_kind(part) == "refusal" else "text"
            words = where_they_differ(texts, part_text(part), streamed.telling(draft.streamed))
            yield f"{at}.{key}", f"the part's text {words}"
        elif draft.done is None and not streamed.is_in_order(draft.streamed):
            continue  # nor is it known what else was streamed
        elif isinstance(part, OutputTextContent) and isinstance(told, OutputTextContent):
            if all(part.annotations != before for before in (told.annotations, draft.annotations)):
                yield f"{at}.annotations", different_lists("annotation", part.annotations, told.annotations)
            said, before = part.logprobs or [], told.logprobs or []
            if _differ(said, before) and _differ(said, draft.logprobs):
                yield f"{at}.logprobs", different_lists("log probability", said, before)


def _differ(said: list[LogProb], told: list[LogProb]) -> bool:
    """Whether two lists of log probabilities are there, and differ; they may be told anywhere, or nowhere."""
    return bool(said) and bool(told) and said != told


def is_known_kind(kind: str) -> bool:
    """Whether there is such an item or part: what is of another type was told of already."""
    return is_extension_name(kind) or kind in _KINDS


def different_lists(what: str, said: Sequence[object], streamed: Sequence[object]) -> str:
    """Return, in words, how two lists differ: in length, or from which entry."""
    if len(said) != len(streamed):
        return f"the part has {counted(len(said), what)}, {len(streamed)} came before"
    at = next(index for index, (a, b) in enumerate(zip(said, streamed, strict=True)) if a != b)
    return f"the part's {what} {at} is not the one that came before"


def adds_parts(item: Item, draft: ItemDraft) -> bool:
    """Whether an item has more parts than were streamed."""
    if isinstance(item, MessageItem):
        return len(item.content) > len(draft.content)
    return isinstance(item, ReasoningItem) and (
        len(item.summary) > len(draft.summary) or len(item.content or []) > len(draft.content)
    )


def is_streamed(draft: ItemDraft, streamed: Streamed) -> bool:
    """Whether anything of an item that is known was told between its first event and its last."""
    parts = (*draft.content.values(), *draft.summary.values())
    return any(done_texts(part, streamed) for part in parts) or bool(call_arguments(draft, streamed))


def differences_from_done(item: Item, done: Item) -> Iterator[tuple[str, str]]:
    """Yield, as path and words, where an item of the terminal response is not what its done event said."""
    status = getattr(item, "status", UNSET)
    if status is not UNSET and status != done.status and done.status in ("completed", "incomplete"):
        yield ".status", f"the item is {status!r}, its done event said {done.status!r}"
    match item, done:
        case FunctionCallItem(), FunctionCallItem():
            for name in ("call_id", "name"):
                was, now = getattr(done, name), getattr(item, name)
                if was != now:
                    yield f".{name}", f"the call's {name} is {now!r}, its done event said {was!r}"
            if item.arguments != done.arguments:
                yield (
                    ".arguments",
                    f"the call's arguments text {where_they_differ(done.arguments, item.arguments, DONE_EVENT)}",
                )
        case MessageItem(), MessageItem():
            if item.role != done.role:
                yield ".role", f"the message's role is {item.role!r}, its done event said {done.role!r}"
            yield from _differing_lists(".content", item.content, done.content)
        case ReasoningItem(), ReasoningItem():
            yield from _differing_lists(".summary", item.summary, done.summary)
            yield from _differing_lists(".content", item.content or [], done.content or [])
        case _:
            pass


def _differing_lists(path: str, parts: Sequence[Content], told: Sequence[Content]) -> Iterator[tuple[str, str]]:
    if len(parts) != len(told):
        yield path, f"the item has {counted(len(parts), 'part')}, its done event had {len(told)}"
        return
    for index, (part, was) in enumerate(zip(parts, told, strict=True)):
        at = f"{path}[{index}]"
        if part_kind(part) != part_kind(was):
            yield f"{at}.type", f"the part is {part_kind(part)}, its done event said {part_kind(was)}"
        elif part_text(part) != part_text(was):
            key = "refusal" if part_kind(part) == "refusal" else "text"
            yield f"{at}.{key}", f"the part's text {where_they_differ(part_text(was), part_text(part), DONE_EVENT)}"
        elif isinstance(part, OutputTextContent) and isinstance(was, OutputTextContent):
            if part.annotations != was.annotations:
                yield f"{at}.annotations", different_lists("annotation", part.annotations, was.annotations)
            said, before = part.logprobs or [], was.logprobs or []
            if _differ(said, before):
                yield f"{at}.logprobs", different_lists("log probability", said, before)
