"""What a store needs of a database: transactions in which ordinary, synchronous SQLAlchemy Core is at work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

__all__ = ["Database"]

T = TypeVar("T")


class Database(ABC):
    """A database. What it is given to do it does away from the event loop, or with the loop going on meanwhile."""

    @abstractmethod
    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, in a transaction that is on the disk then; undone where `work` raises.

        One at a time: the caller sees to that.
        """

    @abstractmethod
    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, which sees the database as it is at one moment."""

    @property
    @abstractmethod
    def reads_apart(self) -> bool:
        """Whether reading can go on beside writing; where it cannot, it has to take its turn."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections. May be repeated."""
