"""The endpoint as a WebSocket. Spec: "WebSocket Transport", sentence by sentence."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import penstock
from penstock import Failure, FunctionCall, Text, Usage
from penstock.server.app import App
from penstock.server.limits import Limits
from penstock.spec.items import MessageItemParam
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Output
from tests.server.serving import HeldProvider, ScriptedProvider, served

TERMINAL = ("response.completed", "response.failed", "response.incomplete", "error")
SAID: list[list[Output]] = [[Text("Hello.")], [Usage(input_tokens=1, output_tokens=1)]]
SECONDS = 20.0


@contextlib.contextmanager
def connected(app: App, **headers: str) -> Generator[ClientConnection]:
    with served(app) as url, connect(f"ws{url[4:]}/responses", additional_headers=headers) as socket:
        yield socket


def ask(socket: ClientConnection, **fields: object) -> None:
    socket.send(json.dumps({"type": "response.create", "model": "m", "input": "Hi.", **fields}))


def turn(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return the messages of one turn."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["type"] not in TERMINAL:
        messages.append(json.loads(socket.recv(SECONDS)))
    return messages


def rest_of(socket: ClientConnection) -> None:
    """Take what comes until the connection is closed, and raise that."""
    while True:
        socket.recv(SECONDS)


def asked(socket: ClientConnection, **fields: object) -> list[dict[str, Any]]:
    ask(socket, **fields)
    return turn(socket)


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(*SAID)


@pytest.fixture
def socket(provider: ScriptedProvider) -> Iterator[ClientConnection]:
    with connected(App(provider)) as socket:
        yield socket


def test_a_turn_is_the_same_stream_of_events_as_over_http(socket: ClientConnection) -> None:
    messages = asked(socket)
    assert [message["sequence_number"] for message in messages] == list(range(len(messages)))
    lines = "\n".join(json.dumps(message) for message in messages).encode()
    assert not list(penstock.lint(lines, transport="websocket"))
    assert messages[-1]["response"]["output"][0]["content"][0]["text"] == "Hello."


def test_turns_are_made_one_after_the_other(socket: ClientConnection) -> None:
    for number in range(3):
        ask(socket, metadata={"turn": str(number)})
    for number in range(3):
        messages = turn(socket)
        assert messages[0]["type"] == "response.created"
        assert {message["response"]["metadata"]["turn"] for message in messages if "response" in message} == {
            str(number)
        }


def test_a_response_that_is_not_stored_is_continued_on_its_connection_only(provider: ScriptedProvider) -> None:
    app = App(provider)
    with served(app) as url:
        address = f"ws{url[4:]}/responses"
        with connect(address) as socket:
            first = asked(socket, store=False)[-1]["response"]
            assert asked(socket, store=False, previous_response_id=first["id"])[-1]["type"] == "response.completed"
            told = provider.asked[-1].input
            assert isinstance(told, list)
            assert [item.text for item in told if isinstance(item, MessageItemParam)] == ["Hi.", "Hello.", "Hi."]
        with connect(address) as another:
            (error,) = asked(another, store=False, previous_response_id=first["id"])
            assert (error["type"], error["status"], error["error"]["code"]) == (
                "error",
                400,
                "previous_response_not_found",
            )
            assert asked(another)[-1]["type"] == "response.completed"


def test_a_stored_response_is_continued_on_another_connection(provider: ScriptedProvider) -> None:
    with served(App(provider)) as url:
        address = f"ws{url[4:]}/responses"
        with connect(address) as socket:
            first = asked(socket, store=True)[-1]["response"]
        with connect(address) as another:
            assert asked(another, previous_response_id=first["id"])[-1]["type"] == "response.completed"


@pytest.mark.parametrize("how", ["refused", "failed"])
def test_a_failed_turn_forgets_what_it_continued_from(how: str) -> None:
    error = ErrorPayload(type="server_error", code="broken", message="It broke.", param=None)

    def then(request: CreateResponse) -> Sequence[Output]:
        return [Failure(error)] if request.instructions else []

    with connected(App(ScriptedProvider(*SAID, then=then))) as socket:
        first = asked(socket, store=False)[-1]["response"]["id"]
        if how == "refused":
            output = {"type": "function_call_output", "call_id": "call_x", "output": ""}
            (failed,) = asked(socket, store=False, previous_response_id=first, input=[output])
            assert failed["error"]["code"] == "tool_call_not_found"
        else:
            failed = asked(socket, store=False, previous_response_id=first, instructions="Break.")[-1]
            assert failed["response"]["error"]["code"] == "broken"
        (again,) = asked(socket, store=False, previous_response_id=first)
        assert again["error"]["code"] == "previous_response_not_found"


def test_nothing_follows_the_failure_of_a_turn() -> None:
    error = ErrorPayload(type="server_error", code="broken", message="It broke.", param=None)
    with connected(App(ScriptedProvider([Text("Hel")], [Failure(error)]))) as socket:
        messages = asked(socket)
        assert [message["type"] for message in messages if message["type"] in TERMINAL] == ["response.failed"]
        assert [message["sequence_number"] for message in messages] == list(range(len(messages)))
        assert asked(socket)[0]["type"] == "response.created"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("{", ""),
        ("[]", ""),
        ('{"type": "response.cancel"}', "type"),
        ('{"type": "response.create", "model": "m", "input": 3}', "input"),
        ('{"type": "response.create", "model": "m", "input": "Hi.", "background": false}', "background"),
        ('{"type": "response.create", "model": "m", "input": "Hi.", "stream": false}', "stream"),
        ('{"type": "response.create", "model": "m", "input": "Hi.", "stream_options": {}}', "stream_options"),
    ],
)
def test_a_wrong_message_is_an_error_with_status_and_code_and_the_connection_lives(
    socket: ClientConnection, message: str, param: str
) -> None:
    socket.send(message)
    (error,) = turn(socket)
    assert error["status"] == 400
    assert (error["error"]["type"], error["error"]["param"]) == ("invalid_request", param)
    assert error["error"]["code"]
    assert asked(socket)[-1]["type"] == "response.completed"


def test_a_warm_up_yields_a_response_without_output_that_can_be_continued(
    socket: ClientConnection, provider: ScriptedProvider
) -> None:
    warm = asked(socket, generate=False, stream=True, store=False)[-1]
    assert (warm["type"], warm["response"]["output"]) == ("response.completed", [])
    assert not provider.asked
    assert asked(socket, previous_response_id=warm["response"]["id"], store=False)[-1]["type"] == "response.completed"


def test_the_time_of_a_connection_ends_with_an_error_and_a_close(provider: ScriptedProvider) -> None:
    with connected(App(provider, limits=Limits(websocket_seconds=0.2))) as socket:
        (error,) = turn(socket)
        assert (error["type"], error["error"]["code"]) == ("error", "websocket_connection_limit_reached")
        with pytest.raises(ConnectionClosed):
            socket.recv(SECONDS)


class _Waiting(ScriptedProvider):
    """Says one thing, and no more."""

    async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
        yield [Text("Hel")]
        await asyncio.Event().wait()


def test_a_client_that_goes_away_stops_its_provider() -> None:
    provider = _Waiting()
    with served(App(provider)) as url:
        with connect(f"ws{url[4:]}/responses") as socket:
            ask(socket)
            while json.loads(socket.recv(SECONDS))["type"] != "response.output_text.delta":
                pass
            assert not provider.ended.is_set()
        assert provider.ended.wait(SECONDS)


def test_what_waits_behind_a_turn_is_limited_and_what_is_refused_is_told_in_its_turn() -> None:
    provider = HeldProvider()
    with connected(App(provider, limits=Limits(websocket_waiting=2))) as socket:
        ask(socket, metadata={"turn": "1"})
        while json.loads(socket.recv(SECONDS))["type"] != "response.output_text.delta":
            pass
        for number in (2, 3, 4):
            ask(socket, metadata={"turn": str(number)})
        provider.go_on()
        ends = [turn(socket)[-1] for _ in range(4)]
        assert [end["type"] for end in ends] == [*["response.completed"] * 3, "error"]
        assert (ends[-1]["status"], ends[-1]["error"]["type"]) == (429, "too_many_requests")
        assert asked(socket)[-1]["type"] == "response.completed"


def test_a_client_that_floods_its_connection_is_shut_out() -> None:
    with connected(App(HeldProvider(), limits=Limits(websocket_waiting=1, shutdown_seconds=0))) as socket:
        # Which of them is the one too many depends on how quickly the server takes them.
        with contextlib.suppress(ConnectionClosed):
            for _ in range(10):
                ask(socket)
        with pytest.raises(ConnectionClosed) as closed:
            rest_of(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_a_message_that_is_too_large_closes_the_connection(provider: ScriptedProvider) -> None:
    with connected(App(provider, limits=Limits(websocket_message=1000))) as socket:
        socket.send("x" * 2000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_a_stranger_is_refused_at_the_handshake(provider: ScriptedProvider, caplog: pytest.LogCaptureFixture) -> None:
    keys = [("ada", "a" * 20)]
    with pytest.raises(InvalidStatus) as refused, connected(App(provider, keys=keys)):
        pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"")["error"]["type"] == "authentication_error"
    # What anybody can bring about is no error of the server's.
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    with connected(App(provider, keys=keys), authorization="Bearer " + "a" * 20) as socket:
        assert asked(socket)[-1]["type"] == "response.completed"


def test_web_pages_and_connections_too_many_are_refused_at_the_handshake(provider: ScriptedProvider) -> None:
    with pytest.raises(InvalidStatus) as refused, connected(App(provider), origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as refused, connected(App(provider, limits=Limits(websockets_per_key=0))):
        pass
    assert refused.value.response.status_code == 429


def test_openai_clients_are_answered_in_their_dialect() -> None:
    provider = ScriptedProvider([penstock.Reasoning("Hm.")], [FunctionCall("f", "{}")])
    tools = [{"type": "function", "name": "f"}]
    with connected(App(provider), **{"x-stainless-lang": "python"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["penstock-dialect"] == "openai"
        names = [message["type"] for message in asked(socket, tools=tools)]
        assert "response.reasoning_summary_text.delta" in names
