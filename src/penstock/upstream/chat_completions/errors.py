"""Where the chunks of a stream, or a reply, hold an error."""

from __future__ import annotations

from penstock.spec.response import ErrorPayload
from penstock.upstream.chat_completions.chunks import Chunk
from penstock.upstream.faults import provider_error


def chunk_error(chunk: Chunk, *, named: bool) -> ErrorPayload | None:
    """Return the error in a frame or a reply, None where there is none.

    `named`: the frame was called `error`, so that it is one whatever it looks like.
    """
    if chunk.error:
        return provider_error(chunk.error)
    if chunk.x_groq is not None and chunk.x_groq.error:
        return provider_error(chunk.x_groq.error)
    if not named and (chunk.choices is not None or not (chunk.message or chunk.detail)):
        return None
    # vLLM and Mistral put the error at the top level, FastAPI calls it `detail`.
    words = chunk.message or chunk.detail
    return provider_error({"message": words, "type": chunk.type, "code": chunk.code, "param": chunk.param})
