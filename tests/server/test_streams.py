"""Streams under way: clients that go away or do not read, silence, time, and the end of the server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

import penstock
from penstock import Text
from penstock.server.app import App
from penstock.server.limits import Limits
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from tests.server.direct import once
from tests.server.serving import ScriptedProvider, asking, served, stream

SECONDS = 20.0
REQUEST = {"model": "m", "input": "Hi.", "stream": True}


class Waiting(ScriptedProvider):
    """Says one thing, then waits until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._go: asyncio.Event | None = None

    async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
        self._loop, self._go = asyncio.get_running_loop(), asyncio.Event()
        yield [Text("Hel")]
        await self._go.wait()
        yield [Text("lo.")]

    def go_on(self) -> None:
        assert self._loop is not None
        assert self._go is not None
        self._loop.call_soon_threadsafe(self._go.set)


class Flood(ScriptedProvider):
    """Says more than anybody's buffers hold, and counts what was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
        while True:
            self.taken += 1
            yield [Text("x" * 65_536)]


def connection_of(url: str) -> socket.socket:
    """Return a connection on which a stream was asked for."""
    address = urlsplit(url)
    body = json.dumps(REQUEST).encode()
    head = f"POST {address.path}/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection((address.hostname or "", address.port or 0), SECONDS)
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def rest_of(connection: socket.socket) -> bytes:
    """Return what still comes on a connection, and close it."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def received(connection: socket.socket, mark: bytes) -> bytes:
    """Return what comes on a connection until `mark` is in it, or it ends."""
    data = b""
    while mark not in data and (piece := connection.recv(65_536)):
        data += piece
    return data


def soon(is_so: Callable[[], bool]) -> bool:
    """Whether something comes to be so within a while."""
    end = time.monotonic() + SECONDS
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_what_is_ready_leaves_at_once() -> None:
    provider = Waiting()
    with asking(App(provider)) as client, client.stream("POST", "/responses", json=REQUEST) as reply:
        events = penstock.read_sse(reply.iter_bytes())
        names = [next(events).event_type for _ in range(5)]
        assert names[-1] == "response.output_text.delta"
        provider.go_on()
        assert [event.event_type for event in events][-1] == "response.completed"


def test_what_is_ready_together_leaves_together() -> None:
    provider = ScriptedProvider([Text("Hel"), Text("lo.")], [Text(" And"), Text(" bye.")])
    reply = once(App(provider), REQUEST)
    assert reply.is_whole
    begun, first, second, last = reply.pieces
    assert begun.count(b"event: ") == 2
    assert first.count(b"event: response.output_text.delta") == 2
    assert second.count(b"event: ") == 2
    assert b"event: response.completed" in last
    assert last.endswith(b"data: [DONE]\n\n")


def test_a_client_that_goes_away_stops_its_provider() -> None:
    provider = Waiting()
    app = App(provider)
    with served(app) as url:
        connection = connection_of(url)
        said = b""
        while b"response.created" not in said:
            piece = connection.recv(65_536)
            assert piece
            said += piece
        assert not provider.ended.is_set()
        connection.close()
        assert provider.ended.wait(SECONDS)
        assert soon(lambda: app.service.under_way == 0)


def test_who_waits_for_a_whole_response_and_goes_away_stops_the_provider_too() -> None:
    provider = Waiting()
    with asking(App(provider)) as client, pytest.raises(httpx2.ReadTimeout):
        client.post("/responses", json={"model": "m", "input": "Hi."}, timeout=0.3)
    assert provider.ended.wait(SECONDS)


def test_a_slow_reader_slows_its_provider_down_and_is_cut_off_at_last() -> None:
    provider = Flood()
    app = App(provider, limits=Limits(slow_reader_seconds=0.5))
    with served(app) as url:
        connection = connection_of(url)
        assert provider.ended.wait(SECONDS)
        # What the sockets hold, and not more: a few megabytes of the endless flood.
        assert provider.taken < 1000
        assert soon(lambda: app.service.under_way == 0)
        connection.close()


