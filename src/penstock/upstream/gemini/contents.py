"""The items of an Open Responses request as the contents of a Gemini request.

Open Responses tells a turn of the model as several items: reasoning, messages, calls. Gemini tells it as one content
with parts, which the results of all its calls must follow in one content. So consecutive items of the model become one
content, and so do consecutive results. Instructions are no content at all: the API has one place for them.

Ids and states of items are names and notes of ours; no model sees them, and they are not sent. Ids of calls are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from penstock.spec.base import JsonObject, SpecObject
from penstock.spec.content import (
    InputFileContentParam,
    InputImageContentParam,
    InputTextContentParam,
    InputVideoContent,
    MessageContentParam,
    OutputTextContentParam,
    ReasoningTextContentParam,
    RefusalContentParam,
    ToolOutputContentParam,
)
from penstock.spec.items import (
    ExtensionItem,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    ItemReferenceParam,
    MessageItemParam,
    ReasoningItemParam,
)
from penstock.upstream.asked import lose_extras, type_of
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.gemini.media import data_part, media_type, url_part
from penstock.upstream.gemini.names import api_name
from penstock.upstream.gemini.signatures import Signatures, signed_parts
from penstock.upstream.hosted import leave_out
from penstock.upstream.results import results_at_once
from penstock.upstream.values import WRONG_JSON, as_object

_decode_object = msgspec.json.Decoder(JsonObject).decode

UNCHECKED = "skip_thought_signature_validator"
"""What Google documents as the signature of a call whose own is not known."""

_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}

_METADATA = frozenset({"groundingMetadata", "urlContextMetadata"})


class Contents:
    """Contents being made: `finished` is the list of them, `instructions` are the parts of the system instruction."""

    def __init__(self, *, unchecked_calls: bool, lose: Callable[[str, str], None]) -> None:
        """Begin with none. `lose(param, reason)` is told of whatever is left out."""
        self.finished: list[JsonObject] = []
        self.instructions: list[JsonObject] = []
        self._unchecked_calls = unchecked_calls
        self._lose = lose
        self._turn: list[JsonObject] | None = None
        self._results: list[JsonObject] | None = None
        self._names: dict[str, str] = {}

    def add_instructions(self, instructions: str) -> None:
        """Add the request's instructions."""
        self.instructions.append({"text": instructions})

    def add_text(self, text: str) -> None:
        """Add an input that is a mere string: a message of the user."""
        self._add("user", [{"text": text}])

    def add_items(self, items: Sequence[ItemParam]) -> None:
        """Add the input's items; raise UnsupportedParameter for what no content can hold."""
        signatures = Signatures(items, self._lose)
        for number, item in results_at_once(items, self._lose):
            path = f"input[{number}]"
            if isinstance(item, MessageItemParam):
                self._message(item, number, signatures)
            elif isinstance(item, FunctionCallItemParam):
                self._call(item, path, signatures.of_call.get(number))
            elif isinstance(item, FunctionCallOutputItemParam):
                self._output(item, path)
            elif isinstance(item, ReasoningItemParam):
                self._reasoning(item, number, signatures)
            elif isinstance(item, ExtensionItem) and (name := api_name(item.type)) is not None:
                self._extension(item, name, path)
                continue
            elif isinstance(item, ItemReferenceParam):
                raise UnsupportedParameter(f"{path}.type", "Gemini remembers no items to refer to")
            else:
                leave_out(items, number, "Gemini", self._lose)
                continue
            self._extras(item, path)

    def _extras(self, value: SpecObject, path: str) -> None:
        lose_extras(value, path, self._lose)

    # ------------------------------------------------------------------------------------------------------- contents

    def _add(self, role: str, parts: list[JsonObject]) -> list[JsonObject]:
        """Begin a content with these parts, and return the list of them."""
        self._turn = self._results = None
        self.finished.append({"role": role, "parts": parts})
        return parts

    def _model(self) -> list[JsonObject]:
        """Return the parts of the content that what the model says next belongs to."""
        if self._turn is None:
            self._turn = self._add("model", [])
        return self._turn

    # ------------------------------------------------------------------------------------------------------- messages

    def _message(self, item: MessageItemParam, number: int, signatures: Signatures) -> None:
        path = f"input[{number}]"
        if item.phase:
            self._lose(f"{path}.phase", "Gemini does not tell commentary from the final answer")
        if item.role == "assistant":
            self._assistant(item, number, signatures)
            return
        is_user = item.role == "user"
        if isinstance(item.content, str):
            parts = [{"text": item.content}]
        else:
            make = self._user_part if is_user else self._text_part
            parts = [make(part, f"{path}.content[{at}]", item.role) for at, part in enumerate(item.content)]
        if is_user:
            self._add("user", parts or [{"text": ""}])
            return
        if item.role == "developer":
            self._lose(f"{path}.role", "sent as a system instruction, which ranks developer and system alike")
        if self.finished:
            self._lose(path, "Gemini has its instructions before the conversation, so it moved there")
        self.instructions.extend(parts)

    def _user_part(self, part: MessageContentParam | ToolOutputContentParam, path: str, role: str) -> JsonObject:
        match part:
            case InputImageContentParam():
                self._extras(part, path)
                if not part.image_url:
                    raise UnsupportedParameter(f"{path}.image_url", "Gemini takes images by URL only")
                found = url_part(part.image_url, f"{path}.image_url")
                if part.detail and part.detail in _RESOLUTIONS:
                    found["mediaResolution"] = {"level": _RESOLUTIONS[part.detail]}
                return found
            case InputFileContentParam():
                return self._file(part, path)
            case InputVideoContent():
                self._extras(part, path)
                return url_part(part.video_url, f"{path}.video_url")
            case _:
                return self._text_part(part, path, role)

    def _file(self, part: InputFileContentParam, path: str) -> JsonObject:
        self._extras(part, path)
        name = part.filename or ""
        if part.file_data:
            found = data_part(part.file_data, name, f"{path}.file_data")
            if part.file_url:
                self._lose(f"{path}.file_url", "the file's data was sent")
        elif part.file_url:
            found = url_part(part.file_url, f"{path}.file_url", media=media_type(name))
        else:
            raise UnsupportedParameter(f"{path}.file_data", "Gemini takes files by their data or URL")
        if name:
            self._lose(f"{path}.filename", "Gemini does not tell the model how a file is called")
        return found

    def _text_part(self, part: MessageContentParam | ToolOutputContentParam, path: str, role: str) -> JsonObject:
        """Return a part that must be text; raise UnsupportedParameter for any other."""
        if not isinstance(part, InputTextContentParam | OutputTextContentParam):
            raise UnsupportedParameter(f"{path}.type", f"what the {role} says cannot hold {type_of(part)!r}")
        if isinstance(part, OutputTextContentParam):
            if part.annotations:
                self._lose(f"{path}.annotations", "Gemini takes no annotations back")
            if part.logprobs:
                self._lose(f"{path}.logprobs", "Gemini takes no log probabilities back")
        self._extras(part, path)
        return {"text": part.text}

    # ------------------------------------------------------------------------------------------- a turn of the model

    def _assistant(self, item: MessageItemParam, number: int, signatures: Signatures) -> None:
        path = f"input[{number}]"
        parts: list[JsonObject] = []
        if isinstance(item.content, str):
            parts.append({"text": item.content})
        else:
            for at, part in enumerate(item.content):
                where = f"{path}.content[{at}]"
                if isinstance(part, RefusalContentParam):
                    self._extras(part, where)
                    self._lose(f"{where}.type", "sent as text, since Gemini has no refusals")
                    parts.append({"text": part.refusal})
                else:
                    parts.append(self._text_part(part, where, "assistant"))
        signed = signatures.of_text.get(number)
        if signed:
            found = signed_parts("".join(part["text"] for part in parts), signed)
            if found is None:
                self._lose(path, "the signatures of its thoughts are left out, for its text is not what it was")
            else:
                parts = found
        self._model().extend(parts or [{"text": ""}])

    def _reasoning(self, item: ReasoningItemParam, number: int, signatures: Signatures) -> None:
        path = f"input[{number}]"
        texts: list[str] = []
        for at, part in enumerate(item.content or ()):
            self._extras(part, f"{path}.content[{at}]")
            if isinstance(part, ReasoningTextContentParam):
                texts.append(part.text)
            else:
                self._lose(f"{path}.content[{at}]", f"Gemini has no reasoning {part.type!r}")
        for at, summary in enumerate(item.summary):
            self._extras(summary, f"{path}.summary[{at}]")
        # A summary goes back only where the reasoning itself is not known.
        text = "".join(texts or [part.text for part in item.summary])
        parts: list[JsonObject] = []
        signed = signatures.of_text.get(number, [])
        found = signed_parts(text, signed)
        if found is None:
            self._lose(f"{path}.encrypted_content", "it is left out, for the reasoning is not what it was")
            found = [{"text": text}]
        if text or signed:
            parts = [{**part, "thought": True} for part in found]
        parts.extend({"text": "", "thoughtSignature": signature} for signature in signatures.alone.get(number, ()))
        if parts:
            self._model().extend(parts)

    def _call(self, item: FunctionCallItemParam, path: str, signature: str | None) -> None:
        try:
            arguments = _decode_object(item.arguments or "{}")
        except (*WRONG_JSON, UnicodeEncodeError):
            raise UnsupportedParameter(f"{path}.arguments", "Gemini takes back calls with a JSON object only") from None
        self._names[item.call_id] = item.name
        part: JsonObject = {"functionCall": {"id": item.call_id, "name": item.name, "args": arguments}}
        if signature is None and self._unchecked_calls:
            signature = UNCHECKED
        if signature is not None:
            part["thoughtSignature"] = signature
        self._model().append(part)

    def _output(self, item: FunctionCallOutputItemParam, path: str) -> None:
        name = self._names.get(item.call_id)
        if name is None:
            raise UnsupportedParameter(f"{path}.call_id", "the conversation holds no such call before this result")
        result: JsonObject = {"id": item.call_id, "name": name}
        if isinstance(item.output, str):
            result["response"] = _response(item.output)
        else:
            texts: list[str] = []
            media: list[JsonObject] = []
            for at, part in enumerate(item.output):
                made = self._user_part(part, f"{path}.output[{at}]", "function")
                if "text" in made:
                    texts.append(made["text"])
                else:
                    media.append(made)
            result["response"] = _response("".join(texts)) if texts else {}
            if media:
                result["parts"] = media
        if self._results is None:
            self._results = self._add("user", [])
        self._results.append({"functionResponse": result})

    def _extension(self, item: ExtensionItem, name: str, path: str) -> None:
        """Add what a translation made an extension item of; `name` is what the API calls it."""
        if name in _METADATA:
            self._lose(path, "Gemini takes nothing back of what an answer rests on")
            return
        part = as_object(item.fields.get("part"))
        if not part or name not in part:
            raise UnsupportedParameter(f"{path}.type", f"Gemini has no item {item.type!r} with such a part")
        self._model().append(part)


def _response(output: str) -> JsonObject:
    """Return the result of a function as an object: what it is if it is one, else its text as the `output` of one."""
    try:
        return _decode_object(output)
    except (*WRONG_JSON, UnicodeEncodeError):
        return {"output": output}
