"""Hints for the words and signs of other languages, above all of SQL.

Each function looks at the refused token and its neighbours and returns a hint or None. `BEFORE` are
those that know more than the looks of `explaining`, `AFTER` those that know less.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from odsql.syntax.dates import looks_like_date
from odsql.syntax.errors import shortened
from odsql.syntax.foreign_functions import INSTEAD, NO_CHOICE, NO_ENDING, NO_PATTERNS, NO_WINDOWS
from odsql.syntax.functions import CATALOGUE

if TYPE_CHECKING:
    from odsql.syntax.refused import Refused

__all__ = [
    "AFTER", "BEFORE", "DATE_TYPES", "OTHER_QUOTES", "is_invisible", "names_clause", "own_name",
    "plain_sign",
]  # fmt: skip

OTHER_QUOTES = {
    "\N{LEFT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{DOUBLE LOW-9 QUOTATION MARK}": "\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{LEFT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{RIGHT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{SINGLE LOW-9 QUOTATION MARK}": "\N{LEFT SINGLE QUOTATION MARK}",
    "\u00ab": "\u00bb",  # angle quotes
}
"""Quotes of word processors that open a text, and those that close it."""

_PLAIN = {
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR SLANTED EQUAL TO}": ">=",
    "\N{LESS-THAN OR SLANTED EQUAL TO}": "<=",
    "\N{NOT EQUAL TO}": "!=",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{MINUS SIGN}": "-",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
}

_PATTERN_WORDS = ("rlike", "regexp", "regex", "similar", "matches", "match", "glob", "~")
_CONTAINS = 'write field like "word" or search(field, "words")'
_STARTS = 'write startswith(field, "text")'
_ILIKE = 'ODSQL has no ilike; like already ignores case: write field like "word"'
_OPERATORS = {
    **dict.fromkeys(_PATTERN_WORDS, NO_PATTERNS),
    **dict.fromkeys(("contains", "has", "includes", "contain"), _CONTAINS),
    **dict.fromkeys(("startswith", "starts_with", "starts", "begins"), _STARTS),
    **dict.fromkeys(("endswith", "ends_with", "ends"), NO_ENDING),
    **dict.fromkeys(("eq", "equals", "equal"), "write ="),
    **dict.fromkeys(("ne", "neq"), "write !="),
    "ilike": _ILIKE,
    "gt": "write >",
    "gte": "write >=",
    "ge": "write >=",
    "lt": "write <",
    "lte": "write <=",
    "le": "write <=",
    "isnull": "write is null",
    "notnull": "write is not null",
    "^": "ODSQL has no ^; the operators are + - * and /",
    "mod": "ODSQL has no mod; the operators are + - * and /",
    "div": "ODSQL has no div; the operators are + - * and /",
}
"""Operators of other languages that stand after a value."""

_TAILS = {
    "xor": "ODSQL has no xor: write (a AND NOT b) OR (b AND NOT a)",
    "escape": "like has no escape: % and _ are plain characters in ODSQL, so remove it",
    "collate": "ODSQL has no collate: like ignores case, and = does not",
    "over": NO_WINDOWS,
    "nulls": "records without a value always come last: remove nulls first or nulls last",
    "union": "ODSQL has no union: send two requests",
    "intersect": "ODSQL has no intersect: join the conditions with AND",
    "except": "ODSQL has no except: join the conditions with AND NOT",
    "join": "ODSQL has no joins: query each dataset and join the answers",
    "with": "ODSQL has no with: list the names in group_by",
}
"""Words of SQL that follow a complete clause or value."""

_NO_GROUP_FILTER = (
    "where filters records, and groups cannot be filtered: select the aggregate and filter the "
    "answer"
)
_CLAUSES = {
    "where": "where", "select": "select", "order": "order_by", "orderby": "order_by",
    "order_by": "order_by", "sort": "order_by", "group": "group_by", "groupby": "group_by",
    "group_by": "group_by", "limit": "limit", "offset": "offset", "facet": "facet",
    "refine": "refine", "exclude": "exclude", "rows": "limit", "start": "offset", "fetch": "limit",
}  # fmt: skip
"""Words that begin a clause of a query, and the parameter that each belongs to."""

_CONSTANTS = ("null", "true", "false")
_NOTHING = ("none", "nil", "nan", "na", "undefined", "missing", "empty", "blank", "unknown", "''")
DATE_TYPES = ("timestamp", "datetime", "datetime2", "timestamptz")
"""Prefixes of date literals in other languages."""


def own_name(refused: Refused) -> int:
    """Return the number of tokens at the start of a text that only repeat the clause's name.

    Zero if there are none: `where a = 1` has one, `order by a` two, `where=a` two.
    """
    words = [one.lower() for one in refused.tokens[:2]]
    if len(words) < 2 or _CLAUSES.get(words[0]) != refused.clause or not refused.index:
        return 0
    if words[0] in ("order", "sort", "group"):
        return 2 if words[1] == "by" and refused.index == 1 and refused.after else 0
    if words[1] in ("=", ":"):
        return 2 if refused.index > 2 else 0
    return 1 if refused.index == 1 and words[1] else 0


def names_clause(refused: Refused) -> bool:
    """Return whether a text begins with the name of a clause, of its own or of another."""
    if own_name(refused):
        return True
    first = refused.tokens[0].lower()
    if refused.index != 1:
        return False
    return (
        first == "having"
        or (first == "top" and refused.token.isdecimal())
        or (_begins_clause(refused, 0))
    )


def plain_sign(sign: str) -> str | None:
    """Return the sign of ODSQL that looks like this one, such as `>=`; None if there is none."""
    plain = _PLAIN.get(sign)
    if plain is None and len(sign) == 1 and not sign.isascii():
        plain = unicodedata.normalize("NFKC", sign)
    return plain if plain is not None and re.fullmatch(r"[!<>]=|[=<>:(),+*/\[\]-]", plain) else None


def is_invisible(sign: str) -> bool:
    """Return whether this is a character without width, such as U+200B."""
    return len(sign) == 1 and unicodedata.category(sign) == "Cf"


# ------------------------------------------------------------------ clauses


def _placeholder(refused: Refused) -> str | None:
    """Report the text of an empty field of a portal's console, `group_by=GROUP BY`."""
    text = refused.text.strip()
    if text.isupper() and text.replace(" ", "_") == refused.clause.upper():
        return (
            f"{text} is the placeholder text of a portal's console: drop the parameter "
            f"{refused.clause}"
        )
    return None


