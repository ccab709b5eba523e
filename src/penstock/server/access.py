"""The access log: a line of JSON for every request, when it is over.

Logged by `penstock.access` at level INFO. It never holds what was said, nor a key, nor a header but the agent's name.
"""

from __future__ import annotations

import logging
import time

from msgspec import Struct
from starlette.types import Scope

from penstock.server.errors import Refused
from penstock.server.turn import Turn
from penstock.wire.codec import encode_plain

__all__ = ["AccessRecord", "Outcome"]

_log = logging.getLogger("penstock.access")

Outcome = str
"""How a request ended: the response's status, `refused`, or `cut_off`."""

MAX_AGENT = 80
"""How much of the client's name is logged, in characters."""


class AccessRecord(Struct, kw_only=True):
    """One request, or one turn of a WebSocket. Times in seconds."""

    method: str
    path: str
    transport: str
    agent: str = ""
    owner: str = ""
    status: int = 200
    code: str = ""
    began_at: float = 0.0
    turn: Turn | None = None

    @classmethod
    def of_http(cls, scope: Scope, *, transport: str = "http") -> AccessRecord:
        """Begin the record of a request."""
        headers = dict(scope["headers"])
        agent = headers.get(b"user-agent", b"").decode("latin-1")[:MAX_AGENT]
        method = scope.get("method", "GET")
        return cls(method=method, path=scope["path"], transport=transport, agent=agent, began_at=time.perf_counter())

    def refused(self, refused: Refused) -> None:
        """Note that the request was answered with an error."""
        self.status = refused.status
        self.code = refused.payload.code or refused.payload.type

    def follow(self, turn: Turn) -> None:
        """Note which response the request makes."""
        self.turn = turn

    def write(self) -> None:
        """Write the line."""
        if not _log.isEnabledFor(logging.INFO):
            return
        fields: dict[str, object] = {
            "method": self.method,
            "path": self.path,
            "transport": self.transport,
            "status": self.status,
            "seconds": round(time.perf_counter() - self.began_at, 4),
            "owner": self.owner,
            "agent": self.agent,
        }
        turn = self.turn
        if turn is not None:
            response = turn.response
            first = turn.first_output_at
            fields |= {
                "response": response.id,
                "model": response.model,
                "outcome": response.status,
                "events": turn.writer.next_number,
                "first_output": None if first is None else round(first - self.began_at, 4),
            }
            if turn.error is not None:
                self.code = turn.error.code or turn.error.type
        if self.code:
            fields["code"] = self.code
        _log.info("%s", encode_plain(fields).decode())
