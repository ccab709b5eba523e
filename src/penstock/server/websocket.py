"""The endpoint as a WebSocket: one turn after another on one connection.

Spec: "WebSocket Transport". Messages that come while a turn is under way wait for its end. The connection remembers its
latest responses, stored or not, so that they can be continued; after a turn that failed, the one it continued from is
forgotten. Errors leave the connection open; its time being over closes it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from penstock.server.access import AccessRecord
from penstock.server.client import DIALECT_HEADER, Manner, manner_of
from penstock.server.context import as_params
from penstock.server.errors import Refused, error_response, failure, refused_as_websocket_error
from penstock.server.service import Service, store_refused
from penstock.server.shown import shown_by
from penstock.server.turn import CUT_OFF, Delivery, Turn
from penstock.spec.items import ItemParam
from penstock.spec.request import WebSocketCreateResponse
from penstock.store.errors import StoreError
from penstock.transport import MessageEmitter
from penstock.wire.codec import encode_object
from penstock.wire.requests import RequestError, parse_websocket_create, refuse_http_fields

__all__ = ["serve_websocket"]

LIMIT_REACHED: Final = failure(
    "The WebSocket has been open as long as it may be; open another one to go on.",
    code="websocket_connection_limit_reached",
    error_type="invalid_request",
)
_GOING_AWAY: Final = 1001
"""Close code of a server that is going down, or whose connection's time is over (RFC 6455, 7.4.1)."""
_TOO_BIG: Final = 1009
"""Close code for a message that is too large (RFC 6455, 7.4.1)."""


async def serve_websocket(service: Service, socket: WebSocket) -> None:
    """Serve one connection, from the handshake to its end."""
    try:
        owner = service.keys.owner(socket.headers.get("authorization"))
        manner = manner_of(socket.headers, dialect=service.dialect, reasoning=service.reasoning, websocket=True)
        with service.websocket(owner):
            await socket.accept(headers=[(DIALECT_HEADER.encode(), manner.name.encode())])
            await _Connection(service, socket, owner, manner).run()
    except Refused as refused:
        if socket.application_state is WebSocketState.CONNECTING:
            await socket.send_denial_response(error_response(refused))


class _Delivery(Delivery):
    """Messages on their way to a client."""

    def __init__(self, socket: WebSocket, manner: Manner) -> None:
        self._socket = socket
        self._waiting: list[str] = []
        self.emitter = shown_by(MessageEmitter(self._waiting.append, dialect=manner.dialect()), manner)
        self._clock = asyncio.get_running_loop().time
        self.sent_at = self._clock()
        self.is_sending = False
        self.is_closed = False

    async def deliver(self) -> None:
        """Send what waits, a message an event."""
        messages = self._waiting.copy()
        self._waiting.clear()
        for message in messages:
            if self.is_closed:
                return
            self.sent_at = self._clock()
            self.is_sending = True
            try:
                await self._socket.send_text(message)
            except (WebSocketDisconnect, RuntimeError):
                self.is_closed = True
            finally:
                self.is_sending = False

    def discard(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


class _Connection:
    """One open WebSocket."""

    def __init__(self, service: Service, socket: WebSocket, owner: str, manner: Manner) -> None:
        self._service = service
        self._socket = socket
        self._owner = owner
        self._manner = manner
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._memory: OrderedDict[str, Sequence[ItemParam]] = OrderedDict()
        self._turn: Turn | None = None
        self._delivery = _Delivery(socket, manner)

    async def run(self) -> None:
        """Serve until the client goes away, or the connection's time is over."""
        reader = asyncio.create_task(self._read())
        self._service.watched.add(self)
        limit = asyncio.timeout(self._service.limits.websocket_seconds)
        try:
            async with limit:
                while (message := await self._messages.get()) is not None:
                    await self._take(message)
                    if self._service.is_stopping:
                        await self._close(_GOING_AWAY)
                        return
        except TimeoutError:
            if not limit.expired():
                raise
            await self._refuse(Refused(LIMIT_REACHED))
            await self._close(_GOING_AWAY)
        finally:
            self._service.watched.discard(self)
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    # Being watched.

    @property
    def sent_at(self) -> float:
        """When something was last sent, by the event loop's clock."""
        return self._delivery.sent_at

    @property
    def is_sending(self) -> bool:
        """Whether something is being sent, so that it waits for the client."""
        return self._delivery.is_sending

    async def ping(self) -> None:
        """Do nothing: the transport has pings of its own."""

    def cut_off(self) -> None:
        """Send nothing more, and stop what is under way."""
        self._delivery.is_closed = True
        self._messages.put_nowait(None)
        if self._turn is not None:
            self._turn.stop(CUT_OFF)

    # Messages.

    async def _read(self) -> None:
        """Take the client's messages as they come, and see it go, also while a turn is under way."""
        limits = self._service.limits
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self.cut_off()
                return
            text: str | bytes = message.get("text") or message.get("bytes") or ""
            if len(text) > limits.websocket_message:
                await self._close(_TOO_BIG)
                self.cut_off()
                return
            if self._messages.qsize() >= limits.websocket_waiting:
                await self._refuse(
                    Refused.because(
                        f"{limits.websocket_waiting} requests are waiting already; wait for the turns before them",
                        code="too_many_requests",
                        error_type="too_many_requests",
                    )
                )
                continue
            self._messages.put_nowait(text)

    async def _take(self, message: str | bytes) -> None:
        """Carry out one request, to its end."""
        record = AccessRecord.of_http(self._socket.scope, transport="websocket")
        record.owner = self._owner
        previous = None
        try:
            asked = parse_websocket_create(message)
            previous = asked.previous_response_id or None
            refuse_http_fields(asked, allow_stream=True)
            await self._run_turn(asked, record)
        except (Refused, RequestError, StoreError) as error:
            refused = _refused(error)
            record.refused(refused)
            self._forget(previous)
            await self._refuse(refused)
        finally:
            record.write()

    async def _run_turn(self, asked: WebSocketCreateResponse, record: AccessRecord) -> None:
        previous = asked.previous_response_id or None
        plan = await self._service.plan(asked, self._owner, self._manner, self._memory)
        with self._service.turn(plan, self._delivery) as turn:
            self._turn = turn
            record.follow(turn)
            try:
                await turn.run()
            finally:
                self._turn = None
        if turn.error is not None:
            self._forget(previous)
            return
        response = turn.response
        self._memory[response.id] = [*plan.context, *as_params(response.output)]
        while len(self._memory) > self._service.limits.websocket_responses:
            self._memory.popitem(last=False)

    def _forget(self, response_id: str | None) -> None:
        """Forget a response that a failed turn continued from.

        Spec: "If a continuation turn fails with a `4xx` or `5xx` error, the server MUST evict the referenced
        `previous_response_id` from the connection-local cache."
        """
        if response_id is not None:
            self._memory.pop(response_id, None)

    async def _refuse(self, refused: Refused) -> None:
        if self._delivery.is_closed:
            return
        try:
            await self._socket.send_text(encode_object(refused_as_websocket_error(refused)).decode())
        except (WebSocketDisconnect, RuntimeError):
            self._delivery.is_closed = True

    async def _close(self, code: int) -> None:
        if not self._delivery.is_closed:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._socket.close(code)
            self._delivery.is_closed = True


def _refused(error: Refused | RequestError | StoreError) -> Refused:
    if isinstance(error, RequestError):
        return Refused(error.payload())
    return store_refused(error) if isinstance(error, StoreError) else error
