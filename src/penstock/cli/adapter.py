"""The adapter that a command line asks for, as its `--option` flags say."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.cli.errors import CommandError
from penstock.upstream.base import UpstreamAPI
from penstock.upstream.registry import UnknownOption, read_options, upstream_by_name

__all__ = ["adapter"]


def adapter(name: str, options: Sequence[str] | None) -> UpstreamAPI:
    """Return the adapter `name`. Raises CommandError for an option that it does not have, or not so."""
    try:
        return upstream_by_name(name, read_options(options or ()))
    except UnknownOption as error:
        raise CommandError(f"--option: {error}") from None
