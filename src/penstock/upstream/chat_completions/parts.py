"""Parts of a reply that are data rather than events: annotations, log probabilities, usage, reasoning details."""

from __future__ import annotations

from penstock.spec.base import JsonObject
from penstock.spec.content import Annotation, ExtensionAnnotation, LogProb, TopLogProb, UrlCitation
from penstock.stream.fold import whole_text
from penstock.stream.output import Usage
from penstock.upstream.chat_completions.chunks import TokenLogProb
from penstock.upstream.values import as_integer, as_object, as_text, kept


def readable_text(detail: JsonObject) -> str:
    """Return the text of a block of `reasoning_details`."""
    return as_text(detail.get("text")) or as_text(detail.get("summary")) or ""


def annotation(value: JsonObject) -> Annotation:
    """Return an annotation in the specification's flat form, whatever else it held beside.

    One of a type the specification does not have gets a slug (spec: "Extending Open Responses").
    """
    name = as_text(value.get("type")) or "annotation"
    if name != "url_citation":
        return ExtensionAnnotation(fields=kept({**value, "type": name if ":" in name else f"{SLUG}:{name}"}))
    nested = as_object(value.get("url_citation"))
    fields = nested if nested is not None else value
    rest = {key: field for key, field in fields.items() if key not in _CITATION_KEYS}
    return UrlCitation(
        url=whole_text(as_text(fields.get("url")) or ""),
        title=whole_text(as_text(fields.get("title")) or ""),
        start_index=max(as_integer(fields.get("start_index")) or 0, 0),
        end_index=max(as_integer(fields.get("end_index")) or 0, 0),
        extra=kept(rest),
    )


SLUG = "upstream"
"""The slug of what a provider has beyond the specification. The protocol does not tell who the provider is."""


_CITATION_KEYS = frozenset({"type", "url", "title", "start_index", "end_index"})


def logprob(token: TokenLogProb) -> LogProb:
    """Return a token's log probability as the specification has it: `bytes` is never null there."""
    alternatives = [
        TopLogProb(token=each.token, logprob=each.logprob, bytes=_octets(each)) for each in token.top_logprobs or ()
    ]
    return LogProb(token=token.token, logprob=token.logprob, bytes=_octets(token), top_logprobs=alternatives)


def _octets(token: TokenLogProb) -> list[int]:
    if token.bytes is not None:
        return token.bytes
    return list(token.token.encode("utf-8", "surrogatepass"))


def usage_of(fields: JsonObject) -> Usage | None:
    """Return the usage in `fields`, None where it counts no tokens.

    What the specification has no place for is kept under the provider's own names, unless it is null or nought.
    """
    input_tokens = as_integer(fields.get("prompt_tokens"))
    output_tokens = as_integer(fields.get("completion_tokens"))
    if input_tokens is None and output_tokens is None:
        return None
    read = as_object(fields.get("prompt_tokens_details")) or {}
    written = as_object(fields.get("completion_tokens_details")) or {}
    # Together counts cached tokens beside the others, DeepSeek by a name of its own.
    cached = read.get("cached_tokens") or fields.get("cached_tokens") or fields.get("prompt_cache_hit_tokens")
    rest = {key: value for key, value in fields.items() if value and key not in _USAGE_KEYS}
    for name, details in (("prompt_tokens_details", read), ("completion_tokens_details", written)):
        others = {key: value for key, value in details.items() if value and key not in _USAGE_KEYS}
        if others:
            rest[name] = others
    return Usage(
        input_tokens=max(input_tokens or 0, 0),
        output_tokens=max(output_tokens or 0, 0),
        cached_tokens=max(as_integer(cached) or 0, 0),
        reasoning_tokens=max(as_integer(written.get("reasoning_tokens")) or 0, 0),
        total_tokens=as_integer(fields.get("total_tokens")),
        extra=kept(rest),
    )


_USAGE_KEYS = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cached_tokens",
        "prompt_cache_hit_tokens",
        "reasoning_tokens",
    }
)
