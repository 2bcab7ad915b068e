"""Text -> tokens, and back from token numbers to places in the text.

The scanner is one regular expression for the terminals of the grammar, in the order that is
fastest. Tokens are plain strings and a node remembers only the numbers of its first and last token;
offsets are found by scanning once more, when a span is asked for, which nearly always is never.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from odsql.syntax.nodes import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "TOKEN", "UNSENDABLE", "Places", "forget_spans", "is_closed", "line_and_column", "spans",
    "token_at", "tokenize",
]  # fmt: skip

UNSENDABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of surrogate pairs: no request can carry them."""

# No literal holds NUL or half of a surrogate pair: neither can be sent in a URL. The possessive
# quantifiers keep an unclosed quote from being tried again and again. Behind a group that can match
# in part there must be none: before Python 3.11.5 that part stays, and `1..2` would be `1.` `.2`.
_SINGLE = r"'[^'\\\0\ud800-\udfff]*+(?:\\[^\0\ud800-\udfff][^'\\\0\ud800-\udfff]*+)*+'"
_DOUBLE = _SINGLE.replace("'", '"')
_BACK_QUOTED = r"`[^`\0\ud800-\udfff]++`"

TOKEN = re.compile(
    rf"""\s*+(
      [dD][aA][tT][eE](?:{_SINGLE}|{_DOUBLE})
    | [gG][eE][oO][mM](?:{_SINGLE}|{_DOUBLE})
    | [^\W\d]\w*+(?:\.[^\W\d]\w*+)*
    | [!<>]=
    | [=<>:(),+*/\[\]]
    | [0-9]{{4}}-(?:0[0-9]|1[0-2])-[0-9]{{2}}(?![0-9])  # a day that is not in date'...'
    | [0-9]++(?:\.[0-9]++)?
    | {_SINGLE}
    | {_DOUBLE}
    | {_BACK_QUOTED}
    | -0[0-9]-[0-9]{{2}}(?![0-9])  # what is left of such a day
    | -
    | \.\.
    | ['"`][\s\S]*  # a quote that is never closed: the rest of the text
    | \S  # no token of ODSQL
    | \Z
    )""",
    re.VERBOSE,
)
"""Matches white space and one token. Whatever is no token matches too, so that scanning never stops
before the end; the end itself is an empty token."""

_CLOSED = re.compile(f"{_SINGLE}|{_DOUBLE}|{_BACK_QUOTED}")


def tokenize(text: str) -> list[str]:
    """Split a clause into tokens; the last one is empty and stands for the end."""
    return TOKEN.findall(text.rstrip())


def is_closed(token: str) -> bool:
    """Whether a token that begins with a quote is a literal, and not an open quote and the rest."""
    quote = token[0]
    if quote != "`" and token[-1] == quote and len(token) > 1:  # noqa: SIM102 - the quick way out
        if "\\" not in token and token.isprintable():
            return True
    return _CLOSED.fullmatch(token) is not None


class Places:
    """The places of all tokens of a text, in 8 bytes each, since a long text has many."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, text: str) -> None:
        """Find them."""
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
    """Return the place of every token of a clause, in order, the empty one at the end included."""
    return _of_short(text) if len(text) <= _SHORT else _of_long(text)


_SHORT = 10_000

# Whoever asks one node for its place goes on to ask others of the same tree. A cache should not
# hold on to megabytes, so of long texts it keeps the last one only.
_of_short = lru_cache(maxsize=4)(Places)
_of_long = lru_cache(maxsize=1)(Places)


def forget_spans() -> None:
    """Empty the caches, so that the work of finding places can be measured."""
    _of_short.cache_clear()
    _of_long.cache_clear()


def token_at(text: str, index: int) -> tuple[str, int]:
    """Return token number `index` and where it begins."""
    match = next(islice(TOKEN.finditer(text.rstrip()), index, None))
    return match[1], match.start(1)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 0."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    line = bisect_right(starts, position) - 1
    return line, position - starts[line]
