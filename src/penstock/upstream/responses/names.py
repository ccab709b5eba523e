"""Names in a stranger's stream: OpenAI's hosted tools, keep-alives, and the slug for what has none.

Spec: "Extending Open Responses". Whatever the specification does not have carries a slug; what came without one gets
`openai:` where it is OpenAI's, and `upstream:` where nobody can tell whose it is.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.upstream.hosted import HOSTED_ITEMS

__all__ = ["KEEPALIVES", "hosted_event", "is_hosted_type", "with_slug", "without_slug"]

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
KEEPALIVES: Final = frozenset(
    {"ping", "keepalive", "keep_alive", "heartbeat", "response.heartbeat", "response.keepalive"}
)
"""Events that only keep the connection open."""

# OpenAI dates some of its tools: web_search_preview_2025_03_11.
_DATE: Final = re.compile(r"_\d{4}_\d{2}_\d{2}$")
_HOSTED_EVENT: Final = re.compile(
    r"response\.((?:" + "|".join(HOSTED_ITEMS) + r")(?:_code|_arguments|_input)?\.[a-z_]+)"
)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.:-]+")


def hosted_event(name: str) -> str | None:
    """Return the name with its slug of an event of OpenAI's hosted tools; None where it is none."""
    found = _HOSTED_EVENT.fullmatch(name)
    return None if found is None else f"openai:{found[1]}"


def is_hosted_type(name: str) -> bool:
    """Whether an item, tool or annotation of this type is one of OpenAI's hosted tools."""
    return _DATE.sub("", name) in _HOSTED_TYPES


def with_slug(name: str) -> str:
    """Return a stranger's name, which has no slug, with one."""
    return f"upstream:{_NO_NAME.sub('_', name) or 'unnamed'}"


def without_slug(name: str) -> str:
    """Return a name as its maker wrote it, where its slug is one that a reading gave it; any other as it is."""
    slug, colon, own = name.partition(":")
    was_given = (slug == "openai" and is_hosted_type(own)) or (slug == "upstream" and bool(own))
    return own if colon and was_given else name
