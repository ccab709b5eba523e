"""What goes wrong on the network, fault by fault, against a server on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from penstock.provider.network import Retries, Timeouts
from penstock.stream.output import Output, Text
from tests.provider.asking import (
    ANSWER,
    ASKED,
    AT_ONCE,
    SAID,
    ask,
    failure,
    frame,
    hang,
    heard,
    placed,
    provider,
    reset,
    too_many,
)
from tests.provider.loopback import STREAM, Asked, Handler, chunk, head, loopback, run, streamed, whole

# Faults before the answer.


def test_a_refused_connection_is_tried_again_and_then_a_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1?key=secret-in-the-query"
        error = failure(run(heard(provider(url, retries=Retries(times=1, first=0.0)))))
    assert (error.type, error.code) == ("server_error", "upstream_unreachable")
    assert error.message == f"127.0.0.1:{port} could not be reached: connection refused"


def test_a_connection_that_does_not_come_about_in_time_is_a_failure() -> None:
    async def work() -> list[Output]:
        # It listens, but its queue is full: nobody answers.
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            address = deaf.getsockname()
            waiting = [socket.socket() for _ in range(4)]
            try:
                for client in waiting:
                    client.setblocking(False)
                    client.connect_ex(address)
                return await heard(provider(f"http://127.0.0.1:{address[1]}", timeouts=Timeouts(connect=0.1)))
            finally:
                for client in waiting:
                    client.close()

    error = failure(run(work()))
    assert error.code == "upstream_timeout"
    assert placed(error.message) == "127.0.0.1:PORT could not be reached within 0.1 seconds"


def test_a_reset_before_the_answer_is_tried_again() -> None:
    said, asked = run(ask(reset, streamed(*ANSWER), retries=AT_ONCE))
    assert said == SAID
    assert [entry.body for entry in asked] == [asked[0].body] * 2


def test_a_reset_before_the_answer_is_a_failure_when_it_stays_so() -> None:
    said, asked = run(ask(reset, retries=AT_ONCE))
    error = failure(said)
    assert (error.type, error.code) == ("server_error", "upstream_disconnected")
    assert placed(error.message).startswith("127.0.0.1:PORT closed the connection before it answered")
    assert len(asked) == 3


@pytest.mark.parametrize("sent", [b"", STREAM, head(Content_Type="text/event-stream"), head(Content_Length="0")])
def test_a_reply_without_a_byte_is_tried_again(sent: bytes) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(sent)
        asked.writer.close()

    said, asked = run(ask(handler, streamed(*ANSWER), retries=AT_ONCE))
    assert said == SAID
    assert len(asked) == 2
    assert failure(run(ask(handler))[0]).code in ("upstream_disconnected", "upstream_truncated")


def test_what_is_no_http_is_a_failure() -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(b"220 mail.example ESMTP\r\n\r\n")
        asked.writer.close()

    error = failure(run(ask(handler))[0])
    assert (error.code, placed(error.message)) == ("upstream_invalid_http", "what 127.0.0.1:PORT answered is not HTTP")


@pytest.mark.parametrize("sent", [b"", STREAM])
def test_a_hang_before_the_first_byte_ends_in_time_and_is_not_tried_again(sent: bytes) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(sent)
        await hang(asked)

    said, asked = run(ask(handler, timeouts=Timeouts(first_byte=0.1), retries=AT_ONCE))
    error = failure(said)
    assert (error.code, placed(error.message)) == ("upstream_timeout", "127.0.0.1:PORT sent nothing within 0.1 seconds")
    assert len(asked) == 1


def test_no_limits_but_those_that_were_set() -> None:
    none = Timeouts(connect=None, first_byte=None, silence=None)
    assert run(ask(streamed(*ANSWER), timeouts=none))[0] == SAID


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    async def work() -> None:
        async with loopback(streamed(*ANSWER)) as elsewhere:
            handler = whole(status=f"{status} Moved", headers={"Location": f"{elsewhere.url}?key=abcdefgh"})
            said, asked = await ask(handler, retries=AT_ONCE)
            error = failure(said)
            assert error.code == "upstream_redirect"
            assert placed(error.message).startswith(f"127.0.0.1:PORT answered {status} ")
            assert error.message.endswith(f"the base URL should perhaps lead to {elsewhere.url}")
            assert len(asked) == 1
            assert elsewhere.asked == []

    run(work())


@pytest.mark.parametrize("location", ["", "http://[", "/v1/chat/completions"])
def test_a_redirect_that_leads_nowhere_is_told(location: str) -> None:
    said, _ = run(ask(whole(status="302 Found", headers={"Location": location} if location else {})))
    assert placed(failure(said).message) == "127.0.0.1:PORT answered 302 Found, and redirects are not followed"


def test_another_type_of_content_is_a_failure() -> None:
    page = "<html><head><title>Welcome</title></head></html>"
    error = failure(run(ask(whole(page, headers={"Content-Type": "text/html; charset=utf-8"})))[0])
    assert error.code == "upstream_invalid_stream"
    assert placed(error.message) == f"127.0.0.1:PORT answered with text/html, which is no event stream: {page!r}"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/octet-stream", "application/problem+json"])
def test_a_stream_that_is_called_something_else_is_read(kind: str) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(head(Transfer_Encoding="chunked", **({"Content-Type": kind} if kind else {})))
        await asked.send(*map(chunk, [*ANSWER, b""]))

    assert run(ask(handler))[0] == SAID


def test_tls_that_cannot_be_trusted_is_a_failure(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)

    async def work() -> list[Output]:
        async with loopback(streamed(*ANSWER), tls=context) as server:
            return await heard(provider(server, retries=AT_ONCE))

    error = failure(run(work()))
    assert error.code == "upstream_tls"
    assert placed(error.message).startswith("the identity of localhost:PORT could not be verified: self")


def test_tls_with_a_certificate_of_ones_own_is_trusted(tmp_path: Path) -> None:
    context, path = certificate(tmp_path)

    async def work() -> list[Output]:
        async with loopback(streamed(*ANSWER), tls=context) as server:
            return await heard(provider(server, tls=ssl.create_default_context(cafile=path)))

    assert run(work()) == SAID


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for localhost that nobody has signed, and where that is."""
    path, key = folder / "cert.pem", folder / "key.pem"
    made = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *made]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context, path


