"""Where each provider's requests go, and what proves who sends them."""

from __future__ import annotations

import pytest

from penstock.spec.request import CreateResponse
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.base import UpstreamAPI
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.gemini import Gemini
from penstock.upstream.responses import Responses


@pytest.mark.parametrize(
    ("api", "path"),
    [(Anthropic(), "/v1/messages"), (ChatCompletions(), "/chat/completions"), (Responses(), "/responses")],
    ids=["anthropic", "chat-completions", "responses"],
)
def test_requests_are_posted_below_the_base_url(api: UpstreamAPI, path: str) -> None:
    request = CreateResponse(model="m", input="Hi")
    assert api.path(request) == api.path(request, stream=False) == path


def test_gemini_has_the_model_in_the_path() -> None:
    request = CreateResponse(model="gemini-x", input="Hi")
    assert Gemini().path(request) == "/models/gemini-x:streamGenerateContent?alt=sse"
    assert Gemini().path(request, stream=False) == "/models/gemini-x:generateContent"


@pytest.mark.parametrize(
    ("api", "path"),
    [(Anthropic(), "/v1/models"), (ChatCompletions(), "/models"), (Gemini(), "/models"), (Responses(), "/models")],
    ids=["anthropic", "chat-completions", "gemini", "responses"],
)
def test_models_are_listed_below_the_base_url(api: UpstreamAPI, path: str) -> None:
    assert api.models_endpoint == path


@pytest.mark.parametrize("api", [ChatCompletions(), Responses()], ids=["chat-completions", "responses"])
def test_the_key_is_a_bearers(api: UpstreamAPI) -> None:
    assert api.headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert api.headers(None) == {}


def test_some_have_a_header_of_their_own_for_the_key() -> None:
    headers = Anthropic().headers("sk-1")
    assert headers["x-api-key"] == "sk-1"
    assert "anthropic-version" in headers
    assert "x-api-key" not in Anthropic().headers(None)
    assert Gemini().headers("sk-1") == {"x-goog-api-key": "sk-1"}
    assert Gemini().headers(None) == {}
