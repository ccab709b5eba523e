"""What `penstock serve` runs, once all that it needs is known to be there."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from penstock.cli.describe import count
from penstock.cli.errors import FAILED, FINE, INTERRUPTED, TERMINATED, CommandError
from penstock.cli.source import reason
from penstock.server.app import App
from penstock.server.config import DEMO, ConfigError, Settings, build_app, load_settings, missing_keys
from penstock.server.run import Server, listening_socket

__all__ = ["serve"]

_FLAGS: Final = (
    *("upstream", "api", "model", "key_env", "option"),
    *("host", "port", "api_key_file", "store", "dialect", "reasoning"),
)
_FILE: Final = Path("penstock.toml")
LINE_SECONDS: Final = 1.0
"""How often the live line is written anew."""
_ERASE: Final = "\r\x1b[K"
"""Go to the beginning of the line, and erase it (ECMA-48: CR, EL)."""


def serve(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; return the exit code."""
    path = Path(arguments.config) if arguments.config is not None else _FILE if _FILE.is_file() else None
    flags = {name: getattr(arguments, name) for name in _FLAGS}
    try:
        settings = load_settings(path, os.environ, flags)
        app = build_app(settings)
    except ConfigError as error:
        raise CommandError(str(error)) from error
    host, port = settings.server.host, settings.server.port
    try:
        listener = listening_socket(host, port)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {reason(error)}", FAILED) from error
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}/v1"
    for missing in missing_keys(settings):
        # The server is of use all the same: other models may have theirs, and a gateway may ask for none.
        print(f"penstock: warning: {missing}", file=sys.stderr, flush=True)
    line = _LiveLine(app)
    _log_to_output(line, quiet=arguments.quiet)

    def begin() -> None:
        _tell_what_to_try(url, settings, app)
        line.start()

    def wait(number: int, of: str, what: str, seconds: float) -> None:
        erase = _ERASE if line.is_shown else ""
        one = number == 1
        print(
            f"{erase}Waiting for {count(number, of)} to {what.format('it' if one else 'them')}, {seconds:g} s at the "
            f"most; Ctrl-C again ends {'it' if one else 'them'} at once.",
            file=sys.stderr,
            flush=True,
        )

    server = Server(
        app,
        on_start=begin,
        on_wait=lambda streams, seconds: wait(streams, "stream", "end", seconds),
        on_close=lambda clients, seconds: wait(clients, "client", "take what was sent to {}", seconds),
    )
    with listener, line:
        server.run(sockets=[listener])
    if server.failure is not None:
        raise CommandError(str(server.failure), FAILED) from server.failure
    if server.signal is not None:
        return INTERRUPTED if server.signal == signal.SIGINT else TERMINATED
    return FINE if server.started else FAILED


def _tell_what_to_try(url: str, settings: Settings, app: App) -> None:
    """Say on standard error where the server is, and how to ask it something."""
    names = [name for name in settings.models if name != "*"]
    model = names[0] if names else DEMO if not settings.models else "MODEL"
    key = ' -H "Authorization: Bearer $KEY"' if app.service.keys else ""
    print(
        f"Serving Open Responses at {url}\n\n"
        f"  curl -N {url}/responses{key} -H 'Content-Type: application/json' \\\n"
        f'    -d \'{{"model": "{model}", "input": "Hello!", "stream": true}}\'\n\n'
        f"  OPENAI_BASE_URL={url} OPENAI_API_KEY={'$KEY' if key else 'none'} python my_program.py\n",
        file=sys.stderr,
        flush=True,
    )


def _log_to_output(line: _LiveLine, *, quiet: bool) -> None:
    """Send the access log to standard output, and what goes wrong to standard error."""
    problems = logging.StreamHandler(sys.stderr)
    problems.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[problems])
    access = logging.getLogger("penstock.access")
    access.propagate = False
    if not quiet:
        lines = logging.StreamHandler(sys.stdout)
        # Where the live line stands on the same terminal, it gives way.
        erase = _ERASE if line.is_shown and sys.stdout.isatty() else ""
        lines.setFormatter(logging.Formatter(f"{erase}%(message)s"))
        access.addHandler(lines)
        access.setLevel(logging.INFO)


class _LiveLine:
    """A line at the foot of a terminal: requests, streams, and events a second."""

    def __init__(self, app: App) -> None:
        self._service = app.service
        self.is_shown = sys.stderr is not None and sys.stderr.isatty()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to show it, on a terminal."""
        if self.is_shown:
            self._thread.start()

    def __enter__(self) -> _LiveLine:
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
            print(_ERASE, end="", file=sys.stderr, flush=True)

    def _run(self) -> None:
        before, at = self._service.events, time.monotonic()
        while not self._is_over.wait(LINE_SECONDS):
            events, now = self._service.events, time.monotonic()
            rate = (events - before) / (now - at)
            before, at = events, now
            requests, streams = self._service.requests, self._service.under_way
            text = f"{count(requests, 'request')}, {count(streams, 'stream')}, {rate:,.0f} events a second"
            print(f"{_ERASE}{text}", end="", file=sys.stderr, flush=True)