def test_a_proxy_that_refuses_is_told() -> None:
    async def work() -> list[Output]:
        async with loopback(whole(status="407 Proxy Authentication Required")) as server:
            return await heard(provider("https://nowhere.invalid/v1", proxy=server.url))

    error = failure(run(work()))
    assert error.code == "upstream_unreachable"
    assert error.message == "the proxy answered 407 Proxy Authentication Required"


# Faults in mid-stream.


def test_a_reset_in_mid_stream_is_a_failure_and_never_tried_again() -> None:
    async def work() -> None:
        said = asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(STREAM, chunk(ANSWER[0]))
            await said.wait()
            asked.reset()

        async with loopback(handler) as server, contextlib.aclosing(provider(server, retries=AT_ONCE)) as network:
            batches = network.answer(ASKED).batches()
            assert await anext(batches) == [Text("Hel")]
            said.set()
            error = failure(await anext(batches))
            assert (error.type, error.code) == ("server_error", "upstream_disconnected")
            assert placed(error.message).startswith(
                "127.0.0.1:PORT closed the connection before the reply was finished"
            )
            with pytest.raises(StopAsyncIteration):
                await anext(batches)
            assert len(server.asked) == 1

    run(work())


def test_what_came_before_a_stream_broke_off_is_said() -> None:
    said, _ = run(ask(streamed(*ANSWER[:2], last=False)))
    assert said[:2] == SAID[:2]
    assert failure(said).code == "upstream_disconnected"


