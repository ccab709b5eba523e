"""The adapter: the Gemini API behind the one interface of all upstreams."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from penstock.upstream.base import UnsupportedParameter, UpstreamAPI, UpstreamRequest
from penstock.upstream.gemini.request import Options, translate
from penstock.upstream.gemini.stream import GeminiTranslation

_COLLECTIONS = ("models/", "tunedModels/", "publishers/", "projects/")
"""How the names of models begin that say where they are kept; all others are among `models/`."""


class Gemini(UpstreamAPI):
    """The Gemini API; `options` tell what is wanted of it beyond Open Responses.

    Its base URL is `https://generativelanguage.googleapis.com/v1beta`, or for Vertex AI the address of a project and
    location.
    """

    name = "gemini"
    endpoint = "/models"
    """Below it stand the model and the method: see `path`."""

    def __init__(self, options: Options | None = None) -> None:
        """Ask as `options` say."""
        self.options = options if options is not None else Options()

    def path(self, request: CreateResponse, *, stream: bool = True) -> str:
        """Return the path of the model asked for, with the method, and for a stream with `alt=sse`.

        Raises UnsupportedParameter where there is no model, or none that a path can name.
        """
        model = request.model
        if not model:
            raise UnsupportedParameter("model", "Gemini needs the name of a model")
        if ".." in model or any(character in "?&#" for character in model):
            raise UnsupportedParameter("model", f"{model!r} is no name of a model of Gemini's")
        where = model if model.startswith(_COLLECTIONS) else f"models/{model}"
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/{quote(where, safe='/@', errors='replace')}:{method}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the header that proves who asks: `x-goog-api-key`."""
        return {} if key is None else {"x-goog-api-key": key}

    def request(self, request: CreateResponse, *, stream: bool = True) -> UpstreamRequest:  # noqa: ARG002 - the path tells
        """Return `request` as the body of `generateContent`, and what of it is not in there; `path` names the model.

        Raises UnsupportedParameter for what cannot be expressed, and for what must have been resolved before:
        `previous_response_id`, item references, compaction items, `background`.
        """
        return translate(request, self.options)

    def stream(self, request: CreateResponse | None = None) -> GeminiTranslation:  # noqa: ARG002 - replies tell all
        """Return a fresh translation of a streamed reply."""
        return GeminiTranslation()

    def reply(self, data: bytes, request: CreateResponse | None = None) -> Sequence[Output]:
        """Return what the model said in a whole reply; an event stream that came in its place is read too.

        What the reply holds beyond Open Responses is told only by a translation's `losses`; whoever needs them feeds
        the reply to `stream`.
        """
        translation = self.stream(request)
        return [*translation.feed(data), *translation.close()]
