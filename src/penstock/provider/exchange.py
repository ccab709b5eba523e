"""One HTTP request to a provider and its reply, with everything that can go wrong between them.

Whatever does go wrong is a `Fault`: an error in the specification's terms, and whether to ask again. No exception of
the HTTP library leaves this module, nor does anything that its exceptions say, which may hold the address with its key.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections.abc import Mapping
from typing import Any, Final, cast

import aiohttp
from msgspec import Struct
from msgspec.structs import replace
from yarl import URL

from penstock.provider.error_body import error_in_body, reason_of
from penstock.provider.retry import is_worth_another_try, told_wait
from penstock.spec.response import ErrorPayload
from penstock.upstream.base import UpstreamError
from penstock.upstream.faults import own_error, quoted

__all__ = ["MAX_ERROR_BYTES", "Exchange", "Fault", "Timeouts"]

MAX_ERROR_BYTES: Final = 64 * 1024
"""How much of the body of an error is read. Real ones have a few hundred bytes, error pages a few thousand."""

ERROR_SECONDS: Final = 10.0
"""How long the body of an error may take once its status is known; what has come by then is told."""

_READABLE: Final = frozenset(
    {
        "application/json",
        "application/octet-stream",  # what aiohttp says where nobody said anything
        "application/x-ndjson",
        "application/jsonl",
        "text/event-stream",
        "text/plain",
    }
)
"""Types of content that may hold an answer. Servers mislabel their streams; none calls one HTML or an image."""

_NOT_FOUND: Final = 404
_BARE: Final = re.compile(
    r"\W*(404\W*)?((page )?not found)?\W*|the upstream answered 404 .*", re.IGNORECASE | re.DOTALL
)
"""What a server says of a path it does not know, as against one of a model it does not have."""
_VERSION: Final = re.compile(r"/v\d")
"""The part of a path that most providers' addresses have."""

_BROKEN: Final = (aiohttp.ClientError, OSError, RuntimeError)
"""What the HTTP library raises where a connection breaks; RuntimeError where it was closed under our feet."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long to wait for a provider, in seconds; None: as long as it takes."""

    connect: float | None = 10.0
    """Until the connection stands, with name and TLS. A host that is there answers within a second or two; a second
    lost packet is sent again after three more."""

    first_byte: float | None = 600.0
    """From the request to the first byte of the answer. Reasoning models on busy hardware take minutes; ten of them
    is the limit in OpenAI's and Anthropic's own libraries."""

    silence: float | None = 300.0
    """Between two pieces of the answer. Some providers send nothing at all while a model reasons, and five minutes is
    what the most patient clients wait."""

    idle: float = 30.0
    """How long a connection that nobody uses is kept, for the next who asks; after a burst there are as many of them
    as there were answers at once. Load balancers drop them after a minute at the earliest."""


class Fault(UpstreamError):  # noqa: N818 - whose error it is, is what it tells
    """A request that was not answered, or not to the end.

    `error` is what to tell the caller, `is_passing` whether the same request may fare better soon, `wait` the seconds
    the provider asked to wait, if it did, `status` that of the HTTP reply, if one came.
    """

    def __init__(
        self,
        error: ErrorPayload,
        *,
        is_passing: bool = False,
        wait: float | None = None,
        status: int | None = None,
    ) -> None:
        """Say what went wrong."""
        super().__init__(error.message)
        self.error = error
        self.is_passing = is_passing
        self.wait = wait
        self.status = status


