"""How a command ends: the exit codes, and the errors that stand on one line."""

from __future__ import annotations

from penstock.spec.errors import PenstockError

__all__ = ["FAILED", "FINE", "INTERRUPTED", "PIPE_CLOSED", "TERMINATED", "USAGE", "CommandError"]

FINE = 0
FAILED = 1
"""The stream failed, was damaged or was cut short."""
USAGE = 2
"""The command line makes no sense, or there is no input that can be read."""
INTERRUPTED = 130
"""Ctrl-C, as the shell itself says it: 128 and the number of the signal."""
PIPE_CLOSED = 141
"""Whoever was to read the output has left (SIGPIPE)."""
TERMINATED = 143
"""SIGTERM."""


class CommandError(PenstockError):
    """The command cannot go on; its text is all the user is told, on one line. `code` is the exit code."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
