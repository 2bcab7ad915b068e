"""Text -> tokens.

The scanner is one regular expression for the terminals of the grammar, in the fastest order. Tokens
are plain strings; `spans` finds their positions in the text.
"""

from __future__ import annotations

import re

__all__ = ["TOKEN", "UNSENDABLE", "is_closed", "tokenize"]

UNSENDABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and lone surrogates, which no request can carry."""

# No literal may contain NUL or a lone surrogate: neither can be sent in a URL. The possessive
# quantifiers prevent repeated attempts to match an unclosed quote. A group that can match in part
# must not have one: before Python 3.11.5 that part is kept, and `1..2` would be `1.` `.2`.
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
    | -0[0-9]-[0-9]{{2}}(?![0-9])  # the tail of such a day
    | -
    | \.\.
    | ['"`][\s\S]*  # a quote that is never closed: the rest of the text
    | \S  # not a token of ODSQL
    | \Z
    )""",
    re.VERBOSE,
)
"""Matches white space and one token. Text that is not a token matches too, so that scanning never
stops before the end; the end itself is an empty token."""

_CLOSED = re.compile(f"{_SINGLE}|{_DOUBLE}|{_BACK_QUOTED}")


def tokenize(text: str) -> list[str]:
    """Split a clause into tokens; the last one is empty and stands for the end."""
    return TOKEN.findall(text.rstrip())


def is_closed(token: str) -> bool:
    """Return whether a token that begins with a quote is a literal, and not an unclosed quote."""
    quote = token[0]
    if quote != "`" and token[-1] == quote and len(token) > 1:  # noqa: SIM102 - the fast path
        if "\\" not in token and token.isprintable():
            return True
    return _CLOSED.fullmatch(token) is not None
