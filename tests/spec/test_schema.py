from __future__ import annotations

import types
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import Meta, UnsetType

from penstock.spec import content, events, items, request, response, tools
from penstock.spec.base import SpecObject, UnknownObject
from tests.openapi import CURRENT, OLDER, Schema, alternatives, needs_openapi, schemas

pytestmark = needs_openapi

CLASSES: dict[str, type[SpecObject]] = {
    # requests
    "CreateResponseBody": request.CreateResponse,
    "CompactResponseMethodPublicBody": request.CompactRequest,
    "WebSocketErrorEvent": request.WebSocketError,
    "TextParam": request.TextParam,
    "JsonSchemaResponseFormatParam": request.JsonSchemaResponseFormatParam,
    "StreamOptionsParam": request.StreamOptionsParam,
    "ReasoningParam": request.ReasoningParam,
    "FunctionToolParam": tools.FunctionToolParam,
    "SpecificFunctionParam": tools.SpecificFunctionParam,
    "AllowedToolsParam": tools.AllowedToolsParam,
    "ItemReferenceParam": items.ItemReferenceParam,
    "ReasoningItemParam": items.ReasoningItemParam,
    "CompactionSummaryItemParam": items.CompactionItemParam,
    "UserMessageItemParam": items.MessageItemParam,
    "SystemMessageItemParam": items.MessageItemParam,
    "DeveloperMessageItemParam": items.MessageItemParam,
    "AssistantMessageItemParam": items.MessageItemParam,
    "FunctionCallItemParam": items.FunctionCallItemParam,
    "FunctionCallOutputItemParam": items.FunctionCallOutputItemParam,
    "ReasoningSummaryContentParam": content.ReasoningSummaryContentParam,
    "InputTextContentParam": content.InputTextContentParam,
    "InputImageContentParamAutoParam": content.InputImageContentParam,
    "InputFileContentParam": content.InputFileContentParam,
    "UrlCitationParam": content.UrlCitationParam,
    "OutputTextContentParam": content.OutputTextContentParam,
    "RefusalContentParam": content.RefusalContentParam,
    # responses
    "ResponseResource": response.Response,
    "CompactResource": response.CompactResponse,
    "IncompleteDetails": response.IncompleteDetails,
    "Error": response.ResponseError,
    "ErrorPayload": response.ErrorPayload,
    "Usage": response.ResponseUsage,
    "InputTokensDetails": response.InputTokensDetails,
    "OutputTokensDetails": response.OutputTokensDetails,
    "TextField": response.TextField,
    "TextResponseFormat": response.TextResponseFormat,
    "JsonObjectResponseFormat": response.JsonObjectResponseFormat,
    "JsonSchemaResponseFormat": response.JsonSchemaResponseFormat,
    "Reasoning": response.ReasoningField,
    "FunctionTool": tools.FunctionTool,
    "FunctionToolChoice": tools.FunctionToolChoice,
    "AllowedToolChoice": tools.AllowedToolChoice,
    "Message": items.MessageItem,
    "FunctionCall": items.FunctionCallItem,
    "FunctionCallOutput": items.FunctionCallOutputItem,
    "ReasoningBody": items.ReasoningItem,
    "CompactionBody": items.CompactionItem,
    "InputTextContent": content.InputTextContent,
    "InputImageContent": content.InputImageContent,
    "InputFileContent": content.InputFileContent,
    "InputVideoContent": content.InputVideoContent,
    "OutputTextContent": content.OutputTextContent,
    "TextContent": content.TextContent,
    "SummaryTextContent": content.SummaryTextContent,
    "ReasoningTextContent": content.ReasoningTextContent,
    "RefusalContent": content.RefusalContent,
    "UrlCitationBody": content.UrlCitation,
    "LogProb": content.LogProb,
    "TopLogProb": content.TopLogProb,
    # events
    "ResponseCreatedStreamingEvent": events.ResponseCreated,
    "ResponseQueuedStreamingEvent": events.ResponseQueued,
    "ResponseInProgressStreamingEvent": events.ResponseInProgress,
    "ResponseCompletedStreamingEvent": events.ResponseCompleted,
    "ResponseFailedStreamingEvent": events.ResponseFailed,
    "ResponseIncompleteStreamingEvent": events.ResponseIncomplete,
    "ResponseOutputItemAddedStreamingEvent": events.OutputItemAdded,
    "ResponseOutputItemDoneStreamingEvent": events.OutputItemDone,
    "ResponseContentPartAddedStreamingEvent": events.ContentPartAdded,
    "ResponseContentPartDoneStreamingEvent": events.ContentPartDone,
    "ResponseOutputTextDeltaStreamingEvent": events.OutputTextDelta,
    "ResponseOutputTextDoneStreamingEvent": events.OutputTextDone,
    "ResponseOutputTextAnnotationAddedStreamingEvent": events.OutputTextAnnotationAdded,
    "ResponseRefusalDeltaStreamingEvent": events.RefusalDelta,
    "ResponseRefusalDoneStreamingEvent": events.RefusalDone,
    "ResponseReasoningDeltaStreamingEvent": events.ReasoningDelta,
    "ResponseReasoningDoneStreamingEvent": events.ReasoningDone,
    "ResponseReasoningSummaryPartAddedStreamingEvent": events.ReasoningSummaryPartAdded,
    "ResponseReasoningSummaryPartDoneStreamingEvent": events.ReasoningSummaryPartDone,
    "ResponseReasoningSummaryDeltaStreamingEvent": events.ReasoningSummaryTextDelta,
    "ResponseReasoningSummaryDoneStreamingEvent": events.ReasoningSummaryTextDone,
    "ResponseFunctionCallArgumentsDeltaStreamingEvent": events.FunctionCallArgumentsDelta,
    "ResponseFunctionCallArgumentsDoneStreamingEvent": events.FunctionCallArgumentsDone,
    "ErrorStreamingEvent": events.ErrorEvent,
}

