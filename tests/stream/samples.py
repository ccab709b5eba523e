"""A writer whose ids and clock are known, and the events of a stream written out, for tests of `penstock.stream`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.content import Content, ExtensionContent, OutputTextContent, UrlCitation
from penstock.spec.events import ResponseStreamEvent
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, Response
from penstock.stream.echo import new_response
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import Output
from penstock.stream.writer import ResponseWriter, WriterOptions

CREATED, NOW = 1_000, 1_060
CITATION = UrlCitation(url="https://example.org", title="Example", start_index=0, end_index=2)
PAYLOAD = ErrorPayload(type="model_error", code="overloaded", message="The model is overloaded.", param=None)


class Ids:
    """Ids that count: `msg_1`, `msg_2`, `fc_1` ..."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]}"


def clock() -> Iterable[float]:
    """The times of a clock that is read at the beginning and at the end."""
    yield CREATED + 0.9
    while True:
        yield NOW + 0.9


def writer(
    emitter: StreamEventEmitter | None = None,
    *,
    start: bool = True,
    options: WriterOptions | None = None,
    request: CreateResponse | None = None,
) -> ResponseWriter:
    times = iter(clock())
    made = ResponseWriter(emitter, model="m", ids=Ids(), clock=lambda: next(times), request=request, options=options)
    if start:
        made.start()
    return made


def written(*outputs: Output, options: WriterOptions | None = None) -> list[ResponseStreamEvent]:
    """All events of a stream that says `outputs` and finishes."""
    emitter = ListStreamEmitter()
    stream = writer(emitter, options=options)
    for output in outputs:
        stream.send(output)
    stream.finish()
    return emitter.take()


def short(event: ResponseStreamEvent) -> str:
    """One line that tells what an event says: its type without `response.`, its place, its content."""
    words = [event.event_type.removeprefix("response.")]
    place = [
        str(getattr(event, name)) for name in ("output_index", "content_index", "summary_index") if hasattr(event, name)
    ]
    if place:
        words.append(".".join(place))
    said = [repr(getattr(event, name)) for name in ("delta", "text", "refusal", "arguments") if hasattr(event, name)]
    return " ".join(words + said)


def told(events: Iterable[ResponseStreamEvent]) -> list[str]:
    """The lines of a stream, without those that begin and end it."""
    return [short(event) for event in events if not event.is_response_event]


def terminal(events: Iterable[ResponseStreamEvent]) -> Response:
    """The response of the terminal event."""
    [found] = [event for event in events if event.is_terminal]
    assert isinstance(found, e.ResponseEvent)
    return found.response


RESPONSE = new_response(id="resp_1", created_at=CREATED, model="m")
MESSAGE = MessageItem(id="msg_1", status="in_progress", role="assistant", content=[])
REASONING = ReasoningItem(id="rs_1", summary=[], status="in_progress")
CALL = FunctionCallItem(id="fc_1", call_id="call_1", name="f", arguments="", status="in_progress")
EXTENSION = ExtensionItem(fields=Extra({"type": "acme:thing", "id": "item_1", "status": "in_progress"}))
ITEMS: dict[str, Item] = {"message": MESSAGE, "reasoning": REASONING, "function_call": CALL, "extension": EXTENSION}
EMPTY_TEXT = OutputTextContent(text="", annotations=[])


def event(name: str, /, **fields: object) -> ResponseStreamEvent:
    """The event of this class name, with whatever it needs and is not given."""
    cls: Any = getattr(e, name)
    defaults: dict[str, Any] = {
        "response": RESPONSE,
        "output_index": 0,
        "content_index": 0,
        "summary_index": 0,
        "annotation_index": 0,
        "item_id": "msg_1",
        "item": MESSAGE,
        "part": EMPTY_TEXT,
        "delta": "x",
        "text": "x",
        "refusal": "x",
        "arguments": "x",
        "annotation": CITATION,
        "error": PAYLOAD,
        "fields": Extra({"type": "acme:trace_event"}),
    }
    given = {key: value for key, value in defaults.items() if key in cls.__struct_fields__} | fields
    made: ResponseStreamEvent = cls(**given)
    return made


def extension_part(**fields: object) -> Content:
    return ExtensionContent(fields=Extra({"type": "acme:part", **fields}))
