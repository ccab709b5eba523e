"""How much the model is to think, as Anthropic asks for it.

Models since Claude 4.6 decide themselves how much they think, guided by an effort; those before are given a budget of
tokens, which counts towards `max_tokens`. No model thinks where a call is forced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from penstock.spec.base import JsonObject
from penstock.spec.request import ReasoningEffort, ReasoningParam

LEAST_BUDGET = 1024
"""The least budget that Anthropic accepts, in tokens."""
BUDGETS: dict[ReasoningEffort, int] = {"low": LEAST_BUDGET, "medium": 4_096, "high": 16_384, "xhigh": 32_768}
"""Efforts as budgets, in tokens: from the least upwards. Half of `max_tokens` is left for the answer in any case."""


def thinking(
    asked: ReasoningParam,
    *,
    how: Literal["adaptive", "budget"],
    max_tokens: int,
    forced: bool,
    lose: Callable[[str, str], None],
) -> tuple[JsonObject | None, str | None]:
    """Return the parameter `thinking` and the effort, each None where it is not sent.

    `how`: what kind of model it is. `forced`: the model must call. `lose(param, reason)` is told what is left out.
    """
    effort, summary = asked.effort or None, asked.summary or None
    if effort == "none":
        return {"type": "disabled"}, None
    if effort is None and summary is None:
        return None, None
    said = effort if how == "adaptive" else None
    if forced:
        lose("reasoning", "Anthropic's models do not think where tool_choice forces a call")
        return None, said
    if how == "adaptive":
        config: JsonObject = {"type": "adaptive"}
    elif effort is None:
        lose("reasoning.summary", "a model with a budget thinks only where an effort is given")
        return None, None
    else:
        budget = min(BUDGETS[effort], max_tokens // 2)
        if budget < LEAST_BUDGET:
            lose(
                "reasoning.effort",
                f"thinking takes {LEAST_BUDGET} tokens and an answer as many, which max_output_tokens forbids",
            )
            return None, None
        config = {"type": "enabled", "budget_tokens": budget}
    if summary is not None:
        config["display"] = "summarized"
    if summary in ("concise", "detailed"):
        lose("reasoning.summary", "Anthropic decides itself how long a summary is")
    return config, said
