"""The line to one provider: its address, our key, and the connections that are kept open to it.

One pool of connections for each event loop, for none can be used in another's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Mapping
from typing import Final
from weakref import WeakKeyDictionary

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from penstock.provider.exchange import Exchange, Fault, Timeouts
from penstock.provider.retry import Retries
from penstock.provider.secrets import Secrets
from penstock.spec.response import ErrorPayload
from penstock.upstream.base import UpstreamAPI

__all__ = ["Line"]

READ_BUFFER: Final = 2**16
"""Bytes that may wait to be read, twice over, before the provider is made to wait: some hundred events."""

_log = logging.getLogger(__name__)


class Line:
    """Opens exchanges with one provider, says when to try again, and keeps what is secret."""

    def __init__(
        self,
        api: UpstreamAPI,
        base_url: str,
        *,
        key: str | None,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        retries: Retries,
        proxy: str | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Lead to `base_url`; what the rest means is said by `NetworkProvider`. Raises ValueError as it does."""
        self.base = _base_of(base_url, api.endpoint)
        self.timeouts = timeouts
        self._retries = retries
        self._proxy = None if proxy is None else URL(proxy)
        self._tls = tls
        # Of two headers of one name, however it is written, the last counts.
        sent = CIMultiDict({"User-Agent": "penstock", **api.headers(key)})
        sent.update(headers)
        if self.base.user is not None and "Authorization" in sent:
            raise ValueError("the base URL names a user, and there is a key or an Authorization header: which counts?")
        self._secrets = Secrets(
            sent,
            more={
                "key": key,
                "token in the place of a user": self.base.user,
                "password": self.base.password,
                "password of the proxy": None if self._proxy is None else self._proxy.password,
                **{f"key {name}": value for name, value in self.base.query.items()},
            },
        )
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()
        self._is_closed = False

    def __repr__(self) -> str:
        return f"{self.base.origin()}{self.base.path}"

    def begin(self, method: str, path: str) -> Exchange:
        """Return an exchange about `path`, which may have a query; `end` it. Raises RuntimeError while closed."""
        if self._is_closed:
            raise RuntimeError("the provider was closed: it answers nothing any more")
        pool = self._pool()
        exchange = Exchange(pool.session, method, _joined(self.base, path), self.timeouts, proxy=self._proxy)
        pool.under_way.add(exchange)
        return exchange

    def end(self, exchange: Exchange) -> None:
        """Close an exchange; its connection is kept where the reply was read to its end."""
        exchange.close()
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is not None:
            pool.under_way.discard(exchange)

    async def pause(self, fault: Fault, attempt: int) -> bool:
        """Wait as long as `fault`, of the `attempt` counted from 0, calls for; return whether to ask again."""
        if not fault.is_passing or self._is_closed:
            return False
        wait = self._retries.wait(attempt, fault.wait, random.random())
        if wait is None:
            return False
        # The message may be the provider's, who may say anything in it.
        why = f"HTTP {fault.status}" if fault.status is not None else fault.error.code
        _log.info("%s: %s; asking again in %.1f seconds", self.base.host, why, wait)
        await asyncio.sleep(wait)
        return not self._is_closed

    def hide(self, error: ErrorPayload) -> ErrorPayload:
        """Return `error` without what nobody but the provider may see."""
        return self._secrets.hide_in(error)

    def open(self) -> None:
        """Let exchanges begin again after `aclose`."""
        self._is_closed = False

    async def aclose(self) -> None:
        """Close the connections of this event loop; what is under way there fails, and nothing begins until `open`."""
        self._is_closed = True
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            for exchange in list(pool.under_way):
                exchange.close()
            await pool.session.close()

    def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            connector = aiohttp.TCPConnector(
                # How many may ask at a time is for the server to decide, which knows whom it turns away.
                limit=0,
                keepalive_timeout=self.timeouts.idle,
                ssl=True if self._tls is None else self._tls,
            )
            session = aiohttp.ClientSession(
                connector=connector,
                # The users of a server are not to share what a provider remembers of one.
                cookie_jar=aiohttp.DummyCookieJar(),
                # A compressed stream comes in larger pieces, later.
                headers={"Accept-Encoding": "identity", **self._secrets.headers},
                read_bufsize=READ_BUFFER,
            )
            pool = self._pools[loop] = _Pool(session)
        return pool


class _Pool:
    """The connections of one event loop, and the exchanges that use them."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.under_way: set[Exchange] = set()


def _base_of(base_url: str, endpoint: str) -> URL:
    """Return a base URL as paths are joined to it; one that leads to the endpoint itself is understood too."""
    # What it is may hold a key, and is not repeated.
    fault = ValueError("expected a base URL with http or https and a host, such as https://api.openai.com/v1")
    try:
        url = URL(base_url)
    except ValueError:
        raise fault from None
    if url.scheme not in ("http", "https") or not url.host:
        raise fault
    path = url.raw_path.rstrip("/").removesuffix(endpoint)
    return _built(url, path, url.raw_query_string)


def _joined(base: URL, path: str) -> URL:
    """Return `path`, perhaps with a query, below `base`; a version that both name (`/v1`) stands there once."""
    path, _, query = path.partition("?")
    above, below = base.raw_path.strip("/").split("/"), path.strip("/").split("/")
    shared = next(n for n in range(min(len(above), len(below)), -1, -1) if above[len(above) - n :] == below[:n])
    steps = [step for step in (*above, *below[shared:]) if step]
    return _built(base, "/" + "/".join(steps), "&".join(part for part in (query, base.raw_query_string) if part))


def _built(like: URL, path: str, query: str) -> URL:
    return URL.build(scheme=like.scheme, authority=like.raw_authority, path=path, query_string=query, encoded=True)
