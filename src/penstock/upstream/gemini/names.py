"""Names of what Gemini has beyond the specification: its own, in the specification's spelling, behind its slug.

Spec: "Extending Open Responses". The API writes `codeExecutionResult`, Open Responses `google:code_execution_result`.
"""

from __future__ import annotations

import re

from penstock.spec.base import is_extension_name

SLUG = "google"

_HUMP = re.compile("(?<=[a-z0-9])([A-Z])")
_GAP = re.compile("_([a-z0-9])")


def extension_type(name: str) -> str:
    """Return the type of an item, annotation or event that the API calls `name`, a key of its JSON."""
    snake = _HUMP.sub(r"_\1", name).lower()
    found = f"{SLUG}:{snake}"
    return found if is_extension_name(found) else f"{SLUG}:unknown"


def api_name(extension: str) -> str | None:
    """Return what the API calls something of type `extension`; None where that is not Gemini's."""
    slug, _, name = extension.partition(":")
    return _GAP.sub(lambda match: match[1].upper(), name) if slug == SLUG and name else None