def _named_clause(refused: Refused) -> str | None:
    count = own_name(refused)
    if count:
        name = " ".join(refused.tokens[:count])
        return f"the text of {refused.clause} does not begin with its name: remove {name}"
    if not names_clause(refused):
        return None
    if refused.before.lower() == "select":
        return (
            "this is SQL: send each clause in its own parameter, without its name, such as "
            "select=... and where=...; the dataset is in the path"
        )
    if refused.before.lower() == "having":
        return _NO_GROUP_FILTER
    if refused.before.lower() == "top":
        return f"ODSQL has no top: send limit={shortened(refused.token)}"
    other = _CLAUSES[refused.before.lower()]
    if other == refused.clause:
        return f"write what to {refused.clause.replace('_', ' ')} here, or drop the parameter"
    return f"this belongs in the parameter {other}, not in {refused.clause}"


def _begins_clause(refused: Refused, number: int) -> bool:
    """Return whether the token at `number` begins a clause; some need a certain second word."""
    word, second = (one.lower() for one in (*refused.tokens[number : number + 2], "")[:2])
    if word in ("order", "group", "sort"):
        return second == "by"
    if word in ("limit", "offset", "rows", "start"):
        return second.isdecimal() or second in ("=", ":")
    return word in _CLAUSES


def _next_clause(refused: Refused) -> str | None:
    """Report a clause inside another one: `a = 1 limit 5`."""
    word = refused.token.lower()
    if refused.opened or not refused.at_end or not word:
        return None
    if word == "having":
        return "ODSQL has no having: groups cannot be filtered; filter the answer"
    if word == "from":
        if refused.before.lower() in ("year", "month", "day", "hour", "minute", "second"):
            return f"write {refused.before}({shortened(refused.after)})"
        return "ODSQL has no from: the dataset is in the path of the request"
    if not _begins_clause(refused, refused.index):
        return None
    name = _CLAUSES[word]
    if name == refused.clause:
        joined = "AND" if name == "where" else "a comma"
        return f"write {name} only once, and join its parts with {joined}"
    return f"{name} is a parameter of its own: remove it here and send {name}={_rest(refused)}"


