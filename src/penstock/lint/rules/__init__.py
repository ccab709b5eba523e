"""All rules, family by family. A family does not know the others."""

from penstock.lint.rule import Rule
from penstock.lint.rules import closing, content, dialect, framing, identity, order, promise, shapes

__all__ = ["ALL_RULES"]

ALL_RULES: tuple[type[Rule], ...] = (
    *framing.RULES,
    *shapes.RULES,
    *order.RULES,
    *identity.RULES,
    *content.RULES,
    *closing.RULES,
    *promise.RULES,
    *dialect.RULES,
)
