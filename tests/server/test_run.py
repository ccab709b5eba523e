"""Where the server listens, and how it begins and ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from penstock.provider.demo import DemoProvider
from penstock.server import run
from penstock.server.app import App
from penstock.server.run import Server, listening_socket


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_free_port_is_found(host: str) -> None:
    with listening_socket(host, 0) as listener:
        port = listener.getsockname()[1]
        assert port
        with socket.create_connection((host, port), 5):
            pass


def test_an_address_that_is_taken_or_not_ours_is_refused_and_left_alone() -> None:
    with listening_socket("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listening_socket("127.0.0.1", listener.getsockname()[1])
    with pytest.raises(OSError):  # noqa: PT011 - in whatever words the machine has for it
        listening_socket("192.0.2.1", 0)


# The process.

SECONDS = 30.0
"""How long anything may take on a machine that is busy."""


@contextlib.contextmanager
def started(directory: Path, *arguments: str, **environment: str) -> Generator[subprocess.Popen[str]]:
    """Run `penstock serve`, until the context ends at the latest."""
    with subprocess.Popen(
        [sys.executable, "-m", "penstock", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **environment},
    ) as process:
        overdue = threading.Timer(SECONDS, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the process to end; return what it still said on standard output and standard error."""
    assert process.stdout is not None
    assert process.stderr is not None
    # Not `communicate`, which knows nothing of what waits in the buffers of these.
    errors, output = process.stderr.read(), process.stdout.read()
    process.wait(SECONDS)
    return output, errors


def refused(directory: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run `penstock serve`, which does not come to serve; return its exit code and what it said."""
    with started(directory, *arguments, **environment) as process:
        output, errors = rest(process)
    assert output == ""
    return process.returncode, errors


@pytest.mark.parametrize("name", ["nowhere/store.db", "text.db", "folder"])
def test_a_store_that_cannot_be_opened_is_told_on_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database, and long enough to be taken for the head of one.")
    (tmp_path / "folder").mkdir()
    code, said = refused(tmp_path, "--store", f"sqlite:///{name}")
    assert code == 1
    assert said.startswith(f"penstock: The store sqlite:///{name} cannot be opened: ")
    assert said.count("\n") == 1


def told(process: subprocess.Popen[str], words: str) -> str:
    """Return what the process says on standard error, up to the line that has `words`."""
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return "".join(lines)
    pytest.fail(f"never told: {words!r}, but {lines}")


def url_of(process: subprocess.Popen[str]) -> str:
    """Return the URL that the server tells, with all that it tells at the start read."""
    found = re.search(r"http://\S+", told(process, "my_program.py"))
    told(process, "\n")
    assert found is not None
    return found[0]


SLOW = {"model": "demo", "input": "write 500 words slowly", "stream": True}


@pytest.mark.parametrize("store", ["none", "sqlite:///responses.db"])
def test_a_second_interrupt_ends_streams_at_once_and_quietly(store: str, tmp_path: Path) -> None:
    with started(tmp_path, "--store", store) as process:
        with httpx2.stream("POST", f"{url_of(process)}/responses", json=SLOW, timeout=SECONDS) as reply:
            pieces = reply.iter_bytes()
            next(pieces)
            process.send_signal(signal.SIGINT)
            assert told(process, "Waiting") == (
                "Waiting for 1 stream to end, 30 s at the most; Ctrl-C again ends it at once.\n"
            )
            process.send_signal(signal.SIGINT)
            end = b"".join(pieces)
        output, errors = rest(process)
    assert b'"server_shutting_down"' in end
    assert end.endswith(b"data: [DONE]\n\n")
    assert errors == ""
    assert process.returncode == 130
    (line,) = [json.loads(line) for line in output.splitlines()]
    assert (line["outcome"], line["code"]) == ("failed", "server_shutting_down")


@contextlib.contextmanager
def taking_nothing(url: httpx2.URL, asked: object) -> Generator[None]:
    """Ask something, and take the first byte of the answer alone: a stream's early, a whole one's when all is sent."""
    body = json.dumps(asked).encode()
    with socket.socket() as client:
        # Little fits between the two, so that a stream cannot be over before the signal comes.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(SECONDS)
        client.connect((url.host, url.port or 0))
        head = (
            f"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        client.sendall(head.encode() + b"\r\n\r\n" + body)
        client.recv(1)
        yield


def test_a_client_that_takes_nothing_does_not_keep_a_second_interrupt_waiting(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        url = httpx2.URL(url_of(process))
        with taking_nothing(url, {"model": "demo", "input": "write 20000 words", "stream": True}):
            process.send_signal(signal.SIGINT)
            told(process, "Waiting")
            process.send_signal(signal.SIGINT)
            _, errors = rest(process)
    assert errors == ""
    assert process.returncode == 130


def test_a_client_that_does_not_take_what_is_over_is_told_of_and_ended_by_a_second_interrupt(tmp_path: Path) -> None:
    with started(tmp_path, "--store", "none") as process:
        url = httpx2.URL(url_of(process))
        with taking_nothing(url, {"model": "demo", "input": "write 1000000 words"}):
            process.send_signal(signal.SIGINT)
            assert told(process, "Waiting") == (
                "Waiting for 1 client to take what was sent to it, 10 s at the most; Ctrl-C again ends it at once.\n"
            )
            process.send_signal(signal.SIGINT)
            _, errors = rest(process)
    assert (errors, process.returncode) == ("", 130)


def test_a_client_that_never_takes_what_is_over_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "SAY_SECONDS", 0.1)
    monkeypatch.setattr(run, "CLOSE_SECONDS", 0.1)
    is_up, told = threading.Event(), list[tuple[int, float]]()
    with listening_socket("127.0.0.1", 0) as listener:
        server = Server(
            App(DemoProvider()), on_start=is_up.set, on_close=lambda clients, seconds: told.append((clients, seconds))
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert is_up.wait(SECONDS)
        url = httpx2.URL(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with taking_nothing(url, {"model": "demo", "input": "write 1000000 words"}):
            server.should_exit = True
            thread.join(SECONDS)
        assert not thread.is_alive()
    assert told == [(1, 0.1)]
    assert caplog.text == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_server_with_nothing_under_way_ends_at_a_signal_without_a_word(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with started(tmp_path) as process:
        url_of(process)
        process.send_signal(number)
        output, errors = rest(process)
    assert (process.returncode, output, errors) == (code, "", "")


def test_a_key_that_is_missing_is_told_of_at_the_start(tmp_path: Path) -> None:
    with started(tmp_path, "--api", "anthropic", "--store", "none", ANTHROPIC_API_KEY="") as process:
        assert told(process, "Serving").splitlines()[0] == (
            "penstock: warning: no key for https://api.anthropic.com: ANTHROPIC_API_KEY is not set"
        )


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--upstream", "olama"], {}, "--upstream: no provider 'olama' is known; expected one of anthropic"),
        (["--port", "99999"], {}, "--port: Expected `int` <= 65535, got 99999"),
        (["--port", "0"], {"PENSTOCK_TTL_DAYS": "x"}, "PENSTOCK_TTL_DAYS: Expected `float`, got 'x'"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_called_so(
    arguments: list[str], environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    code, said = refused(tmp_path, *arguments, **environment)
    assert code == 2
    assert said.startswith(f"penstock: {words}")
    assert said.count("\n") == 1
