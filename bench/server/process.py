"""A process that is measured: started on one core, asked for its processor time, memory and files, and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120.0
"""How long a gateway may take to begin: LiteLLM imports for half a minute on a busy machine."""
END_SECONDS = 30.0

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reading:
    """A process at one moment: processor seconds so far, bytes of memory, open files."""

    processor: float
    memory: int
    files: int


class Measured:
    """A running process, and the port it listens on."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Measure `process` and all its children."""
        self._process = process
        self.port = port

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def read(self) -> Reading:
        """Return how it is, with its children."""
        processor, memory, files = 0.0, 0, 0
        for pid in _family(self._process.pid):
            with contextlib.suppress(OSError):  # it has just ended
                # The name in parentheses may hold spaces; utime and stime are fields 14 and 15 (proc(5)).
                fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
                processor += (int(fields[11]) + int(fields[12])) / _TICKS
                memory += int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
                files += len(os.listdir(f"/proc/{pid}/fd"))
        return Reading(processor, memory, files)


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in _family(int(child)))]


def cores() -> tuple[int, int]:
    """Return the core of what is measured, and the one of everything else; the same where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    core: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    is_ready: Callable[[int], bool] | None = None,
) -> Generator[Measured]:
    """Run `command` on `core` until the context ends; what it says goes to `log`.

    It is waited for until it listens on `port` and `is_ready`. Raises RuntimeError with the end of its log where that
    takes too long.
    """
    pinned = ["taskset", "--cpu-list", str(core), *command] if shutil.which("taskset") else list(command)
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not (_listens(port) and (is_ready is None or is_ready(port))):
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"{command[0]} did not start:\n{said}")
            time.sleep(0.1)
        yield Measured(process, port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
