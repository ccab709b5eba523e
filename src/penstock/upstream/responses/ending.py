"""How a mended stream ends: the terminal event's response, made to tell what was streamed and how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.content import Content, OutputTextContent
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import (
    NO_USAGE,
    ErrorPayload,
    IncompleteDetails,
    Response,
    ResponseError,
)
from penstock.stream.fold import ItemDraft, PartDraft, part_text
from penstock.stream.machine import item_kind, part_kind
from penstock.stream.reader import ResponseReader

__all__ = ["CUT_SHORT", "RANK", "begins_with", "ended", "output", "part_as_done"]

CUT_SHORT: Final = ErrorPayload(
    type="server_error",
    code="upstream_interrupted",
    message="The stream ended before the response did.",
    param=None,
)
_UNTOLD: Final = ErrorPayload(
    type="server_error", code="server_error", message="The response failed, and nobody said why.", param=None
)
_CUT_REASON: Final = "max_output_tokens"
"""Why a response is incomplete whose last item is, where nobody said why."""
RANK: Final[Mapping[type[e.Event], int]] = {e.ResponseCompleted: 0, e.ResponseIncomplete: 1, e.ResponseFailed: 2}
"""Of several terminal events, the one that promises least counts."""
Mend = Callable[[str, str], None]


def part_as_done(draft: PartDraft) -> Content:
    """Return a streamed part as its done event told it, or as it now is."""
    return draft.done if draft.done is not None else draft.snapshot()


def begins_with(told: object, streamed: Sequence[Content]) -> bool:
    """Whether the parts an item tells are those that were streamed; parts that no event streams may follow."""
    parts = cast("list[Content]", told) if isinstance(told, list) else []
    return len(parts) >= len(streamed) and all(map(_same_part, parts, streamed))


def _same_part(told: Content, streamed: Content) -> bool:
    if part_kind(told) != part_kind(streamed) or part_text(told) != part_text(streamed):
        return False
    if not (isinstance(told, OutputTextContent) and isinstance(streamed, OutputTextContent)):
        return True
    # Log probabilities may be told anywhere, or nowhere.
    same = not (told.logprobs and streamed.logprobs) or told.logprobs == streamed.logprobs
    return same and told.annotations == streamed.annotations


def output(
    told: list[Item], items: list[Item], done: Sequence[bool], reader: ResponseReader, *, failed: bool
) -> list[Item]:
    """Return the output of the terminal event: `told`, where it is what was streamed; `items` are that."""
    if len(told) < len(items) and failed:
        # What a failed response keeps of its output is the server's affair; but it has to be of this stream.
        places = {item.id: at for at, item in enumerate(items)}
        ats = [places.get(item.id, -1) for item in told]
        if all(
            at >= 0 and _right(item, items[at], reader.draft(at), is_done=done[at]) is item
            for item, at in zip(told, ats, strict=True)
        ):
            return told
        return items
    if len(told) != len(items):
        return items
    right = [
        _right(told_item, item, reader.draft(at), is_done=done[at])
        for at, (told_item, item) in enumerate(zip(told, items, strict=True))
    ]
    return told if all(new is old for new, old in zip(right, told, strict=True)) else right


def _right(told: Item, item: Item, draft: ItemDraft, *, is_done: bool) -> Item:
    """Return an item as the terminal event tells it, where it tells what was streamed; else as it was streamed."""
    if (
        item_kind(told) != item_kind(item)
        or told.id != item.id
        or not _same_content(told, item, draft, is_done=is_done)
    ):
        return item
    if is_done and told.status != item.status:
        if isinstance(told, ExtensionItem):
            return ExtensionItem(fields=Extra({**told.fields, "status": item.status}))
        return replace(told, status=item.status)
    return told


def _same_content(told: Item, item: Item, draft: ItemDraft, *, is_done: bool) -> bool:
    match told, item:
        case FunctionCallItem(), FunctionCallItem():
            return (told.call_id, told.name, told.arguments) == (item.call_id, item.name, item.arguments)
        case (MessageItem(), MessageItem()) | (ReasoningItem(), ReasoningItem()):
            if isinstance(told, MessageItem) and isinstance(item, MessageItem) and told.role != item.role:
                return False
            return all(
                _same_parts(getattr(told, name, None) or [], getattr(item, name, None) or [])
                if is_done
                else begins_with(getattr(told, name, None), [part_as_done(parts[at]) for at in sorted(parts)])
                for name, parts in (("content", draft.content), ("summary", draft.summary))
            )
        case _:
            return True


def _same_parts(told: Sequence[Content], streamed: Sequence[Content]) -> bool:
    return len(told) == len(streamed) and all(map(_same_part, told, streamed))


def ended(
    terminal: e.ResponseEvent | None,
    base: Response,
    error: ErrorPayload | None,
    *,
    failed: bool,
    is_cut: bool,
    clock: Callable[[], float],
    mend: Mend,
) -> tuple[Any, Response]:
    """Return the class of the terminal event and its response: what must be there is, what must not is not."""
    if failed:
        return e.ResponseFailed, _failed(terminal, base, error, mend)
    if isinstance(terminal, e.ResponseCompleted) and is_cut:
        mend("OR605", "the last item is incomplete, and so is the response")
        details = base.incomplete_details or IncompleteDetails(reason=_CUT_REASON)
        response = replace(base, status="incomplete", completed_at=None, incomplete_details=details)
        return e.ResponseIncomplete, _with_usage(response, mend, is_required=False)
    changed: dict[str, Any] = {}
    if isinstance(terminal, e.ResponseIncomplete):
        if base.incomplete_details is None:
            mend("OR607", "incomplete_details was null: nobody said why the response is incomplete")
            changed["incomplete_details"] = IncompleteDetails(reason=_CUT_REASON)
        if base.error is not None:
            mend("OR607", "the response is incomplete, and had an error: it was left out")
            changed["error"] = None
        response = replace(base, **changed) if changed else base
        return e.ResponseIncomplete, _with_usage(response, mend, is_required=False)
    for name in ("error", "incomplete_details"):
        if getattr(base, name) is not None:
            mend("OR607", f"the response completed, and had {name}: it was left out")
            changed[name] = None
    if base.completed_at is None:
        mend("OR607", "the response completed, and completed_at was null")
        changed["completed_at"] = max(int(clock()), base.created_at)
    elif base.completed_at < base.created_at:
        mend("OR607", "the response completed before it was created: it did so at once")
        changed["completed_at"] = base.created_at
    response = replace(base, **changed) if changed else base
    return e.ResponseCompleted, _with_usage(response, mend, is_required=True)


def _failed(terminal: e.ResponseEvent | None, base: Response, error: ErrorPayload | None, mend: Mend) -> Response:
    changed: dict[str, Any] = {}
    if not isinstance(terminal, e.ResponseFailed):
        if terminal is not None:
            mend("OR606", f"{terminal.event_type} comes after an error: the response failed")
        elif error is not CUT_SHORT:
            mend("OR606", "the stream ends after an error: response.failed was put at its end")
        changed = {"status": "failed", "completed_at": None}
    if base.error is None:
        if isinstance(terminal, e.ResponseFailed):
            mend("OR607", "the response failed, and its error was null")
        why = error or _UNTOLD
        changed["error"] = ResponseError(code=why.code or why.type, message=why.message)
    return replace(base, **changed) if changed else base


def _with_usage(response: Response, mend: Mend, *, is_required: bool) -> Response:
    usage = response.usage
    if usage is None:
        if not is_required:
            return response
        mend("OR608", "the response completed without usage: its figures are 0")
        return replace(response, usage=NO_USAGE)
    told, written = max(usage.input_tokens, 0), max(usage.output_tokens, 0)
    cached = min(max(usage.input_tokens_details.cached_tokens, 0), told)
    reasoning = min(max(usage.output_tokens_details.reasoning_tokens, 0), written)
    right = {"input_tokens": told, "output_tokens": written, "total_tokens": told + written}
    changed: dict[str, Any] = {name: figure for name, figure in right.items() if getattr(usage, name) != figure}
    if cached != usage.input_tokens_details.cached_tokens:
        changed["input_tokens_details"] = replace(usage.input_tokens_details, cached_tokens=cached)
    if reasoning != usage.output_tokens_details.reasoning_tokens:
        changed["output_tokens_details"] = replace(usage.output_tokens_details, reasoning_tokens=reasoning)
    if not changed:
        return response
    mend("OR608", f"the usage contradicted itself in {', '.join(changed)}")
    return replace(response, usage=replace(usage, **changed))
