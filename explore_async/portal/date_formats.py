"""`date_format(date, pattern)`: the symbols of the reference, with names in eleven languages.

Weeks are ISO weeks and weekdays count from Monday (1), as in the pattern language that the
reference describes. Names are those of the Unicode CLDR, in the form that they have within a date;
whether live portals abbreviate weekdays in the same way is unknown. Every symbol that the reference
does not list is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from explore_async.operations import LANGS
from explore_async.portal.context import Value
from explore_async.portal.errors import malformed, not_supported, require

if TYPE_CHECKING:
    from explore_async.portal.context import Context

__all__ = ["format_date"]

_PATTERN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|[?,.:/\- ]|.", re.DOTALL)
_SYMBOLS = {
    "yy": "%y", "YY": "%y", "yyyy": "%Y", "YYYY": "%Y", "xxxx": "%G", "ww": "%V", "e": "%u",
    "D": "%-j", "DDD": "%j", "M": "%-m", "MM": "%m", "d": "%-d", "dd": "%d", "H": "%-H",
    "HH": "%H", "m": "%-M", "mm": "%M", "s": "%-S", "ss": "%S",
}  # fmt: skip
_COMPUTED = {
    "xx": "right(strftime({0}, '%G'), 2)",
    "w": "CAST(date_part('week', {0}) AS VARCHAR)",
}
_NAMED: dict[str, tuple[Literal["days", "months"], str, str]] = {
    "E": ("days", "abbreviated", "isodow"),
    "EEEE": ("days", "wide", "isodow"),
    "MMMM": ("months", "wide", "month"),
}


def format_date(value: Value, pattern: str, context: Context) -> Value:
    """Compile `date_format(date, pattern)`.

    Raises:
        PortalError: the value is not a date, or the pattern or the language is not supported.
        MissingExtraError: babel is not installed, and the pattern has names.
    """
    if value.type not in ("date", "datetime"):
        raise malformed("date_format() takes a date", context.clause)
    local = context.local(value.sql) if value.type == "datetime" else value.sql
    moment = f"CAST({local} AS TIMESTAMP)"
    parts = ["''", *(_part(match[0], moment, context) for match in _PATTERN.finditer(pattern))]
    return Value(
        f"(CASE WHEN {moment} IS NOT NULL THEN concat({', '.join(parts)}) END)",
        "text",
        constant=value.constant,
        aggregate=value.aggregate,
    )


def _part(symbol: str, moment: str, context: Context) -> str:
    """Return SQL for one symbol or piece of text."""
    if symbol in _SYMBOLS:
        return f"strftime({moment}, '{_SYMBOLS[symbol]}')"
    if symbol in _COMPUTED:
        return _COMPUTED[symbol].format(moment)
    if symbol in _NAMED:
        kind, width, part = _NAMED[symbol]
        names = context.bind(_names(kind, width, context.settings.language))
        return f"list_extract(CAST({names} AS VARCHAR[]), date_part('{part}', {moment}))"
    if symbol.startswith("'") and len(symbol) > 1:
        text = symbol[1:-1].replace("''", "'") or "'"
        return f"CAST({context.bind(text)} AS VARCHAR)"
    if symbol in "?,.:/- ":
        return f"'{symbol}'"
    raise not_supported(f"The date_format() symbol {symbol!r}")


def _names(kind: Literal["days", "months"], width: str, language: str) -> list[str]:
    """Return the names of the days, Monday first, or of the months."""
    if language not in LANGS:
        raise not_supported(f"date_format() with names in {language!r}")
    locale = require("babel").Locale.parse(language)
    named = getattr(locale, kind)["format"][width]
    return [named[key] for key in sorted(named)]
