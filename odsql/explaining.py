"""Why a text was refused: what could have stood there, and what was probably meant.

Works from the clause and its text alone, by parsing once more up to the refused token, so that an
error need not carry more than its place. The hints are the mistakes people make: each function
looks at the refused token and its neighbours and returns a hint or None; the first hint wins.
"""

from __future__ import annotations

import re

from attrs import frozen

from odsql.functions import CATALOGUE
from odsql.parsing import acceptable
from odsql.scanning import spans, tokenize

__all__ = ["explain"]

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

_ARITHMETIC = ("PLUS", "MINUS", "STAR", "SLASH")
_SIGNS = {"PLUS": "+", "MINUS": "-", "STAR": "*", "SLASH": "/", "EQUAL": "="}
_TOGETHER = dict.fromkeys(_ARITHMETIC, _ARITHMETIC) | {"EQUAL": ("EQUAL", "COMPARISON")}
"""Signs that are said in one phrase, as long as all of them fit."""

_OPERAND = frozenset({"NAME", "TEXT", "NUMBER"})
_RARE = frozenset({"LPAR", "MINUS", "GEOMETRY", "_NOT", "_TRUE", "_FALSE", "_NULL"})
_NEVER_HELPFUL_IN_WHERE = frozenset({"AGGREGATE", "COUNT"})


_NO_CHOICE = "ODSQL has no if and no case: filter in where, or compute from the answer"
_ELSEWHERE = {
    "case": _NO_CHOICE,
    "coalesce": "write ifnull(field, alternative)",
    "concat": "join texts after the answer has come",
    "contains": 'write field like "word" or search(field, "words")',
    "day_of_week": "write date_format(field, 'e')",
    "dayofweek": "write date_format(field, 'e')",
    "if": _NO_CHOICE,
    "iif": _NO_CHOICE,
    "in_distance": "write within_distance(field, geometry, 1km)",
    "len": "write length(field)",
    "nvl": "write ifnull(field, alternative)",
    "quarter": "group by range(field, 1 quarter)",
    "today": "write now(hour=0, minute=0, second=0)",
    "upper": "there is lower(field)",
    "when": _NO_CHOICE,
}
"""What other languages call it, and what ODSQL has instead."""


@frozen
class Refused:
    """A refused token: its clause, the tokens around it, and the text from it on.

    `token` is empty at the end of the text; `before` and `after` where there is no neighbour.
    `glued` says that no white space stands between `before` and `token`, `listed` that a bracket
    stands before `before`.
    """

    clause: str
    token: str
    before: str
    after: str
    rest: str
    glued: bool
    listed: bool


def explain(clause: str, text: str) -> tuple[tuple[str, ...], str | None]:
    """Say what would have been accepted where a text is refused, and what was probably meant."""
    index, terminals = acceptable(clause, text)
    if index is None:
        return (), None
    if clause == "where":
        terminals = [one for one in terminals if one not in _NEVER_HELPFUL_IN_WHERE]
    return _in_words(terminals), _guess(clause, text, tokenize(text), index)


def _in_words(terminals: list[str]) -> tuple[str, ...]:
    """Say in words what could come; a choice of more than a few helps nobody, so drop the rare."""
    if set(terminals) >= _OPERAND:
        terminals = [one for one in terminals if one not in _RARE]
    words = [_word(terminal, terminals) for terminal in _WORDS if terminal in terminals]
    return tuple(dict.fromkeys(words))[:8]


def _word(terminal: str, terminals: list[str]) -> str:
    """Say one terminal; those that share words are told apart where not all of them fit."""
    sign = _SIGNS.get(terminal)
    if sign is None or all(other in terminals for other in _TOGETHER[terminal]):
        return _WORDS[terminal]
    return sign


def _guess(clause: str, text: str, tokens: list[str], index: int) -> str | None:
    token = tokens[index]
    before = tokens[index - 1] if index else ""
    after = tokens[index + 1] if index + 1 < len(tokens) else ""
    position = spans(text)[index].start
    glued = position > 0 and not text[position - 1].isspace()
    listed = index > 1 and tokens[index - 2] == "["
    refused = Refused(clause, token, before, after, text[position:], glued, listed)
    hints = (look(refused) for look in _LOOKS)
    return next((hint for hint in hints if hint is not None), None) or _bracket(text, tokens, index)


