"""The server's figures as the part of `docs/performance.md` between two marks, and as text, which is the same."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.server.gateways import LEAST
from bench.server.held import Held
from bench.server.throughput import Throughput, percentile

MUST = {"responses.js": 20.0, "LiteLLM proxy": 50.0}
"""How many times as many deltas a second Penstock is to carry."""

_MIB = 2**20

_SECTION = """\
## The server under load

Written by `make bench-server WRITE=docs/performance.md`. The server has one core to itself as far as the machine
allows; upstream, clients and everything else share the other.

{facts}

### Beside other gateways

Chat Completions in, Responses as server-sent events out, {streams} streams at once, every gateway in front of the same
upstream in the same run. *As fast as they are taken*: the upstream never waits; a stream has {deltas} deltas. *As a
model's server sends them*: each delta by itself, {rate:g} a second and stream, one stream beginning after the other. *A
second of processor*: deltas for each second that the gateway used of its core, which a busy machine changes little.

{gateways}

{ratios}
{missing}
### Many at once

{held}

Each stream gets 20 deltas a second. *Memory a stream* is the most that the server had beyond what it had before the
first of them connected, by the number of streams; *growth* is that of the second half of the time, in which the text of
all streams grew too (it is kept for the terminal event). As many streams were held before, for a moment: *left* is by
how much more memory the server had after these than after those. All deltas are counted, and of every kind 20 streams
linted whole.
"""


@dataclass
class Compared:
    """One gateway: `fast` and `paced` are by the two upstreams."""

    name: str
    version: str
    fast: Throughput
    paced: Throughput


@dataclass
class Many:
    """Many streams that were held: `memory` is bytes a stream, `left` bytes that remained after them."""

    held: Held
    memory: float
    left: int


@dataclass
class Results:
    """All that was measured; `missing` are the gateways that could not be had, with the reason."""

    streams: int
    deltas: int
    rate: float
    compared: list[Compared] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    held: dict[str, Many] = field(default_factory=dict)

    def ratios(self) -> dict[str, tuple[float, float, float]]:
        """Return by how many times Penstock is faster than each peer: by the clock, by processor; and what it must."""
        if not self.compared:
            return {}
        ours = self.compared[0].fast
        return {
            peer.name: (
                ours.rate / peer.fast.rate,
                ours.thrift / peer.fast.thrift,
                MUST[peer.name],
            )
            for peer in self.compared[1:]
            if peer.name in MUST
        }

    def missed(self) -> list[str]:
        """Return what is not as it must be, each in words."""
        found = [
            f"{name}: {ratio:.1f} times as many deltas a second, at least {must:g} are demanded"
            for name, (ratio, _, must) in self.ratios().items()
            if ratio < must
        ]
        found += [
            f"{peer.name}: its first delta without load comes before ours under load"
            for peer in self.compared[1:]
            if peer.name in MUST and _p(self.compared[0].paced.loaded, 50) > _p(peer.paced.idle, 50)
        ]
        for kind, many in self.held.items():
            found += [f"{kind}: {error[:300]}" for error in many.held.errors[:3]]
        return found


def section(results: Results, facts: Mapping[str, str]) -> str:
    """Return everything as Markdown."""
    missing = "".join(f"\n{name} was not measured: {reason}.\n" for name, reason in results.missing.items())
    told = "; ".join(f"{name} {value}" for name, value in facts.items())
    load = f"{os.getloadavg()[0]:.1f}"
    measured = f"Measured on: {told}. The machine's load at the end: {load}; it has {os.cpu_count()} cores."
    return _SECTION.format(
        facts=textwrap.fill(measured, 120),
        streams=results.streams,
        deltas=results.deltas,
        rate=results.rate,
        gateways=_gateways(results.compared),
        ratios=_ratios(results),
        missing=missing,
        held=_held(results.held),
    )


def _gateways(compared: Sequence[Compared]) -> str:
    head = (
        "gateway",
        "deltas a second, as fast as they are taken",
        "a second of processor",
        "as a model's server sends them: a second of processor",
        "first delta alone, p50 and p99",
        "first delta, load as a model's server sends it",
        "first delta, load as fast as it is taken",
    )
    rows = [
        (
            f"{each.name} {each.version}".rstrip(),
            f"{each.fast.rate:,.0f}",
            f"{each.fast.thrift:,.0f}",
            f"{each.paced.thrift:,.0f}",
            _times(each.paced.idle),
            _times(each.paced.loaded),
            _times(each.fast.loaded),
        )
        for each in compared
    ]
    return _table(head, rows)


def _ratios(results: Results) -> str:
    lines = []
    for name, (ratio, processor, must) in results.ratios().items():
        met = f"at least {must:g} are demanded: {'yes' if ratio >= must else 'NO'}"
        lines.append(f"- {name}: Penstock carries {ratio:.1f} times as many deltas a second, {processor:.1f} times as")
        lines.append(f"  many a second of processor; {met}.")
    lines += _best_possible(results.compared)
    return "\n".join(lines)


def _best_possible(compared: Sequence[Compared]) -> list[str]:
    """Return how many times as many a gateway could carry at all, beside each peer."""
    of = {each.name: each for each in compared}
    least = of.get(LEAST)
    if least is None:
        return []
    lines = []
    for peer in (of[name] for name in MUST if name in of):
        fast, paced = (least.fast.thrift / peer.fast.thrift, least.paced.thrift / peer.paced.thrift)
        words = (
            f"{LEAST}, carries {fast:.1f} times as many as {peer.name} a second of processor, {paced:.1f} times as a "
            "model's server sends them: no gateway on this event loop can do more."
        )
        lines += textwrap.wrap(words, 110, initial_indent="- ", subsequent_indent="  ")
    return lines


def _held(held: Mapping[str, Many]) -> str:
    head = ("", "streams", "held", "deltas", "errors", "of a core", "first delta", "memory a stream", "growth", "left",
            "open files at most, and after")  # fmt: skip
    rows = [
        (
            kind,
            f"{each.streams:,}",
            f"{each.seconds:.0f} s",
            f"{each.deltas:,}",
            str(len(each.errors)),
            f"{each.processor / each.seconds:.0%}",
            _times(each.first),
            f"{many.memory / 1024:.0f} KiB",
            f"{each.growth / _MIB:.1f} MiB",
            f"{many.left / _MIB:.1f} MiB",
            f"{max(look.files for look in each.looks):,}; {each.after.files:,}",
        )
        for kind, many in held.items()
        for each in [many.held]
    ]
    return _table(head, rows)


def _p(values: Sequence[float], percent: float) -> float:
    return percentile(values, percent)


def _times(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{_p(values, 50) * 1e3:.1f} ms, {_p(values, 99) * 1e3:.1f} ms"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rules = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rules, *rows))
