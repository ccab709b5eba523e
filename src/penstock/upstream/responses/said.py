"""What a stream in order says, as what the model did.

The events come from the mender, so nothing here has to doubt them: items, parts and deltas are where they belong, and
the stream ends with its terminal event.

Messages, reasoning and calls are said as they are streamed. All other items are said whole, when they are: behind what
was streamed meanwhile, since no text waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import NOTHING, Extra
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import ErrorPayload, Response, ResponseUsage
from penstock.stream import output as o
from penstock.stream.machine import part_kind
from penstock.upstream.faults import provider_error

__all__ = ["Said"]

_ERROR_TYPES: Final = frozenset(
    {
        "authentication_error",
        "invalid_request",
        "model_error",
        "not_found",
        "permission_denied",
        "server_error",
        "too_many_requests",
    }
)
"""What the specification calls errors (spec: "Error Types"), and what HTTP's statuses of access are called with it."""
_TEXT_PARTS = frozenset({"output_text", "refusal"})
_REASONING_PARTS = frozenset({"reasoning_text", "output_text", "text", "summary_text"})


class Said:
    """Turns the events of one mended stream into output."""

    def __init__(
        self, item: Callable[[int], Item], *, made_up: Container[str], lose: Callable[[str, str], None]
    ) -> None:
        """Begin a stream.

        `item` returns the item at an output index as far as the events told of it; `made_up` holds the ids that did
        not come from the upstream, and are not said: the writer makes up its own. `lose` is told what has no place.
        """
        self._item = item
        self._made_up = made_up
        self._lose = lose
        self._begun: dict[int, Item] = {}
        self._spoken: set[int] = set()
        self._current: int | None = None
        self._part: tuple[bool, int] | None = None
        self._whole: set[int] = set()
        self._awaited: set[int] = set()
        self._error: ErrorPayload | None = None

    def read(self, events: Iterable[e.ResponseStreamEvent]) -> list[o.Output]:
        """Return what `events`, the next of the stream, say."""
        return [output for event in events if not self._is_of_whole(event) for output in self._read(event)]

    def _is_of_whole(self, event: e.ResponseStreamEvent) -> bool:
        """Whether an event is about what is in an item that is said whole, when it is done."""
        return (
            isinstance(event, e.ContentEvent | e.SummaryEvent | e.ArgumentsEvent) and event.output_index in self._whole
        )

    def _read(self, event: e.ResponseStreamEvent) -> Iterator[o.Output]:
        match event:
            case e.OutputItemAdded():
                yield from self._added(event)
            case e.OutputItemDone():
                yield from self._done(event)
            case e.OutputTextDelta():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Text(event.delta, event.logprobs or None)
            case e.RefusalDelta():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Refusal(event.delta)
            case e.ReasoningDelta():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Reasoning(event.delta)
            case e.ReasoningSummaryTextDelta():
                yield from self._turn_to(event.output_index, (True, event.summary_index))
                yield o.ReasoningSummary(event.delta)
            case e.FunctionCallArgumentsDelta():
                yield o.Arguments(event.delta, self._key(event.output_index))
            case e.OutputTextAnnotationAdded():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Annotated(event.annotation)
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                if not self._is_streamed(event):
                    yield self._whole_part(event)
            case e.ExtensionEvent():
                fields = {key: value for key, value in event.fields.items() if key != "type"}
                yield o.Extension(event.event_type, fields)
            case e.ErrorEvent():
                self._error = event.error
            case e.ResponseEvent():
                if event.is_terminal:
                    yield from self._end(event)
            case _:
                pass

    # Names.

    def _key(self, output_index: int) -> str:
        return f"output[{output_index}]"

    def _told(self, id: str) -> str | None:
        """Return an id that the upstream told, None for one that was made up."""
        return None if not id or id in self._made_up else id

    def _begins(self, output_index: int) -> o.NewMessage:
        """Return what says that a message or reasoning begins, or goes on after another came between."""
        item = self._begun[output_index]
        phase: Any = getattr(item, "phase", None) or None
        if output_index in self._spoken:
            return o.NewMessage(phase)
        return o.NewMessage(phase, self._told(item.id), _beyond(item))

    def _ready(self, item: Item) -> o.ReadyItem:
        """Return an item to be said whole, under its own id, if it has one."""
        if self._told(item.id) is not None:
            return o.ReadyItem(item)
        if isinstance(item, ExtensionItem):
            return o.ReadyItem(ExtensionItem(fields=Extra({**item.fields, "id": ""})))
        return o.ReadyItem(replace(item, id=""))

    # Items.

    def _added(self, event: e.OutputItemAdded) -> Iterator[o.Output]:
        index, item = event.output_index, event.item
        match item:
            case ReasoningItem() | MessageItem() if isinstance(item, ReasoningItem) or item.role == "assistant":
                self._begun[index] = item
                self._current, self._part = index, None
                yield self._begins(index)
            case FunctionCallItem():
                self._current = None
                call_id, id = self._told(item.call_id), self._told(item.id)
                yield o.FunctionCall(item.name, None, call_id, self._key(index), id, _beyond(item))
            case _:
                self._whole.add(index)
                self._awaited.add(index)

    def _is_streamed(self, event: e.ContentPartDone | e.ReasoningSummaryPartDone) -> bool:
        is_message = isinstance(self._begun[event.output_index], MessageItem)
        return part_kind(event.part) in (_TEXT_PARTS if is_message else _REASONING_PARTS)

    def _whole_part(self, event: e.ContentPartDone | e.ReasoningSummaryPartDone) -> o.Output:
        """Return a part that no delta brings: nothing but an item of its own can say it."""
        index = event.output_index
        item = self._begun[index]
        if index in self._spoken:
            item = replace(item, id="")
        self._current = None
        self._spoken.add(index)
        if isinstance(item, MessageItem):
            return self._ready(replace(item, status="completed", content=[event.part]))
        part, beyond = [event.part], _beyond(item)
        if isinstance(event, e.ReasoningSummaryPartDone):
            return self._ready(ReasoningItem(id=item.id, summary=part, status="completed", extra=beyond))
        return self._ready(ReasoningItem(id=item.id, summary=[], content=part, status="completed", extra=beyond))

    def _turn_to(self, output_index: int, part: tuple[bool, int]) -> Iterator[o.Output]:
        """Let what comes next be about this part: of a message or of reasoning, another may have come between."""
        if output_index != self._current:
            yield self._begins(output_index)
            self._current = output_index
        elif self._part is not None and self._part != part and self._part[0] == part[0]:
            yield o.NewPart()
        self._part = part
        self._spoken.add(output_index)

    def _done(self, event: e.OutputItemDone) -> Iterator[o.Output]:
        index, item = event.output_index, event.item
        if index in self._whole:
            self._awaited.discard(index)
            yield self._ready(item)
        elif isinstance(item, FunctionCallItem):
            # One that was cut stays open: the end of the stream tells so.
            if item.status != "incomplete":
                yield o.Done(self._key(index))
        else:
            yield from self._done_speaking(index, item)

    def _done_speaking(self, index: int, item: Item) -> Iterator[o.Output]:
        """End a message or reasoning."""
        encrypted = item.encrypted_content if isinstance(item, ReasoningItem) else None
        if not encrypted and index not in self._spoken:
            # There is nothing in it; but it was there, and what follows may need it when the conversation goes on.
            self._spoken.add(index)
            yield self._ready(item)
        elif item.status == "incomplete":
            return
        elif encrypted:
            if index != self._current:
                yield self._begins(index)
                self._current = index
            self._spoken.add(index)
            yield o.EncryptedReasoning(encrypted)
        if index == self._current:
            self._current = None
            # It closes what is open, and begins nothing by itself; `Done` could mean a call.
            yield o.NewMessage()

    # The end.

    def _end(self, event: e.ResponseEvent) -> Iterator[o.Output]:
        response = event.response
        # A failed stream does not finish what is open. The response may tell most of it, or not tell of it at all.
        told = {item.id: item for item in response.output}
        for index in sorted(self._awaited):
            item = self._item(index)
            yield self._ready(told.get(item.id, item))
        if response.usage is not None:
            yield self._usage(response.usage)
        for key, value in response.extra.items():
            if value is not None and value is not UNSET:
                self._lose(key, "it tells of the upstream's response; this one is ours")
        if isinstance(event, e.ResponseFailed):
            yield o.Failure(self._failure(response))
        elif isinstance(event, e.ResponseIncomplete):
            details = response.incomplete_details
            yield o.Stop(details.reason if details is not None else "max_output_tokens")
        else:
            yield o.Stop("tool_calls" if response.function_calls else "stop")

    def _failure(self, response: Response) -> ErrorPayload:
        if self._error is not None:
            return _in_terms(self._error)
        error = response.error
        return provider_error({"code": error.code, "message": error.message} if error is not None else {})

    def _usage(self, usage: ResponseUsage) -> o.Usage:
        for name, details in (("input", usage.input_tokens_details), ("output", usage.output_tokens_details)):
            for key in details.extra:
                self._lose(f"usage.{name}_tokens_details.{key}", "the specification has no such figure")
        return o.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.input_tokens_details.cached_tokens,
            reasoning_tokens=usage.output_tokens_details.reasoning_tokens,
            total_tokens=usage.total_tokens,
            extra=_present(usage.extra),
        )


def _in_terms(error: ErrorPayload) -> ErrorPayload:
    """Return an error in the specification's terms: as it is, if it is, or else by what its type and code mean."""
    if error.type in _ERROR_TYPES:
        return error
    known = {"type": error.type or None, "code": error.code, "message": error.message, "param": error.param}
    return provider_error({**_present(error.extra), **known})


def _beyond(item: Item) -> Extra:
    """Return what an item of the specification held beyond it."""
    return NOTHING if isinstance(item, ExtensionItem) else _present(item.extra)


def _present(extra: Extra) -> Extra:
    """Return what was there of it: what a reading notes as absent was not."""
    return Extra({key: value for key, value in extra.items() if value is not UNSET}) if extra else NOTHING