OTHER_TYPES: dict[str, Any] = {
    "DetailEnum": content.ImageDetail,
    "ImageDetail": content.ImageDetail,
    "MessageRole": items.Role,
    "MessageStatus": items.ItemStatus,
    "FunctionCallStatus": items.ItemStatus,
    "FunctionCallItemStatus": items.ItemStatus,
    "FunctionCallOutputStatusEnum": items.ItemStatus,
    "IncludeEnum": request.Include,
    "ToolChoiceValueEnum": tools.ToolChoiceMode,
    "VerbosityEnum": request.Verbosity,
    "ReasoningEffortEnum": request.ReasoningEffort,
    "ReasoningSummaryEnum": request.ReasoningSummaryMode,
    "TruncationEnum": request.Truncation,
    "ServiceTierEnum": request.ServiceTier,
    "MetadataParam": request.Metadata,
    "EmptyModelParam": dict[str, Any],
    "ItemParam": items.ItemParam,
    "ItemField": items.Item,
    "Annotation": content.Annotation,
    "Tool": tools.Tool,
    "ResponsesToolParam": tools.ToolParam,
    "SpecificToolChoiceParam": tools.SpecificFunctionParam,
    "ToolChoiceParam": tools.ToolChoiceParam,
    "TextFormatParam": request.TextFormatParam,
}
"""Enumerations and unions."""

ECHO = "a response may hold it, and what a response says can be sent back"
VIDEO = "the schema has input_video in `Message` alone; a part that may stand there may also be announced and sent back"
BY_ROLE = "one class for all roles; penstock.wire.requests holds what each may say"
STATUS = 'the prose asks for a status on every item ("Required item fields")'
NEVER_NULL = "an event that tells nothing; null is read all the same, into a zero value, and kept"
SENT_NULL = "OpenAI sends null"
DIFFERENCES: dict[tuple[str, str], str] = {
    (
        "CreateResponseBody",
        "include",
    ): "also names fields of hosted tools' items; penstock.wire.requests holds the rest",
    ("CreateResponseBody", "temperature"): 'bounds that only the description names ("between 0 and 2")',
    ("CreateResponseBody", "top_p"): 'bounds that only the description names ("between 0 and 1")',
    ("TextParam", "format"): "json_object is what responses may repeat, so it can be asked for",
    ("ReasoningItemParam", "content"): ECHO,
    ("ReasoningItemParam", "status"): ECHO,
    ("CompactionSummaryItemParam", "created_by"): ECHO,
    ("CompactionSummaryItemParam", "status"): ECHO,
    ("OutputTextContentParam", "logprobs"): ECHO,
    **{
        (f"{role}MessageItemParam", key): BY_ROLE
        for role in ("User", "System", "Developer", "Assistant")
        for key in ("role", "content", "phase")
        if (role, key) != ("Assistant", "phase")
    },
    ("JsonSchemaResponseFormat", "schema"): "the document allows null alone; servers repeat the schema that was sent",
    ("FunctionCallOutput", "output"): VIDEO,
    ("ReasoningBody", "content"): f"{SENT_NULL}; {VIDEO}",
    ("ReasoningBody", "encrypted_content"): SENT_NULL,
    ("ReasoningBody", "summary"): VIDEO,
    ("ReasoningBody", "status"): STATUS,
    ("CompactionBody", "status"): STATUS,
    ("ResponseOutputItemAddedStreamingEvent", "item"): NEVER_NULL,
    ("ResponseOutputItemDoneStreamingEvent", "item"): NEVER_NULL,
    ("ResponseOutputTextAnnotationAddedStreamingEvent", "annotation"): NEVER_NULL,
    ("ResponseContentPartAddedStreamingEvent", "part"): VIDEO,
    ("ResponseContentPartDoneStreamingEvent", "part"): VIDEO,
    ("ResponseReasoningSummaryPartAddedStreamingEvent", "part"): VIDEO,
    ("ResponseReasoningSummaryPartDoneStreamingEvent", "part"): VIDEO,
}
"""Schema and key -> why the class says something else than the document."""

