"""What was acknowledged is there, whatever becomes of the process; and nothing is in progress for ever."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from penstock.store.base import LEASE_SECONDS
from tests.store.stored import ME, ROOT, Clock, ended, environment, store


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_was_acknowledged_survives_kill_9(shared_url: str) -> None:
    command = [sys.executable, "-m", "tests.store.killed", shared_url]
    acknowledged: list[tuple[str, str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment()) as child:
        assert child.stdout is not None
        for line in child.stdout:
            word, name = line.decode().split()
            acknowledged.append((word, name))
            if len(acknowledged) == 1_000:
                child.send_signal(signal.SIGKILL)  # and read what it had still said
        assert child.wait() == -signal.SIGKILL
    began = [name for word, name in acknowledged if word == "began"]
    done = {name for word, name in acknowledged if word == "ended"}
    assert len(acknowledged) >= 1_000

    async def look() -> None:
        clock = Clock()
        clock.now = time.time() + LEASE_SECONDS + 1
        async with store(shared_url, clock) as it:
            left = await it.abandon()
            assert left >= len(began) // 5 - 20
            for name in began:
                found = await it.get(name, owner=ME)
                assert found is not None, name
                if name in done:
                    assert found.response == ended(name)
                else:  # its end may have been stored just before it could be acknowledged
                    assert found.response.status in ("failed", "completed")
            assert await it.abandon() == 0

    asyncio.run(look())
