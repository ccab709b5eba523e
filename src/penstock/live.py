"""Where the machine comes in: the writer with this machine's clock and random ids.

The core is pure: a `ResponseWriter` is given its clock and its ids. Most programs want the ordinary ones, and get them
here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from penstock.spec.request import CreateResponse
from penstock.stream.emitters import StreamEventEmitter
from penstock.stream.writer import ResponseWriter, WriterOptions

__all__ = ["ResponseStream", "random_id"]

ID_BYTES = 16
"""Random bytes of an id: enough that two never meet (2**64 ids for an even chance)."""


def random_id(prefix: str) -> str:
    """Return a new id such as `msg_6f1c...`: `prefix`, an underscore, and 32 hexadecimal digits."""
    # What `secrets.token_hex` does; but that module brings OpenSSL along, a fifth of the time it takes to import us.
    return f"{prefix}_{os.urandom(ID_BYTES).hex()}"


class ResponseStream(ResponseWriter):
    """A `ResponseWriter` whose ids are random and whose clock is the machine's."""

    def __init__(
        self,
        emitter: StreamEventEmitter | None,
        *,
        model: str,
        request: CreateResponse | None = None,
        response_id: str | None = None,
        options: WriterOptions | None = None,
        ids: Callable[[str], str] = random_id,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Write to `emitter`; see `ResponseWriter` for the rest."""
        super().__init__(
            emitter,
            model=model,
            ids=ids,
            clock=clock,
            request=request,
            response_id=response_id,
            options=options,
        )
