"""From a server's refusal back to the query: which characters of which clause are meant.

The server names a clause and, for a syntax error, an offset in it; for an unknown field it names
the field. The clause is at hand, so the error can show it with a caret below the place. Where the
server repeats another text than was sent, as something on the way or the portal itself has changed
it, its offset says nothing about the clause, and no caret is drawn.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import odsql
from explore_async.errors import ODSQLError, ODSQLSyntaxError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["explain", "place_of"]

_UNEXPECTED = re.compile(r"unexpected (.+?) at position \d+")
_ECHO = re.compile(r" at position \d+ in (.*)\. Clause\(s\) containing", re.DOTALL)
_NAMED = re.compile(r"(?:Unknown field|Field|Alias|Unknown function):? '?([^\W\d]\w*(?:\.\w+)*)'?")


def explain(error: ODSQLError, params: Sequence[tuple[str, str]]) -> None:
    """Let an error show the place in the clause it speaks of.

    The picture is a note of the error (PEP 678): tracebacks print it, and it survives pickling.
    """
    place = place_of(error, params)
    if place is not None:
        error.add_note(f"{place.clause}, position {place.position}:\n{place.picture}")


def place_of(error: ODSQLError, params: Sequence[tuple[str, str]]) -> odsql.ODSQLSyntaxError | None:
    """The place an answer speaks of, as the parser of this package would report it.

    Args:
        error: what the server answered.
        params: the parameters of the request.

    Returns:
        None when the answer names no clause, or nothing in it that can be found again.
    """
    texts = [value for name, value in params if name == error.clause]
    if len(texts) != 1 or error.clause is None:
        return None
    found = _found(error, texts[0])
    if found is None:
        return None
    position, token = found
    return odsql.ODSQLSyntaxError(error.clause, texts[0], position, token, (), None)


def _found(error: ODSQLError, text: str) -> tuple[int, str] | None:
    if isinstance(error, ODSQLSyntaxError):
        echo = _ECHO.search(error.reason)
        if echo is not None and echo[1].rstrip() != text.rstrip():
            return None
        if "unexpected end of line" in error.reason:
            return len(text), ""
        unexpected = _UNEXPECTED.search(error.reason)
        if error.position is None or error.position > len(text):
            return None
        return error.position, unexpected.group(1) if unexpected else ""
    named = _NAMED.search(error.reason)
    if named is None:
        return None
    # Its patterns are compiled here, where a query was refused, and not for every program.
    from odsql.scanning import TOKEN

    name = named.group(1)
    return next(
        (
            (match.start(1), name)
            for match in TOKEN.finditer(text.rstrip())
            if match[1].strip("`") == name
        ),
        None,
    )
