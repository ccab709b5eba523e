"""OR2, shape: keys, nulls, types and values as the OpenAPI document has them, and names with a slug."""

from __future__ import annotations

from penstock.lint.examples import Example, change, insert_after, remove
from penstock.lint.findings import Level
from penstock.lint.rule import ShapeRule

_FAILURE = (
    b'{"type":"error","status":400,"error":{"type":"invalid_request","code":"previous_response_not_found",'
    b'"message":"Previous response with id \'resp_9\' not found.","param":"previous_response_id"}}\n'
)
_STREAMABLE = "Items are streamable"
_COMPLETED = "response.completed"
_ITEM_ADDED = "response.output_item.added"


class RequiredFieldAbsent(ShapeRule):
    """A key is missing."""

    code = "OR201"
    name = "required-field-absent"
    level = Level.ERROR
    kinds = frozenset({"absent"})
    section = _STREAMABLE
    sentence = "All fields not marked nullable MUST have a value."
    what = "Every key the schema requires is there: of events, responses, items, parts, usage and errors."
    why = (
        "Typed clients raise, or read nothing. pydantic-ai and the AI SDK refuse text parts without `annotations`, "
        "the AI SDK items without `status`, Codex and eight others reasoning without `summary`."
    )
    mend = (
        "The key is put in, with what the other events say or else with its zero value; an id is made, an event "
        "without a `type` is taken for what its other keys make it."
    )
    bad = Example(base="text", edits=(remove(_COMPLETED, "response.truncation"),))
    good = Example(base="text")


class NullNotAllowed(ShapeRule):
    """A null stands where there is none."""

    code = "OR202"
    name = "null-not-allowed"
    level = Level.ERROR
    kinds = frozenset({"null"})
    section = _STREAMABLE
    sentence = "All fields not marked nullable MUST have a value. Use zero values where applicable."
    what = "A value is null only where the schema allows null."
    why = "Typed clients raise on it; others go on and fail later, where nobody finds the cause."
    mend = "The value is set to what the other events say, or else to its zero value."
    bad = Example(base="text", edits=(change(_COMPLETED, "response.temperature", None),))
    good = Example(base="text")


class WrongType(ShapeRule):
    """A value is of another type."""

    code = "OR203"
    name = "wrong-type"
    level = Level.ERROR
    kinds = frozenset({"type"})
    section = "Items are polymorphic"
    sentence = "Items are discriminated based on the type field"
    what = "Values have the JSON types of the schema; integers where integers are asked for."
    why = "Typed clients raise: one string for a number, and the stream is lost."
    mend = (
        'The value is converted where nothing is lost by it (`"9"` to 9, an object of arguments to its JSON), or else '
        "treated as absent."
    )
    bad = Example(base="text", edits=(change(_COMPLETED, "response.usage.input_tokens", "9"),))
    good = Example(base="text")


class UnknownValue(ShapeRule):
    """A value is none of those there are."""

    code = "OR204"
    name = "unknown-value"
    level = Level.ERROR
    kinds = frozenset({"value"})
    section = "State machines"
    sentence = "The spec defines the set of valid states for each state machine in the API."
    what = "Statuses, roles, phases, part types and the like have a value the schema knows."
    why = "A client that branches on the value takes no branch, or raises."
    mend = "The value that the event implies is put in (`completed` for an item that is done), or else the usual one."
    bad = Example(base="text", edits=(change(_ITEM_ADDED, "item.role", "bot"),))
    good = Example(base="text")


class UnprefixedExtensionEvent(ShapeRule):
    """An event of a server's own has no slug."""

    code = "OR205"
    name = "unprefixed-extension-event"
    level = Level.ERROR
    kinds = frozenset({"event"})
    section = "Extending streaming events"
    sentence = "all extended streaming events MUST be prefixed with the implementor slug"
    what = "An event of a type the specification does not have carries a slug: `acme:trace_event`."
    why = (
        "A client cannot tell a server's own event from one of a newer specification, and the npm helper of OpenAI "
        "raises on it."
    )
    mend = (
        "An event that carries what one of the specification does is written as that (`response.text.delta` as "
        "`response.output_text.delta`); any other gets the slug `upstream:`."
    )
    bad = Example(base="text", edits=(insert_after(_ITEM_ADDED, {"type": "trace_event", "latency_ms": 34}),))
    good = Example(base="extension")


