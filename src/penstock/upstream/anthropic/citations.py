"""Citations as annotations, and back.

A citation belongs to a whole text block, and a text block is a part of a message. So a citation of a page in the web
is a `url_citation` of the part from its first to its last character; what it needs to go back, `cited_text` and
`encrypted_index`, it keeps beside. Citations of documents and of the caller's own search results have no URL; they are
annotations with Anthropic's slug.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.spec.base import JsonObject
from penstock.spec.content import Annotation, ExtensionAnnotation, UrlCitation, UrlCitationParam
from penstock.stream.fold import whole_text
from penstock.upstream.anthropic.names import SLUG, native_object
from penstock.upstream.values import as_text, kept

_WEB = "web_search_result_location"
_OWN_KEYS = frozenset({"type", "url", "title"})
_NEEDED = ("cited_text", "encrypted_index")


def annotation(citation: JsonObject, length: int) -> Annotation:
    """Return a citation of a text of `length` characters in the specification's form."""
    kind = as_text(citation.get("type")) or "citation"
    url = as_text(citation.get("url"))
    if kind != _WEB or url is None:
        return ExtensionAnnotation(fields=kept({**citation, "type": SLUG + kind}))
    return UrlCitation(
        url=whole_text(url),
        title=whole_text(as_text(citation.get("title")) or ""),
        start_index=0,
        end_index=length,
        extra=kept({key: value for key, value in citation.items() if key not in _OWN_KEYS}),
    )


def citation(annotation: UrlCitationParam | ExtensionAnnotation) -> JsonObject | None:
    """Return an annotation as the citation it was made of, None where it was made of none."""
    if isinstance(annotation, ExtensionAnnotation):
        return native_object(annotation)
    extra = annotation.extra
    if not all(isinstance(extra.get(key), str) for key in _NEEDED):
        return None
    return {
        **extra,
        "type": _WEB,
        "url": annotation.url,
        "title": annotation.title or None,
    }


def citations(annotations: Sequence[UrlCitationParam | ExtensionAnnotation]) -> tuple[list[JsonObject], bool]:
    """Return those annotations that can go back, and whether these are all."""
    found = [made for made in map(citation, annotations) if made is not None]
    return found, len(found) == len(annotations)
