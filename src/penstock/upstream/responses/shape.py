"""Any JSON put into the shapes of the specification, with as little changed as can be.

What each class asks for is read off its annotations, as the linter does. An absent key gets its zero value; a value of
the wrong type is converted where nothing is lost by it, or else gets the zero value too; a value outside its
enumeration becomes the known one that means the same; what has no slug gets one. Unknown keys stay. Every change is
told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Protocol, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from penstock.spec import events as e
from penstock.spec.base import SpecObject, UnknownObject
from penstock.spec.content import ExtensionAnnotation, ExtensionContent, InputImageContent
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    MessageItem,
    ReasoningItem,
)
from penstock.spec.response import ReasoningField, Response, TextField
from penstock.spec.tools import AllowedToolChoice, ExtensionTool, ExtensionToolChoice
from penstock.upstream.responses.names import is_hosted_type, with_slug
from penstock.wire.annotations import alternatives, holds_structs, is_spec_class
from penstock.wire.codec import to_plain

__all__ = ["ENUMERATIONS", "REQUIRED_BY_PROSE", "UNTOLD_INDEX", "Report", "is_sound", "put_right"]

UNTOLD_INDEX: Final = -1
"""What stands for an index that was not told, or not as an integer."""

Json = dict[str, Any]


class Report:
    """What `put_right` tells while it works, and what it is told."""

    def __init__(self, told: Callable[[str, str], None]) -> None:
        """Give each change, as a rule's code and a sentence, to `told`."""
        self._told = told
        self.status = "completed"
        """The status of items that do not say it."""
        self.known: Json = {}
        """What a response that does not say it is known to have."""
        self.is_summary = False
        """Whether it is about a part of a summary."""
        self.is_reasoning = False
        """Whether it is about a part of a reasoning item's content."""
        self.is_error = False
        """Whether it is an `error` event: what is wrong with its payload is one rule's."""
        self.absent: set[str] = set()
        """The paths that were absent, or held nothing of use."""

    def change(self, code: str, path: str, what: str) -> None:
        """Tell of one change."""
        if code in ("OR201", "OR202", "OR203"):
            self.absent.add(path)
        if self.is_error and path.startswith("error"):
            code = "OR208"
        self._told(code, f"{path or 'the event'} {what}")


class _Fix(Protocol):
    """Takes a value, its path and the report; returns the value put right, or UNSET where nothing can be made of it."""

    def __call__(self, value: Any, path: str, report: Report, /) -> Any: ...  # noqa: ANN401 - any JSON


_ITEM_STATUS: Final = ("in_progress", "completed", "incomplete")
ENUMERATIONS: Final[Mapping[tuple[type[SpecObject], str], tuple[str, ...]]] = {
    (MessageItem, "status"): _ITEM_STATUS,
    (MessageItem, "role"): ("user", "assistant", "system", "developer"),
    (MessageItem, "phase"): ("commentary", "final_answer"),
    (FunctionCallItem, "status"): _ITEM_STATUS,
    (FunctionCallOutputItem, "status"): _ITEM_STATUS,
    (ReasoningItem, "status"): _ITEM_STATUS,
    (CompactionItem, "status"): _ITEM_STATUS,
    (InputImageContent, "detail"): ("low", "high", "auto"),
    (AllowedToolChoice, "mode"): ("none", "auto", "required"),
    (TextField, "verbosity"): ("low", "medium", "high"),
    (ReasoningField, "effort"): ("none", "low", "medium", "high", "xhigh"),
    (ReasoningField, "summary"): ("concise", "detailed", "auto"),
    (Response, "truncation"): ("auto", "disabled"),
    (Response, "tool_choice"): ("none", "auto", "required"),
    (Response, "status"): ("queued", "in_progress", "completed", "failed", "incomplete"),
}
"""What the schema enumerates and the types leave open."""
_SAME_MEANING: Final[Mapping[str, str]] = {
    "complete": "completed",
    "done": "completed",
    "finished": "completed",
    "success": "completed",
    "succeeded": "completed",
    "failed": "incomplete",
    "cancelled": "incomplete",
    "canceled": "incomplete",
    "generating": "in_progress",
    "running": "in_progress",
    "pending": "in_progress",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "minimal": "low",
    "any": "required",
}
REQUIRED_BY_PROSE: Final[frozenset[tuple[type[SpecObject], str]]] = frozenset(
    {(ReasoningItem, "status"), (CompactionItem, "status")}
)
"""The fields the schema does not ask for where the prose does: a `status` on every item ("Required item fields")."""
# Anything may stand there: the schema cannot be meant (null alone), or the field is no one's to judge.
_FREE: Final = frozenset({"schema", "metadata", "response_id", "sequence_number"})
# What the events' own fields hold where they were not told; everything else has its zero value in its class.
_NOT_TOLD: Final[Mapping[str, object]] = {
    "output_index": UNTOLD_INDEX,
    "content_index": UNTOLD_INDEX,
    "summary_index": UNTOLD_INDEX,
    "annotation_index": UNTOLD_INDEX,
    "item_id": "",
    "delta": "",
    "text": "",
    "refusal": "",
    "arguments": "",
    "item": {},
    "part": {},
    "annotation": {},
    "response": {},
    "error": {},
}
_JSON_TEXT: Final = frozenset({"arguments"})
"""Fields that hold JSON as text: a value in its place is written as such."""
_BIG: Final = 2**63
_INTEGER: Final = re.compile(r"-?\d{1,18}")


