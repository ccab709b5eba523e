"""The endpoint as a WebSocket: one turn after another on one connection.

Spec: "WebSocket Transport". Messages that come while a turn is under way wait for its end. The connection remembers its
latest responses, stored or not, so that they can be continued; after a turn that failed, the one it continued from is
forgotten. Errors leave the connection open; its time being over closes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from contextlib import suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.server.access import AccessRecord
from penstock.server.client import DIALECT_HEADER, Client, Manner, client_of
from penstock.server.context import Remembered, as_params
from penstock.server.errors import Refused, error_response, failure, refused_as_websocket_error
from penstock.server.service import Service, refused_by
from penstock.server.shown import shown_by
from penstock.server.turn import BROKE, CUT_OFF, Delivery, Turn
from penstock.spec.request import WebSocketCreateResponse
from penstock.store.errors import StoreError
from penstock.stream.emitter import StreamEventEmitter
from penstock.transport import MessageEmitter
from penstock.wire.codec import encode_object
from penstock.wire.requests import RequestError, decode_request, parse_websocket_create, refuse_http_fields

__all__ = ["deny", "serve_websocket"]

LIMIT_REACHED: Final = failure(
    "The WebSocket has been open as long as it may be; open another one to go on.",
    code="websocket_connection_limit_reached",
    error_type="invalid_request",
)
_GOING_AWAY: Final = 1001
"""Close code of a server that is going down, or whose connection's time is over (RFC 6455, 7.4.1)."""
_POLICY: Final = 1008
"""Close code for a client that does what it must not (RFC 6455, 7.4.1)."""
_TOO_BIG: Final = 1009
"""Close code for a message that is too large (RFC 6455, 7.4.1)."""

_log = logging.getLogger("penstock.server")


async def serve_websocket(service: Service, socket: WebSocket) -> None:
    """Serve one connection, from the handshake to its end."""
    try:
        owner = service.keys.owner(socket.headers.get("authorization"))
        client = client_of(socket.headers, websocket=True)
        with service.websocket(owner):
            # A model may be answered for in another dialect, which only a turn tells.
            name = service.manner(client).name
            await socket.accept(headers=[(DIALECT_HEADER.encode(), name.encode())])
            await _Connection(service, socket, owner, client).run()
    except Refused as refused:
        await deny(socket, refused)


async def deny(socket: WebSocket, refused: Refused) -> None:
    """Answer a handshake with an error; servers that cannot say why just refuse it."""
    if "websocket.http.response" in (socket.scope.get("extensions") or {}):
        await socket.send_denial_response(error_response(refused))
    else:
        await socket.close(_POLICY)


