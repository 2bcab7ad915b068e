"""Why a text was refused: what the grammar accepts there, and what was probably meant.

Works from the clause and its text alone, by parsing again up to the refused token, so that an error
only has to carry its position. The hints cover common mistakes: each function looks at the refused
token and its neighbours and returns a hint or None; the first hint wins. A wrong hint is worse than
none, so an ambiguous mistake gets none.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from odsql.syntax import foreign, foreign_functions
from odsql.syntax.errors import shortened
from odsql.syntax.functions import CATALOGUE, DISTANCE_UNITS
from odsql.syntax.machine import refused_token
from odsql.syntax.refused import opened_brackets, refusal
from odsql.syntax.spans import token_at

if TYPE_CHECKING:
    from odsql.syntax.errors import Explanation
    from odsql.syntax.refused import Refused

__all__ = ["explain"]

_WORDS = {
    "NAME": "a field name",
    "TEXT": "text in quotes",
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
"""The terminals in the user's words; another entry covers those left out (`NOW`, `:`)."""

_NAMES = {
    "facet": "an option such as name",
    "geometry": "INTERSECTS, DISJOINT or WITHIN",
    "now": "an argument such as days",
}
"""What a name is in the parentheses of these functions, where it is not a value."""

_ARITHMETIC = ("PLUS", "MINUS", "STAR", "SLASH")
_SIGNS = {"PLUS": "+", "MINUS": "-", "STAR": "*", "SLASH": "/", "EQUAL": "="}
_TOGETHER = dict.fromkeys(_ARITHMETIC, _ARITHMETIC) | {"EQUAL": ("EQUAL", "COMPARISON")}
"""Signs that share one phrase, as long as all of them fit."""

_OPERAND = frozenset({"NAME", "TEXT", "NUMBER"})
_RARE = frozenset({"LPAR", "MINUS", "GEOMETRY", "_NOT", "_TRUE", "_FALSE", "_NULL"})
_NEVER_HELPFUL_IN_WHERE = frozenset({"AGGREGATE", "COUNT"})

_KEYWORDS = frozenset(
    {"and", "as", "asc", "desc", "distinct", "false", "in", "is", "like", "not", "null", "or", "to",
     "true"}
)  # fmt: skip
_COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">=", ":"})
_OPERATORS = _COMPARISONS | {"in", "is", "like"}
_ENDS_OF_OPERANDS = frozenset({"", ")", "and", "or"})
_BEFORE_TEXTS = _COMPARISONS | {"(", "[", "]", ",", "..", "+", "-", "*", "/"} | _KEYWORDS
"""Tokens after which a quote opens a text literal; after any other it closes one."""

_BEFORE_QUOTE = re.compile(r"(?i)(?:[=<>:(,]|\b(?:like|date|geom))$")
"""The end of a text literal that runs up to where another one should begin."""

_EXPONENT = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?([0-9]+)(?!\w)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]{1,20}(?:Z|[+-][0-9:]{1,5})?)?")
_LONGEST_NAME = 40
"""A longer name is not a misspelt function, and no hint repeats it."""


def explain(clause: str, text: str) -> Explanation:
    """Return the tokens accepted where a text is refused, in words, and a hint."""
    refused = refusal(clause, text)
    if refused is None:
        return (), None
    hints = (look(refused) for look in _LOOKS)
    return _in_words(refused), next((hint for hint in hints if hint is not None), None)


# ------------------------------------------------------------------ what is accepted


def _in_words(refused: Refused) -> tuple[str, ...]:
    """Name the accepted terminals, without the rare ones: a long list helps nobody."""
    terminals = refused.terminals
    if refused.clause == "where":
        terminals -= _NEVER_HELPFUL_IN_WHERE
    if terminals >= _OPERAND:
        terminals -= _RARE
    words = [
        _name(refused) if terminal == "NAME" else _word(terminal, terminals)
        for terminal in _WORDS
        if terminal in terminals
    ]
    return tuple(dict.fromkeys(words))[:8]


def _word(terminal: str, terminals: frozenset[str]) -> str:
    """Name one terminal; signs that share a phrase get it only if all of them fit."""
    sign = _SIGNS.get(terminal)
    if sign is None or all(other in terminals for other in _TOGETHER[terminal]):
        return _WORDS[terminal]
    return sign


def _name(refused: Refused) -> str:
    """Describe a name in this place; where no text literal fits, it is not a value."""
    if "TEXT" in refused.terminals:
        return "a field name"
    if refused.before[:1].isdecimal():
        return "a unit"
    if refused.before.lower() == "as":
        return "a label"
    return _NAMES.get(refused.opener, "a field name")


# ------------------------------------------------------------------ what was probably meant


