"""Linting and repairing, with this machine's clock and random ids for what a stream does not tell.

`import penstock` loads this module only when one of its names is asked for: who only writes or reads streams does not
pay for seventy rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.lint import repair as mending
from penstock.lint.asked import Asked
from penstock.lint.findings import Finding, Level
from penstock.lint.linter import Linter, lint
from penstock.lint.repair import Mend
from penstock.live import random_id
from penstock.spec.events import ResponseStreamEvent
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.dialects import Dialect

__all__ = ["Finding", "Level", "Linter", "Mend", "Repairer", "lint", "repair"]


class Repairer(mending.Repairer):
    """A `penstock.lint.repair.Repairer` whose ids are random and whose clock is the machine's."""

    def __init__(
        self,
        *,
        request: Asked | None = None,
        dialect: Dialect | str = "openresponses",
        transport: str | None = None,
        max_frame: int = MAX_FRAME_BYTES,
        ids: Callable[[str], str] = random_id,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin a stream; see `penstock.lint.repair.Repairer`."""
        super().__init__(
            ids=ids, clock=clock, request=request, dialect=dialect, transport=transport, max_frame=max_frame
        )


def repair(
    stream: bytes | Iterable[bytes] | Iterable[ResponseStreamEvent] | Iterable[Mapping[str, Any]],
    *,
    request: Asked | None = None,
    dialect: Dialect | str = "openresponses",
    transport: str | None = None,
    ids: Callable[[str], str] = random_id,
    clock: Callable[[], float] = time.time,
) -> tuple[bytes, list[Mend]]:
    """Return a stream mended, as bytes, and what was mended; see `penstock.lint.repair.repair`."""
    return mending.repair(stream, ids=ids, clock=clock, request=request, dialect=dialect, transport=transport)
