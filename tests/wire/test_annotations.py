from __future__ import annotations

from types import NoneType
from typing import Annotated, Any, Optional, Union

import pytest
from msgspec import Meta, UnsetType

from penstock.spec.content import InputTextContent, OutputTextContent
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem
from penstock.spec.response import ResponseUsage
from penstock.wire.annotations import Alternatives, alternatives, holds_structs, is_spec_class, members


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, [int]),
        (int | None, [int, NoneType]),
        (Optional[int], [int, NoneType]),  # noqa: UP045 - the other way to write it
        (Union[int, UnsetType, str], [int, str]),  # noqa: UP007 - likewise
        (list[int | str], [list[int | str]]),
    ],
)
def test_members_of_a_union_are_those_that_can_be_values(annotation: object, expected: list[object]) -> None:
    assert members(annotation) == expected


def found(**more: Any) -> Alternatives:  # noqa: ANN401 - any field
    nothing: dict[str, Any] = {
        "tagged": {},
        "plain": None,
        "unknown": None,
        "arrays": [],
        "leaves": [],
        "nullable": False,
    }
    return Alternatives(**(nothing | more))


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, found(leaves=[str])),
        (str | None, found(leaves=[str], nullable=True)),
        (ResponseUsage | None, found(plain=ResponseUsage, nullable=True)),
        (FunctionCallItem, found(tagged={"function_call": FunctionCallItem})),
        (
            MessageItem | ExtensionItem | UnsetType,
            found(tagged={"message": MessageItem}, unknown=ExtensionItem),
        ),
        (str | list[InputTextContent], found(arrays=[list[InputTextContent]], leaves=[str])),
        (list[int] | dict[str, Any], found(arrays=[list[int]], leaves=[dict[str, Any]])),
    ],
)
def test_alternatives_are_sorted_by_what_they_are_as_json(annotation: object, expected: Alternatives) -> None:
    assert alternatives(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "expected"), [(Item, True), (ResponseUsage, True), (ExtensionItem, True), (list[Item], False)]
)
def test_object_may_stand_where_one_is_an_alternative(annotation: object, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert alternatives(annotation).has_objects is expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (OutputTextContent, True),
        (list[OutputTextContent] | None, True),
        (Annotated[list[OutputTextContent], Meta(max_length=3)], True),
        (dict[str, OutputTextContent], True),
        (dict[str, list[int]], False),
        (str, False),
    ],
)
def test_objects_are_found_wherever_they_stand(annotation: object, expected: bool) -> None:  # noqa: FBT001 - likewise
    assert holds_structs(annotation) is expected


def test_class_of_an_object_is_told_from_other_types() -> None:
    assert is_spec_class(MessageItem)
    assert not is_spec_class(str)
    assert not is_spec_class(list[MessageItem])
