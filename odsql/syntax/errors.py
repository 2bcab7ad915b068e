"""Syntax errors that help the author to fix the text.

`ODSQLSyntaxError` carries the facts and shows the clause with a caret. The position and the token
are known at once. The expected tokens and the hint are worked out on first access, by the function
that the parser passes in, because most refused texts are only counted.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BuildError", "ODSQLError", "ODSQLSyntaxError", "shortened", "shown"]

_PICTURE_WIDTH = 100
_SHOWN = 40
_LONGEST_VALUE = 200

Explanation: TypeAlias = "tuple[tuple[str, ...], str | None]"
"""The accepted tokens, in words, and the hint."""


class ODSQLError(ValueError):
    """Base class of the errors of this package."""


class BuildError(ODSQLError, TypeError):
    """ODSQL cannot express what the builder was given; the message says what to write.

    Also a TypeError, because that is what Python's own operators raise for a wrong operand.
    """


class ODSQLSyntaxError(ODSQLError):
    """The text is not ODSQL.

    Attributes:
        clause: the clause it was parsed as, for example "where".
        text: the whole clause.
        position: 0-based offset of the first character that does not fit; if the text ends too
            early, its end without trailing white space.
        found: the token at the position; empty at the end.
    """

    def __init__(
        self,
        clause: str,
        text: str,
        position: int,
        found: str,
        expected: tuple[str, ...] = (),
        hint: str | None = None,
        *,
        explain: Callable[[str, str], Explanation] | None = None,
    ) -> None:
        """Store the facts, as positional arguments so that the error survives pickling.

        `explain` works out `expected` and `hint` from the clause and its text on first access.
        """
        super().__init__(clause, text, position, found, expected, hint)
        self.clause = clause
        self.text = text
        self.position = position
        self.found = found
        self._explanation: Explanation = (expected, hint)
        self._explain = explain

    @property
    def expected(self) -> tuple[str, ...]:
        """The tokens accepted at the position, in words."""
        return self._explained()[0]

    @property
    def hint(self) -> str | None:
        """How to fix the likely mistake, or None."""
        return self._explained()[1]

    def _explained(self) -> Explanation:
        if self._explain is not None:
            self._explanation = self._explain(self.clause, self.text)
            self._explain = None
        return self._explanation

    @property
    def server_message(self) -> str:
        """The live server's wording for this error (recorded `ODSQLSyntaxError` answers).

        No answers were recorded for unclosed quotes, for NUL and lone surrogates, for this
        package's nesting limit, and for `facet`, `refine` and `exclude`. These follow the pattern
        of the others.
        """
        where = f"Clause(s) containing the error(s): {self.clause}."
        if not self.found:
            return f"ODSQL syntax exception: unexpected end of line. {where}"
        return (
            f"ODSQL syntax exception: unexpected {self.found} at position {self.position} "
            f"in {self.text}. {where}"
        )

    @property
    def picture(self) -> str:
        """The line of the clause with the error, and a caret below it."""
        from odsql.syntax.spans import line_and_column  # its patterns take time to compile

        line, column = line_and_column(self.text, self.position)
        whole = re.split(r"\r\n|\r|\n", self.text)[line]
        start = max(0, column - _PICTURE_WIDTH // 2) if len(whole) > _PICTURE_WIDTH else 0
        visible = "".join(map(_visible, whole[start : start + _PICTURE_WIDTH]))
        indent = sum(map(_cells, visible[: column - start]))
        return f"  {visible}\n  {' ' * indent}^"

    def __str__(self) -> str:
        found = f"unexpected {shortened(self.found)}" if self.found else "the text ends too early"
        lines = [f"{self.clause} has a syntax error at position {self.position}: {found}"]
        lines.append(self.picture)
        if self.expected:
            lines.append(f"expected: {', '.join(self.expected)}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def _cells(character: str) -> int:
    """Return the number of columns a terminal gives a character."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(token: str) -> str:
    """Return a token as it can be shown in one line: printable, and cut if it is long."""
    start = token[: _SHOWN + 1]
    visible = start if start.isprintable() else ascii(start)[1:-1]
    return visible if len(visible) <= _SHOWN else visible[: _SHOWN - 3] + "..."


def shown(value: object) -> str:
    """Return a value that a caller passed as a message can show it: its repr, cut if it is long.

    A repr may fail itself, for instance that of a list that is nested without end.
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - of any class, and the message is about another error
        return object.__repr__(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
