"""JSON Schemas that a value must fit together, as one.

Keywords of which two are one, such as bounds, become that one; schemas within schemas are only put side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, cast

from penstock.upstream.demo.fits import bound
from penstock.wire.wording import is_array, is_object

__all__ = ["Schema", "both", "common_multiple", "listed", "merge"]

Schema = Mapping[str, object]
"""A schema that is an object; others are true and false."""

_GREATER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_LESS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_INNER: Final = ("items", "additionalProperties", "propertyNames", "contains")


def listed(value: object) -> list[object]:
    """Return an array as it is, and an empty one for anything else."""
    return value if is_array(value) else []


def both(one: object, other: object) -> object:
    """Return the schema of what fits both schemas, put side by side."""
    if one is True or other is True:
        return other if one is True else one
    return {"allOf": [one, other]}


def merge(one: Schema, other: Schema) -> Schema | None:
    """Return a schema that asks for what both ask for, as far as one can; None where both cannot be had."""
    merged: dict[str, object] = dict(one)
    for key, value in other.items():
        if key not in merged:
            merged[key] = value
        elif key in _GREATER or key in _LESS:
            none = -math.inf if key in _GREATER else math.inf
            is_more = bound(other, key, none) > bound(merged, key, none)
            merged[key] = value if is_more == (key in _GREATER) else merged[key]
        elif key == "multipleOf":
            merged[key] = float(common_multiple(bound(one, key, 1), bound(other, key, 1)))
        elif key == "type":
            kinds = _common_kinds(merged[key], value)
            if not kinds:
                return None
            merged[key] = kinds
        elif key == "enum":
            merged[key] = [entry for entry in listed(merged[key]) if entry in listed(value)]
        elif key == "required":
            merged[key] = [*listed(merged[key]), *listed(value)]
        elif key in ("properties", "patternProperties") and is_object(value) and is_object(merged[key]):
            before = cast("dict[str, object]", merged[key])
            merged[key] = {**before, **{name: both(before.get(name, True), part) for name, part in value.items()}}
        elif key in _INNER:
            merged[key] = both(merged[key], value)
    return merged


def _common_kinds(one: object, other: object) -> list[object]:
    ones = one if is_array(one) else [one]
    others = other if is_array(other) else [other]
    found: list[object] = []
    for kind in ones:
        if kind in others or (kind == "integer" and "number" in others):
            found.append(kind)
        elif kind == "number" and "integer" in others:
            found.append("integer")
    return found


def common_multiple(one: Fraction | float, other: Fraction | float) -> Fraction:
    """Return the least number that is a multiple of both."""
    a, b = Fraction(one), Fraction(other)
    return Fraction(math.lcm(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)
