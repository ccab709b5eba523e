"""Every example in the documentation runs: Python blocks in order, `>>>` with what it printed."""

from __future__ import annotations

from doctest import ELLIPSIS

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

# Sybil tells `>>>` examples within a Python block from plain code by their first line.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)],
    patterns=["README.md", "docs/*.md", "docs/how-to/*.md"],
).pytest()
