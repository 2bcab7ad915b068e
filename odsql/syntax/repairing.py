"""Repairs of mistakes whose correction is certain, as replacements in the text.

A repair is offered only if every reader would correct the text in the same way. The caller uses it
only if the repaired text is ODSQL.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from odsql.syntax.dates import date_problem
from odsql.syntax.foreign import DATE_TYPES, OTHER_QUOTES, is_invisible, own_name, plain_sign
from odsql.syntax.foreign_functions import RENAMED
from odsql.syntax.refused import Refused, refusal

__all__ = ["Change", "changes"]

_SIGNS = {
    ("=", ">"): ">=",
    (">", "="): ">=",
    ("=", "<"): "<=",
    ("<", "="): "<=",
    ("<", ">"): "!=",
}
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_DATES = ("date", "to_date", "timestamp", "to_timestamp", "datetime")
_BOUND = re.compile(r"[0-9]+(?:\.[0-9]+)?|date['\"].*", re.IGNORECASE | re.DOTALL)


class Change(NamedTuple):
    """A replacement: `text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def changes(clause: str, text: str) -> list[Change]:
    """Return the changes that repair the first mistake in a text; empty if none is certain."""
    refused = refusal(clause, text)
    if refused is None:
        return []
    return next(filter(None, (repair(refused) for repair in _REPAIRS)), [])


def _replaced(refused: Refused, first: int, last: int, new: str) -> list[Change]:
    """Return the change of the tokens from `first` to `last`, by their distance to the refused."""
    start = refused.places[refused.index + first].start
    return [Change(start, refused.places[refused.index + last].end, new)]


def _own_name(refused: Refused) -> list[Change]:
    count = own_name(refused)
    return [Change(0, refused.places[count].start, "")] if count else []


def _sign(refused: Refused) -> list[Change]:
    before, token, after = refused.before, refused.token, refused.after
    if (before, token) == ("=", "="):
        if not refused.glued:
            return []
        last = 1 if after == "=" and refused.text[refused.position + 1] == "=" else 0
        return _replaced(refused, -1, last, "=")
    if (token, after) == ("!", "="):
        return _replaced(refused, 0, 1, "!=")
    sign = _SIGNS.get((before, token))
    if sign is None or (not refused.glued and token != "="):
        return []
    return _replaced(refused, -1, 0, sign)


def _look_alike(refused: Refused) -> list[Change]:
    token = refused.token
    if token in OTHER_QUOTES:
        return _straight_quotes(refused)
    if is_invisible(token):
        return _replaced(refused, 0, 0, "")
    plain = plain_sign(token)
    return _replaced(refused, 0, 0, plain) if plain is not None else []


def _straight_quotes(refused: Refused) -> list[Change]:
    start = refused.position
    end = refused.text.find(OTHER_QUOTES[refused.token], start + 1)
    inside = refused.text[start + 1 : end]
    if end < 0 or inside != inside.strip() or re.search(r"[\"\\\r\n]", inside):
        return []
    return [Change(start, start + 1, '"'), Change(end, end + 1, '"')]


def _semicolon(refused: Refused) -> list[Change]:
    last = refused.token == ";" and not refused.after
    return _replaced(refused, 0, 0, "") if last else []


def _null(refused: Refused) -> list[Change]:
    words = {"isnull": "is null", "notnull": "is not null"}
    word = words.get(refused.token.lower())
    fits = word is not None and "_IS" in refused.terminals
    return _replaced(refused, 0, 0, word) if word is not None and fits else []


def _between(refused: Refused) -> list[Change]:
    """Write `a between 1 and 2` as `a in [1..2]`; both include their ends."""
    low, word, high = (refused.near(number) for number in (1, 2, 3))
    if refused.token.lower() != "between" or word.lower() != "and":
        return []
    plain = refused.operand() == refused.index - 1  # a range takes no call
    if not (plain and _BOUND.fullmatch(low) and _BOUND.fullmatch(high)):
        return []
    return _replaced(refused, 0, 3, f"in [{low}..{high}]")


def _direction(refused: Refused) -> list[Change]:
    new = {"ascending": "asc", "descending": "desc"}.get(refused.token.lower())
    return _replaced(refused, 0, 0, new) if new and "DESC" in refused.terminals else []


def _typed_date(refused: Refused) -> list[Change]:
    """Write `timestamp '2024-01-31'` and `date '2024-01-31'` as `date'2024-01-31'`."""
    token, word = refused.token, refused.before.lower()
    if word not in (*DATE_TYPES, "date") or not _is_date(token):
        return []
    return _replaced(refused, -1, 0, f"date{token}")


def _call(refused: Refused) -> list[Change]:
    """Write a function of another language as the one of ODSQL that means the same."""
    name = refused.before.lower()
    if refused.token != "(":
        return []
    coming = refused.tokens[refused.index + 1 : refused.index + 200]
    if name == "extract":
        return _extract(refused, coming)
    if name in _DATES:
        return _date_call(refused, coming)
    if name in RENAMED and _arguments(coming) == RENAMED[name][1]:
        return _replaced(refused, -1, -1, RENAMED[name][0])
    return []


def _extract(refused: Refused, coming: list[str]) -> list[Change]:
    """Write `extract(year from d)` as `year(d)`."""
    part, word, value, closing = (*(one.lower() for one in coming[:4]), "", "", "", "")[:4]
    if part not in _PARTS or word != "from" or closing != ")" or not value:
        return []
    return _replaced(refused, -1, 4, f"{part}({coming[2]})")


def _date_call(refused: Refused, coming: list[str]) -> list[Change]:
    if coming[1:2] == [")"] and _is_date(coming[0]):
        return _replaced(refused, -1, 2, f"date{coming[0]}")
    year, month, day = coming[0:1], coming[2:3], coming[4:5]
    numbers = [*year, *month, *day]
    if coming[1:6:2] != [",", ",", ")"] or not all(one.isdecimal() for one in numbers):
        return []
    text = "-".join(one.zfill(2) for one in numbers)
    if len(numbers[0]) != 4 or date_problem(text) is not None:
        return []
    return _replaced(refused, -1, 6, f"date'{text}'")


def _is_date(token: str) -> bool:
    quoted = token[:1] in ("'", '"') and token[-1:] == token[:1]
    return quoted and date_problem(token[1:-1]) is None


def _arguments(coming: list[str]) -> int | None:
    """Return the number of arguments up to the parenthesis that closes; None if it is not there."""
    depth, number = 0, 0 if coming[:1] == [")"] else 1
    for token in coming:
        if token == ")" and not depth:
            return number
        depth += {"(": 1, ")": -1}.get(token, 0)
        number += token == "," and not depth
    return None


_REPAIRS = (
    _own_name, _sign, _look_alike, _semicolon, _null, _between, _direction, _typed_date, _call,
)  # fmt: skip
