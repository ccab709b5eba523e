"""Whether a value fits a JSON Schema: as much of it as the demo needs to know that its own answers do.

Source: JSON Schema 2020-12, Core and Validation. `format` is not held against values, as is the document's default.
What is not understood raises UnknownSchema, so that nothing is called fitting that may not be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final
from urllib.parse import unquote

from penstock.upstream.demo.pattern import UnknownPattern, read_pattern
from penstock.upstream.values import json_text
from penstock.wire.wording import is_array, is_object

__all__ = ["MAX_STEPS", "Schemas", "TooComplicated", "UnknownSchema", "all_differ", "bound"]

MAX_STEPS: Final = 20_000
"""How many schemas are looked at for one answer: four for each property that OpenAI allows, and a moment's work."""

_SHOWN: Final = 40
"""How much of what is no schema is shown, in characters."""
_UNKNOWN: Final = ("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "dependencies")
"""Keywords that would have to be held against a value, and are not understood."""


class UnknownSchema(ValueError):  # noqa: N818 - it names what is wrong
    """A schema that nothing fits, or that is beyond what is understood here."""


class TooComplicated(UnknownSchema):
    """It takes more than `MAX_STEPS` to say; there is no use in trying anything else."""


class Schemas:
    """One schema with everything it refers to."""

    def __init__(self, root: object) -> None:
        """Read schemas within the document `root`."""
        self._root = root
        self._steps = 0

    def step(self) -> None:
        """Count one more schema that is looked at; raise TooComplicated when there have been too many."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooComplicated("it is too complicated for the demo")

    def target(self, reference: object) -> object:
        """Return the schema a `$ref` points to, within this document."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UnknownSchema(f"$ref {reference!r} does not point into the schema itself")
        node = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if is_object(node) and key in node:
                node = node[key]
            elif is_array(node) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                raise UnknownSchema(f"$ref {reference!r} points to nothing")
        if "/" not in reference and reference != "#":
            raise UnknownSchema(f"$ref {reference!r} is no JSON pointer")
        return node

    def fits(self, value: object, schema: object) -> bool:
        """Return whether `value` fits `schema`."""
        self.step()
        if isinstance(schema, bool):
            return schema
        if not is_object(schema):
            raise UnknownSchema(f"expected a schema, an object or a boolean, got {json_text(schema)[:_SHOWN]}")
        for keyword in _UNKNOWN:
            if keyword in schema:
                raise UnknownSchema(f"{keyword} is not understood")
        return (
            self._fits_any(value, schema)
            and self._fits_others(value, schema)
            and (not isinstance(value, str) or _fits_text(value, schema))
            and (isinstance(value, bool) or not isinstance(value, (int, float)) or _fits_number(value, schema))
            and (not is_array(value) or self._fits_array(value, schema))
            and (not is_object(value) or self._fits_object(value, schema))
        )

    def _fits_any(self, value: object, schema: Mapping[str, object]) -> bool:
        """Return whether the keywords for values of all types are satisfied."""
        if "enum" in schema and not any(_equal(value, entry) for entry in _array(schema, "enum")):
            return False
        if "const" in schema and not _equal(value, schema["const"]):
            return False
        if "type" in schema:
            kinds = schema["type"]
            return any(_is(value, kind) for kind in (kinds if is_array(kinds) else [kinds]))
        return True

    def _fits_others(self, value: object, schema: Mapping[str, object]) -> bool:
        """Return whether the schemas that this one is put together of are satisfied."""
        if "$ref" in schema and not self.fits(value, self.target(schema["$ref"])):
            return False
        if not all(self.fits(value, part) for part in _array(schema, "allOf")):
            return False
        if "anyOf" in schema and not any(self.fits(value, option) for option in _array(schema, "anyOf")):
            return False
        if "oneOf" in schema and sum(self.fits(value, option) for option in _array(schema, "oneOf")) != 1:
            return False
        if "not" in schema and self.fits(value, schema["not"]):
            return False
        if "if" in schema:
            branch = "then" if self.fits(value, schema["if"]) else "else"
            return branch not in schema or self.fits(value, schema[branch])
        return True

    def _fits_array(self, value: Sequence[object], schema: Mapping[str, object]) -> bool:
        if not bound(schema, "minItems", 0) <= len(value) <= bound(schema, "maxItems", math.inf):
            return False
        if schema.get("uniqueItems") is True and not all_differ(value):
            return False
        first = _array(schema, "prefixItems")
        if not all(self.fits(entry, part) for entry, part in zip(value, first, strict=False)):
            return False
        if "items" in schema and not all(self.fits(entry, schema["items"]) for entry in value[len(first) :]):
            return False
        if "contains" in schema:
            found = sum(self.fits(entry, schema["contains"]) for entry in value)
            return bound(schema, "minContains", 1) <= found <= bound(schema, "maxContains", math.inf)
        return True

    def _fits_object(self, value: Mapping[str, object], schema: Mapping[str, object]) -> bool:
        if not bound(schema, "minProperties", 0) <= len(value) <= bound(schema, "maxProperties", math.inf):
            return False
        if not all(isinstance(name, str) and name in value for name in _array(schema, "required")):
            return False
        for name, needed in _object(schema, "dependentRequired").items():
            if name in value and not all(isinstance(other, str) and other in value for other in _entries(needed)):
                return False
        for name, more in _object(schema, "dependentSchemas").items():
            if name in value and not self.fits(value, more):
                return False
        names = schema.get("propertyNames", True)
        return all(
            self.fits(name, names) and all(self.fits(entry, part) for part in self.parts(schema, name))
            for name, entry in value.items()
        )

    def parts(self, schema: Mapping[str, object], name: str) -> list[object]:
        """Return the schemas that `schema` has for the property `name`."""
        known = _object(schema, "properties")
        found = [known[name]] if name in known else []
        found += [part for source, part in _object(schema, "patternProperties").items() if _matches(source, name)]
        if not found and "additionalProperties" in schema:
            return [schema["additionalProperties"]]
        return found


def all_differ(values: Sequence[object]) -> bool:
    """Return whether no two of `values` are equal as JSON has it."""
    return not any(_equal(one, other) for index, one in enumerate(values) for other in values[:index])


def _equal(one: object, other: object) -> bool:
    """Return whether two values are the same JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if is_array(one) and is_array(other):
        return len(one) == len(other) and all(map(_equal, one, other))
    if is_object(one) and is_object(other):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return one == other


def _is(value: object, kind: object) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "integer":
            is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return is_whole and not isinstance(value, bool)
        case "array":
            return is_array(value)
        case "object":
            return is_object(value)
        case _:
            raise UnknownSchema(f"there is no type {kind!r}")


def _matches(source: str, text: str) -> bool:
    try:
        return read_pattern(source).fits(text)
    except UnknownPattern as error:
        raise UnknownSchema(str(error)) from None


def _fits_text(value: str, schema: Mapping[str, object]) -> bool:
    if not bound(schema, "minLength", 0) <= len(value) <= bound(schema, "maxLength", math.inf):
        return False
    source = schema.get("pattern")
    return not isinstance(source, str) or _matches(source, value)


def _fits_number(value: float, schema: Mapping[str, object]) -> bool:
    number = Fraction(str(value))
    step = bound(schema, "multipleOf", 0)
    return (
        number >= bound(schema, "minimum", -math.inf)
        and number <= bound(schema, "maximum", math.inf)
        and number > bound(schema, "exclusiveMinimum", -math.inf)
        and number < bound(schema, "exclusiveMaximum", math.inf)
        and (step <= 0 or number % Fraction(step) == 0)
    )


def bound(schema: Mapping[str, object], keyword: str, otherwise: float) -> Fraction | float:
    """Return the number of a keyword, exactly as it is written; `otherwise` where there is none."""
    value = schema.get(keyword)
    if value is None or isinstance(value, bool):
        return otherwise
    if not isinstance(value, (int, float)):
        raise UnknownSchema(f"{keyword} should be a number")
    return Fraction(str(value))


def _array(schema: Mapping[str, object], keyword: str) -> Sequence[object]:
    value = schema.get(keyword, [])
    if not is_array(value):
        raise UnknownSchema(f"{keyword} should be an array")
    return value


def _entries(value: object) -> Sequence[object]:
    return value if is_array(value) else ()


def _object(schema: Mapping[str, object], keyword: str) -> Mapping[str, object]:
    value = schema.get(keyword, {})
    if not is_object(value):
        raise UnknownSchema(f"{keyword} should be an object")
    return value
