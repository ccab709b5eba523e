"""A request from a file, and what to say to somebody whose file holds another kind of request."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.cli.errors import CommandError
from penstock.cli.source import read_document
from penstock.spec.request import CreateResponse
from penstock.wire.codec import decode_json_object
from penstock.wire.errors import JSONError
from penstock.wire.requests import RequestError, parse_create

__all__ = ["load_request"]


def load_request(path: str) -> CreateResponse:
    """Return the create request in the file `path`. Raises CommandError where there is none, saying what is there."""
    data = read_document(path)
    if not data.strip():
        raise CommandError(f"{path}: empty, not a request")
    try:
        fields = decode_json_object(data)
    except JSONError as error:
        raise CommandError(f"{path}: not an Open Responses create request: {error.message}") from error
    other = _other_kind(fields)
    if other:
        raise CommandError(f"{path}: not an Open Responses create request: {other}")
    try:
        return parse_create(fields)
    except RequestError as error:
        raise CommandError(f"{path}: not an Open Responses create request: {error.message}") from error


def _other_kind(fields: Mapping[str, object]) -> str:
    """Return what else an object is; empty where it may well be a create request."""
    if "input" in fields:
        return ""
    if "messages" in fields:
        return "it has `messages`, as Chat Completions requests have, where ours has `input`"
    if "contents" in fields:
        return "it has `contents`, as Gemini requests have, where ours has `input`"
    if fields.get("object") == "response":
        return "it is a response"
    if not set(fields) & set(CreateResponse.__struct_encode_fields__):
        return "it has none of the keys of one"
    return ""
