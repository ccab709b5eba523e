"""Mending what is judged: files in place (`lint --fix`), and what was changed, in words."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from penstock.cli.errors import CommandError
from penstock.cli.source import reason
from penstock.lint.findings import Level
from penstock.lint.repair import Mend, Repairer
from penstock.live import random_id
from penstock.spec.request import CreateResponse
from penstock.wire.formats import Format

__all__ = ["Mended", "make_repairer", "mend_lines", "mended", "replace_file"]

_MOST_OUTPUTS: Final = 8
"""How many items with another text are named."""
# A dialect to judge by is not always one to write in.
_WRITTEN_AS: Final = {"2026-01-15": "openresponses"}


class Mended:
    """A stream as it should be: its bytes, in the format they came in, and what was changed.

    `more` is how many changes there were after those in `mends`.
    """

    def __init__(self, data: bytes, mends: Sequence[Mend], more: int) -> None:
        """Hold the outcome."""
        self.data = data
        self.mends = mends
        self.more = more

    @property
    def is_invented(self) -> bool:
        """Whether all that came out was made up: nothing that came in was of a response."""
        codes = {mend.code for mend in self.mends}
        return codes >= {"OR301", "OR601"} and b'"response.output_item.' not in self.data


def make_repairer(dialect: str, request: CreateResponse | None = None) -> Repairer:
    """Return a repairer for one stream, with this machine's clock and dice."""
    return Repairer(ids=random_id, clock=time.time, request=request, dialect=_WRITTEN_AS.get(dialect, dialect))


def mended(chunks: Iterable[bytes], repairer: Repairer) -> Mended:
    """Return the stream in `chunks` mended."""
    out = b"".join([*map(repairer.feed, chunks), repairer.close()])
    if repairer.format is Format.DOCUMENT:
        # The repairer writes lines; what was one document stays one.
        out = b"[\n" + b",\n".join(out.splitlines()) + b"\n]\n"
    return Mended(out, repairer.mends, repairer.more)


def mend_lines(mends: Sequence[Mend], more: int) -> Iterator[str]:
    """Yield what was changed, a line a rule; then in which items the text is not the one that came in.

    `more` is how many changes came after those in `mends`: of them only that is known.
    """
    harmless = [mend for mend in mends if mend.level is Level.INFO]
    of_text = [mend for mend in mends if mend.level is not Level.INFO]
    for group in (harmless, of_text):
        times = Counter(mend.code for mend in group)
        first: dict[str, Mend] = {}
        for mend in group:
            first.setdefault(mend.code, mend)
        for mend in first.values():
            place = f", event {mend.event}" if mend.event is not None else ""
            others = f" (and {times[mend.code] - 1:,} more)" if times[mend.code] > 1 else ""
            yield f"{mend.code} {mend.name}{place}: {mend.message}{others}"
    if more:
        told = "one is" if len(mends) == 1 else f"{len(mends):,} are"
        yield f"and {more:,} more change{'' if more == 1 else 's'}; only the first {told} told"
    if of_text:
        outputs = sorted({mend.output for mend in of_text if mend.output is not None})
        named = [f"output[{output}]" for output in outputs[:_MOST_OUTPUTS]]
        named += ["..."] * (len(outputs) > _MOST_OUTPUTS)
        where = f" in {', '.join(named)}" if named else ""
        yield f"warning: text was changed{where}: it is not, or not all of, what was told"


def replace_file(path: str, data: bytes) -> None:
    """Write a file anew, at once or not at all. Raises CommandError where that cannot be done."""
    target = os.path.realpath(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".penstock-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise CommandError(f"{path}: cannot be mended: {reason(error)}") from error
