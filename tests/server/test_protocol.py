"""Requests that ask for another protocol on the way are answered in this one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Sequence
from urllib.parse import urlsplit

import pytest

from penstock import Text
from penstock.server import protocol
from penstock.server.app import App
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from tests.server.direct import LIMIT
from tests.server.serving import HeldProvider, ScriptedProvider, served

BODY = json.dumps({"model": "m", "input": "Hi."}).encode()
HEAD = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
"""What Java's client and `curl --http2` send."""
LAST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def said_by(app: App, *pieces: bytes) -> bytes:
    """Send `pieces`, each after the server had the time to read those before it; return all that it says."""
    with served(app) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname or "", place.port or 0), LIMIT) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                client.sendall(piece)
                # Another connection is answered: so what came before has been read.
                with socket.create_connection((place.hostname or "", place.port or 0), LIMIT) as other:
                    other.sendall(LAST)
                    assert b"".join(iter(lambda other=other: other.recv(65_536), b""))  # type: ignore[misc]
            return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + H2C + b"\r\n" + BODY + LAST],
        [HEAD + H2C + b"\r\n", BODY, LAST],
        [HEAD + H2C[:50], H2C[50:] + b"\r", b"\n" + BODY[:5], BODY[5:] + LAST],
        [HEAD + b"\r\n" + BODY + HEAD + H2C + b"\r\n" + BODY[:9], BODY[9:] + LAST],
        [HEAD + H2C + b"\r\n" + BODY, HEAD + H2C + b"\r\n" + BODY, LAST],
    ],
)
def test_a_request_to_go_on_in_http_2_is_answered_with_its_body_and_those_after_it(pieces: list[bytes]) -> None:
    provider = ScriptedProvider([Text("Hello.")])
    replies = said_by(App(provider), *pieces)
    posted = b"".join(pieces).count(b"POST ")
    assert replies.count(b"HTTP/1.1 200 OK\r\n") == posted + 1
    assert replies.count(b'"text":"Hello."') == posted
    assert len(provider.asked) == posted


def test_what_is_in_a_body_is_never_taken_for_another_request() -> None:
    # Whoever reads the length of the body sees one request here.
    smuggled = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    replies = said_by(App(ScriptedProvider()), head % len(smuggled) + H2C + b"\r\n", smuggled, LAST)
    assert replies.count(b"HTTP/1.1 ") == 2
    assert replies.startswith(b"HTTP/1.1 400 ")
    assert b"invalid_json" in replies


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("rest", [b"", H2C, b"Connection: keep-alive\r\n"])
def test_a_client_of_http_1_0_is_sent_no_chunks(rest: bytes, *, streamed: bool) -> None:
    provider = ScriptedProvider([Text("Hello.")])
    body = json.dumps({"model": "m", "input": "Hi.", "stream": streamed}).encode()
    head = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"%d" % len(BODY), b"%d" % len(body)) + rest + b"\r\n"
    cut = [head[:9], head[9:] + body[:9], body[9:]]
    for pieces in ([head + body], [head, body], cut, [head + body + b"\r\n"], [head + body + LAST]):
        told, _, said = said_by(App(provider), *pieces).partition(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b"transfer-encoding" not in told.lower()
        if streamed:
            assert (said[:7], said[-14:]) == (b"event: ", b"data: [DONE]\n\n")
        else:
            assert json.loads(said)["status"] == "completed"
    assert len(provider.asked) == 5


def test_what_is_no_request_is_refused_behind_an_upgrade_too() -> None:
    assert b" 400 " in said_by(App(ScriptedProvider()), HEAD + H2C + b"\r\n" + BODY + b"\x00nonsense\r\n\r\n")


def test_a_tunnel_is_not_made() -> None:
    replies = said_by(App(ScriptedProvider()), b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n" + LAST)
    assert b"200 OK" not in replies.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("said", [b"", b"POST /v1/resp", LAST.replace(b"close", b"keep-alive") + b"POST /v1/resp"])
def test_who_connects_and_does_not_say_what_it_wants_is_not_waited_for_for_ever(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    with served(App(ScriptedProvider())) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname or "", place.port or 0), LIMIT) as client:
            client.sendall(said)
            replies = b"".join(iter(lambda: client.recv(65_536), b""))
            assert replies.count(b"HTTP/1.1 200 OK") == said.count(b"GET ")


@pytest.mark.parametrize("more", [b"", b"POST /v1/resp"])
def test_who_said_what_it_wants_is_not_hurried(more: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    held = HeldProvider()
    with served(App(held)) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname or "", place.port or 0), LIMIT) as client:
            client.sendall(HEAD + b"\r\n" + BODY + more)
            # Others come and are given up meanwhile.
            for _ in range(3):
                with socket.create_connection((place.hostname or "", place.port or 0), LIMIT) as other:
                    assert other.recv(1) == b""
            held.go_on()
            if not more:
                client.sendall(LAST)
            assert b'"text":"Hello."' in b"".join(iter(lambda: client.recv(65_536), b""))


def test_a_client_of_http_1_0_that_does_not_read_makes_the_provider_wait() -> None:
    class Endless(ScriptedProvider):
        said = 0

        async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
            while True:
                self.said += 1
                yield [Text("x" * 100_000)]
                await asyncio.sleep(0)

    provider = Endless()
    body = json.dumps({"model": "m", "input": "Hi.", "stream": True}).encode()
    head = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"%d" % len(BODY), b"%d" % len(body)) + b"\r\n"
    with served(App(provider)) as url:
        place = urlsplit(url)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.settimeout(LIMIT)
            client.connect((place.hostname or "", place.port or 0))
            client.sendall(head + body)
            assert client.recv(9) == b"HTTP/1.1 "
            for _ in range(200):
                # The server has the time to go on.
                with socket.create_connection((place.hostname or "", place.port or 0), LIMIT) as other:
                    other.sendall(LAST)
                    assert b"".join(iter(lambda other=other: other.recv(65_536), b""))  # type: ignore[misc]
            # A few megabytes wait in the buffers of the machine.
            assert provider.said < 300
        assert provider.ended.wait(LIMIT)
