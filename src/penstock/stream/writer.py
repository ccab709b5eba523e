"""The writer: output in, a stream that cannot be wrong out.

`ResponseWriter` knows what a model can say and what the end of it calls for; how an item becomes events is in
`penstock.stream.item_writer`. Nothing is held back but `output_item.done`, which waits for the items before it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Literal, Self

from msgspec import UNSET, Struct
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra, is_extension_name
from penstock.spec.content import (
    Content,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
)
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    MessageItem,
    ReasoningItem,
)
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, IncompleteDetails, Response, ResponseError
from penstock.stream import open_items as kinds
from penstock.stream import output as o
from penstock.stream.checks import checked, checked_json, checked_logprobs, checked_text, json_text, response_usage
from penstock.stream.echo import new_response
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.fold import part_text, whole_text, with_text
from penstock.stream.item_writer import ItemWriter
from penstock.stream.machine import StreamStateError
from penstock.stream.open_items import ContentKind, OpenItem
from penstock.stream.states import ResponseState

__all__ = ["ResponseWriter", "WriterOptions"]

# What the end of a stream tells of a producer that broke; its own words may hold secrets and belong in a log.
_PRODUCER_BROKE = ErrorPayload(
    type="server_error",
    code="server_error",
    message="The server had an error while producing this response.",
    param=None,
)
_WHOLE_STOPS: Final = frozenset({"stop", "tool_calls"})
_CUT_ITEM: Final = "max_output_tokens"
"""Why a response is incomplete whose last item is, where nobody said why (spec: "Items are state machines")."""
_ROLES: Final = ("assistant", "user", "system", "developer", "tool", "critic", "discriminator", "unknown")
_PHASES: Final = ("commentary", "final_answer")


class WriterOptions(Struct, frozen=True, kw_only=True):
    """What of a model's output is written. What is left out is counted in `ResponseWriter.left_out`.

    `reasoning`: raw reasoning as such; as a summary, the one form that nearly every client shows; or not at all (then
    neither are its summaries). `tool_calls`: whether function calls are written. `extensions`: likewise events and
    items of an implementor's own.
    """

    reasoning: Literal["raw", "summary", "off"] = "raw"
    tool_calls: bool = True
    extensions: bool = True


class ResponseWriter(ItemWriter):
    """Writes one response as a stream of events.

    Call `start`, then `send` for everything the model says, then `finish`; or use it as a context manager, which does
    the first and the last, and fails the response when its body raises. Any misuse raises StreamStateError and leaves
    the stream as it was.

    What the emitter raises goes to the caller. The stream has moved on then: the event the emitter was given counts as
    emitted, and those behind it are emitted by the next call, be it `finish` a second time.
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
        response = new_response(id=response_id or ids("resp"), created_at=int(clock()), model=model, request=request)
        super().__init__(emitter, ids=ids, response=response)
        self._clock = clock
        self._options = options or WriterOptions()
        self._calls: dict[str, OpenItem] = {}
        self._last_call: OpenItem | None = None
        self._hot_call: str | None = None
        self._phase: str | None = None
        self._made_elsewhere: o.NewMessage | None = None
        self._usage: o.Usage | None = None
        self._stop = "stop"
        self._extended: dict[str, object] = {}
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

    @property
    def next_number(self) -> int:
        """The `sequence_number` of the event to come."""
        return self._number

    @property
    def stop_reason(self) -> str:
        """Why the model stopped, as the last `Stop` said it; `stop` where none has."""
        return self._stop

    def extend(self, name: str, value: object) -> None:
        """Put a field of an implementor's own into the response, to be seen in the next event that holds all of it.

        Spec: "Extending existing schemas". `value` is JSON data; of one name the last counts. Raises StreamStateError
        where it is no JSON, or the name is one of the specification's.
        """
        if name in Response.__struct_fields__:
            raise StreamStateError(f"extend({name!r}) is not possible: the specification has a field of this name")
        checked_json({name: value}, "extend()")
        self._extended[name] = value

    def start(self, *, queued: bool = False) -> None:
        """Emit `response.created` and `response.in_progress`; queued: `response.queued` in place of the latter.

        A queued response goes on to be in progress when its first item begins, or at its end.
        """
        if self.is_started:
            raise StreamStateError(f"start() is not possible a second time: the response is {self.state.value}")
        response = self._told(self._response, status="queued" if queued else "in_progress")
        self._emit(e.ResponseCreated(response=response))
        self._emit(e.ResponseQueued(response=response) if queued else e.ResponseInProgress(response=response))
        self._deliver()

    def send(self, output: o.Output) -> None:
        """Write what the model said. Raises StreamStateError where it makes no sense at this point."""
        # Text after text is what nearly every call is: the grammar lets a delta follow a delta, so all that is left to
        # do is to number, keep and emit it.
        kind = output.__class__
        if kind is self._hot or (kind is str and self._hot is o.Text):
            said: Any = output
            if kind is str:
                text = said
            elif kind is o.Text:
                text = said.text if said.logprobs is None else ""
            elif kind is o.Arguments:
                text = said.delta if said.call is None or said.call == self._hot_call else ""
            else:
                text = said.text
            if text.__class__ is str and text and (text.isascii() or _is_clean(text)):
                number = self._number
                self._number = number + 1
                self._hot_append(text)
                self._hot_send(number, text)
                return
        self._begin(f"send({_named(output)})")
        try:
            self._say(output)
        finally:
            self._deliver()

    def finish(self) -> None:
        """End the stream with the terminal event that what was said calls for.

        `response.incomplete` where the model stopped for any reason but its own, or its last item is incomplete;
        `response.completed` otherwise. After a `Failure` the stream has ended already, and nothing happens.
        """
        if self.state is ResponseState.FAILED or (self.state.is_terminal and self._outbox):
            self._deliver()
            return
        self._begin("finish()")
        reason = "" if self._stop in _WHOLE_STOPS else self._stop
        if not reason and self._items and self._items[-1].is_cut:
            reason = _CUT_ITEM
        self._end(reason)

    def incomplete(self, reason: str = "max_output_tokens") -> None:
        """End the stream early: the open item becomes incomplete, and the response with it."""
        self._begin("incomplete()")
        self._end(reason)

    def fail(self, error: ErrorPayload) -> None:
        """End the stream with an `error` event and `response.failed`. What is open stays as it is."""
        self._begin("fail()")
        self._fail(error)
        self._deliver()

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
            return
        try:
            self.fail(_PRODUCER_BROKE)
        except Exception as second:  # noqa: BLE001 - the body's own exception is the one to go on, and tells of this one
            error.add_note(f"The response could not be ended either: {second!r}")

    # The end.

    def _begin(self, asked: str) -> None:
        """Refuse what comes before the beginning or after the end."""
        if not self.is_started:
            raise StreamStateError(f"{asked} is not possible yet: call start() first")
        if self.state.is_terminal:
            raise StreamStateError(f"{asked} is not possible any more: the response is {self.state.value}")

    def _end(self, reason: str) -> None:
        """Finish what is open and the response: incomplete for `reason`, completed where that is empty."""
        self._progress()
        self._message = self._reasoning = None
        for item in self._items:
            if not item.finished:
                # Only the last item may be incomplete (spec: "Items are state machines").
                is_last = item.index == len(self._items) - 1
                item.status = "incomplete" if reason and is_last else "completed"
                self._finish_item(item)
        usage = response_usage(self._usage)
        if reason:
            details = IncompleteDetails(reason=whole_text(reason))
            response = self._told(self.response, status="incomplete", incomplete_details=details, usage=usage)
            self._emit(e.ResponseIncomplete(response=response))
        else:
            now = int(self._clock())
            response = self._told(self.response, status="completed", completed_at=now, usage=usage)
            self._emit(e.ResponseCompleted(response=response))
        self._deliver()

    def _fail(self, error: ErrorPayload) -> None:
        error = checked(error, "error")
        for item in self._items:
            self._flush_pending(item)
        for item in self._items[self._next_done :]:
            if item.finished:
                self._emit_item_done(item)
        self._emit(e.ErrorEvent(error=error))
        response = self._told(
            self.response,
            status="failed",
            error=ResponseError(code=error.code or error.type, message=error.message),
            usage=response_usage(self._usage) if self._usage is not None else None,
        )
        self._emit(e.ResponseFailed(response=response))

    def _told(self, response: Response, **changes: object) -> Response:
        """Return `response` as the next event tells it."""
        if self._extended:
            changes["extra"] = Extra({**response.extra, **self._extended})
        return replace(response, **changes)

    # Everything below is what becomes of an output. What can be wrong with it is found before anything is emitted.

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
                kind = kinds.RAW_SUMMARY if self._options.reasoning == "summary" else kinds.REASONING
                self._say_reasoning(kind, output.text, output)
            case o.ReasoningSummary():
                self._say_reasoning(kinds.SUMMARY, output.text, output)
            case o.EncryptedReasoning():
                self._say_encrypted(output)
            case o.FunctionCall():
                if not self._leave_out(output, when=not self._options.tool_calls):
                    self._say_call(output)
            case o.Arguments():
                if not self._leave_out(output, when=not self._options.tool_calls):
                    self._say_arguments(output)
            case o.NewMessage():
                self._say_new_message(output)
            case o.NewPart():
                self._say_new_part()
            case o.ReadyItem():
                self._say_item(output)
            case o.Extension():
                if not self._leave_out(output, when=not self._options.extensions):
                    self._say_extension(output)
            case o.Usage():
                checked_json(output.extra, "usage")
                self._usage = output
            case o.Done():
                self._say_done(output)
            case o.Stop():
                self._stop = output.reason
            case o.Failure():
                self._fail(output.error)
            case _:
                raise StreamStateError(
                    f"{output!r} is nothing a model can say; expected a str or an object of penstock.stream.output"
                )

    def _leave_out(self, output: o.Output, *, when: bool) -> bool:
        if when:
            name = _named(output)
            self.left_out[name] = self.left_out.get(name, 0) + 1
        return when

    # Messages.

    def _say_text(self, kind: ContentKind, text: str, logprobs: list[LogProb] | None, output_class: type) -> None:
        if not checked_text(text, output_class.__name__) and not logprobs:
            return  # An empty piece says nothing; it does not even begin a message.
        message = self._open_message()
        self._delta(message, self._part(message, kind), text, logprobs, output_class)

    def _open_message(self) -> OpenItem:
        if self._message is None:
            phase = self._phase or UNSET
            item = MessageItem(id="", status="in_progress", role="assistant", content=[], phase=phase)
            self._message = self._add_new("msg", item)
            self._phase = None
        return self._message

    def _add_new(self, prefix: str, item: MessageItem | ReasoningItem) -> OpenItem:
        """Begin a message or reasoning: with the id and the fields it had elsewhere, where it has been told of."""
        elsewhere, self._made_elsewhere = self._made_elsewhere, None
        if elsewhere is None:
            return self._add(prefix, item)
        if elsewhere.extra:
            item = checked(replace(item, extra=elsewhere.extra), "NewMessage")
        return self._add(prefix, item, whole_text(elsewhere.id or ""))

    def _say_annotation(self, output: o.Annotated) -> None:
        annotation = checked(output.annotation, "annotation")
        self._annotation(self._open_message(), annotation)

    def _say_new_message(self, output: o.NewMessage) -> None:
        if output.phase is not None and output.phase not in _PHASES:
            raise StreamStateError(f"NewMessage: the phase {output.phase!r} is none of {', '.join(_PHASES)}")
        checked_json(output.extra, "NewMessage")
        self._finish_current()
        self._phase = output.phase
        self._made_elsewhere = output if output.id or output.extra else None

    def _say_new_part(self) -> None:
        current = self._message or self._reasoning
        if current is not None:
            self._flush_pending(current)
            self._close_parts(current)

    # Reasoning.

    def _say_reasoning(self, kind: ContentKind, text: str, output: o.Output) -> None:
        if not checked_text(text, _named(output)) or self._leave_out(output, when=self._options.reasoning == "off"):
            return
        item = self._open_reasoning()
        self._delta(item, self._part(item, kind), text, None, type(output))

    def _say_encrypted(self, output: o.EncryptedReasoning) -> None:
        data = checked_text(output.data, _named(output))
        if data and not self._leave_out(output, when=self._options.reasoning == "off"):
            self._open_reasoning().encrypted.append(data)

    def _open_reasoning(self) -> OpenItem:
        if self._reasoning is None:
            self._reasoning = self._add_new("rs", ReasoningItem(id="", summary=[], status="in_progress"))
        return self._reasoning

    # Calls.

    def _say_call(self, call: o.FunctionCall) -> None:
        arguments = None if call.arguments is None else json_text(call.arguments)
        item = self._add_call(call.name, call.call_id or "", whole_text(call.id or ""), call.extra)
        for name in (call.key, call.call_id):
            if name is not None:
                self._calls[name] = item
        if arguments is not None:
            self._arguments_delta(item, arguments)
            self._finish_item(item)

    def _add_call(self, name: str, call_id: str, wanted_id: str, extra: Extra) -> OpenItem:
        """Begin a call; two calls of a response never share a `call_id`, so one that is taken is replaced."""
        if not name:
            raise StreamStateError("FunctionCall: a call needs the name of its function")
        item = FunctionCallItem(id="", call_id="", name=whole_text(name), arguments="", status="in_progress")
        if extra:
            item = checked(replace(item, extra=extra), "FunctionCall")
        call_id = self._new_id("call", whole_text(call_id))
        added = self._add("fc", replace(item, call_id=call_id), wanted_id)
        added.call_id = call_id
        self._calls[call_id] = self._last_call = added
        return added

    def _call(self, named: str | None, output: o.Output) -> OpenItem:
        """Return the open call that is meant."""
        item = self._last_call if named is None else self._calls.get(named)
        if item is None or item.finished:
            which = "no call has begun"
            if item is not None:
                which = f"the call {item.call_id!r} is finished"
            elif named is not None:
                which = f"no call {named!r} has begun"
            known = dict.fromkeys(repr(call.call_id) for call in self._calls.values() if not call.finished)
            way = "name one of them, or send a FunctionCall first" if known else "send a FunctionCall first"
            raise StreamStateError(
                f"send({_named(output)}) is not possible: {which}. Open calls: {', '.join(known) or 'none'}; {way}."
            )
        return item

    def _say_arguments(self, output: o.Arguments) -> None:
        delta = checked_text(output.delta, _named(output))
        item = self._last_call = self._call(output.call, output)
        self._hot_call = output.call
        self._arguments_delta(item, delta, o.Arguments)

    def _say_done(self, output: o.Done) -> None:
        if output.call is not None:
            if not self._leave_out(output, when=not self._options.tool_calls):
                self._finish_item(self._call(output.call, output))
        elif self._message is not None or self._reasoning is not None:
            self._finish_current()
        elif self._last_call is not None and not self._last_call.finished:
            self._finish_item(self._last_call)

    # Ready items and extensions.

    def _say_item(self, output: o.ReadyItem) -> None:
        """Stream an item that was made elsewhere."""
        item = output.item
        match item:
            case MessageItem():
                self._say_ready_message(checked(item, "item"))
            case ReasoningItem():
                if not self._leave_out(output, when=self._options.reasoning == "off"):
                    self._say_ready_reasoning(checked(item, "item"))
            case FunctionCallItem():
                if not self._leave_out(output, when=not self._options.tool_calls):
                    item = checked(item, "item")
                    open_item = self._add_call(item.name, item.call_id, item.id, item.extra)
                    self._arguments_delta(open_item, item.arguments)
                    self._end_ready(open_item, item.status)
            case ExtensionItem():
                if not self._leave_out(output, when=not self._options.extensions):
                    self._say_ready_extension(checked(item, "item"))
            case FunctionCallOutputItem() | CompactionItem():
                item = checked(item, "item")
                prefix = "fco" if isinstance(item, FunctionCallOutputItem) else "cmp"
                self._end_ready(self._add(prefix, replace(item, status="in_progress"), item.id), item.status)
            case _:
                raise StreamStateError(f"ReadyItem: {item!r} is no item; expected one of penstock.spec.items")

    def _end_ready(self, item: OpenItem, status: object) -> None:
        """Finish a ready item; one that is incomplete waits for the end, to be the last."""
        if status == "incomplete":
            item.is_cut = True
        else:
            self._finish_item(item)

    def _say_ready_message(self, item: MessageItem) -> None:
        if item.role not in _ROLES:
            raise StreamStateError(f"ReadyItem: the role {item.role!r} is none of {', '.join(_ROLES)}")
        if item.phase is not UNSET and item.phase not in _PHASES:
            raise StreamStateError(f"ReadyItem: the phase {item.phase!r} is none of {', '.join(_PHASES)}")
        open_item = self._add("msg", replace(item, status="in_progress", content=[]), item.id)
        for part in item.content:
            match part:
                case OutputTextContent():
                    empty = replace(part, text="", annotations=[], logprobs=UNSET)
                    open_part = self._open_part(open_item, kinds.TEXT, empty)
                    self._delta(open_item, open_part, part.text, part.logprobs or None, None)
                    for annotation in part.annotations:
                        self._annotation(open_item, annotation)
                case RefusalContent():
                    open_part = self._open_part(open_item, kinds.REFUSAL, replace(part, refusal=""))
                    self._delta(open_item, open_part, part.refusal, None, None)
                case _:
                    self._whole_part(open_item, part)
            self._close_parts(open_item)
        self._end_ready(open_item, item.status)

    def _say_ready_reasoning(self, item: ReasoningItem) -> None:
        bare = replace(item, status="in_progress", summary=[], content=UNSET, encrypted_content=UNSET)
        open_item = self._add("rs", bare, item.id)
        open_item.encrypted.append(item.encrypted_content or "")
        for part in item.summary:
            if isinstance(part, SummaryTextContent):
                self._say_ready_part(open_item, part, kinds.SUMMARY)
            else:
                self._whole_part(open_item, part, is_summary=True)
        as_summary = self._options.reasoning == "summary"
        for part in item.content or []:
            if not isinstance(part, (ReasoningTextContent, OutputTextContent, TextContent)):
                self._whole_part(open_item, part)
            elif as_summary:
                self._say_ready_part(open_item, SummaryTextContent(text=part.text), kinds.RAW_SUMMARY)
            else:
                self._say_ready_part(open_item, part, kinds.REASONING)
        self._end_ready(open_item, item.status)

    def _say_ready_part(self, item: OpenItem, part: Content, kind: ContentKind) -> None:
        open_part = self._open_part(item, kind, with_text(part, ""))
        self._delta(item, open_part, part_text(part), None, None)
        self._close_parts(item)

    def _say_ready_extension(self, item: ExtensionItem) -> None:
        if not is_extension_name(item.type):
            raise StreamStateError(
                f"ReadyItem: an item of type {item.type!r} is none of the specification's; "
                "expected an implementor's slug and a name, such as acme:search_result"
            )
        added = ExtensionItem(fields=Extra({**item.fields, "status": "in_progress"}))
        self._end_ready(self._add("item", added, item.id), item.status)

    def _say_extension(self, output: o.Extension) -> None:
        if not is_extension_name(output.type):
            raise StreamStateError(
                f"Extension: an event of type {output.type!r} is none of the specification's; "
                "expected an implementor's slug and a name, such as acme:trace_event"
            )
        taken = {"type", "sequence_number"} & set(output.fields)
        if taken:
            raise StreamStateError(f"Extension: the field {min(taken)!r} is the stream's own")
        checked_json(output.fields, output.type)
        self._emit(e.ExtensionEvent(fields=Extra({"type": output.type, **output.fields})))


def _is_clean(text: str) -> bool:
    """Whether `text` can be encoded: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(output: o.Output) -> str:
    return "Text" if isinstance(output, str) else type(output).__name__
