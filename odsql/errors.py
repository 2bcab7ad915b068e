"""What is wrong with a text, said so that its author can put it right.

`ODSQLSyntaxError` carries the facts (clause, text, position, what was found and expected, a hint)
and shows the clause with a caret. The functions that make one know the mistakes people make.
"""

from __future__ import annotations

import re

from odsql.scanning import line_and_column, spans

__all__ = ["BuildError", "ODSQLError", "ODSQLSyntaxError"]

_CLOSED = {
    "'": re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL),
    '"': re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL),
    "`": re.compile(r"`[^`]+`"),
}

_WORDS = {
    "NAME": "a field name",
    "TEXT": "a text in quotes",
    "NUMBER": "a number",
    "DATE": "date'...'",
    "GEOMETRY": "geom'...'",
    "SCALAR": "a function",
    "PREDICATE": "a filter function",
    "AGGREGATE": "an aggregate",
    "COUNT": "an aggregate",
    "GROUPING": "range(...) or geo_cluster(...)",
    "SELECTION": "include(...) or exclude(...)",
    "FACET": "facet(...)",
    "COMPARISON": "a comparison (= != > < >= <=)",
    "EQUAL": "a comparison (= != > < >= <=)",
    "BRACKET": "[ or ]",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "PLUS": "+ - * /",
    "MINUS": "+ - * /",
    "STAR": "+ - * /",
    "SLASH": "+ - * /",
    "__ANON_0": "..",
    "_AND": "AND or OR",
    "_OR": "AND or OR",
    "_AS": "AS label",
    "_IN": "in",
    "_IS": "is null",
    "_LIKE": "like",
    "_NOT": "NOT",
    "_NULL": "null",
    "_TRUE": "true or false",
    "_FALSE": "true or false",
    "_TO": "TO",
    "_DISTINCT": "distinct",
    "ASC": "asc or desc",
    "DESC": "asc or desc",
    "$END": "the end",
}
"""Terminals in the user's words; one that is left out (`NOW`, `:`) is covered by another."""

_OPERAND = frozenset({"NAME", "TEXT", "NUMBER"})
_PICTURE_WIDTH = 100


class ODSQLError(ValueError):
    """Root of the errors of this package."""


class BuildError(ODSQLError, TypeError):
    """What was asked of the builder cannot be said in ODSQL; the message says what can."""


class ODSQLSyntaxError(ODSQLError):
    """A text that is not ODSQL.

    Attributes:
        clause: which clause it was read as, "where" for example.
        text: the whole clause.
        position: 0-based offset of the first character that does not fit; `len(text)` at the end.
        found: the token that stands there; empty at the end.
        expected: what would have been accepted there, in words.
        hint: what was probably meant, or None.
    """

    def __init__(
        self,
        clause: str,
        text: str,
        position: int,
        found: str,
        expected: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        """Keep the facts; all are positional so that the error survives pickling."""
        super().__init__(clause, text, position, found, expected, hint)
        self.clause = clause
        self.text = text
        self.position = position
        self.found = found
        self.expected = expected
        self.hint = hint

    @property
    def server_message(self) -> str:
        """The live server's wording for this error (recorded `ODSQLSyntaxError` answers)."""
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
        visible = "".join(one if one.isprintable() else "�" for one in shown)
        return f"  {visible}\n  {' ' * (column - start)}^"

    def __str__(self) -> str:
        found = f"unexpected {_short(self.found)}" if self.found else "the text ends too early"
        lines = [f"{self.clause} has a syntax error at position {self.position}: {found}"]
        lines.append(self.picture)
        if self.expected:
            lines.append(f"expected: {', '.join(self.expected)}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _short(token: str) -> str:
    visible = token if token.isprintable() else ascii(token)[1:-1]
    return visible if len(visible) <= 40 else visible[:37] + "..."


def syntax_error(
    clause: str, text: str, tokens: list[str], index: int, acceptable: list[str]
) -> ODSQLSyntaxError:
    """Make the error for token number `index`; `acceptable` are names of terminals."""
    token = tokens[index]
    position = spans(text)[index].start if token else len(text)
    if clause == "where":
        acceptable = [one for one in acceptable if one not in ("AGGREGATE", "COUNT")]
    expected = _expected(acceptable)
    if token[:1] in ("'", '"', "`") and not tokens[index + 2 :]:
        broken = _broken_literal(clause, text, position)
        if broken is not None:
            return broken
    from odsql.hints import guess  # only a refused text needs it

    hint = guess(clause, text, tokens, index)
    return ODSQLSyntaxError(clause, text, position, token, expected, hint)


def nesting_error(clause: str, text: str, index: int, limit: int) -> ODSQLSyntaxError:
    """Make the error for a text whose parentheses stand too deep inside each other."""
    start, end = spans(text)[index]
    hint = f"at most {limit} parentheses, NOTs and minus signs may stand inside each other"
    return ODSQLSyntaxError(clause, text, start, text[start:end], (), hint)


def refinement_error(text: str) -> ODSQLSyntaxError:
    """Make the error for a `refine` or `exclude` value that is not `facet:value`."""
    hint = 'write facet:value, for example country:"France"'
    return ODSQLSyntaxError("refine", text, 0, text[:1], ("facet:value",), hint)


def _expected(acceptable: list[str]) -> tuple[str, ...]:
    """Say in words what could come; a choice of more than a few helps nobody, so drop the rare."""
    if set(acceptable) >= _OPERAND:
        rare = {"LPAR", "MINUS", "GEOMETRY", "_NOT", "_TRUE", "_FALSE", "_NULL", "PREDICATE"}
        acceptable = [one for one in acceptable if one not in rare or one == "PREDICATE"]
    words = [_WORDS[one] for one in _in_reading_order(acceptable) if one in _WORDS]
    return tuple(dict.fromkeys(words))[:8]


def _in_reading_order(acceptable: list[str]) -> list[str]:
    order = list(_WORDS)
    return sorted((one for one in acceptable if one in _WORDS), key=order.index)


def _broken_literal(clause: str, text: str, position: int) -> ODSQLSyntaxError | None:
    """Make the error for a quote that is not closed, or a character no request can carry."""
    quote = text[position]
    forbidden = re.search("[\0\ud800-\udfff]", text[position:])
    if forbidden is not None:
        at = position + forbidden.start()
        hint = "NUL and halves of surrogate pairs cannot be sent in a request; remove them"
        return ODSQLSyntaxError(clause, text, at, text[at], (), hint)
    if _CLOSED[quote].match(text, position):
        return None
    hint = f"the quote {quote} opened here is never closed"
    return ODSQLSyntaxError(clause, text, position, quote, (f"a closing {quote}",), hint)