def _rest(refused: Refused) -> str:
    """Return the text of the clause that begins at the refused token, "..." if it is not short."""
    tokens, first = refused.tokens, refused.index + 1
    if tokens[first].lower() in ("by", "=", ":"):
        first += 1
    last = first
    while tokens[last] and not _begins_clause(refused, last) and tokens[last].lower() != "having":
        last += 1
    if last == first:
        return "..."
    text = refused.text[refused.places[first].start : refused.places[last - 1].end]
    return text if len(text) <= 40 and text.isprintable() else "..."


def _grouped(refused: Refused) -> str | None:
    """Report an aggregate as a whole condition: `max(a)`."""
    if refused.clause != "where" or refused.before != ")" or refused.index < 3:
        return None
    name = refused.tokens[0].lower()
    known = CATALOGUE.get(name)
    if known is None or known.kind not in ("aggregate", "count") or refused.tokens[1] != "(":
        return None
    if refused.token.lower() not in ("", "and", "or"):
        return None
    return INSTEAD["within_bbox"] if name == "bbox" else _NO_GROUP_FILTER


def _distinct(refused: Refused) -> str | None:
    if refused.before.lower() != "distinct" or refused.index != 1 or not _is_name(refused.token):
        return None
    name = shortened(refused.token)
    return f"ODSQL has no select distinct: send group_by={name} and select={name}"


# ------------------------------------------------------------------ operators


def _sign(refused: Refused) -> str | None:  # noqa: C901 - one line for each sign
    match refused.before, refused.token:
        case ("=", ">") | (">", "="):
            return "write >="
        case ("=", "<") | ("<", "="):
            return "write <="
        case ("=", "!") if refused.glued:
            return "write !="
        case "<=", ">":
            return "ODSQL has no <=>: write =, or is null"
        case ":", "=":
            return "write ="
        case ":", ":":
            return "ODSQL has no ::; it cannot change the type of a value"
        case "-", ">" if refused.glued:
            return "ODSQL cannot look into JSON: select the field and read it from the answer"
        case _, "!" if refused.after == "=":
            return "write != without a space"
        case _, "!" if refused.after == "~":
            return NO_PATTERNS
        case _, ":" if refused.after == ":":
            return "ODSQL has no ::; it cannot change the type of a value"
        case _, ";":
            return "remove the semicolon: a parameter holds one clause"
        case _, "#":
            return "ODSQL has no comments: remove the text from # on"
        case "/", "*":
            return "ODSQL has no comments: remove the text from /* to */"
        case _, "[" if refused.glued and _is_name(refused.before):
            return "ODSQL cannot look into a value: select the field and read it from the answer"
        case ".", "*":
            return "write * for all fields, or include(name*) for those with a prefix"
        case _, "." if refused.after == "*":
            return "write * for all fields, or include(name*) for those with a prefix"
    return None


def _look_alike(refused: Refused) -> str | None:
    """Report a character that only looks like one of ODSQL."""
    sign = refused.token
    if len(sign) != 1 or sign.isascii():
        return None
    name = f"{shortened(sign)} (U+{ord(sign):04X})"
    if sign in OTHER_QUOTES or sign in OTHER_QUOTES.values():
        return f"{name} is a typographic quote: write \"...\" or '...'"
    if is_invisible(sign):
        return f"U+{ord(sign):04X} is an invisible character: remove it"
    plain = plain_sign(sign)
    return f"write {plain} instead of {name}" if plain is not None else None