@pytest.mark.parametrize("closed", [True, False])
def test_what_waits_to_be_read_when_the_connection_breaks_is_not_lost(*, closed: bool) -> None:
    async def work() -> None:
        read, sent = asyncio.Event(), asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(STREAM, chunk(ANSWER[0]))
            await read.wait()
            # The end of the answer is there; the last chunk, of no bytes, is not.
            await asked.send(b"".join(map(chunk, ANSWER[1:] if closed else ANSWER[1:2])))
            asked.writer.close()
            await asked.writer.wait_closed()
            sent.set()

        async with loopback(handler) as server, contextlib.aclosing(provider(server)) as network:
            batches = network.answer(ASKED).batches()
            said = [*await anext(batches)]
            read.set()
            await sent.wait()
            for _ in range(50):  # turns of the loop, in which the client hears of it
                await asyncio.sleep(0)
            said += [output async for batch in batches for output in batch]
            if closed:
                assert said == SAID
            else:
                assert said[:-1] == SAID[:2]
                assert failure(said).code == "upstream_disconnected"

    run(work())


def test_a_hang_in_mid_stream_ends_in_time() -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(STREAM, chunk(ANSWER[0]))
        await hang(asked)

    said, asked = run(ask(handler, timeouts=Timeouts(silence=0.1), retries=AT_ONCE))
    assert said[0] == Text("Hel")
    error = failure(said)
    assert error.code == "upstream_timeout"
    assert placed(error.message) == "127.0.0.1:PORT fell silent for more than 0.1 seconds"
    assert len(asked) == 1


def test_a_listener_that_takes_its_time_makes_nobody_late() -> None:
    silence = 0.4
    listened = asyncio.Queue[None]()

    async def handler(asked: Asked) -> None:
        await asked.send(STREAM)
        for piece in ANSWER:
            await asked.send(chunk(piece))
            await listened.get()
        await asked.send(chunk(b""))

    async def work() -> None:
        async with (
            loopback(handler) as server,
            contextlib.aclosing(provider(server, timeouts=Timeouts(silence=silence))) as network,
        ):
            batches = network.answer(ASKED).batches()
            said: list[Output] = []
            for _ in ANSWER:
                said += await anext(batches)
                await asyncio.sleep(1.25 * silence)
                listened.put_nowait(None)
            assert [output async for batch in batches for output in batch] == []
            assert said == SAID

    run(work())


def test_an_answer_may_take_longer_than_any_silence_in_it() -> None:
    silence = 1.0

    async def handler(asked: Asked) -> None:
        await asked.send(STREAM)
        for piece in [ANSWER[0], *[b": still there\n\n"] * 5, *ANSWER[1:]]:
            await asked.send(chunk(piece))
            await asyncio.sleep(silence / 5)
        await asked.send(chunk(b""))

    assert run(ask(handler, timeouts=Timeouts(silence=silence)))[0] == SAID


def test_a_connection_that_stays_open_after_the_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.provider.network.LINGER", 0.05)

    async def handler(asked: Asked) -> None:
        await asked.send(STREAM, *map(chunk, ANSWER))
        await hang(asked)

    assert run(ask(handler))[0] == SAID


def test_half_a_frame_is_no_answer() -> None:
    said, _ = run(ask(streamed(ANSWER[0], ANSWER[1][:20])))
    assert said[0] == Text("Hel")
    assert failure(said).code == "upstream_truncated"


def test_a_stream_that_ends_well_before_the_answer_does_is_a_failure() -> None:
    said, _ = run(ask(streamed(ANSWER[0]), retries=AT_ONCE))
    assert said[0] == Text("Hel")
    assert failure(said).code == "upstream_truncated"


def test_a_document_that_breaks_off_is_told_as_that() -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(head(Content_Type="application/json", Content_Length="1000") + b'{"choices": [')
        asked.writer.close()

    error = failure(run(ask(handler))[0])
    assert error.code == "upstream_disconnected"


