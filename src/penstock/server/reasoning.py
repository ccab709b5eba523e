"""Reasoning that the caller asked to have protected: sealed here, where the provider has no protected form of it.

Spec: "Reasoning", `include` of `reasoning.encrypted_content`. The caller keeps the item and sends it back; the text in
it is then told to the model again, even where the client was shown a summary only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from penstock.stream.output import (
    Annotated,
    EncryptedReasoning,
    Extension,
    NewPart,
    Output,
    Reasoning,
    ReasoningSummary,
    Usage,
)

__all__ = ["ReasoningSealer"]

_BESIDE = (Annotated, Extension, ReasoningSummary, Usage)
"""What may come while reasoning is open, and leaves it open."""


class ReasoningSealer:
    """Puts, behind each piece of reasoning that the provider did not protect, its sealed form."""

    def __init__(self, seal: Callable[[list[dict[str, str]]], str]) -> None:
        """`seal` turns the content parts of a reasoning item into an opaque string."""
        self._seal = seal
        self._parts: list[list[str]] = []
        self._is_protected = False

    def add(self, outputs: Iterable[Output]) -> Sequence[Output]:
        """Return `outputs` with the sealed forms where they belong."""
        added: list[Output] = []
        for output in outputs:
            match output:
                case Reasoning():
                    if not self._parts:
                        self._parts.append([])
                    self._parts[-1].append(output.text)
                case EncryptedReasoning():
                    self._is_protected = True
                case NewPart() if self._parts:
                    self._parts.append([])
                case _ if not isinstance(output, _BESIDE):
                    added += self.end()
                case _:
                    pass
            added.append(output)
        return added

    def end(self) -> Sequence[Output]:
        """Return the sealed form of the reasoning that is open, where it needs one; it counts as closed then."""
        texts = ["".join(pieces) for pieces in self._parts]
        content = [{"type": "reasoning_text", "text": text} for text in texts if text]
        is_protected, self._parts, self._is_protected = self._is_protected, [], False
        return [EncryptedReasoning(self._seal(content))] if content and not is_protected else []
