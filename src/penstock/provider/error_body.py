"""The body of an HTTP error, whoever wrote it, as an error of the specification.

Providers agree on `{"error": ...}` and little else, and between them and us stand proxies, gateways and web frameworks
that know nothing of either. What is understood, of each shape:

| whose | shape |
| --- | --- |
| OpenAI, Anthropic, and nearly everybody | `{"error": {"type", "code", "message", "param"}}` |
| Google | the same with `code`, `status`, `details`; from the stream in an array |
| Ollama, Hugging Face | `{"error": "words"}` |
| FastAPI | `{"detail": "words"}`, `{"detail": [{"loc", "msg", "type"}]}` |
| Cloudflare | `{"errors": [{"code", "message"}]}` |
| Mistral, AWS and others | `{"message", ...}` |
| proxies | HTML, of which the title is told; plain text; nothing |

Spec: "Errors".
"""

from __future__ import annotations

import html
import re
from http import HTTPStatus

from penstock.spec.base import JsonObject
from penstock.spec.response import ErrorPayload
from penstock.upstream.faults import SHOWN_CHARACTERS, own_error, provider_error, status_type
from penstock.upstream.values import as_list, as_object, as_text, json_text, read_json

__all__ = ["error_in_body", "reason_of"]

MAX_WORDS = 2000
"""Most characters of a plain text that are taken for a message; what is longer is a page that forgot its type."""

_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_HTML = re.compile(r"\s*<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE).match
_ENVELOPE = frozenset({"error", "errors", "detail", "object", "type", "success"})


def error_in_body(status: int, body: bytes) -> ErrorPayload:
    """Return the error that an HTTP reply of `status` told of in its body, or in the beginning of it."""
    try:
        found = _told(read_json(body))
    except (ValueError, RecursionError):
        return _of_text(status, body.decode("utf-8", "replace").strip())
    if found is None:
        return _of_text(status, "")
    return provider_error(found, status=status)


def reason_of(status: int) -> str:
    """Return a status as people read it: `503 Service Unavailable`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _told(body: object) -> object:
    """Return the error in a JSON body: an object with what it says, or its words; None where there is neither."""
    for entry in as_list(body) or ():
        return _told(entry)
    fields = as_object(body)
    if not fields:
        return as_text(body) or None
    error = fields.get("error") or fields.get("errors") or fields.get("detail")
    if error is None:
        return fields
    inner = as_object(error)
    if inner is None:
        inner = {"message": _words(error)}
    # What stands beside the error tells of it too: Anthropic's `request_id`.
    return {**{key: value for key, value in fields.items() if key not in _ENVELOPE}, **inner}


def _words(error: object) -> str:
    """Return an error that is no object as words: a string, or several complaints."""
    complaints = as_list(error)
    if complaints is None:
        return as_text(error) or json_text(error)
    return "; ".join(_complaint(complaint) for complaint in complaints)


def _complaint(complaint: object) -> str:
    fields: JsonObject = as_object(complaint) or {}
    words = as_text(fields.get("msg")) or as_text(fields.get("message"))
    if words is None:
        return as_text(complaint) or json_text(complaint)
    place = ".".join(str(step) for step in as_list(fields.get("loc")) or ())
    return f"{place}: {words}" if place else words


def _of_text(status: int, text: str) -> ErrorPayload:
    """Return an error for a body that is no JSON, or that says nothing."""
    if _HTML(text):
        page = _HIDDEN.sub(" ", text)
        title = _TITLE.search(page)
        words = " ".join(html.unescape(_TAG.sub(" ", title[2] if title else page)).split())
    else:
        words = text[:MAX_WORDS]
        if words:
            return own_error(_code(status), words, error_type=status_type(status))
    said = f": {words[:SHOWN_CHARACTERS]!r}" if words else ", without a word"
    return own_error(_code(status), f"the upstream answered {reason_of(status)}{said}", error_type=status_type(status))


def _code(status: int) -> str:
    return f"upstream_http_{status}"
