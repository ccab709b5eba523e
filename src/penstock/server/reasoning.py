"""Reasoning that the caller asked to have protected: sealed here, where the provider has no protected form of it.

Spec: "Reasoning", `include` of `reasoning.encrypted_content`. The caller keeps the item and sends it back; the text in
it is then told to the model again, even where the client was shown a summary only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from penstock.spec.content import Content, ReasoningTextContent
from penstock.spec.items import ReasoningItem
from penstock.stream.output import (
    Annotated,
    Done,
    EncryptedReasoning,
    Failure,
    FunctionCall,
    NewMessage,
    NewPart,
    Output,
    ReadyItem,
    Reasoning,
    Refusal,
    Text,
)
from penstock.wire.codec import to_plain

__all__ = ["ReasoningSealer"]


class ReasoningSealer:
    """Puts, behind each piece of reasoning that the provider did not protect, its sealed form."""

    def __init__(self, seal: Callable[[list[object]], str]) -> None:
        """`seal` turns the content parts of a reasoning item, as plain JSON data, into an opaque string."""
        self._seal = seal
        self._parts: list[list[str]] = []
        self._is_protected = False

    def add(self, outputs: Iterable[Output]) -> Sequence[Output]:
        """Return `outputs` with the sealed forms where they belong."""
        added: list[Output] = []
        for output in outputs:
            if _ends_reasoning(output):
                added += self.end()
            match output:
                case Reasoning():
                    if not self._parts:
                        self._parts.append([])
                    self._parts[-1].append(output.text)
                case EncryptedReasoning():
                    self._is_protected = True
                case NewPart() if self._parts:
                    self._parts.append([])
                case ReadyItem(item=ReasoningItem(content=[_, *_]) as item) if not item.encrypted_content:
                    content = item.content or []
                    added.append(replace(output, item=replace(item, encrypted_content=self._sealed(content))))
                    continue
                case _:
                    pass
            added.append(output)
        return added

    def end(self) -> Sequence[Output]:
        """Return the sealed form of the reasoning that is open, where it needs one; it counts as closed then."""
        texts = ["".join(pieces) for pieces in self._parts]
        content = [ReasoningTextContent(text=text) for text in texts if text]
        is_protected, self._parts, self._is_protected = self._is_protected, [], False
        return [EncryptedReasoning(self._sealed(content))] if content and not is_protected else []

    def _sealed(self, content: Sequence[Content]) -> str:
        return self._seal([to_plain(part) for part in content])


def _ends_reasoning(output: Output) -> bool:
    """Whether the writer takes what is said for the end of an open reasoning item.

    Two sealed forms of one item would be joined, and neither could be opened: so this must be no more and no less.
    """
    match output:
        case str():
            return bool(output)
        case Text():
            return bool(output.text or output.logprobs)
        case Refusal():
            return bool(output.text)
        case Done():
            return output.call is None
        case Annotated() | FunctionCall() | NewMessage() | ReadyItem() | Failure():
            return True
        case _:
            return False
