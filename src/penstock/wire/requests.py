"""A request's bytes -> `CreateResponse`, `CompactRequest` or `WebSocketCreateResponse`; strict, and clear in refusing.

The types hold most of what the specification says of a request. Here is the rest: what depends on a second field, such
as the content parts a role may hold, and which error tells of it. Where popular clients depart from the schema without
leaving a doubt of what they mean (explicit nulls, a message without `type`, items echoed with all they came with), they
are understood. Unknown keys, items and tools of implementors are kept.

Spec: "HTTP Requests", "Items", "Extending Open Responses", "Errors"; schemas `CreateResponseBody`, `ItemParam`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar, get_args

import msgspec
from msgspec import UNSET

from penstock.spec.base import SpecObject, UnknownObject, is_extension_name
from penstock.spec.errors import PenstockError
from penstock.spec.items import FunctionCallOutputItemParam, MessageItemParam
from penstock.spec.request import CompactRequest, CreateResponse, Include, WebSocketCreateResponse
from penstock.spec.response import ErrorPayload
from penstock.wire.codec import decode_json_object
from penstock.wire.errors import JSONError, ShapeError
from penstock.wire.load import ABSENT, load
from penstock.wire.wording import NO_FIT, is_array, is_object, one_of, shown

__all__ = [
    "MAX_DEPTH",
    "MAX_VALUES",
    "RequestError",
    "decode_request",
    "parse_compact",
    "parse_create",
    "parse_websocket_create",
    "refuse_http_fields",
]

T = TypeVar("T", bound=SpecObject)
C = TypeVar("C", bound=CreateResponse)

MAX_DEPTH = 128
"""How deeply a request's arrays and objects may be nested; ten times what the JSON Schema of a large tool needs."""
MAX_VALUES = 500_000
"""How many values a request's JSON may hold, an array or an object counted twice: fifty for each of 10,000 items.

A value can be as short as three bytes, and then takes thirty times that in memory. So a body no larger than one with
some images would take gigabytes, and hold everybody up for seconds.
"""

# What stands before a value: text and all else is passed over. Linear, for nothing that was read is ever read again.
_before_value = re.compile(
    rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^",{\[]++)*+[,{\[]?',
    re.DOTALL,
).finditer

TOOL_OUTPUT_PARTS = ("input_text", "input_image", "input_file", "input_video")
"""The content parts a function's output may hold (schema `FunctionCallOutputItemParam`)."""
PARTS_BY_ROLE: Mapping[str, Sequence[str]] = {
    "user": TOOL_OUTPUT_PARTS,
    "system": ("input_text",),
    "developer": ("input_text",),
    "assistant": ("output_text", "refusal"),
}
"""The content parts a message may hold (schemas `UserMessageItemParam`, `AssistantMessageItemParam` ...).

An implementor's own part, `acme:sketch`, may stand anywhere. `input_video` is in the schema for function outputs only;
but a response may repeat it in a message, and what a response says can be sent back.
"""

_INCLUDES: Sequence[str] = get_args(Include)
_INCLUDED_ITEMS = frozenset(name.split(".", maxsplit=1)[0] for name in _INCLUDES)


class RequestError(PenstockError):
    """A request the specification does not allow.

    `param` is the path of the offending field (`input[2].content[0].type`), None for the request as a whole. `code`
    tells the kind of fault: `missing_required_parameter`, `invalid_value`, `unsupported_parameter`, `invalid_json`.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        """Say in `message` what was expected and what was there."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code

    def payload(self) -> ErrorPayload:
        """Return the error as an HTTP body or an `error` event tells it (spec: "Errors")."""
        return ErrorPayload(type="invalid_request", code=self.code, message=self.message, param=self.param)


def parse_create(body: bytes | str | dict[str, object]) -> CreateResponse:
    """Return the body of `POST /responses`, JSON or already decoded (then its values are shared, not copied).

    Raises RequestError, and nothing else. Of equal keys the last counts.
    """
    return _checked(_typed(CreateResponse, _decoded(body)))


def parse_websocket_create(message: bytes | str | dict[str, object]) -> WebSocketCreateResponse:
    """Return a WebSocket message that starts a turn; raise RequestError as `parse_create` does, or for another `type`.

    What belongs to HTTP alone is read like the rest: see `refuse_http_fields`.
    """
    fields = _decoded(message)
    name = fields.get("type")
    if name != "response.create":
        raise _fault("type", f"expected 'response.create', got {shown(name)}" if "type" in fields else ABSENT)
    return _checked(_typed(WebSocketCreateResponse, fields))


def parse_compact(body: bytes | str | dict[str, object]) -> CompactRequest:
    """Return the body of `POST /responses/compact`; raise RequestError as `parse_create` does."""
    request = _typed(CompactRequest, _decoded(body))
    _check_input(request.input)
    return request


