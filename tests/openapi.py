"""The specification's OpenAPI documents: where they are, what a schema says of a field, and JSON it allows.

They lie beside the repository; where they do not, the tests that need them are skipped.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

Schema = dict[str, Any]

FOLDER = Path(__file__).parents[1].parent / "shared" / "spec"
CURRENT, OLDER = "2026-04-24", "2026-01-15"

needs_openapi = pytest.mark.skipif(not FOLDER.is_dir(), reason="the OpenAPI documents are not beside the repository")


@cache
def schemas(version: str = CURRENT) -> dict[str, Schema]:
    """Return the schemas of one document by name; none where it is absent."""
    path = FOLDER / f"openapi-{version}.json"
    if not path.is_file():
        return {}
    document: dict[str, Schema] = json.loads(path.read_bytes())["components"]["schemas"]
    return document


def resolve(schema: Schema, version: str = CURRENT) -> Schema:
    """Follow a `$ref`."""
    if "$ref" in schema:
        return resolve(schemas(version)[schema["$ref"].rsplit("/", 1)[1]], version)
    return schema


def alternatives(schema: Schema, version: str = CURRENT) -> list[Schema]:
    """Return the schemas of which a value must fit one. (In `allOf`, only the first says more than a description.)"""
    schema = resolve(schema, version)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return [leaf for member in schema[word] for leaf in alternatives(member, version)]
    if "allOf" in schema:
        return alternatives(schema["allOf"][0], version)
    return [schema]


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
"""Any JSON. Integers stop where a float, which a reader may make of any number, no longer tells them apart."""

json_objects = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values, max_size=3)


def documents(name: str, version: str = CURRENT) -> st.SearchStrategy[Any]:
    """Return a strategy for the JSON that the schema `name` allows."""
    return st.deferred(lambda: _valid({"$ref": f"/{name}"}, version))


def _valid(schema: Schema, version: str) -> st.SearchStrategy[Any]:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    if name:
        return _named(name, version)
    members = next((schema[word] for word in ("anyOf", "oneOf") if word in schema), None)
    if members is not None:
        return st.one_of([_valid(member, version) for member in members])
    if "allOf" in schema:
        return _valid(schema["allOf"][0], version)
    return _simple(schema, version)


@cache
def _named(name: str, version: str) -> st.SearchStrategy[Any]:
    return _valid(schemas(version)[name], version)


def _simple(schema: Schema, version: str) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", -5), schema.get("maximum", 10**6))
        case "number":
            return st.floats(0, 1) | st.integers(0, 1)
        case "string" if "enum" in schema:
            return st.sampled_from(schema["enum"])
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"].replace("$", r"\Z"), fullmatch=True).filter(
                lambda text: len(text) <= 64
            )
        case "string":
            return st.text(st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=8)
        case "array":
            return st.lists(_valid(schema["items"], version), min_size=schema.get("minItems", 0), max_size=2)
    if "properties" not in schema:
        allowed = schema.get("additionalProperties")
        values = _valid(allowed, version) if isinstance(allowed, dict) and allowed else json_values
        return st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), values, max_size=2)
    required = schema.get("required") or ["type"]
    fields = {key: _valid(value, version) for key, value in schema["properties"].items()}
    return st.fixed_dictionaries(
        {key: value for key, value in fields.items() if key in required},
        optional={key: value for key, value in fields.items() if key not in required},
    )
