"""How an event of a known dialect is read, and how the dialect is told by it.

A stranger's stream is read in the specification's form whatever dialect it is in; which dialects it used is remembered
by the code of the rule that names them (family OR8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.wire.dialects import Dialect, dialect_by_name

__all__ = ["HOSTED_ITEMS", "OWN_PRACTICE", "Reading", "is_hosted_event", "is_hosted_type"]

OWN_PRACTICE: Final[Mapping[str, frozenset[str]]] = {
    "openresponses": frozenset(),
    "openai": frozenset({"OR801", "OR802", "OR803", "OR805", "OR806"}),
    "vtcode": frozenset({"OR801", "OR803", "OR804"}),
    "2026-01-15": frozenset(),
}
"""Which departures are a dialect's own practice, and no finding when a stream is judged by it."""

HOSTED_ITEMS: Final = (
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "mcp_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "custom_tool_call",
    "custom_tool_call_output",
    "tool_search_call",
    "tool_search_output",
)
"""Items of OpenAI's own hosted tools, which it writes without a slug."""
_HOSTED_TYPES: Final = frozenset(
    {
        *HOSTED_ITEMS,
        # tools
        "web_search",
        "web_search_preview",
        "file_search",
        "code_interpreter",
        "image_generation",
        "computer_use_preview",
        "computer",
        "local_shell",
        "shell",
        "apply_patch",
        "mcp",
        "custom",
        "tool_search",
        "namespace",
        # annotations
        "file_citation",
        "container_file_citation",
        "file_path",
    }
)
# OpenAI dates some of its tools: web_search_preview_2025_03_11.
_DATE: Final = re.compile(r"_\d{4}_\d{2}_\d{2}$")
_HOSTED_EVENT: Final = re.compile(r"response\.(" + "|".join(HOSTED_ITEMS) + r")(_code|_arguments|_input)?\.[a-z_]+")
_KEEPALIVES: Final = frozenset(
    {"ping", "keepalive", "keep_alive", "heartbeat", "response.heartbeat", "response.keepalive"}
)


def is_hosted_event(name: str) -> bool:
    """Whether an event of this type is one of OpenAI's hosted tools: `response.web_search_call.searching`."""
    return _HOSTED_EVENT.fullmatch(name) is not None


def is_hosted_type(name: str) -> bool:
    """Whether an item, tool or annotation of this type is one of OpenAI's hosted tools."""
    return _DATE.sub("", name) in _HOSTED_TYPES


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
        if name in _KEEPALIVES:
            return raw, "OR806"
        if is_hosted_event(name):
            return raw, "OR803"
        if self._is_vtcode or name == "response.custom_event" or _is_vtcode(name, raw):
            return self._vtcode.read(dict(raw)), "OR804"
        return raw, None


def _is_vtcode(name: str, raw: Mapping[str, object]) -> bool:
    """Whether an event is in VT Code's envelope: the response's id on an event that is not about its state."""
    return "response_id" in raw and "response" not in raw and ":" not in name
