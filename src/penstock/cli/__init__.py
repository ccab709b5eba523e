"""The command line: `penstock read`, `penstock convert`, `penstock demo`.

A command either works or tells in one line on standard error why it does not; a traceback is nothing for a user.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from importlib import import_module
from types import FrameType

from penstock.cli.errors import FAILED, FINE, INTERRUPTED, PIPE_CLOSED, TERMINATED, USAGE, CommandError
from penstock.cli.escape import one_line
from penstock.cli.parser import build_parser
from penstock.cli.source import reason

__all__ = ["main"]


class _Terminated(BaseException):
    """SIGTERM came."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`, or in the arguments of this process; return its exit code.

    0: all went well. 1: the stream failed, was damaged or was cut short. 2: the command line or the input is of no
    use. 130, 141, 143: interrupted, nobody reads the output, terminated.
    """
    try:
        with _ended_by_sigterm():
            code = _run(argv)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
    except CommandError as error:
        return _complain(str(error), error.code)
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except OSError as error:
        _forget_output()
        return _complain(f"cannot write: {reason(error)}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except Exception as error:
        # Whatever nobody thought of: here is the last place that can make one line of it.
        if os.environ.get("PENSTOCK_TRACEBACK"):
            raise
        what = f"{type(error).__name__}: {error}"
        return _complain(f"internal error, {what} (PENSTOCK_TRACEBACK=1 shows where; please report it)", FAILED)


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as end:  # after --help, --version and errors, which have been told
        return end.code if isinstance(end.code, int) else FINE
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    # A command's module is imported when it is run, so that `penstock --help` stays quick.
    code: int = import_module(f"penstock.cli.{arguments.command}").run(arguments)
    return code


def _complain(message: str, code: int) -> int:
    """Tell on one line what is wrong, where anybody can be told; return `code`."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"penstock: {one_line(message)}", file=sys.stderr, flush=True)
    return code


def _forget_output() -> None:
    """Let what could not be written go nowhere, so that Python does not try again, and complain, at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _ended_by_sigterm() -> Generator[None]:
    """Make SIGTERM unwind the stack, so that a live screen gives the terminal its cursor back."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as a signal handler is called
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
