"""The servers that clients are tried against: `penstock serve` as users start it, and what stands behind it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

import uvicorn

from penstock.server.run import listening_socket
from tests.clients.chat_completions import application

__all__ = ["KEY", "UPSTREAMS", "chat_completions_served", "served"]

KEY: Final = "a-key-for-clients"
"""The API key that the servers ask for."""
UPSTREAMS: Final = ("demo", "chat-completions")
"""What may stand behind the server: its own demo, or a provider that is asked over the network."""
START_SECONDS: Final = 30.0
"""How long a server may take to begin, or to end, on a machine that is busy."""


@contextlib.contextmanager
def served(upstream: str) -> Generator[str]:
    """Run `penstock serve` in front of one of `UPSTREAMS`; return the URL of its API."""
    with contextlib.ExitStack() as stack:
        arguments: list[str] = []
        if upstream == "chat-completions":
            arguments = ["--upstream", stack.enter_context(chat_completions_served()), "--api", upstream]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = folder / "keys.txt"
        keys.touch(0o600)
        keys.write_text(f"clients: {KEY}\n")
        yield stack.enter_context(_penstock(folder, ["--api-key-file", str(keys), *arguments]))


@contextlib.contextmanager
def _penstock(folder: Path, arguments: Sequence[str]) -> Generator[str]:
    command = [sys.executable, "-m", "penstock", "serve", "--port", "0", "--store", "sqlite://", "--quiet", *arguments]
    # It runs in a folder of its own, so that no settings file is found; what this process imports it imports as well.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    is_up = threading.Event()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "OPENAI_BASE_URL" in line:  # the last that it says when it begins
                is_up.set()
        is_up.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        url = re.search(r"http://\S+", said[0]) if is_up.wait(START_SECONDS) and said else None
        if url is None or process.poll() is not None:
            raise RuntimeError(f"penstock serve did not begin: {''.join(said)}")
        yield url[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)
        listener.join(START_SECONDS)
    problems = "".join(line for line in said if re.search(r" (WARNING|ERROR|CRITICAL) |Traceback", line))
    if problems:
        raise RuntimeError(f"penstock serve complained: {''.join(said)}")


@contextlib.contextmanager
def chat_completions_served() -> Generator[str]:
    """Run the Chat Completions server; return the URL of its API."""
    server = uvicorn.Server(uvicorn.Config(application(), log_level="warning"))
    with listening_socket("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
