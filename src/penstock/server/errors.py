"""Errors as a client is told of them: one envelope, whatever went wrong, with the status that belongs to it.

Spec: "Errors". The specification names five types and their status codes; authentication and permission have the two
that every API gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace
from starlette.responses import Response as HTTPResponse

from penstock.spec.errors import PenstockError
from penstock.spec.request import WebSocketError
from penstock.spec.response import ErrorPayload
from penstock.wire.codec import encode_plain, to_plain

__all__ = ["Refused", "envelope", "error_response", "failure", "refused_as_websocket_error", "status_of"]

_STATUS: Final[Mapping[str, int]] = {
    "server_error": 500,
    "invalid_request": 400,
    "not_found": 404,
    "model_error": 500,
    "too_many_requests": 429,
    "authentication_error": 401,
    "permission_denied": 403,
}


def status_of(error_type: str) -> int:
    """Return the HTTP status of an error by its type; 500 for one the specification does not have."""
    return _STATUS.get(error_type, 500)


def failure(message: str, *, code: str, error_type: str = "server_error", param: str | None = None) -> ErrorPayload:
    """Return an error of our own."""
    return ErrorPayload(type=error_type, code=code, message=message, param=param)


class Refused(PenstockError):  # noqa: N818 - what became of a request, not a fault of ours
    """A request that is answered with an error: `payload` is what the client is told, `status` the HTTP status.

    `headers` go with the HTTP response (`Retry-After`, `Allow`).
    """

    def __init__(
        self, payload: ErrorPayload, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse because of `payload`, with the status of its type unless another is given."""
        super().__init__(payload.message)
        self.payload = payload
        self.status = status if status is not None else status_of(payload.type)
        self.headers = dict(headers or {})

    @classmethod
    def because(
        cls,
        message: str,
        *,
        code: str,
        error_type: str = "invalid_request",
        param: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Refused:
        """Return a refusal for a reason of our own."""
        payload = failure(message, code=code, error_type=error_type, param=param)
        return cls(payload, status=status, headers=headers)


def _spoken(payload: ErrorPayload) -> ErrorPayload:
    """Return `payload` as clients can read it: the AI SDK loses the message of an error whose code or param is null."""
    return replace(payload, code=payload.code or payload.type, param=payload.param or "")


def envelope(payload: ErrorPayload) -> bytes:
    """Return the body of an HTTP error: `{"error": {"type", "code", "message", "param"}}`."""
    return encode_plain({"error": to_plain(_spoken(payload))})


def error_response(refused: Refused, *, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return the HTTP response that tells of a refusal."""
    return HTTPResponse(
        envelope(refused.payload),
        status_code=refused.status,
        media_type="application/json",
        headers={**refused.headers, **(headers or {})},
    )


def refused_as_websocket_error(refused: Refused) -> WebSocketError:
    """Return the message that tells of a refusal over a WebSocket (spec: "WebSocket Errors")."""
    return WebSocketError(status=refused.status, error=_spoken(refused.payload))