def _word(refused: Refused) -> str | None:
    """Report an operator or another word of SQL after a value."""
    word, after = refused.token.lower(), refused.after.lower()
    if word == "not" and refused.before == "=" and after == "null":
        return "write is not null"
    if word == "not" and "COMPARISON" in refused.terminals:
        return _word_behind_not(refused, after)
    if word == "between" and "COMPARISON" in refused.terminals:
        return f"ODSQL has no between: {_range(refused, 1)}"
    if "_AND" not in refused.terminals and refused.clause == "where":
        return None
    if word in _OPERATORS and "COMPARISON" in refused.terminals:
        return _OPERATORS[word]
    if word in _TAILS and (refused.at_end or refused.clause != "where"):
        return _TAILS[word]
    return None


def _word_behind_not(refused: Refused, word: str) -> str | None:
    if word == "between":
        return f"ODSQL has no between: {_range(refused, 2)}"
    if word == "ilike":
        return 'ODSQL has no ilike; like already ignores case: write NOT field like "word"'
    if word in _PATTERN_WORDS:
        return f"{NO_PATTERNS}, with NOT in front"
    return "write is not null" if word == "null" else None


def _range(refused: Refused, behind: int) -> str:
    """Return what to write for `a between 1 and 2`; `behind` is the distance to the low end.

    A range takes a plain field, and numbers or dates as its ends.
    """
    low, word, high = (refused.near(behind + number) for number in range(3))
    negated = "NOT " if behind > 1 else ""
    start = refused.operand()
    value = refused.text[refused.places[start].start : refused.places[refused.index - 1].end]
    if word.lower() != "and" or max(map(len, (low, high, value))) > 40:
        return f"write {negated}field in [low..high]"
    if low[:1] in ("'", '"'):
        if not looks_like_date(low[1:-1]):
            return "ranges take numbers and dates, because text has no order"
        low, high = f"date{low}", f"date{high}"
    if start < refused.index - 1:
        condition = f"{value} >= {low} AND {value} <= {high}"
        return f"write NOT ({condition})" if negated else f"write {condition}"
    return f"write {negated}{value} in [{low}..{high}]"


def _is(refused: Refused) -> str | None:
    """Report what stands after `is` that is not null, true or false."""
    word = refused.token.lower()
    behind = refused.before.lower() == "is" or refused.near(-2).lower() == "is"
    if not behind or "_NULL" not in refused.terminals or not word:
        return None
    if word in _NOTHING or word == '""':
        negated = "not " if refused.before.lower() == "not" else ""
        return f"write is {negated}null for a missing value"
    if refused.token[:1].isalpha() and len(word) <= 10:
        from difflib import get_close_matches  # only a typing error needs it

        near = get_close_matches(word, _CONSTANTS, n=1, cutoff=0.7)
        if near:
            return f"did you mean {near[0]}?"
    return "is takes null, true or false: compare other values with ="


def _list(refused: Refused) -> str | None:
    """Report a list that is empty, a query, or written in brackets."""
    token, opening = refused.token.lower(), refused.before
    if token == "select" and opening == "(":
        return "ODSQL has no subqueries: send the inner query first and write its values here"
    if refused.near(-2).lower() == "in" and (opening, token) in (("(", ")"), ("[", "]")):
        return "a list has at least one value; for a filter that is never true write 1 = 2"
    if token == "]" and "_TO" in refused.terminals and refused.near(-3).lower() == "in":
        return f"put a list in parentheses: field in ({shortened(opening)})"
    return None


def _direction(refused: Refused) -> str | None:
    word = refused.token.lower()
    if refused.clause == "order_by" and "DESC" in refused.terminals and word:
        if word in ("ascending", "up", "descending", "down") or word == ":":
            return "write asc or desc after the field"
        if sorted(word) in (sorted("asc"), sorted("desc")):
            return f"did you mean {'asc' if len(word) == 3 else 'desc'}?"
    if refused.before.lower() in ("asc", "desc") and refused.index == 1 and _is_name(word):
        return "write asc or desc after the field"
    if refused.clause == "group_by" and word in ("asc", "desc") and refused.at_end:
        return "groups are ordered in order_by: remove it here"
    return None