def test_what_the_provider_said_itself_stands_though_the_connection_broke() -> None:
    reported = frame({"error": {"message": "The model broke", "code": "model_error"}})
    said, asked = run(ask(streamed(ANSWER[0], reported, last=False), retries=AT_ONCE))
    assert said[0] == Text("Hel")
    assert failure(said).message == "The model broke"
    assert len(asked) == 1


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\xfe garbage", b"data: {broken\n\n", b"<!DOCTYPE html>", b"data: []\n\n"]
)
def test_garbage_is_a_failure(garbage: bytes) -> None:
    error = failure(run(ask(streamed(garbage)))[0])
    assert (error.code or "").startswith("upstream_invalid")


# Trying again.


@pytest.mark.parametrize(
    "handler",
    [too_many("0"), too_many("0.01"), too_many("1", "retry-after-ms"), too_many("Wed, 21 Oct 2015 07:28:00 GMT")],
)
def test_after_too_many_requests_the_told_time_passes_and_then_it_succeeds(handler: Handler) -> None:
    # Without what it was told it would wait for an hour.
    said, asked = run(ask(handler, handler, streamed(*ANSWER), retries=Retries(first=3600.0, longest=3600.0)))
    assert said == SAID
    assert len(asked) == 3
    assert {entry.connection for entry in asked} == {1}


def test_the_told_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("penstock.provider.line.asyncio.sleep", sleep)
    assert run(ask(too_many("7"), too_many("60"), streamed(*ANSWER), retries=Retries()))[0] == SAID
    assert waits == [7.0, 60.0]
    assert run(ask(too_many(), streamed(*ANSWER), retries=Retries(first=4.0)))[0] == SAID
    assert 2.0 <= waits[2] <= 4.0


def test_who_is_told_to_wait_for_long_does_not() -> None:
    said, asked = run(ask(too_many("3600"), retries=AT_ONCE))
    assert failure(said).type == "too_many_requests"
    assert failure(said).message == "Slow down"
    assert len(asked) == 1


def test_retries_come_to_an_end() -> None:
    said, asked = run(ask(too_many(), retries=Retries(times=3, first=0.0)))
    assert failure(said).message == "Slow down"
    assert len(asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 501])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    said, asked = run(ask(whole(b"{}", f"{status} No"), retries=AT_ONCE))
    assert failure(said).code == f"upstream_http_{status}"
    assert len(asked) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(status: int) -> None:
    said, asked = run(ask(whole(b"{}", f"{status} No"), streamed(*ANSWER), retries=AT_ONCE))
    assert said == SAID
    assert len(asked) == 2


def test_nothing_is_tried_again_once_something_was_said() -> None:
    said, asked = run(ask(streamed(ANSWER[0], last=False), streamed(*ANSWER), retries=AT_ONCE))
    assert len(asked) == 1
    assert failure(said).code == "upstream_disconnected"


def test_comments_are_nothing_that_was_said() -> None:
    said, asked = run(ask(streamed(b": processing\n\n", last=False), streamed(*ANSWER), retries=AT_ONCE))
    assert len(asked) == 2
    assert said == SAID


# Errors of providers.