class UnprefixedExtensionItem(ShapeRule):
    """An item of a server's own has no slug."""

    code = "OR206"
    name = "unprefixed-extension-item"
    level = Level.ERROR
    kinds = frozenset({"item"})
    section = "Extending Items"
    sentence = "New item types that are not part of this specification MUST be prefixed with the implementor slug"
    what = "An item of a type the specification does not have carries a slug: `acme:search_result`."
    why = "Type names collide between servers, and a client cannot tell whose item it is."
    mend = "The item gets the slug `upstream:`, or keeps the type that it was added with."
    bad = Example(
        base="empty",
        edits=(
            insert_after(
                "response.in_progress",
                {
                    "type": "response.output_item.done",
                    "output_index": 0,
                    "item": {"type": "search_result", "id": "sr_1", "status": "completed"},
                },
            ),
            insert_after(
                "response.in_progress",
                {
                    "type": _ITEM_ADDED,
                    "output_index": 0,
                    "item": {"type": "acme:search_result", "id": "sr_1", "status": "in_progress"},
                },
            ),
            change(
                _COMPLETED, "response.output", [{"type": "acme:search_result", "id": "sr_1", "status": "completed"}]
            ),
        ),
    )
    good = Example(base="extension")


class ExtensionWithoutRequiredFields(ShapeRule):
    """An item or event of a server's own lacks what all have."""

    code = "OR207"
    name = "extension-without-required-fields"
    level = Level.ERROR
    kinds = frozenset({"item_fields", "event_fields"})
    section = "Required item fields"
    sentence = "MUST include the following top-level fields, regardless of its specific type"
    what = "Extension items have `id`, `type` and `status`, extension events `type` and `sequence_number`."
    why = "A client that does not know the type still keeps such items and sends them back by these fields."
    mend = "An id is made, the status is that of the event, the number that of the stream."
    bad = Example(base="extension", edits=(remove("acme:trace_event", "sequence_number"),))
    good = Example(base="extension")


class ErrorPayloadShape(ShapeRule):
    """An error does not say what errors say."""

    code = "OR208"
    name = "error-payload-shape"
    level = Level.ERROR
    kinds = frozenset({"error"})
    section = "Errors"
    sentence = "When an error occurs, the API responds with a structured error object"
    what = "An `error` event carries `error` with `type`, `code`, `message` and `param`."
    why = "Clients show `error.message`; without it the user is told that something failed, and not what."
    mend = "What is missing is put in with its zero value; `response.failed` keeps what it says itself."
    bad = Example(base="failed", edits=(remove("error", "error.param"),))
    good = Example(base="failed")


class WebSocketErrorEnvelope(ShapeRule):
    """A failure over a WebSocket does not say what failures say there."""

    code = "OR209"
    name = "websocket-error-envelope"
    level = Level.ERROR
    kinds = frozenset({"envelope"})
    section = "WebSocket Errors"
    sentence = "WebSocket failures MUST be sent as a JSON error envelope with a status code and an error.code."
    what = "An `error` that is no event of a response has, over a WebSocket, a `status` and an `error.code`."
    why = "A client tells by the code whether to send its whole input again, to connect again, or to give up."
    mend = "A missing `status` is that of the error's type, a missing `code` is the type."
    bad = Example(
        base="text", transport="websocket", framing=lambda data: data + _FAILURE.replace(b'"status":400,', b"")
    )
    good = Example(base="text", transport="websocket", framing=lambda data: data + _FAILURE)


RULES = (
    RequiredFieldAbsent,
    NullNotAllowed,
    WrongType,
    UnknownValue,
    UnprefixedExtensionEvent,
    UnprefixedExtensionItem,
    ExtensionWithoutRequiredFields,
    ErrorPayloadShape,
    WebSocketErrorEnvelope,
)
