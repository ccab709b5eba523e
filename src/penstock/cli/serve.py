"""`penstock serve`: the server, from the command line."""

from __future__ import annotations

import argparse

from penstock.cli.extras import need_server

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; return the exit code. Raises CommandError where the server is not installed."""
    need_server("serve")
    from penstock.cli.serving import serve

    return serve(arguments)
