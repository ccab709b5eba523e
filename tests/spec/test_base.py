from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import NOTHING, UNSET, Extra, SpecObject, UnknownObject, is_extension_name
from penstock.spec.content import OutputTextContent
from penstock.spec.events import ExtensionEvent, OutputTextDelta
from penstock.spec.items import ExtensionItem
from tests.openapi import json_objects

COPIES: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *[lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, 6)],
]


@pytest.mark.parametrize(
    "name",
    [
        "acme:trace_event",
        "my-slug:a",
        "a:b.c",
        "a:b:c",
        "OpenRouter:x",
        "implementor_slug:custom_document_search",
        "0:1",
    ],
)
def test_slug_and_name_make_an_extension(name: str) -> None:
    assert is_extension_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":",
        "acme:",
        ":x",
        "acme",
        "response.output_text.delta",
        "ac me:x",
        "acme:x y",
        "acme.x:y",
        "acme:x\n",
        "äcme:x",
    ],
)
def test_anything_else_is_no_extension(name: str) -> None:
    assert not is_extension_name(name)


@given(json_objects)
def test_extra_is_the_mapping_it_was_made_from(fields: dict[str, object]) -> None:
    extra = Extra(fields)
    assert extra == fields == dict(extra)
    assert list(extra) == list(fields)
    assert len(extra) == len(fields)
    assert list(extra.items()) == list(fields.items())
    assert eval(repr(extra), {"Extra": Extra}) == extra


@given(json_objects)
def test_equal_extras_have_equal_hashes(fields: dict[str, object]) -> None:
    backwards = dict(reversed(fields.items()))
    assert Extra(fields) == Extra(backwards)
    assert hash(Extra(fields)) == hash(Extra(backwards))


def test_extras_of_other_values_differ() -> None:
    assert Extra({"a": 1}) != Extra({"a": 2})
    assert Extra({"a": UNSET}) != Extra({"a": None})
    assert Extra() == NOTHING


def test_extra_has_what_it_was_given_and_nothing_else() -> None:
    extra = Extra({"a": 1})
    assert extra["a"] == 1
    assert extra.get("b") is None
    assert "b" not in extra
    with pytest.raises(KeyError):
        extra["b"]


def test_extra_cannot_be_changed() -> None:
    given = {"a": 1}
    extra = Extra(given)
    given["a"] = 2
    assert extra == {"a": 1}
    with pytest.raises(TypeError):
        cast("Any", extra)["a"] = 2
    with pytest.raises(TypeError):
        del cast("Any", extra)["a"]
    with pytest.raises(AttributeError):
        cast("Any", extra).b = 2


@pytest.mark.parametrize("make_copy", COPIES)
def test_copies_are_equal_and_nothing_stays_nothing(make_copy: Callable[[Any], Any]) -> None:
    extra = Extra({"a": {"b": [1]}, "absent": UNSET})
    assert make_copy(extra) == extra
    assert make_copy(extra)["absent"] is UNSET
    assert make_copy(NOTHING) is NOTHING


def test_a_deep_copy_shares_nothing() -> None:
    extra = Extra({"a": [1]})
    assert copy.deepcopy(extra)["a"] is not extra["a"]


def delta() -> OutputTextDelta:
    return OutputTextDelta(
        sequence_number=3, item_id="msg_1", output_index=0, content_index=0, delta="x", extra=Extra({"a": [1]})
    )


@pytest.mark.parametrize("make_copy", COPIES)
@pytest.mark.parametrize(
    "value",
    [
        delta(),
        ExtensionEvent(sequence_number=1, fields=Extra({"type": "acme:x"})),
        ExtensionItem(fields=Extra({"type": "acme:x", "id": "x_1"})),
        OutputTextContent(text="", annotations=[]),
    ],
)
def test_objects_can_be_copied_and_pickled(make_copy: Callable[[Any], Any], value: SpecObject) -> None:
    twin = make_copy(value)
    assert twin == value
    assert type(twin) is type(value)
    assert (twin.extra is NOTHING) == (value.extra is NOTHING)


def test_objects_cannot_be_changed_but_replaced() -> None:
    event = delta()
    with pytest.raises(AttributeError):
        event.delta = "y"  # type: ignore[misc]  # that it is refused is what is shown
    changed = msgspec.structs.replace(event, delta="y")
    assert changed == OutputTextDelta(
        sequence_number=3, item_id="msg_1", output_index=0, content_index=0, delta="y", extra=event.extra
    )
    assert changed != event == delta()


def test_objects_differ_where_their_extras_do() -> None:
    assert msgspec.structs.replace(delta(), extra=Extra({"a": [2]})) != delta()
    assert msgspec.structs.replace(delta(), extra=NOTHING) != delta()


def test_unset_and_null_are_two_things() -> None:
    assert msgspec.structs.replace(delta(), sequence_number=UNSET) != delta()
    assert Extra({"a": None}) != Extra()


def test_the_repr_tells_what_was_there() -> None:
    assert repr(delta()) == (
        "OutputTextDelta(extra=Extra({'a': [1]}), sequence_number=3, output_index=0, item_id='msg_1', content_index=0, delta='x')"
    )


def test_hashable_objects_that_are_equal_have_equal_hashes() -> None:
    assert len({delta(), delta()}) == 1


@given(st.from_type(type(None)) | st.integers() | st.just("acme:x"))
def test_unknown_object_tells_its_type_where_it_has_one(value: object) -> None:
    unknown = UnknownObject(fields=Extra({"type": value}))
    assert unknown.type == (value if isinstance(value, str) else "")
    assert unknown["type"] == value
    assert UnknownObject(fields=NOTHING).type == ""
    with pytest.raises(KeyError):
        unknown["other"]