def put_right(cls: type[SpecObject], value: Json, report: Report) -> Json:
    """Return the JSON object `value` in the shape of `cls`; what is changed is told to `report`."""
    return cast("Json", _object_fix(cls)(value, "", report))


@cache
def _object_fix(cls: type[SpecObject]) -> _Fix:
    hints = get_type_hints(cls, include_extras=True)
    is_event = issubclass(cls, e.Event)
    is_response = cls is Response
    fields: list[tuple[str, bool, _Fix | None, object]] = []
    for field in msgspec.structs.fields(cls):
        key = field.encode_name
        if field.name == "extra":
            continue
        zero = _NOT_TOLD.get(key, UNSET) if is_event else UNSET
        if zero is UNSET:
            zero = to_plain(cls.zero.get(field.name, UNSET))
        fix = None if key in _FREE else _field_fix(cls, field.name, hints[field.name])
        required = field.required or (cls, field.name) in REQUIRED_BY_PROSE
        fields.append((key, required, fix, zero))

    def fix_object(value: Any, path: str, report: Report) -> Json:  # noqa: ANN401 - any JSON
        right: Json = dict(value)
        for key, required, fix, zero in fields:
            at = f"{path}.{key}" if path else key
            if key in right:
                if fix is None:
                    continue
                given = right[key]
                fixed = fix(given, at, report)
                if fixed is UNSET:
                    if not required:
                        del right[key]
                        continue
                    fixed = _zero(key, zero, report, is_response=is_response)
                if fixed is not given:
                    right[key] = fixed
            elif required:
                report.change("OR201", at, "is required, and absent")
                fixed = _zero(key, zero, report, is_response=is_response)
                if is_event and fix is not None and key in ("response", "error"):
                    fixed = fix(fixed, at, report)
                right[key] = fixed
        return right

    return fix_object


def _zero(key: str, zero: object, report: Report, *, is_response: bool) -> object:
    """Return a zero value that is nobody else's; what is known already, where it is one of a response."""
    if is_response and key in report.known:
        return report.known[key]
    if key == "status" and not is_response:
        return report.status
    if isinstance(zero, (list, dict)):
        return cast("list[object] | Json", zero).copy()
    return zero


def _field_fix(cls: type[SpecObject], name: str, annotation: object) -> _Fix:
    if issubclass(cls, e.Event) and name in ("item", "part", "annotation"):
        return _or_nothing(_fix(annotation, name))
    if issubclass(cls, e.Event) and name in ("response", "error"):
        return _or_empty(_fix(annotation, name))
    fix = _fix(annotation, name)
    allowed = ENUMERATIONS.get((cls, name))
    return fix if allowed is None else _enumerated(fix, name, allowed)


