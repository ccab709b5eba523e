"""Every example in the documentation runs: Python blocks in order, `>>>` with what it printed."""

from __future__ import annotations

import os
import tempfile
from doctest import ELLIPSIS
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser


def _enter_folder(namespace: dict[str, Any]) -> None:
    """Let what an example writes go to a folder of its own."""
    namespace["_before"], namespace["_folder"] = os.getcwd(), tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def _leave_folder(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


# Sybil tells `>>>` examples within a Python block from plain code by their first line.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)],
    setup=_enter_folder,
    teardown=_leave_folder,
    patterns=["README.md", "docs/*.md", "docs/how-to/*.md"],
).pytest()
