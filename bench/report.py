"""The results as a table for a terminal, as JSON, and as the page `docs/performance.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bench import payload
from bench.table import Result

_HEAD = ("row", "work", "against", "ours", "peer", "ratio", "must reach", "met")
_RIGHT = (3, 4, 5)

_PAGE = """\
# How fast, and how we know

Written by `python -m bench --write docs/performance.md` on the machine below; do not edit. Figures of one machine say
little about another, so what counts is the ratio: both sides ran in the same process, in the same run. No test of
Penstock asserts a time.

{table}

- **ours**, **peer**: the best round of each. **ratio**: peer by ours where it says *faster*, else ours by peer.
- A dash under *must reach*: nothing is demanded, the figure is told because it is of use.

{facts}

## What is measured

The stream is one long answer in pieces such as models send: tokens of mixed length, some with characters that JSON
escapes or UTF-8 needs several bytes for. The JSON of a delta event has {size:.0f} bytes on average. Both sides get
the same bytes, or say the same text.

- *The official SDK's own road* is the iteration of its `Stream` over a reply that needs no network, in chunks of 64
  KiB: its decoder of server-sent events, `json.loads`, and the construction of its models. The request is made before
  the clock starts. In a stream of the specification's form its text events lack the `logprobs` that its models
  demand, and it falls back to building them unchecked; with OpenAI's own `logprobs: []` it validates at once and is
  quicker. Both are shown.
- *Raw `msgspec` decode* is `list(map(decode, bodies))` over JSON that was already cut out of its frames, with a
  decoder of the same Structs: no framing, no dialects, no unknown fields, no errors with a place. Ours is
  `list(read_sse(chunks))`.
- *Raw construction + encode + framing* makes the Struct, encodes it and puts it between `event:` and a blank line; it
  checks, counts and keeps nothing. Ours makes the `Text`, holds the step to the grammar, and keeps the text for the
  terminal event.
- *As vLLM does* is a model of the `openai` package made, numbered, dumped to JSON and framed, as in vLLM's Responses
  server.
- *Memory* is the most that Python's allocators held at any moment beyond what was there before, by `tracemalloc`,
  down to the terminal event. The text is ASCII; a single emoji makes each of its copies in Python four times as wide.
  Streams are read from a file, in chunks of 64 KiB.
- *Import* is the median of fresh interpreters, timed within them.

## How it is measured

Ours and the peer take turns in one process, and the one that begins changes from round to round, after a round that
does not count. What is timed is processor time, so that a busy machine weighs little; the best round counts, which
was disturbed least. The garbage collector is on for both, as in any program; it runs before each round, and leaves
out what was there before.

## Run it yourself

```
make bench                                        # the table, on your machine: some minutes
.venv/bin/python -m bench --quick                 # a first impression
.venv/bin/python -m bench --row write --row fold  # some rows only; --list names them
.venv/bin/python -m bench --check                 # status 1 where something misses what it must reach
.venv/bin/python -m bench --json
.venv/bin/python -m bench --write docs/performance.md
```
"""


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 0.995:
        return f"{value:.3g}"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.2g}"


def _cells(result: Result) -> tuple[str, ...]:
    figures, row = result.figures, result.row
    ratio = f"{_number(result.ratio)} x" + (" faster" if result.is_speedup else "")
    met = {True: "yes", False: "NO", None: "-"}[result.met]
    return (
        row.name,
        row.work,
        row.against,
        f"{_number(figures.ours)} {figures.unit}",
        f"{_number(figures.peer)} {figures.unit}",
        ratio,
        str(row.must or "-"),
        met,
    )


def as_text(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """Return the facts and the table, without the long descriptions, for a terminal."""
    lines = [f"{name + ':':<21}{value}" for name, value in facts.items()]
    shown = [0, 3, 4, 5, 6, 7]
    rows = [[cells[column] for column in shown] for cells in (_HEAD, *map(_cells, results))]
    notes = ["", *(result.figures.note for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines.append("")
    for cells, note in zip(rows, notes, strict=True):
        padded = [
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for cell, width, column in zip(cells, widths, shown, strict=True)
        ]
        lines.append("  ".join([*padded, note]).rstrip())
    return "\n".join(lines)


def as_json(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """Return everything as one JSON object; `must` is None where nothing is demanded."""
    rows = [
        {
            "row": result.row.name,
            "work": result.row.work,
            "against": result.row.against,
            "ours": result.figures.ours,
            "peer": result.figures.peer,
            "unit": result.figures.unit,
            "ratio": result.ratio,
            "must": str(result.row.must) if result.row.must else None,
            "met": result.met,
            "note": result.figures.note,
        }
        for result in results
    ]
    return json.dumps({"facts": dict(facts), "rows": rows}, indent=2)


def as_page(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """Return the page `docs/performance.md`."""
    lines = [_HEAD[1:], tuple("---:" if column in _RIGHT else "---" for column in range(1, len(_HEAD)))]
    for result in results:
        cells = _cells(result)
        ours = f"{cells[3]}; {result.figures.note}" if result.figures.note else cells[3]
        lines.append((*cells[1:3], ours, *cells[4:]))
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    told = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    size = payload.delta_size(10_000)
    return _PAGE.format(table=table, facts=f"| measured on | |\n| --- | --- |\n{told}", size=size)
