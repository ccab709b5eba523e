# ruff: noqa: I001 - the order of the imports is the order of the table
"""The rows of the table. Importing this package fills `bench.table.ROWS`."""

from bench.rows import reading
from bench.rows import writing
from bench.rows import folding
from bench.rows import judging
from bench.rows import growth
from bench.rows import adapters
from bench.rows import start

__all__ = ["adapters", "folding", "growth", "judging", "reading", "start", "writing"]