def _operator(refused: Refused) -> str | None:
    match refused.before, refused.token:
        case "<", ">":
            return "ODSQL has no <>; write !="
        case "=", "=":
            return "ODSQL compares with a single ="
        case _, "&":
            return "write AND"
        case _, "|" if refused.clause != "where":
            return "ODSQL cannot join texts: join the values of the answer"
        case _, "|" if refused.after == "|":
            return "write OR; ODSQL cannot join texts"
        case _, "|":
            return "write OR"
        case _, "!":
            return "write NOT, or != between two values"
        case _, "%" if refused.before.lower() == "like":
            return 'like matches whole words; for the beginning of a word write like "word*"'
        case _, "%" if refused.before[-1:] not in ("'", '"'):
            return "ODSQL has no %; the operators are + - * and /"
    return None


def _misplaced_not(refused: Refused) -> str | None:
    operator = refused.after.lower()
    if refused.token.lower() == "not" and operator in ("in", "like"):
        return f"put NOT in front: NOT field {operator} ..."
    return None


_IN_SINGLE_QUOTES = "put text that contains \" in single quotes, and write ' inside it as \\'"
# Only this escape was seen to work on live portals.
_ESCAPED = "inside quoted text write ' as \\'"


def _doubled_quote(refused: Refused) -> str | None:
    quote = refused.token[:1]
    if quote not in ("'", '"') or refused.before[-1:] != quote or not refused.glued:
        return None
    return f"{_ESCAPED}, not ''" if quote == "'" else _IN_SINGLE_QUOTES


def _ended_text(refused: Refused) -> str | None:
    """Report a text literal that ends where a word touches it: too early, or too late."""
    quote, read = refused.before[:1], refused.before[1:-1].rstrip()
    if quote not in ("'", '"') or not refused.glued or not re.match(r"[\w%]", refused.token):
        return None
    if _BEFORE_QUOTE.search(read[-6:]):
        start = refused.places[refused.index - 1].start
        other = "write a quote inside it as \\'" if quote == "'" else "put it in single quotes"
        return f"the text opened at position {start} ends only here: close it earlier, or {other}"
    if not read or not _is_inside_text(refused):
        return None
    if quote == '"':
        return _IN_SINGLE_QUOTES
    return _ESCAPED if '"' in refused.text else f"{_ESCAPED}, or put the text in double quotes"


def _is_inside_text(refused: Refused) -> bool:
    """Return whether the next quote closes a text literal, by the token before it."""
    for number in range(refused.index + 1, len(refused.tokens)):
        if refused.tokens[number].startswith(("'", '"')):
            return refused.tokens[number - 1].lower() not in _BEFORE_TEXTS
    return False


def _choice(refused: Refused) -> str | None:
    word = refused.before.lower()
    if word not in ("case", "if"):
        return None
    coming = refused.tokens[refused.index : refused.index + 50]
    second = "when" if word == "case" else "then"
    return foreign_functions.NO_CHOICE if any(token.lower() == second for token in coming) else None


def _date(refused: Refused) -> str | None:
    day = _DAY.match(refused.text, refused.position)
    is_date = refused.token.lower().startswith(("date'", 'date"'))
    if (is_date or day) and refused.opener == "in" and "TEXT" in refused.terminals:
        return "a list takes text and numbers, not dates; write a range [date'...'..date'...']"
    if day is not None:
        return f"write a date as date'{day[0]}'"
    if re.match(r"-[0-9]{2}-[0-9]{2}", refused.token):
        return "this looks like the end of a date; write it as date'2024-01-31'"
    if refused.token[:1] in ("'", '"') and refused.before.lower() in ("date", "geom"):
        prefix = refused.before.lower()
        return f"remove the space after {prefix}: {prefix}{shortened(refused.token)}"
    return None


def _constant(refused: Refused) -> str | None:
    """Report a bare true or false: only `in` fits after it, but more after one that is a value."""
    word = refused.before.lower()
    if word not in ("true", "false") or refused.terminals != {"_IN"}:
        return None
    if refused.token.lower() not in _ENDS_OF_OPERANDS:
        return None
    same = "for 'always' write 1 = 1" if word == "true" else "for 'never' write 1 = 2"
    return f"true and false are not conditions: write field is true; {same}"


def _function(refused: Refused) -> str | None:
    name = refused.before.lower()
    if refused.token != "(" or name in _KEYWORDS or not re.fullmatch(r"[^\W\d][\w.]*", name):
        return None
    if refused.near(-2).lower() == "as" or refused.near(-2)[:1].isdecimal():
        return None  # a label or a unit
    if name in CATALOGUE:
        elsewhere = CATALOGUE[name].allowed_in(refused.clause)
        return f"{name}(...) is not allowed {'here' if elsewhere else f'in {refused.clause}'}"
    if name in foreign_functions.INSTEAD:
        return f"there is no function {name}; {foreign_functions.INSTEAD[name]}"
    return f"there is no function {shortened(name)}{_suggestion(name)}"


