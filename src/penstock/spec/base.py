"""The one base of every object of the specification, and the place where unknown fields live.

msgspec decodes a known object in a quarter of a microsecond, but drops what it does not know. So every object
has a field `extra`, and the decoders refuse unknown keys: where one turns up, the slower reading in
`penstock.wire.load` takes over and keeps it there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from msgspec import UNSET, Struct, UnsetType, field

__all__ = [
    "NOTHING",
    "UNSET",
    "Extra",
    "JsonObject",
    "SpecObject",
    "UnknownObject",
    "UnsetType",
    "is_extension_name",
]

JsonObject = dict[str, Any]
"""A JSON object of no fixed shape: a JSON Schema, metadata, a tool's parameters."""

_EXTENSION_NAME = re.compile(r"[A-Za-z0-9_-]+:[A-Za-z0-9_.:-]+")


def is_extension_name(name: str) -> bool:
    """Whether `name` is an implementor's own: a slug, a colon, a name (`acme:trace_event`).

    Spec: "Extending Open Responses". Letters, digits and underscores stand on both sides; hyphens and dots occur in
    the field and break nothing.
    """
    return _EXTENSION_NAME.fullmatch(name) is not None


class Extra(Mapping[str, object]):
    """What an object on the wire held beyond its type: an immutable mapping from key to JSON value.

    Three things are kept here, so that encoding gives back exactly what was decoded:

    - a key the specification does not know, with its value;
    - a known key whose value has the wrong type, with the value as it came (the field then has its zero value);
    - a required key that was absent, with the value `UNSET` (the field then has its zero value).

    The class is deliberately none that msgspec can encode or decode by itself: that is what makes its fast road
    refuse an object with extras, and a forged `extra` key impossible.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, object] | None = None) -> None:
        """Copy `fields`; later changes to it do not show here."""
        self._fields: dict[str, object] = dict(fields) if fields else {}

    def __getitem__(self, key: str) -> object:
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Extra({self._fields!r})"

    def __hash__(self) -> int:
        # Equal mappings have equal keys; the values may be unhashable JSON.
        return hash(frozenset(self._fields))

    def __reduce__(self) -> str | tuple[type[Extra], tuple[dict[str, object]]]:
        # NOTHING is known to the encoder by its identity, which a copy must keep.
        return "NOTHING" if self is NOTHING else (Extra, (self._fields,))


NOTHING = Extra()
"""The `extra` of an object that held exactly what the specification says."""


class SpecObject(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    repr_omit_defaults=True,
):
    """Base of all objects of the specification: immutable, comparable, copied with `msgspec.structs.replace`.

    `UNSET` stands for a key that is absent, `None` for null. What came beyond the type is in `extra`.
    """

    # The name on the wire can never be seen there: a value here sends encoding to the exact road.
    extra: Extra = field(default=NOTHING, name="*extra*")

    zero: ClassVar[Mapping[str, object]] = {}
    """Field name to the zero value a tolerant reading gives it when the key is absent or of the wrong type."""


class UnknownObject(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="*unknown*"):
    """An object of a type the specification does not define, kept with every field: `fields` is the whole object.

    Spec: "Extending Open Responses". Types of an implementor carry its slug (`acme:search_result`).
    """

    fields: Extra

    @property
    def type(self) -> str:
        """The object's own `type`, or the empty string where it has none."""
        value = self.fields.get("type")
        return value if isinstance(value, str) else ""

    def __getitem__(self, key: str) -> object:
        """Return the field `key` as it came; raise KeyError where there is none."""
        return self.fields[key]
