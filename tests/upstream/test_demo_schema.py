"""The values that the demo makes up fit the schemas they are made for: asked of jsonschema, which knows nothing of us."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from penstock.upstream.demo.fits import Schemas, UnknownSchema
from penstock.upstream.demo.instance import Hints, instance_of
from penstock.upstream.demo.pattern import MAX_PATTERN_TEXT, UnknownPattern, read_pattern

Schema = dict[str, Any]


def fitting(schema: object) -> object:
    """Return the instance, which jsonschema finds nothing wrong with."""
    value = instance_of(schema)
    json.dumps(value, allow_nan=False)
    Draft202012Validator(schema).validate(value)  # type: ignore[arg-type]
    assert Schemas(schema).fits(value, schema)
    return value


# ------------------------------------------------------------------------------------ what OpenAI's subset can express

names = st.sampled_from(["name", "city", "value", "$x", "a b", "ä", "kind", "next"])
PATTERNS = [
    r"^@[a-zA-Z0-9_]+$", r"^\d{3}-\d{4}$", r"[A-Z]{2,4}", r"^(red|green|blue)$", r"^a*b?c+$", r"^[^\s]+@[^\s]+\.\w{2,}$",
    r"x.y", r"^(?:ab){2}\/c$", r"\.$", r"^\w+(,\w+)*$", r"^[\w.-]+$", "", r"^$", r"^#(?:[0-9a-fA-F]{3}){1,2}$",
]  # fmt: skip


@st.composite
def strings(draw: st.DrawFn) -> Schema:
    schema: Schema = {"type": "string"}
    kind = draw(st.sampled_from(["plain", "length", "pattern", "format", "enum", "const"]))
    if kind == "length":
        schema["minLength"] = draw(st.integers(0, 40))
        schema["maxLength"] = schema["minLength"] + draw(st.integers(0, 20))
    elif kind == "pattern":
        schema["pattern"] = draw(st.sampled_from(PATTERNS))
    elif kind == "format":
        schema["format"] = draw(
            st.sampled_from(
                ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "odd"]
            )
        )
    elif kind == "enum":
        schema["enum"] = draw(st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True))
    elif kind == "const":
        schema["const"] = draw(st.text(max_size=5))
    return schema


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    whole = draw(st.booleans())
    schema: Schema = {"type": "integer" if whole else "number"}
    step = draw(st.sampled_from([None, None, 1, 2, 7, 0.5, 0.25, 10]))
    if step is not None:
        schema["multipleOf"] = step
    low = draw(st.integers(-1000, 1000))
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        # Wide enough that a multiple lies within.
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + draw(st.integers(15, 50))
    return schema


def extend(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    @st.composite
    def arrays(draw: st.DrawFn) -> Schema:
        schema: Schema = {"type": "array", "items": draw(inner)}
        least = draw(st.integers(0, 3))
        schema["minItems"] = least
        if draw(st.booleans()):
            schema["maxItems"] = least + draw(st.integers(0, 3))
        return schema

    @st.composite
    def objects(draw: st.DrawFn) -> Schema:
        properties = draw(st.dictionaries(names, inner, max_size=4))
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    @st.composite
    def nullable(draw: st.DrawFn) -> Schema:
        schema = draw(inner)
        if isinstance(schema.get("type"), str):
            return {**schema, "type": [schema["type"], "null"]} | (
                {"enum": [*schema["enum"], None]} if "enum" in schema else {}
            )
        return {"anyOf": [schema, {"type": "null"}]}

    return st.one_of(
        arrays(), objects(), nullable(), st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options})
    )


schemas = st.recursive(
    st.one_of(strings(), numbers(), st.just({"type": "boolean"}), st.just({"type": "null"})), extend, max_leaves=12
)


@given(schemas)
def test_every_schema_that_openai_permits_is_answered(schema: Schema) -> None:
    fitting(schema)


@given(schemas, st.sampled_from(["#/$defs/thing", "#/$defs/a~1b%20~0c"]))
def test_definitions_are_followed(schema: Schema, reference: str) -> None:
    key = "thing" if reference.endswith("thing") else "a/b ~c"
    whole = {
        "type": "object",
        "properties": {
            "one": {"$ref": reference},
            "all": {"type": "array", "items": {"$ref": reference}, "minItems": 2},
        },
        "required": ["one", "all"],
        "additionalProperties": False,
        "$defs": {key: schema},
    }
    fitting(whole)


@given(schemas, schemas)
@settings(max_examples=40)
def test_several_schemas_in_one_are_answered_or_refused(one: Schema, other: Schema) -> None:
    for whole in (
        {"allOf": [one, other]},
        {"oneOf": [one, other]},
        {"not": one},
        {"if": one, "then": other, "else": one},
    ):
        try:
            fitting(whole)
        except UnknownSchema:
            continue


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "enum",
                    "const",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "not",
                    "if",
                    "then",
                    "else",
                    "$ref",
                    "properties",
                    "required",
                    "items",
                    "minItems",
                    "pattern",
                    "minLength",
                    "multipleOf",
                    "minimum",
                    "additionalProperties",
                    "propertyNames",
                    "contains",
                    "prefixItems",
                    "dependentRequired",
                ]
            ),
            inner | st.sampled_from(["string", "object", "#", "^a", 1e308, [], {}]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(anything)
@settings(max_examples=300)
def test_whatever_the_schema_is_it_is_answered_or_refused(schema: object) -> None:
    try:
        value = instance_of(schema)
    except UnknownSchema:
        return
    json.dumps(value, allow_nan=False)


# ------------------------------------------------------------------------------------------------------ case by case

RECURSIVE: Schema = {
    "type": "object",
    "properties": {
        "value": {"type": "string"},
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#"}},
    },
    "required": ["value", "next", "children"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("expected", "schema"),
    [
        ({"value": "value", "next": None, "children": []}, RECURSIVE),
        ({"b": 2, "a": "a"}, {"properties": {"b": {"type": "integer", "minimum": 2}, "a": {}}, "required": ["a", "b"]}),
        ("text", {}),
        ("text", True),
        ("text", {"type": "string"}),
        ("text", {"type": "string", "minLength": -(10**30), "maxLength": 10**30}),
        ([], {"type": "array", "minItems": -(10**30), "contains": {}, "minContains": -(10**30)}),
        (None, {"type": "null"}),
        (True, {"type": "boolean"}),
        (False, {"type": "boolean", "not": {"const": True}}),
        (0, {"type": "number"}),
        (0.125, {"type": "number", "exclusiveMinimum": 0.1, "maximum": 0.2}),
        (0.5, {"minimum": 0.5, "maximum": 0.5, "type": "number"}),
        (-6, {"type": "integer", "maximum": -5, "multipleOf": 3}),
        (56, {"type": "integer", "multipleOf": 7, "minimum": 50}),
        (-1, {"oneOf": [{"type": "number", "minimum": 0}, {"type": "integer"}]}),
        ("t", {"type": "string", "maxLength": 1}),
        ("", {"type": "string", "maxLength": 0}),
        ("textx", {"type": "string", "minLength": 5, "maxLength": 5}),
        (["t", "2", "3"], {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string", "maxLength": 1}}),
        ([], {"items": {"type": "string"}, "minItems": 0}),
        ([3, 0], {"type": "array", "contains": {"const": 3}, "minItems": 2, "items": {"type": "integer"}}),
        ([1, 1], {"type": "array", "contains": {"const": 1}, "minContains": 2}),
        ([True, "text"], {"type": "array", "prefixItems": [{"type": "boolean"}, {}], "minItems": 2, "items": False}),
        (["2026-01-01", "2026-01-02"], {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 2, "uniqueItems": True}),
        ({"a": "a", "b": 0}, {"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}]}),
        ({"a": "a"}, {"type": "object", "minProperties": 1, "properties": {"a": {"type": "string"}}}),
        ({"b": 0}, {"type": "object", "minProperties": 1, "properties": {"a": False, "b": {"type": "integer"}}}),
        ({"property": "property"}, {"type": "object", "minProperties": 1}),
        ({"x_0": "x_0"}, {"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^x_0$"}}),
        ({"ba": 0}, {"type": "object", "minProperties": 1, "patternProperties": {"^ba": {"type": "integer"}}, "additionalProperties": False}),
        ({"a": "a", "b": "b"}, {"type": "object", "required": ["a"], "dependentRequired": {"a": ["b"]}}),
        ({"a": 1}, {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "dependentSchemas": {"a": {"maxProperties": 1}}}),
        ("red", {"enum": ["red", "green"]}),
        ({"a": "a", "b": "b"}, {"type": "object", "minProperties": 2, "required": ["a"], "properties": {"a": {}, "b": {}}}),
        ({"property2": "property2"}, {"type": "object", "minProperties": 1, "propertyNames": {"not": {"const": "property"}}}),
        (3, {"type": "integer", "title": "a", "maximum": 9, "allOf": [{"minimum": 1, "title": "b", "maximum": 5}, {"minimum": 3}]}),
        ([0], {"type": "array", "items": {"type": "number"}, "allOf": [{"items": {"type": "integer"}, "minItems": 1}]}),
        ({"a": "a"}, {"type": "object", "minProperties": 1, "propertyNames": {"enum": [1, "a"]}}),
        (1.5, {"type": "number", "multipleOf": 1.5, "minimum": 1}),
        ("@aa", {"type": "string", "pattern": "^@a+$", "not": {"const": "@a"}}),
        ("green", {"enum": ["red", "green"], "not": {"const": "red"}}),
        ("mine", {"type": "string", "default": "mine"}),
        (7, {"type": "integer", "examples": ["no", 7]}),
        ("@aaaaaaa", {"type": "string", "pattern": "^@[a-z]+$", "minLength": 8}),
        ({"kind": "b", "n": 0}, {"properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind", "n"], "allOf": [{"properties": {"kind": {"enum": ["b"]}, "n": {"type": "number"}}}], "type": "object"}),
        (6, {"allOf": [{"multipleOf": 2, "minimum": 1}, {"multipleOf": 3, "type": "integer"}], "type": "number"}),
        (0, {"type": ["integer", "string"], "allOf": [{"type": ["number", "null"]}]}),
        ("a", {"if": {"const": "a"}, "then": True, "else": False}),
        ("x", {"if": {"type": "integer"}, "then": {"const": 0}, "else": {"const": "x"}, "not": {"type": "integer"}}),
        ({"a": {"b": "b"}}, {"$ref": "#/definitions/a", "definitions": {"a": {"type": "object", "properties": {"a": {"$ref": "#/definitions/list/prefixItems/0"}}, "required": ["a"]}, "list": {"prefixItems": [{"type": "object", "properties": {"b": {}}, "required": ["b"]}]}}}),
    ],
)  # fmt: skip
def test_the_value_is(expected: object, schema: object) -> None:
    assert fitting(schema) == expected


@pytest.mark.parametrize(
    ("reason", "schema"),
    [
        ("the demo finds nothing that fits it", False),
        ("the demo finds nothing that fits it", {"$ref": "#"}),
        ("the demo finds nothing that fits it", {"type": "integer", "minimum": 2, "maximum": 1}),
        ("the demo finds nothing that fits it", {"allOf": [{"type": "string"}, {"type": "null"}]}),
        ("the demo finds nothing that fits a", {"type": "object", "properties": {"a": {"anyOf": []}}, "required": ["a"]}),
        ("the demo finds nothing that fits it", {"type": "array", "items": {"enum": ["a"]}, "minItems": 2, "uniqueItems": True}),
        ("the demo finds nothing that fits it", {"type": "array", "minItems": 2, "maxItems": 1}),
        ("the demo finds nothing that fits it", {"const": 1, "minimum": 2}),
        ("the demo finds nothing that fits it", {"type": "number", "minimum": 0.1, "maximum": 0.2, "not": {"minimum": 0}}),
        ("the demo finds nothing that fits it", {"type": "object", "required": ["a"], "minProperties": 2, "properties": {"a": {}}, "propertyNames": {"const": "a"}}),
        ("the demo finds nothing that fits it", {"type": "object", "minProperties": 1, "propertyNames": False}),
        ("expected a schema, an object or a boolean, got 5", 5),
        ("there is no type 'text'", {"type": "text"}),
        ("the demo finds nothing that fits it", {"const": {}, "required": [[]]}),
        ("the demo finds nothing that fits it", {"const": {"a": 1}, "dependentRequired": {"a": [[]]}}),
        ("minLength should be a number", {"type": "string", "minLength": 1, "allOf": [{"minLength": "2"}]}),
        ("there is no type 'text'", {"const": 1, "type": "text"}),
        (r"\$ref 'https://example.com' does not point into the schema", {"$ref": "https://example.com"}),
        (r"\$ref '#/no' points to nothing", {"$ref": "#/no"}),
        (r"\$ref '#name' is no JSON pointer", {"$ref": "#name"}),
        ("nested too deeply", {"const": 1, "$ref": "#"}),
        ("minLength should be a number", {"type": "string", "minLength": "5"}),
        ("anyOf should be an array", {"const": 1, "anyOf": {}}),
        ("properties should be an object", {"type": "object", "properties": [], "const": {"a": 1}}),
        ("unevaluatedProperties is not understood", {"type": "object", "unevaluatedProperties": False}),
        ("no text of more than 10000 characters", {"type": "string", "minLength": 10**9}),
        ("no array of more than 1000 entries", {"type": "array", "minItems": 10**9}),
        ("no object of more than 1000 properties", {"type": "object", "minProperties": 10**9}),
        ("is not understood at character", {"type": "string", "pattern": "(?=a)b"}),
        ("is not understood at character", {"const": "a", "pattern": "(?=a)b"}),
        ("too complicated", {"anyOf": [{"type": "array", "minItems": 900, "uniqueItems": True, "items": {"type": "array", "minItems": 900, "items": {"type": "integer"}, "contains": {"const": 3}}}]}),
        ("too complicated", {"type": "object", "minProperties": 1, "properties": {"a": {"type": "array", "minItems": 900, "uniqueItems": True, "items": {"type": "array", "minItems": 900, "items": {"type": "integer"}, "contains": {"const": 3}}}}}),
    ],
)  # fmt: skip
def test_what_nothing_fits_is_refused(reason: str, schema: object) -> None:
    with pytest.raises(UnknownSchema, match=reason):
        instance_of(schema)


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (1, {"not": {"const": 2}}), (2, {"not": {"const": 2}}), (1, {"const": True}), (1, {"const": 1.0}), (1.0, {"type": "integer"}),
        ([1], {"const": [1.0]}), ([1], {"const": [1, 2]}), ({"a": 1}, {"const": {"a": 1}}), ({"a": 1}, {"const": {"b": 1}}),
        (1, {"enum": [1, 2]}), (3, {"enum": [1, 2]}), (None, {"type": "null"}), (True, {"type": "number"}), (0, {"type": ["null", "array"]}),
        (1, {"anyOf": [{"type": "string"}, {"minimum": 2}]}), (3, {"anyOf": [{"type": "string"}, {"minimum": 2}]}),
        (3, {"oneOf": [{"minimum": 1}, {"minimum": 2}]}), (1, {"oneOf": [{"minimum": 1}, {"minimum": 2}]}),
        (1, {"allOf": [{"minimum": 1}, {"minimum": 2}]}), (1, {"$ref": "#/$defs/a", "$defs": {"a": {"minimum": 2}}}),
        (1, {"if": {"minimum": 1}, "then": {"maximum": 0}}), (0, {"if": {"minimum": 1}, "then": {"maximum": 0}}), (0, {"if": {"minimum": 1}, "else": False}),
        ([], {"minItems": 1}), ([1, 1], {"uniqueItems": True}), ([1, 2], {"maxItems": 1}), ([1, "a"], {"prefixItems": [{"type": "string"}]}),
        ([1, "a"], {"items": {"type": "integer"}}), ([1, "a"], {"prefixItems": [{}], "items": {"type": "string"}}),
        ([1], {"contains": {"type": "string"}}), ([1], {"contains": {"type": "string"}, "minContains": 0}), ([1, 1], {"contains": {"const": 1}, "maxContains": 1}),
        ({}, {"required": ["a"]}), ({}, {"minProperties": 1}), ({"a": 1, "b": 1}, {"maxProperties": 1}),
        ({"a": 1}, {"dependentRequired": {"a": ["b"]}}), ({"a": 1, "b": 1}, {"dependentRequired": {"a": ["b"]}}), ({}, {"dependentRequired": {"a": ["b"]}}),
        ({"a": 1}, {"dependentSchemas": {"a": {"required": ["b"]}}}), ({"a": 1}, {"dependentSchemas": {"a": True}}), ({}, {"dependentSchemas": {"a": False}}),
        ({"a": 1}, {"propertyNames": {"maxLength": 0}}), ({"a": 1}, {"propertyNames": {"pattern": "^a"}}),
        ({"a": 1}, {"additionalProperties": False}), ({"a": 1}, {"additionalProperties": {"type": "string"}}), ({"a": 1, "b": ""}, {"properties": {"a": {"minimum": 1}}, "additionalProperties": {"type": "string"}}),
        ({"a": 1}, {"properties": {"a": {"minimum": 2}}}), ({"ab": 1}, {"patternProperties": {"b": {"minimum": 2}}, "additionalProperties": False}),
        ("a", {"minLength": 2}), ("abc", {"maxLength": 2}), ("abc", {"pattern": "^b"}), ("abc", {"pattern": "b"}), ("abc", {"pattern": "b", "minLength": 3}),
        (1, {"minimum": 1}), (1, {"exclusiveMinimum": 1}), (1, {"exclusiveMaximum": 1}), (2, {"maximum": 1}), (3, {"multipleOf": 2}), (4, {"multipleOf": 2}), (0.75, {"multipleOf": 0.25}),
        (1, True), (1, False), ("a", {"minimum": 5}), (5, {"minLength": 9}),
    ],
)  # fmt: skip
def test_a_value_fits_as_jsonschema_has_it(value: object, schema: object) -> None:
    assert Schemas(schema).fits(value, schema) == Draft202012Validator(cast("Any", schema)).is_valid(cast("Any", value))


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(UnknownSchema, match="expected a schema"):
        Schemas(5).fits(1, 5)


def test_hints_are_used_where_they_fit_and_each_once() -> None:
    schema = {
        "type": "object",
        "properties": {
            "start": {"type": "string"},
            "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "goal": {"type": "string"},
            "day": {"type": "string", "format": "date"},
            "unit": {"enum": ["miles", "km"]},
            "stops": {"type": "integer", "maximum": 5},
            "price": {"type": "number"},
            "query": {"type": "string"},
        },
    }
    schema["required"] = [*schema["properties"]]
    hints = Hints(["Paris", "Rome"], [250, 2], "From Paris to Rome in km")
    assert instance_of(schema, hints) == {
        "start": "Paris",
        "code": "AAA",
        "goal": "Rome",
        "day": "2026-01-01",
        "unit": "km",
        "stops": 2,
        "price": 250,
        "query": "From Paris to Rome in km",
    }


# ------------------------------------------------------------------------------------------------------------ patterns


@pytest.mark.parametrize("source", [*PATTERNS, r"\D\W\S", r"[^a-z\d_-]", r"\x41\u0042\t\-", r"\p{Lu}\p{L}\P{N}", "a{2,}b{3}?", r"(?<year>\d{4})(?P<m>\d\d)", r"[\b]", r"[-a]", "a|b|", r"\$\^", "中+"])  # fmt: skip
def test_a_text_is_made_that_the_pattern_fits(source: str) -> None:
    pattern = read_pattern(source)
    for least in (0, 1, 7, 30):
        text = pattern.text(least)
        assert pattern.fits(text)
        if r"\p" not in source and source != r"[\b]":  # Python has no such classes
            assert re.search(re.sub(r"\(\?<(?=\w)", "(?P<", source), text)


def test_a_pattern_is_stretched_where_it_can_be() -> None:
    for source in (r"^a+$", r"^[a-z]{2,}$", "a$", "^a", r"^(ab)*$", r"^(a?|b+)$", r"^(?:a*)*$"):
        assert len(read_pattern(source).text(20)) >= 20, source
    assert len(read_pattern("^a{2,5}b?$").text(20)) == 6
    assert read_pattern("^ab$").text(20) == "ab"


@given(
    st.sampled_from([pattern for pattern in PATTERNS if "[^" not in pattern]), st.text("ab1@-.,x #/redgn", max_size=8)
)
def test_a_text_fits_as_python_has_it(source: str, text: str) -> None:
    assert read_pattern(source).fits(text) == (re.search(source, text) is not None)


@pytest.mark.parametrize(
    "source",
    ["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a", "a)", "[a", "[b-a]", "[^\\s\\S]", r"\1", r"\b", r"\ux", r"\ud800", r"\xg1", r"\p{Greek}", r"\pL", "a{2", "a{,2}", "a{3,2}", "*a", "a$b", "a^b", "(^a)", "^a|b", "\\", "(?<n", "(" * 5000],
)  # fmt: skip
def test_a_pattern_that_is_wrong_or_not_understood_is_refused(source: str) -> None:
    with pytest.raises(UnknownPattern):
        read_pattern(source)


def test_no_pattern_fills_the_memory_or_takes_for_ever() -> None:
    for source in ("a{1000000000}", "(a{100}){100}b{100}", "(?:a{9999})(?:a{9999})"):
        with pytest.raises(UnknownPattern, match=str(MAX_PATTERN_TEXT)):
            read_pattern(source).text()
    assert not read_pattern("^(a+)+$").fits("a" * 5000 + "b")
    assert read_pattern("^(a|a)*$").fits("a" * 5000)
    assert not read_pattern("^a{1000000000}$").fits("aa")
    assert not read_pattern("^(a?){1000000000}b$").fits("aa")
    with pytest.raises(UnknownPattern):
        read_pattern("a").fits("a" * (MAX_PATTERN_TEXT + 1))