def _suggestion(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        return ""
    from difflib import get_close_matches  # only a typing error needs it

    near = get_close_matches(name, [*CATALOGUE], n=3, cutoff=0.7)
    return f"; did you mean {', '.join(near)}?" if near else ""


def _in(refused: Refused) -> str | None:
    if refused.token.lower() == "in" and refused.terminals & {"_AND", "COMPARISON"}:
        return "write a plain field, text or number before in, not a function or an expression"
    if refused.token == "," and refused.innermost in ("[", "]") and "_TO" in refused.terminals:
        return "put a list in parentheses: field in (a, b)"
    if refused.before.lower() != "in":
        return None
    if "BRACKET" in refused.terminals:
        return "write a list (a, b) or a range [a..b] after in"
    if refused.terminals == {"NAME"}:
        return "write a field after value in: value in field"
    return "write a field before in: field in (a, b)" if refused.token in ("(", "[") else None


def _unit(refused: Refused) -> str | None:
    """Report `< 10km`; a word after which a condition continues is a field, not a unit."""
    if refused.token.lower() not in DISTANCE_UNITS or not refused.before[:1].isdecimal():
        return None
    if "_AND" in refused.terminals and refused.after.lower() in _ENDS_OF_OPERANDS:
        return "write a distance with a unit as within_distance(field, geometry, 1km)"
    return None


def _behind_digits(refused: Refused) -> str | None:
    """Report a word that touches a number."""
    word, number = refused.token, refused.before
    if not number[:1].isdecimal() or not refused.glued or not re.match(r"[^\W\d]", word):
        return None
    exponent = _EXPONENT.match(refused.text, refused.places[refused.index - 1].start)
    if exponent is not None:
        return f"numbers have no exponent: write {_digits(exponent)}"
    if re.fullmatch(r"[0-9]{4}[01][0-9][0-3][0-9]", number) and re.match("[tT][0-9]", word):
        return "write a date and a time as date'2024-01-31T10:00:00'"
    joined = re.match("(?i)(?:and|or)", word)
    if joined and "_AND" in refused.terminals and refused.after.lower() in _OPERATORS:
        return f"a space is missing after {joined[0]}"
    if word.lower() in _KEYWORDS or not number.isdecimal():
        return None
    name = number + word
    example = f": `{name}`" if len(name) <= _LONGEST_NAME else ""
    return f"put a name that begins with a digit in back quotes{example}"


def _digits(number: re.Match[str]) -> str:
    """Return a number without its exponent, or words for it if either is too long."""
    if len(number[0]) > _LONGEST_NAME or len(number[1]) > 2:
        return "all its digits"
    digits = f"{Decimal(number[0]):f}"
    return digits if len(digits) <= _LONGEST_NAME else "all its digits"


def _bracket(refused: Refused) -> str | None:
    """Report a parenthesis or bracket that is never closed, or a ) that closes nothing."""
    if not refused.opened:
        return "this ) closes nothing" if refused.token == ")" else None
    if refused.token and not _is_unclosed(refused):
        return None
    start = refused.places[refused.opened[-1]].start
    hint = f"the {refused.innermost} at position {start} is never closed"
    if refused.innermost != "(" and refused.clause == "where":
        return f"{hint}: end the range with ], or with [ to exclude its bound"
    if refused.innermost != "(" or refused.token in ("", "[", "]"):
        return hint
    return f"{hint}: a ) is missing before {shortened(refused.token)}"


def _is_unclosed(refused: Refused) -> bool:
    """Return whether the sign that closes the innermost bracket is missing before the token.

    It is missing if the text is one short and would continue after it. The bracket that is one
    short may enclose the innermost one, as in `(year(d = 2020)`; then the whole text must be valid
    with the sign added.
    """
    closing, terminal = (")", "RPAR") if refused.innermost == "(" else ("]", "BRACKET")
    if terminal not in refused.terminals:
        return False
    short = opened_brackets(refused.tokens)
    if closing == ")":
        is_short = refused.opened[-1] in short
    else:  # any bracket will do, because each pairs with the next
        is_short = any(refused.tokens[number] != "(" for number in short)
    if refused.token in (("[", "]") if closing == ")" else (")",)):
        return is_short
    if not is_short and set(short).isdisjoint(refused.opened):
        return False
    place = refused.position
    closed = f"{refused.text[:place]}{closing} {refused.text[place:]}"
    next_refused = refused_token(refused.clause, closed)
    if next_refused is None:
        return True
    return is_short and token_at(closed, next_refused)[1] > place + len(f"{closing} ")


_LOOKS = (
    *foreign.BEFORE,
    _operator,
    _misplaced_not,
    _doubled_quote,
    _ended_text,
    _choice,
    _date,
    _constant,
    _function,
    _in,
    _unit,
    _behind_digits,
    *foreign.AFTER,
    _bracket,
)
