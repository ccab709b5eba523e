"""Items of tools that a provider, or its own clients, run: what becomes of them with a provider that has no such tool.

Clients send the whole history back, with what such tools did in it. What was said on account of that stands in the
messages, so the items are left out and reported, as the tools themselves are. But where the last thing that the client
says is what such a tool returned, an answer without it would be one to something else: that is refused. So is an item
that nobody knows, without a slug: it may be a slip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from penstock.spec.items import ExtensionItem, ItemParam
from penstock.upstream.asked import type_of
from penstock.upstream.base import UnsupportedParameter

__all__ = ["HOSTED_ITEMS", "leave_out"]

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
"""Items of OpenAI's own tools, which it writes without a slug."""
_ANSWERS: Final = frozenset(name for name in HOSTED_ITEMS if name.endswith(("_output", "_response")))
"""Those that a client sends, and the model is to go on from."""


def leave_out(items: Sequence[ItemParam], number: int, api: str, lose: Callable[[str, str], None]) -> None:
    """Report that the item `number` is left out, for `api` has none such. Raises UnsupportedParameter."""
    item, path = items[number], f"input[{number}]"
    name = type_of(item)
    slug, _, own = name.rpartition(":")
    is_known = isinstance(item, ExtensionItem) and bool((slug and own) or name in HOSTED_ITEMS)
    is_due = own in _ANSWERS and all(isinstance(later, ExtensionItem) for later in items[number + 1 :])
    if not is_known or is_due:
        raise UnsupportedParameter(f"{path}.type", f"{api} has no item {name!r}")
    lose(path, f"{api} has no item {name!r}, so the model is not told of it")