ERRORS: dict[str, tuple[str, object, tuple[str, str | None, str]]] = {
    "OpenAI": (
        "401 Unauthorized",
        {"error": {"message": "Bad key", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}},
        ("authentication_error", "invalid_api_key", "Bad key"),
    ),
    "Anthropic": (
        "529 Overloaded",
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"},
        ("server_error", "overloaded_error", "Overloaded"),
    ),
    "Google": (
        "400 Bad Request",
        {"error": {"code": 400, "message": "Bad model", "status": "INVALID_ARGUMENT"}},
        ("invalid_request", "400", "Bad model"),
    ),
    "Google's stream": (
        "429 Too Many Requests",
        [{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}],
        ("too_many_requests", "429", "Quota"),
    ),
    "FastAPI": (
        "405 Method Not Allowed",
        {"detail": "Method Not Allowed"},
        ("invalid_request", None, "Method Not Allowed"),
    ),
    "FastAPI's validation": (
        "422 Unprocessable Entity",
        {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required", "type": "missing"}, "and more"]},
        ("invalid_request", None, "body.messages.0: Field required; and more"),
    ),
    "Ollama": ("404 Not Found", {"error": "model 'x' not found"}, ("not_found", None, "model 'x' not found")),
    "Mistral": (
        "400 Bad Request",
        {"object": "error", "message": "Bad role", "type": "invalid_request_error", "code": 3051},
        ("invalid_request", "3051", "Bad role"),
    ),
}


@pytest.mark.parametrize("whose", ERRORS)
def test_an_error_is_told_in_the_providers_words(whose: str) -> None:
    status, body, expected = ERRORS[whose]
    handler = whole(json.dumps(body), status, {"Content-Type": "application/json"})
    error = failure(run(ask(handler))[0])
    assert (error.type, error.code, error.message) == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "Not Found"}', "Not Found"),
        (b"404 page not found", "404 page not found"),
        (b"Not Found\n", "Not Found"),
        (b"", "the upstream answered 404 Not Found, without a word"),
        (b"<html><title>404</title></html>", "the upstream answered 404 Not Found: '404'"),
    ],
)
@pytest.mark.parametrize(
    ("base", "path", "hint"),
    [
        ("", "/chat/completions", "; the base URL should perhaps end in /v1"),
        ("/v1", "/v1/chat/completions", ""),
        ("/api?key=hidden-in-the-query", "/api/chat/completions", "; the base URL should perhaps end in /v1"),
    ],
)
def test_a_path_that_is_not_there_is_named(body: bytes, words: str, base: str, path: str, hint: str) -> None:
    async def work() -> list[Output]:
        async with loopback(whole(body, "404 Not Found")) as server:
            return await heard(provider(server.url.removesuffix("/v1") + base))

    error = failure(run(work()))
    assert error.type == "not_found"
    assert placed(error.message) == f"127.0.0.1:PORT has nothing at {path}: {words}{hint}"


def test_a_huge_error_is_not_read_to_its_end() -> None:
    sent = 0

    async def handler(asked: Asked) -> None:
        nonlocal sent
        await asked.send(head("500 Oh", Content_Type="text/plain", Content_Length=str(2**40)))
        with contextlib.suppress(ConnectionError):
            while True:
                await asked.send(b"x" * 65536)
                sent += 65536

    error = failure(run(ask(handler))[0])
    assert error.type == "server_error"
    assert error.message == "x" * 2000
    # What the buffers of two sockets hold, and no more.
    assert sent < 64 * 2**20


def test_an_error_whose_body_does_not_end_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.provider.exchange.ERROR_SECONDS", 0.1)

    async def handler(asked: Asked) -> None:
        await asked.send(head("503 Busy", Content_Type="text/plain", Content_Length="100"), b"Come back")
        await hang(asked)

    assert failure(run(ask(handler))[0]).message == "Come back"


@pytest.mark.parametrize("framing", ["chunked", "length", "none", "cut"])
def test_a_reply_without_its_sentinel_is_whole_where_the_transport_vouches_for_it(framing: str) -> None:
    """Some servers never send `[DONE]`; a length or a last chunk then tells whether the reply came to its end."""
    pieces = [piece.replace(b"data: [DONE]\n\n", b"") for piece in ANSWER]

    async def ends_with_the_connection(asked: Asked) -> None:
        await asked.send(head(Content_Type="text/event-stream", Connection="close"), *pieces)
        asked.writer.close()

    handler = {
        "chunked": streamed(*pieces),
        "length": whole(b"".join(pieces)),
        "none": ends_with_the_connection,
        "cut": streamed(*pieces, last=False),
    }[framing]
    said, _ = run(ask(handler))
    if framing in ("chunked", "length"):
        assert said == SAID
    else:
        assert failure(said).code == ("upstream_disconnected" if framing == "cut" else "upstream_truncated")
