"""The table of measurements: what a row is, and how one is added.

A row is one function that measures two sides and returns their figures; the decorator `row` puts it into the table,
with what it must reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Must:
    """What a ratio must reach.

    `faster`: the peer takes at least `limit` times as long as ours. `at most`: ours takes at most `limit` times
    as much as the peer.
    """

    kind: Literal["faster", "at most"]
    limit: float

    def __str__(self) -> str:
        return f"at least {self.limit:g} times faster" if self.kind == "faster" else f"at most {self.limit:g} times"


@dataclass(frozen=True)
class Figures:
    """What was measured: `ours` and the `peer`, both in `unit`; `note` is what a reader may want to know beside."""

    ours: float
    peer: float
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """How much work is put into a measurement; `quick` gives a first impression, no figures to rely on."""

    quick: bool = False

    def rounds(self, count: int) -> int:
        """Return how often both sides are measured, where `count` times would be thorough."""
        return max(3, count // 4) if self.quick else count

    def events(self, count: int) -> int:
        """Return how many events a stream has, where `count` would be thorough."""
        return count // 10 if self.quick else count


Measure = Callable[[Scale], Figures]


@dataclass(frozen=True)
class Row:
    """One line of the table. `must` is None where nothing is demanded and the figure merely tells."""

    name: str
    work: str
    against: str
    must: Must | None
    measure: Measure


@dataclass(frozen=True)
class Result:
    """A row that was measured."""

    row: Row
    figures: Figures

    @property
    def ratio(self) -> float:
        """How many times faster ours is (`is_speedup`), or how many times as much it takes."""
        ours, peer = self.figures.ours, self.figures.peer
        return peer / ours if self.is_speedup else ours / peer

    @property
    def is_speedup(self) -> bool:
        """Whether a greater ratio is better: as it is demanded, or where ours is the faster one."""
        must = self.row.must
        return must.kind == "faster" if must is not None else self.figures.peer > self.figures.ours

    @property
    def met(self) -> bool | None:
        """Whether the ratio reaches what it must; None where nothing is demanded."""
        must = self.row.must
        if must is None:
            return None
        return self.ratio >= must.limit if must.kind == "faster" else self.ratio <= must.limit


ROWS: dict[str, Row] = {}
"""All rows by name, in the order of the table."""


def row(
    name: str, *, work: str, against: str, faster: float | None = None, at_most: float | None = None
) -> Callable[[Measure], Measure]:
    """Put a measurement into the table, as `name`: ours must be `faster`, or take `at_most`, so many times."""

    def add(measure: Measure) -> Measure:
        must = None
        if faster is not None:
            must = Must("faster", faster)
        elif at_most is not None:
            must = Must("at most", at_most)
        if name in ROWS:
            raise ValueError(f"two rows named {name!r}")
        ROWS[name] = Row(name, work, against, must, measure)
        return measure

    return add
