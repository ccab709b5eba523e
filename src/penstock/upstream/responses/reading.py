"""Reads one event of a stranger's stream, whatever dialect it is in and however damaged, as the event that was meant.

Plain JSON in, a typed event in the specification's shape out, or None where it says nothing. What had to be changed is
told; which item or part is meant, and whether now is the time for it, is for `penstock.upstream.responses.mender`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from penstock.spec import events as e
from penstock.spec.base import is_extension_name
from penstock.stream.fold import whole_text
from penstock.upstream.responses.names import KEEPALIVES, hosted_event, with_slug
from penstock.upstream.responses.shape import Json, Report, put_right
from penstock.wire.codec import load_event
from penstock.wire.dialects import Dialect, dialect_by_name

__all__ = ["EventReading"]

_CLASSES: Final[Mapping[str, type[e.StandardEvent]]] = {
    str(cls.__struct_config__.tag): cls for cls in e.STANDARD_EVENTS
}
_BY_STATUS: Final = ("completed", "failed", "incomplete", "queued", "in_progress")
_BEGINNINGS: Final = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
    }
)
_OPENAI_NAMES: Final = ("response.reasoning_text.", "response.reasoning_part.")
_DELTAS: Final[Mapping[str, str]] = {
    "message": "response.output_text",
    "reasoning": "response.reasoning",
    "function_call": "response.function_call_arguments",
}
_BIG: Final = 2**63
_ESSENTIAL: Final[Mapping[type, frozenset[str]]] = {
    cls: frozenset(
        {"response", "item", "part", "annotation", "delta", "text", "refusal", "arguments", "error"}
        & set(cls.__struct_fields__)
    )
    for cls in e.STANDARD_EVENTS
}
"""The one field without which an event says nothing."""


class EventReading:
    """Reads the events of one stream; remembers which dialects were met, and what is known of the response."""

    def __init__(
        self,
        told: Callable[[str, str], None],
        kind_of: Callable[[int, str], str],
        is_whole: Callable[[Json, str], bool],
    ) -> None:
        """Tell changes to `told`, as code and sentence.

        `kind_of` knows the kind of an item by its index and id, `is_whole` whether a text that an event tells is the
        whole of one that was streamed.
        """
        self._told = told
        self._kind_of = kind_of
        self._is_whole = is_whole
        self._openai: Dialect = dialect_by_name("openai")
        self._vtcode: Dialect = dialect_by_name("vtcode")
        self._is_vtcode = False
        self._dialects: set[str] = set()
        self.known: Json = {}
        """What a response that does not say it is known to have."""
        self.absent: set[str] = set()
        """The paths of the last event that held nothing of use."""

    def read(self, raw: Mapping[str, Any], named: str | None = None) -> e.ResponseStreamEvent | None:
        """Return the event in `raw`; `named` is what its frame calls it."""
        self.absent = set()
        fields = self._scrubbed(dict(raw))
        name = fields.get("type")
        if not isinstance(name, str):
            meant = named if named is not None and (named in _CLASSES or is_extension_name(named)) else None
            meant = meant or self._guess("", fields)
            if meant is None:
                self._told("OR201", "an event without a type was left out: it could be anything")
                return None
            self._told("OR201", f"type is required; the event was taken for {meant}")
            fields["type"] = name = meant
        fields = self._in_specifications_form(name, fields)
        name = fields["type"]
        if name in KEEPALIVES and self._guess(name, fields) is None:
            self._tell_dialect("OR806", f"{name} events are left out: they only keep the connection open")
            return None
        cls = _CLASSES.get(name)
        if cls is None:
            likely = _CLASSES.get(named or "")
            is_named = likely is not None and bool(_ESSENTIAL[likely] & fields.keys())
            meant = None if is_extension_name(name) else named if is_named else self._guess(name, fields)
            cls = _CLASSES.get(meant or "")
            if cls is None:
                return self._extension(name, fields)
            self._told("OR205", f"{name} is no event of the specification; it was taken for {meant}")
            fields["type"] = meant
        elif not (_ESSENTIAL[cls] & fields.keys()):
            # It cannot be what it is called: what it holds may tell what it is.
            meant = self._guess(name, fields)
            key = self._misspelt_delta(cls, meant, fields)
            if key is not None:
                self._told("OR201", f"{name} without a delta: its {key} was taken for it")
                fields["delta"] = fields.pop(key)
            elif meant is not None and _ESSENTIAL[_CLASSES[meant]] & fields.keys():
                self._told("OR201", f"{name} without what it is about was taken for {meant}")
                fields["type"], cls = meant, _CLASSES[meant]
        return self._standard(cls, fields)

    # Dialects.

    def _tell_dialect(self, code: str, message: str) -> None:
        """Tell once a stream that a dialect is spoken."""
        if code not in self._dialects:
            self._dialects.add(code)
            self._told(code, message)

    def _in_specifications_form(self, name: str, fields: Json) -> Json:
        if name.startswith(_OPENAI_NAMES):
            code = "OR801" if name.startswith("response.reasoning_text.") else "OR802"
            fields = cast("Json", self._openai.read(fields))
            self._tell_dialect(code, f"{name} is written as {fields['type']}")
        elif name == "error" and "error" not in fields and "message" in fields:
            fields = cast("Json", self._openai.read(fields))
            self._tell_dialect("OR805", "the error's code and message are put into `error`")
        hosted = hosted_event(name)
        if hosted is not None:
            self._tell_dialect("OR803", f"{name} is written as {hosted}")
            fields["type"] = hosted
            return fields
        in_envelope = "response_id" in fields and "response" not in fields and ":" not in name
        if in_envelope or name == "response.custom_event" or self._is_vtcode:
            self._is_vtcode = True
            self._tell_dialect("OR804", "VT Code's envelope is left out: response_id, response.custom_event")
            fields = cast("Json", self._vtcode.read(fields))
            if ":" not in str(fields["type"]):
                fields.pop("response_id", None)
        return fields

    # Events the specification does not have.

    def _guess(self, name: str, fields: Json) -> str | None:
        """Return the event of the specification that an event of an unknown name must be, by what it holds."""
        response = fields.get("response")
        if isinstance(response, dict):
            status = cast("Json", response).get("status")
            return f"response.{status}" if status in _BY_STATUS else None
        ending = "added" if name.endswith("added") else "done" if name.endswith("done") else ""
        if isinstance(fields.get("item"), dict):
            begun = cast("Json", fields["item"]).get("status") == "in_progress"
            return f"response.output_item.{ending or ('added' if begun else 'done')}"
        if ending and isinstance(fields.get("part"), dict):
            kind = "reasoning_summary_part" if "summary_index" in fields else "content_part"
            return f"response.{kind}.{ending}"
        return self._guess_content(name, fields)

    def _guess_content(self, name: str, fields: Json) -> str | None:
        """Tell content by the item it is for: that one must be known."""
        index, item_id = fields.get("output_index"), fields.get("item_id")
        if not isinstance(item_id, str) or type(index) is not int:
            return None
        kind = self._kind_of(index, item_id)
        family = "response.reasoning_summary_text" if "summary_index" in fields else _DELTAS.get(kind)
        if family is None:
            return None
        if kind == "message" and "refusal" in name:
            family = "response.refusal"
        if isinstance(fields.get("delta"), str):
            return f"{family}.delta"
        if isinstance(fields.get("refusal"), str):
            return "response.refusal.done"
        wanted = "arguments" if kind == "function_call" else "text"
        return f"{family}.done" if isinstance(fields.get(wanted), str) else None

    def _misspelt_delta(self, cls: type[e.StandardEvent], meant: str | None, fields: Json) -> str | None:
        """Return the key of a delta's text that is called as in its done event, where it is not that event's whole."""
        done = _CLASSES.get(meant or "")
        if not issubclass(cls, e.DeltaEvent) or done is None:
            return None
        key = next((key for key in ("text", "refusal", "arguments") if key in _ESSENTIAL[done]), None)
        return key if key is not None and not self._is_whole(fields, fields[key]) else None

    def _is_of_reasoning(self, fields: Json) -> bool:
        index, item_id = fields.get("output_index"), fields.get("item_id")
        return type(index) is int and isinstance(item_id, str) and self._kind_of(index, item_id) == "reasoning"

    def _extension(self, name: str, fields: Json) -> e.ResponseStreamEvent:
        """Return an event the specification does not have; all it holds is kept."""
        if not is_extension_name(name):
            fields["type"] = with_slug(name)
            self._told("OR205", f"{name[:60]!r} has no slug; the event is written as {fields['type'][:60]}")
        if type(fields.get("sequence_number", 0)) is not int:
            self._told("OR207", "sequence_number is no integer; the event gets the stream's own")
            del fields["sequence_number"]
        if isinstance(fields.get("delta"), str):
            fields["delta"] = whole_text(fields["delta"])
        return load_event(fields)

    # Events of the specification.

    def _standard(self, cls: type[e.StandardEvent], fields: Json) -> e.ResponseStreamEvent | None:
        report = Report(self._told)
        report.status = "in_progress" if fields["type"] in _BEGINNINGS else "completed"
        report.known = self.known
        report.is_summary = issubclass(cls, e.SummaryEvent)
        report.is_reasoning = issubclass(cls, e.ContentEvent) and self._is_of_reasoning(fields)
        report.is_error = cls is e.ErrorEvent
        if type(fields.get("sequence_number", 0)) is not int:
            self._told("OR203", "sequence_number is no integer; the event gets the stream's own")
            del fields["sequence_number"]
        if fields.pop("response_id", None) is not None:
            self._tell_dialect("OR804", "response_id is left out")
        for key in ("item", "part", "annotation", "response", "error"):
            if key in cls.__struct_fields__ and key in fields and not isinstance(fields[key], dict):
                report.change("OR202" if fields[key] is None else "OR203", key, "is no object")
                fields[key] = {}
        right = put_right(cls, fields, report)
        self.absent = report.absent
        # What is in the right shape, though not in the exact one, is kept in the event's `extra`.
        return load_event(right)

    # Text.

    def _scrubbed(self, fields: Json) -> Json:
        """Return `fields` without what no event can hold: lone surrogates, except of a delta, and huge numbers."""
        delta = fields.get("delta")
        try:
            msgspec.json.encode(fields)
        except (UnicodeEncodeError, OverflowError):
            pass
        else:
            return fields
        scrubbed = cast("Json", _scrub(fields))
        if isinstance(delta, str):
            # Its other half may be in the next one.
            scrubbed["delta"] = delta
        if scrubbed != fields:
            self._told("OR110", "lone surrogates became U+FFFD, or numbers too large for JSON readers became floats")
        return scrubbed


def _scrub(value: object) -> object:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, dict):
        return {whole_text(str(key)): _scrub(entry) for key, entry in cast("Json", value).items()}
    if isinstance(value, list):
        return [_scrub(entry) for entry in cast("list[object]", value)]
    if type(value) is int and not -_BIG <= value < 2 * _BIG:
        try:
            return float(value)
        except OverflowError:
            return None
    return value
