"""A provider's API over the network: requests go out, and what the model says comes back.

Some decisions, each made once and here or in the modules below:

- What is there is read, all of it is translated, and leaves as one batch: the cost is that of reads, not of events.
- Nothing is read while the listener is busy; the socket's and one bounded buffer fill, then the provider waits.
- A request is repeated only while nothing of its answer was said (`penstock.provider.retry`).
- Closing the answer closes the connection at once: a provider that notices stops the model, and the bill.
- Keys are in no error, log or representation (`penstock.provider.secrets`); redirects are not followed; no cookies
  are kept, and neither a proxy nor a key is looked for in the environment.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from penstock.provider.base import Answer, ModelInfo, Provider
from penstock.provider.exchange import Fault, Timeouts
from penstock.provider.line import Line
from penstock.provider.listing import MAX_LISTING_BYTES, MAX_PAGES, read_page
from penstock.provider.retry import Retries
from penstock.spec.request import CreateResponse
from penstock.stream.output import Failure, Output, Stop
from penstock.upstream.base import Translation, UpstreamAPI, UpstreamRequest
from penstock.upstream.faults import own_error
from penstock.wire.codec import encode_plain

__all__ = ["Fault", "NetworkProvider", "Retries", "Timeouts"]

LINGER: Final = 1.0
"""Seconds the connection may take to close after the answer is over, so that it can be used again."""

_ENDS: Final = frozenset({Failure, Stop})
_CUT_OFF: Final = frozenset(
    {"upstream_interrupted", "upstream_invalid_json", "upstream_invalid_stream", "upstream_truncated"}
)
"""What a translation can say of a reply that was cut off: only the network knows why it was."""
_NO_LISTING: Final = frozenset({404, 405, 501})
"""Statuses that say that a provider lists no models."""


class NetworkProvider(Provider):
    """Answers requests by asking a provider over the network."""

    def __init__(
        self,
        api: UpstreamAPI,
        base_url: str,
        *,
        key: str | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = True,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Ask a provider that speaks `api` below `base_url` (`https://api.openai.com/v1`).

        `key` is sent as the API wants it; `headers` are sent besides, and win. `base_url` may have a query, which goes
        with every request. `stream`: whether the provider is asked for a stream; a whole reply is read too. `proxy` is
        the URL of one, `tls` what certificates are checked by, where it is not the system's.
        Raises ValueError for an address that is none, and for a key that no header can hold.
        """
        self.name = api.name
        self._api = api
        self._is_streamed = stream
        self._line = Line(
            api,
            base_url,
            key=key,
            headers=headers or {},
            timeouts=timeouts or Timeouts(),
            retries=retries or Retries(),
            proxy=proxy,
            tls=tls,
        )

    def __repr__(self) -> str:
        return f"NetworkProvider({self.name} at {self._line!r})"

    def answer(self, request: CreateResponse) -> Answer:
        """Return the answer to `request`, not asked for yet."""
        return _NetworkAnswer(self._line, self._api, request, stream=self._is_streamed)

    async def models(self) -> list[ModelInfo]:
        """Return the models that can be asked for, in the provider's order; empty where it lists none.

        Raises Fault where they could not be fetched.
        """
        found: dict[str, ModelInfo] = {}
        path = first = self._api.models_endpoint
        for _ in range(MAX_PAGES):
            try:
                models, query = read_page(await self._fetched(path))
            except Fault as fault:
                if fault.status in _NO_LISTING:
                    return []
                raise
            except ValueError as error:
                message = f"{self._line.base.host} sent no list of models: {error}"
                raise Fault(own_error("upstream_invalid_json", message)) from None
            found.update((model.id, model) for model in models)
            if query is None:
                break
            path = f"{first}{'&' if '?' in first else '?'}{query}"
        return list(found.values())

    def open(self) -> None:
        """Answer again after `aclose`, over new connections."""
        self._line.open()

    async def aclose(self) -> None:
        """Close the connections of this event loop; answers under way fail, and no others can be had until `open`."""
        await self._line.aclose()

    async def _fetched(self, path: str) -> bytes:
        """Return what is at `path`; raise Fault."""
        line, attempt = self._line, 0
        while True:
            exchange = line.begin("GET", path)
            try:
                await exchange.begin(headers={"Accept": "application/json"})
                return await exchange.read_all(MAX_LISTING_BYTES, line.timeouts.silence)
            except Fault as caught:
                fault = caught
            finally:
                line.end(exchange)
            if not await line.pause(fault, attempt):
                raise Fault(line.hide(fault.error), status=fault.status)
            attempt += 1


class _NetworkAnswer(Answer):
    """The answer to one request."""

    def __init__(self, line: Line, api: UpstreamAPI, request: CreateResponse, *, stream: bool) -> None:
        super().__init__()
        self._line = line
        self._api = api
        self._request = request
        self._is_streamed = stream
        self._asked: tuple[str, UpstreamRequest] | None = None

    def prepare(self) -> None:
        """Translate the request; raise UnsupportedParameter where that is not possible."""
        self._prepared()

    def _prepared(self) -> tuple[str, UpstreamRequest]:
        """Return where the request goes, and what goes there."""
        if self._asked is None:
            asked = self._api.request(self._request, stream=self._is_streamed)
            self._asked = self._api.path(self._request, stream=self._is_streamed), asked
            self.losses.extend(asked.losses)
        return self._asked

    async def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        """Yield what the provider's model says, as it comes."""
        line, api, request = self._line, self._api, self._request
        path, asked = self._prepared()
        body = encode_plain(asked.body)
        wanted = "text/event-stream" if self._is_streamed else "application/json"
        headers = {"Content-Type": "application/json", "Accept": wanted}
        attempt = 0
        while True:
            exchange, translation = line.begin("POST", path), api.stream(request)
            fault: Fault | None = None
            is_heard = is_begun = is_over = False
            try:
                await exchange.begin(body, headers=headers)
                while data := await (exchange.linger(LINGER) if is_over else exchange.read()):
                    is_heard = True
                    said = translation.feed(data)
                    self.model = translation.model
                    if not said:
                        continue
                    is_begun = True
                    if not _ENDS.isdisjoint(map(type, said)):
                        is_over, said = True, self._hidden(said)
                    yield said
                if exchange.is_framed:
                    translation.came_whole()
            except Fault as caught:
                fault = caught
            finally:
                line.end(exchange)
            if fault is None or is_begun or not await line.pause(fault, attempt):
                break
            attempt += 1
        said = _last(translation, fault) if is_heard or fault is None else [Failure(fault.error)]
        self.model = translation.model
        self.losses.extend(translation.losses)
        if said:
            yield self._hidden(said)

    def _hidden(self, said: Sequence[Output]) -> list[Output]:
        """Return what the provider said, without what nobody else may see."""
        hide = self._line.hide
        return [Failure(hide(output.error)) if isinstance(output, Failure) else output for output in said]


def _last(translation: Translation, fault: Fault | None) -> Sequence[Output]:
    """Return what is left of a reply that is over, because of `fault` where there was one."""
    said = translation.close()
    if fault is None:
        return said
    return [
        Failure(fault.error) if isinstance(output, Failure) and output.error.code in _CUT_OFF else output
        for output in said
    ]
