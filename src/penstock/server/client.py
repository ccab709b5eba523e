"""Who is asking, and in which dialect it wants to be answered.

The official OpenAI SDKs, and what is built on them, know neither `response.reasoning.delta` nor the specification's
nested `error` event. They say who they are in their headers, so they can be given what they understand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from msgspec import Struct

from penstock.server.errors import Refused
from penstock.server.models import DialectChoice, ReasoningForm
from penstock.server.view import ViewOptions
from penstock.wire.dialects import Dialect, dialect_by_name

__all__ = ["DIALECT_HEADER", "Manner", "manner_of"]

DIALECT_HEADER: Final = "penstock-dialect"
"""The header by which a client chooses the dialect, and by which the response says which it is."""

_OPENAI_AGENTS: Final = ("openai/", "asyncopenai/", "codex", "ai-sdk/openai", "ai-sdk/open-responses", "litellm/")
"""How the `User-Agent` of a client that reads OpenAI's dialect begins, or the words in it: OpenAI's SDKs, Codex,
Vercel's AI SDK with either provider, and LiteLLM."""
_OPENAI_HEADERS: Final = ("x-stainless-lang", "x-stainless-package-version")
"""Headers that only OpenAI's own SDKs send with every request, whoever the `User-Agent` says is using them."""


class Manner(Struct, frozen=True, kw_only=True):
    """How one client is answered: `name` is the dialect, `view` what of the stream it is shown."""

    name: str
    view: ViewOptions
    shows_reasoning: bool = True

    def dialect(self) -> Dialect:
        """Return the dialect for one stream."""
        return dialect_by_name(self.name)


def manner_of(
    headers: Mapping[str, str], *, dialect: DialectChoice, reasoning: ReasoningForm, websocket: bool = False
) -> Manner:
    """Return how a client with these `headers` (names in small letters) is answered.

    `dialect` and `reasoning` are the server's choices; the client's own header goes before them. Raises Refused where
    that names no dialect.
    """
    wanted = headers.get(DIALECT_HEADER, dialect).strip().lower()
    if wanted not in get_args(DialectChoice):
        raise Refused.because(
            f"the header {DIALECT_HEADER}: expected one of {', '.join(get_args(DialectChoice))}, got {wanted!r}",
            code="invalid_value",
            param=DIALECT_HEADER,
        )
    if wanted == "auto":
        wanted = "openai" if _speaks_openai(headers) else "openresponses"
    is_openai = wanted == "openai"
    raw = reasoning == "raw" or (reasoning == "auto" and not is_openai)
    # Over a WebSocket an error ends the turn, so that `response.failed` behind it would be taken for the next one's.
    view = ViewOptions(reasoning=raw, errors=not (is_openai or websocket), extensions=not is_openai)
    return Manner(name=wanted, view=view, shows_reasoning=reasoning != "off")


def _speaks_openai(headers: Mapping[str, str]) -> bool:
    agent = headers.get("user-agent", "").lower()
    if any(header in headers for header in _OPENAI_HEADERS):
        return True
    return any(agent.startswith(name) or f" {name}" in agent for name in _OPENAI_AGENTS)
