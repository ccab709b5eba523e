"""The application: every endpoint on its path, as ASGI, to be run by itself or mounted in another application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response as HTTPResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from penstock.provider.base import Provider
from penstock.provider.generator import GeneratorProvider
from penstock.provider.generator import Model as GeneratorModel
from penstock.server.client import DIALECT_HEADER
from penstock.server.errors import Refused, error_response, failure
from penstock.server.http import RESPONSE_ID_HEADER, Endpoints
from penstock.server.keys import Keys, is_loopback
from penstock.server.limits import Limits
from penstock.server.models import DialectChoice, Model, Models, ReasoningForm
from penstock.server.sealing import Seals
from penstock.server.service import Service, store_refused
from penstock.server.sweeper import Sweeper
from penstock.server.websocket import deny, serve_websocket
from penstock.store.base import Store
from penstock.store.errors import StoreError
from penstock.store.sql import SQLStore
from penstock.wire.requests import RequestError

__all__ = ["App"]

_DAY: Final = 86_400.0
DEFAULT_TTL: Final = 30 * _DAY
"""How long responses are kept unless told, in seconds: OpenAI keeps them for 30 days."""

_log = logging.getLogger("penstock.server")

Endpoint = Callable[[Request], Awaitable[HTTPResponse]]
"""What answers one method of a path."""
_EXPOSED: Final = (RESPONSE_ID_HEADER, DIALECT_HEADER, "retry-after")
"""What a web page may read of our headers."""

Answering = GeneratorModel | Provider | Model
"""What can answer for a model."""


class App:
    """An Open Responses server as an ASGI application.

    `models` is what answers: an async generator function that takes the request and yields what the model says, a
    `Provider`, or several of either by the name of their model. Run it with any ASGI server (`uvicorn module:app`), or
    mount it: paths begin with `prefix`. Mounted, it needs its `lifespan` to end well; without it,
    the first request begins.
    """

    def __init__(
        self,
        models: Answering | Mapping[str, Answering] | Models,
        *,
        store: Store | str | None = "sqlite://",
        keys: Keys | Iterable[tuple[str, str]] | None = None,
        secret: str | None = None,
        dialect: DialectChoice = "auto",
        reasoning: ReasoningForm = "auto",
        limits: Limits | None = None,
        ttl: float | None = DEFAULT_TTL,
        origins: Iterable[str] = (),
        prefix: str = "/v1",
    ) -> None:
        """Serve `models`.

        `store`: where responses are kept, a `Store` or the URL of a database; None keeps none. The default is kept in
        memory, and gone when the application is stopped. A `Store` is opened here, and closed by whoever made it.
        `ttl`: for how many seconds, None for ever. `keys`: who is let in, pairs of name and API key; None lets
        everybody in. `secret` (32 characters or more) seals what clients keep for the server; without one, compacted
        conversations are good until the process ends. `origins`: which web pages may ask, `https://chat.example.com`.
        """
        self._store_url = store if isinstance(store, str) else None
        self._origins = frozenset(origins)
        self.service = Service(
            models=_models(models),
            store=SQLStore(store, clock=time.time) if isinstance(store, str) else store,
            keys=keys if isinstance(keys, Keys) else Keys(keys or ()),
            seals=Seals(secret),
            limits=limits or Limits(),
            dialect=dialect,
            reasoning=reasoning,
            ttl=ttl,
        )
        self._sweeper = Sweeper(self.service)
        self._changing: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._is_started = False
        endpoints = Endpoints(self.service)
        path = f"{prefix}/responses"
        self._asgi: ASGIApp = Starlette(
            routes=[
                Route(path, _ASGI(endpoints.create), methods=["POST"]),
                WebSocketRoute(path, self._websocket),
                _route(f"{path}/compact", POST=endpoints.compact),
                _route(f"{path}/{{id}}", GET=endpoints.retrieve, DELETE=endpoints.delete),
                _route(f"{path}/{{id}}/input_items", GET=endpoints.input_items),
                _route(f"{prefix}/models", GET=endpoints.models),
                _route(f"{prefix}/models/{{id:path}}", GET=endpoints.model),
                _route("/health", GET=endpoints.health),
                _route("/ready", GET=endpoints.ready),
                WebSocketRoute("/{path:path}", _no_websocket),
            ],
            exception_handlers={
                HTTPException: _http_error,
                Refused: _refused,
                RequestError: _request_error,
                StoreError: _store_error,
                Exception: _broke,
            },
            lifespan=self.lifespan,
        )
        self._asgi.router.redirect_slashes = False
        if self._origins:
            self._asgi = CORSMiddleware(
                self._asgi,
                allow_origins=list(self._origins),
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=("*",),
                expose_headers=_EXPOSED,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] in ("http", "websocket"):
            origin = dict(scope["headers"]).get(b"origin")
            if origin is not None and not self._may_ask(origin.decode("latin-1"), scope):
                refused = Refused.because(
                    f"web pages of {origin.decode('latin-1')} may not ask this server; it is told so by `origins`",
                    code="origin_not_allowed",
                    error_type="permission_denied",
                )
                await _deny(refused, scope, receive, send)
                return
            if not self._is_started and not self.service.is_stopping:
                # Mounted where nobody runs our lifespan: begin with the first request.
                try:
                    await self.start()
                except StoreError as error:
                    _log.exception("the store could not be opened")
                    await _deny(store_refused(error), scope, receive, send)
                    return
            path: str = scope["path"]
            if path.endswith("/") and path.strip("/"):
                # A redirection would lose the bodies of clients that do not follow one.
                scope = {**scope, "path": path.rstrip("/")}
        await self._asgi(scope, receive, send)

    async def start(self) -> None:
        """Open the store and begin to look after streams. Called by the server's lifespan; may be repeated.

        What was stopped begins again, in another event loop, too; responses that were kept in memory are gone then.
        """
        async with self._lock():
            if self._is_started:
                return
            if self.service.is_stopping:
                self._renew()
            store = self.service.store
            if store is not None:
                await store.open()
                abandoned = await store.abandon()
                if abandoned:
                    _log.warning("%d responses were in progress when their server ended; now they failed", abandoned)
            self._sweeper.start()
            self._is_started = True

    async def stop(self) -> None:
        """Let what is under way end, or end it; close the store and the providers. Called by the server's lifespan."""
        async with self._lock():
            self._is_started = False
            await self.service.stop()
            await self._sweeper.stop()
            await self.service.models.aclose()
            if self.service.store is not None and self._store_url is not None:
                await self.service.store.close()

    def _lock(self) -> asyncio.Lock:
        """Return what keeps a start and an end apart; a lock is of one event loop, as is all that it guards."""
        loop = asyncio.get_running_loop()
        if self._changing is None or self._changing[0] is not loop:
            self._changing = loop, asyncio.Lock()
        return self._changing[1]

    def _renew(self) -> None:
        """Make usable what `stop` let go of."""
        self.service.resume()
        self.service.models.open()
        if self._store_url is not None:
            self.service.store = SQLStore(self._store_url, clock=time.time)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:  # noqa: ARG002 - Starlette's form
        """Serve while the context lasts: the lifespan of an application that this one is mounted in.

        `Starlette(lifespan=app.lifespan)`, and so FastAPI. May be entered again after its end.
        """
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def _websocket(self, socket: WebSocket) -> None:
        await serve_websocket(self.service, socket)

    def _may_ask(self, origin: str, scope: Scope) -> bool:
        """Whether a web page may use the server: one that it was told of, or the server's own.

        A page of any site can have its own name lead to this machine, and then is of the server's origin. So where no
        key is asked for, the name must be one that only this machine has.
        """
        if origin in self._origins or "*" in self._origins:
            return True
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        address = urlsplit(f"//{host}")
        return (
            bool(host)
            and urlsplit(origin).netloc == host
            and (bool(self.service.keys) or is_loopback(address.hostname))
        )


