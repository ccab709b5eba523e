"""A provider's errors in the specification's terms.

Spec: "Errors". The type is one of the specification's; message, code and whatever else the provider said are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.spec.base import NOTHING
from penstock.spec.response import ErrorPayload
from penstock.stream.fold import whole_text
from penstock.upstream.values import as_integer, as_object, as_text, json_text, kept

__all__ = ["SHOWN_CHARACTERS", "own_error", "provider_error", "quoted", "status_type"]

SHOWN_CHARACTERS = 200
"""How much of damaged data an error message quotes."""

_BY_STATUS = {
    400: "invalid_request",
    401: "authentication_error",
    402: "too_many_requests",
    403: "permission_denied",
    404: "not_found",
    413: "invalid_request",
    422: "invalid_request",
    429: "too_many_requests",
}

# By the provider's own words, for code and type alike; a code is the more exact of the two and is looked at first.
_BY_NAME = {
    "authenticationerror": "authentication_error",
    "badrequest": "invalid_request",
    "badrequesterror": "invalid_request",
    "billingerror": "too_many_requests",
    "contextlengthexceeded": "invalid_request",
    "insufficientquota": "too_many_requests",
    "invalidargument": "invalid_request",
    "invalidapikey": "authentication_error",
    "invalidrequest": "invalid_request",
    "invalidrequesterror": "invalid_request",
    "modelerror": "model_error",
    "modelnotfound": "not_found",
    "notfound": "not_found",
    "notfounderror": "not_found",
    "permissiondenied": "permission_denied",
    "permissiondeniederror": "permission_denied",
    "permissionerror": "permission_denied",
    "ratelimiterror": "too_many_requests",
    "ratelimitexceeded": "too_many_requests",
    "requests": "too_many_requests",
    "requesttoolarge": "invalid_request",
    "tokens": "too_many_requests",
    # Groq checks a call against the tool's schema: the model failed, not whoever asked.
    "resourceexhausted": "too_many_requests",
    "toolusefailed": "model_error",
    "toomanyrequests": "too_many_requests",
}

_HTTP_STATUS = re.compile("[45][0-9][0-9]").fullmatch

_READ = frozenset({"type", "code", "message", "param", "headers"})


def provider_error(error: object, *, status: int | None = None) -> ErrorPayload:
    """Return an error as a provider said it: an object, a string, or anything else.

    `status` is that of the HTTP reply it came in; it decides the type where the provider's own words do not.
    """
    fields = as_object(error) or {"message": error}
    code, kind = fields.get("code"), as_text(fields.get("type"))
    message = fields.get("message")
    known = {key: value for key, value in fields.items() if key not in _READ and value is not None}
    words = _words(message) or _words(known) or "the provider reported an error without saying what it was"
    return ErrorPayload(
        type=_error_type(fields, status),
        code=_code(code) or kind,
        message=whole_text(words),
        param=as_text(fields.get("param")),
        extra=kept(known) if as_object(error) else NOTHING,
    )


def own_error(code: str, message: str, *, error_type: str = "server_error") -> ErrorPayload:
    """Return an error that the provider did not report but made."""
    return ErrorPayload(type=error_type, code=code, message=message, param=None)


def quoted(data: bytes | str) -> str:
    """Return how `data` begins, in quotation marks, for a message."""
    text = data if isinstance(data, str) else data[: 4 * SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
    return repr(text[:SHOWN_CHARACTERS])


def status_type(status: int) -> str:
    """Return the type of error that an HTTP status of 400 or more stands for."""
    return _BY_STATUS.get(status, "invalid_request" if status < 500 else "server_error")


def _error_type(fields: Mapping[str, object], http_status: int | None) -> str:
    for name in (fields.get("code"), fields.get("type"), fields.get("status")):
        if isinstance(name, str):
            found = _BY_NAME.get(name.lower().replace("_", "").replace(" ", "").replace("-", ""))
            if found:
                return found
    for status in (fields.get("code"), fields.get("status_code"), fields.get("status"), http_status):
        number = int(status) if isinstance(status, str) and _HTTP_STATUS(status) else as_integer(status)
        if number is not None and 400 <= number < 600:
            return status_type(number)
    return "server_error"


def _code(code: object) -> str | None:
    number = as_integer(code)
    return str(number) if number is not None else as_text(code)


def _words(message: object) -> str:
    if isinstance(message, str):
        return message
    return json_text(message) if message else ""
