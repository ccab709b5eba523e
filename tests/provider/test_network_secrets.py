"""Keys are told to the provider and to nobody else."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

import msgspec
import pytest

from penstock.provider.network import Fault, Retries
from tests.provider.asking import (
    ANSWER,
    KEY,
    SAID,
    failure,
    frame,
    heard,
    provider,
    reset,
)
from tests.provider.loopback import loopback, run, streamed, whole

# Secrets.


def test_a_key_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"message": f"Bad key {KEY}", "code": KEY, "param": KEY, "type": KEY, "sent": [{KEY: f"<{KEY}>"}]}}
    in_stream = streamed(ANSWER[0], frame(echo))
    cut = streamed(ANSWER[0] + KEY.encode())
    handlers = [
        whole(json.dumps(echo), "401 No"),
        whole(json.dumps(echo), "500 No"),
        whole(f"<h1>{KEY}</h1>", "502 No"),
        whole(KEY, headers={"Content-Type": "text/html"}),
        whole(status="302 Found", headers={"Location": f"/{KEY}?key={KEY}"}),
        in_stream,
        cut,
        reset,
    ]

    async def work() -> None:
        for handler in handlers:
            async with loopback(handler) as server:
                network = provider(f"{server.url}?key=query-{KEY}", retries=Retries(times=1, first=0.0))
                assert KEY not in repr(network) + repr(vars(network)) + repr(network._line._secrets)
                said = await heard(network)
                assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
                shown = repr(said) + msgspec.json.encode(str(failure(said))).decode()
                assert KEY not in shown
                assert "query-" not in shown

    run(work())
    assert "asking again in" in caplog.text
    assert KEY not in caplog.text


def test_a_key_is_not_in_the_fault_of_a_list_of_models() -> None:
    async def work() -> None:
        refused = whole(json.dumps({"error": f"Bad key {KEY}"}), "401 No")
        async with loopback(refused) as server, contextlib.aclosing(provider(server)) as network:
            with pytest.raises(Fault, match=r"Bad key \[hidden\]") as caught:
                await network.models()
            assert caught.value.status == 401
            assert caught.value.__cause__ is caught.value.__context__ is None

    run(work())


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("api.example.com/v1", {}),
        ("ftp://host/v1", {}),
        ("http://", {}),
        ("http://[::1/v1?key=" + KEY, {}),
        ("http://user:pass@host/v1", {}),
        ("http://host/v1", {"key": f"{KEY}\n"}),
        ("http://host/v1", {"headers": {"X-Key": f"{KEY}\r\nX: y"}}),
        ("http://host/v1", {"headers": {"X Key": KEY}}),
    ],
)
def test_what_cannot_be_sent_is_refused_without_repeating_it(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"base URL|header") as caught:
        provider(url, **options)
    assert KEY not in str(caught.value)


def test_a_user_in_the_base_url_is_sent_where_there_is_no_key() -> None:
    async def work() -> None:
        async with loopback(streamed(*ANSWER)) as server:
            network = provider(server.url.replace("://", "://user:a-password@"), key=None)
            assert "password" not in repr(network)
            assert await heard(network) == SAID
            assert server.asked[0].headers["authorization"].startswith("Basic ")

    run(work())
