"""The databases that the server's tests of stored responses run on: those of the store's own tests."""

from __future__ import annotations

from tests.store.conftest import postgresql_database, postgresql_url, url

__all__ = ["postgresql_database", "postgresql_url", "url"]