def _or_nothing(fix: _Fix) -> _Fix:
    """Let an empty object stand for one that was not told."""

    def fix_told(value: Any, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        return value if value == {} else fix(value, path, report)

    return fix_told


def _or_empty(fix: _Fix) -> _Fix:
    """Take an empty object for one that was not told, and give it its zero values."""

    def fix_whole(value: Any, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        fixed = fix(value, path, report)
        return fix({}, path, report) if fixed is UNSET else fixed

    return fix_whole


def _enumerated(fix: _Fix, name: str, allowed: tuple[str, ...]) -> _Fix:
    def fix_value(value: Any, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        if not isinstance(value, str):
            value = fix(value, path, report)
        if not isinstance(value, str) or value in allowed:
            return value
        meant = value.lower() if value.lower() in allowed else _SAME_MEANING.get(value.lower(), "")
        if meant not in allowed:
            meant = {"status": report.status, "role": "assistant"}.get(name, "")
        if path == "item.status" and report.status == "in_progress":
            meant = report.status  # an item that begins has no other
        done = f"it was taken for {meant!r}" if meant else f"there are {', '.join(allowed)}"
        report.change("OR204", path, f"is {_shown(value)}; {done}")
        return meant or UNSET

    return fix_value


def _fix(annotation: object, name: str) -> _Fix:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _union_fix(annotation, name)
    if origin is list:
        return _list_fix(_fix(get_args(annotation)[0], name))
    if is_spec_class(annotation):
        return _union_fix(annotation, name)
    return _leaf_fix((cast("Any", annotation),), name)


def _list_fix(element: _Fix) -> _Fix:
    def fix_list(value: Any, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        if not isinstance(value, list):
            return _nothing(value, path, "an array", report)
        given = cast("list[object]", value)
        fixed = [element(entry, f"{path}[{index}]", report) for index, entry in enumerate(given)]
        if all(new is old for new, old in zip(fixed, given, strict=True)):
            return given
        return [entry for entry in fixed if entry is not UNSET]

    return fix_list


def _nothing(value: object, path: str, expected: str, report: Report) -> UnsetType:
    """Tell that nothing can be made of `value`."""
    if value is None:
        report.change("OR202", path, f"is null; expected {expected}")
    else:
        report.change("OR203", path, f"is {_shown(value)}; expected {expected}")
    return UNSET


_SHOWN: Final = 60


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _union_fix(annotation: object, field: str) -> _Fix:
    held = alternatives(annotation)
    unknown, nullable, has_objects = held.unknown, held.nullable, held.has_objects
    tagged = {tag: _object_fix(cls) for tag, cls in held.tagged.items()}
    plain = None if held.plain is None else _object_fix(held.plain)
    array = _fix(held.arrays[0], field) if held.arrays else None
    leaf = _leaf_fix(tuple(held.leaves), field) if held.leaves else None
    expected = "an object" if has_objects else "an array" if array else "a value"

    def fix_union(value: Any, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        if value is None and nullable:
            return value
        if isinstance(value, dict) and has_objects:
            fields = cast("Json", value)
            if plain is not None:
                return plain(fields, path, report)
            return fix_tagged(fields, path, report)
        if isinstance(value, list) and array is not None:
            return array(value, path, report)
        if leaf is not None:
            return leaf(value, path, report)
        return _nothing(cast("object", value), path, expected, report)

    def fix_tagged(value: Json, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        name = value.get("type")
        if isinstance(name, str) and name in tagged:
            return tagged[name](value, path, report)
        if not isinstance(name, str):
            code = "OR201" if "type" not in value else "OR202" if name is None else "OR203"
            meant = _implied_type(value, path, unknown, report)
            what = "is required, and absent" if name is None and code == "OR201" else f"is {_shown(name)}"
            report.change(code, f"{path}.type", f"{what}; it was taken for {meant!r}")
            value = {**value, "type": meant}
        elif ":" not in name:
            hosted = is_hosted_type(name)
            meant = f"openai:{name}" if hosted else _implied_type(value, path, unknown, report)
            if meant == "upstream:unnamed":
                meant = with_slug(name)
            code = "OR803" if hosted else "OR206" if unknown is ExtensionItem else "OR204"
            report.change(code, f"{path}.type", f"is {_shown(name)}; it was taken for {meant!r}")
            value = {**value, "type": meant}
        if value["type"] in tagged:
            return tagged[value["type"]](value, path, report)
        if unknown is ExtensionItem:
            return _extension_item(value, path, report)
        return value if unknown in _OPEN else UNSET

    return fix_union


_OPEN: Final = (ExtensionContent, ExtensionAnnotation, ExtensionTool, ExtensionToolChoice)


def _extension_item(value: Json, path: str, report: Report) -> Json:
    """Give an item of a server's own what every item has; an empty id is replaced where the item is written."""
    for key, zero in (("id", ""), ("status", report.status)):
        if not isinstance(value.get(key), str):
            report.change("OR207", f"{path}.{key}", f"is {_shown(value.get(key))}; expected a string")
            value = {**value, key: zero}
    return value


def _implied_type(value: Json, path: str, unknown: type[UnknownObject] | None, report: Report) -> str:
    """Return of what type an object must be that has the keys of `value`."""
    if unknown is ExtensionItem:
        if "role" in value and "content" in value:
            return "message"
        if "name" in value and "arguments" in value:
            return "function_call"
        if "call_id" in value and "output" in value:
            return "function_call_output"
        if isinstance(value.get("summary"), list):
            return "reasoning"
    elif unknown is ExtensionContent:
        if isinstance(value.get("refusal"), str):
            return "refusal"
        if isinstance(value.get("text"), str):
            if report.is_summary or ".summary[" in path:
                return "summary_text"
            return "reasoning_text" if report.is_reasoning else "output_text"
    elif unknown is ExtensionAnnotation and isinstance(value.get("url"), str):
        return "url_citation"
    elif unknown in (ExtensionTool, ExtensionToolChoice) and isinstance(value.get("name"), str):
        return "function"
    return "upstream:unnamed"


def _leaf_fix(leaves: tuple[Any, ...], field: str) -> _Fix:
    literals = [value for leaf in leaves if get_origin(leaf) is Literal for value in get_args(leaf)]
    plain = {get_origin(leaf) or leaf for leaf in leaves} - {Literal}
    nullable = bool(plain & {None, NoneType})
    expected = " or ".join(
        sorted(str(v) for v in literals) or sorted(getattr(kind, "__name__", "null") for kind in plain)
    )

    def fix_leaf(value: Any, path: str, report: Report) -> Any:  # noqa: ANN401 - any JSON
        kind = cast("type[object]", type(value))
        if kind is int and not -_BIG <= value < _BIG:
            return _nothing(value, path, expected, report)
        if (value is None and nullable) or value in literals or (kind in plain and kind is not type(None)):
            return value
        if literals and not plain:
            report.change("OR204", path, f"is {_shown(value)}; expected {expected}")
            return UNSET
        if kind is int and float in plain:
            return value
        converted = _converted(value, plain, field)
        if converted is UNSET:
            return _nothing(value, path, expected, report)
        if converted != value:
            report.change("OR203", path, f"is {_shown(value)}; expected {expected}")
            report.absent.discard(path)
        return converted

    return fix_leaf


def _converted(value: object, wanted: set[Any], field: str) -> object:
    """Return `value` as one of the types `wanted`, if nothing is lost by it; UNSET where something would be."""
    if int in wanted and isinstance(value, float) and abs(value) < _BIG:
        return value if value.is_integer() else int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value) and (int in wanted or float in wanted):
        return int(value)
    if str in wanted and isinstance(value, (int, float)) and not isinstance(value, bool):
        return json.dumps(value)
    if str in wanted and field in _JSON_TEXT and isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return UNSET


# Whether a typed event, which the exact decoder took, is in the shape of the specification: only what the types leave
# open is still to be looked at.


def is_sound(value: Struct) -> bool:
    """Whether an object that was decoded exactly needs no `put_right`."""
    enumerated, children = _plan(type(value))
    for name, allowed in enumerated:
        told = getattr(value, name)
        if told.__class__ is str and told not in allowed:
            return False
        if told is UNSET and name == "status":
            return False
    for name in children:
        told = getattr(value, name)
        if isinstance(told, list):
            for entry in cast("list[object]", told):
                if isinstance(entry, Struct) and not is_sound(entry):
                    return False
        elif isinstance(told, Struct) and not is_sound(told):
            return False
    return True


@cache
def _plan(cls: type[Struct]) -> tuple[tuple[tuple[str, frozenset[str]], ...], tuple[str, ...]]:
    """Return the enumerated fields of a class with what they may be, and its fields that hold objects."""
    names = [name for name in cls.__struct_fields__ if name != "extra"]
    enumerated = tuple((name, frozenset(allowed)) for (owner, name), allowed in ENUMERATIONS.items() if owner is cls)
    hints = get_type_hints(cls, include_extras=True)
    return enumerated, tuple(name for name in names if holds_structs(hints[name]))