def test_silence_is_broken_by_comments_that_readers_pass_over() -> None:
    provider = Waiting()
    with served(App(provider, limits=Limits(keep_alive_seconds=0.1))) as url:
        connection = connection_of(url)
        data = received(connection, b": ping\n\n")
        provider.go_on()
        data += received(connection, b"\r\n0\r\n\r\n")
        connection.close()
    chunks = data.partition(b"\r\n\r\n")[2]
    body = b"".join(re.findall(rb"[0-9a-f]+\r\n(.*?)\r\n(?=[0-9a-f]+\r\n)", chunks, re.DOTALL))
    assert [event.event_type for event in penstock.read_sse([body])][-1] == "response.completed"


def test_a_response_may_take_only_so_long() -> None:
    with asking(App(Waiting(), limits=Limits(response_seconds=0.2))) as client:
        last = list(penstock.read_sse([stream(client)]))[-1]
        assert isinstance(last, penstock.ResponseFailed)
        assert last.response.error is not None
        assert last.response.error.code == "response_timeout"


def test_a_server_that_ends_lets_streams_end(tmp_path: Path) -> None:
    provider = Waiting()
    app = App(provider, limits=Limits(shutdown_seconds=SECONDS))
    data: list[bytes] = []
    with served(app) as url:
        connection = connection_of(url)
        data.append(connection.recv(65_536))

        # Let it go on when the server has been told to stop, which is when this block ends.
        def go_on() -> None:
            assert soon(lambda: app.service.is_stopping)
            provider.go_on()

        threading.Thread(target=go_on).start()
    data.append(rest_of(connection))
    assert b"response.completed" in b"".join(data)


def test_a_stream_that_does_not_end_in_time_is_told_that_the_server_ends() -> None:
    app = App(Waiting(), limits=Limits(shutdown_seconds=0.1))
    with served(app) as url:
        connection = connection_of(url)
        data = connection.recv(65_536)
    data += rest_of(connection)
    assert b"event: response.failed" in data
    assert b"server_shutting_down" in data
    assert b"data: [DONE]" in data


# The process.


def started(*arguments: str, directory: Path) -> tuple[subprocess.Popen[str], str]:
    """Start `penstock serve`; return the process and the URL it tells."""
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+", line)
    assert found is not None, line
    return process, found[0]


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/responses.db"
    process, url = started("--store", store, directory=tmp_path)
    try:
        made = httpx2.post(f"{url}/responses", json={"model": "demo", "input": "Hello!"}, timeout=SECONDS).json()
        slow = {"model": "demo", "input": "write 500 words slowly", "stream": True}
        with httpx2.stream("POST", f"{url}/responses", json=slow, timeout=SECONDS) as reply:
            events = penstock.read_sse(reply.iter_bytes())
            first = next(events)
            assert isinstance(first, penstock.ResponseCreated)
            while not isinstance(next(events), penstock.OutputTextDelta):
                pass
            process.kill()
            process.wait(SECONDS)
    finally:
        process.kill()
        process.communicate()
    process, url = started("--store", store, directory=tmp_path)
    try:
        assert httpx2.get(f"{url}/responses/{made['id']}").json() == made
        # Failed at the latest when the dead process's lease is over; see the tests of the store.
        left = httpx2.get(f"{url}/responses/{first.response.id}").json()
        assert left["status"] in ("in_progress", "failed")
        refused = {"model": "demo", "input": "Go on.", "previous_response_id": left["id"]}
        if left["status"] == "in_progress":
            reply = httpx2.post(f"{url}/responses", json=refused, timeout=SECONDS)
            assert (reply.status_code, reply.json()["error"]["code"]) == (400, "previous_response_in_progress")
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode in (0, 143), errors


def test_the_command_line_serves_and_logs_a_line_of_json_for_each_response(tmp_path: Path) -> None:
    process, url = started("--store", "none", directory=tmp_path)
    try:
        reply = httpx2.post(f"{url}/responses", json={"model": "demo", "input": "Hello!"}, timeout=SECONDS)
        assert reply.status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=SECONDS)
    (line,) = [json.loads(line) for line in output.splitlines()]
    assert (line["response"], line["outcome"], line["status"]) == (reply.json()["id"], "completed", 200)
    assert "Hello" not in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "API keys are needed"),
        (["--api-key-file", "nowhere.txt"], "nowhere.txt"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--upstream", "ftp://x", "--api", "responses"], "http or https"),
        (["--key-env", "NOT_SET", "--api", "anthropic"], "NOT_SET"),
    ],
)
def test_settings_that_make_no_server_are_told_of_in_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("penstock: ")
    assert ended.stderr.count("\n") == 1
    assert words in ended.stderr