class _ASGI:
    """An ASGI application that Starlette does not take for a function of a request."""

    def __init__(self, endpoint: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint(scope, receive, send)


def _route(path: str, **endpoints: Endpoint) -> Route:
    """Return a route on which each method, by its name, has an endpoint of its own."""

    async def endpoint(request: Request) -> HTTPResponse:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, endpoint, methods=list(endpoints))


def _models(served: Answering | Mapping[str, Answering] | Models) -> Models:
    if isinstance(served, Models):
        return served
    if isinstance(served, Provider | Model) or callable(served):
        return Models({}, default=_model(served))
    return Models({name: _model(each) for name, each in served.items()})


def _model(served: Answering) -> Model:
    if isinstance(served, Model):
        return served
    return Model(provider=served if isinstance(served, Provider) else GeneratorProvider(served))


async def _deny(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await error_response(refused)(scope, receive, send)
    else:
        await deny(WebSocket(scope, receive, send), refused)


async def _no_websocket(socket: WebSocket) -> None:
    message = f"there is no WebSocket {socket.url.path} here"
    await deny(socket, Refused.because(message, code="unknown_path", error_type="not_found"))


_CODES: Final = {404: "unknown_path", 405: "method_not_allowed"}


async def _http_error(request: Request, error: Exception) -> HTTPResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    words = f"{request.method} {request.url.path}"
    if status == 404:
        message = f"there is no {words} here"
    elif status == 405:
        message = f"{words} is not served; allowed: {headers.get('Allow')}"
    else:
        message = f"{words}: {error}"
    kind = "not_found" if status == 404 else "invalid_request"
    payload = failure(message, code=_CODES.get(status, "invalid_request"), error_type=kind)
    return error_response(Refused(payload, status=status, headers=headers))


async def _refused(request: Request, error: Exception) -> HTTPResponse:  # noqa: ARG001 - Starlette's form
    return error_response(error if isinstance(error, Refused) else _unexpected())


async def _request_error(request: Request, error: Exception) -> HTTPResponse:  # noqa: ARG001 - Starlette's form
    return error_response(Refused(error.payload()) if isinstance(error, RequestError) else _unexpected())


async def _store_error(request: Request, error: Exception) -> HTTPResponse:  # noqa: ARG001 - Starlette's form
    _log.error("the store failed", exc_info=error)
    return error_response(store_refused(error) if isinstance(error, StoreError) else _unexpected())


async def _broke(request: Request, error: Exception) -> HTTPResponse:  # noqa: ARG001 - Starlette's form
    _log.error("a request broke", exc_info=error)
    return error_response(_unexpected())


def _unexpected() -> Refused:
    return Refused(failure("The server encountered an unexpected condition.", code="internal_error"))
