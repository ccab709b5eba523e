"""From what the checkers said to verdicts, and from verdicts to counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from tools.comparison.streams import Sample

__all__ = ["Count", "Verdict", "count", "false_alarms", "verdicts"]


class Verdict(Enum):
    """What a checker made of a broken stream."""

    FOUND = "found"
    """It complained, and does not complain about a valid twin."""
    MISSED = "missed"
    """It did not complain."""
    UNTOLD = "untold"
    """It complained, and about a valid twin as well: it has not told the two apart."""
    NOT_ASKED = "not asked"
    """It cannot be given such a stream."""


@dataclasses.dataclass(frozen=True)
class Count:
    """How many streams there are of a kind, and what was made of them."""

    found: int = 0
    missed: int = 0
    untold: int = 0
    not_asked: int = 0

    @property
    def asked(self) -> int:
        """How many streams the checker was given."""
        return self.found + self.missed + self.untold


def verdicts(samples: Sequence[Sample], complaints: Mapping[str, str]) -> dict[str, Verdict]:
    """Return the verdict on each broken stream, by its name."""
    return {sample.name: _verdict(sample, complaints) for sample in samples if sample.rule}


def false_alarms(samples: Sequence[Sample], complaints: Mapping[str, str]) -> list[Sample]:
    """Return the valid streams about which a checker complains."""
    return [sample for sample in samples if not sample.rule and complaints.get(sample.name)]


def count(found: Iterable[Verdict]) -> Count:
    """Return how often each verdict comes."""
    every = list(found)
    return Count(*(every.count(verdict) for verdict in Verdict))


def _verdict(sample: Sample, complaints: Mapping[str, str]) -> Verdict:
    if sample.name not in complaints:
        return Verdict.NOT_ASKED
    if not complaints[sample.name]:
        return Verdict.MISSED
    if any(complaints.get(twin) for twin in sample.twins):
        return Verdict.UNTOLD
    return Verdict.FOUND
