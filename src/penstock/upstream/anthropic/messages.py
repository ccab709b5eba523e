"""The items of an Open Responses request as the messages of a Messages request.

Open Responses tells a turn of the model as several items: reasoning, messages, calls. Anthropic tells it as the blocks
of one message, in the same order, and what answers it as the blocks of one message of the user, of which the results of
calls must be the first. So consecutive items of one side become one message.

Ids and states of items are names and notes of ours; no model sees them, and they are not sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from penstock.spec.base import JsonObject, SpecObject, UnknownObject
from penstock.spec.content import (
    ExtensionContent,
    InputFileContentParam,
    InputImageContentParam,
    InputTextContentParam,
    MessageContentParam,
    OutputTextContentParam,
    RefusalContentParam,
    ToolOutputContentParam,
)
from penstock.spec.items import (
    CompactionItemParam,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    ItemReferenceParam,
    MessageItemParam,
    ReasoningItemParam,
)
from penstock.upstream.anthropic.citations import citations
from penstock.upstream.anthropic.files import FILE_ID, file_block, image_block
from penstock.upstream.anthropic.names import SLUG, native_fields, native_object
from penstock.upstream.anthropic.signed import compaction_block, thinking_blocks
from penstock.upstream.asked import NO_SUCH_PARAMETER, keys_beyond, lose_extras, type_of
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.hosted import leave_out
from penstock.upstream.results import results_at_once

_decode_object = msgspec.json.Decoder(JsonObject).decode
_NOT_IN_IDS = re.compile("[^a-zA-Z0-9_-]")


class Messages:
    """Messages being made: `system` is the system prompt as blocks, `finished` the list of messages."""

    def __init__(self, *, system_messages: Literal["front", "in_place"], lose: Callable[[str, str], None]) -> None:
        """Begin with none. `lose(param, reason)` is told of whatever is left out or changed."""
        self.system: list[JsonObject] = []
        self.finished: list[JsonObject] = []
        self._in_place = system_messages == "in_place"
        self._lose = lose

    def add_instructions(self, instructions: str) -> None:
        """Add the request's instructions to the system prompt."""
        self.system.append(_text(instructions))

    def add_text(self, text: str) -> None:
        """Add an input that is a mere string: a message of the user."""
        self._add("user", [_text(text)])

    def add_items(self, items: Sequence[ItemParam]) -> None:
        """Add the input's items; raise UnsupportedParameter for what no message can hold."""
        for number, item in results_at_once(items, self._lose):
            path = f"input[{number}]"
            if isinstance(item, MessageItemParam):
                self._message(item, path)
            elif isinstance(item, FunctionCallItemParam):
                self._call(item, path)
            elif isinstance(item, FunctionCallOutputItemParam):
                self._output(item, path)
            elif isinstance(item, ReasoningItemParam):
                self._reasoning(item, path)
            elif isinstance(item, CompactionItemParam):
                self._compaction(item, path)
            elif isinstance(item, ItemReferenceParam):
                raise UnsupportedParameter(f"{path}.type", "Anthropic remembers no items to refer to")
            elif (block := native_object(item)) is not None:
                self._native(block, path)
            else:
                leave_out(items, number, "Anthropic", self._lose)

    def _lose_extras(self, value: SpecObject, path: str) -> None:
        lose_extras(value, path, self._lose)

    def _extras(self, value: SpecObject, path: str, known: str = "") -> JsonObject:
        """Return what of the fields beyond the specification is Anthropic's own, and report the others but `known`."""
        for key in keys_beyond(value):
            if not key.startswith(SLUG) and key != known:
                self._lose(f"{path}.{key}", NO_SUCH_PARAMETER)
        return native_fields(value.extra)

    def _add(self, role: str, blocks: list[JsonObject]) -> None:
        """Add blocks to the message of `role` that is the last, or to a new one."""
        if not blocks:
            return
        if not self.finished or self.finished[-1]["role"] != role:
            self.finished.append({"role": role, "content": []})
        self.finished[-1]["content"].extend(blocks)

    # ------------------------------------------------------------------------------------------------------ messages

    def _message(self, item: MessageItemParam, path: str) -> None:
        self._lose_extras(item, path)
        if item.phase:
            self._lose(f"{path}.phase", "Anthropic does not tell commentary from the final answer")
        content = item.content
        if isinstance(content, str):
            blocks = [_text(content)] if content else []
        else:
            made = [self._part(part, at, item.role) for at, part in _located(content, path)]
            blocks = [block for block in made if block is not None]
        if item.role in ("user", "assistant"):
            self._add(item.role, blocks)
            return
        if item.role == "developer":
            self._lose(f"{path}.role", "sent as a system message, which ranks developer and system alike")
        if not self.finished:
            self.system.extend(blocks)
        elif self._in_place:
            self._add("system", blocks)
        else:
            self._lose(path, "the system prompt comes first, so this message moved to the front")
            self.system.extend(blocks)

    def _part(self, part: MessageContentParam, path: str, role: str) -> JsonObject | None:
        """Return a part of a message, None for an empty text, which Anthropic refuses."""
        if role == "assistant" and isinstance(part, RefusalContentParam):
            self._lose_extras(part, path)
            self._lose(path, "Anthropic does not tell refusals from other text")
            return _text(part.refusal) if part.refusal else None
        if isinstance(part, InputTextContentParam | OutputTextContentParam):
            block = {**self._extras(part, path), **_text(part.text)}
            if isinstance(part, OutputTextContentParam):
                self._cited(part, block, path, role)
            return block if part.text else None
        if role == "user":
            return self._media(part, path, "a user message")
        if role == "assistant" and isinstance(part, ExtensionContent):
            native = native_object(part)
            if native is not None:
                return native
        raise UnsupportedParameter(f"{path}.type", f"a {role} message cannot hold {type_of(part)!r}")

    def _cited(self, part: OutputTextContentParam, block: JsonObject, path: str, role: str) -> None:
        if part.logprobs:
            self._lose(f"{path}.logprobs", "Anthropic takes no log probabilities back")
        if not part.annotations:
            return
        found, whole = citations(part.annotations)
        if role != "assistant" or not part.text:
            found, whole = [], False
        if found:
            block["citations"] = found
        if not whole:
            self._lose(f"{path}.annotations", "Anthropic takes back only its own citations, of the model's own text")

    def _media(self, part: MessageContentParam | ToolOutputContentParam, path: str, where: str) -> JsonObject:
        """Return a part that is no text; raise UnsupportedParameter for one that Anthropic does not take."""
        if isinstance(part, InputImageContentParam):
            if part.detail and part.detail != "auto":
                self._lose(f"{path}.detail", "Anthropic decides itself how closely it looks at an image")
            return self._with_extras(image_block(part, path), part, path)
        if isinstance(part, InputFileContentParam):
            block = file_block(part, path)
            if part.file_data and part.file_url:
                self._lose(f"{path}.file_url", "the file is sent by its data")
            if part.filename and "title" not in block:
                self._lose(f"{path}.filename", "Anthropic's images have no names")
            return self._with_extras(block, part, path)
        native = native_object(part) if isinstance(part, UnknownObject) else None
        if native is None:
            raise UnsupportedParameter(f"{path}.type", f"{where} cannot hold {type_of(part)!r}")
        return native

    def _with_extras(self, block: JsonObject, part: SpecObject, path: str) -> JsonObject:
        by_id = block["source"]["type"] == "file"
        return {**self._extras(part, path, FILE_ID if by_id else ""), **block}

    # --------------------------------------------------------------------------------------- what the model had done

    def _call(self, item: FunctionCallItemParam, path: str) -> None:
        arguments: JsonObject = {}
        if item.arguments:
            try:
                arguments = _decode_object(item.arguments)
            except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
                raise UnsupportedParameter(f"{path}.arguments", "Anthropic needs them as a JSON object") from None
        call = {"type": "tool_use", "id": _tool_id(item.call_id), "name": item.name, "input": arguments}
        self._add("assistant", [{**self._extras(item, path), **call}])

    def _output(self, item: FunctionCallOutputItemParam, path: str) -> None:
        result: JsonObject = {
            **self._extras(item, path),
            "type": "tool_result",
            "tool_use_id": _tool_id(item.call_id),
        }
        content: str | list[JsonObject]
        if isinstance(item.output, str):
            content = item.output
        else:
            parts = enumerate(item.output)
            made = [self._output_part(part, f"{path}.output[{number}]") for number, part in parts]
            content = [block for block in made if block is not None]
        if content:
            result["content"] = content
        self._add("user", [result])

    def _output_part(self, part: ToolOutputContentParam, path: str) -> JsonObject | None:
        if isinstance(part, InputTextContentParam):
            return self._part(part, path, "user")
        return self._media(part, path, "the result of a call")

    def _reasoning(self, item: ReasoningItemParam, path: str) -> None:
        self._lose_extras(item, path)
        for name, parts in (("content", item.content or ()), ("summary", item.summary)):
            for number, part in enumerate(parts):
                self._lose_extras(part, f"{path}.{name}[{number}]")
        blocks = thinking_blocks(item.encrypted_content) if item.encrypted_content else None
        if blocks is not None:
            self._add("assistant", blocks)
        elif item.encrypted_content:
            self._lose(f"{path}.encrypted_content", "it did not come from Anthropic")
        elif item.content or item.summary:
            self._lose(path, "Anthropic takes back no reasoning but what it signed itself")

    def _compaction(self, item: CompactionItemParam, path: str) -> None:
        self._lose_extras(item, path)
        block = compaction_block(item.encrypted_content)
        if block is None:
            raise UnsupportedParameter(f"{path}.encrypted_content", "it did not come from Anthropic")
        self._add("assistant", [block])

    def _native(self, block: JsonObject, path: str) -> None:
        """Send back an item of Anthropic's own: a tool that Anthropic ran, or its result."""
        status = block.pop("status", None)
        if not str(block["type"]).endswith("_use"):
            block.pop("id", None)  # it was made up for the item
        if status == "incomplete" and not isinstance(block.get("input", {}), dict):
            self._lose(path, "it was cut in two by the limit of tokens, and Anthropic would refuse it")
            return
        self._add("assistant", [block])


def _located(parts: Sequence[MessageContentParam], path: str) -> Iterator[tuple[str, MessageContentParam]]:
    """Yield the parts of a message, each with its path."""
    for number, part in enumerate(parts):
        yield f"{path}.content[{number}]", part


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _tool_id(call_id: str) -> str:
    """Return the id of a call in the letters that Anthropic allows; other providers use more of them."""
    return _NOT_IN_IDS.sub(lambda found: f"_{ord(found[0]):x}_", call_id)
