"""What the figures were taken on: machine, versions, date. Without them a figure says nothing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("msgspec", "openai", "httpx2", "pydantic", "openresponses-types", "orjson")


def _processor() -> str:
    """Return the processor's name; Python knows only its architecture on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def facts(libraries: Sequence[str] = _LIBRARIES) -> dict[str, str]:
    """Return machine, the versions of `libraries` and the date, in the order they are shown."""
    cores = os.cpu_count() or 1
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{_processor()} ({platform.machine()}), {cores} core{'s' if cores > 1 else ''}",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "Python": f"{platform.python_implementation()} {sys.version.split()[0]}, {platform.python_compiler()}",
        **{name: _version(name) for name in libraries},
    }
