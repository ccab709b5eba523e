"""The adapter: the Messages API behind the one interface of all upstreams."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from penstock.upstream.anthropic.request import Options, translate
from penstock.upstream.anthropic.stream import AnthropicTranslation
from penstock.upstream.base import UpstreamAPI, UpstreamRequest


class Anthropic(UpstreamAPI):
    """The Messages API, of Anthropic or of anyone who serves it; `options` tell in what theirs differs."""

    name = "anthropic"
    endpoint = "/v1/messages"
    models_endpoint = "/v1/models"

    def __init__(self, options: Options | None = None) -> None:
        """Speak to a provider, or a model, that differs from Anthropic's newest as `options` say."""
        self.options = options if options is not None else Options()

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the version of the API, the beta features, and `key`, where there is one, as `x-api-key`."""
        headers = {"anthropic-version": self.options.version}
        if key is not None:
            headers["x-api-key"] = key
        if self.options.betas:
            headers["anthropic-beta"] = ",".join(self.options.betas)
        return headers

    def request(self, request: CreateResponse, *, stream: bool = True) -> UpstreamRequest:
        """Return `request` as the body of `POST /v1/messages`, and what of it is not in there.

        Raises UnsupportedParameter for what cannot be expressed, and for what must have been resolved before:
        `previous_response_id`, item references, `background`.
        """
        return translate(request, self.options, stream=stream)

    def stream(self, request: CreateResponse | None = None) -> AnthropicTranslation:  # noqa: ARG002 - it is all told
        """Return a fresh translation of a streamed reply; what `request` asked is not needed to read it."""
        return AnthropicTranslation(raw_thinking=self.options.raw_thinking)

    def reply(self, data: bytes, request: CreateResponse | None = None) -> Sequence[Output]:
        """Return what the model said in a whole reply; an event stream that came in its place is read too.

        What the reply holds beyond Open Responses is told only by a translation's `losses`; whoever needs them feeds
        the reply to `stream`.
        """
        translation = self.stream(request)
        return [*translation.feed(data), *translation.close()]
