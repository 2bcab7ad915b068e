"""Syntax errors tell where the mistake is, what was expected and what was probably meant."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql import ODSQLSyntaxError, parse_facet, parse_refinement, parse_select, parse_where
from odsql.syntax.parsing import MAX_NESTING, parse

RECORDED = Path(__file__).parents[2] / "fidelity" / "recorded" / "errors"


def refused(text: str, clause: str = "where") -> ODSQLSyntaxError:
    with pytest.raises(ODSQLSyntaxError) as caught:
        parse(clause, text)
    return caught.value


def test_the_message_is_a_picture_with_a_caret() -> None:
    """Clause, position, refused token, text, caret, accepted tokens and hint."""
    assert str(refused('type <> "CU"')) == (
        "where has a syntax error at position 6: unexpected >\n"
        '  type <> "CU"\n'
        "        ^\n"
        "expected: a field name, text in quotes, a number, date'...', a function\n"
        "hint: ODSQL has no <>; write !="
    )


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("a == 1", 3, "single ="),
        ("f not in (1)", 2, "NOT field in"),
        ("f not like 'x'", 2, "NOT field like"),
        ("f = 'L''Oreal'", 7, "\\'"),
        ('f = "a""b"', 7, "single quotes"),
        ("d > 2024-01-01", 4, "date'2024-01-01'"),
        ("contains(a, 'b')", 8, "field like"),
        ("in_distance(a, b)", 11, "within_distance"),
        ("sum(if(a, 1, 0)) > 1", 6, "has no if"),
        ("geo_cluster(a, 3) = 1", 11, "is not allowed in where"),
        ("'x' in lower(a)", 12, "lower(...) is not allowed here"),
        ("a = 'open", 4, "never closed"),
        ("a = 1 and `open", 10, "never closed"),
        ("year(d) in (1, 2)", 8, "plain field"),
        ("'x' in ('x', 'y')", 7, "value in field"),
        ("a in b", 5, "a list (a, b) or a range [a..b]"),
        ("a = 1 and in (1, 2)", 13, "write a field before in"),
        ("a % 2 = 0", 2, "has no %"),
        ("a like %x%", 7, "word*"),
        ("a = b in (1, 2)", 6, "plain field"),
        ("a && b", 2, "AND"),
        ("a in [1,2]", 7, "put a list in parentheses"),
        ("d >= 2024-01-31T10:00:00Z", 5, "date'2024-01-31T10:00:00Z'"),
        ("d >=-09-01", 4, "end of a date"),
        ("a = ``", 4, "cannot be empty"),
        ("date '2024' = d", 5, "remove the space"),
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


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a = 1 and (b = 2", "the ( at position 10"),
        ("((a = 1) and (b = 2)", "the ( at position 0"),
        ("year(d = 2020", "the ( at position 4 is never closed: a ) is missing before ="),
        ("in_bbox(a, 1, 2, 3, 4 and b = 1", "the ( at position 7"),
        ("a in (1, 2 and b = 1", "the ( at position 5"),
        ("a in (1, 2]", "the ( at position 5"),
        ("(year(d = 2020) and b = 1", "the ( at position 5"),
        ("a in [1..2", "the [ at position 5"),
        ("a in ]1..2 and b", "the ] at position 5"),
        ("a in [1..2 and b in [3..4]", "the [ at position 5"),
        ("a in [1..2)", "the [ at position 5 is never closed: end the range with ]"),
        ("(a in [1..2) and b = 1", "the [ at position 6"),
        ("a = 1)", "this ) closes nothing"),
    ],
)
def test_a_bracket_that_is_never_closed_is_shown_where_it_was_opened(text: str, hint: str) -> None:
    """This holds wherever the text stops making sense, not only at its end."""
    assert hint in (refused(text).hint or "")


def test_brackets_are_shown_in_every_clause() -> None:
    """The hint names the closing sign if it is known."""
    assert "the ( at position 5" in (refused("count(* as n", "select").hint or "")
    hint = refused("range(a, [1, 2, 3)", "group_by").hint
    assert hint == "the [ at position 9 is never closed"


@pytest.mark.parametrize(
    "text",
    [
        "lower(a = 1)",
        "lower(a = 1) and (b = 2",
        "sum(a * (b = 8)) > 1",
        "(a = 1 b = 2",
        "a in [1 2]",
        "a in [1 2] and b in [3..4",
        "a in [1..2 3]",
        "a in [1..] and b in [1..2",
        "lower(a and b = 1",
    ],
)
def test_no_bracket_is_blamed_for_another_mistake(text: str) -> None:
    """The bracket is closed later, or closing it earlier would not help."""
    assert refused(text).hint is None


ESCAPED = "inside quoted text write ' as \\'"
IN_SINGLE_QUOTES = "put text that contains \" in single quotes, and write ' inside it as \\'"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a = 'it's'", f"{ESCAPED}, or put the text in double quotes"),
        ("a = 'O'Brien' and b = 'y'", f"{ESCAPED}, or put the text in double quotes"),
        ("a = 'it's John's'", f"{ESCAPED}, or put the text in double quotes"),
        ("a = '5'3'", f"{ESCAPED}, or put the text in double quotes"),
        ("search('l'été (nord)')", f"{ESCAPED}, or put the text in double quotes"),
        ("a = 'say \"it's\"'", ESCAPED),
        ("a = 'L''O'", f"{ESCAPED}, not ''"),
        ('a = "L""O"', IN_SINGLE_QUOTES),
        ('a like "say "hi" now"', IN_SINGLE_QUOTES),
    ],
)
def test_a_quote_inside_a_text_gets_an_escape_that_is_proven(text: str, hint: str) -> None:
    """Live portals accepted a backslash before a single quote, but not before a double one."""
    assert refused(text).hint == hint


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a = 'x and b = 'y'", 4),
        ('a = "x and b = "y"', 4),
        ("a in ('x, 'y')", 6),
        ("a like 'x and b like 'y'", 7),
        ("a like '%x% or b like '%y%'", 7),
        ("a = 'x and d > date'2024'", 4),
    ],
)
def test_a_missing_quote_is_shown_where_the_text_was_opened(text: str, position: int) -> None:
    """A text that ends where another seems to begin should have ended earlier."""
    hint = refused(text).hint or ""
    assert hint.startswith(f"the text opened at position {position} ends only here")


@pytest.mark.parametrize(
    "text",
    [
        "a = 'x'b = 'y'",
        "a = 'x'b='y'",
        "a = \"x\"b like 'y'",
        "a = 'x' b",
        "a = 'x'b and c = 'y",
        "a = ''x''",
        "d = date'2024'x",
        "a = 'x' 'y'",
    ],
)
def test_no_quote_is_blamed_for_another_mistake(text: str) -> None:
    """The word after the text may be another condition, after a missing AND."""
    assert refused(text).hint is None


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("FALSE", "for 'never' write 1 = 2"),
        ("(false)", "for 'never' write 1 = 2"),
        ("false or a = 1", "for 'never' write 1 = 2"),
        ("true and b", "for 'always' write 1 = 1"),
        ("a = 1 and not true and b", "for 'always' write 1 = 1"),
    ],
)
def test_a_bare_boolean_is_no_condition(text: str, instead: str) -> None:
    """Live portals refuse it wherever a condition could stand."""
    hint = refused(text).hint
    assert hint == f"true and false are not conditions: write field is true; {instead}"


@pytest.mark.parametrize(
    ("clause", "text"),
    [("where", "a = true b"), ("where", "true = a"), ("select", "ifnull(a, true and b)")],
)
def test_a_boolean_that_is_a_value_is_not_taken_for_a_condition(clause: str, text: str) -> None:
    """The mistake is a different one."""
    assert refused(text, clause).hint is None


@pytest.mark.parametrize(
    "text",
    [
        "case when a = 1 then 2 else 3 end",
        "sum(case when a then 1 else 0 end)",
        "case lower(a) when 'x' then 2 end",
        "if a = 1 then 2",
        "sum(if(a = 8, b, 0))",
    ],
)
def test_there_is_no_case_and_no_if(text: str) -> None:
    """Live portals refuse both."""
    assert "ODSQL has no if or case" in (refused(text, "select").hint or "")


@pytest.mark.parametrize("text", ["case a", "if a"])
def test_case_and_if_are_names_where_no_when_and_no_then_follows(text: str) -> None:
    """They are fields, followed by another mistake."""
    assert refused(text, "select").hint is None


@pytest.mark.parametrize("text", ["d in (date'2024')", "d in (1, date'2024')", "d in (2024-01-31)"])
def test_a_list_takes_no_dates(text: str) -> None:
    """A range accepts them."""
    assert "a list takes text and numbers" in (refused(text).hint or "")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("d date'2024'", None),
        ("d like date'2024'", None),
        ("d in date'2024'", "write a list (a, b) or a range [a..b] after in"),
        ("d in [2024-01-31..2024-02-01]", "write a date as date'2024-01-31'"),
    ],
)
def test_lists_are_spoken_of_in_lists_only(text: str, hint: str | None) -> None:
    """A date is refused elsewhere for another reason."""
    assert refused(text).hint == hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1_uai = 2", "put a name that begins with a digit in back quotes: `1_uai`"),
        ("a = 2ordre", "put a name that begins with a digit in back quotes: `2ordre`"),
        ("1m = 2", "put a name that begins with a digit in back quotes: `1m`"),
        ("a = 1e5", "numbers have no exponent: write 100000"),
        ("a = 1.5E3", "numbers have no exponent: write 1500"),
        ("a in [1e-5..1]", "numbers have no exponent: write 0.00001"),
        ("a = 1e999999999", "numbers have no exponent: write all its digits"),
        ("a > 10ANDb=1", "a space is missing after AND"),
        ("a > 10orb like 'x'", "a space is missing after or"),
        ("d = 20240101T000000", "write a date and a time as date'2024-01-31T10:00:00'"),
        (
            "distance(a, b) < 10km",
            "write a distance with a unit as within_distance(field, geometry, 1km)",
        ),
        ("a = 1.5x", None),
        ("a = 1not b", None),
        ("distance(a, b) < 10 km = 1", None),
    ],
)
def test_a_word_that_touches_a_number_is_told_by_what_it_looks_like(
    text: str, hint: str | None
) -> None:
    """A name, an exponent, a missing space, a date or a unit; only a name needs quotes."""
    assert refused(text).hint == hint


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("where", "a is null (b = 1)"),
        ("where", "a like ('x')"),
        ("where", "date'2024' (d)"),
        ("select", "distinct (a)"),
        ("select", "count(*) as n (a)"),
        ("group_by", "range(a, 1 foo (x))"),
    ],
)
def test_what_is_no_call_is_not_taken_for_a_missing_function(clause: str, text: str) -> None:
    """A keyword, a literal, a label or a unit can also precede a parenthesis."""
    assert refused(text, clause).hint is None


@pytest.mark.parametrize(
    ("clause", "text", "expected"),
    [
        ("select", "a as", "a label"),
        ("group_by", "year(d) as 5", "a label"),
        ("where", "in_bbox(a, 1, 2, 3, 4", "a unit"),
        ("group_by", "range(d, 1", "a unit"),
        ("facet", "facet(", "an option such as name"),
        ("facet", 'facet(name="x",', "an option such as name"),
        ("where", "d > now(", "an argument such as days"),
        ("where", "geometry(a, b,", "INTERSECTS, DISJOINT or WITHIN"),
        ("where", "'x' in", "a field name"),
        ("where", "d > now(days=", "a field name"),
        ("select", "include(", "a field name"),
        ("facet", "", "a field name"),
    ],
)
def test_a_name_is_called_what_it_would_be(clause: str, text: str, expected: str) -> None:
    """It is called a field name only where a field can stand."""
    assert refused(text, clause).expected[0] == expected


@pytest.mark.parametrize(
    ("clause", "text"),
    [("where", "a like in"), ("where", "year(d in (1, 2))"), ("order_by", "a in desc")],
)
def test_what_stands_before_in_is_blamed_in_conditions_only(clause: str, text: str) -> None:
    """Elsewhere `in` is refused whatever precedes it."""
    assert refused(text, clause).hint is None


def test_the_caret_stands_under_the_token_on_its_own_line() -> None:
    """Of several lines, only the one with the error is shown."""
    assert refused("a = 1\nAND b ==\n2").picture == "  AND b ==\n         ^"


def test_the_caret_stands_under_wide_and_combining_characters() -> None:
    """A terminal gives them two columns and none; a tab is shown as a space."""
    assert refused("名前\t== 1").picture == "  名前 == 1\n        ^"
    assert refused("`e\u0301` == 1").picture == "  `e\u0301` == 1\n       ^"


def test_white_space_at_the_end_is_not_where_the_error_is() -> None:
    """The caret stands at the end of the text before it."""
    error = refused("a = 1 and\n\n")
    assert error.position == 9
    assert error.picture == "  a = 1 and\n           ^"


def test_a_sign_is_named_alone_where_its_fellows_do_not_fit() -> None:
    """`+ - * /` is named only where all four fit."""
    assert refused("now(days").expected == ("=",)
    assert "*" in refused("count(").expected
    assert "+ - * /" in refused("a = 1 b").expected


@pytest.mark.parametrize("text", [None, 5, b"a = 1"])
def test_what_is_no_text_is_a_type_error(text: object) -> None:
    """The message shows the value."""
    with pytest.raises(TypeError, match="a clause must be a string"):
        parse_where(text)  # type: ignore[arg-type]


def test_a_long_line_is_shown_around_the_error() -> None:
    """The picture of a hundred thousand characters fits in a terminal."""
    error = refused("a = 1 AND " * 10_000 + "b ==")
    assert error.position == 100_003
    assert max(map(len, str(error).splitlines())) < 120


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "a" * MEGABYTE + "(",
        "1" * MEGABYTE + "x",
        "1" + "x" * MEGABYTE,
        "a = 1e" + "1" * MEGABYTE,
        "date '" + "x" * MEGABYTE + "'",
        "a = 2024-01-01T" + "1" * MEGABYTE,
        "a = 'x'" + "y" * MEGABYTE + "'",
        "lower(a " + "b" * MEGABYTE,
        "a b" + " " * MEGABYTE + "c",
        "a '" + "\x01" * MEGABYTE + "'",
        "a = '" + "\ud800" * MEGABYTE + "'",
        "`" * MEGABYTE,
    ],
    ids=lambda text: text[:8].encode("unicode_escape").decode(),
)
def test_a_message_stays_short_whatever_the_token(text: str) -> None:
    """Long parts of the text are cut."""
    assert len(str(refused(text))) < 600


@pytest.mark.parametrize(
    "name", ["400-syntax-contains", "400-syntax-where-badsyntax", "400-syntax-where-bogus"]
)
def test_the_server_message_is_what_live_portals_answer(name: str) -> None:
    """Compared with the recorded messages, character by character."""
    message = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["message"]
    text = message.partition(" in ")[2].rpartition(". Clause(s)")[0]
    assert refused(text).server_message == message


def test_the_server_message_names_the_clause() -> None:
    """Compared with a recorded message for select."""
    path = RECORDED / "400-syntax-invalid_function.json"
    with pytest.raises(ODSQLSyntaxError) as caught:
        parse_select("invalid_function()")
    assert caught.value.server_message == json.loads(path.read_text())["message"]


@pytest.mark.parametrize(
    ("text", "beginning"),
    [("1_uai = 2", "unexpected _uai at position 1 "), ("garbage==", "unexpected = at position 8 ")],
)
def test_the_server_message_counts_tokens_as_live_portals_do(text: str, beginning: str) -> None:
    """A number ends where a name begins, and `==` is two tokens."""
    assert refused(text).server_message == (
        f"ODSQL syntax exception: {beginning}in {text}. Clause(s) containing the error(s): where."
    )


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
    ],
    ids=lambda text: text[:6].encode("unicode_escape").decode(),
)
def test_hostile_texts_are_refused(text: str) -> None:
    """No size causes a RecursionError."""
    assert isinstance(refused(text), ODSQLSyntaxError)


def test_what_is_too_deep_is_told_the_limit() -> None:
    """The limit is our own; that of live portals is unknown."""
    hint = refused("a = " + "lower(" * MAX_NESTING + "b" + ")" * MAX_NESTING).hint
    assert hint is not None
    assert hint.startswith(f"at most {MAX_NESTING} levels of nesting are allowed")


def test_length_is_no_nesting() -> None:
    """A tree of thousands of conditions side by side can be used like any other."""
    text = " AND ".join(f"(f{number} > -{number})" for number in range(3000))
    tree = parse_where(text)
    assert tree == parse_where(str(text))
    assert isinstance(hash(tree), int)


@given(
    clause=st.sampled_from(["where", "select", "group_by", "order_by", "facet"]),
    text=st.text(st.characters()),
)
def test_any_text_is_parsed_or_refused_with_a_valid_position(clause: str, text: str) -> None:
    """No other exception is raised, and the position lies in the text or at its end."""
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
    """The message shows the form facet:value."""
    with pytest.raises(ODSQLSyntaxError, match="facet:value"):
        parse_refinement("no colon")


def test_a_facet_is_a_name_or_the_facet_function() -> None:
    """Everything else is refused."""
    with pytest.raises(ODSQLSyntaxError, match="facet has a syntax error at position 5"):
        parse_facet("name = 1")
