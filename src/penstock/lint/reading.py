"""How an event of a known dialect is read, and how the dialect is told by it.

A stranger's stream is read in the specification's form whatever dialect it is in; which dialects it used is remembered
by the code of the rule that names them (family OR8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.upstream.responses.names import KEEPALIVES, hosted_event, is_hosted_type
from penstock.wire.dialects import Dialect, dialect_by_name

__all__ = ["OWN_PRACTICE", "Reading", "is_hosted_type"]

OWN_PRACTICE: Final[Mapping[str, frozenset[str]]] = {
    "openresponses": frozenset(),
    "openai": frozenset({"OR801", "OR802", "OR803", "OR805", "OR806"}),
    "vtcode": frozenset({"OR801", "OR803", "OR804"}),
    "2026-01-15": frozenset(),
}
"""Which departures are a dialect's own practice, and no finding when a stream is judged by it."""


class Reading:
    """Reads the events of one stream in the specification's form."""

    def __init__(self, dialect: str) -> None:
        """Read a stream that is judged by `dialect`; the others are recognised all the same."""
        self._openai: Dialect = dialect_by_name("openai")
        self._vtcode: Dialect = dialect_by_name("vtcode")
        self._is_vtcode = dialect == "vtcode"

    def read(self, raw: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return the event in the specification's form, and the code of the dialect rule it comes under."""
        name = raw.get("type")
        if not isinstance(name, str):
            return raw, None
        if name.startswith("response.reasoning_text."):
            return self._openai.read(dict(raw)), "OR801"
        if name.startswith("response.reasoning_part."):
            return self._openai.read(dict(raw)), "OR802"
        if name == "error" and "error" not in raw and "message" in raw:
            return self._openai.read(dict(raw)), "OR805"
        if name in KEEPALIVES:
            return raw, "OR806"
        if hosted_event(name) is not None:
            return raw, "OR803"
        if self._is_vtcode or name == "response.custom_event" or _is_vtcode(name, raw):
            return self._vtcode.read(dict(raw)), "OR804"
        return raw, None


def _is_vtcode(name: str, raw: Mapping[str, object]) -> bool:
    """Whether an event is in VT Code's envelope: the response's id on an event that is not about its state."""
    return "response_id" in raw and "response" not in raw and ":" not in name
