"""The way from a provider's bytes to the events of a stream: a translation, said through the writer.

Sans-IO, so the same few lines serve a file, a socket, sync and async.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.spec.response import ErrorPayload
from penstock.stream.machine import StreamStateError
from penstock.stream.output import Output
from penstock.stream.writer import ResponseWriter
from penstock.upstream.base import Translation

__all__ = ["Relay", "say"]

_CUT_SHORT = ErrorPayload(
    type="server_error",
    code="upstream_interrupted",
    message="The connection to the model was interrupted.",
    param=None,
)


class Relay:
    """Feeds one provider's reply to one writer. Whatever comes in, a valid stream with a terminal event goes out."""

    def __init__(self, translation: Translation, writer: ResponseWriter) -> None:
        """Relay what `translation` reads to `writer`, which is started if nobody has."""
        self._translation = translation
        self._writer = writer

    @property
    def is_done(self) -> bool:
        """Whether the stream has ended; the rest of the upstream's bytes need not be read."""
        return self._writer.state.is_terminal

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the reply, cut anywhere; what they say is emitted before this returns."""
        self._say(self._translation.feed(data))

    def close(self) -> None:
        """The reply is over: end the stream as what was said calls for."""
        self._say(self._translation.close())
        if not self.is_done:
            with self._writer:
                pass

    def abort(self, error: ErrorPayload = _CUT_SHORT) -> None:
        """The connection broke: end the stream with `error`, unless it has ended already."""
        if not self.is_done:
            with self._writer:
                self._writer.fail(error)

    def run(self, chunks: Iterable[bytes]) -> None:
        """Relay a whole reply."""
        for chunk in chunks:
            self.feed(chunk)
        self.close()

    def _say(self, outputs: Sequence[Output]) -> None:
        if not self._writer.is_started:
            self._writer.start()
        say(outputs, self._writer)


def say(outputs: Sequence[Output], writer: ResponseWriter) -> None:
    """Tell `writer`, which is started, what a model said, up to where the response ends.

    What no stream can tell ends the response as failed; it never raises for what a model said.
    """
    for output in outputs:
        if writer.state.is_terminal:
            return
        try:
            writer.send(output)
        except StreamStateError as error:
            writer.fail(_untold(error))


def _untold(error: StreamStateError) -> ErrorPayload:
    return ErrorPayload(
        type="server_error",
        code="upstream_invalid_output",
        message=f"The model's reply could not be told: {error}",
        param=None,
    )
