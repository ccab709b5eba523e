"""The fuzzer: `python -m tools.fuzz --seconds 600 --seed 1`. Feeds every public parser nonsense.

Input i of a seed is the same everywhere, whatever ran before. A fault is made as small as it will go, printed, and
saved below `.fuzz/`; `--replay FILE` runs it again. The first fault ends the run, unless it is told to `--keep-going`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import itertools
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tools.fuzz_inputs import Inputs
from tools.fuzz_judges import judging_holds_little, judging_is_linear
from tools.fuzz_targets import CHECKS, Fault, growth_is_linear, memory_is_bounded
from tools.fuzz_upstreams import upstreams_are_linear, upstreams_hold_little

FAULTS = Path(".fuzz")
_PROGRESS_SECONDS = 5
_SHRINKING_STEPS = 3000
_UNLIKELY = 0.1
"""How often a check gets an input that is not of its kind."""


@dataclass(frozen=True)
class Found:
    """A fault: which check failed on which input, and how."""

    check: str
    data: bytes
    signature: str
    told: str


def run_check(name: str, data: bytes) -> Found | None:
    """Return the fault that `data` makes in a check, None where all is well."""
    try:
        CHECKS[name][1](data)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what we look for
        return Found(name, data, _signature(error), traceback.format_exc(limit=-12))
    return None


def _signature(error: Exception) -> str:
    """Return what tells one fault from another: the invariant, or the exception and the line it came from."""
    if isinstance(error, Fault):
        return f"Fault: {error.args[0] if error.args else ''}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, {last.name}"


def shrink(found: Found, steps: int = _SHRINKING_STEPS) -> Found:
    """Return the same fault on as few bytes as `steps` attempts lead to."""
    size = max(1, len(found.data) // 2)
    while steps > 0 and found.data:
        at = 0
        smaller = False
        while at < len(found.data) and steps > 0:
            steps -= 1
            again = run_check(found.check, found.data[:at] + found.data[at + size :])
            if again is not None and again.signature == found.signature:
                found, smaller = again, True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(1, size // 2)
    return found


def run(inputs: Inputs, seed: int, go_on: Callable[[int], bool]) -> Iterator[tuple[int, Found]]:
    """Run inputs 0, 1, 2 ... while `go_on` of their number holds; yield each kind of fault once, with the number."""
    known: set[tuple[str, str]] = set()
    for number in itertools.takewhile(go_on, itertools.count()):
        dice = Random(f"{seed}:{number}")
        case = inputs.make(dice)
        for name, (kinds, _) in CHECKS.items():
            if case.kind in kinds or dice.random() < _UNLIKELY:
                found = run_check(name, case.data)
                if found is not None and (name, found.signature) not in known:
                    known.add((name, found.signature))
                    yield number, found


def save(found: Found, seed: int, number: int, folder: Path = FAULTS) -> Path:
    """Save a fault such that `--replay` can run it again."""
    folder.mkdir(exist_ok=True)
    digest = hashlib.sha256(found.check.encode() + found.data).hexdigest()[:12]
    path = folder / f"{found.check}-{digest}.json"
    facts = {
        "check": found.check,
        "seed": seed,
        "number": number,
        "signature": found.signature,
        "told": found.told,
        "bytes": base64.b64encode(found.data).decode(),
    }
    path.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    return path


def replay(path: Path) -> int:
    """Run a saved fault again; return 1 while it is still there."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    found = run_check(facts["check"], base64.b64decode(facts["bytes"]))
    print(found.told if found else f"{facts['check']} holds now")
    return 1 if found else 0


class Clock:
    """Says whether to go on, and tells how far we are."""

    def __init__(self, seed: int, seconds: float, count: int | None) -> None:
        self.inputs = 0
        self._seed = seed
        self._count = count
        self._begin = time.monotonic()
        self._end = self._begin + seconds
        self._next = self._begin + _PROGRESS_SECONDS

    def __call__(self, number: int) -> bool:
        self.inputs = number
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            rate = number / (now - self._begin)
            print(f"seed {self._seed}: {number:,} inputs, {rate:,.0f} a second", file=sys.stderr, flush=True)
        return now < self._end if self._count is None else number < self._count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 where a fault was found."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description="Feed the parsers nonsense.")
    parser.add_argument("--seconds", type=float, default=600, help="how long (600)")
    parser.add_argument("--count", type=int, help="how many inputs, instead of how long")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same run (1)")
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="a folder of recorded streams, to damage too")
    parser.add_argument("--keep-going", action="store_true", help="find other kinds of faults after the first")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one saved fault again, and stop")
    options = parser.parse_args(arguments)
    if options.replay:
        return replay(options.replay)
    growth_is_linear(2000)
    memory_is_bounded()
    judging_is_linear(300)
    judging_holds_little(1000)
    upstreams_are_linear(2000)
    upstreams_hold_little()
    clock = Clock(options.seed, options.seconds, options.count)
    faults = 0
    for number, fault in run(Inputs(options.recordings), options.seed, clock):
        faults += 1
        print(
            f"seed {options.seed}, input {number}: {fault.check}: {fault.signature}; making it smaller ...", flush=True
        )
        small = shrink(fault)
        print(small.told)
        print(f"bytes: {base64.b64encode(small.data).decode()}")
        print(f"saved as {save(small, options.seed, number)}", flush=True)
        if not options.keep_going:
            break
    print(f"seed {options.seed}: {clock.inputs:,} inputs, {faults or 'no'} fault{'s' if faults > 1 else ''}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