def _operator(refused: Refused) -> str | None:
    match refused.before, refused.token:
        case "<", ">":
            return "ODSQL has no <>; write !="
        case "=", "=":
            return "ODSQL compares with a single ="
        case _, "&":
            return "write AND"
        case _, "|":
            return "write OR"
        case _, "!":
            return "write NOT, or != between two values"
        case _, "%":
            return "ODSQL has no %; like matches whole words and takes * at the end of one"
    return None


def _misplaced_not(refused: Refused) -> str | None:
    operator = refused.after.lower()
    if refused.token.lower() == "not" and operator in ("in", "like"):
        return f"NOT goes in front: NOT field {operator} ..."
    return None


def _doubled_quote(refused: Refused) -> str | None:
    quote = refused.token[:1]
    if quote in ("'", '"') and refused.before[-1:] == quote and refused.glued:
        return f"a quote inside a text is written \\{quote}, not {quote}{quote}"
    return None


def _date(refused: Refused) -> str | None:
    day = re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?", refused.rest)
    if day is not None:
        return f"write a date as date'{day[0]}'"
    if re.match(r"-[0-9]{2}-[0-9]{2}", refused.token):
        return "this looks like the end of a date; write it as date'2024-01-31'"
    if refused.token[:1] in ("'", '"') and refused.before.lower() in ("date", "geom"):
        prefix = refused.before.lower()
        return f"no space between {prefix} and the quote: {prefix}{refused.token}"
    if refused.token.lower().startswith(("date'", 'date"')):
        return "lists take texts and numbers, not dates; use a range, [date'...'..date'...']"
    return None


def _constant(refused: Refused) -> str | None:
    if refused.before.lower() in ("true", "false") and refused.token in ("", ")"):
        return "a condition is not a constant: write field is true; for 'never' write 1 = 2"
    return None


def _function(refused: Refused) -> str | None:
    name = refused.before.lower()
    if refused.token != "(" or not re.match(r"[^\W\d]", name):
        return None
    if name in CATALOGUE:
        return f"{name}(...) has no place in {refused.clause}"
    if name in _ELSEWHERE:
        return f"there is no function {name}; {_ELSEWHERE[name]}"
    from difflib import get_close_matches  # only a typing error needs it

    near = get_close_matches(name, [*CATALOGUE], n=3, cutoff=0.7)
    suggestion = f"; did you mean {', '.join(near)}?" if near else ""
    return f"there is no function {name}{suggestion}"


def _in(refused: Refused) -> str | None:
    if refused.token.lower() == "in":
        return "in follows a plain field or a literal, not a function or an expression"
    if refused.token == "," and refused.listed:
        return "a list is in parentheses: field in (a, b)"
    if refused.before.lower() == "in":
        return "after in comes a list (a, b), a range [a..b] or a field"
    return None


def _name(refused: Refused) -> str | None:
    if not re.match(r"[^\W\d]", refused.token):
        return None
    if refused.before[:1].isdigit() and refused.glued:
        name = refused.before + refused.token
        return f"a name that begins with a digit goes in back quotes: `{name}`"
    return None


_LOOKS = (_operator, _misplaced_not, _doubled_quote, _date, _constant, _function, _in, _name)


def _bracket(text: str, tokens: list[str], index: int) -> str | None:
    """Point at a parenthesis or bracket that is never closed, or at one that closes nothing."""
    opened: list[int] = []
    brackets: list[int] = []  # which way one faces says nothing about whether it opens
    for number, token in enumerate(tokens[:index]):
        if token == "(":
            opened.append(number)
        elif token == ")" and opened:
            opened.pop()
        elif token in ("[", "]"):
            brackets = [] if brackets else [number]
    if tokens[index] == ")" and not opened:
        return "this ) closes nothing"
    unclosed = brackets or (opened[-1:] if not tokens[index] else [])
    if not unclosed:
        return None
    start, end = spans(text)[unclosed[0]]
    return f"the {text[start:end]} at position {start} is never closed"
