"""The writer: output in, a stream that cannot be wrong out. The only place that numbers, indexes and names.

`ResponseWriter` turns what a model says into events. Each event goes through a strict `ResponseReader` of the writer's
own before it is emitted: so every step is in the grammar, and the response in the terminal event is the fold of the
events that were sent. Nothing is held back but `output_item.done`, which waits for the items before it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

from msgspec import UNSET, Struct
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra, is_extension_name
from penstock.spec.content import Content, ExtensionContent, LogProb, OutputTextContent, RefusalContent
from penstock.spec.items import (
    ExtensionItem,
    FunctionCallItem,
    Item,
    MessageItem,
    ReasoningItem,
)
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, IncompleteDetails, Response, ResponseError
from penstock.stream import open_items as kinds
from penstock.stream import output as o
from penstock.stream.checks import checked_json, checked_logprobs, json_text, response_usage, split_text
from penstock.stream.echo import new_response
from penstock.stream.emitters import StreamEventEmitter
from penstock.stream.fold import part_text
from penstock.stream.machine import StreamStateError
from penstock.stream.open_items import ContentKind, OpenItem, OpenPart
from penstock.stream.reader import ResponseReader
from penstock.stream.states import ResponseState

__all__ = ["ResponseWriter", "WriterOptions"]

# What the end of a stream tells of a producer that broke; its own words may hold secrets and belong in a log.
_PRODUCER_BROKE = ErrorPayload(
    type="server_error",
    code="server_error",
    message="The server had an error while producing this response.",
    param=None,
)


class WriterOptions(Struct, frozen=True, kw_only=True):
    """What of a model's output is written. What is left out is counted in `ResponseWriter.left_out`.

    `reasoning`: raw reasoning as such; as a summary, the one form that nearly every client shows; or not at all (then
    neither are its summaries). `tool_calls`: whether function calls are written. `extensions`: likewise events and
    items of an implementor's own.
    """

    reasoning: Literal["raw", "summary", "off"] = "raw"
    tool_calls: bool = True
    extensions: bool = True


class ResponseWriter:
    """Writes one response as a stream of events.

    Call `start`, then `send` for everything the model says, then `finish`; or use it as a context manager, which does
    the first and the last, and fails the response when its body raises. Any misuse raises StreamStateError and leaves
    the stream as it was.
    """

    def __init__(
        self,
        emitter: StreamEventEmitter | None,
        *,
        model: str,
        ids: Callable[[str], str],
        clock: Callable[[], float],
        request: CreateResponse | None = None,
        response_id: str | None = None,
        options: WriterOptions | None = None,
    ) -> None:
        """Write to `emitter` (None: only the response is made, no event is emitted).

        `ids` returns a new id for a prefix (`resp`, `msg`, `fc`, `call`, `rs` ...), never the same twice; `clock` the
        time in Unix seconds. `request` is repeated in the response. `response_id`: where it is known already.
        """
        self._emitter = emitter
        self._ids = ids
        self._clock = clock
        self._options = options or WriterOptions()
        self._reader = ResponseReader(strict=True)
        self._response = new_response(
            id=response_id or ids("resp"), created_at=int(clock()), model=model, request=request
        )
        self._number = 0
        self._items: list[OpenItem] = []
        self._next_done = 0
        self._used_ids: set[str] = set()
        self._message: OpenItem | None = None
        self._reasoning: OpenItem | None = None
        self._calls: dict[str, OpenItem] = {}
        self._last_call: OpenItem | None = None
        self._phase: str | None = None
        self._usage: o.Usage | None = None
        self._stop = "stop"
        self._hot: type | None = None
        self._hot_call: str | None = None
        self._hot_send: Callable[[int, str], None] = _nowhere
        self._hot_append: Callable[[str], object] = str.__len__
        self.left_out: dict[str, int] = {}
        """How much was left out because of the options: name of the output class to how often."""

    @property
    def response(self) -> Response:
        """The response as it now is."""
        return self._reader.response or self._response

    @property
    def state(self) -> ResponseState:
        """Where the response is."""
        return self._reader.state

    @property
    def is_started(self) -> bool:
        """Whether the first event was emitted."""
        return self.state is not ResponseState.NEW

    def start(self, *, queued: bool = False) -> None:
        """Emit `response.created` and `response.in_progress`; queued: `response.queued` in place of the latter.

        A queued response goes on to be in progress when the first output is sent.
        """
        if self.state is not ResponseState.NEW:
            raise StreamStateError(f"start() was called before: the response is {self.state.value}")
        status = "queued" if queued else "in_progress"
        response = replace(self._response, status=status)
        self._emit(e.ResponseCreated(response=response))
        if queued:
            self._emit(e.ResponseQueued(response=response))
        else:
            self._emit(e.ResponseInProgress(response=response))

    def send(self, output: o.Output) -> None:
        """Write what the model said. Raises StreamStateError where it makes no sense at this point."""
        # Text after text is what nearly every call is: the grammar lets a delta follow a delta, so all that is left to
        # do is to number, emit and keep it.
        kind = output.__class__
        if kind is self._hot or (kind is str and self._hot is o.Text):
            text: str
            if isinstance(output, str):
                text = output
            elif isinstance(output, o.Arguments):
                text = output.delta if output.call is None or output.call == self._hot_call else ""
            elif isinstance(output, o.Text):
                text = output.text if output.logprobs is None else ""
            else:
                text = output.text  # type: ignore[union-attr]  # only what streams text is ever hot
            if text and (text.isascii() or _is_clean(text)):
                number = self._number
                self._hot_send(number, text)
                self._hot_append(text)
                self._number = number + 1
                return
        self._begin(output)
        self._say(output)

    def finish(self) -> None:
        """End the stream with the terminal event that what was said calls for.

        `response.incomplete` where the model stopped for any reason but its own, `response.completed` otherwise.
        After a `Failure` the stream has ended already, and nothing happens.
        """
        if self.state is ResponseState.FAILED:
            return
        self._begin("the end")
        self._settle()
        if self._stop in ("stop", "tool_calls"):
            self._finish_completed()
        else:
            self._finish_incomplete(self._stop)

    def incomplete(self, reason: str = "max_output_tokens") -> None:
        """End the stream early: the open item becomes incomplete, and the response with it."""
        self._begin("the end")
        self._stop = reason
        self.finish()

    def fail(self, error: ErrorPayload) -> None:
        """End the stream with an `error` event and `response.failed`. What is open stays as it is."""
        self._begin("a failure", progress=False)
        for item in self._items:
            self._flush_pending(item)
        self._settle()
        for item in self._items[self._next_done :]:
            if item.finished:
                self._emit_item_done(item)
        self._emit(e.ErrorEvent(error=error))
        code = error.code or error.type
        response = replace(
            self.response,
            status="failed",
            error=ResponseError(code=code, message=error.message),
            usage=response_usage(self._usage) if self._usage is not None else None,
        )
        self._emit(e.ResponseFailed(response=response))

    def __enter__(self) -> Self:
        """Start the stream, if nobody has."""
        if not self.is_started:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the stream; fail it, and let the exception go on, where the body raised."""
        if self.state.is_terminal:
            return
        if error is None:
            self.finish()
        else:
            self.fail(_PRODUCER_BROKE)

    # Everything below is one step of the way from an output to its events.

    def _begin(self, output: o.Output, *, progress: bool = True) -> None:
        """Refuse what cannot be said now; let a queued response begin."""
        state = self.state
        if state is ResponseState.NEW:
            raise StreamStateError(f"{_named(output)} came before start(): call start() first")
        if state.is_terminal:
            raise StreamStateError(f"{_named(output)} came after the end: the response is {state.value}")
        if progress and state is ResponseState.QUEUED:
            self._emit(e.ResponseInProgress(response=replace(self._response, status="in_progress")))

    def _emit(self, event: e.ResponseStreamEvent) -> None:
        """Number an event, hold it to the grammar, and send it on its way."""
        event = replace(event, sequence_number=self._number)
        self._reader.feed(event)
        self._number += 1
        if self._emitter is not None:
            self._emitter.emit(event)

    def _say(self, output: o.Output) -> None:
        match output:
            case str():
                self._say_text(kinds.TEXT, output, None, o.Text)
            case o.Text():
                self._say_text(kinds.TEXT, output.text, checked_logprobs(output.logprobs), o.Text)
            case o.Refusal():
                self._say_text(kinds.REFUSAL, output.text, None, o.Refusal)
            case o.Annotated():
                self._say_annotation(output)
            case o.Reasoning():
                kind = kinds.SUMMARY if self._options.reasoning == "summary" else kinds.REASONING
                self._say_reasoning(kind, output.text, output)
            case o.ReasoningSummary():
                self._say_reasoning(kinds.SUMMARY, output.text, output)
            case o.EncryptedReasoning():
                if not self._leave_out(output, when=self._options.reasoning == "off"):
                    self._open_reasoning().encrypted += output.data
            case o.FunctionCall():
                if not self._leave_out(output, when=not self._options.tool_calls):
                    self._say_call(output)
            case o.Arguments():
                if not self._leave_out(output, when=not self._options.tool_calls):
                    self._say_arguments(output)
            case o.NewMessage():
                self._finish_current()
                self._phase = output.phase
            case o.NewPart():
                self._new_part()
            case o.ReadyItem():
                self._say_item(output.item)
            case o.Extension():
                if not self._leave_out(output, when=not self._options.extensions):
                    self._say_extension(output)
            case o.Usage():
                self._usage = output
            case o.Done():
                self._say_done(output)
            case o.Stop():
                self._stop = output.reason
            case o.Failure():
                self.fail(output.error)
            case _:
                raise StreamStateError(
                    f"{output!r} is nothing a model can say; expected a str or an object of penstock.stream.output"
                )

    def _leave_out(self, output: o.Output, *, when: bool) -> bool:
        if when:
            name = type(output).__name__
            self.left_out[name] = self.left_out.get(name, 0) + 1
        return when

    # Items.

    def _new_id(self, prefix: str, wanted: str = "") -> str:
        """Return `wanted` if it is free, or else a new id."""
        found = wanted if wanted and wanted not in self._used_ids else self._ids(prefix)
        if found in self._used_ids:
            raise StreamStateError(f"ids({prefix!r}) returned {found!r} a second time; an id names one thing")
        self._used_ids.add(found)
        return found

    def _add(self, prefix: str, item: Item, wanted_id: str = "") -> OpenItem:
        """Add `item` to the output, under an id of its own."""
        open_item = OpenItem(prefix, self._new_id(prefix, wanted_id), len(self._items))
        if isinstance(item, ExtensionItem):
            added: Item = ExtensionItem(fields=Extra({**item.fields, "id": open_item.id}))
        else:
            added = replace(item, id=open_item.id)
        self._hot = None
        self._emit(e.OutputItemAdded(output_index=open_item.index, item=added))
        self._items.append(open_item)
        return open_item

    def _open_message(self) -> OpenItem:
        if self._message is None:
            self._finish_current()
            phase, self._phase = self._phase, None
            item = MessageItem(id="", status="in_progress", role="assistant", content=[], phase=phase or UNSET)
            self._message = self._add("msg", item)
        return self._message

    def _open_reasoning(self) -> OpenItem:
        if self._reasoning is None:
            self._finish_current()
            item = ReasoningItem(id="", summary=[], status="in_progress")
            self._reasoning = self._add("rs", item)
        return self._reasoning

    def _finish_current(self) -> None:
        """Finish the open message or reasoning item: the model went on to something else."""
        current = self._message or self._reasoning
        self._message = self._reasoning = None
        if current is not None:
            self._finish_item(current)

    def _finish_item(self, item: OpenItem) -> None:
        """Close what is open in an item, and send its done event as soon as its turn comes."""
        self._hot = None
        self._flush_pending(item)
        self._close_parts(item)
        if item.type == "fc":
            self._finish_arguments(item)
        item.finished = True
        self._settle()

    def _settle(self) -> None:
        """Send the done events whose turn has come: in the order of their output index."""
        while self._next_done < len(self._items) and self._items[self._next_done].finished:
            self._emit_item_done(self._items[self._next_done])
            self._next_done += 1

    def _emit_item_done(self, item: OpenItem) -> None:
        done = self._reader.item(item.index)
        if isinstance(done, ExtensionItem):
            done = ExtensionItem(fields=Extra({**done.fields, "status": item.status}))
        elif isinstance(done, ReasoningItem) and item.encrypted:
            done = replace(done, status=item.status, encrypted_content=item.encrypted)
        else:
            done = replace(done, status=item.status)
        self._emit(e.OutputItemDone(output_index=item.index, item=done))

    # Parts.

    def _say_text(self, kind: ContentKind, text: str, logprobs: list[LogProb] | None, output_class: type) -> None:
        if not text and not logprobs:
            return  # An empty piece says nothing; it does not even begin a message.
        message = self._open_message()
        self._say_delta(message, self._part(message, kind), text, logprobs, output_class)

    def _say_reasoning(self, kind: ContentKind, text: str, output: o.Output) -> None:
        if not text or self._leave_out(output, when=self._options.reasoning == "off"):
            return
        item = self._open_reasoning()
        self._say_delta(item, self._part(item, kind), text, None, type(output))

    def _part(self, item: OpenItem, kind: ContentKind) -> OpenPart:
        """Return the open part of `item` for this kind of content; open it where there is none."""
        part = item.summary if kind.is_summary else item.content
        if part is not None and part.kind is kind:
            return part
        if part is not None:
            self._flush_pending(item)
            self._close_part(item, part)
        return self._open_part(item, kind, kind.empty)

    def _open_part(self, item: OpenItem, kind: ContentKind, empty: Content) -> OpenPart:
        self._hot = None
        if kind.is_summary:
            part = OpenPart(kind, item, item.summaries)
            self._emit(
                e.ReasoningSummaryPartAdded(
                    item_id=item.id, output_index=item.index, summary_index=part.index, part=empty
                )
            )
            item.summary, item.summaries = part, item.summaries + 1
        else:
            part = OpenPart(kind, item, item.contents)
            self._emit(
                e.ContentPartAdded(item_id=item.id, output_index=item.index, content_index=part.index, part=empty)
            )
            item.content, item.contents = part, item.contents + 1
        return part

    def _say_delta(
        self,
        item: OpenItem,
        part: OpenPart,
        text: str,
        logprobs: list[LogProb] | None,
        output_class: type | None,
    ) -> None:
        """Send a delta, and make ready for the next to the same place."""
        delta, part.pending = split_text(part.pending + text)
        self._hot = None
        if not delta and not logprobs:
            return
        event = part.kind.delta(part, delta, logprobs)
        self._emit(event)
        if part.pending or logprobs:
            return
        draft = self._reader.draft(item.index)
        parts = draft.summary if part.kind.is_summary else draft.content
        self._heat(output_class, event, parts[part.index].streamed.append)

    def _heat(self, output_class: type | None, event: e.DeltaEvent, append: Callable[[str], object]) -> None:
        self._hot = output_class
        self._hot_append = append
        self._hot_send = self._emitter.deltas(event) if self._emitter is not None else _nowhere

    def _flush_pending(self, item: OpenItem) -> None:
        """Send half a surrogate pair whose other half never came, as U+FFFD."""
        for part in (item.content, item.summary):
            if part is not None and part.pending:
                part.pending = ""
                self._emit(part.kind.delta(part, "\ufffd", None))
        if item.pending:
            item.pending = ""
            self._emit(_arguments_delta(item, "\ufffd"))

    def _close_parts(self, item: OpenItem) -> None:
        for part in (item.summary, item.content):
            if part is not None:
                self._close_part(item, part)

    def _close_part(self, item: OpenItem, part: OpenPart) -> None:
        """Send the done events of a part."""
        self._hot = None
        draft = self._reader.draft(item.index)
        if part.kind.is_summary:
            growing, item.summary = draft.summary[part.index], None
        else:
            growing, item.content = draft.content[part.index], None
        self._emit(part.kind.done(part, growing.text, growing.logprobs))
        if part.kind.is_summary:
            self._emit(
                e.ReasoningSummaryPartDone(
                    item_id=item.id, output_index=item.index, summary_index=part.index, part=growing.snapshot()
                )
            )
        else:
            self._emit(
                e.ContentPartDone(
                    item_id=item.id, output_index=item.index, content_index=part.index, part=growing.snapshot()
                )
            )

    def _new_part(self) -> None:
        current = self._message or self._reasoning
        if current is not None:
            self._flush_pending(current)
            self._close_parts(current)

    def _say_annotation(self, output: o.Annotated) -> None:
        message = self._open_message()
        part = self._part(message, kinds.TEXT)
        self._emit(
            e.OutputTextAnnotationAdded(
                item_id=message.id,
                output_index=message.index,
                content_index=part.index,
                annotation_index=part.annotations,
                annotation=output.annotation,
            )
        )
        part.annotations += 1

    # Calls.

    def _say_call(self, call: o.FunctionCall) -> None:
        if not call.name:
            raise StreamStateError("a FunctionCall needs the name of the function")
        self._finish_current()
        item = self._add_call(call.name, call.call_id or "", "")
        if call.key is not None:
            self._calls[call.key] = item
        if call.call_id is not None:
            self._calls[call.call_id] = item
        self._calls[item.call_id] = item
        self._last_call = item
        if call.arguments is not None:
            self._say_whole_arguments(item, json_text(call.arguments))
            self._finish_item(item)

    def _add_call(self, name: str, call_id: str, wanted_id: str, extra: Extra | None = None) -> OpenItem:
        call_id = self._new_id("call", call_id)
        item = FunctionCallItem(id="", call_id=call_id, name=name, arguments="", status="in_progress")
        if extra:
            item = replace(item, extra=extra)
        added = self._add("fc", item, wanted_id)
        added.call_id = call_id
        return added

    def _say_whole_arguments(self, item: OpenItem, arguments: str) -> None:
        if arguments:
            delta, rest = split_text(arguments)
            item.contents += 1
            self._emit(_arguments_delta(item, delta + ("\ufffd" if rest else "")))

    def _call(self, named: str | None, output: o.Output) -> OpenItem:
        """Return the open call that is meant."""
        item = self._last_call if named is None else self._calls.get(named)
        if item is None or item.finished:
            known = sorted({call.call_id for call in self._calls.values() if not call.finished})
            which = "there is no call yet" if item is None and named is None else f"call {named!r} is not open"
            if item is not None and item.finished:
                which = f"call {item.call_id!r} is finished"
            raise StreamStateError(f"{_named(output)}: {which}; open calls: {', '.join(known) or 'none'}")
        return item

    def _say_arguments(self, output: o.Arguments) -> None:
        item = self._call(output.call, output)
        delta, item.pending = split_text(item.pending + output.delta)
        self._hot = None
        self._last_call = item
        if not delta:
            return
        event = _arguments_delta(item, delta)
        self._emit(event)
        item.contents += 1
        if not item.pending:
            self._hot_call = output.call
            self._heat(o.Arguments, event, self._reader.draft(item.index).arguments.append)

    def _finish_arguments(self, item: OpenItem) -> None:
        if not item.contents and item.status == "completed":
            # A call without arguments: JSON for nothing is an empty object, and every client parses what it gets.
            self._say_whole_arguments(item, "{}")
        arguments = str(self._reader.draft(item.index).arguments)
        self._emit(e.FunctionCallArgumentsDone(item_id=item.id, output_index=item.index, arguments=arguments))

    def _say_done(self, output: o.Done) -> None:
        if output.call is not None:
            if not self._leave_out(output, when=not self._options.tool_calls):
                self._finish_item(self._call(output.call, output))
        elif self._message is not None or self._reasoning is not None:
            self._finish_current()
        elif self._last_call is not None and not self._last_call.finished:
            self._finish_item(self._last_call)

    # Ready items and extensions.

    def _say_item(self, item: Item) -> None:
        """Stream an item that was made elsewhere."""
        match item:
            case MessageItem():
                self._finish_current()
                self._say_ready_message(item)
            case ReasoningItem():
                if not self._leave_out(o.ReadyItem(item), when=self._options.reasoning == "off"):
                    self._finish_current()
                    self._say_ready_reasoning(item)
            case FunctionCallItem():
                if not self._leave_out(o.ReadyItem(item), when=not self._options.tool_calls):
                    self._finish_current()
                    open_item = self._add_call(item.name, item.call_id, item.id, item.extra)
                    self._calls[open_item.call_id] = open_item
                    self._last_call = open_item
                    self._say_whole_arguments(open_item, item.arguments)
                    self._end_ready(open_item, item.status)
            case ExtensionItem():
                if not self._leave_out(o.ReadyItem(item), when=not self._options.extensions):
                    if not is_extension_name(item.type):
                        raise StreamStateError(
                            f"an item of type {item.type!r} is none of the specification's: "
                            "expected an implementor's slug and a name, such as acme:search_result"
                        )
                    self._finish_current()
                    checked_json(item.fields, "item")
                    added = ExtensionItem(fields=Extra({**item.fields, "status": "in_progress"}))
                    self._end_ready(self._add("item", added, item.id), item.status)
            case _:
                self._finish_current()
                open_item = self._add("item", replace(item, status="in_progress"), item.id)
                self._end_ready(open_item, item.status)

    def _end_ready(self, item: OpenItem, status: object) -> None:
        """Finish a ready item; one that is incomplete waits for the end, to be the last."""
        if status == "incomplete":
            return
        self._finish_item(item)

    def _say_ready_message(self, item: MessageItem) -> None:
        open_item = self._add("msg", replace(item, status="in_progress", content=[]), item.id)
        for part in item.content:
            kind = _kind_of(part)
            if kind is None:
                self._say_whole_part(open_item, part)
                continue
            open_part = self._open_part(open_item, kind, _emptied(part))
            logprobs = part.logprobs if isinstance(part, OutputTextContent) and part.logprobs else None
            self._say_delta(open_item, open_part, part_text(part), checked_logprobs(logprobs or None), None)
            if isinstance(part, OutputTextContent):
                self._message = open_item
                for annotation in part.annotations:
                    self._say_annotation(o.Annotated(annotation))
                self._message = None
            self._flush_pending(open_item)
            self._close_part(open_item, open_part)
        self._end_ready(open_item, item.status)

    def _say_ready_reasoning(self, item: ReasoningItem) -> None:
        bare = replace(item, status="in_progress", summary=[], content=UNSET, encrypted_content=UNSET)
        open_item = self._add("rs", bare, item.id)
        if isinstance(item.encrypted_content, str):
            open_item.encrypted = item.encrypted_content
        for part in item.summary:
            self._say_ready_reasoning_part(open_item, part, kinds.SUMMARY)
        for part in item.content if isinstance(item.content, list) else []:
            kind = kinds.SUMMARY if self._options.reasoning == "summary" else kinds.REASONING
            self._say_ready_reasoning_part(open_item, part, kind)
        self._end_ready(open_item, item.status)

    def _say_ready_reasoning_part(self, item: OpenItem, part: Content, kind: ContentKind) -> None:
        if isinstance(part, ExtensionContent):
            self._say_whole_part(item, part)
            return
        open_part = self._open_part(item, kind, kind.empty)
        self._say_delta(item, open_part, part_text(part), None, None)
        self._flush_pending(item)
        self._close_part(item, open_part)

    def _say_whole_part(self, item: OpenItem, part: Content) -> None:
        """Send a part that no event streams: it is added as it is, and done."""
        place: dict[str, Any] = {"item_id": item.id, "output_index": item.index, "content_index": item.contents}
        self._emit(e.ContentPartAdded(part=part, **place))
        self._emit(e.ContentPartDone(part=part, **place))
        item.contents += 1

    def _say_extension(self, output: o.Extension) -> None:
        if not is_extension_name(output.type):
            raise StreamStateError(
                f"an extension event of type {output.type!r}: "
                "expected an implementor's slug and a name, such as acme:trace_event"
            )
        taken = {"type", "sequence_number"} & set(output.fields)
        if taken:
            raise StreamStateError(f"{output.type}: the field {min(taken)!r} is the stream's own")
        checked_json(output.fields, output.type)
        self._emit(e.ExtensionEvent(fields=Extra({"type": output.type, **output.fields})))

    # Endings.

    def _finish_completed(self) -> None:
        self._finish_current()
        for item in self._items:
            if not item.finished:
                self._finish_item(item)
        response = replace(
            self.response,
            status="completed",
            completed_at=int(self._clock()),
            usage=response_usage(self._usage),
        )
        self._emit(e.ResponseCompleted(response=response))

    def _finish_incomplete(self, reason: str) -> None:
        self._message = self._reasoning = None
        for item in self._items:
            if not item.finished:
                # Only the last item may be incomplete (spec: "Items are state machines").
                if item.index == len(self._items) - 1:
                    item.status = "incomplete"
                self._finish_item(item)
        response = replace(
            self.response,
            status="incomplete",
            incomplete_details=IncompleteDetails(reason=reason),
            usage=response_usage(self._usage),
        )
        self._emit(e.ResponseIncomplete(response=response))


def _nowhere(number: int, delta: str) -> None:
    """Emit to nobody."""


def _is_clean(text: str) -> bool:
    """Whether `text` can be encoded: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(output: o.Output) -> str:
    return output if isinstance(output, str) else type(output).__name__


def _arguments_delta(item: OpenItem, delta: str) -> e.FunctionCallArgumentsDelta:
    return e.FunctionCallArgumentsDelta(item_id=item.id, output_index=item.index, delta=delta)


def _kind_of(part: Content) -> ContentKind | None:
    if isinstance(part, OutputTextContent):
        return kinds.TEXT
    return kinds.REFUSAL if isinstance(part, RefusalContent) else None


def _emptied(part: Content) -> Content:
    """Return a part as it is when it begins, with whatever else it holds."""
    if isinstance(part, OutputTextContent):
        return replace(part, text="", annotations=[], logprobs=UNSET)
    assert isinstance(part, RefusalContent)
    return replace(part, refusal="")
