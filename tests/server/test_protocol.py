"""Requests that ask for another protocol on the way are answered in this one."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from penstock import Text
from penstock.server.app import App
from tests.server.direct import LIMIT
from tests.server.serving import ScriptedProvider, served

BODY = json.dumps({"model": "m", "input": "Hi."}).encode()
HEAD = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
"""What Java's client and `curl --http2` send."""
LAST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def said(app: App, *pieces: bytes) -> bytes:
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
    replies = said(App(provider), *pieces)
    posted = b"".join(pieces).count(b"POST ")
    assert replies.count(b"HTTP/1.1 200 OK\r\n") == posted + 1
    assert replies.count(b'"text":"Hello."') == posted
    assert len(provider.asked) == posted


def test_what_is_in_a_body_is_never_taken_for_another_request() -> None:
    # Whoever reads the length of the body sees one request here.
    smuggled = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    replies = said(App(ScriptedProvider()), head % len(smuggled) + H2C + b"\r\n", smuggled, LAST)
    assert replies.count(b"HTTP/1.1 ") == 2
    assert replies.startswith(b"HTTP/1.1 400 ")
    assert b"invalid_json" in replies


def test_what_is_no_request_is_refused_behind_an_upgrade_too() -> None:
    assert b" 400 " in said(App(ScriptedProvider()), HEAD + H2C + b"\r\n" + BODY + b"\x00nonsense\r\n\r\n")


def test_a_tunnel_is_not_made() -> None:
    replies = said(App(ScriptedProvider()), b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n" + LAST)
    assert b"200 OK" not in replies.partition(b"\r\n\r\n")[0]
