"""The endpoints over HTTP.

Spec: "HTTP Requests", "HTTP Responses"; `GET` and `DELETE` of stored responses, and `GET` of models, are as in OpenAI's
API, which the specification leaves to implementors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, get_args

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HTTPResponse
from starlette.types import Receive, Scope, Send

from penstock.provider.base import ModelInfo
from penstock.provider.exchange import Fault
from penstock.server.access import AccessRecord
from penstock.server.client import DIALECT_HEADER, Client, Manner, client_of
from penstock.server.compaction import compact
from penstock.server.errors import Refused, error_response
from penstock.server.event_stream import EventStream, HTTPDelivery
from penstock.server.service import Service, refused_by
from penstock.server.shown import as_shown, input_item_as_shown
from penstock.server.turn import Nobody, Plan, as_of_upstream, run_for
from penstock.spec.response import Response
from penstock.store.base import DEFAULT_PAGE, MAX_PAGE, Order, Store
from penstock.store.errors import StoreError, UnknownCursorError
from penstock.wire.codec import encode_plain
from penstock.wire.requests import RequestError, decode_request, parse_compact, parse_create

__all__ = ["Endpoints"]

RESPONSE_ID_HEADER: Final = "x-response-id"
"""The header that says which response was made, also where what went wrong is all that the body tells."""

_ORDERS: Final = get_args(Order)


class Endpoints:
    """The endpoints of one service."""

    def __init__(self, service: Service) -> None:
        """Serve `service`."""
        self._service = service

    # Creating.

    async def create(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /responses`: answer with a response, or with a stream of its events."""
        request = Request(scope, receive)
        record = AccessRecord.of_http(scope)
        try:
            owner = record.owner = self._service.keys.owner(request.headers.get("authorization"))
            client = client_of(request.headers)
            asked = parse_create(await self._fields(request))
            plan = await self._service.plan(asked, owner, client)
            if asked.stream:
                await self._stream(plan, receive, send, record)
            else:
                response = await self._answer(plan, receive, record)
                await response(scope, receive, send)
        except (Refused, RequestError, StoreError) as error:
            refused = refused_by(error)
            record.refused(refused)
            await error_response(refused)(scope, receive, send)
        finally:
            record.write()

    async def _stream(self, plan: Plan, receive: Receive, send: Send, record: AccessRecord) -> None:
        options, manner = plan.request.stream_options, plan.manner
        delivery = HTTPDelivery(manner, obfuscate=bool(options and options.include_obfuscation))
        with self._service.turn(plan, delivery) as turn:
            record.follow(turn)
            headers = {
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache, no-transform",
                "X-Accel-Buffering": "no",  # nginx would hold the events back
                **_response_headers(turn.response, manner),
            }
            stream = EventStream(turn, delivery, headers)
            self._service.watched.add(stream)
            try:
                await stream.run(receive, send)
            finally:
                self._service.watched.discard(stream)

    async def _answer(self, plan: Plan, receive: Receive, record: AccessRecord) -> HTTPResponse:
        """Make the response, and answer with it when it has ended; it is given up where the client goes away."""
        with self._service.turn(plan, Nobody()) as turn:
            record.follow(turn)
            await run_for(turn, receive)
            headers = _response_headers(turn.response, plan.manner)
            if turn.error is not None:
                refused = Refused(turn.error, headers=headers)
                record.refused(refused)
                return error_response(refused)
            return _json(as_shown(turn.response, plan.manner), headers)

    # Stored responses.

    async def retrieve(self, request: Request) -> HTTPResponse:
        """`GET /responses/{id}`."""
        owner, client = self._known(request)
        if request.query_params.get("stream", "false").lower() not in ("false", "0", ""):
            # SDKs ask so for a stream to go on with, and read nothing in whatever else they are given.
            raise Refused.because(
                "stream: the events of stored responses are not kept; ask for the response without it",
                code="unsupported_parameter",
                param="stream",
            )
        stored = await self._store.get(request.path_params["id"], owner=owner)
        if stored is None:
            raise _not_found(request)
        response = stored.response
        manner = self._service.manner(client, self._service.models.get(response.model))
        return _json(as_shown(response, manner), _response_headers(response, manner))

    async def delete(self, request: Request) -> HTTPResponse:
        """`DELETE /responses/{id}`."""
        owner, _ = self._known(request)
        response_id = request.path_params["id"]
        if not await self._store.delete(response_id, owner=owner):
            raise _not_found(request)
        return _json({"id": response_id, "object": "response.deleted", "deleted": True})

    async def input_items(self, request: Request) -> HTTPResponse:
        """`GET /responses/{id}/input_items`, page by page."""
        owner, _ = self._known(request)
        query = request.query_params
        order = query.get("order", "desc")
        if order not in _ORDERS:
            raise _wrong("order", f"expected 'asc' or 'desc', got {order!r}")
        limit = query.get("limit", str(DEFAULT_PAGE))
        if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit[:9]) <= MAX_PAGE:
            raise _wrong("limit", f"expected a whole number from 1 to {MAX_PAGE}, got {limit!r}")
        try:
            page = await self._store.input_items(
                request.path_params["id"],
                owner=owner,
                after=query.get("after"),
                before=query.get("before"),
                limit=int(limit),
                order="asc" if order == "asc" else "desc",
            )
        except UnknownCursorError as error:
            raise _wrong("after" if "after" in query else "before", str(error)) from None
        if page is None:
            raise _not_found(request)
        data = [input_item_as_shown(item) for item in page.data]
        ends = {"first_id": page.first_id, "last_id": page.last_id, "has_more": page.has_more}
        return _json({"object": "list", "data": data, **ends})

    # The rest.

    async def compact(self, request: Request) -> HTTPResponse:
        """`POST /responses/compact`."""
        owner, client = self._known(request)
        asked = parse_compact(await self._fields(request))
        return _json(await compact(self._service, asked, owner, client, request.receive))

    async def models(self, request: Request) -> HTTPResponse:
        """`GET /models`."""
        self._known(request)
        try:
            infos = await self._service.models.listed()
        except Fault as fault:
            raise Refused(as_of_upstream(fault.error)) from None
        return _json({"object": "list", "data": [_model(info) for info in infos]})

    async def model(self, request: Request) -> HTTPResponse:
        """`GET /models/{id}`; the id may have slashes in it."""
        self._known(request)
        name = request.path_params["id"]
        try:
            info = await self._service.models.info(name)
        except Fault as fault:
            raise Refused(as_of_upstream(fault.error)) from None
        if info is None:
            raise Refused.because(
                f"there is no model {name!r} in the list of models",
                code="model_not_found",
                error_type="not_found",
                param="model",
            )
        return _json(_model(info))

    async def health(self, request: Request) -> HTTPResponse:  # noqa: ARG002 - it is asked nothing
        """`GET /health`: the process is there."""
        return _json({"status": "ok"})

    async def ready(self, request: Request) -> HTTPResponse:  # noqa: ARG002 - it is asked nothing
        """`GET /ready`: the server takes requests, and its store answers."""
        if self._service.is_stopping:
            return _json({"status": "stopping"}, status=503)
        try:
            if self._service.store is not None:
                await self._service.store.ping()
        except StoreError:
            return _json({"status": "the store does not answer"}, status=503)
        return _json({"status": "ok", "under_way": self._service.under_way})

    # What every endpoint does.

    @property
    def _store(self) -> Store:
        store = self._service.store
        if store is None:
            raise Refused.because("this server keeps no responses", code="not_stored", error_type="not_found")
        return store

    def _known(self, request: Request) -> tuple[str, Client]:
        return self._service.keys.owner(request.headers.get("authorization")), client_of(request.headers)

    async def _fields(self, request: Request) -> dict[str, object]:
        """Return the JSON object that a request's body is. Raises Refused and RequestError."""
        return decode_request(await self._body(request), max_values=self._service.limits.values)

    async def _body(self, request: Request) -> bytes:
        """Return the body of a request. Raises Refused where it is not called JSON, compressed, too large or slow."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            # Spec: "Clients MUST send request bodies encoded as `application/json`". It also keeps web pages out, which
            # cannot send this to another site without asking.
            raise Refused.because(
                f"the header Content-Type: expected 'application/json', got {kind!r}",
                code="unsupported_media_type",
                status=415,
            )
        coding = request.headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity"):
            # The status is what RFC 9110, 15.5.16 has for it. A few bytes can unpack to more than a server bears.
            raise Refused.because(
                f"the header Content-Encoding: requests are taken uncompressed, got {coding!r}",
                code="unsupported_content_encoding",
                status=415,
                headers={"Accept-Encoding": "identity"},
            )
        limit = self._service.limits.body
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:18]) > limit:
            raise _too_large(limit)
        data = bytearray()
        try:
            async with asyncio.timeout(self._service.limits.body_seconds):
                async for chunk in request.stream():
                    data += chunk
                    if len(data) > limit:
                        raise _too_large(limit)
        except TimeoutError:
            raise Refused.because(
                f"the request did not arrive within {self._service.limits.body_seconds:g} seconds",
                code="request_timeout",
                status=408,
            ) from None
        except ClientDisconnect:
            raise Refused.because("the client went away", code="client_disconnected") from None
        return bytes(data)


def _response_headers(response: Response, manner: Manner) -> dict[str, str]:
    return {RESPONSE_ID_HEADER: response.id, DIALECT_HEADER: manner.name}


def _model(info: ModelInfo) -> dict[str, object]:
    return {"id": info.id, "object": "model", "created": info.created, "owned_by": info.owned_by or "penstock"}


def _json(value: object, headers: Mapping[str, str] | None = None, *, status: int = 200) -> HTTPResponse:
    return HTTPResponse(
        encode_plain(value), status_code=status, media_type="application/json", headers=dict(headers or {})
    )


def _not_found(request: Request) -> Refused:
    response_id = request.path_params["id"]
    return Refused.because(
        f"there is no response {response_id!r}", code="response_not_found", error_type="not_found", param="id"
    )


def _wrong(param: str, expected: str) -> Refused:
    return Refused.because(f"{param}: {expected}", code="invalid_value", param=param)


def _too_large(limit: int) -> Refused:
    return Refused.because(
        f"the request is larger than {limit:,} bytes, which is what this server takes",
        code="request_too_large",
        status=413,
    )
