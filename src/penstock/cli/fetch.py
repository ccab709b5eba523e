"""A stream from a server: the standard library's HTTP, which is enough to look at one."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Final

from penstock.cli.errors import CommandError
from penstock.cli.source import reason

__all__ = ["Reply", "is_url", "open_url"]

_CHUNK_BYTES: Final = 64 * 1024
_PATIENCE: Final = 120.0
"""How many seconds a server may say nothing."""


class Reply:
    """What a server answers. `content_type` is its header, empty where there is none."""

    def __init__(self, response: HTTPResponse, name: str) -> None:
        """Read `response`; messages call it `name`."""
        self.name = name
        self.content_type = response.headers.get("Content-Type", "")
        self._response = response

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they arrive. Raises CommandError where they cannot be read any further."""
        while True:
            try:
                chunk = self._response.read1(_CHUNK_BYTES)
            except (OSError, HTTPException) as error:
                raise CommandError(f"{self.name}: {_why(error)}") from error
            if not chunk:
                return
            yield chunk


def is_url(path: str) -> bool:
    """Whether `path` is to be fetched over HTTP, and not a file."""
    return path.lower().startswith(("http://", "https://"))


@contextmanager
def open_url(url: str, *, body: bytes | None = None) -> Generator[Reply]:
    """Ask for `url`: GET, or POST where there is a `body`, JSON. Raises CommandError unless there is a good answer."""
    headers = {"Accept": "text/event-stream", "User-Agent": "penstock"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        request = urllib.request.Request(url, data=body, headers=headers)
        response = urllib.request.urlopen(request, timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        with error:
            raise CommandError(f"{url}: the server says {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise CommandError(f"{url}: {_why(error)}") from error
    with response:
        yield Reply(response, url)


def _why(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, OSError):
        return reason(cause)
    return str(cause) or type(cause).__name__
