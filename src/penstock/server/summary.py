"""What is carried over of a conversation that is compacted, and the answer that is nothing but that.

The model is asked to sum the conversation up; what it wrote, the last messages of the user as they stood, and open
calls go on. Where the provider is one that cannot (the demo), or the model says nothing, all goes on word for word.

Codex asks for it by an item `compaction_trigger` at the end of an ordinary request, as OpenAI's API knows it; the
response then has one item, of type `compaction`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from msgspec.structs import replace

from penstock.provider.base import Answer
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    MessageItemParam,
)
from penstock.stream.output import Failure, Output, ReadyItem, Stop, Text, Usage

__all__ = ["TO_SUM_UP", "TRIGGER", "CompactionAnswer", "asks_for_compaction", "carried_over"]

TRIGGER: Final = "compaction_trigger"
"""The type of the item that asks for a compaction."""
KEPT_CHARACTERS: Final = 20_000
"""How much of what the user said last is kept word for word, in characters: some 5,000 tokens, enough for a task."""

TO_SUM_UP: Final = MessageItemParam(
    role="user",
    content="""\
Sum up the conversation so far for somebody who will go on with it in your place and has seen nothing of it. Keep what \
the user wants, what was decided and why, names, numbers, paths, identifiers and code that are still needed, what was \
tried and what came of it, what is open, and what was promised. Leave out what no longer matters. Write the summary \
only.""",
)
"""What the model is asked, behind a conversation."""
_SUMMARY: Final = "This is a summary of the conversation so far; its earlier part is not shown any more.\n\n"


def asks_for_compaction(items: Sequence[ItemParam]) -> bool:
    """Whether the last of a request's items asks that the conversation before it be compacted."""
    return bool(items) and isinstance(items[-1], ExtensionItem) and items[-1].type == TRIGGER


def carried_over(items: Sequence[ItemParam], summary: str) -> Sequence[ItemParam]:
    """Return what goes on of a conversation: all of it where the summary is empty."""
    if not summary:
        return items
    answered = {item.call_id for item in items if isinstance(item, FunctionCallOutputItemParam)}
    open_calls = [item for item in items if isinstance(item, FunctionCallItemParam) and item.call_id not in answered]
    kept: list[ItemParam] = []
    left = KEPT_CHARACTERS
    for item in reversed(items):
        if isinstance(item, MessageItemParam) and item.role == "user":
            text = item.text
            left -= len(text)
            if left < 0:
                break
            kept.append(replace(item, content=text))
    first = MessageItemParam(role="developer", content=_SUMMARY + summary)
    return [first, *reversed(kept), *open_calls]


class CompactionAnswer(Answer):
    """An answer that is one compaction item."""

    def __init__(
        self, items: Sequence[ItemParam], summing: Answer | None, seal: Callable[[Sequence[ItemParam]], str]
    ) -> None:
        """Compact the conversation `items`; `summing` is the model's answer to `TO_SUM_UP`, None where it is not asked.

        `seal` makes what is carried over unreadable for anybody but this server.
        """
        super().__init__()
        self._items = items
        self._summing = summing
        self._seal = seal

    async def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        """Yield the item, when the model has ended."""
        said: list[str] = []
        usage = Usage(input_tokens=0, output_tokens=0)
        if self._summing is not None:
            async with aclosing(self._summing.batches()) as batches:
                async for batch in batches:
                    for output in batch:
                        if isinstance(output, Failure):
                            yield [output]
                            return
                        if isinstance(output, Usage):
                            usage = output
                        elif isinstance(output, Text):
                            said.append(output.text)
                        elif isinstance(output, str):
                            said.append(output)
            self.model = self._summing.model
            self.losses.extend(self._summing.losses)
        sealed = self._seal(carried_over(self._items, "".join(said)))
        yield [ReadyItem(CompactionItem(id="", encrypted_content=sealed, status="completed")), usage, Stop()]
