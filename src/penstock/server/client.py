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

__all__ = ["DIALECT_HEADER", "Client", "Manner", "client_of"]

DIALECT_HEADER: Final = "penstock-dialect"
"""The header by which a client chooses the dialect, and by which the response says which it is."""

_OPENAI_AGENTS: Final = ("openai/", "asyncopenai/", "codex", "ai-sdk/", "litellm/")
"""How the `User-Agent` of a client that reads OpenAI's dialect begins, or a word in it: OpenAI's SDKs, Codex, Vercel's
AI SDK (which names its provider only where it streams), and LiteLLM."""
_OPENAI_HEADERS: Final = ("x-stainless-lang", "x-stainless-package-version")
"""Headers that only OpenAI's own SDKs send with every request, whoever the `User-Agent` says is using them."""
_CHOICES: Final[Mapping[str, DialectChoice]] = {name: name for name in get_args(DialectChoice)}


class Manner(Struct, frozen=True, kw_only=True):
    """How one client is answered: `name` is the dialect, `view` what of the stream it is shown."""

    name: str
    view: ViewOptions
    shows_reasoning: bool = True

    def dialect(self) -> Dialect:
        """Return the dialect for one stream."""
        return dialect_by_name(self.name)


class Client(Struct, frozen=True, kw_only=True):
    """Who is asking: the dialect it `wants`, if it says so, and whether it `speaks_openai`, as it says of itself."""

    wants: DialectChoice | None
    speaks_openai: bool
    websocket: bool = False

    def manner(self, *, dialect: DialectChoice, reasoning: ReasoningForm) -> Manner:
        """Return how it is answered; `dialect` and `reasoning` are the choices of the server, or of the model.

        The client's own choice goes before them.
        """
        name = self.wants or dialect
        if name == "auto":
            name = "openai" if self.speaks_openai else "openresponses"
        is_openai = name == "openai"
        raw = reasoning == "raw" or (reasoning == "auto" and not is_openai)
        # Over a WebSocket an error ends the turn, so `response.failed` behind it would be taken for the next one's.
        view = ViewOptions(reasoning=raw, errors=not (is_openai or self.websocket), extensions=not is_openai)
        return Manner(name=name, view=view, shows_reasoning=reasoning != "off")


def client_of(headers: Mapping[str, str], *, websocket: bool = False) -> Client:
    """Return who sends these `headers` (names in small letters). Raises Refused where they name no dialect."""
    given = headers.get(DIALECT_HEADER)
    wants = _CHOICES.get(given.strip().lower()) if given is not None else None
    if given is not None and wants is None:
        raise Refused.because(
            f"the header {DIALECT_HEADER}: expected one of {', '.join(_CHOICES)}, got {given!r}",
            code="invalid_value",
            param=DIALECT_HEADER,
        )
    return Client(wants=wants, speaks_openai=_speaks_openai(headers), websocket=websocket)


def _speaks_openai(headers: Mapping[str, str]) -> bool:
    agent = headers.get("user-agent", "").lower()
    if any(header in headers for header in _OPENAI_HEADERS):
        return True
    return any(agent.startswith(name) or f" {name}" in agent for name in _OPENAI_AGENTS)
