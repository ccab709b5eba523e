"""The body of a provider's reply, whatever it turns out to be: an event stream, one JSON document, or rubbish.

What every adapter has to do with bytes, done once: tell a document from a stream, decode the frames, say what was
wrong with a damaged or interrupted body, and say at the end, once, how it ended.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence

from penstock.spec.response import ErrorPayload
from penstock.stream.output import Failure, Output
from penstock.upstream.base import Loss, Translation
from penstock.upstream.faults import SHOWN_CHARACTERS, own_error, provider_error, quoted
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.errors import FramingError
from penstock.wire.sse import Frame, SSEDecoder

__all__ = ["BodyTranslation"]

_LINE_END = re.compile(b"[\r\n]")
_BOM = b"\xef\xbb\xbf"

MAX_DOCUMENT_BYTES = MAX_FRAME_BYTES
"""How large a reply may be that is one JSON document: as large as a frame, which may hold one, too."""

MAX_BLANK_BYTES = 1024
"""How much white space a line before a document may have; what begins with more of it is read as a stream."""

MAX_LOSSES = 100
"""How many losses are told of one reply. Their names may be the provider's, and then there is no end to them."""

_TOO_DEEP = own_error("upstream_invalid_json", "the upstream sent JSON that is nested too deeply")


class BodyTranslation(Translation):
    """A translation of a body of Server-Sent Events, or of one JSON document in its place.

    An adapter says what its frames and documents mean (`_take_frame`, `_take_document`), what of the answer it holds
    back (`_settle`), whether the reply is finished, and how it ended (`_finished`, `_stop`).
    """

    def __init__(self) -> None:
        """Begin at the first byte."""
        super().__init__()
        self._decoder = SSEDecoder()
        self._head: bytes | None = b""
        self._blank_lines = False
        self._document: list[bytes] | None = None
        self._size = 0
        self._first = b""
        self._framed = False
        self._broken_off = False
        self._failed = False
        self._ended = False

    def feed(self, data: bytes) -> Sequence[Output]:
        """Take the next bytes of the reply, cut anywhere; return what the model said in them, in order."""
        if self._ended:
            return []
        if self._head is not None:
            data = self._sniff(self._head + data)
        out: list[Output] = []
        if self._document is not None:
            self._document.append(data)
            self._size += len(data)
            if self._size > MAX_DOCUMENT_BYTES:
                self._document.clear()
                words = f"the upstream's reply is a document of more than {MAX_DOCUMENT_BYTES} bytes"
                self._fail(out, own_error("upstream_invalid_stream", words))
                self._end(out, finished=False)
            return out
        self._frames(lambda: self._decoder.feed(data), out)
        if not self._framed:
            self._first = (self._first + data)[:SHOWN_CHARACTERS]
        return out

    def close(self) -> Sequence[Output]:
        """The upstream closed the connection: return what is left, at least `Stop` or `Failure` if neither was said."""
        out: list[Output] = []
        if self._ended:
            return out
        if self._document is not None:
            self._whole(b"".join(self._document), out)
            return out
        self._frames(self._flush, out)
        self._end(out, finished=self._is_finished(broken_off=self._broken_off))
        return out

    def _flush(self) -> Sequence[Frame]:
        frames = self._decoder.flush()
        self._broken_off = any(not frame.terminated for frame in frames)
        return frames

    # ------------------------------------------------------------------------------------------ what an adapter says

    @abstractmethod
    def _take_frame(self, frame: Frame, out: list[Output]) -> None:
        """Read one frame that has data or a name; add what the model said in it to `out`."""

    @abstractmethod
    def _take_document(self, data: bytes, out: list[Output]) -> bool:
        """Read a whole reply or error; return whether it held either. Raises ValueError for what is no JSON object."""

    @abstractmethod
    def _settle(self, out: list[Output]) -> None:
        """Say what was held back for something that can no longer come."""

    @abstractmethod
    def _is_finished(self, *, broken_off: bool) -> bool:
        """Whether the reply was told to its end, so that the connection may close; `broken_off`: within a frame.

        Where the provider had said that the answer is not whole anyway, it may close anywhere.
        """

    @abstractmethod
    def _stop(self, out: list[Output]) -> None:
        """Say why the model stopped: the reply is finished, and did not fail."""

    # ---------------------------------------------------------------------------------------- frames and documents

    def _sniff(self, head: bytes) -> bytes:
        """Find out from its first character what the body is; return the bytes to read now."""
        text = (head if self._blank_lines else head.removeprefix(_BOM)).lstrip()
        # Some send blank lines to keep the connection, as many as it takes; only the last of them is kept.
        *blank, last = _LINE_END.split(head[: len(head) - len(text)])
        is_wide = max(map(len, (*blank, last))) > MAX_BLANK_BYTES
        head = last + text
        self._blank_lines = self._blank_lines or bool(blank)
        if not is_wide and (not text or (_BOM.startswith(head) and not self._blank_lines)):
            self._head = head
            return b""
        self._head = None
        # No line of an event stream that says anything begins with a bracket.
        if text[:1] in (b"{", b"[") and not is_wide:
            self._document = []
            return text
        return head

    def _frames(self, decode: Callable[[], Sequence[Frame]], out: list[Output]) -> None:
        try:
            frames = decode()
        except FramingError as error:
            self._fail(out, own_error("upstream_invalid_stream", f"the upstream's stream is damaged: {error}"))
            return
        try:
            for frame in frames:
                self._framed = True
                if not self._ended:
                    self._take_frame(frame, out)
        except RecursionError:
            self._fail(out, _TOO_DEEP)

    def _not_json(self, frame: Frame, out: list[Output]) -> None:
        """Read a frame whose data is no JSON object."""
        if frame.event == "error":
            self._fail(out, provider_error(frame.data.decode("utf-8", "replace")))
        elif frame.terminated:  # else it was cut short, as `close` will say
            words = f"the upstream sent a frame that is no JSON object: {quoted(frame.data)}"
            self._fail(out, own_error("upstream_invalid_json", words))

    def _whole(self, data: bytes, out: list[Output]) -> None:
        """Read a body that is one JSON document."""
        try:
            if not self._take_document(data, out):
                words = f"the upstream's reply holds no answer: {quoted(data)}"
                self._fail(out, own_error("upstream_empty_reply", words))
        except ValueError:
            words = f"the upstream's reply is no JSON object: {quoted(data)}"
            self._fail(out, own_error("upstream_invalid_json", words))
        except RecursionError:
            self._fail(out, _TOO_DEEP)
        self._end(out, finished=True)

    # ------------------------------------------------------------------------------------------------------ the end

    def _end(self, out: list[Output], *, finished: bool) -> None:
        """Say what was held back, and how it ended; nothing more is read."""
        if self._ended:  # by the last frame
            return
        self._ended = True
        if self._failed:
            return
        self._settle(out)
        if not finished:
            self._fail(out, self._truncated())
        else:
            self._stop(out)

    def _truncated(self) -> ErrorPayload:
        if self._framed:
            where = "within a frame, " if self._broken_off else ""
            words = f"the upstream closed the connection {where}before the reply was finished"
            return own_error("upstream_truncated", words)
        if self._first:
            words = f"the upstream's reply is no event stream: {quoted(self._first)}"
            return own_error("upstream_invalid_stream", words)
        return own_error("upstream_truncated", "the upstream closed the connection without any reply")

    def _fail(self, out: list[Output], error: ErrorPayload) -> None:
        """Say what was held back, then the failure; of several only the first."""
        if not self._failed:
            self._settle(out)
            self._failed = True
            out.append(Failure(error))

    def _lose(self, param: str, reason: str) -> None:
        """Note that something of the reply has no place in Open Responses; each place once."""
        if len(self.losses) < MAX_LOSSES and all(loss.param != param for loss in self.losses):
            self.losses.append(Loss(param, reason))
