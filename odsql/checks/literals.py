"""Checks of literals: the patterns of date_format() and whole numbers."""

from __future__ import annotations

import re
from functools import lru_cache

from odsql.syntax import nodes

__all__ = ["pattern_problem", "whole_number"]

_PATTERN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|'|%|[^A-Za-z'%]+")
_SYMBOLS = frozenset(
    {
        "yy", "YY", "yyyy", "YYYY", "xx", "xxxx", "w", "ww", "e", "E", "EEEE", "D", "DDD",
        "M", "MM", "MMMM", "d", "dd", "H", "HH", "m", "mm", "s", "ss",
    }
)  # fmt: skip


@lru_cache(maxsize=256)
def pattern_problem(pattern: str) -> str | None:
    """Return what a date_format() pattern has that the reference does not allow, or None."""
    for match in _PATTERN.finditer(pattern):
        symbol = match[0]
        if symbol == "'":
            return "an unclosed quote"
        if symbol == "%" or (match[1] is not None and symbol not in _SYMBOLS):
            return f"an undocumented symbol, {symbol}"
    return None


def whole_number(node: nodes.Node) -> int | None:
    """Return a whole number, with or without a sign; None for anything else."""
    sign = 1
    if type(node) is nodes.Negate:
        node, sign = node.operand, -1
    if type(node) is nodes.Number and "." not in node.text:
        return sign * int(node.text)
    return None