NOT_IN_THE_SCHEMA = {"response_id"}
"""Of every event about the output: the `vtcode` dialect writes it, the specification has no such key."""

REQUESTS = {name for name in CLASSES if name.endswith(("Param", "CreateResponseBody", "PublicBody"))}


class Shape(NamedTuple):
    """What may stand in a place, as far as both the document and a class can say it."""

    names: frozenset[str]
    choices: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    bounds: frozenset[tuple[str, object]] = frozenset()
    entries: tuple[Shape, ...] = ()


def union(shapes: list[Shape]) -> Shape:
    return Shape(
        names=frozenset(name for shape in shapes for name in shape.names),
        choices=frozenset(choice for shape in shapes for choice in shape.choices),
        tags=frozenset(tag for shape in shapes for tag in shape.tags),
        bounds=frozenset(bound for shape in shapes for bound in shape.bounds),
        entries=tuple(entry for shape in shapes for entry in shape.entries),
    )


BOUNDS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "ge",
    "maximum": "le",
    "pattern": "pattern",
    "minItems": "min_length",
    "maxItems": "max_length",
    "maxProperties": "max_length",
}


def shape_of_schema(schema: Schema) -> Shape:
    return union([_shape_of_one(leaf) for leaf in alternatives(schema)])


def _shape_of_one(schema: Schema) -> Shape:
    name = schema.get("type", "object")
    bounds = frozenset((BOUNDS[key], value) for key, value in schema.items() if key in BOUNDS)
    if name == "array":
        return Shape(frozenset({"array"}), bounds=bounds, entries=(shape_of_schema(schema["items"]),))
    if name == "object":
        tag = [
            tag for leaf in alternatives(schema.get("properties", {}).get("type", {})) for tag in leaf.get("enum", [])
        ]
        values = schema.get("additionalProperties")
        entries = (shape_of_schema(values),) if isinstance(values, dict) and values else ()
        return Shape(frozenset({"object"}), tags=frozenset(tag), bounds=bounds, entries=entries)
    return Shape(frozenset({name}), choices=frozenset(schema.get("enum", [])), bounds=bounds)


NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    dict: "object",
    list: "array",
}


def shape_of_annotation(annotation: Any) -> Shape:  # noqa: ANN401 - an annotation can be anything
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        known = [
            member
            for member in arguments
            if member is not UnsetType and not (isinstance(member, type) and issubclass(member, UnknownObject))
        ]
        return union([shape_of_annotation(member) for member in known])
    if origin is Annotated:
        bare, *metas = arguments
        bounds = frozenset(
            (key, value)
            for meta in metas
            if isinstance(meta, Meta)
            for key in set(BOUNDS.values())
            if (value := getattr(meta, key)) is not None
        )
        return shape_of_annotation(bare)._replace(bounds=bounds)
    if origin is Literal:
        return Shape(frozenset({"string"}), choices=frozenset(arguments))
    if origin is list:
        return Shape(frozenset({"array"}), entries=(shape_of_annotation(arguments[0]),))
    if origin is dict:
        entries = () if arguments[1] is Any else (shape_of_annotation(arguments[1]),)
        return Shape(frozenset({"object"}), entries=entries)
    if issubclass(annotation, SpecObject):
        tag = annotation.__struct_config__.tag
        return Shape(frozenset({"object"}), tags=frozenset({str(tag)} if tag else ()))
    return Shape(frozenset({NAMES[annotation]}))


