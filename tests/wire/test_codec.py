from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec.base import NOTHING, Extra
from penstock.spec.content import ExtensionAnnotation, ExtensionContent, LogProb, OutputTextContent
from penstock.spec.events import (
    STANDARD_EVENTS,
    ErrorEvent,
    ExtensionEvent,
    OutputItemAdded,
    OutputTextAnnotationAdded,
    OutputTextDelta,
    ResponseCompleted,
    ResponseStreamEvent,
)
from penstock.spec.items import ExtensionItem, MessageItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import ExtensionFormat, Response
from penstock.spec.tools import ExtensionTool, ExtensionToolChoice
from penstock.wire.codec import (
    EventCodec,
    decode_json_object,
    decode_object,
    encode_object,
    encode_plain,
    load_event,
    to_plain,
)
from penstock.wire.dialects import Dialect
from penstock.wire.errors import JSONError, ShapeError, WireError
from tests.openapi import CURRENT, OLDER, documents, json_objects, json_values, needs_openapi, schemas

codec = EventCodec()

DELTA: dict[str, Any] = {
    "type": "response.output_text.delta",
    "sequence_number": 1,
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "x",
}


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal; Python alone would take true for 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def round_trip(document: object) -> object:
    encoded = codec.encode(codec.decode(json.dumps(document)))
    assert encoded is not None
    assert b"\n" not in encoded
    return json.loads(encoded)


def decode_extra(**fields: object) -> ResponseStreamEvent:
    return codec.decode(json.dumps({**DELTA, **fields}))


# Valid documents ------------------------------------------------------------------------------------------------------


def event_documents(version: str = CURRENT) -> st.SearchStrategy[dict[str, Any]]:
    """JSON of all 24 events, as the OpenAPI document allows them and as they say something."""
    names = [name for name in schemas(version) if name.endswith("StreamingEvent")]
    return (
        st.sampled_from(names)
        .flatmap(lambda name: documents(name, version))
        .map(with_object_metadata)
        .filter(says_something)
    )


def with_object_metadata(document: dict[str, Any]) -> dict[str, Any]:
    """The schema lets `metadata` be anything; its description does not."""
    if "response" in document and not isinstance(document["response"]["metadata"], dict):
        document["response"]["metadata"] = {}
    return document


def says_something(document: dict[str, Any]) -> bool:
    """The schema allows null for what these events are about."""
    return document.get("item", {}) is not None and document.get("annotation", {}) is not None


@needs_openapi
@pytest.mark.parametrize("version", [CURRENT, OLDER])
def test_valid_event_takes_the_exact_road(version: str) -> None:
    @given(event_documents(version))
    def check(document: dict[str, Any]) -> None:
        event = EventCodec.exact(json.dumps(document))
        assert event == codec.decode(json.dumps(document))
        assert event.event_type == document["type"]
        assert event.extra is NOTHING
        assert same(round_trip(document), document)

    check()


@needs_openapi
@given(event_documents())
def test_both_roads_make_the_same_object(document: dict[str, Any]) -> None:
    exact = EventCodec.exact(json.dumps(document))
    full = load_event(document)
    assert full == exact
    assert encode_object(full) == encode_object(exact)
    assert same(to_plain(full), document)


@needs_openapi
@given(documents("ResponseResource").map(lambda document: {**document, "metadata": {}}))
def test_response_comes_back_as_it_was(document: dict[str, Any]) -> None:
    response = decode_object(Response, json.dumps(document))
    assert response == msgspec.json.decode(json.dumps(document), type=Response)
    assert same(json.loads(encode_object(response)), document)


# Invalid and foreign documents ----------------------------------------------------------------------------------------


def places(document: object) -> list[tuple[Any, Any]]:
    """Every container in `document`, with every key in it."""
    if isinstance(document, dict):
        return [(document, key) for key in document] + [place for value in document.values() for place in places(value)]
    if isinstance(document, list):
        return [(document, index) for index in range(len(document))] + [
            place for value in document for place in places(value)
        ]
    return []


