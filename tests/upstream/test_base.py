"""Where each provider's requests go, and what proves who sends them."""

from __future__ import annotations

import pytest

from penstock.spec.request import CreateResponse
from penstock.upstream.base import UpstreamAPI
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.responses import Responses


@pytest.mark.parametrize(
    ("api", "path"),
    [(ChatCompletions(), "/chat/completions"), (Responses(), "/responses")],
    ids=["chat-completions", "responses"],
)
def test_requests_are_posted_below_the_base_url(api: UpstreamAPI, path: str) -> None:
    request = CreateResponse(model="m", input="Hi")
    assert api.path(request) == api.path(request, stream=False) == path
    assert api.models_endpoint == "/models"


@pytest.mark.parametrize("api", [ChatCompletions(), Responses()], ids=["chat-completions", "responses"])
def test_the_key_is_a_bearers(api: UpstreamAPI) -> None:
    assert api.headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert api.headers(None) == {}