def opened(shape: Shape) -> Shape:
    return shape._replace(choices=frozenset(), entries=tuple(opened(entry) for entry in shape.entries))


def differing_keys(name: str, version: str = CURRENT) -> set[str]:
    """Return the keys of which the document and its class say different things."""
    schema, cls = schemas(version)[name], CLASSES[name]
    tagged = cls.__struct_config__.tag is not None
    properties = {key: value for key, value in schema["properties"].items() if not (tagged and key == "type")}
    required = set(schema.get("required") or ())
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls) if field.name != "extra"}
    if issubclass(cls, events.OutputEvent):
        fields = {key: field for key, field in fields.items() if key not in NOT_IN_THE_SCHEMA}
    different = set(properties) ^ set(fields)
    for key in set(properties) & set(fields):
        theirs, ours = shape_of_schema(properties[key]), shape_of_annotation(hints[fields[key].name])
        if name not in REQUESTS and not ours.choices:
            # What a server says is open, so that a stranger's value survives; what a client asks for is not.
            theirs, ours = opened(theirs), opened(ours)
        if name in REQUESTS and key not in required and "null" not in theirs.names:
            # SDKs send null for what was not given.
            ours = ours._replace(names=ours.names - {"null"})
        # An event is given its number when it is sent, not when it is made.
        is_required = fields[key].required or key == "sequence_number"
        if theirs != ours or (key in required) != is_required:
            different.add(key)
    return different


@pytest.mark.parametrize("name", CLASSES)
def test_class_says_what_the_document_says(name: str) -> None:
    assert differing_keys(name) == {key for schema, key in DIFFERENCES if schema == name}


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_union_or_enumeration_says_what_the_document_says(name: str) -> None:
    ours = shape_of_annotation(OTHER_TYPES[name])
    if name == "TextFormatParam":
        ours = ours._replace(tags=ours.tags - {"json_object"})  # DIFFERENCES tells why
    assert ours == shape_of_schema(schemas()[name])


def test_every_schema_has_its_class() -> None:
    # WebSocketResponseCreateEvent is CreateResponseBody with a type; that it says of three fields that they must not be
    # sent is for `refuse_http_fields`.
    assert {*CLASSES, *OTHER_TYPES, "WebSocketResponseCreateEvent"} == schemas().keys()


def test_a_websocket_turn_is_a_create_request_with_a_type() -> None:
    own, body = schemas()["WebSocketResponseCreateEvent"]["allOf"]
    assert body == {"$ref": "#/components/schemas/CreateResponseBody"}
    assert own["properties"]["type"]["enum"] == [request.WebSocketCreateResponse.__struct_config__.tag]
    assert issubclass(request.WebSocketCreateResponse, request.CreateResponse)


def test_the_streaming_events_are_the_24_of_the_document() -> None:
    names = {name for name in schemas() if name.endswith("StreamingEvent")}
    assert {CLASSES[name] for name in names} == set(events.STANDARD_EVENTS) == set(get_args(events.StandardEvent))
    assert len(names) == len(events.STANDARD_EVENTS) == 24


def test_a_response_has_31_required_keys() -> None:
    required = [field.encode_name for field in msgspec.structs.fields(response.Response) if field.required]
    assert required == schemas()["ResponseResource"]["required"]
    assert len(required) == 31


def test_every_required_field_of_a_response_can_be_given_a_zero_value() -> None:
    # Without one an event is refused; so it is where the event would say nothing, and nowhere else.
    saying = {"delta", "text", "refusal", "arguments", "error", "response"}
    places = {"output_index", "content_index", "summary_index", "annotation_index"}
    for cls in {CLASSES[name] for name in CLASSES.keys() - REQUESTS} - {request.WebSocketError}:
        without = {f.name for f in msgspec.structs.fields(cls) if f.required and f.name not in cls.zero}
        assert without <= (saying | places if issubclass(cls, events.Event) else set()), cls


def test_older_document_lacks_the_phase_and_asks_for_log_probabilities() -> None:
    different = {(name, key) for name in CLASSES if name in schemas(OLDER) for key in differing_keys(name, OLDER)}
    assert different - DIFFERENCES.keys() == {
        ("AssistantMessageItemParam", "phase"),
        ("Message", "phase"),
        ("OutputTextContent", "logprobs"),
        ("ResponseOutputTextDeltaStreamingEvent", "logprobs"),
        ("ResponseOutputTextDoneStreamingEvent", "logprobs"),
    }
