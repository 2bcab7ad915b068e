"""Findings for text that does not parse, with fixes for simple mistakes.

Parsing stops at the first error. If that mistake has a safe fix, the fix is applied and parsing
continues, so a text with two `<>` has two findings. Edits are returned only if the text is ODSQL
with all of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from odsql.checks.diagnostics import Edit
from odsql.checks.state import finding
from odsql.syntax.errors import ODSQLSyntaxError, shortened
from odsql.syntax.functions import CATALOGUE
from odsql.syntax.parsing import parse
from odsql.syntax.scanning import tokenize
from odsql.syntax.spans import spans

if TYPE_CHECKING:
    from odsql.checks.diagnostics import Diagnostic
    from odsql.syntax.spans import Places

__all__ = ["syntax_findings"]

_MOST = 20
_DAY = re.compile(r"(?:[0-9]{4})?-[0-9]{2}-[0-9]{2}")
_REFINEMENTS = ("refine", "exclude")
_FOREIGN_SIGNS = frozenset(
    (("<", ">"), ("=", "="), ("=", ">"), (">", "="), ("=", "<"), ("<", "="), ("=", "!"))
)
_BOUNDARIES = frozenset(("", "(", "and", "or", "not"))


@frozen
class _Refused:
    """A syntax error with the tokens of its text and the index of the refused one."""

    error: ODSQLSyntaxError
    tokens: list[str]
    places: Places
    index: int

    def token(self, distance: int = 0) -> str:
        """Return a token by its distance from the refused one, in lower case; "" if outside."""
        number = self.index + distance
        return self.tokens[number].lower() if 0 <= number < len(self.tokens) else ""

    @property
    def touches(self) -> bool:
        """True if no white space precedes the refused token."""
        return self.index > 0 and self.places[self.index - 1].end == self.places[self.index].start


def syntax_findings(error: ODSQLSyntaxError, parameter: int) -> list[Diagnostic]:
    """Return the findings, at least one, for a text that does not parse."""
    original = error.text
    found: list[Diagnostic] = []
    text, last = original, 0
    current: ODSQLSyntaxError | None = error
    while current is not None and len(found) < _MOST:
        shift = len(text) - len(original)
        refused = _refused(current)
        code, edits = _classify(refused)
        moved = tuple(evolve(one, start=one.start - shift, end=one.end - shift) for one in edits)
        found.append(_finding(code, refused, parameter, shift, moved))
        if not moved or moved[0].start < last:
            break
        last = moved[-1].end
        text = _apply(text, edits)
        current = _parsed(error.clause, text)
    if current is not None:
        return [evolve(one, edits=()) for one in found]
    return found


def _parsed(clause: str, text: str) -> ODSQLSyntaxError | None:
    try:
        parse(clause, text)
    except ODSQLSyntaxError as error:
        return error
    return None


def _apply(text: str, edits: tuple[Edit, ...]) -> str:
    for edit in reversed(edits):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


def _refused(error: ODSQLSyntaxError) -> _Refused:
    places = spans(error.text)
    index = next(
        (number for number, place in enumerate(places) if place.start >= error.position),
        len(places) - 1,
    )
    return _Refused(error, tokenize(error.text), places, index)


def _finding(
    code: str, refused: _Refused, parameter: int, shift: int, edits: tuple[Edit, ...]
) -> Diagnostic:
    error, first = refused.error, refused.index
    name = refused.tokens[first - 1] if first else ""
    start, end = error.position, error.position + len(error.found)
    hint = error.hint
    if hint is None and error.expected:
        hint = f"expected {', '.join(error.expected)}"
    message = f"unexpected {shortened(error.found)}" if error.found else "the text ends too early"
    if code == "ODS102":
        message = "an operator that ODSQL does not have"
    elif code == "ODS105":
        message = f"there is no function {name}"
        hint = hint.partition("; ")[2] or None if hint is not None else None
    elif code == "ODS201":
        message, hint = f"{name.lower()}() is not allowed in {error.clause}", None
    if code in ("ODS105", "ODS201"):
        start = refused.places[first - 1].start
    elif edits and code != "ODS103":
        # Edits are placed in the original text, the error in the text after earlier edits.
        start, end = edits[0].start + shift, edits[-1].end + shift
        shown = error.text[start:end].strip()
        if code == "ODS101" and shown:
            message = f"unexpected {shortened(shown)}"
    elif code == "ODS101" and _names_clause(error):
        # The first word is the mistake, though it is the next one that does not fit.
        start, end = (
            refused.places[0].start,
            refused.places[first if error.found.lower() == "by" else 0].end,
        )
        message = f"unexpected {shortened(error.text[start:end])}"
    return finding(code, parameter, (start - shift, end - shift), message, hint, edits)


def _classify(refused: _Refused) -> tuple[str, tuple[Edit, ...]]:
    """Return the rule that a mistake breaks, and its fix if there is a safe one."""
    code = _code(refused)
    if code == "ODS103":
        return code, _not_in_front(refused)
    return code, _repairs(refused.error)


def _code(refused: _Refused) -> str:
    token, before, after = refused.token(), refused.token(-1), refused.token(1)
    if token in ("&", "|", "!", "%", "~", "^") or (before, token) in _FOREIGN_SIGNS:
        return "ODS102"
    if len(token) == 1 and not token.isascii() and _is_sign(token):
        return "ODS102"
    if token == "not" and after in ("in", "like"):
        return "ODS103"
    if refused.touches and token[:1] in ("'", '"') and before[-1:] == token[:1]:
        return "ODS104"
    if token == "(" and before[:1].isalpha() and before not in ("in", "like"):
        if before not in CATALOGUE:
            return "ODS105"
        misplaced = not CATALOGUE[before].allowed_in(refused.error.clause)
        return "ODS201" if misplaced else "ODS101"
    is_date = _DAY.match(refused.error.text, refused.error.position) is not None
    return "ODS106" if is_date else "ODS101"


# These modules are loaded only for a text that does not parse.


def _is_sign(token: str) -> bool:
    from odsql.syntax.foreign import plain_sign

    return plain_sign(token) is not None


def _names_clause(error: ODSQLSyntaxError) -> bool:
    """Return whether the mistake is the name of a clause at the start of a text."""
    from odsql.syntax.foreign import names_clause
    from odsql.syntax.refused import refusal

    refused = None if error.clause in _REFINEMENTS else refusal(error.clause, error.text)
    return refused is not None and names_clause(refused)


def _repairs(error: ODSQLSyntaxError) -> tuple[Edit, ...]:
    """Return the fix of a mistake whose correction is certain."""
    from odsql.syntax.repairing import changes

    if error.clause in _REFINEMENTS:
        return ()
    return tuple(Edit(*one) for one in changes(error.clause, error.text))


def _not_in_front(refused: _Refused) -> tuple[Edit, ...]:
    """Move NOT in front of the operand before it, if that is unambiguous."""
    first = _operand(refused)
    if first is None:
        return ()
    start, place = refused.places[first].start, refused.places[refused.index]
    return (
        Edit(start, start, "NOT "),
        Edit(refused.places[refused.index - 1].end, place.end, ""),
    )


def _operand(refused: _Refused) -> int | None:
    """Return the index where the operand before the refused token begins; None if ambiguous."""
    number = refused.index - 1
    if number >= 0 and refused.tokens[number] == ")":
        depth = 0
        while number >= 0:
            depth += {")": 1, "(": -1}.get(refused.tokens[number], 0)
            if depth == 0:
                break
            number -= 1
        if number > 0 and refused.tokens[number - 1].lower() in CATALOGUE:
            number -= 1
    if number < 0:
        return None
    before = refused.tokens[number - 1].lower() if number else ""
    return number if before in _BOUNDARIES else None
