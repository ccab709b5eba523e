"""Makes `docs/demo.svg`: what `penstock demo` shows on a terminal, as a picture.

Not part of the checked documentation: ids and counts of seconds differ from run to run.
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 92
"""Wide enough for the demo's lines, narrow enough to be read in a README."""
PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"


def main() -> None:
    """Run the demo on a terminal of its own, and draw what it left there."""
    output = _run_demo().replace("\r\n", "\n").strip("\n")
    # SVG draws a line from its first character that is no space.
    output = re.sub("(?m)^ +", lambda indent: "\N{NO-BREAK SPACE}" * len(indent[0]), output)
    shown = Text.from_ansi(f"$ penstock demo\n\n{output}")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown, soft_wrap=True)
    PICTURE.write_text(console.export_svg(title="penstock"), encoding="utf-8")
    print(f"wrote {PICTURE}")


def _run_demo() -> str:
    child, terminal = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": "60"}
        os.execve(sys.executable, [sys.executable, "-m", "penstock", "demo", "--fast"], environment)
    output = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux ends a terminal whose last writer is gone with an error
            break
        if not piece:
            break
        output += piece
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"penstock demo ended with {os.waitstatus_to_exitcode(status)}:\n{output.decode()}")
    return output.decode()


if __name__ == "__main__":
    main()
