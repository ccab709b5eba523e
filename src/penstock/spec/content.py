"""Content parts, annotations and log probabilities.

Spec: "Content"; schemas `*Content`, `*ContentParam`, `UrlCitationBody`, `LogProb`. The classes whose name ends in
`Param` are what a request may hold; the others are what a response holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from penstock.spec.base import UNSET, SpecObject, UnknownObject, UnsetType

MAX_TEXT_LENGTH = 10_485_760
"""Longest text of a content part in a request, in characters (OpenAPI `maxLength`)."""
MAX_IMAGE_URL_LENGTH = 20_971_520
"""Longest image URL in a request, in characters; long because it may be a data URL (OpenAPI `maxLength`)."""
MAX_FILE_DATA_LENGTH = 33_554_432
"""Longest base64 file in a request, in characters (OpenAPI `maxLength`)."""

ParamText = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH)]
Index = Annotated[int, Meta(ge=0)]
ImageDetail = Literal["low", "high", "auto"]


class UrlCitation(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="url_citation"):
    """A web resource the text rests on. `start_index` and `end_index` count characters of the part's text."""

    zero: ClassVar[Mapping[str, object]] = {"url": "", "title": "", "start_index": 0, "end_index": 0}

    url: str
    start_index: int
    end_index: int
    title: str


class ExtensionAnnotation(UnknownObject, frozen=True, kw_only=True, tag_field="type", tag="*annotation*"):
    """An annotation of a type the specification does not define."""


Annotation = UrlCitation | ExtensionAnnotation


class TopLogProb(SpecObject, frozen=True, kw_only=True):
    """One of the likeliest tokens at a position; `bytes` is its UTF-8 form, as integers."""

    zero: ClassVar[Mapping[str, object]] = {"token": "", "logprob": 0.0, "bytes": []}

    token: str
    logprob: float
    bytes: list[int]


class LogProb(SpecObject, frozen=True, kw_only=True):
    """The natural logarithm of a sampled token's probability, and the alternatives at its position."""

    zero: ClassVar[Mapping[str, object]] = {"token": "", "logprob": 0.0, "bytes": [], "top_logprobs": []}

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogProb]


class InputTextContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_text"):
    """Text for the model."""

    zero: ClassVar[Mapping[str, object]] = {"text": ""}

    text: str


class InputImageContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_image"):
    """An image for the model, by URL or data URL."""

    zero: ClassVar[Mapping[str, object]] = {"image_url": None, "detail": "auto"}

    image_url: str | None
    detail: str


class InputFileContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_file"):
    """A file for the model. A response does not carry the file's data."""

    filename: str | UnsetType = UNSET
    file_url: str | UnsetType = UNSET


class InputVideoContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_video"):
    """A video for the model, by URL or data URL."""

    zero: ClassVar[Mapping[str, object]] = {"video_url": ""}

    video_url: str


class OutputTextContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="output_text"):
    """Text the model wrote, with what it rests on."""

    zero: ClassVar[Mapping[str, object]] = {"text": "", "annotations": []}

    text: str
    annotations: list[Annotation]
    logprobs: list[LogProb] | UnsetType = UNSET


class TextContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Text of no further kind."""

    zero: ClassVar[Mapping[str, object]] = {"text": ""}

    text: str


class SummaryTextContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="summary_text"):
    """A part of a reasoning item's summary."""

    zero: ClassVar[Mapping[str, object]] = {"text": ""}

    text: str


class ReasoningTextContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="reasoning_text"):
    """Raw reasoning, as the model wrote it."""

    zero: ClassVar[Mapping[str, object]] = {"text": ""}

    text: str


class RefusalContent(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="refusal"):
    """What the model said when it would not answer."""

    zero: ClassVar[Mapping[str, object]] = {"refusal": ""}

    refusal: str


class ExtensionContent(UnknownObject, frozen=True, kw_only=True, tag_field="type", tag="*content*"):
    """A content part of a type the specification does not define."""


Content = (
    InputTextContent
    | OutputTextContent
    | TextContent
    | SummaryTextContent
    | ReasoningTextContent
    | RefusalContent
    | InputImageContent
    | InputFileContent
    | InputVideoContent
    | ExtensionContent
)
"""A content part of an item in a response."""


class InputTextContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_text"):
    """Text for the model."""

    text: ParamText


class InputImageContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_image"):
    """An image for the model, by URL or data URL (schema `InputImageContentParamAutoParam`)."""

    image_url: Annotated[str, Meta(max_length=MAX_IMAGE_URL_LENGTH)] | None | UnsetType = UNSET
    detail: ImageDetail | None | UnsetType = UNSET


class InputFileContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="input_file"):
    """A file for the model: base64 data, or a URL."""

    filename: str | None | UnsetType = UNSET
    file_data: Annotated[str, Meta(max_length=MAX_FILE_DATA_LENGTH)] | None | UnsetType = UNSET
    file_url: str | None | UnsetType = UNSET


class UrlCitationParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="url_citation"):
    """A citation in an assistant message that is sent back."""

    start_index: Index
    end_index: Index
    url: str
    title: str


class OutputTextContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="output_text"):
    """Text of an assistant message that is sent back. `logprobs` may be there because a response had them."""

    text: ParamText
    annotations: list[UrlCitationParam | ExtensionAnnotation] | None | UnsetType = UNSET
    logprobs: list[LogProb] | None | UnsetType = UNSET


class RefusalContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="refusal"):
    """A refusal that is sent back."""

    refusal: ParamText


class ReasoningSummaryContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="summary_text"):
    """A part of a reasoning summary that is sent back."""

    text: ParamText


class ReasoningTextContentParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="reasoning_text"):
    """Raw reasoning that is sent back. The schema has null here, the prose and every server has parts."""

    text: ParamText


MessageContentParam = (
    InputTextContentParam
    | InputImageContentParam
    | InputFileContentParam
    | InputVideoContent
    | OutputTextContentParam
    | RefusalContentParam
    | ExtensionContent
)
"""A content part of a message in a request; which of them a role may hold is checked by `penstock.wire.requests`."""

ToolOutputContentParam = (
    InputTextContentParam | InputImageContentParam | InputFileContentParam | InputVideoContent | ExtensionContent
)
"""A content part of a function's result in a request."""
