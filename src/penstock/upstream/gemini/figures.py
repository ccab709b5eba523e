"""Parts of a reply that are figures: usage and log probabilities."""

from __future__ import annotations

from penstock.spec.base import JsonObject
from penstock.spec.content import LogProb, TopLogProb
from penstock.stream.fold import whole_text
from penstock.stream.output import Usage
from penstock.upstream.values import as_integer, as_list, as_logprob, as_object, as_text, each, kept

_COUNTED = frozenset(
    {
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "totalTokenCount",
    }
)


def usage_of(fields: JsonObject) -> Usage | None:
    """Return the usage in `fields`, None where it counts no tokens.

    Thoughts are output tokens, which the API counts beside the answer's, and what tools fed to the model are input
    tokens, which it counts beside the prompt's. What the specification has no place for is kept under the provider's
    own names, unless it is null or nought.
    """
    prompt = as_integer(fields.get("promptTokenCount"))
    answer = as_integer(fields.get("candidatesTokenCount"))
    thoughts = as_integer(fields.get("thoughtsTokenCount"))
    if prompt is None and answer is None and thoughts is None:
        return None
    tools = as_integer(fields.get("toolUsePromptTokenCount"))
    return Usage(
        input_tokens=max(prompt or 0, 0) + max(tools or 0, 0),
        output_tokens=max(answer or 0, 0) + max(thoughts or 0, 0),
        cached_tokens=max(as_integer(fields.get("cachedContentTokenCount")) or 0, 0),
        reasoning_tokens=max(thoughts or 0, 0),
        total_tokens=as_integer(fields.get("totalTokenCount")),
        extra=kept({key: value for key, value in fields.items() if value and key not in _COUNTED}),
    )


def logprobs_of(result: JsonObject) -> list[LogProb]:
    """Return a `logprobsResult` as the specification has it; `bytes` are those of the token's text."""
    chosen = as_list(result.get("chosenCandidates")) or []
    tops = as_list(result.get("topCandidates")) or []
    found: list[LogProb] = []
    for number, value in enumerate(chosen):
        candidate = _token(value)
        if candidate is not None:
            top = as_object(tops[number]) if number < len(tops) else None
            others = each(_token, top.get("candidates")) if top is not None else None
            found.append(
                LogProb(
                    token=candidate.token,
                    logprob=candidate.logprob,
                    bytes=candidate.bytes,
                    top_logprobs=others or [],
                )
            )
    return found


def _token(value: object) -> TopLogProb | None:
    fields = as_object(value)
    token = as_text(fields.get("token")) if fields else None
    if fields is None or token is None:
        return None
    token = whole_text(token)
    return TopLogProb(token=token, logprob=_logprob(fields.get("logProbability")), bytes=list(token.encode()))


def _logprob(value: object) -> float:
    # A figure that is not there is nought: the API leaves defaults out. One that JSON cannot write comes as a string.
    if value is None:
        return 0.0
    return min(as_logprob(value), 0.0)
