"""Syntax errors say where, what was expected and what was probably meant."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql import ODSQLSyntaxError, parse_facet, parse_refinement, parse_select, parse_where
from odsql.parsing import MAX_NESTING, parse

RECORDED = Path(__file__).parents[1] / "fidelity" / "recorded" / "errors"


def refused(text: str) -> ODSQLSyntaxError:
    with pytest.raises(ODSQLSyntaxError) as caught:
        parse_where(text)
    return caught.value


def test_the_message_is_a_picture_with_a_caret() -> None:
    """Clause, position, found token, the text, a caret, what was expected, a hint."""
    assert str(refused('type <> "CU"')) == (
        "where has a syntax error at position 6: unexpected >\n"
        '  type <> "CU"\n'
        "        ^\n"
        "expected: a field name, a text in quotes, a number, date'...', a function\n"
        "hint: ODSQL has no <>; write !="
    )


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("a == 1", 3, "single ="),
        ("f not in (1)", 2, "NOT field in"),
        ("f not like 'x'", 2, "NOT field like"),
        ("f = 'L''Oreal'", 7, "\\'"),
        ('f = "a""b"', 7, '\\"'),
        ("d > 2024-01-01", 4, "date'2024-01-01'"),
        ("d in (date'2024')", 6, "range"),
        ("contains(a, 'b')", 8, "field like"),
        ("in_distance(a, b)", 11, "within_distance"),
        ("sum(if(a, 1, 0)) > 1", 6, "has no if"),
        ("geo_cluster(a, 3) = 1", 11, "has no place in where"),
        ("a = 'open", 4, "never closed"),
        ("a = 1 and `open", 10, "never closed"),
        ("a = 1 and (b = 2", 16, "the ( at position 10"),
        ("a in [1..2", 10, "the [ at position 5"),
        ("a in ]1..2 and b", 11, "the ] at position 5"),
        ("a = 1)", 5, "closes nothing"),
        ("year(d) in (1, 2)", 8, "plain field"),
        ("FALSE", 5, "1 = 2"),
        ("1_uai = 2", 1, "`1_uai`"),
        ("a && b", 2, "AND"),
        ("a in [1,2]", 7, "a list is in parentheses"),
        ("d >= 2024-01-31T10:00:00Z", 5, "date'2024-01-31T10:00:00Z'"),
        ("d >=-09-01", 4, "end of a date"),
        ("a = ``", 4, "not empty"),
        ("date '2024' = d", 5, "no space"),
        ("a = 'nul\0'", 8, "NUL"),
        ("a = 'half \ud800'", 10, "surrogate"),
    ],
)
def test_common_mistakes_get_a_hint_at_the_right_place(text: str, position: int, hint: str) -> None:
    """The position is that of the first character that does not fit."""
    error = refused(text)
    assert error.position == position
    assert error.hint is not None
    assert hint in error.hint


def test_the_caret_stands_under_the_token_on_its_own_line() -> None:
    """In a text of several lines only the line with the error is shown."""
    assert refused("a = 1\nAND b ==\n2").picture == "  AND b ==\n         ^"


def test_the_caret_stands_under_wide_and_combining_characters() -> None:
    """A terminal gives the former two columns and the latter none; a tab is shown as a space."""
    assert refused("名前\t== 1").picture == "  名前 == 1\n        ^"
    assert refused("`e\u0301` == 1").picture == "  `e\u0301` == 1\n       ^"


def test_white_space_at_the_end_is_not_where_the_error_is() -> None:
    """The caret stands where the text ends."""
    error = refused("a = 1 and\n\n")
    assert error.position == 9
    assert error.picture == "  a = 1 and\n           ^"


def test_a_sign_is_named_alone_where_its_fellows_do_not_fit() -> None:
    """`+ - * /` is said only where all four fit."""
    assert refused("now(days").expected == ("=",)
    assert "*" in refused("count(").expected
    assert "+ - * /" in refused("a = 1 b").expected


@pytest.mark.parametrize("text", [None, 5, b"a = 1"])
def test_what_is_no_text_is_a_type_error(text: object) -> None:
    """With what was given."""
    with pytest.raises(TypeError, match="a clause is a text"):
        parse_where(text)  # type: ignore[arg-type]


def test_a_long_line_is_shown_around_the_error() -> None:
    """A megabyte of text gives a picture that fits a terminal."""
    error = refused("a = 1 AND " * 100_000 + "b ==")
    assert error.position == 1_000_003
    assert max(map(len, str(error).splitlines())) < 120


@pytest.mark.parametrize(
    "name", ["400-syntax-contains", "400-syntax-where-badsyntax", "400-syntax-where-bogus"]
)
def test_the_server_message_is_what_live_portals_answer(name: str) -> None:
    """The recorded messages, character by character."""
    message = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["message"]
    text = message.partition(" in ")[2].rpartition(". Clause(s)")[0]
    assert refused(text).server_message == message


def test_the_server_message_names_the_clause() -> None:
    """As recorded for select."""
    path = RECORDED / "400-syntax-invalid_function.json"
    with pytest.raises(ODSQLSyntaxError) as caught:
        parse_select("invalid_function()")
    assert caught.value.server_message == json.loads(path.read_text())["message"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "a = 1" + ")" * 10_000,
        "(" * 10_000,
        "not " * 10_000 + "a",
        "a = " + "-" * 10_000 + "1",
        "lower(" * 10_000,
        "a = " + "lower(" * 10_000 + "b" + ")" * 10_000,
        '\\"' * 300_000,
        "'" * 500_001,
        "a = '" + "x" * 1_000_000,
        "\0" * 1_000_000,
        "a" * 1_000_000 + "(",
    ],
    ids=lambda text: text[:6].encode("unicode_escape").decode(),
)
def test_hostile_texts_are_refused(text: str) -> None:
    """Never a RecursionError, whatever the size."""
    assert isinstance(refused(text), ODSQLSyntaxError)


def test_nesting_up_to_the_limit_is_accepted() -> None:
    """One level more is not."""
    text = "not (" * (MAX_NESTING // 2) + "a = 1" + ")" * (MAX_NESTING // 2)
    assert parse_where(text).condition is not None
    assert "inside each other" in str(refused(f"not {text}"))


def test_length_is_no_nesting() -> None:
    """Thousands of conditions side by side are fine, and so is everything done with them."""
    text = " AND ".join(f"(f{number} > -{number})" for number in range(3000))
    tree = parse_where(text)
    assert tree == parse_where(str(text))
    assert isinstance(hash(tree), int)


@given(
    clause=st.sampled_from(["where", "select", "group_by", "order_by", "facet"]),
    text=st.text(st.characters()),
)
def test_any_text_is_parsed_or_refused_with_a_valid_position(clause: str, text: str) -> None:
    """No other exception, and the position points into the text or at its end."""
    try:
        parse(clause, text)
    except ODSQLSyntaxError as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017 - success is fine too
        assert text.startswith(error.found, error.position)  # noqa: PT017
        assert str(error).encode()  # noqa: PT017


def test_errors_survive_pickling() -> None:
    """They cross process boundaries with all their facts."""
    error = refused("a ==")
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)
    assert copied.position == 3


def test_a_broken_refinement_says_how_to_write_one() -> None:
    """facet:value."""
    with pytest.raises(ODSQLSyntaxError, match="facet:value"):
        parse_refinement("no colon")


def test_a_facet_is_a_name_or_the_facet_function() -> None:
    """Nothing else."""
    with pytest.raises(ODSQLSyntaxError, match="facet has a syntax error at position 5"):
        parse_facet("name = 1")
