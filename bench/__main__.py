"""The command `python -m bench`: measures, and prints a table with this machine's figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import bench.rows  # noqa: F401 - fills the table
from bench import machine, report
from bench.section import section_of
from bench.table import ROWS, Result, Scale


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Penstock against other libraries.")
    parser.add_argument("--row", action="append", metavar="NAME", choices=list(ROWS), help="only this row; repeatable")
    parser.add_argument("--list", action="store_true", help="name the rows, and stop")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a first impression")
    parser.add_argument("--check", action="store_true", help="exit with status 1 where a row misses what it must reach")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--write", metavar="FILE", type=Path, help="also write the page, such as docs/performance.md")
    options = parser.parse_args(arguments)
    if options.list:
        for row in ROWS.values():
            print(f"{row.name:<25}{row.work}; against {row.against}")
        return 0
    if options.write and (options.quick or options.row):
        parser.error("--write needs the whole table, measured thoroughly: not with --quick or --row")
    scale = Scale(quick=options.quick)
    results: list[Result] = []
    for name in options.row or ROWS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        results.append(Result(ROWS[name], ROWS[name].measure(scale)))
    facts = machine.facts()
    print(report.as_json(results, facts) if options.json else report.as_text(results, facts))
    if options.write:
        options.write.parent.mkdir(exist_ok=True)
        before = options.write.read_text(encoding="utf-8") if options.write.is_file() else ""
        page = report.as_page(results, facts)
        # The server's part is another command's.
        server = section_of(before, "server")
        options.write.write_text(f"{page}\n{server}" if server else page, encoding="utf-8")
    missed = [result.row.name for result in results if result.met is False]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
