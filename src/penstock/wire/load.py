"""The slower road from plain JSON to the typed objects of `penstock.spec`, which loses nothing.

msgspec decodes what is exactly as specified. Everything else comes here: a class's own annotations are turned, once,
into a loader that keeps unknown keys in `extra`, puts objects of unknown types into the union's `UnknownObject`, and
either refuses a wrong value with its path (strict, for requests) or gives the field its zero value and keeps what was
really there in `extra` (tolerant, for streams).
"""

from __future__ import annotations

import math
import types
from functools import cache
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta

from penstock.spec.base import Extra, SpecObject, UnknownObject
from penstock.wire.annotations import alternatives, holds_structs, is_spec_class
from penstock.wire.errors import ShapeError
from penstock.wire.wording import NO_FIT, bounded, is_array, is_object, mismatch, one_of, shown, type_name

__all__ = ["ABSENT", "load", "type_name"]

ABSENT = "is required, and absent"
"""What a ShapeError expects where a key is missing."""

T = TypeVar("T", bound=SpecObject)


class _Loader(Protocol):
    """Takes a value, its path and whether to be tolerant; returns the typed value or raises ShapeError."""

    def __call__(self, value: object, path: str, /, *, tolerant: bool) -> Any: ...  # noqa: ANN401 - as many types as fields


def load(cls: type[T], value: object, *, tolerant: bool, path: str = "") -> T:
    """Return the JSON object `value` as a `cls`; `path` is where it stands, for the error.

    Tolerant: raises ShapeError only for a key without which the object says nothing. Strict: for anything the
    specification does not allow. Unknown keys and types are kept in both.
    """
    typed: T = _struct_loader(cls)(value, path, tolerant=tolerant)
    return typed


@cache
def _struct_loader(cls: type[SpecObject]) -> _Loader:
    """Return the loader of one class, made from its fields."""
    if issubclass(cls, UnknownObject):
        return _unknown_loader(cls)
    hints = get_type_hints(cls, include_extras=True)
    fields = [
        (field.name, field.encode_name, _loader(hints[field.name]), field.required)
        for field in msgspec.structs.fields(cls)
        if field.name != "extra"
    ]
    tag_field, tag = cls.__struct_config__.tag_field, cls.__struct_config__.tag
    zero = cls.zero

    def load_struct(value: object, path: str, /, *, tolerant: bool) -> SpecObject:
        if not is_object(value):
            raise ShapeError(path, f"expected an object, got {type_name(value)}")
        typed: dict[str, Any] = {}
        beyond: dict[str, object] = {}
        rest = dict(value)
        if tag_field is not None and (given_tag := rest.pop(tag_field, UNSET)) != tag:
            beyond[tag_field] = given_tag
        for name, key, loader, required in fields:
            if key in rest:
                given = rest.pop(key)
                try:
                    typed[name] = loader(given, f"{path}.{key}" if path else key, tolerant=tolerant)
                except _InexactError as inexact:
                    beyond[key] = given
                    typed[name] = inexact.value
                except ShapeError:
                    if not tolerant or (required and name not in zero):
                        raise
                    beyond[key] = given
                    if required:
                        typed[name] = _zero(zero[name])
            elif required:
                if not tolerant or name not in zero:
                    raise ShapeError(f"{path}.{key}" if path else key, ABSENT)
                beyond[key] = UNSET
                typed[name] = _zero(zero[name])
        beyond.update(rest)
        if beyond:
            typed["extra"] = Extra(beyond)
        return cls(**typed)

    return load_struct


def _zero(value: object) -> object:
    """Return a zero value that is nobody else's."""
    return value.copy() if is_array(value) or is_object(value) else value


def _unknown_loader(cls: type[UnknownObject]) -> _Loader:
    """Return the loader of a union's catch-all class."""

    def load_unknown(value: object, path: str, /, *, tolerant: bool) -> UnknownObject:  # noqa: ARG001 - nothing to judge
        if not is_object(value):
            raise ShapeError(path, f"expected an object, got {type_name(value)}")
        return cls(fields=Extra(value))

    return load_unknown