class _Delivery(Delivery):
    """Messages on their way to a client."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: deque[str] = deque()
        self.emitter: StreamEventEmitter | None = None
        self._clock = asyncio.get_running_loop().time
        self.sent_at = self._clock()
        self.is_sending = False
        self.is_closed = False
        self.is_silent = False
        """Whether nothing of the turn under way is told any more."""

    def begin(self, manner: Manner) -> None:
        """Let a turn begin, to be told in the client's manner."""
        self.emitter = shown_by(MessageEmitter(self._waiting.append, dialect=manner.dialect()), manner)
        self.is_silent = False

    async def deliver(self) -> None:
        """Send what waits, a message an event."""
        while self._waiting and not self.is_closed and not self.is_silent:
            await self.tell(self._waiting.popleft())
        self._waiting.clear()

    async def tell(self, message: str) -> None:
        """Send one message."""
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

    def __init__(self, service: Service, socket: WebSocket, owner: str, client: Client) -> None:
        self._service = service
        self._socket = socket
        self._owner = owner
        self._client = client
        self._messages: asyncio.Queue[str | bytes | Refused | None] = asyncio.Queue()
        self._memory: OrderedDict[str, Remembered] = OrderedDict()
        self._turn: Turn | None = None
        self._delivery = _Delivery(socket)
        self._task: asyncio.Task[object] | None = None
        self._is_cut_off = False
        self._is_time_over = False

    async def run(self) -> None:
        """Serve until the client goes away, or the connection's time is over."""
        self._task = asyncio.current_task()
        reader = asyncio.create_task(self._read())
        self._service.watched.add(self)
        limit = asyncio.get_running_loop().call_later(self._service.limits.websocket_seconds, self._end_time)
        try:
            while (message := await self._messages.get()) is not None and self._is_open:
                if isinstance(message, Refused):
                    await self._refuse(message)
                else:
                    await self._take(message)
                if self._service.is_stopping:
                    break
            if self._is_time_over:
                await self._refuse(Refused(LIMIT_REACHED))
            await self._close(_GOING_AWAY)
        except asyncio.CancelledError:
            if not self._is_cut_off or self._task is None or self._task.uncancel():
                raise
        finally:
            limit.cancel()
            self._service.watched.discard(self)
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    @property
    def _is_open(self) -> bool:
        """Whether another request is taken: there is a client, and time."""
        return not self._delivery.is_closed and not self._is_time_over

    def _end_time(self) -> None:
        """Stop what is under way, since the connection's time is over; its error is all that is still told."""
        self._is_time_over = True
        self._messages.put_nowait(None)
        if self._turn is not None and not self._turn.is_over:
            self._delivery.is_silent = True
            self._turn.stop(LIMIT_REACHED)

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
        if self._turn is not None and not self._turn.is_over:
            self._turn.stop(CUT_OFF)
        elif self._delivery.is_sending and self._task is not None and not self._is_cut_off:
            # Nothing is left to stop but the sending of the end.
            self._is_cut_off = True
            self._task.cancel()

    # Messages.

    async def _read(self) -> None:
        """Take the client's messages as they come, and see it go, also while a turn is under way."""
        limits = self._service.limits
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text: str | bytes = message.get("text") or message.get("bytes") or ""
                if len(text) > limits.websocket_message:
                    await self._close(_TOO_BIG)
                    return
                waiting = self._messages.qsize()
                if waiting < limits.websocket_waiting:
                    self._messages.put_nowait(text)
                elif waiting < 2 * limits.websocket_waiting:
                    # Told in its turn: in the middle of another it would be taken for the end of that.
                    self._messages.put_nowait(_too_many_waiting(limits.websocket_waiting))
                else:
                    await self._close(_POLICY)
                    return
        finally:
            self.cut_off()

    async def _take(self, message: str | bytes) -> None:
        """Carry out one request, to its end."""
        record = AccessRecord.of_http(self._socket.scope, transport="websocket")
        record.owner = self._owner
        previous = None
        try:
            fields = decode_request(message, max_values=self._service.limits.values)
            previous = _previous(fields)
            asked = parse_websocket_create(fields)
            refuse_http_fields(asked, allow_stream=True)
            await self._run_turn(asked, record)
        except (Refused, RequestError, StoreError) as error:
            await self._refuse_turn(refused_by(error), previous, record)
        except Exception:  # noqa: BLE001 - whatever broke, the client is told, and the connection lives
            _log.exception("a request over a WebSocket broke")
            await self._refuse_turn(Refused(BROKE), previous, record)
        finally:
            record.write()

    async def _run_turn(self, asked: WebSocketCreateResponse, record: AccessRecord) -> None:
        plan = await self._service.plan(asked, self._owner, self._client, self._memory)
        if not self._is_open:
            # It went, or its time ended, while the request was being looked into: nothing is begun.
            return
        self._delivery.begin(plan.manner)
        with self._service.turn(plan, self._delivery) as turn:
            self._turn = turn
            record.follow(turn)
            try:
                await turn.run()
            finally:
                self._turn = None
        if turn.error is not None:
            self._forget(asked.previous_response_id or None)
            return
        response = turn.response
        self._memory[response.id] = Remembered([*plan.context, *as_params(response.output)], response.store)
        while len(self._memory) > self._service.limits.websocket_responses:
            self._memory.popitem(last=False)

    async def _refuse_turn(self, refused: Refused, previous: str | None, record: AccessRecord) -> None:
        record.refused(refused)
        self._forget(previous)
        await self._refuse(refused)

    def _forget(self, response_id: str | None) -> None:
        """Forget a response that a failed turn continued from.

        Spec: "If a continuation turn fails with a `4xx` or `5xx` error, the server MUST evict the referenced
        `previous_response_id` from the connection-local cache."
        """
        if response_id is not None:
            self._memory.pop(response_id, None)

    async def _refuse(self, refused: Refused) -> None:
        if not self._delivery.is_closed:
            await self._delivery.tell(encode_object(refused_as_websocket_error(refused)).decode())

    async def _close(self, code: int) -> None:
        if not self._delivery.is_closed:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._socket.close(code)
            self._delivery.is_closed = True


def _previous(fields: dict[str, object]) -> str | None:
    """Return which response a message continues from, also where the rest of it is wrong."""
    named = fields.get("previous_response_id")
    return named if isinstance(named, str) and named else None


def _too_many_waiting(most: int) -> Refused:
    return Refused.because(
        f"{most} requests were waiting already; wait for the turns before them",
        code="too_many_requests",
        error_type="too_many_requests",
    )
