"""The shapes of the specification, held against plain JSON: what is absent, null, of the wrong type or value.

The shapes are read off the annotations of `penstock.spec`, so the types that decode an event and the rules that judge
it are the same. What the annotations leave open on purpose, so that a stranger's value survives decoding, is told
beside: the enumerations, which the mender knows too, and here the fields the document's prose asks for beyond its
schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct

from penstock.spec import events as e
from penstock.spec.base import SpecObject, UnknownObject
from penstock.spec.content import ExtensionAnnotation, ExtensionContent
from penstock.spec.items import (
    ExtensionItem,
)
from penstock.spec.response import JsonSchemaResponseFormat, Response
from penstock.spec.tools import ExtensionTool, ExtensionToolChoice
from penstock.upstream.responses.shape import ENUMERATIONS, REQUIRED_BY_PROSE
from penstock.wire.annotations import alternatives, holds_structs, is_spec_class, members
from penstock.wire.wording import is_array, is_object, shown

__all__ = [
    "EVENT_NAMES",
    "Kind",
    "Problem",
    "envelope_problems",
    "in_words",
    "is_as_enumerated",
    "is_bare_failure",
    "problems",
    "without_indexes",
]

EVENT_NAMES: Final = tuple(str(cls.__struct_config__.tag) for cls in e.STANDARD_EVENTS)
_LIKENESS: Final = 0.85
"""How much an unknown name must resemble a known one to be taken for a slip: one of some twenty letters may differ."""
_LONGEST_NAME: Final = 80
"""Longer names resemble none, and are not compared."""
Kind = Literal["absent", "null", "type", "value", "item", "item_fields", "event", "event_fields", "error", "envelope"]


class Problem(Struct, frozen=True):
    """One departure from a shape.

    `kind`: a required key is absent; null where there is none; the wrong JSON type; a value outside its enumeration; an
    item of a type without a slug; an extension item without a field that every item has; the same of events; an error
    payload; the error envelope of a WebSocket. `path` is where, `expected` and `got` what should be there and what is.
    """

    kind: Kind
    path: str
    expected: str
    got: str


# The schema allows null alone for the echoed schema, which cannot be meant; `response_id` is a dialect's.
_UNJUDGED: Final[frozenset[tuple[type[SpecObject], str]]] = frozenset(
    {(JsonSchemaResponseFormat, "schema"), (e.OutputEvent, "response_id")}
)
# Fields whose object may be null by the schema, though the types promise one. (So may `item`; but the prose wants "as
# much detail as is available", and three fields "regardless of its specific `type`".)
_NULLABLE: Final[frozenset[str]] = frozenset({"annotation"})
_NUMBER_NAMES: Final[Mapping[type, str]] = {int: "an integer", float: "a number", str: "a string", bool: "a boolean"}

_Check = Callable[[object, str], Iterator[Problem]]


_INDEX: Final = re.compile(r"\[\d+\]")


def without_indexes(path: str) -> str:
    """Return a path with its places left open: `output[].content[].text`."""
    return _INDEX.sub("[]", path)


def in_words(problem: Problem, due: str = "") -> str:
    """Return a problem as a sentence without its capital and its point; `due` is what is due, where that is known."""
    if due:
        return f"{_in_words(problem, is_due_known=True)}; here {due} is due"
    return _in_words(problem, is_due_known=False)


def _in_words(problem: Problem, *, is_due_known: bool) -> str:
    place = problem.path
    match problem.kind:
        case "absent":
            return f"{place} is required, and absent; expected {problem.expected}"
        case "null":
            return f"{place} is null; expected {problem.expected}"
        case "event":
            meant = "" if is_due_known else _closest(problem.got.strip("'"))
            return f"the event type {problem.got} is not the specification's, and has no slug{meant}"
        case "item":
            return f"the item type {problem.got} is not the specification's, and has no slug"
        case _:
            return f"{place} is {problem.got}; expected {problem.expected}"


def _closest(name: str) -> str:
    """Return a question for the event of the specification that an unknown name resembles; empty where none is."""
    close = get_close_matches(name, EVENT_NAMES, n=1, cutoff=_LIKENESS) if len(name) <= _LONGEST_NAME else []
    return f"; did you mean {close[0]}?" if close else ""


def is_bare_failure(fields: Mapping[str, object]) -> bool:
    """Whether an object tells by itself that it is the failure of a WebSocket: it has a status, and no number.

    Spec: "WebSocket Errors"; an `error` event of a stream has a number, and no status.
    """
    return fields.get("type") == "error" and "status" in fields and "sequence_number" not in fields


def envelope_problems(fields: Mapping[str, object]) -> Iterator[Problem]:
    """Yield what an error envelope of a WebSocket lacks: its `status` and its `error.code`."""
    status = fields.get("status")
    if type(status) is not int:
        yield Problem("envelope", "status", "an integer", shown(status) if "status" in fields else "absent")
    error = fields.get("error")
    if not is_object(error):
        yield Problem("envelope", "error", "an object", shown(error) if "error" in fields else "absent")
    elif not isinstance(error.get("code"), str):
        yield Problem("envelope", "error.code", "a string", shown(error["code"]) if "code" in error else "absent")


def problems(cls: type[SpecObject], value: object, path: str = "") -> Iterator[Problem]:
    """Yield every departure of the JSON `value` from the shape of `cls`; `path` is where it stands."""
    return _object_check(cls)(value, path)


@cache
def _object_check(cls: type[SpecObject]) -> _Check:
    hints = get_type_hints(cls)
    fields = [
        (
            field.encode_name,
            field.required or (cls, field.name) in REQUIRED_BY_PROSE or field.name == "sequence_number",
            _field_check(cls, field.name, hints),
            _expected(cls, field.name, hints),
        )
        for field in msgspec.structs.fields(cls)
        if field.name != "extra" and not _is_unjudged(cls, field.name)
    ]

    def check(value: object, path: str) -> Iterator[Problem]:
        assert is_object(value)
        for key, required, field_check, expected in fields:
            at = f"{path}.{key}" if path else key
            if key in value:
                yield from field_check(value[key], at)
            elif required:
                yield Problem("absent", at, expected, "nothing")

    return check


def is_as_enumerated(value: SpecObject) -> bool:
    """Whether an object that has the right types has the right values, too, wherever its types leave them open."""
    return _enumeration_check(type(value))(value)


@cache
def _enumeration_check(cls: type[SpecObject]) -> Callable[[Any], bool]:
    """Return the check of one class: its own fields, and the objects in them."""
    hints = get_type_hints(cls)
    allowed = [(name, frozenset(values)) for (owner, name), values in ENUMERATIONS.items() if owner is cls]
    required = [name for owner, name in REQUIRED_BY_PROSE if owner is cls]
    inner = [
        field.name
        for field in msgspec.structs.fields(cls)
        if field.name != "extra" and holds_structs(hints[field.name])
    ]

    if not (allowed or required or inner):
        return _always

    def check(value: Any) -> bool:  # noqa: ANN401 - an object of `cls`
        for name, values in allowed:
            got = getattr(value, name)
            if isinstance(got, str) and got not in values:
                return False
        for name in required:
            if getattr(value, name) is UNSET:
                return False
        for name in inner:
            got = getattr(value, name)
            for entry in got if is_array(got) else (got,):
                if isinstance(entry, SpecObject) and not _enumeration_check(type(entry))(entry):
                    return False
        return True

    return check


def _always(_value: object) -> bool:
    return True


def _is_unjudged(cls: type[SpecObject], name: str) -> bool:
    return any(issubclass(cls, base) and name == field for base, field in _UNJUDGED)


def _field_check(cls: type[SpecObject], name: str, hints: Mapping[str, Any]) -> _Check:
    check = _check(hints[name])
    if issubclass(cls, e.Event) and name == "sequence_number":
        check = _check(int)
    if name in _NULLABLE:
        check = _or_null(check)
    if (cls, name) == (Response, "metadata"):
        check = _anything  # by the schema
    allowed = ENUMERATIONS.get((cls, name))
    return check if allowed is None else _enumerated(check, allowed)


def _expected(cls: type[SpecObject], name: str, hints: Mapping[str, Any]) -> str:
    """Return, in words, what a field holds."""
    if issubclass(cls, e.Event) and name == "sequence_number":
        return _NUMBER_NAMES[int]
    annotation, allowed = hints[name], ENUMERATIONS.get((cls, name))
    held = members(annotation)
    words = [_kind_name(member) for member in held if member is not NoneType]
    if NoneType in held:
        words.append("null")
    words = sorted(set(words), key=words.index)
    if allowed is None:
        return " or ".join(words)
    others = [f", or {word}" for word in words if word != _NUMBER_NAMES[str]]
    return f"one of {', '.join(allowed)}{''.join(others)}"


def _kind_name(annotation: Any) -> str:  # noqa: ANN401 - what type hints hold
    if get_origin(annotation) is list:
        return "an array"
    return "an object" if is_spec_class(annotation) else _names([annotation])[0]


def _anything(_value: object, _path: str) -> Iterator[Problem]:
    yield from ()


def _or_null(check: _Check) -> _Check:
    def checked(value: object, path: str) -> Iterator[Problem]:
        if value is not None:
            yield from check(value, path)

    return checked


def _enumerated(check: _Check, allowed: tuple[str, ...]) -> _Check:
    def checked(value: object, path: str) -> Iterator[Problem]:
        if isinstance(value, str) and value not in allowed:
            yield Problem("value", path, f"one of {', '.join(allowed)}", shown(value))
        else:
            yield from check(value, path)

    return checked


def _check(annotation: object) -> _Check:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _union_check(annotation)
    if origin is list:
        return _list_check(_check(get_args(annotation)[0]))
    return _union_check(annotation) if is_spec_class(annotation) else _leaf_check((annotation,))


def _list_check(element: _Check) -> _Check:
    def check(value: object, path: str) -> Iterator[Problem]:
        if not is_array(value):
            yield _mismatch(path, "an array", value)
            return
        for index, entry in enumerate(value):
            yield from element(entry, f"{path}[{index}]")

    return check


def _union_check(annotation: object) -> _Check:
    held = alternatives(annotation)
    leaves, nullable, unknown, has_objects = held.leaves, held.nullable, held.unknown, held.has_objects
    if not (has_objects or held.arrays):
        return _leaf_check(tuple(leaves), nullable=nullable)
    tagged = {tag: _object_check(cls) for tag, cls in held.tagged.items()}
    plain = None if held.plain is None else _object_check(held.plain)
    array = _check(held.arrays[0]) if held.arrays else None
    known = ", ".join(tagged)
    expected = " or ".join([*(["an object"] if has_objects else []), *(["an array"] if array else []), *_names(leaves)])

    def check(value: object, path: str) -> Iterator[Problem]:
        if value is None:
            if not nullable:
                yield Problem("null", path, expected, "null")
        elif is_object(value) and has_objects:
            if plain is not None:
                yield from plain(value, path)
                return
            name = value.get("type")
            if not isinstance(name, str):
                absent = "type" not in value
                kind: Kind = "absent" if absent else "type"
                got = "nothing" if absent else shown(name)
                yield Problem(kind, f"{path}.type", "a string", got)
            elif name in tagged:
                yield from tagged[name](value, path)
            else:
                yield from _unknown_problems(unknown, name, value, path, known)
        elif is_array(value) and array is not None:
            yield from array(value, path)
        elif not leaves or not _is_leaf(value, tuple(leaves)):
            yield _mismatch(path, expected, value)

    return check


def _unknown_problems(
    unknown: type[UnknownObject] | None, name: str, value: dict[str, object], path: str, known: str
) -> Iterator[Problem]:
    """Judge an object of a type the specification does not have."""
    prefixed = ":" in name
    if unknown is ExtensionItem:
        if not prefixed:
            yield Problem("item", f"{path}.type", f"one of {known}, or a name with a slug", shown(name))
        for key in ("id", "status"):
            if not isinstance(value.get(key), str):
                yield Problem(
                    "item_fields", f"{path}.{key}", "a string", shown(value[key]) if key in value else "absent"
                )
    elif unknown in (ExtensionContent, ExtensionAnnotation, ExtensionTool, ExtensionToolChoice) and prefixed:
        return
    else:
        yield Problem("value", f"{path}.type", f"one of {known}", shown(name))


def _leaf_check(leaves: tuple[object, ...], *, nullable: bool = False) -> _Check:
    expected = " or ".join(_names(list(leaves)))

    def check(value: object, path: str) -> Iterator[Problem]:
        if value is None and not nullable:
            yield Problem("null", path, expected, "null")
        elif value is not None and not _is_leaf(value, leaves):
            literals = [v for leaf in leaves if get_origin(leaf) is Literal for v in get_args(leaf)]
            if literals and isinstance(value, str):
                yield Problem("value", path, f"one of {', '.join(map(str, literals))}", shown(value))
            else:
                yield _mismatch(path, expected, value)

    return check


def _names(leaves: list[object]) -> list[str]:
    names: list[str] = []
    for leaf in leaves:
        if get_origin(leaf) is Literal:
            names.append("a string")
        elif get_origin(leaf) is dict or leaf is dict:
            names.append("an object")
        else:
            assert isinstance(leaf, type)
            names.append(_NUMBER_NAMES.get(leaf, leaf.__name__))
    return names


def _is_leaf(value: object, leaves: tuple[object, ...]) -> bool:
    return any(_is_one_leaf(value, leaf) for leaf in leaves)


def _is_one_leaf(value: object, leaf: object) -> bool:
    if get_origin(leaf) is Literal:
        return value in get_args(leaf)
    if get_origin(leaf) is dict:
        return is_object(value)
    if leaf is int:
        # JSON Schema: an integer is a number without a fraction, however it is written.
        return (type(value) is int) or (type(value) is float and value.is_integer())
    if leaf is float:
        return type(value) in (int, float)
    return isinstance(leaf, type) and type(value) is leaf


def _mismatch(path: str, expected: str, value: object) -> Problem:
    if value is None:
        return Problem("null", path, expected, "null")
    return Problem("type", path, expected, shown(value))
