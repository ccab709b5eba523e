"""What a model says in the parts of one answer: text, thoughts, calls, and whatever else.

Some decisions, each made once and here:

- Thoughts are summaries of the model's reasoning, made for people, so they are told as a summary.
- A signature goes before the part it is of, where that begins an item. One that comes with later text of a message
  waits until the message is finished, for a message is not broken in two for its sake.
- Annotations wait for the end of their message too, since positions are known to be whole only then.
- A part of any other kind (code, its result, images, calls of Google's own tools and their results) becomes an
  extension item that holds the part as it came, so that it can be sent back.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.spec.base import Extra, JsonObject
from penstock.spec.content import LogProb
from penstock.spec.items import MAX_CALL_ID_LENGTH, ExtensionItem
from penstock.spec.response import ErrorPayload
from penstock.stream.output import (
    Annotated,
    Extension,
    FunctionCall,
    Output,
    ReadyItem,
    ReasoningSummary,
    Text,
)
from penstock.upstream.faults import own_error, quoted
from penstock.upstream.gemini.chunks import Candidate, Content, FunctionCallPart, Part
from penstock.upstream.gemini.figures import logprobs_of
from penstock.upstream.gemini.grounding import Grounding
from penstock.upstream.gemini.names import extension_type
from penstock.upstream.gemini.pieces import PiecedCall
from penstock.upstream.gemini.signatures import Signature
from penstock.upstream.values import json_text, kept

_SHARED = frozenset(
    {
        "thought",
        "thoughtSignature",
        "partMetadata",
        "mediaResolution",
        "mediaProcessing",
        "videoMetadata",
        "speechMetadata",
        "documentMetadata",
        "spreadsheetMetadata",
        "audioMetadata",
    }
)
"""What a part of any kind may have; what else it has says of which kind it is."""


class Answer:
    """One answer being read. `calls` is how many calls it makes, `error` what makes it unusable."""

    def __init__(self, lose: Callable[[str, str], None]) -> None:
        """Begin an answer. `lose(param, reason)` is told of whatever has no place in Open Responses."""
        self.calls = 0
        self.error: ErrorPayload | None = None
        self._lose = lose
        self._texts: list[str] = []
        """The open message; empty where none is open."""
        self._length = 0
        self._thought = 0
        """How many characters of thoughts the open reasoning item has."""
        self._held: list[Signature] = []
        self._logprobs: list[LogProb] = []
        self._grounding = Grounding()
        self._pieced: PiecedCall | None = None

    def take(self, candidate: Candidate, out: list[Output]) -> None:
        """Read what a chunk adds; add to `out` what can be said."""
        if candidate.logprobs_result:
            self._logprobs.extend(logprobs_of(candidate.logprobs_result))
        content = candidate.content
        if content is not None and content.parts:
            for part in content.parts:
                if part.other is not None:
                    self._other(part, part.other, out)
                elif part.function_call is not None:
                    self._call(part.function_call, part.thought_signature, out)
                elif part.thought:
                    self._think(part.text or "", part.thought_signature, out)
                elif part.thought_signature:
                    self._sign(part.text or "", part.thought_signature, out)
                elif part.text:
                    self._text(part.text, out)
        if candidate.grounding_metadata:
            self._grounding.add("groundingMetadata", candidate.grounding_metadata)
        if candidate.citation_metadata:
            self._grounding.add("citationMetadata", candidate.citation_metadata)
        if candidate.url_context_metadata:
            self._grounding.add("urlContextMetadata", candidate.url_context_metadata)

    # --------------------------------------------------------------------------------------------- text and thoughts

    def _text(self, text: str, out: list[Output]) -> None:
        if self._pieced is not None:
            self._finish_call(self._pieced, out)
        if self._logprobs:
            out.append(Text(text, self._logprobs))
            self._logprobs = []
        else:
            out.append(Text(text))
        self._texts.append(text)
        self._length += len(text)
        self._thought = 0

    def _sign(self, text: str, signature: str, out: list[Output]) -> None:
        """Say a signed text."""
        end = self._length + len(text)
        if self._texts:
            self._held.append(Signature("last_text", signature, self._length, end))
        else:
            signed = Signature("next_text", signature, end=end) if text else Signature("alone", signature)
            out.append(signed.encrypted())
        if text:
            self._text(text, out)

    def _think(self, text: str, signature: str | None, out: list[Output]) -> None:
        self._close(out)
        if text:
            out.append(ReasoningSummary(text))
        if signature:
            out.append(Signature("thought", signature, self._thought, self._thought + len(text)).encrypted())
        self._thought += len(text)

    def _close(self, out: list[Output], *, cut: bool = False) -> None:
        """Something other than text comes: say what waited for the end of the message. `cut`: it is not whole."""
        if self._pieced is not None:
            self._finish_call(self._pieced, out, cut=cut)
        if not self._texts:
            return
        out.extend(map(Annotated, self._grounding.annotations("".join(self._texts))))
        self._texts.clear()
        self._length = 0
        if cut and self._held:
            self._lose("candidates[0].content.parts[].thoughtSignature", "what it signs was cut short")
        else:
            out.extend(signature.encrypted() for signature in self._held)
        self._held.clear()

    # --------------------------------------------------------------------------------------------------------- calls

    def _call(self, call: FunctionCallPart, signature: str | None, out: list[Output]) -> None:
        pieced = self._pieced
        if call.partial_args or call.will_continue or (pieced is not None and not call.name):
            if pieced is None or (call.name and pieced.name != call.name):
                self._close(out)
                pieced = self._pieced = PiecedCall(call, signature)
            if not pieced.take(call):
                self.error = own_error(
                    "call_in_pieces",
                    f"the model called {pieced.name!r} with arguments whose places make no sense: "
                    + quoted(json_text(call.partial_args)),
                    error_type="model_error",
                )
            if not call.will_continue:
                self._finish_call(pieced, out)
            return
        self._close(out)
        self._say_call(call.name or "", call.id, call.args or {}, signature, out)

    def _finish_call(self, pieced: PiecedCall, out: list[Output], *, cut: bool = False) -> None:
        """Say the call that came in pieces. `cut`: not all of them came, so it stays open, without arguments."""
        self._pieced = None
        self._say_call(pieced.name, pieced.id, None if cut else pieced.arguments, pieced.signature, out)

    def _say_call(
        self, name: str, identity: str | None, arguments: JsonObject | None, signature: str | None, out: list[Output]
    ) -> None:
        text = None if arguments is None else json_text(arguments)
        if not name:
            words = f"the model called a function without naming it, with the arguments {quoted(text or '')}"
            self.error = self.error or own_error("call_without_name", words, error_type="model_error")
            return
        self._thought = 0
        if signature:
            out.append(Signature("call", signature, name=name).encrypted())
        self.calls += 1
        # An id that could not be sent back is no id: the writer makes one up.
        known = identity if identity and len(identity) <= MAX_CALL_ID_LENGTH else None
        out.append(FunctionCall(name, text, call_id=known))

    # ------------------------------------------------------------------------------------------------ everything else

    def _other(self, part: Part, fields: JsonObject, out: list[Output]) -> None:
        """Say a part that is neither text, thought nor call, or has more to it than these."""
        kind = next((key for key in fields if key not in _SHARED), None)
        if kind is None or kind in ("text", "functionCall"):
            known = Part(part.text, part.thought, part.thought_signature, part.function_call)
            for key in fields.keys() - {"text", "functionCall", "thought", "thoughtSignature"}:
                self._lose(f"candidates[0].content.parts[].{key}", "Open Responses has no place for it beside a text")
            self.take(Candidate(content=Content(parts=[known])), out)
            return
        self._close(out)
        self._thought = 0
        item = {"type": extension_type(kind), "part": dict(kept(fields))}
        out.append(ReadyItem(ExtensionItem(fields=Extra(item))))

    def settle(self, out: list[Output], *, cut: bool) -> None:
        """Say what waited for something that can no longer come. `cut`: the answer is not whole.

        Only the last item of a response may be incomplete, so what is known of a cut answer comes beside the items.
        """
        if self._logprobs:
            self._text("", out)
        self._close(out, cut=cut)
        if self._grounding.is_untold:
            words = "a citation came when the text it is about was finished, or not at all"
            self._lose("candidates[0].groundingMetadata.groundingSupports[]", words)
        for name, metadata in self._grounding.metadata():
            if cut:
                out.append(Extension(extension_type(name), {name: metadata}))
            else:
                item = {"type": extension_type(name), name: metadata}
                out.append(ReadyItem(ExtensionItem(fields=Extra(item))))
