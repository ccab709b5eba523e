"""Where the server listens."""

from __future__ import annotations

import socket

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
