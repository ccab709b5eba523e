"""Ways to run the command line: as a process, with pipes or a terminal, watched while it runs."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
from pathlib import Path
from typing import Self

import penstock
from tests.cli.terminal import Terminal

SOURCE = Path(penstock.__file__).parents[1]
RECORDINGS = Path(__file__).parents[2].parent / "shared" / "recordings"
PATIENCE = 60.0
"""How long to wait, in seconds, for what should happen at once; only a failing test ever waits."""

PENSTOCK = [sys.executable, "-m", "penstock"]


def environment(**more: str) -> dict[str, str]:
    """Return an environment without what would change the output."""
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "SYSTEMROOT"}}
    return kept | {"PYTHONPATH": str(SOURCE), "PYTHONUTF8": "1", "TERM": "xterm-256color"} | more


def run(*arguments: str, data: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run `penstock` with `data` piped in and everything piped out."""
    return subprocess.run(
        [*PENSTOCK, *arguments], input=data, capture_output=True, env=environment(**more), timeout=PATIENCE, check=False
    )


class Running:
    """A `penstock` at work: bytes go in when the test says so, and what comes out is waited for."""

    def __init__(self, *arguments: str, terminal: Terminal | None = None, rows: int = 24, **more: str) -> None:
        self.terminal = terminal
        self.seen = b""
        if terminal is None:
            self.process = subprocess.Popen(
                [*PENSTOCK, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(**more),
            )
            assert self.process.stdout is not None
            self._out = self.process.stdout.fileno()
            return
        # Not on every system, so not at the top.
        import fcntl  # noqa: PLC0415
        import pty  # noqa: PLC0415
        import termios  # noqa: PLC0415

        self._out, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, terminal.columns, 0, 0))
        self.process = subprocess.Popen(
            [*PENSTOCK, *arguments],
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=environment(**more),
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if self.terminal is not None:
            os.close(self._out)

    def feed(self, data: bytes) -> None:
        """Hand `data` to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def until(self, text: str) -> str:
        """Read what comes out until `text` is to be seen; return all that is to be seen then."""
        while text not in self.shown:
            if not self.watch():
                raise AssertionError(f"ended without {text!r}:\n{self.shown}")
        return self.shown

    @property
    def shown(self) -> str:
        """What is to be seen so far."""
        return self.terminal.text if self.terminal is not None else self.seen.decode(errors="replace")

    def end(self) -> tuple[int, str]:
        """Close its input and read to the end; return the exit code and what it said on standard error."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        while self.watch():
            pass
        errors = self.process.stderr.read().decode()
        return self.process.wait(PATIENCE), errors

    def close_output(self) -> None:
        """Stop reading its output, as `head` does."""
        assert self.process.stdout is not None
        self.process.stdout.close()

    def watch(self) -> bool:
        """Read whatever comes next; return False at the end."""
        ready, _, _ = select.select([self._out], [], [], PATIENCE)
        assert ready, f"nothing came for {PATIENCE} s after:\n{self.shown}"
        try:
            data = os.read(self._out, 65536)
        except OSError:  # how a terminal tells that its other side has gone
            return False
        self.seen += data
        if self.terminal is not None and data:
            # A character may be cut in two.
            whole = self.seen.decode(errors="ignore").encode()
            self.terminal.write(whole[self._written :])
            self._written = len(whole)
        return bool(data)

    _written = 0
