"""In which order the items of a request are told where the results of calls must follow them at once.

Open Responses lets anything stand between a call and its output: what the user said meanwhile, or the next turn of the
model. Chat Completions, Anthropic and Gemini refuse that. They tell a turn of the model as one message, which the
results of its calls must follow directly. So an output that comes later moves to the end of its call's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from penstock.spec.items import FunctionCallItemParam, FunctionCallOutputItemParam, ItemParam, MessageItemParam

__all__ = ["results_at_once"]

_MOVED: Final = "a result must follow its call at once, so it moved before what came between them"


def results_at_once(items: Sequence[ItemParam], lose: Callable[[str, str], None]) -> list[tuple[int, ItemParam]]:
    """Return `items`, each with its number in the request, every output at the end of the turn of its call.

    A turn of the model is what stands together of all but outputs and messages of others. Nothing else moves, and the
    outputs for one turn keep their order. An output without a call before it stays where it is. `lose(param, reason)`
    is told of each that moved.
    """
    turns: list[list[tuple[int, ItemParam]]] = []
    results: list[list[tuple[int, ItemParam]]] = []
    turn_of: dict[str, int] = {}
    is_open = False
    for number, item in enumerate(items):
        at = None
        is_of_model = not isinstance(item, MessageItemParam) or item.role == "assistant"
        if isinstance(item, FunctionCallOutputItemParam):
            at = turn_of.get(item.call_id)
            is_of_model = False
        if at is not None:
            results[at].append((number, item))
            if at != len(turns) - 1:
                lose(f"input[{number}]", _MOVED)
        elif is_open and is_of_model:
            turns[-1].append((number, item))
        else:
            turns.append([(number, item)])
            results.append([])
        is_open = is_of_model
        if isinstance(item, FunctionCallItemParam):
            turn_of[item.call_id] = len(turns) - 1
    return [numbered for turn, answers in zip(turns, results, strict=True) for numbered in (*turn, *answers)]
