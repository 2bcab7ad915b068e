"""What a statement of DuckDB can hold: numbers of 64 bits, and expressions of limited depth.

Besides, the work of a full-text condition grows with its words, so their number is limited, too. A
query beyond these limits is refused before it is compiled. The limits of live portals are unknown.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from explore_async.portal.errors import not_supported
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MOST_LEVELS", "MOST_WORDS", "check_limits"]

MOST_LEVELS = 200
"""The maximum depth of an expression; DuckDB allows 1,000, and a level is up to five of its own.
A chain such as `1 + 1 + 1` has one level per operator."""

MOST_WORDS = 100
"""The maximum number of words of all full-text conditions; each is looked for in each record."""

_BITS = 63
_DIGITS = 19
_WORD = re.compile(r"[^\W_]+")


def check_limits(clauses: Iterable[nodes.Node | None]) -> None:
    """Refuse numbers and expressions that no statement can hold.

    Raises:
        PortalError: a clause has a number beyond 64 bits or is nested too deeply, or the clauses
            have too many words.
    """
    words = 0
    for clause in clauses:
        if clause is None:
            continue
        for node in nodes.walk(clause):
            if isinstance(node, nodes.Number) and not _fits(node.text):
                raise not_supported("A number beyond 64 bits")
            words += _words(node)
        if _levels(clause) > MOST_LEVELS:
            raise not_supported(f"An expression of more than {MOST_LEVELS} levels")
    if words > MOST_WORDS:
        raise not_supported(f"A search for more than {MOST_WORDS} words")


def _words(node: nodes.Node) -> int:
    """Return the number of different words for which a condition searches."""
    if isinstance(node, nodes.Comparison | nodes.InList | nodes.Member | nodes.InRange):
        return 0
    texts = [one for one in nodes.children(node) if isinstance(one, nodes.Text)]
    return sum(len({*_WORD.findall(text.value.lower())}) for text in texts)


def _fits(text: str) -> bool:
    """Return whether a number without a sign is one of 64 bits; a decimal is a double."""
    if "." in text:
        return math.isfinite(float(text))
    # Python itself refuses to read thousands of digits.
    digits = text.lstrip("0")
    return len(digits) <= _DIGITS and int(digits or "0") < 2**_BITS


def _levels(node: nodes.Node) -> int:
    own = len(node.operators) if isinstance(node, nodes.Arithmetic) else 1
    return own + max(map(_levels, nodes.children(node)), default=0)
