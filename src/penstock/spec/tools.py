"""Tools, tool choice, and the tools that are allowed.

Spec: "Tools", "`tool_choice`", "`allowed_tools`"; schemas `FunctionTool`, `ToolChoiceParam` and their like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from penstock.spec.base import UNSET, JsonObject, SpecObject, UnknownObject, UnsetType
from penstock.spec.items import FunctionName

MAX_ALLOWED_TOOLS = 128
"""Most entries of `allowed_tools.tools` (OpenAPI `maxItems`)."""

ToolChoiceMode = Literal["none", "auto", "required"]


class FunctionTool(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """A function as a response repeats it: every key is there, null where the caller said nothing."""

    zero: ClassVar[Mapping[str, object]] = {"name": "", "description": None, "parameters": None, "strict": None}

    name: str
    description: str | None
    parameters: JsonObject | None
    strict: bool | None


class ExtensionTool(UnknownObject, frozen=True, kw_only=True, tag_field="type", tag="*tool*"):
    """A tool of a type the specification does not define (`acme:search`, or an implementor's hosted tool)."""


Tool = FunctionTool | ExtensionTool


class FunctionToolParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """A function the caller offers; `parameters` is a JSON Schema."""

    name: FunctionName
    description: str | None | UnsetType = UNSET
    parameters: JsonObject | None | UnsetType = UNSET
    strict: bool | None | UnsetType = UNSET


ToolParam = FunctionToolParam | ExtensionTool


class FunctionToolChoice(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """This function and no other."""

    name: str | UnsetType = UNSET


class ExtensionToolChoice(UnknownObject, frozen=True, kw_only=True, tag_field="type", tag="*choice*"):
    """A choice of a type the specification does not define."""


class AllowedToolChoice(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="allowed_tools"):
    """Only these, as a response repeats it."""

    zero: ClassVar[Mapping[str, object]] = {"tools": [], "mode": "auto"}

    tools: list[FunctionToolChoice | ExtensionToolChoice]
    mode: str


ToolChoice = str | FunctionToolChoice | AllowedToolChoice | ExtensionToolChoice


class SpecificFunctionParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """This function and no other."""

    name: str


class AllowedToolsParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="allowed_tools"):
    """Only these may be called: a hard limit, whatever the model does."""

    tools: Annotated[
        list[SpecificFunctionParam | ExtensionToolChoice], Meta(min_length=1, max_length=MAX_ALLOWED_TOOLS)
    ]
    mode: ToolChoiceMode | None | UnsetType = UNSET


ToolChoiceParam = ToolChoiceMode | SpecificFunctionParam | AllowedToolsParam | ExtensionToolChoice