# ------------------------------------------------------------------ values


def _number(refused: Refused) -> str | None:
    before, token, after = refused.before, refused.token, refused.after
    if token == "," and refused.clause == "where" and not refused.opened:
        if refused.glued and before.isdecimal() and re.match(r"[0-9]+\Z", after):
            return f"write a decimal number with a point: {shortened(before)}.{shortened(after)}"
        return "join conditions with AND or OR, not with commas"
    if token == "." and after.isdecimal() and not before.isdecimal():
        return f"write a digit before the point: 0.{shortened(after)}"
    if token == "." and before.isdecimal() and refused.glued:
        return "write a digit after the point, or leave it out"
    if token == "+" and "MINUS" in refused.terminals:
        return "remove the +, which stands only between two values"
    if before.isdecimal() and refused.glued and re.fullmatch(r"_[0-9][0-9_]{0,20}", token):
        return f"write digits without separators: {shortened(before + token.replace('_', ''))}"
    return None


def _shift(refused: Refused) -> str | None:
    """Report a shifted date of another language: `now() - 7d`, `interval '7 day'`."""
    if refused.opener == "now" and "NAME" in refused.terminals and refused.before == "(":
        return "name what is shifted: now(days=-7)" if refused.token != ")" else None
    now = [one.lower() for one in refused.tokens[max(0, refused.index - 5) : refused.index]]
    if now[:3] == ["now", "(", ")"] and now[3:4] in (["-"], ["+"]) and now[4].isdecimal():
        return f"shift a date inside the parentheses: now(days={now[3]}{shortened(now[4])})"
    if refused.before.lower() == "interval" and refused.token[:1] in ("'", '"', *"0123456789"):
        return "ODSQL has no intervals: write now(days=-7) for seven days ago"
    return None


def _typed_date(refused: Refused) -> str | None:
    if refused.before.lower() in DATE_TYPES and refused.token[:1] in ("'", '"'):
        return f"write a date as date{shortened(refused.token)}"
    return None


def _unfilled(refused: Refused) -> str | None:
    """Report a parameter of a prepared statement or template that was never filled in."""
    if refused.token in ("?", "$", "{", "@") or (
        refused.token == "%" and refused.glued is False and refused.after.lower() in ("s", "d", "(")
    ):
        if refused.token == "{" and refused.before.lower() == "in":
            return None
        return "this looks like a placeholder that was not filled in"
    if refused.token == ":" and refused.after[:1].isalpha() and "TEXT" in refused.terminals:
        return "this looks like a placeholder that was not filled in"
    return None


def _label(refused: Refused) -> str | None:
    if refused.before.lower() != "as" or refused.token[:1] not in ("'", '"'):
        return None
    return "write a label without quotes, or in back quotes"


def _value(refused: Refused) -> str | None:
    """Report a condition where a value should be: `a > 1 as x`, `case` without `when`."""
    comparison = refused.token in ("=", "!=", "<", ">", "<=", ">=")
    if comparison and refused.clause in ("select", "order_by", "group_by"):
        return f"conditions are allowed in where only; {NO_CHOICE}"
    if refused.token == ")" and refused.before == "(":
        if refused.opener == "count":
            return "write count(*)"
        if refused.opener == "random":
            return "write random(1), with any whole number"
    return None


def _is_name(token: str) -> bool:
    return re.match(r"[^\W\d]|`", token) is not None and len(token) <= 200


BEFORE = (
    _placeholder,
    _named_clause,
    _distinct,
    _sign,
    _look_alike,
    _word,
    _list,
    _shift,
    _number,
    _unfilled,
)
"""Looks at words and signs that `explaining` would take for something else."""

AFTER = (_next_clause, _is, _typed_date, _direction, _label, _grouped, _value)
"""Looks at what no other look explains."""
