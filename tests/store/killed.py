"""A process that stores responses until it is killed, and says which were acknowledged. Run by `test_durable.py`."""

import asyncio
import os
import sys
import time

from penstock.store.sql import SQLStore
from tests.store.stored import ME, asked, begun, ended


async def work(store: SQLStore, worker: int) -> None:
    number = 0
    while True:
        name = f"r{worker}_{number}"
        await store.begin(begun(name), owner=ME, input=asked("a"), previous=None, ttl=None)
        os.write(1, f"began {name}\n".encode())
        if number % 5:
            await store.finish(ended(name), owner=ME)
            os.write(1, f"ended {name}\n".encode())
        number += 1


async def main(url: str) -> None:
    async with SQLStore(url, clock=time.time) as store:
        await asyncio.gather(*(work(store, worker) for worker in range(20)))


asyncio.run(main(sys.argv[1]))
