"""Where the server listens, and how it begins and ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.server.run import listening_socket


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


def refused(directory: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run `penstock serve`, which does not come to serve; return its exit code and what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **environment},
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("name", ["nowhere/store.db", "text.db", "folder"])
def test_a_store_that_cannot_be_opened_is_told_on_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database, and long enough to be taken for the head of one.")
    (tmp_path / "folder").mkdir()
    code, said = refused(tmp_path, "--store", f"sqlite:///{name}")
    assert code == 1
    assert said.startswith(f"penstock: The store sqlite:///{name} cannot be opened: ")
    assert said.count("\n") == 1
