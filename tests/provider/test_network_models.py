"""The models a provider lists."""

from __future__ import annotations

import contextlib
import json

import pytest

from penstock.provider.base import ModelInfo
from penstock.provider.network import Fault
from penstock.upstream.base import UpstreamAPI
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.responses import Responses
from tests.provider.asking import (
    AT_ONCE,
    KEY,
    provider,
)
from tests.provider.loopback import Asked, Handler, loopback, run, whole

# Models.


def listing(document: object, status: str = "200 OK") -> Handler:
    return whole(json.dumps(document), status, {"Content-Type": "application/json"})


async def models(*handlers: Handler, api: UpstreamAPI | None = None) -> tuple[list[ModelInfo], list[Asked]]:
    async with (
        loopback(*handlers) as server,
        contextlib.aclosing(provider(server, api=api or ChatCompletions(), retries=AT_ONCE)) as network,
    ):
        return await network.models(), server.asked


def test_the_models_of_openai_are_listed() -> None:
    listed = {"object": "list", "data": [{"id": "gpt-5", "created": 1754425777, "owned_by": "system"}, {"id": "o3"}]}
    found, asked = run(models(listing(listed), api=Responses()))
    assert found == [ModelInfo("gpt-5", 1754425777, "system"), ModelInfo("o3")]
    assert asked[0].line == "GET /v1/models HTTP/1.1"
    assert asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_models_are_listed_page_by_page() -> None:
    pages = [
        {"data": [{"id": "claude-1", "created_at": "2026-02-04T00:00:00Z"}], "has_more": True, "last_id": "claude-1"},
        {"models": [{"name": "models/gemini-1"}], "nextPageToken": "a/b"},
        {"data": [{"id": "claude-1"}, {"id": "last"}], "has_more": False, "last_id": "last"},
    ]

    class Queried(ChatCompletions):
        models_endpoint = "/models?limit=5"

    found, asked = run(models(*map(listing, pages), api=Queried()))
    assert found == [ModelInfo("claude-1"), ModelInfo("gemini-1"), ModelInfo("last")]
    assert [entry.line.split()[1] for entry in asked] == [
        "/v1/models?limit=5",
        "/v1/models?limit=5&after_id=claude-1",
        "/v1/models?limit=5&pageToken=a%2Fb",
    ]


def test_a_list_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.provider.network.MAX_PAGES", 3)
    found, asked = run(models(listing({"models": [{"name": "m"}], "nextPageToken": "again"})))
    assert found == [ModelInfo("m")]
    assert len(asked) == 3


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed"])
def test_a_provider_that_lists_nothing_has_no_models(status: str) -> None:
    assert run(models(listing({}, status)))[0] == []


def test_the_list_is_asked_for_again() -> None:
    found, asked = run(models(listing({}, "503 Busy"), listing({"data": [{"id": "m"}]})))
    assert found == [ModelInfo("m")]
    assert len(asked) == 2


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data": 7}', b"7"])
def test_what_is_no_list_of_models_is_a_fault(body: bytes) -> None:
    with pytest.raises(Fault, match="sent no list of models") as caught:
        run(models(whole(body, headers={"Content-Type": "application/json"})))
    assert caught.value.error.code == "upstream_invalid_json"
