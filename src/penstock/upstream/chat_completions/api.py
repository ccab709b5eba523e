"""The adapter: Chat Completions behind the one interface of all upstreams."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.spec.request import CreateResponse
from penstock.spec.tools import FunctionToolParam
from penstock.stream.output import Output
from penstock.upstream.base import UpstreamAPI, UpstreamRequest
from penstock.upstream.chat_completions.request import Options, translate
from penstock.upstream.chat_completions.stream import ChatCompletionsTranslation


class ChatCompletions(UpstreamAPI):
    """Chat Completions, of OpenAI or of anyone whose endpoint resembles it; `options` tell in what theirs differs.

    The defaults suit as many as possible: nothing is sent that a common provider refuses, unless the caller of
    Open Responses asked for it by name.
    """

    name = "chat-completions"
    endpoint = "/chat/completions"

    def __init__(self, options: Options | None = None) -> None:
        """Speak to a provider that differs from the others as `options` say."""
        self.options = options if options is not None else Options()

    def request(self, request: CreateResponse, *, stream: bool = True) -> UpstreamRequest:
        """Return `request` as the body of `POST /chat/completions`, and what of it is not in there.

        Raises UnsupportedParameter for what cannot be expressed, and for what must have been resolved before:
        `previous_response_id`, item references, compaction items, `background`.
        """
        return translate(request, self.options, stream=stream)

    def stream(self, request: CreateResponse | None = None) -> ChatCompletionsTranslation:
        """Return a fresh translation of a streamed reply; the functions `request` offers make calls known sooner."""
        tools = (request.tools if request is not None else None) or ()
        functions = frozenset(tool.name for tool in tools if isinstance(tool, FunctionToolParam))
        return ChatCompletionsTranslation(
            functions=functions, think_tags=self.options.think_tags, sentinel=self.options.sentinel
        )

    def reply(self, data: bytes, request: CreateResponse | None = None) -> Sequence[Output]:
        """Return what the model said in a whole reply; an event stream that came in its place is read too.

        What the reply holds beyond Open Responses is told only by a translation's `losses`; whoever needs them feeds
        the reply to `stream`.
        """
        translation = self.stream(request)
        return [*translation.feed(data), *translation.close()]
