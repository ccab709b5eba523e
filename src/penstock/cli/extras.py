"""What a command needs beyond msgspec, and what to say where it is not installed."""

from __future__ import annotations

import importlib.util
from typing import Final

from penstock.cli.errors import CommandError

__all__ = ["is_installed", "need_server"]

_SERVER: Final = ("starlette", "uvicorn", "websockets", "sqlalchemy", "alembic", "cryptography", "aiohttp")
"""The packages of the extra `server`, as they are imported."""


def is_installed(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # it was taken out of this process
        return False


def need_server(command: str) -> None:
    """Raise CommandError where what the server needs is not installed."""
    for module in _SERVER:
        if not is_installed(module):
            how = "which comes with the extra `server`: pip install '.[server]' in a clone"
            raise CommandError(f"penstock {command} needs {module}, {how}")