def refuse_http_fields(request: WebSocketCreateResponse, *, allow_stream: bool = False) -> None:
    """Raise RequestError where a WebSocket turn says what belongs to HTTP alone.

    Spec: "HTTP/SSE transport-specific fields such as `stream`, `stream_options`, and `background` MUST NOT be sent on
    WebSocket requests." Whether to refuse is the server's choice: Codex sends `stream: true` with every turn, which
    asks for what happens anyway, and is let through with `allow_stream`.
    """
    for param in ("stream", "stream_options", "background"):
        value = getattr(request, param)
        if value is not UNSET and not (allow_stream and param == "stream" and value is True):
            message = f"{param}: belongs to HTTP, and must not be sent over a WebSocket"
            raise RequestError(message, param=param, code="unsupported_parameter")


def decode_request(body: bytes | str, *, max_values: int = MAX_VALUES) -> dict[str, object]:
    """Return the JSON object that a request is; raise RequestError for other data, and for more than `max_values`."""
    data = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    if _has_more_values(data, max_values):
        raise RequestError(f"the request: more than {max_values:,} values in its JSON", code="invalid_value")
    try:
        return decode_json_object(body)
    except JSONError as error:
        raise RequestError(f"the request: {error.message}", code="invalid_json") from None


def _has_more_values(data: bytes, most: int) -> bool:
    """Whether JSON has more than `most` commas and openings of arrays and objects, those in texts not counted."""
    if sum(map(data.count, (b",", b"[", b"{"))) <= most:
        return False
    # Behind the last of them come what closes the whole, and the end.
    most += 2
    return sum(1 for _ in islice(_before_value(data), most + 1)) > most


def _decoded(body: bytes | str | dict[str, object]) -> dict[str, object]:
    if not isinstance(body, dict):
        body = decode_request(body)
    # Level by level, because a recursion would fail on what it is to find.
    level: list[object] = [body]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise RequestError(f"the request: nested more than {MAX_DEPTH} levels deep", code="invalid_value")
        level = [child for node in level for child in _children(node) if is_object(child) or is_array(child)]
    return body


def _children(node: object) -> Iterable[object]:
    if is_object(node):
        return node.values()
    return node if is_array(node) else ()


def _typed(cls: type[T], fields: dict[str, object]) -> T:
    """Return `fields` as a `cls`: by msgspec where they are exactly as specified, else by the loader."""
    try:
        return msgspec.convert(fields, cls)
    except NO_FIT:
        pass
    try:
        return load(cls, fields, tolerant=False)
    except ShapeError as error:
        raise _fault(error.path, error.expected) from None


def _fault(param: str, expected: str) -> RequestError:
    code = "missing_required_parameter" if expected == ABSENT else "invalid_value"
    return RequestError(f"{param}: {expected}", param=param, code=code)


def _checked(request: C) -> C:
    """Return `request` if its fields agree with each other."""
    _check_input(request.input)
    for index, name in enumerate(request.include or ()):
        if name not in _INCLUDES and name.split(".", maxsplit=1)[0] in _INCLUDED_ITEMS:
            known = one_of([repr(include) for include in _INCLUDES])
            raise _fault(f"include[{index}]", f"expected {known}, got {shown(name)}")
    return request


def _check_input(items: object) -> None:
    for index, item in enumerate(items if is_array(items) else ()):
        path = f"input[{index}]"
        if isinstance(item, FunctionCallOutputItemParam):
            _check_parts(item.output, TOOL_OUTPUT_PARTS, f"{path}.output", "the output of a function")
        elif isinstance(item, MessageItemParam):
            whose = f"a message of the {item.role}"
            # "Labels an `assistant` message as intermediate commentary (`commentary`) or the final answer": the schema
            # has `phase` in no other.
            if item.phase and item.role != "assistant":
                raise _fault(
                    f"{path}.phase", f"expected only in a message of the assistant, got {item.phase!r} in {whose}"
                )
            _check_parts(item.content, PARTS_BY_ROLE[item.role], f"{path}.content", whose)


def _check_parts(parts: Sequence[SpecObject] | str, allowed: Sequence[str], path: str, whose: str) -> None:
    for index, part in enumerate(() if isinstance(parts, str) else parts):
        name = part.type if isinstance(part, UnknownObject) else str(part.__struct_config__.tag)
        if name not in allowed and not (isinstance(part, UnknownObject) and is_extension_name(name)):
            expected = one_of([*map(repr, allowed), "an implementor's own such as 'acme:part'"])
            raise _fault(f"{path}[{index}].type", f"expected {expected} in {whose}, got {shown(name)}")
