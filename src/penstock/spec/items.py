"""Items: the atoms of a conversation, in a response and in a request.

Spec: "Items", "Extending Items"; schemas `ItemField` (response) and `ItemParam` (request).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from penstock.spec.base import UNSET, SpecObject, UnknownObject, UnsetType
from penstock.spec.content import (
    Content,
    ExtensionContent,
    InputFileContent,
    InputImageContent,
    InputTextContent,
    InputTextContentParam,
    InputVideoContent,
    MessageContentParam,
    OutputTextContent,
    OutputTextContentParam,
    ParamText,
    ReasoningSummaryContentParam,
    ReasoningTextContentParam,
    ToolOutputContentParam,
)

MAX_CALL_ID_LENGTH = 64
"""Longest `call_id` in a request, in characters (OpenAPI `maxLength`)."""
MAX_FUNCTION_NAME_LENGTH = 64
"""Longest function name, in characters (OpenAPI `maxLength`)."""
MAX_COMPACTION_LENGTH = 10_485_760
"""Longest `encrypted_content` of a compaction item in a request, in characters (OpenAPI `maxLength`)."""

ItemStatus = Literal["in_progress", "completed", "incomplete"]
"""The states of an item (spec: "Items are state machines")."""
Phase = Literal["commentary", "final_answer"]
Role = Literal["user", "assistant", "system", "developer"]
CallId = Annotated[str, Meta(min_length=1, max_length=MAX_CALL_ID_LENGTH)]
FunctionName = Annotated[str, Meta(min_length=1, max_length=MAX_FUNCTION_NAME_LENGTH, pattern="^[a-zA-Z0-9_-]+$")]


class MessageItem(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """A message. `status`, `role` and `phase` are open here, so that a stranger's value survives."""

    zero: ClassVar[Mapping[str, object]] = {"id": "", "status": "in_progress", "role": "assistant", "content": []}

    id: str
    status: str
    role: str
    content: list[Content]
    phase: str | UnsetType = UNSET

    @property
    def text(self) -> str:
        """The text of all its `output_text` parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, OutputTextContent))


class FunctionCallItem(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A call of a function the caller offered; `arguments` is JSON text as the model wrote it."""

    zero: ClassVar[Mapping[str, object]] = {
        "id": "",
        "call_id": "",
        "name": "",
        "arguments": "",
        "status": "in_progress",
    }

    id: str
    call_id: str
    name: str
    arguments: str
    status: str


class FunctionCallOutputItem(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function_call_output"):
    """The result of a call."""

    zero: ClassVar[Mapping[str, object]] = {"id": "", "call_id": "", "output": "", "status": "in_progress"}

    id: str
    call_id: str
    output: str | list[InputTextContent | InputImageContent | InputFileContent | InputVideoContent | ExtensionContent]
    status: str


class ReasoningItem(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """The model's reasoning: raw (`content`), protected (`encrypted_content`), summarised (`summary`).

    Spec: "Reasoning". The schema has no `status`, the prose asks for one on every item.
    """

    zero: ClassVar[Mapping[str, object]] = {"id": "", "summary": []}

    id: str
    summary: list[Content]
    content: list[Content] | None | UnsetType = UNSET
    encrypted_content: str | None | UnsetType = UNSET
    status: str | UnsetType = UNSET


class CompactionItem(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="compaction"):
    """A conversation folded into an opaque string by `/responses/compact`."""

    zero: ClassVar[Mapping[str, object]] = {"id": "", "encrypted_content": ""}

    id: str
    encrypted_content: str
    created_by: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class ExtensionItem(UnknownObject, frozen=True, kw_only=True, tag_field="type", tag="*item*"):
    """An item of a type the specification does not define (`acme:search_result`), with every field it came with."""

    @property
    def id(self) -> str:
        """Its `id`, or the empty string."""
        value = self.fields.get("id")
        return value if isinstance(value, str) else ""

    @property
    def status(self) -> str | UnsetType:
        """Its `status`, or UNSET."""
        value = self.fields.get("status")
        return value if isinstance(value, str) else UNSET


Item = MessageItem | FunctionCallItem | FunctionCallOutputItem | ReasoningItem | CompactionItem | ExtensionItem
"""An item of a response (schema `ItemField`)."""


class MessageItemParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """A message of the conversation so far (schemas `UserMessageItemParam`, `SystemMessageItemParam` ...).

    `phase` may be null, which the schema does not allow and SDKs send that echo a response with all its attributes.
    """

    role: Role
    content: ParamText | list[MessageContentParam]
    id: str | None | UnsetType = UNSET
    phase: Phase | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET

    @property
    def text(self) -> str:
        """The text in it, joined."""
        if isinstance(self.content, str):
            return self.content
        return "".join(
            part.text for part in self.content if isinstance(part, InputTextContentParam | OutputTextContentParam)
        )


class FunctionCallItemParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A call the model made earlier."""

    call_id: CallId
    name: FunctionName
    arguments: str
    id: str | None | UnsetType = UNSET
    status: ItemStatus | None | UnsetType = UNSET


class FunctionCallOutputItemParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function_call_output"):
    """The result of a call, for the model."""

    call_id: CallId
    output: ParamText | list[ToolOutputContentParam]
    id: str | None | UnsetType = UNSET
    status: ItemStatus | None | UnsetType = UNSET


class ReasoningItemParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """Earlier reasoning, sent back as it came."""

    summary: list[ReasoningSummaryContentParam]
    id: str | None | UnsetType = UNSET
    content: list[ReasoningTextContentParam | ExtensionContent] | None | UnsetType = UNSET
    encrypted_content: str | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET


class CompactionItemParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="compaction"):
    """A compacted conversation, sent back as it came (schema `CompactionSummaryItemParam`)."""

    encrypted_content: Annotated[str, Meta(max_length=MAX_COMPACTION_LENGTH)]
    id: str | None | UnsetType = UNSET
    created_by: str | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET


class ItemReferenceParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="item_reference"):
    """An item the server is said to know already, by its id."""

    id: str


ItemParam = (
    MessageItemParam
    | FunctionCallItemParam
    | FunctionCallOutputItemParam
    | ReasoningItemParam
    | CompactionItemParam
    | ItemReferenceParam
    | ExtensionItem
)
"""An item of a request."""
