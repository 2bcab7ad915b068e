"""Patterns of date_format() and whole numbers."""

from __future__ import annotations

import pytest

from odsql.checks.literals import pattern_problem, whole_number
from odsql.syntax.parsing import parse

SYMBOLS = "yy yyyy YY YYYY xx xxxx w ww e E EEEE D DDD M MM MMMM d dd H HH m mm s ss"


@pytest.mark.parametrize("symbol", SYMBOLS.split())
def test_a_pattern_may_have_every_documented_symbol(symbol: str) -> None:
    """Alone and between other characters."""
    assert pattern_problem(symbol) is None
    assert pattern_problem(f"{symbol}/'the day'-{symbol}: 5") is None


@pytest.mark.parametrize("symbol", ["y", "yyy", "www", "EE", "DD", "MMM", "ddd", "HHH", "a", "S"])
def test_a_pattern_may_have_no_other_letters(symbol: str) -> None:
    """Repeated too often or too rarely, or not a symbol at all."""
    assert pattern_problem(f"yyyy-{symbol}") == f"an undocumented symbol, {symbol}"


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("'the day' dd", None),
        ("'it''s' dd", None),
        ("'' dd", None),
        ("dd 'th", "an unclosed quote"),
        ("dd '", "an unclosed quote"),
        ("dd%", "an undocumented symbol, %"),
        ("'100%'", None),
        ("", None),
    ],
)
def test_a_pattern_quotes_what_is_not_a_symbol(pattern: str, problem: str | None) -> None:
    """Two single quotes stand for one."""
    assert pattern_problem(pattern) == problem


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("007", 7),
        ("1.0", None),
        ("-1.5", None),
        ('"5"', None),
        ("date'2024'", None),
        ("-a", None),
        ("lower(a)", None),
    ],
)
def test_a_whole_number_is_digits_and_perhaps_a_sign(value: str, number: int | None) -> None:
    """Neither a text nor a date of digits is a number."""
    (item,) = parse("order_by", value).items if value[0] == "-" else parse("select", value).items
    assert whole_number(getattr(item, "expression", item)) == number
