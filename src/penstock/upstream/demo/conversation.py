"""What the demo reads in a request: the prompt, and what was said before it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from penstock.spec.base import SpecObject
from penstock.spec.content import (
    InputFileContentParam,
    InputImageContentParam,
    InputTextContentParam,
    InputVideoContent,
    OutputTextContentParam,
    ReasoningTextContentParam,
    RefusalContentParam,
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
from penstock.spec.request import CreateResponse
from penstock.upstream.base import Loss, UnsupportedParameter
from penstock.upstream.demo.sealed import unseal
from penstock.upstream.demo.tokens import count_tokens

__all__ = ["MEDIA_TOKENS", "Conversation", "Result", "read_conversation"]

MEDIA_TOKENS = 100
"""How many tokens an image, a file or a video counts as, whatever its size."""


class Result(Struct, frozen=True):
    """What a function returned; `name` is empty where the conversation holds no such call."""

    name: str
    output: str


class Conversation(Struct):
    """A conversation up to the prompt, which is the last message of the user.

    `texts` are all messages of the user and the assistant before the prompt, with who wrote them. `results` came after
    the prompt: they are what is to be answered then. `media` are the images and files of the prompt and the results, in
    words. `thoughts` is reasoning of the demo's own that came back sealed, `strange_thoughts` counts what it could not
    open.
    """

    prompt: str = ""
    texts: list[tuple[str, str]] = []
    results: list[Result] = []
    media: list[str] = []
    thoughts: list[str] = []
    strange_thoughts: int = 0
    tokens: int = 0
    losses: list[Loss] = []

    def said_by(self, role: str) -> list[str]:
        """Return the messages of one of the two, before the prompt."""
        return [text for who, text in self.texts if who == role]


def read_conversation(request: CreateResponse) -> Conversation:
    """Return the conversation in `request.input`. Raises UnsupportedParameter for items only a server can resolve."""
    reader = _Reader()
    if isinstance(request.input, str):
        reader.message("user", request.input, [])
    else:
        for number, item in enumerate(request.input or ()):
            reader.item(item, f"input[{number}]")
    talk = reader.talk
    talk.tokens += count_tokens(request.instructions or "")
    return talk


class _Reader:
    """Goes through the items, from the first to the last."""

    def __init__(self) -> None:
        self.talk = Conversation()
        self._since: list[tuple[str, str]] = []
        self._calls: dict[str, str] = {}

    def message(self, role: str, text: str, media: list[str]) -> None:
        """Take a message."""
        talk = self.talk
        talk.tokens += count_tokens(text) + MEDIA_TOKENS * len(media)
        if role == "user":
            talk.texts += self._since
            self._since = [("user", text)]
            talk.prompt, talk.results, talk.media = text, [], media
        elif role == "assistant":
            self._since.append(("assistant", text))

    def item(self, item: ItemParam, path: str) -> None:
        """Take any item."""
        talk = self.talk
        match item:
            case MessageItemParam():
                self.message(item.role, *_told(item.content))
            case FunctionCallItemParam():
                self._calls[item.call_id] = item.name
                talk.tokens += count_tokens(item.arguments)
            case FunctionCallOutputItemParam():
                text, media = _told(item.output)
                talk.tokens += count_tokens(text) + MEDIA_TOKENS * len(media)
                talk.results.append(Result(self._calls.get(item.call_id, ""), text))
                talk.media += media
            case ReasoningItemParam():
                self._reasoning(item)
            case ItemReferenceParam() | CompactionItemParam():
                raise UnsupportedParameter(f"{path}.type", "the demo has no store, and remembers no items")
            case _:
                talk.losses.append(Loss(path, f"the demo knows nothing of items of type {item.type!r}"))

    def _reasoning(self, item: ReasoningItemParam) -> None:
        talk = self.talk
        for part in item.content or ():
            if isinstance(part, ReasoningTextContentParam):
                talk.tokens += count_tokens(part.text)
        if item.encrypted_content:
            thought = unseal(item.encrypted_content)
            if thought is None:
                talk.strange_thoughts += 1
            else:
                talk.thoughts.append(thought)


def _told(content: str | Sequence[SpecObject]) -> tuple[str, list[str]]:
    """Return the text of a message or a result, and what else is in it, in words."""
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    media: list[str] = []
    for part in content:
        match part:
            case InputTextContentParam() | OutputTextContentParam():
                texts.append(part.text)
            case RefusalContentParam():
                texts.append(part.refusal)
            case InputImageContentParam():
                media.append(f"an image ({_place(part.image_url or '')})")
            case InputFileContentParam():
                name = part.filename or _place(part.file_url or part.file_data or "")
                media.append(f"a file ({name})")
            case InputVideoContent():
                media.append(f"a video ({_place(part.video_url)})")
            case _:
                media.append("something the demo does not know")
    return "\n".join(texts), media


_SHOWN = 60


def _place(url: str) -> str:
    """Return where something is, or what it is, in a few characters."""
    if url.startswith("data:"):
        kind = url[5 : url.find(",") if "," in url else None].partition(";")[0]
        return f"{kind[:_SHOWN] or 'data'}, {len(url.partition(',')[2])} characters of data"
    if not url:
        return "nothing in it"
    return url if len(url) <= _SHOWN else f"{len(url)} characters of data"
