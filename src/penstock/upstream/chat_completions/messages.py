"""The items of an Open Responses request as the messages of a Chat Completions request.

Open Responses tells a turn of the model as several items: reasoning, messages, calls. Chat Completions tells it as one
assistant message with a text and calls, which the results must follow at once. So consecutive items of the model
become one message, but two messages without calls stay two; and results that come later move there.

Results of calls are text only there. An image or a file that a call returned, as Codex's `view_image` does, follows
behind the results as a message of the user, and that is reported.

Ids and states of items are names and notes of ours; no model sees them, and they are not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from penstock.spec.base import JsonObject, SpecObject, UnknownObject
from penstock.spec.content import (
    InputFileContentParam,
    InputImageContentParam,
    InputTextContentParam,
    MessageContentParam,
    OutputTextContentParam,
    ReasoningTextContentParam,
    RefusalContentParam,
    ToolOutputContentParam,
)
from penstock.spec.items import (
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    ItemReferenceParam,
    MessageItemParam,
    ReasoningItemParam,
)
from penstock.upstream.asked import lose_extras, type_of
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.chat_completions.chunks import CALL_EXTRA
from penstock.upstream.hosted import leave_out
from penstock.upstream.results import results_at_once

_decode_object = msgspec.json.Decoder(JsonObject).decode

PARAGRAPH = "\n\n"
"""What stands between parts of reasoning that are joined."""


class Messages:
    """Messages being made; `finished` is the list of them."""

    def __init__(self, *, developer_role: str, reasoning_field: str | None, lose: Callable[[str, str], None]) -> None:
        """Begin with none. `lose(param, reason)` is told of whatever is left out."""
        self.finished: list[JsonObject] = []
        self._developer_role = developer_role
        self._reasoning_field = reasoning_field
        self._lose = lose
        self._turn: JsonObject | None = None
        self._call_extras: dict[str, object] = {}
        self._returned: list[JsonObject] = []

    def add_instructions(self, instructions: str) -> None:
        """Add the request's instructions, in front of everything."""
        self.finished.append({"role": self._developer_role, "content": instructions})

    def add_text(self, text: str) -> None:
        """Add an input that is a mere string: a message of the user."""
        self.finished.append({"role": "user", "content": text})

    def add_items(self, items: Sequence[ItemParam]) -> None:
        """Add the input's items; raise UnsupportedParameter for what no message can hold."""
        for number, item in results_at_once(items, self._lose):
            path = f"input[{number}]"
            if not isinstance(item, FunctionCallOutputItemParam):
                self._show_returned()
            if isinstance(item, MessageItemParam):
                self._message(item, path)
            elif isinstance(item, FunctionCallItemParam):
                self._call(item)
            elif isinstance(item, FunctionCallOutputItemParam):
                self._output(item, path)
            elif isinstance(item, ReasoningItemParam):
                self._reasoning(item, path)
            elif isinstance(item, ItemReferenceParam):
                raise UnsupportedParameter(f"{path}.type", "Chat Completions remembers no items to refer to")
            else:
                leave_out(items, number, "Chat Completions", self._lose)
                continue
            self._extras(item, path)
        self._show_returned()
        self._close_turn()

    def _extras(self, value: SpecObject, path: str) -> None:
        lose_extras(value, path, self._lose)

    # ------------------------------------------------------------------------------------------------------ messages

    def _message(self, item: MessageItemParam, path: str) -> None:
        if item.phase:
            self._lose(f"{path}.phase", "Chat Completions does not tell commentary from the final answer")
        if item.role == "assistant":
            self._assistant(item, path)
            return
        role: str = item.role
        if role == "developer" and self._developer_role != "developer":
            role = self._developer_role
            self._lose(f"{path}.role", f"sent as a {role} message, which ranks developer and system alike")
        if isinstance(item.content, str):
            content: str | list[JsonObject] = item.content
        elif item.role == "user":
            content = _joined([self._user_part(part, at) for at, part in _located(item.content, path)])
        else:
            content = _joined([self._text_part(part, at, role) for at, part in _located(item.content, path)])
        self._close_turn()
        self.finished.append({"role": role, "content": content})

    def _user_part(self, part: MessageContentParam, path: str) -> JsonObject:
        if isinstance(part, InputImageContentParam):
            self._extras(part, path)
            if not part.image_url:
                raise UnsupportedParameter(f"{path}.image_url", "Chat Completions takes images by URL only")
            image: JsonObject = {"url": part.image_url}
            if part.detail:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        if isinstance(part, InputFileContentParam):
            self._extras(part, path)
            if part.file_url:
                raise UnsupportedParameter(f"{path}.file_url", "Chat Completions takes files by their data only")
            if not part.file_data:
                raise UnsupportedParameter(f"{path}.file_data", "Chat Completions takes files by their data only")
            file: JsonObject = {"file_data": part.file_data}
            if part.filename:
                file["filename"] = part.filename
            return {"type": "file", "file": file}
        return self._text_part(part, path, "user")

    def _text_part(self, part: MessageContentParam | ToolOutputContentParam, path: str, role: str) -> JsonObject:
        """Return a part that must be text; raise UnsupportedParameter for any other."""
        if not isinstance(part, InputTextContentParam | OutputTextContentParam):
            raise UnsupportedParameter(f"{path}.type", f"a {role} message cannot hold {type_of(part)!r}")
        if isinstance(part, OutputTextContentParam):
            if part.annotations:
                self._lose(f"{path}.annotations", "Chat Completions takes no annotations back")
            if part.logprobs:
                self._lose(f"{path}.logprobs", "Chat Completions takes no log probabilities back")
        self._extras(part, path)
        return {"type": "text", "text": part.text}

    # ------------------------------------------------------------------------------------------- a turn of the model

    def _open_turn(self) -> JsonObject:
        """Return the assistant message that what comes next belongs to."""
        if self._turn is None:
            self._turn = {"role": "assistant", "content": None}
            self.finished.append(self._turn)
        return self._turn

    def _close_turn(self) -> None:
        """What comes next is another message."""
        turn = self._turn
        if turn is not None and turn["content"] is None and not ("tool_calls" in turn or "refusal" in turn):
            turn["content"] = ""  # null is allowed beside calls or a refusal only
        self._turn = None

    def _spoken(self) -> bool:
        """Whether the open turn has its text already, and no calls that hold it open."""
        turn = self._turn
        if turn is None or "tool_calls" in turn:
            return False
        return turn["content"] is not None or "refusal" in turn

    def _assistant(self, item: MessageItemParam, path: str) -> None:
        texts: list[JsonObject] = []
        refusals: list[str] = []
        if isinstance(item.content, str):
            texts.append({"type": "text", "text": item.content})
        else:
            for at, part in _located(item.content, path):
                if isinstance(part, RefusalContentParam):
                    self._extras(part, at)
                    refusals.append(part.refusal)
                else:
                    texts.append(self._text_part(part, at, "assistant"))
        if self._spoken():
            self._close_turn()
        turn = self._open_turn()
        if "tool_calls" in turn:
            self._lose(path, "an assistant message tells its text before its calls, so this text moved before them")
        if texts or not refusals:
            turn["content"] = _joined([*_parts(turn["content"]), *texts])
        if refusals:
            turn["refusal"] = turn.get("refusal", "") + "".join(refusals)

    def _call(self, item: FunctionCallItemParam) -> None:
        function = {"name": item.name, "arguments": item.arguments}
        call: JsonObject = {"id": item.call_id, "type": "function", "function": function}
        extra = self._call_extras.get(item.call_id)
        if extra is not None:
            call["extra_content"] = extra
        self._open_turn().setdefault("tool_calls", []).append(call)

    def _output(self, item: FunctionCallOutputItemParam, path: str) -> None:
        if isinstance(item.output, str):
            content: str | list[JsonObject] = item.output
        else:
            content = _joined(self._result_parts(item.call_id, item.output, path))
        self._close_turn()
        self.finished.append({"role": "tool", "tool_call_id": item.call_id, "content": content})

    def _result_parts(self, call_id: str, output: Sequence[ToolOutputContentParam], path: str) -> list[JsonObject]:
        """Return the texts of a result; keep what is no text until all results are told, which must stand together."""
        texts: list[JsonObject] = []
        others: list[JsonObject] = []
        for number, part in enumerate(output):
            at = f"{path}.output[{number}]"
            if isinstance(part, InputImageContentParam | InputFileContentParam):
                others.append(self._user_part(part, at))
                self._lose(at, "a tool message holds text only, so this follows in a message of the user")
            else:
                texts.append(self._text_part(part, at, "tool"))
        if others:
            self._returned += [{"type": "text", "text": f"Result of {call_id}:"}, *others]
            texts = texts or [{"type": "text", "text": "What was returned follows in the next message."}]
        return texts

    def _show_returned(self) -> None:
        """Tell of what calls returned that is no text."""
        if self._returned:
            self.finished.append({"role": "user", "content": self._returned})
            self._returned = []

    def _reasoning(self, item: ReasoningItemParam, path: str) -> None:
        content = item.content or ()
        for number, part in enumerate(content):
            if isinstance(part, UnknownObject):
                self._lose(f"{path}.content[{number}]", f"Chat Completions has no reasoning {part.type!r}")
            self._extras(part, f"{path}.content[{number}]")
        for number, summary in enumerate(item.summary):
            self._extras(summary, f"{path}.summary[{number}]")
        readable = [part.text for part in content if isinstance(part, ReasoningTextContentParam)]
        # A summary goes back only where the reasoning itself is not known.
        text = PARAGRAPH.join(readable or [part.text for part in item.summary])
        details = self._details(item.encrypted_content, path) if item.encrypted_content else []
        field = self._reasoning_field if text else None
        if not details and field is None:
            if text:
                self._lose(path, "this provider takes no reasoning back")
            return
        if self._turn is not None and "tool_calls" in self._turn:
            self._lose(path, "an assistant message tells its reasoning before its calls, so it moved before them")
        elif self._spoken():
            self._close_turn()
        turn = self._open_turn()
        if details:
            turn.setdefault("reasoning_details", []).extend(details)
        if field is not None:
            turn[field] = PARAGRAPH.join(filter(None, [turn.get(field), text]))

    def _details(self, encrypted: str, path: str) -> list[JsonObject]:
        """Return the `reasoning_details` in `encrypted`; keep what belongs to a call until the call comes."""
        lines = _our_lines(encrypted)
        if lines is None:
            self._lose(f"{path}.encrypted_content", "it did not come from Chat Completions")
            return []
        for line in lines:
            if line["type"] == CALL_EXTRA:
                self._call_extras[str(line.get("call_id"))] = line.get("extra_content")
        return [line for line in lines if line["type"] != CALL_EXTRA]


def _located(parts: Sequence[MessageContentParam], path: str) -> Iterator[tuple[str, MessageContentParam]]:
    """Yield the parts of a message, each with its path."""
    for number, part in enumerate(parts):
        yield f"{path}.content[{number}]", part


def _parts(content: str | list[JsonObject] | None) -> list[JsonObject]:
    """Return the content of a message as parts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content or []


def _joined(parts: list[JsonObject]) -> str | list[JsonObject]:
    """Return parts as the content of a message: a string where they are one text, since everyone takes strings."""
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _our_lines(encrypted: str) -> list[JsonObject] | None:
    """Return the lines of JSON that a translation put into `encrypted`, None where somebody else made it."""
    try:
        lines: list[JsonObject] = [_decode_object(line) for line in encrypted.split("\n") if line]
    except (msgspec.DecodeError, RecursionError):
        return None
    ours = all(str(line.get("type")).startswith("reasoning.") for line in lines)
    return lines if lines and ours else None
