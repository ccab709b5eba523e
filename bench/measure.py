"""How the time of two sides is compared, so that neither has an advantage.

Both run in the same process, in turns, and the side that begins changes from round to round. What counts is processor
time, so that a busy machine weighs little, and the best round of each side, the one that was disturbed least. Garbage
collection is on, as in any program; it runs before each round, and never over what was there before the measurement.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from statistics import median

Run = Callable[[], object]
"""The work that is timed. What it returns is dropped after the clock has stopped."""
Prepare = Callable[[], Run]
"""Makes fresh work for a round; not timed."""


def seconds_of(run: Run) -> float:
    """Return the processor time `run` takes."""
    gc.collect()
    begin = time.process_time()
    result = run()
    took = time.process_time() - begin
    del result
    return took


def compare(ours: Prepare, peer: Prepare, *, rounds: int) -> tuple[float, float]:
    """Return the seconds of the best round of each side; one more round is run before, to warm up."""
    gc.collect()
    gc.freeze()
    best = [float("inf"), float("inf")]
    sides = [(0, ours), (1, peer)]
    for number in range(-1, rounds):
        for side, prepare in sides:
            took = seconds_of(prepare())
            if number >= 0:
                best[side] = min(best[side], took)
        sides.reverse()
    gc.unfreeze()
    return best[0], best[1]


def peak_bytes(run: Run) -> int:
    """Return how much memory `run` holds at most, beyond what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        result = run()
        _, peak = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return peak


def import_seconds(ours: str, peer: str, *, rounds: int) -> tuple[float, float]:
    """Return the median time of importing two modules, each time in a fresh interpreter, from compiled files."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    took: dict[str, list[float]] = {ours: [], peer: []}
    for number in range(-1, rounds):
        for module, times in took.items():
            code = f"import time; begin = time.process_time(); import {module}; print(time.process_time() - begin)"
            command = [sys.executable, "-c", code]
            ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            if number >= 0:
                times.append(float(ran.stdout))
    return median(took[ours]), median(took[peer])
