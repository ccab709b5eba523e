"""A small value that fits a JSON Schema, for structured output and for the arguments of calls.

It holds what is required and nothing else, and is the same for the same schema. A recursive schema ends where it can:
the smallest value that fits never needs a definition within itself. Whatever is made is held against the whole schema
before it is given away; a schema that nothing is found for is refused.

Source: JSON Schema 2020-12; "Structured model outputs" of OpenAI's documentation names the subset that it permits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final, cast

from penstock.upstream.demo.fits import Schemas, TooComplicated, UnknownSchema, all_differ, bound
from penstock.upstream.demo.merging import Schema, both, common_multiple, listed, merge
from penstock.upstream.demo.pattern import MAX_PATTERN_TEXT, UnknownPattern, read_pattern
from penstock.upstream.values import json_text
from penstock.wire.wording import is_array, is_object

__all__ = ["Hints", "instance_of"]

MAX_ENTRIES: Final = 1_000
"""Most entries of an array, and properties of an object, that are made up: `minItems` may ask for a billion."""
_VARIANTS: Final = 1_000
"""How many different values are tried where one is not enough: as many as an array of unique entries may need."""
_SHOWN: Final = 40
"""How much of what is no schema is shown, in characters."""
_NAME: Final = "text"
"""What stands in a string that has neither a name nor a purpose."""

_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-{day:02d}",
    "date-time": "2026-01-{day:02d}T00:00:00Z",
    "duration": "P{n}D",
    "email": "user{n}@example.com",
    "hostname": "host{n}.example.com",
    "idn-email": "user{n}@example.com",
    "idn-hostname": "host{n}.example.com",
    "ipv4": "192.0.2.{n}",
    "ipv6": "2001:db8::{n}",
    "iri": "https://example.com/{n}",
    "iri-reference": "/{n}",
    "json-pointer": "/{n}",
    "regex": "a{{{n}}}",
    "relative-json-pointer": "{n}",
    "time": "00:00:{day:02d}Z",
    "uri": "https://example.com/{n}",
    "uri-reference": "/{n}",
    "uri-template": "https://example.com/{n}",
    "uuid": "00000000-0000-4000-8000-{n:012d}",
}
_FORMAT_VARIANTS: Final = 28
"""How many texts of one format there are: as many as February has days."""

_KINDS: Final = (
    ("object", ("properties", "required", "additionalProperties", "minProperties", "patternProperties")),
    ("array", ("items", "prefixItems", "minItems", "contains")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)
"""The type that is meant where a schema names none, by its keywords."""
_DOUBTFUL: Final = frozenset(
    (
        *("allOf", "const", "contains", "default", "dependentRequired", "dependentSchemas", "enum", "examples", "if"),
        *("not", "oneOf", "patternProperties", "propertyNames", "uniqueItems"),
    )
)
"""Keywords after which a value is held against its schema at once, while another can still be tried."""


class Hints:
    """What a value should rather hold than something made up: taken from what the user said.

    `texts` and `numbers` are used in order, each once; of an enumeration the entry that `prompt` names is preferred.
    A string whose name asks for the user's own words gets `prompt`.
    """

    _OWN_WORDS: Final = frozenset(
        ("query", "question", "prompt", "text", "message", "input", "search", "topic", "content")
    )

    def __init__(self, texts: Iterable[str] = (), numbers: Iterable[float] = (), prompt: str = "") -> None:
        """Begin with all of them unused."""
        self.texts = list(texts)
        self.numbers = list(numbers)
        self.prompt = prompt

    def for_text(self, name: str) -> list[str]:
        """Return the strings that a property `name` may hold, the best first."""
        own = [self.prompt] if self.prompt and name.lower() in self._OWN_WORDS else []
        return [*self.texts, *own]

    def use(self, value: object) -> None:
        """Remember that a value was used."""
        for unused in (self.texts, self.numbers):
            if value in unused:
                cast("list[object]", unused).remove(value)

    def sorted_entries(self, entries: Sequence[object]) -> list[object]:
        """Return the entries of an enumeration, those that the prompt names first."""
        said = self.prompt.lower()
        return sorted(entries, key=lambda entry: not (isinstance(entry, str) and entry and entry.lower() in said))


def instance_of(schema: object, hints: Hints | None = None) -> object:
    """Return a value that fits `schema`, plain JSON data. Raises UnknownSchema where none is found, saying why."""
    maker = _Maker(schema, hints or Hints())
    try:
        return maker.first(schema, "", frozenset({"#"}))
    except RecursionError:
        raise UnknownSchema("it is nested too deeply") from None


class _Maker(Schemas):
    """Makes values for one schema. `active` are the definitions that the value being made is within."""

    def __init__(self, root: object, hints: Hints) -> None:
        super().__init__(root)
        self._all = root
        self._hints = hints

    def first(self, schema: object, name: str, active: frozenset[str]) -> object:
        """Return the first value that fits; `name` is the property it is for."""
        return self.some(schema, name, active, 1)[0]

    def some(self, schema: object, name: str, active: frozenset[str], count: int) -> list[object]:
        """Return `count` different values that fit."""
        found: list[object] = []
        faults: list[UnknownSchema] = []
        is_sure = schema is not self._all and is_object(schema) and not (_DOUBTFUL & schema.keys())
        for value in itertools.islice(self._candidates(schema, name, active, faults), _VARIANTS):
            if (is_sure or self.fits(value, schema)) and all_differ([*found, value]):
                self._hints.use(value)
                found.append(value)
                if len(found) == count:
                    return found
        if faults:
            raise faults[0]
        raise UnknownSchema(f"the demo finds {'nothing' if count == 1 else 'too few values'} that fits {name or 'it'}")

    def _candidates(
        self, schema: object, name: str, active: frozenset[str], faults: list[UnknownSchema]
    ) -> Iterator[object]:
        """Yield values that may fit; `faults` gets what was wrong with options that came to nothing."""
        self.step()
        if schema is True:
            schema = {}
        if schema is False:
            return
        if not is_object(schema):
            raise UnknownSchema(f"expected a schema, an object or a boolean, got {json_text(schema)[:_SHOWN]}")
        if "const" in schema:
            yield schema["const"]
            return
        entries = schema.get("enum")
        if is_array(entries):
            yield from self._hints.sorted_entries(entries)
            return
        for keyword in ("default", "examples"):
            if keyword in schema:
                value = schema[keyword]
                yield from value if keyword == "examples" and is_array(value) else [value]
        options: list[Iterator[object]] = []
        for rest, within in self._alternatives(schema, active):
            if "const" in rest or "enum" in rest:
                options.append(self._candidates(rest, name, within, faults))
                continue
            kinds = rest.get("type", _meant(rest))
            options += [self._of_kind(kind, rest, name, within) for kind in (kinds if is_array(kinds) else [kinds])]
        yield from _in_turns(options, faults)

    def _alternatives(self, schema: Schema, active: frozenset[str]) -> Iterator[tuple[Schema, frozenset[str]]]:
        """Yield the schema as one that is put together of no others, in all the ways its options allow."""
        self.step()
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
        parts: list[list[object]] = []
        if "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in active:
                return  # within itself: whoever asks for this has another way out, or there is none
            active = active | {reference}
            parts.append([self.target(schema["$ref"])])
        parts += [[part] for part in listed(schema.get("allOf"))]
        parts += [listed(schema[keyword]) for keyword in ("anyOf", "oneOf") if keyword in schema]
        if "if" in schema:
            parts.append([both(schema["if"], schema.get("then", True)), schema.get("else", True)])
            own = {key: value for key, value in own.items() if key not in ("if", "then", "else")}
        yield from self._combined(own, parts, active)

    def _combined(
        self, schema: Schema, parts: list[list[object]], active: frozenset[str]
    ) -> Iterator[tuple[Schema, frozenset[str]]]:
        if not parts:
            yield schema, active
            return
        for option in parts[0]:
            if option is False or not isinstance(option, (bool, dict)):
                continue
            for inner, within in self._alternatives({} if option is True else cast("Schema", option), active):
                merged = merge(schema, inner)
                if merged is not None:
                    yield from self._combined(merged, parts[1:], within)

    def _of_kind(self, kind: object, schema: Schema, name: str, active: frozenset[str]) -> Iterator[object]:
        match kind:
            case "string":
                yield from self._texts(schema, name)
            case "integer" | "number":
                made = itertools.chain(self._hints.numbers, _numbers(schema, whole=kind == "integer"))
                yield from (number for number in made if self.fits(number, {**schema, "type": kind}))
            case "boolean":
                yield from (True, False)
            case "null":
                yield None
            case "array":
                yield from self._arrays(schema, name, active)
            case "object":
                yield from self._objects(schema, active)
            case _:
                raise UnknownSchema(f"there is no type {kind!r}")

    # Texts.

    def _texts(self, schema: Schema, name: str) -> Iterator[str]:
        least, most = max(bound(schema, "minLength", 0), 0), bound(schema, "maxLength", math.inf)
        if least > MAX_PATTERN_TEXT:
            raise UnknownSchema(f"the demo writes no text of more than {MAX_PATTERN_TEXT} characters")
        made = self._made_texts(schema, name, math.ceil(least), most)
        yield from (text for text in made if self.fits(text, {**schema, "type": "string"}))

    def _made_texts(self, schema: Schema, name: str, least: int, most: float | Fraction) -> Iterator[str]:
        if "format" not in schema:
            yield from self._hints.for_text(name)
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            yield from (_FORMATS[form].format(n=n, day=n) for n in range(1, _FORMAT_VARIANTS + 1))
        source = schema.get("pattern")
        if isinstance(source, str):
            try:
                pattern = read_pattern(source)
                text = pattern.text(least)
                is_longer = True
                while is_longer:
                    yield text
                    before, text = text, pattern.text(len(text) + 1)
                    is_longer = len(before) < len(text) <= most
            except UnknownPattern as error:
                raise UnknownSchema(str(error)) from None
        plain = name or _NAME
        for number in range(_VARIANTS):
            tail = str(number + 1) if number else ""
            head = plain.ljust(least - len(tail), "x")
            yield head[: max(math.floor(most) - len(tail), 0)] + tail if most < math.inf else head + tail

    # Arrays.

    def _arrays(self, schema: Schema, name: str, active: frozenset[str]) -> Iterator[object]:
        least = bound(schema, "minItems", 0)
        needed = max(bound(schema, "minContains", 1), 0) if "contains" in schema else 0
        if max(least, needed) > MAX_ENTRIES:
            raise UnknownSchema(f"the demo makes no array of more than {MAX_ENTRIES} entries")
        length, most = math.ceil(max(least, needed)), bound(schema, "maxItems", math.inf)
        while length <= most:
            made = self._entries(schema, name, active, length, math.ceil(needed))
            if made is None:
                return
            yield made
            length += 1

    def _entries(
        self, schema: Schema, name: str, active: frozenset[str], length: int, needed: int
    ) -> list[object] | None:
        """Return an array of `length`, of which `needed` entries are what it must contain; None: there is none."""
        first = listed(schema.get("prefixItems"))
        rest = schema.get("items", True)
        made: list[object] = []
        try:
            made = [self.first(part, name, active) for part in first[:length]]
            left = length - len(made)
            wanted = min(needed, left)
            if wanted:
                made += self._several(both(rest, schema["contains"]), schema, name, active, wanted)
            if left > wanted:
                made += self._several(rest, schema, name, active, left - wanted)
        except TooComplicated:
            raise
        except UnknownSchema:
            return None
        return made

    def _several(self, part: object, schema: Schema, name: str, active: frozenset[str], count: int) -> Sequence[object]:
        if schema.get("uniqueItems") is True:
            return self.some(part, name, active, count)
        return [self.first(part, name, active)] * count

    # Objects.

    def _objects(self, schema: Schema, active: frozenset[str]) -> Iterator[object]:
        names = [str(name) for name in listed(schema.get("required"))]
        properties = schema.get("properties")
        known: list[str] = list(properties) if is_object(properties) else []
        needed = schema.get("dependentRequired")
        for name in names:  # grows while it is gone through
            more = needed.get(name) if is_object(needed) else None
            names += [str(other) for other in listed(more) if str(other) not in names]
        made: dict[str, object] = {}
        # In the order of the schema, as a model would write them.
        for name in sorted(dict.fromkeys(names), key=lambda name: known.index(name) if name in known else len(known)):
            made[name] = self._property(schema, name, active)
        least, most = bound(schema, "minProperties", 0), bound(schema, "maxProperties", math.inf)
        if least > MAX_ENTRIES:
            raise UnknownSchema(f"the demo makes no object of more than {MAX_ENTRIES} properties")
        for is_full in (False, True):
            for name in itertools.chain(known, self._other_names(schema)):
                if len(made) >= (least if not (is_full and name in known) else most):
                    break
                if name not in made:
                    try:
                        made = {**made, name: self._property(schema, name, active)}
                    except TooComplicated:
                        raise
                    except UnknownSchema:
                        continue  # it need not be there
            yield made

    def _property(self, schema: Schema, name: str, active: frozenset[str]) -> object:
        parts = self.parts(schema, name)
        return self.first(parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True, name, active)

    def _other_names(self, schema: Schema) -> Iterator[str]:
        """Yield names for properties that the schema does not name."""
        names = schema.get("propertyNames", True)
        sources = schema.get("patternProperties")
        for source in sources if is_object(sources) else ():
            yield from itertools.islice(self._texts({"pattern": source}, ""), MAX_ENTRIES)
        made = self._candidates(both({"type": "string"}, names), "property", frozenset(), [])
        for candidate in itertools.islice(made, MAX_ENTRIES):
            if isinstance(candidate, str) and self.fits(candidate, names):
                yield candidate


def _in_turns(options: list[Iterator[object]], faults: list[UnknownSchema]) -> Iterator[object]:
    """Yield the first value of each option, then the second of each; an option that breaks goes to `faults`."""
    while options:
        for option in [*options]:
            try:
                value = next(option)
            except StopIteration:
                options.remove(option)
            except TooComplicated:
                raise
            except UnknownSchema as fault:
                faults.append(fault)
                options.remove(option)
            else:
                yield value


def _meant(schema: Schema) -> object:
    """Return the types a schema without any is meant for, the likeliest first."""
    kinds = [kind for kind, keywords in _KINDS if any(keyword in schema for keyword in keywords)]
    return [*kinds, *(kind for kind in ("string", "number", "boolean", "null", "object", "array") if kind not in kinds)]


# ---------------------------------------------------------------------------------------------------------- numbers


def _numbers(schema: Schema, *, whole: bool) -> Iterator[float]:
    """Yield numbers within the bounds, the one nearest to zero first."""
    low = max(bound(schema, "minimum", -math.inf), bound(schema, "exclusiveMinimum", -math.inf))
    high = min(bound(schema, "maximum", math.inf), bound(schema, "exclusiveMaximum", math.inf))
    step = Fraction(bound(schema, "multipleOf", 0))
    if step <= 0:
        step = Fraction(1)
        if not whole and low > -math.inf and high < math.inf and Fraction(high) - Fraction(low) < 2:
            # Between them there may be no whole number.
            step = (Fraction(high) - Fraction(low)) / 4 or step
            yield from (_plain(Fraction(low) + step * count) for count in range(5))
            return
    elif whole:
        step = common_multiple(step, 1)
    start = Fraction(0)
    if low > 0:
        start = math.ceil(Fraction(low) / step) * step
    elif high < 0:
        start = math.floor(Fraction(high) / step) * step
    for count in range(_VARIANTS):
        yield _plain(start + count * step)
        yield _plain(start - count * step)


def _plain(number: Fraction) -> float:
    return int(number) if number.denominator == 1 else float(number)