STRANGE_KEYS = st.sampled_from(["extra", "*extra*", "type", "fields", "acme:x", "", "\u2028", "id", "status"])
STRANGE_VALUES = json_values | st.deferred(lambda: _STRANGE).map(copy.deepcopy)
_STRANGE: st.SearchStrategy[Any] = st.sampled_from(
    [
        "*item*",
        "*extra*",
        "*unknown*",
        "*event*",
        "*content*",
        0.5,
        2**70,
        -(2**70),
        [],
        {},
        [{}],
        {"type": "*item*"},
        {"type": "acme:x", "a": [{}]},
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A valid event in which up to four things were taken away, replaced or added, at any depth."""
    document: dict[str, Any] = json.loads(json.dumps(draw(event_documents())))
    for _ in range(draw(st.integers(0, 4))):
        container, key = draw(st.sampled_from(places(document) or [(document, "type")]))
        action = draw(st.sampled_from(["take", "replace", "add"]))
        if action == "replace":
            container[key] = draw(STRANGE_VALUES)
        elif action == "add" and isinstance(container, dict):
            container[draw(STRANGE_KEYS)] = draw(STRANGE_VALUES)
        elif isinstance(container, list):
            container.append(draw(STRANGE_VALUES))
        else:
            container.pop(key, None)
    return document


@needs_openapi
@settings(max_examples=400)
@given(damaged())
def test_nothing_is_lost_of_an_event_that_is_read(document: dict[str, Any]) -> None:
    try:
        event = codec.decode(json.dumps(document))
    except ShapeError:
        return
    assert same(round_trip(document), document)
    assert load_event(document) == event
    assert same(to_plain(event), document)
    # What was read once is read the same again.
    assert codec.decode(codec.encode(event) or b"") == event


@needs_openapi
@given(documents("ResponseResource"), json_objects, STRANGE_KEYS)
def test_nothing_is_lost_of_a_response(document: dict[str, Any], fields: dict[str, object], key: str) -> None:
    strange = {**document, **fields, key: fields}
    assert same(json.loads(encode_object(decode_object(Response, json.dumps(strange)))), strange)


@given(json_values)
def test_any_json_is_an_event_or_a_wire_error(value: object) -> None:
    if isinstance(value, dict):
        assert same(round_trip(value), value)
    else:
        with pytest.raises(JSONError, match="expected a JSON object, got"):
            codec.decode(json.dumps(value))


@given(st.binary(max_size=30) | st.text(max_size=30) | st.text(alphabet='{}[]",:\\ud80\ud800-1.eE"', max_size=30))
def test_only_wire_errors_escape(data: bytes | str) -> None:
    with contextlib.suppress(WireError):
        codec.decode(data)


@given(st.binary(max_size=6), st.integers(0, 200))
def test_only_wire_errors_escape_from_a_damaged_event(junk: bytes, at: int) -> None:
    data = json.dumps(DELTA).encode()
    with contextlib.suppress(WireError):
        codec.decode(data[:at] + junk + data[at:])


# One by one -----------------------------------------------------------------------------------------------------------


def test_unknown_field_is_kept_beside_the_typed_ones() -> None:
    event = decode_extra(acme=1)
    assert event == OutputTextDelta(
        sequence_number=1, item_id="msg_1", output_index=0, content_index=0, delta="x", extra=Extra({"acme": 1})
    )
    assert codec.encode(event) == json.dumps(
        {**DELTA, "output_index": 0, "acme": 1}, separators=(",", ":")
    ).encode().replace(b'"item_id":"msg_1","output_index":0', b'"output_index":0,"item_id":"msg_1"')


@pytest.mark.parametrize("key", ["extra", "*extra*"])
def test_a_key_named_like_our_own_is_an_ordinary_unknown_one(key: str) -> None:
    assert decode_extra(**{key: {"delta": "forged"}}).extra == {key: {"delta": "forged"}}
    assert same(round_trip({**DELTA, key: {"a": 1}}), {**DELTA, key: {"a": 1}})


@pytest.mark.parametrize("name", ["*item*", "*unknown*", "acme:x", "", "web_search_call"])
def test_item_of_any_other_type_is_an_extension_item(name: str) -> None:
    document = {
        "type": "response.output_item.added",
        "sequence_number": 1,
        "output_index": 0,
        "item": {"type": name, "fields": {}},
    }
    event = codec.decode(json.dumps(document))
    assert event == OutputItemAdded(
        sequence_number=1, output_index=0, item=ExtensionItem(fields=Extra({"type": name, "fields": {}}))
    )
    assert same(round_trip(document), document)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("output", [{"type": "acme:a", "x": 1}], [ExtensionItem(fields=Extra({"type": "acme:a", "x": 1}))]),
        ("tools", [{"type": "web_search"}], [ExtensionTool(fields=Extra({"type": "web_search"}))]),
        ("tool_choice", {"type": "mcp", "n": 1}, ExtensionToolChoice(fields=Extra({"type": "mcp", "n": 1}))),
    ],
)
def test_foreign_objects_in_a_response_are_kept(key: str, value: object, expected: object) -> None:
    response = decode_object(Response, json.dumps({key: value}))
    assert getattr(response, key) == expected
    assert json.loads(encode_object(response)) == {key: value}


def test_foreign_parts_annotations_and_formats_are_kept() -> None:
    part = {"type": "output_text", "text": "a", "annotations": [{"type": "file_citation", "file_id": "f"}]}
    message = {
        "type": "message",
        "id": "m",
        "status": "completed",
        "role": "assistant",
        "content": [part, {"type": "acme:p"}],
    }
    document = {"output": [message], "text": {"format": {"type": "grammar"}}}
    response = decode_object(Response, json.dumps(document))
    (item,) = response.output
    assert isinstance(item, MessageItem)
    assert item.content == [
        OutputTextContent(
            text="a", annotations=[ExtensionAnnotation(fields=Extra({"type": "file_citation", "file_id": "f"}))]
        ),
        ExtensionContent(fields=Extra({"type": "acme:p"})),
    ]
    assert response.text.format == ExtensionFormat(fields=Extra({"type": "grammar"}))
    assert json.loads(encode_object(response)) == document


def test_event_of_any_other_type_is_an_extension_event() -> None:
    event = codec.decode('{"type":"acme:trace","sequence_number":7,"n":[1]}')
    assert event == ExtensionEvent(sequence_number=7, fields=Extra({"type": "acme:trace", "n": [1]}))


@pytest.mark.parametrize(
    "document", [{}, {"type": None}, {"type": 5, "sequence_number": "7"}, {"sequence_number": True}]
)
def test_event_without_a_type_is_an_extension_event_too(document: dict[str, Any]) -> None:
    event = codec.decode(json.dumps(document))
    assert event == ExtensionEvent(fields=Extra(document))
    assert same(round_trip(document), document)


def test_wrong_number_of_an_extension_event_gives_way_to_a_right_one() -> None:
    event = codec.decode('{"type":"acme:x","sequence_number":"7"}')
    assert isinstance(event, ExtensionEvent)
    assert json.loads(codec.encode(replace(event, sequence_number=8)) or b"") == {
        "type": "acme:x",
        "sequence_number": 8,
    }


def test_null_and_absent_stay_what_they_were() -> None:
    absent, null = decode_extra(), decode_extra(logprobs=None)
    assert isinstance(absent, OutputTextDelta)
    assert isinstance(null, OutputTextDelta)
    assert absent.logprobs is null.logprobs is UNSET
    assert null.extra == {"logprobs": None}
    assert absent != null


def test_wrong_value_leaves_the_zero_value_and_is_kept() -> None:
    event = codec.decode('{"type":"response.completed","response":{"id":5,"output":"none","model":null}}')
    assert isinstance(event, ResponseCompleted)
    assert event.response.id == event.response.model == ""
    assert event.response.output == []
    assert event.response.extra["id"] == 5
    assert event.response.extra["created_at"] is UNSET


def test_zero_values_belong_to_one_object() -> None:
    one, other = decode_object(Response, "{}"), decode_object(Response, "{}")
    one.output.append(ExtensionItem(fields=NOTHING))
    one.metadata["a"] = 1
    assert other == decode_object(Response, "{}")


def test_a_fraction_where_an_integer_belongs_counts_as_its_whole_part() -> None:
    response = decode_object(Response, '{"created_at":1700000000.75,"completed_at":1700000001.0}')
    assert (response.created_at, response.completed_at) == (1_700_000_000, 1_700_000_001)
    assert json.loads(encode_object(response)) == {"created_at": 1700000000.75, "completed_at": 1700000001.0}


def test_a_field_given_a_value_after_reading_is_written_with_it() -> None:
    read = decode_object(Response, '{"id":5,"created_at":1.5,"output":[],"model":null}')
    written = json.loads(encode_object(replace(read, id="resp_1", created_at=7, store=True)))
    assert written == {"id": "resp_1", "created_at": 7, "store": True, "output": [], "model": None}


def test_optional_field_given_a_value_after_reading_is_written_with_it() -> None:
    event = decode_extra(sequence_number="1", logprobs=None)
    assert isinstance(event, OutputTextDelta)
    assert json.loads(codec.encode(replace(event, sequence_number=0)) or b"") == {
        **DELTA,
        "sequence_number": 0,
        "logprobs": None,
    }


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"delta": None}, "delta"),
        ({"delta": 5}, "delta"),
        ({"output_index": "0"}, "output_index"),
        ({"output_index": True}, "output_index"),
    ],
)
def test_event_that_says_nothing_is_refused_with_the_place(fields: dict[str, object], path: str) -> None:
    with pytest.raises(ShapeError) as caught:
        decode_extra(**fields)
    assert caught.value.path == path


@pytest.mark.parametrize("key", ["delta", "output_index", "content_index"])
def test_event_without_what_it_says_is_refused(key: str) -> None:
    with pytest.raises(ShapeError, match=f"{key}: is required, and absent"):
        codec.decode(json.dumps({name: value for name, value in DELTA.items() if name != key}))


def test_event_without_item_id_is_read() -> None:
    document = {name: value for name, value in DELTA.items() if name != "item_id"}
    event = codec.decode(json.dumps(document))
    assert isinstance(event, OutputTextDelta)
    assert event.item_id == ""
    assert same(round_trip(document), document)


def test_null_item_is_read_as_an_item_of_no_type() -> None:
    event = codec.decode('{"type":"response.output_item.done","output_index":0,"item":null}')
    assert getattr(event, "item", None) == ExtensionItem(fields=NOTHING)
    event = codec.decode(
        '{"type":"response.output_text.annotation.added","output_index":0,"content_index":0,"annotation_index":0,"annotation":null}'
    )
    assert isinstance(event, OutputTextAnnotationAdded)
    assert event.annotation == ExtensionAnnotation(fields=NOTHING)


@pytest.mark.parametrize(
    "fields", ['"delta":"x","delta":"y"', '"delta":5,"delta":"y"', '"delta":"x","acme":1,"delta":"y"']
)
def test_of_equal_keys_the_last_counts(fields: str) -> None:
    rest = json.dumps({key: value for key, value in DELTA.items() if key != "delta"})[:-1]
    event = codec.decode(f"{rest},{fields}}}")
    assert isinstance(event, OutputTextDelta)
    assert event.delta == "y"


@pytest.mark.parametrize("last", ["response.refusal.delta", "acme:x"])
def test_of_two_types_the_last_counts(last: str) -> None:
    assert codec.decode(json.dumps(DELTA)[:-1] + f',"type":"{last}"}}').event_type == last


@pytest.mark.parametrize("as_bytes", [True, False])
def test_lone_surrogates_come_through(*, as_bytes: bool) -> None:
    text = json.dumps({**DELTA, "delta": "a\ud800", "\udfff": "\ud83d"})
    event = codec.decode(text.encode() if as_bytes else text)
    assert isinstance(event, OutputTextDelta)
    assert event.delta == "a\ud800"
    assert codec.decode(codec.encode(event) or b"") == event


def test_a_str_may_hold_lone_surrogates_itself() -> None:
    event = codec.decode(json.dumps({**DELTA, "delta": "\ud800"}, ensure_ascii=False))
    assert isinstance(event, OutputTextDelta)
    assert event.delta == "\ud800"


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70), 10**400])
def test_huge_integers_come_through(number: int) -> None:
    document = {**DELTA, "sequence_number": number, "acme": number}
    assert round_trip(document) == document


def test_huge_integer_where_a_float_belongs_is_kept_in_extra() -> None:
    document = {**DELTA, "logprobs": [{"token": "a", "logprob": 10**400, "bytes": [], "top_logprobs": []}]}
    event = codec.decode(json.dumps(document))
    assert isinstance(event, OutputTextDelta)
    assert event.logprobs == [
        LogProb(token="a", logprob=0.0, bytes=[], top_logprobs=[], extra=Extra({"logprob": 10**400}))
    ]
    assert round_trip(document) == document


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("key", ["acme", "sequence_number"])
def test_numbers_that_are_not_finite_are_refused(number: str, key: str) -> None:
    with pytest.raises(JSONError, match=f"'{number}' is no finite number"):
        codec.decode(json.dumps(DELTA)[:-1] + f',"{key}":{number}}}')


def test_number_of_more_digits_than_python_reads_is_refused() -> None:
    with pytest.raises(JSONError, match="too many digits"):
        codec.decode('{"n":' + "9" * (sys.get_int_max_str_digits() + 1) + "}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON: expecting value at character 0"),
        (b"   ", "not JSON: expecting value"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("\ufeff{}", "BOM"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON: extra data at character 2"),
        (b'{"a":"\xff"}', "not UTF-8: invalid start byte at byte 6 of the data"),
        (b"[]", "got an array"),
        (b"null", "got null"),
        (b"5", "got a number"),
        (b'"x"', "got a string"),
        (b"true", "got a boolean"),
        (b"[DONE]", "not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(data: bytes | str, message: str) -> None:
    with pytest.raises(JSONError, match=message):
        codec.decode(data)
    with pytest.raises(JSONError, match=message):
        decode_json_object(data)
    with pytest.raises(JSONError, match=message):
        decode_object(Response, data)


NESTED = "[" * 100_000


@pytest.mark.parametrize(
    "data", [NESTED, '{"a":' * 100_000, '{"type":"error","error":' * 100_000, '{"a":' + NESTED + '"\\ud800"']
)
def test_nesting_without_end_is_refused(data: str) -> None:
    with pytest.raises(JSONError):
        codec.decode(data)


def test_nesting_that_leaves_no_room_for_more_is_refused() -> None:
    class Deep(Dialect):
        def read(self, fields: dict[str, object]) -> dict[str, object]:
            return self.read(fields)

    with pytest.raises(JSONError, match="nested too deeply"):
        EventCodec(Deep()).decode("{}")


def test_what_is_nested_deeply_is_written_as_deeply() -> None:
    deep = "[" * 400 + "]" * 400
    text = json.dumps(DELTA)[:-1] + f',"acme":{deep}}}'
    assert deep.encode() in (codec.encode(codec.decode(text)) or b"")


@pytest.mark.parametrize("event", [OutputTextDelta, ExtensionEvent])
def test_nesting_too_deep_to_be_written_is_refused(event: type[ResponseStreamEvent]) -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    if event is ExtensionEvent:
        with pytest.raises(JSONError, match="nested too deeply"):
            codec.encode(ExtensionEvent(fields=Extra({"deep": deep})))
    else:
        response = replace(decode_object(Response, "{}"), metadata={"deep": deep}, extra=NOTHING)
        with pytest.raises(JSONError, match="nested too deeply"):
            codec.encode(ResponseCompleted(response=response))


def test_exactly_specified_data_is_never_read_twice() -> None:
    event = EventCodec.exact(json.dumps(DELTA))
    assert event == OutputTextDelta(sequence_number=1, item_id="msg_1", output_index=0, content_index=0, delta="x")
    with pytest.raises(msgspec.ValidationError):
        EventCodec.exact(json.dumps({**DELTA, "acme": 1}))


def test_a_number_with_a_fraction_is_a_float_however_it_is_written() -> None:
    # The one thing that is not kept: the digits of an integer too large for a float, where a float belongs.
    for number, expected in (("1", 1.0), ("0.5", 0.5), ("9372036854775809", 9372036854775808.0)):
        for more in ("", ',"acme":1'):
            response = decode_object(Response, f'{{"temperature":{number}{more}}}')
            assert (type(response.temperature), response.temperature) == (float, expected)


def test_the_exact_road_is_built_when_it_is_first_used() -> None:
    program = "import penstock.wire.codec as c; print(type(vars(c.EventCodec)['exact']).__name__)"
    built = "; c.EventCodec().decode('{}'); print(type(vars(c.EventCodec)['exact']).__name__)"
    done = subprocess.run([sys.executable, "-c", program + built], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_BuiltAtFirstUse", "staticmethod"]


def test_event_without_a_number_is_written_without_one() -> None:
    event = OutputTextDelta(item_id="m", output_index=0, content_index=0, delta="")
    assert codec.encode(event) == (
        b'{"type":"response.output_text.delta","output_index":0,"item_id":"m","content_index":0,"delta":""}'
    )


def test_written_data_is_one_line_whatever_is_in_it() -> None:
    event = OutputTextDelta(item_id="m", output_index=0, content_index=0, delta="\r\n\u2028\u2029\u0085\0")
    written = codec.encode(event) or b""
    assert not set(b"\r\n\0") & set(written)
    assert codec.decode(written) == event


def test_plain_data_may_hold_objects_at_any_depth() -> None:
    event = ExtensionEvent(
        fields=Extra({"type": "acme:x", "items": ({"item": ExtensionItem(fields=Extra({"a": Extra({"b": 1})}))},)})
    )
    assert to_plain(event) == {"type": "acme:x", "items": [{"item": {"a": {"b": 1}}}]}
    assert to_plain([event, 1, Extra({"a": Extra()})]) == [to_plain(event), 1, {"a": {}}]


def test_plain_data_shares_nothing_with_the_object() -> None:
    event = decode_extra(acme=[[1]])
    plain: Any = to_plain(event)
    plain["acme"][0].append(2)
    assert event.extra["acme"] == [[1]]


def test_what_is_no_json_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        encode_plain(object())
    with pytest.raises(TypeError):
        encode_object(ExtensionEvent(fields=Extra({"a": object()})))


def test_lone_surrogates_in_plain_data_are_written_as_escapes() -> None:
    assert encode_plain({"a": "\ud800", "b": "ä"}) == b'{"a":"\\ud800","b":"\\u00e4"}'
    assert encode_plain({"b": "ä\u2028"}) == '{"b":"ä\u2028"}'.encode()


def test_strict_reading_refuses_what_tolerant_reading_mends() -> None:
    assert decode_object(CreateResponse, '{"model":"m"}', tolerant=False) == CreateResponse(model="m")
    assert decode_object(CreateResponse, '{"model":5}') == CreateResponse(extra=Extra({"model": 5}))
    with pytest.raises(ShapeError, match="model: expected a string or null, got 5"):
        decode_object(CreateResponse, '{"model":5}', tolerant=False)


class Shouting(Dialect):
    """Says everything loudly; extension events not at all."""

    name: ClassVar[str] = "shouting"
    keeps_exact: ClassVar[bool] = False

    def read(self, fields: dict[str, object]) -> dict[str, object]:
        return {**fields, "delta": str(fields.get("delta")).lower()} if "delta" in fields else fields

    def write(self, event: ResponseStreamEvent) -> ResponseStreamEvent | dict[str, object] | None:
        if isinstance(event, ExtensionEvent):
            return None
        if isinstance(event, OutputTextDelta):
            return replace(event, delta=event.delta.upper())
        return {"loud": event.event_type.upper()}


def test_a_dialect_reads_and_writes_every_event() -> None:
    shouting = EventCodec(Shouting())
    for document in (DELTA, {**DELTA, "acme": 1}):
        event = shouting.decode(json.dumps({**document, "delta": "HELLO"}))
        assert event == codec.decode(json.dumps({**document, "delta": "hello"}))
        assert json.loads(shouting.encode(event) or b"") == {**document, "delta": "HELLO"}
    assert shouting.encode(ExtensionEvent(fields=NOTHING)) is None
    error = codec.decode('{"type":"error","error":{"type":"server_error","code":null,"message":"","param":null}}')
    assert isinstance(error, ErrorEvent)
    assert shouting.encode(error) == b'{"loud":"ERROR"}'


def test_every_event_class_is_read_by_its_own_name() -> None:
    for cls in STANDARD_EVENTS:
        fields: dict[str, Any] = {
            "output_index": 0,
            "content_index": 0,
            "summary_index": 0,
            "annotation_index": 0,
            "response": {},
        }
        fields |= {"delta": "", "text": "", "refusal": "", "arguments": "", "error": {}}
        assert type(load_event({**fields, "type": cls.__struct_config__.tag})) is cls
