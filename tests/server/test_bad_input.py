"""Bad requests and bad upstreams: each is told in the envelope, with its type, status and field, and the server lives."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

import penstock
from penstock import Text
from penstock.provider.network import Timeouts
from penstock.server.app import App
from penstock.server.limits import Limits
from penstock.server.models import Model, Models
from penstock.upstream.registry import upstream_by_name
from penstock.wire.requests import MAX_VALUES
from tests.openapi import Schema, alternatives, needs_openapi, resolve, schemas
from tests.provider.asking import hang, provider, reset, said_by_model
from tests.provider.loopback import Asked, Handler, loopback, streamed, whole
from tests.server.direct import LIMIT, Reply, accepted, ask, http_scope, run, started
from tests.server.serving import HeldProvider, ScriptedProvider, served
from tests.server.test_streams import received, soon

GOOD = {"model": "m", "input": "Hi."}
BODIES = ("CreateResponseBody", "CompactResponseMethodPublicBody")
PATHS = {"CreateResponseBody": "/v1/responses", "CompactResponseMethodPublicBody": "/v1/responses/compact"}
SAMPLES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 3,
    "number": 3.5,
    "string": "\u0000nonsense",
    "array": [3],
    "object": {"nonsense": 3},
}


def app() -> App:
    return App(ScriptedProvider([Text("Hello.")]))


async def lives(app: App) -> None:
    """Assert that the server still answers."""
    assert (await ask(app, GOOD)).status == 200


# Every field.


def _kinds(schema: Schema) -> set[str]:
    """Return the JSON types that a schema allows."""
    return {str(leaf.get("type", "object")) for leaf in alternatives(schema)}


def _wrong_values() -> list[tuple[str, str, Any]]:
    """Return, for every property of the requests, values of each type that its schema does not have."""
    found: list[tuple[str, str, Any]] = []
    for body in BODIES if schemas() else ():
        for name, schema in schemas()[body]["properties"].items():
            allowed = _kinds(schema)
            if "number" in allowed:
                allowed.add("integer")
            # Popular clients send explicit nulls; they are understood as absent.
            found += [(body, name, value) for kind, value in SAMPLES.items() if kind not in {*allowed, "null"}]
    return found


@needs_openapi
@pytest.mark.parametrize(("body", "name", "value"), _wrong_values())
def test_a_value_of_a_wrong_type_is_refused_by_the_name_of_its_field(body: str, name: str, value: object) -> None:
    async def work() -> None:
        async with started(app()) as served:
            reply = await ask(served, {**GOOD, name: value}, path=PATHS[body])
            assert reply.status == 400
            assert reply.error["type"] == "invalid_request"
            assert reply.error["param"].split("[")[0].split(".")[0] == name
            if body == "CreateResponseBody" and name not in ("stream", "stream_options", "background"):
                async with accepted(served) as talk:
                    talk.create(**{name: value})
                    error = await talk.hear()
                    assert (error["type"], error["status"], error["error"]["param"]) == (
                        "error",
                        400,
                        reply.error["param"],
                    )
            await lives(served)

    run(work())


@needs_openapi
def test_the_walk_reaches_every_field_of_the_requests() -> None:
    for body in BODIES:
        assert {name for each, name, _ in _wrong_values() if each == body} == set(
            resolve(schemas()[body])["properties"]
        )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [3]}, "input[0]"),
        ({"input": [{"type": "message", "role": "bot", "content": ""}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": 3}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "output_text"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice.tools"),
        ({"text": {"format": {"type": 3}}}, "text.format.type"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort"),
        ({"temperature": 3}, "temperature"),
        ({"max_output_tokens": 1}, "max_output_tokens"),
        ({"max_tool_calls": 0}, "max_tool_calls"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"metadata": {"a": 3}}, "metadata"),
        ({"include": ["reasoning.nonsense"]}, "include[0]"),
        ({"stream_options": {"include_obfuscation": "no"}}, "stream_options.include_obfuscation"),
    ],
)
def test_a_value_that_is_wrong_further_in_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    async def work() -> None:
        async with started(app()) as served:
            reply = await ask(served, {**GOOD, **fields})
            assert (reply.status, reply.error["type"]) == (400, "invalid_request")
            assert reply.error["param"].startswith(param)
            await lives(served)

    run(work())


# No requests at all.


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact"])
@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "invalid_json"),
        (b"{", "application/json", 400, "invalid_json"),
        (b'{"model": "m",}', "application/json", 400, "invalid_json"),
        (b"\xff\xfe", "application/json", 400, "invalid_json"),
        (b"null", "application/json", 400, "invalid_json"),
        (b'"Hi."', "application/json", 400, "invalid_json"),
        (b'{"model": "m", "input": NaN}', "application/json", 400, "invalid_json"),
        (b'{"input": ' + b"[" * 200 + b"]" * 200 + b"}", "application/json", 400, "invalid_value"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b'{"model": "m", "input": "Hi."}', "text/plain", 415, "unsupported_media_type"),
        (b"model=m", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"model": "m", "input": "' + b"x" * 200_000 + b'"}', "application/json", 413, "request_too_large"),
    ],
)
def test_a_body_that_is_no_request_is_refused(path: str, body: bytes, kind: str, status: int, code: str) -> None:
    async def work() -> None:
        async with started(App(ScriptedProvider([Text("Hello.")]), limits=Limits(body=150_000))) as served:
            reply = await ask(served, body, path=path, content_type=kind)
            assert (reply.status, reply.error["type"], reply.error["code"]) == (status, "invalid_request", code)
            await lives(served)

    run(work())


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("br, zstd", 415), ("Identity", 200), ("", 200)])
def test_a_compressed_body_is_refused_by_the_name_of_what_it_is(coding: str, status: int) -> None:
    async def work() -> None:
        async with started(app()) as served:
            body = gzip.compress(json.dumps(GOOD).encode()) if status == 415 else GOOD
            reply = await ask(served, body, content_encoding=coding)
            assert reply.status == status
            if status == 415:
                assert reply.error["code"] == "unsupported_content_encoding"
                assert reply.headers["accept-encoding"] == "identity"
            await lives(served)

    run(work())


def test_a_body_that_does_not_come_is_waited_for_only_so_long() -> None:
    async def work() -> None:
        sent: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401 - a message
            await asyncio.Event().wait()

        async def send(message: Any) -> None:  # noqa: ANN401 - a message
            sent.append(message)

        async with started(App(ScriptedProvider(), limits=Limits(body_seconds=0.01))) as served:
            await served(http_scope("POST", "/v1/responses", {"content-type": "application/json"}), receive, send)
        assert (Reply(sent).status, Reply(sent).error["code"]) == (408, "request_timeout")

    run(work())


def test_a_client_that_leaves_before_its_request_is_whole_asks_nobody() -> None:
    async def work() -> None:
        scripted = ScriptedProvider()
        sent: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401 - a message
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:  # noqa: ANN401 - a message
            sent.append(message)

        async with started(App(scripted)) as served:
            await served(http_scope("POST", "/v1/responses", {"content-type": "application/json"}), receive, send)
        assert Reply(sent).error["code"] == "client_disconnected"
        assert not scripted.asked

    run(work())


def test_a_request_with_too_many_items_is_refused() -> None:
    async def work() -> None:
        async with started(App(ScriptedProvider([Text("Hello.")]), limits=Limits(items=2))) as served:
            reply = await ask(served, {"model": "m", "input": [{"role": "user", "content": "Hi."}] * 3})
            assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
            await lives(served)

    run(work())


@pytest.mark.parametrize("most", [MAX_VALUES, 20])
def test_a_request_with_too_many_values_is_refused_before_they_are_made(most: int) -> None:
    body = {"model": "m", "input": "Hi.", "acme": [{}] * (most // 2)}

    async def work() -> None:
        async with started(App(ScriptedProvider([Text("Hello.")]), limits=Limits(values=most))) as served:
            for path in ("/v1/responses", "/v1/responses/compact"):
                reply = await ask(served, body, path=path)
                assert (reply.status, reply.error["type"], reply.error["code"]) == (
                    400,
                    "invalid_request",
                    "invalid_value",
                )
            async with accepted(served) as talk:
                talk.say({"type": "response.create", **body})
                assert f"more than {most:,} values" in (await talk.turn())[-1]["error"]["message"]
            await lives(served)

    run(work())


# Paths and methods.


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/v1/responses", 405, {"POST"}),
        ("PUT", "/v1/responses", 405, {"POST"}),
        ("OPTIONS", "/v1/responses", 405, {"POST"}),
        ("POST", "/v1/responses/resp_1", 405, {"GET", "HEAD", "DELETE"}),
        ("PATCH", "/v1/responses/resp_1", 405, {"GET", "HEAD", "DELETE"}),
        ("DELETE", "/v1/responses/resp_1/input_items", 405, {"GET", "HEAD"}),
        ("POST", "/v1/models", 405, {"GET", "HEAD"}),
        ("DELETE", "/v1/models/m", 405, {"GET", "HEAD"}),
        ("POST", "/health", 405, {"GET", "HEAD"}),
        ("GET", "/v1/responses/resp_1", 404, None),
        ("GET", "/v1/responses/compact", 404, None),
        ("DELETE", "/v1/responses/resp_1", 404, None),
        ("GET", "/v1/responses/resp_1/input_items", 404, None),
        ("GET", "/v1/responses/resp%00/input_items", 404, None),
        ("GET", "/v1/chat/completions", 404, None),
        ("GET", "/", 404, None),
    ],
)
def test_wrong_paths_methods_and_ids_have_the_envelope(
    method: str, path: str, status: int, allowed: set[str] | None
) -> None:
    async def work() -> None:
        async with started(app()) as served:
            reply = await ask(served, None, method, path)
            assert reply.status == status
            assert reply.error["type"] == ("not_found" if status == 404 else "invalid_request")
            if allowed is not None:
                assert set(reply.headers["allow"].split(", ")) == allowed
            await lives(served)

    run(work())


def test_a_path_may_end_in_a_slash() -> None:
    async def work() -> None:
        async with started(app()) as served:
            made = await ask(served, GOOD, path="/v1/responses/")
            assert made.status == 200
            assert (await ask(served, None, "GET", f"/v1/responses/{made.json['id']}/")).json == made.json

    run(work())


@pytest.mark.parametrize("status_path", ["/health", "/ready", "/v1/models"])
def test_what_can_be_got_can_be_asked_the_head_of(status_path: str) -> None:
    async def work() -> None:
        async with started(app()) as served:
            assert (await ask(served, None, "HEAD", status_path)).status == 200

    run(work())


def test_a_fault_of_ours_is_a_server_error_without_details(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(ScriptedProvider):
        async def models(self) -> Any:  # noqa: ANN401 - it gives none
            raise RuntimeError("the secret is 42")

    async def work() -> None:
        async with started(App(Faulty([Text("Hello.")]))) as served:
            with contextlib.suppress(RuntimeError):  # Starlette raises it again, for the server's log
                await ask(served, None, "GET", "/v1/models")
            await lives(served)

    with served(App(Faulty())) as url:
        connection = socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0), LIMIT)
        connection.sendall(b"GET /v1/models HTTP/1.0\r\nHost: x\r\n\r\n")
        reply = b"".join(iter(lambda: connection.recv(65_536), b""))
        connection.close()
    assert b" 500 " in reply.partition(b"\r\n")[0]
    error = json.loads(reply.partition(b"\r\n\r\n")[2])["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert b"42" not in reply
    run(work())
    assert "the secret is 42" in caplog.text


# Sockets.


def _head(url: str, length: int) -> bytes:
    path = urlsplit(url).path
    return (
        f"POST {path}/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def _connected(url: str) -> socket.socket:
    return socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0), LIMIT)


def test_sockets_that_close_halfway_or_send_nonsense_leave_the_server_alive() -> None:
    body = json.dumps({**GOOD, "stream": True}).encode()
    held = HeldProvider()
    live = App(held)
    with served(live) as url:
        with _connected(url) as half:
            # The client says no more, in the middle of its request.
            half.sendall(_head(url, len(body)) + body[:5])
            half.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: half.recv(65_536), b"")).partition(b"\r\n")[0] in (
                b"",
                b"HTTP/1.1 400 Bad Request",
            )
        with _connected(url) as nonsense:
            nonsense.sendall(b"\x00\xff nonsense\r\n\r\n")
            assert b" 400 " in nonsense.recv(65_536)
        assert not held.asked
        with _connected(url) as half:
            # It says no more behind a whole request: that is somebody who left, and the provider is let go.
            half.sendall(_head(url, len(body)) + body)
            assert b"response.created" in received(half, b"response.created")
            half.shutdown(socket.SHUT_WR)
            assert held.ended.wait(LIMIT)
        assert soon(lambda: not live.service.under_way)
        with _connected(url) as whole_one:
            whole_one.sendall(_head(url, len(body)) + body)
            assert b"response.created" in received(whole_one, b"response.created")


# Upstreams.


async def _dies(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\n")
    await asked.send(said_by_model("Hel"))
    asked.reset()


UPSTREAMS: list[tuple[str, Handler, int, str]] = [
    ("resets", reset, 500, "server_error"),
    ("hangs", hang, 500, "server_error"),
    ("dies", _dies, 500, "server_error"),
    ("refuses the key", whole('{"error": {"message": "No."}}', "401 Unauthorized"), 500, "server_error"),
    ("is busy", whole('{"error": {"message": "Slowly."}}', "429 Too Many Requests"), 429, "too_many_requests"),
    ("breaks", whole("<html>", "500 Internal Server Error"), 500, "server_error"),
    ("says nonsense", streamed(b"data: {nonsense\n\n"), 500, "server_error"),
    ("says nothing", streamed(), 500, "server_error"),
    ("cuts off", streamed(said_by_model("Hel")), 500, "server_error"),
]


@pytest.mark.parametrize(("handler", "status", "kind"), [u[1:] for u in UPSTREAMS], ids=[u[0] for u in UPSTREAMS])
def test_an_upstream_that_fails_fails_the_response_and_nothing_else(handler: Handler, status: int, kind: str) -> None:
    async def work() -> None:
        async with loopback(handler) as upstream:
            network = provider(upstream, timeouts=Timeouts(connect=1.0, first_byte=0.2, silence=0.2))
            models = Models({"bad": Model(provider=network), "m": Model(provider=ScriptedProvider([Text("Hello.")]))})
            async with started(App(models)) as served:
                reply = await ask(served, {**GOOD, "model": "bad"})
                assert (reply.status, reply.error["type"]) == (status, kind)
                streaming = await ask(served, {**GOOD, "model": "bad", "stream": True})
                assert streaming.status == 200
                assert streaming.body.count(b"event: error\n") == 1
                assert streaming.body.count(b"event: response.failed\n") == 1
                assert streaming.body.endswith(b"data: [DONE]\n\n")
                async with accepted(served) as talk:
                    talk.create(model="bad")
                    assert (await talk.turn())[-1]["type"] == "response.failed"
                compacted = await ask(served, {**GOOD, "model": "bad"}, path="/v1/responses/compact")
                assert (compacted.status, compacted.error["type"]) == (status, kind)
                kept = await ask(served, None, "GET", f"/v1/responses/{reply.headers['x-response-id']}")
                assert kept.json["status"] == "failed"
                await lives(served)

    run(work())


def test_an_upstream_that_nobody_listens_at_is_told_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    async def work() -> None:
        async with started(App(provider(url))) as served:
            assert (await ask(served, GOOD)).error["type"] == "server_error"
            for path in ("/v1/models", "/v1/models/m"):
                assert (await ask(served, None, "GET", path)).error["type"] == "server_error"
            assert (await ask(served, None, "GET", "/health")).status == 200

    run(work())


def test_what_an_upstream_was_not_asked_and_what_of_its_reply_was_left_out_is_told() -> None:
    extra = b'data: {"model": "m-1", "choices": [{"index": 0, "delta": {"audio": {"id": "a", "data": "x"}}}]}\n\n'
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    async def work() -> None:
        async with (
            loopback(streamed(said_by_model("Hello."), extra, end)) as upstream,
            started(App(provider(upstream, api=upstream_by_name("chat-completions")))) as served,
        ):
            whole_one = (await ask(served, {**GOOD, "truncation": "auto"})).json
            told = [loss["param"] for loss in whole_one["penstock_losses"]]
            assert told[0] == "truncation"
            assert len(told) == 2
            streaming = await ask(served, {**GOOD, "truncation": "auto", "stream": True})
            first, *_, last = penstock.read_sse([streaming.body])
            assert isinstance(first, penstock.ResponseCreated)
            assert isinstance(last, penstock.ResponseCompleted)
            assert first.response.extra["penstock_losses"] == whole_one["penstock_losses"][:1]
            assert last.response.extra["penstock_losses"] == whole_one["penstock_losses"]

    run(work())