class Exchange:
    """One request and its reply: `begin`, `read` until it returns nothing, `close`."""

    def __init__(
        self, session: aiohttp.ClientSession, method: str, url: URL, timeouts: Timeouts, *, proxy: URL | None = None
    ) -> None:
        """Prepare to send `method` to `url`, by way of `proxy`."""
        self._session = session
        self._method = method
        self._url = url
        self._proxy = proxy
        self._timeouts = timeouts
        self._where = _place(url)
        self._response: aiohttp.ClientResponse | None = None
        self._deadline: float | None = None
        self._fault: Fault | None = None
        self._is_silent = True
        self._patience: asyncio.TimerHandle | None = None

    @property
    def is_framed(self) -> bool:
        """Whether the reply tells its own end, by its length or by a last chunk; else it just ends (RFC 9112, 6.3)."""
        if self._response is None:
            return False
        head = self._response.headers
        return "Content-Length" in head or "chunked" in head.get("Transfer-Encoding", "").lower()

    async def begin(self, body: bytes | None = None, *, headers: Mapping[str, str]) -> None:
        """Send the request and read the head of the reply; raise Fault unless an answer follows."""
        loop = asyncio.get_running_loop()
        if self._timeouts.first_byte is not None:
            self._deadline = loop.time() + self._timeouts.first_byte
        timeout = aiohttp.ClientTimeout(connect=self._timeouts.connect)
        try:
            async with asyncio.timeout_at(self._deadline):
                self._response = await self._session.request(
                    self._method,
                    self._url,
                    data=body,
                    headers=headers,
                    proxy=self._proxy,
                    timeout=timeout,
                    # A redirect would take the key to another host, and make a GET of the POST.
                    allow_redirects=False,
                )
        except aiohttp.ConnectionTimeoutError:
            message = f"{self._where} could not be reached within {self._timeouts.connect:g} seconds"
            raise Fault(own_error("upstream_timeout", message), is_passing=True) from None
        except TimeoutError:
            raise self._too_late() from None
        except _BROKEN as error:
            raise self._broken(error) from None
        await self._check(self._response)

    async def read(self) -> bytes:
        """Return what has come since the last time, at least one byte; nothing at the end. Raises Fault."""
        response = self._response
        assert response is not None
        if self._fault is not None:
            raise self._fault
        content = response.content
        try:
            self._wait()
            data = await content.readany()
        except TimeoutError:
            raise self._too_late() from None
        except _BROKEN as error:
            self._fault = self._broken(error)
            # What came before the connection broke is still there, and often the end of the answer is in it: servers
            # close without the last chunk. aiohttp lets nobody have it who does not take the exception back.
            content.set_exception(cast("Any", None))
            data = content.read_nowait()
            if not data:
                raise self._fault from None
        finally:
            self._deadline = None
        if self._is_silent:
            if not data:
                message = f"{self._where} closed the connection without any reply"
                raise Fault(own_error("upstream_truncated", message), is_passing=True)
            self._is_silent = False
            self._rest()  # silence is another measure, and may be a shorter one
        return data

    async def linger(self, seconds: float) -> bytes:
        """Return what comes within `seconds` after an answer is over, nothing at the end; raises nothing."""
        try:
            async with asyncio.timeout(seconds):
                return await self.read()
        except (TimeoutError, Fault):
            return b""

    async def read_all(self, limit: int, seconds: float | None = None) -> bytes:
        """Return the body, or what came of it before it broke off: at most `limit` bytes within `seconds`."""
        got: list[bytes] = []
        left = limit
        try:
            async with asyncio.timeout(seconds):
                while left > 0 and (data := await self.read()):
                    got.append(data[:left])
                    left -= len(data)
        except (TimeoutError, Fault):
            pass
        return b"".join(got)

    def close(self) -> None:
        """Close the connection, unless the reply was read to its end: then it is in the pool already."""
        self._rest()
        if self._response is not None:
            self._response.close()

    # ------------------------------------------------------------------------------------------------------- patience

    def _wait(self) -> None:
        """Note until when the next piece is waited for; nobody is late while nobody waits.

        One timer serves the whole reply, and looks again whenever it has run down: pieces come by the thousand, and to
        set a timer for each would cost more than to translate it.
        """
        if not self._is_silent:
            silence = self._timeouts.silence
            self._deadline = None if silence is None else asyncio.get_running_loop().time() + silence
        if self._patience is None and self._deadline is not None:
            self._patience = asyncio.get_running_loop().call_at(self._deadline, self._look)

    def _look(self) -> None:
        """End the wait if it has been too long; else look again when it would be."""
        self._patience = None
        loop = asyncio.get_running_loop()
        if self._deadline is not None and self._deadline > loop.time():
            self._patience = loop.call_at(self._deadline, self._look)
        elif self._deadline is not None and self._response is not None:
            self._response.content.set_exception(TimeoutError())

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # ----------------------------------------------------------------------------------------------- what went wrong

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        """Raise Fault where the head of the reply does not promise an answer."""
        status = response.status
        if 300 <= status < 400:
            raise Fault(self._redirected(response), status=status)
        if status >= 400:
            error = error_in_body(status, await self.read_all(MAX_ERROR_BYTES, ERROR_SECONDS))
            if status == _NOT_FOUND and _BARE.fullmatch(error.message):
                error = replace(error, message=self._nothing_here(error.message))
            is_passing = is_worth_another_try(status, response.headers, error)
            raise Fault(
                error, is_passing=is_passing, wait=told_wait(response.headers, error, time.time()), status=status
            )
        kind = response.content_type
        if kind not in _READABLE and not kind.endswith("+json"):
            body = await self.read_all(MAX_ERROR_BYTES, ERROR_SECONDS)
            message = f"{self._where} answered with {kind}, which is no event stream: {quoted(body)}"
            raise Fault(own_error("upstream_invalid_stream", message), status=status)

    def _nothing_here(self, words: str) -> str:
        """Return what to say of a path that the server does not know, and of which it says only `words`."""
        path = self._url.raw_path
        hint = "" if _VERSION.search(path) else "; the base URL should perhaps end in /v1"
        return f"{self._where} has nothing at {path}: {words}{hint}"

    def _redirected(self, response: aiohttp.ClientResponse) -> ErrorPayload:
        message = f"{self._where} answered {reason_of(response.status)}, and redirects are not followed"
        try:
            target = self._url.join(URL(response.headers.get("Location", "")))
        except ValueError:
            target = self._url
        if target != self._url:
            # The query may hold a key.
            place = target.with_query(None).with_fragment(None).with_user(None)
            message += f"; the base URL should perhaps lead to {place}"
        return own_error("upstream_redirect", message)

    def _too_late(self) -> Fault:
        if self._is_silent:
            words = f"{self._where} sent nothing within {self._timeouts.first_byte:g} seconds"
        else:
            words = f"{self._where} fell silent for more than {self._timeouts.silence:g} seconds"
        # Not again: a model that is slow would have to do everything twice.
        return Fault(own_error("upstream_timeout", words))

    def _broken(self, error: Exception) -> Fault:
        """Return a fault for what the HTTP library raised; of what it says only the system's own words are taken."""
        where, system = self._where, _system_words(error)
        match error:
            case (
                aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | aiohttp.ClientSSLError()
            ):
                message = f"the identity of {where} could not be verified: {_tls_words(error)}"
                return Fault(own_error("upstream_tls", message))
            case aiohttp.ClientProxyConnectionError():
                proxy = "the proxy" if self._proxy is None else f"the proxy {_place(self._proxy)}"
                return Fault(
                    own_error("upstream_unreachable", f"{proxy} could not be reached{system}"), is_passing=True
                )
            case aiohttp.ClientConnectorError():
                return Fault(
                    own_error("upstream_unreachable", f"{where} could not be reached{system}"), is_passing=True
                )
            case aiohttp.ClientHttpProxyError():
                return Fault(own_error("upstream_unreachable", f"the proxy answered {reason_of(error.status)}"))
            case aiohttp.ClientResponseError():
                return Fault(own_error("upstream_invalid_http", f"what {where} answered is not HTTP"))
            case _:
                before = "before it answered" if self._is_silent else "before the reply was finished"
                message = f"{where} closed the connection {before}{system}"
                return Fault(own_error("upstream_disconnected", message), is_passing=True)


def _place(url: URL) -> str:
    """Return the host and the port of an address, and nothing else of it."""
    return f"{url.host_subcomponent}:{url.port}" if url.host else "the upstream"


def _system_words(error: BaseException) -> str:
    """Return what the operating system says, with a colon before it; empty where it says nothing."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None or number not in errno.errorcode:
        return ""
    words = os.strerror(number)
    return f": {words[:1].lower()}{words[1:]}"


def _tls_words(error: Exception) -> str:
    """Return the reason a TLS handshake failed for, as the TLS library calls it."""
    cause: object = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None)
    return str(reason or type(cause or error).__name__)
