"""The built-in demo: a model that is none, so that clients and servers can be tried without any.

It is deterministic, and knows no network, clock or randomness. What it does is chosen by what the prompt says, as
`penstock.upstream.demo.directions` lists.
"""

from penstock.upstream.demo.stage import MODEL, Performance, Step, perform

__all__ = ["MODEL", "Performance", "Step", "perform"]
