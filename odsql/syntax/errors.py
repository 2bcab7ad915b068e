"""What is wrong with a text, said so that its author can put it right.

`ODSQLSyntaxError` carries the facts and shows the clause with a caret. The place and the token are
known at once. What was expected and what was probably meant is worked out when somebody asks, by
the function that the parser hands in, because most refused texts are only counted.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from odsql.syntax.spans import line_and_column

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BuildError", "ODSQLError", "ODSQLSyntaxError"]

_PICTURE_WIDTH = 100
_SHOWN = 40

Explanation: TypeAlias = "tuple[tuple[str, ...], str | None]"
"""What would have been accepted, in words, and what was probably meant."""


class ODSQLError(ValueError):
    """Root of the errors of this package."""


class BuildError(ODSQLError, TypeError):
    """What was asked of the builder cannot be said in ODSQL; the message says what can.

    Also a TypeError, because that is what Python's own operators raise for a wrong operand.
    """


class ODSQLSyntaxError(ODSQLError):
    """A text that is not ODSQL.

    Attributes:
        clause: which clause it was read as, "where" for example.
        text: the whole clause.
        position: 0-based offset of the first character that does not fit; at the end, that of the
            end without the white space before it.
        found: the token that stands there; empty at the end.
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
        """Keep the facts; those are positional so that the error survives pickling.

        `explain` works out `expected` and `hint` from the clause and its text when they are first
        asked for.
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
        """What would have been accepted at the position, in words."""
        return self._explained()[0]

    @property
    def hint(self) -> str | None:
        """What was probably meant, or None."""
        return self._explained()[1]

    def _explained(self) -> Explanation:
        if self._explain is not None:
            self._explanation = self._explain(self.clause, self.text)
            self._explain = None
        return self._explanation

    @property
    def server_message(self) -> str:
        """The live server's wording for this error (recorded `ODSQLSyntaxError` answers).

        Nothing was recorded for quotes that are never closed, for NUL and halves of surrogate
        pairs, for our own limit of nesting, and for `facet`, `refine` and `exclude`: these get the
        pattern of the others.
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
        """The line of the clause that has the error, and a caret below it."""
        line, column = line_and_column(self.text, self.position)
        shown = re.split(r"\r\n|\r|\n", self.text)[line]
        start = max(0, column - _PICTURE_WIDTH // 2) if len(shown) > _PICTURE_WIDTH else 0
        shown = shown[start : start + _PICTURE_WIDTH]
        visible = "".join(map(_visible, shown))
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
    """How many columns a terminal gives a character."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(token: str) -> str:
    """Return a token as it can be shown in a line: printable, and cut if it is long."""
    start = token[: _SHOWN + 1]
    visible = start if start.isprintable() else ascii(start)[1:-1]
    return visible if len(visible) <= _SHOWN else visible[: _SHOWN - 3] + "..."
