"""The adapters by their names, each loaded when it is first asked for: a command needs one of them, and its quickness.

The names are those of the command line and of configuration files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import msgspec

from penstock.upstream.base import UpstreamAPI, UpstreamError

__all__ = ["UPSTREAM_NAMES", "UnknownOption", "UnknownUpstream", "read_options", "upstream_by_name"]

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


class UnknownOption(UpstreamError):  # noqa: N818 - it names what is wrong
    """An adapter has no such option, or not with such a value; the message says what was expected."""


def upstream_by_name(name: str, options: Mapping[str, object] | None = None) -> UpstreamAPI:
    """Return the adapter `name`, fit for any number of requests.

    `options` are fields of its `Options`, in the words of a file or a command line: joined by hyphens or underscores,
    with values as they are or as text, of several with commas between. The others have their defaults. Raises
    UnknownUpstream, UnknownOption.
    """
    if name not in _CLASSES:
        raise UnknownUpstream(f"no upstream API {name!r}; there are {', '.join(UPSTREAM_NAMES)}")
    module = import_module(f"penstock.upstream.{name.replace('-', '_')}")
    make = getattr(module, _CLASSES[name])
    api: UpstreamAPI = make(_options(name, module, options)) if options else make()
    return api


def read_options(words: Iterable[str]) -> dict[str, str]:
    """Return options that were given as `NAME=VALUE` each. Raises UnknownOption for a word that is not so."""
    options: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UnknownOption(f"expected NAME=VALUE, such as sentinel=false, got {word!r}")
        options[name] = value
    return options


def _options(name: str, module: ModuleType, given: Mapping[str, object]) -> object:
    kind: Any = module.Options
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    options: dict[str, object] = {}
    for word, value in given.items():
        field = fields.get(word.replace("-", "_"))
        if field is None:
            there = ", ".join(each.replace("_", "-") for each in fields)
            raise UnknownOption(f"no option {word!r} of {name}; there are {there}")
        is_list = isinstance(value, str) and isinstance(field.default, tuple)
        try:
            options[field.name] = msgspec.convert(str(value).split(",") if is_list else value, field.type, strict=False)
        except msgspec.ValidationError as error:
            expected = str(error).partition(", got ")[0]
            raise UnknownOption(f"{word}: {expected}, got {value!r}") from None
    return kind(**options)
