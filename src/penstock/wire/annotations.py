"""The annotations of `penstock.spec`, read: what may stand in a field, sorted by what it is as JSON.

Whoever decodes an object, judges it or mends it asks the same question of its class, once: of which types a value may
be, and which of them an object's `type` names.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, TypeGuard, Union, get_args, get_origin

from msgspec import Struct, UnsetType

from penstock.spec.base import SpecObject, UnknownObject

__all__ = ["Alternatives", "alternatives", "holds_structs", "is_spec_class", "members"]


class Alternatives(Struct, frozen=True, kw_only=True):
    """What may stand where an annotation is.

    `tagged`: objects by their `type`; `plain`: an object without one; `unknown`: one of any other type; `arrays`: the
    annotations of lists; `leaves`: those of all other values but null, for which there is `nullable`.
    """

    tagged: dict[str, type[SpecObject]]
    plain: type[SpecObject] | None
    unknown: type[UnknownObject] | None
    arrays: list[Any]
    leaves: list[Any]
    nullable: bool

    @property
    def has_objects(self) -> bool:
        """Whether an object of the specification may stand there."""
        return bool(self.tagged or self.plain or self.unknown)


def members(annotation: object) -> list[Any]:
    """Return the members of a union, or the annotation itself; without UnsetType, which is no value."""
    if get_origin(annotation) in (Union, UnionType):
        return [member for member in get_args(annotation) if member is not UnsetType]
    return [annotation]


def alternatives(annotation: object) -> Alternatives:
    """Return what may stand where `annotation` is."""
    tagged: dict[str, type[SpecObject]] = {}
    plain: type[SpecObject] | None = None
    unknown: type[UnknownObject] | None = None
    arrays: list[Any] = []
    leaves: list[Any] = []
    nullable = False
    for member in members(annotation):
        if member in (None, NoneType):
            nullable = True
        elif get_origin(member) is list:
            arrays.append(member)
        elif not is_spec_class(member):
            leaves.append(member)
        elif issubclass(member, UnknownObject):
            unknown = member
        elif member.__struct_config__.tag is None:
            plain = member
        else:
            tagged[str(member.__struct_config__.tag)] = member
    return Alternatives(tagged=tagged, plain=plain, unknown=unknown, arrays=arrays, leaves=leaves, nullable=nullable)


def is_spec_class(annotation: object) -> TypeGuard[type[SpecObject]]:
    """Whether an annotation is a class of the specification's objects."""
    return isinstance(annotation, type) and issubclass(annotation, SpecObject)


def holds_structs(annotation: object) -> bool:
    """Whether objects stand anywhere in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return True
    return any(map(holds_structs, get_args(annotation)))
