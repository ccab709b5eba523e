"""The adapters by their names, each loaded when it is first asked for: a command needs one of them, and its quickness.

The names are those of the command line and of configuration files.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from penstock.upstream.base import UpstreamAPI, UpstreamError

__all__ = ["UPSTREAM_NAMES", "UnknownUpstream", "upstream_by_name"]

_CLASSES: Final[Mapping[str, str]] = {
    "anthropic": "Anthropic",
    "chat-completions": "ChatCompletions",
    "gemini": "Gemini",
    "responses": "Responses",
}

UPSTREAM_NAMES: Final = tuple(_CLASSES)
"""The names of all adapters."""


class UnknownUpstream(UpstreamError):  # noqa: N818 - it names what is wrong
    """There is no adapter of this name; the message lists those there are."""


def upstream_by_name(name: str) -> UpstreamAPI:
    """Return the adapter `name` with its defaults, fit for any number of requests. Raises UnknownUpstream."""
    if name not in _CLASSES:
        raise UnknownUpstream(f"no upstream API {name!r}; there are {', '.join(UPSTREAM_NAMES)}")
    module = import_module(f"penstock.upstream.{name.replace('-', '_')}")
    api: UpstreamAPI = getattr(module, _CLASSES[name])()
    return api
