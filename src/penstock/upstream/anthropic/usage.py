"""Usage in the specification's terms.

Anthropic counts tokens read from and written to the prompt cache beside `input_tokens`, the specification among them.
A `compaction` in `iterations` is in none of these counts, here as there.
"""

from __future__ import annotations

from penstock.spec.base import JsonObject
from penstock.stream.output import Usage
from penstock.upstream.anthropic.names import says_something
from penstock.upstream.values import as_integer, as_object, kept

_READ = "cache_read_input_tokens"
_WRITTEN = "cache_creation_input_tokens"
_DETAILS = "output_tokens_details"
_OWN_KEYS = frozenset({"input_tokens", "output_tokens", _READ, _DETAILS})


def merged(before: JsonObject, later: JsonObject) -> JsonObject:
    """Return the usage so far: counts are totals, so that the later one holds, unless it says nothing."""
    return {**before, **{key: value for key, value in later.items() if value is not None}}


def usage_of(fields: JsonObject) -> Usage | None:
    """Return the usage in `fields`, None where it counts no tokens.

    What the specification has no place for is kept under the provider's own names, unless it is null or nought.
    """
    if as_integer(fields.get("input_tokens")) is None and as_integer(fields.get("output_tokens")) is None:
        return None
    details = as_object(fields.get(_DETAILS)) or {}
    cached = _count(fields, _READ)
    rest = {key: value for key, value in fields.items() if key not in _OWN_KEYS}
    others = {key: value for key, value in details.items() if key != "thinking_tokens"}
    if others:
        rest[_DETAILS] = others
    return Usage(
        input_tokens=_count(fields, "input_tokens") + cached + _count(fields, _WRITTEN),
        output_tokens=_count(fields, "output_tokens"),
        cached_tokens=cached,
        reasoning_tokens=_count(details, "thinking_tokens"),
        extra=kept({key: value for key, value in rest.items() if says_something(value)}),
    )


def _count(fields: JsonObject, name: str) -> int:
    return max(as_integer(fields.get(name)) or 0, 0)