def _loader(annotation: object) -> _Loader:
    """Return the loader of a field's annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *meta = get_args(annotation)
        if get_origin(inner) is list and holds_structs(inner):
            return _bounded_loader(_loader(inner), annotation, meta)
        return _leaf_loader(annotation)
    if origin in (Union, types.UnionType):
        return _union_loader(annotation)
    if origin is list and holds_structs(annotation):
        return _list_loader(_loader(get_args(annotation)[0]))
    if is_spec_class(annotation):
        return _union_loader(annotation)
    return _leaf_loader(annotation)


def _leaf_loader(annotation: object, whole: object = None) -> _Loader:
    """Return the loader of a value that holds no object of the specification: msgspec judges it.

    `whole` is the union of which `annotation` is a part, for the error to tell all that may be there.
    """
    plain = _plain_types(annotation)
    counts = int in plain and float not in plain
    described = annotation if whole is None else whole

    def load_leaf(value: object, path: str, /, *, tolerant: bool) -> object:
        if counts and type(value) is float and math.isfinite(value):
            if value.is_integer():
                # JSON Schema: an integer is a number without a fraction, however it is written.
                value = int(value)
            elif tolerant:
                # Servers that write time.time() into created_at: the field has the second, `extra` what was there.
                raise _InexactError(path, "expected an integer, got a number with a fraction", int(value))
        try:
            return msgspec.convert(value, annotation)
        except NO_FIT:
            raise mismatch(described, value, path) from None

    return load_leaf


def _plain_types(annotation: object) -> set[object]:
    """Return the types that an annotation allows, without their bounds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain_types(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return {plain for member in get_args(annotation) for plain in _plain_types(member)}
    return {annotation}


class _InexactError(ShapeError):
    """A value of the wrong type that still tells what the field should be."""

    def __init__(self, path: str, expected: str, value: object) -> None:
        super().__init__(path, expected)
        self.value = value


def _list_loader(element: _Loader) -> _Loader:
    def load_list(value: object, path: str, /, *, tolerant: bool) -> list[object]:
        if not is_array(value):
            raise ShapeError(path, f"expected an array, got {type_name(value)}")
        return [element(entry, f"{path}[{index}]", tolerant=tolerant) for index, entry in enumerate(value)]

    return load_list


def _bounded_loader(loader: _Loader, annotation: object, meta: list[Any]) -> _Loader:
    """Return `loader` with the bounds of `annotation`; objects need none but those on the length of their lists."""
    low = max((m.min_length or 0 for m in meta if isinstance(m, Meta)), default=0)
    high = min((m.max_length for m in meta if isinstance(m, Meta) and m.max_length is not None), default=math.inf)

    def load_bounded(value: object, path: str, /, *, tolerant: bool) -> object:
        loaded: list[object] = loader(value, path, tolerant=tolerant)
        if not low <= len(loaded) <= high:
            raise ShapeError(path, f"expected {bounded(annotation)}, got {len(loaded)}")
        return loaded

    return load_bounded


def _union_loader(annotation: object) -> _Loader:
    """Return the loader of a union: objects by their tag, arrays to the array, the rest to msgspec."""
    held = alternatives(annotation)
    has_objects = held.has_objects
    tagged = {tag: _struct_loader(cls) for tag, cls in held.tagged.items()}
    catch_all = None if held.unknown is None else _struct_loader(held.unknown)
    plain = None if held.plain is None else _struct_loader(held.plain)
    array: _Loader | None = None
    leaves: list[Any] = [None] if held.nullable else []
    for member in (*held.arrays, *held.leaves):
        if holds_structs(member):
            array = _loader(member)
        else:
            leaves.append(member)
    leaf = _leaf_loader(Union[tuple(leaves)], annotation) if leaves else None  # noqa: UP007 - made at run time
    if leaf is not None and not (has_objects or array):
        return leaf
    types_known = one_of([repr(tag) for tag in sorted(tagged)])

    def load_union(value: object, path: str, /, *, tolerant: bool) -> object:
        if is_object(value) and has_objects:
            if plain is not None:
                return plain(value, path, tolerant=tolerant)
            name = value.get("type")
            if name is None:
                name = _untold_type(value)
            if isinstance(name, str) and name in tagged:
                return tagged[name](value, path, tolerant=tolerant)
            if catch_all is not None and (tolerant or (isinstance(name, str) and name)):
                return catch_all(value, path, tolerant=tolerant)
            got = ABSENT if "type" not in value else f"expected {types_known}, got {shown(name)}"
            raise ShapeError(f"{path}.type" if path else "type", got)
        if array is not None and is_array(value):
            return array(value, path, tolerant=tolerant)
        if leaf is not None:
            return leaf(value, path, tolerant=tolerant)
        raise mismatch(annotation, value, path)

    return load_union


def _untold_type(value: dict[str, object]) -> str | None:
    """Return what an object without `type` is; only of items can that be told.

    The specification's own examples leave it out of messages; of an `item_reference` its schema says that it may.
    """
    if "role" in value:
        return "message"
    return "item_reference" if value.keys() <= {"id", "type"} and "id" in value else None
