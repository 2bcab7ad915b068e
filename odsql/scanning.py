"""Text -> tokens, and back from token numbers to places in the text.

The scanner is one regular expression, composed from the terminals of the grammar. Tokens are plain
strings and a node remembers only the numbers of its first and last token; offsets are found by
scanning once more, when a span is asked for, which nearly always is never.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from odsql.nodes import Span
from odsql.tables import TOKEN_PATTERN

__all__ = ["TOKEN", "Source"]

TOKEN = re.compile(TOKEN_PATTERN)
"""Matches one token. Whatever is no token matches too, as one character or as all of an unclosed
quote, so that scanning never stops before the end."""


class Source:
    """A clause and where its tokens stand; shared by all nodes that were parsed from it."""

    __slots__ = ("__dict__", "text")

    def __init__(self, text: str) -> None:
        """Remember `text`; nothing is computed before it is asked for."""
        self.text = text

    def __getstate__(self) -> str:
        return self.text

    def __setstate__(self, text: str) -> None:
        self.text = text

    @cached_property
    def spans(self) -> list[Span]:
        """The place of every token, in order."""
        return [Span(*match.span()) for match in TOKEN.finditer(self.text)]

    def span(self, first: int, last: int) -> Span:
        """Where tokens `first` to `last` stand, both included."""
        if last < first or not self.spans:
            return Span(0, 0)
        return Span(self.spans[first].start, self.spans[last].end)

    def line_and_column(self, position: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 0."""
        starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", self.text))]
        line = bisect_right(starts, position) - 1
        return line, position - starts[line]
