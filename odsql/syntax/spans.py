"""Token indexes -> positions in the text.

A node keeps only the indexes of its first and last token. Offsets are found by scanning the text
again when a span is read, which is rare.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from odsql.syntax.scanning import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Places", "Span", "forget_spans", "line_and_column", "spans", "token_at"]


class Span(NamedTuple):
    """The position of a node in its clause: `text[start:end]`, 0-based offsets in characters."""

    start: int
    end: int


class Places:
    """The positions of all tokens of a text, in 8 bytes each, because a long text has many."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, text: str) -> None:
        """Scan the text."""
        self._starts = array("I")
        self._ends = array("I")
        for match in TOKEN.finditer(text.rstrip()):
            start, end = match.span(1)
            self._starts.append(start)
            self._ends.append(end)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Span:
        return Span(self._starts[index], self._ends[index])

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._starts, self._ends)


def spans(text: str) -> Places:
    """Return the positions of all tokens of a clause, including the empty one at the end."""
    return _of_short(text) if len(text) <= _SHORT else _of_long(text)


_SHORT = 10_000

# Programs that read one span usually read others of the same tree. A cache should not keep
# megabytes, so it holds only the last long text.
_of_short = lru_cache(maxsize=4)(Places)
_of_long = lru_cache(maxsize=1)(Places)


def forget_spans() -> None:
    """Empty the caches, so that the cost of finding positions can be measured."""
    _of_short.cache_clear()
    _of_long.cache_clear()


def token_at(text: str, index: int) -> tuple[str, int]:
    """Return the token at `index` and its offset."""
    match = next(islice(TOKEN.finditer(text.rstrip()), index, None))
    return match[1], match.start(1)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Return the line and column of an offset, both counted from 0."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    line = bisect_right(starts, position) - 1
    return line, position - starts[line]
