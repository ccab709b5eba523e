"""Cuts real replies at every byte there is, and says what becomes of each.

A reply that was cut must never come out as completed. The tests try some thousands of cuts; this tries all of them.

    python -m tools.cuts FOLDER [API ...]

`FOLDER` holds recordings as `API/NAME.sse`, `API` being the name of an adapter with underscores.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from penstock.stream.output import Failure, Output, Stop
from penstock.upstream.base import Translation
from penstock.upstream.registry import UPSTREAM_NAMES, upstream_by_name

STRIDE = 256
"""How many bytes lie between two copies of a translation, from which those between are read."""


def adapter_name(folder: str) -> str:
    """Return the name of the adapter that reads what is in `folder`: `anthropic_messages` is `anthropic`'s."""
    name = folder.replace("_", "-")
    return next((known for known in UPSTREAM_NAMES if f"{name}-".startswith(f"{known}-")), name)


def statuses(api: str, data: bytes) -> Iterator[str]:
    """Yield what becomes of a reply that ends before its first byte, before its second, and so on; last, of it all."""
    reading = upstream_by_name(api).stream()
    status: str | None = None
    for start in range(0, len(data) + 1, STRIDE):
        copy = pickle.dumps(reading)
        for end in range(start, min(start + STRIDE, len(data) + 1)):
            cut = cast("Translation", pickle.loads(copy))
            found = status or _status([*cut.feed(data[start:end]), *cut.close()])
            if found is None:
                raise AssertionError(f"a reply of {end} bytes had no end")
            yield found
        status = status or _status(reading.feed(data[start : start + STRIDE]))


def _status(said: Iterable[Output]) -> str | None:
    """Return how the response ends that all this is said to, None where it does not end yet."""
    for output in said:
        if isinstance(output, Failure):
            return "failed"
        if isinstance(output, Stop):
            return "completed" if output.reason in ("stop", "tool_calls") else "incomplete"
    return None


def first_whole(api: str, data: bytes) -> int:
    """Return how many bytes of `data` are the whole reply.

    Where lines end with CR LF, the last LF adds nothing to its CR. A response is whole with its terminal event: after
    it some send `[DONE]`, and OpenAI does not.
    """
    if api == "responses":
        data = data.removesuffix(b"data: [DONE]\n\n")
    return len(data) - data.endswith(b"\r\n\r\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Cut every recording everywhere; return 1 where one of them came out as completed that is not whole."""
    parser = argparse.ArgumentParser(prog="python -m tools.cuts", description="Cut recordings at every byte.")
    parser.add_argument("folder", type=Path, help="where the recordings are, as API/NAME.sse")
    parser.add_argument("apis", nargs="*", metavar="API", help="folders to take; all of them otherwise")
    options = parser.parse_args(arguments)
    tried = wrong = 0
    for path in sorted(options.folder.glob("*/*.sse")):
        if options.apis and path.parent.name not in options.apis:
            continue
        data = path.read_bytes()
        api = adapter_name(path.parent.name)
        found = list(statuses(api, data))
        cut = found[: first_whole(api, data)]
        completed = [at for at, status in enumerate(cut) if status == "completed"]
        tried += len(cut)
        wrong += len(completed)
        told = f"{len(completed):,} completed, the first at {completed[0]:,}" if completed else "none completed"
        name = f"{path.parent.name}/{path.stem}"
        print(f"{name}: {len(cut):,} cuts, {told}, {cut.count('incomplete'):,} incomplete; whole: {found[-1]}")
    print(f"{tried:,} cuts, {wrong or 'none'} completed")
    return 1 if wrong or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
