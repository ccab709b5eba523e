"""What an answer rests on: searches, pages, files and places as annotations of its text.

The API tells it beside the answer, mostly with the last chunk: chunks of evidence, and supports, each of which names a
segment of the text and the chunks it rests on. Segments are counted in bytes of UTF-8, from the beginning of a text
that a stream tells in many parts; the specification counts characters. The text of the segment, which comes with it,
tells whether the right place was found.

The metadata as a whole, with queries, widgets and whatever else is in there, become extension items.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from penstock.spec.base import NOTHING, Extra, JsonObject
from penstock.spec.content import Annotation, ExtensionAnnotation, UrlCitation
from penstock.stream.fold import whole_text
from penstock.upstream.gemini.names import extension_type
from penstock.upstream.values import as_integer, as_list, as_object, as_text, each, kept

_CITATIONS = "citationMetadata"


class Claim(Struct, frozen=True):
    """One piece of text and one thing it rests on. `start` and `end` count bytes."""

    start: int
    end: int
    text: str
    """The text of the segment, empty where it was not told."""
    kind: str
    """What it rests on, in the API's words: `web`, `retrievedContext`."""
    url: str
    """Where that is, empty where it is at no address."""
    title: str
    rest: Extra
    """What else is known of it; its content is left to the item."""

    def annotation(self, start: int, end: int) -> Annotation:
        """Return the annotation of the characters from `start` to `end`."""
        if self.url:
            extra = self.rest if self.kind == "citation" else NOTHING
            return UrlCitation(url=self.url, title=self.title, start_index=start, end_index=end, extra=extra)
        fields: JsonObject = {"type": extension_type(self.kind), "start_index": start, "end_index": end}
        if self.title:
            fields["title"] = self.title
        return ExtensionAnnotation(fields=Extra({**self.rest, **fields}))


class Grounding:
    """The metadata of one answer, and which of their claims were told already."""

    def __init__(self) -> None:
        """Begin without any."""
        self._all: list[tuple[str, JsonObject, list[Claim]]] = []
        self._told: set[Claim] = set()

    def add(self, name: str, metadata: JsonObject) -> None:
        """Take metadata; `name` is the API's (`groundingMetadata`). They replace earlier ones that they hold whole."""
        metadata = dict(kept(metadata))
        entry = (name, metadata, list(_cited(metadata) if name == _CITATIONS else _grounded(metadata)))
        for number, (other, earlier, _) in enumerate(self._all):
            if other == name and _holds(metadata, earlier):
                self._all[number] = entry
                return
        self._all.append(entry)

    def annotations(self, text: str) -> list[Annotation]:
        """Return what annotates the message `text`, and has not been returned before."""
        message = _Message(text)
        found: list[Annotation] = []
        for claim in self._claims():
            place = message.find(claim)
            if place is not None:
                self._told.add(claim)
                found.append(claim.annotation(*place))
        return found

    @property
    def is_untold(self) -> bool:
        """Whether there are claims that annotated no message."""
        return next(self._claims(), None) is not None

    def metadata(self) -> list[tuple[str, JsonObject]]:
        """Return all metadata that are to become items, each with its name, and forget them."""
        found = [(name, metadata) for name, metadata, _ in self._all if name != _CITATIONS]
        self._all.clear()
        return found

    def _claims(self) -> Iterator[Claim]:
        for _, _, claims in self._all:
            yield from (claim for claim in claims if claim not in self._told)


def _holds(later: JsonObject, earlier: JsonObject) -> bool:
    """Whether all of `earlier` is in `later`, whose lists may have grown."""
    for key, value in earlier.items():
        new, old = as_list(later.get(key)), as_list(value)
        if later.get(key) != value and (new is None or old is None or new[: len(old)] != old):
            return False
    return True


def _grounded(metadata: JsonObject) -> Iterator[Claim]:
    """Yield the claims of a `groundingMetadata`."""
    chunks = as_list(metadata.get("groundingChunks")) or []
    for support in each(as_object, metadata.get("groundingSupports")) or ():
        segment = as_object(support.get("segment"))
        for index in each(as_integer, support.get("groundingChunkIndices")) or ():
            chunk = as_object(chunks[index]) if 0 <= index < len(chunks) else None
            if segment is not None and chunk:
                kind, evidence = next(iter(chunk.items()))
                yield _claim(segment, kind, as_object(evidence) or {}, {"grounding_chunk_index": index})


def _cited(metadata: JsonObject) -> Iterator[Claim]:
    """Yield the claims of a `citationMetadata`: the Gemini API and Vertex AI name its list differently."""
    sources = metadata.get("citationSources") or metadata.get("citations")
    for source in each(as_object, sources) or ():
        yield _claim(source, "citation", source, {})


_READ = frozenset({"startIndex", "endIndex", "uri", "sourceUri", "title", "text"})


def _claim(segment: JsonObject, kind: str, evidence: JsonObject, rest: JsonObject) -> Claim:
    others = {key: value for key, value in evidence.items() if key not in _READ}
    return Claim(
        start=max(as_integer(segment.get("startIndex")) or 0, 0),
        end=max(as_integer(segment.get("endIndex")) or 0, 0),
        text=as_text(segment.get("text")) or "",
        kind=kind,
        url=as_text(evidence.get("uri")) or as_text(evidence.get("sourceUri")) or "",
        title=as_text(evidence.get("title")) or "",
        rest=Extra({**others, **rest}),
    )


class _Message:
    """A text in which claims find their place."""

    def __init__(self, text: str) -> None:
        self._data = whole_text(text).encode()
        self._is_ascii = text.isascii()
        self._byte = self._character = 0

    def find(self, claim: Claim) -> tuple[int, int] | None:
        """Return from which character to which `claim` goes, None where it is not about this text."""
        start, end = claim.start, claim.end
        if claim.text:
            sought = claim.text.encode()
            if self._data[start:end] != sought:
                # Where a position counts from a later part of the text, the words come after it.
                found = self._data.find(sought, start)
                start = found if found >= 0 else self._data.rfind(sought)
                end = start + len(sought)
                if start < 0:
                    return None
        elif not start < end <= len(self._data):
            return None
        return self._characters(start), self._characters(end)

    def _characters(self, position: int) -> int:
        """Return how many characters the first `position` bytes are."""
        if self._is_ascii:
            return position
        # Claims mostly come in order, so this counts on from the last.
        if position < self._byte:
            self._byte = self._character = 0
        self._character += len(self._data[self._byte : position].decode("utf-8", "ignore"))
        self._byte = position
        return self._character
