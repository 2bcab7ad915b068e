"""Laws of the renderer, and the spelling it chooses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql import F, format, nodes, parse_where, render
from odsql.syntax.parsing import parse
from tests.odsql import strategies


@given(clause_and_tree=strategies.any_clause)
def test_a_rendered_tree_parses_back_to_itself(clause_and_tree: tuple[Any, Any]) -> None:
    """parse(render(tree)) == tree, and the text is final."""
    clause, tree = clause_and_tree
    text = render(tree)
    assert parse(clause, text) == tree
    assert render(parse(clause, text)) == text


@given(clause_and_tree=strategies.any_clause, width=st.integers(1, 120))
def test_a_formatted_tree_parses_back_to_itself(
    clause_and_tree: tuple[Any, Any], width: int
) -> None:
    """parse(format(tree)) == tree, at any width."""
    clause, tree = clause_and_tree
    assert parse(clause, format(tree, width=width)) == tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((a = 1))", "a = 1"),
        ("(a=1 or b=2) and c=3", "(a = 1 OR b = 2) AND c = 3"),
        ("(a=1 and b=2) or c=3", "a = 1 AND b = 2 OR c = 3"),
        ("a=1 and (b=2 and c=3)", "a = 1 AND b = 2 AND c = 3"),
        ("not (a=1)", "NOT a = 1"),
        ("not (a=1 and b=2)", "NOT (a = 1 AND b = 2)"),
        ("not(not a)", "NOT NOT a"),
        ("a - (b - c) > 0", "a - (b - c) > 0"),
        ("(a - b) - c > 0", "a - b - c > 0"),
        ("a / (b * c) > 0", "a / (b * c) > 0"),
        ("(a * b) + (c / d) > 0", "a * b + c / d > 0"),
        ("-(a + b) > -1", "-(a + b) > -1"),
        ("a - (-1) > 0", "a - -1 > 0"),
        ("a * (-b) / (-c) > 0", "a * -b / -c > 0"),
        ("-(-(-a)) > 0", "- - -a > 0"),
        ("-(a * b) > -(c)", "-(a * b) > -c"),
    ],
)
def test_parentheses_stand_where_the_meaning_needs_them(text: str, canonical: str) -> None:
    """All others are dropped."""
    assert render(parse_where(text)) == canonical


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", '"plain"'),
        ("it's", '"it\'s"'),
        ('say "x"', "'say \"x\"'"),
        ('it\'s "x"', "'it\\'s \"x\"'"),
        ("back\\slash", "'back\\\\slash'"),
    ],
)
def test_texts_take_the_quotes_that_need_no_escape(value: str, text: str) -> None:
    r"""Texts with both kinds get single quotes with \', which live portals were seen to accept."""
    assert render(nodes.Text(value)) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("population", "population"),
        ("year", "year"),
        ("date", "date"),
        ("default.modified", "default.modified"),
        ("and", "`and`"),
        ("Count", "`Count`"),
        ("12", "`12`"),
        ("1_uai", "`1_uai`"),
        ("two words", "`two words`"),
    ],
)
def test_names_are_quoted_when_they_must_be(name: str, text: str) -> None:
    """Reserved words, a leading digit, and characters besides letters, digits and underscores."""
    assert render(nodes.Field(name)) == text


@pytest.mark.parametrize("bounds", ["[1..2]", "]1..2]", "[1..2[", "]1..2["])
def test_a_bracket_that_faces_outwards_leaves_an_end_out(bounds: str) -> None:
    """In conditions and in the older steps of range()."""
    assert render(parse_where(f"a in {bounds}")) == f"a in {bounds}"
    steps = f"range(a, {bounds.replace('..', ', ')})"
    assert render(parse("group_by", steps)) == steps


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("*", "*"), ("pop*", "pop*"), ("name", "name"), ("and*", "`and`*"), ("a b", "`a b`")],
)
def test_the_star_of_a_pattern_follows_its_name(pattern: str, text: str) -> None:
    """It is not in the back quotes."""
    assert render(nodes.Pattern(pattern)) == text


@pytest.mark.parametrize(
    "word",
    ["and", "or", "not", "null", "true", "false", "as", "asc", "desc", "distinct", "in", "is",
     "like", "to"],
)  # fmt: skip
def test_a_keyword_is_a_name_in_back_quotes_only(word: str) -> None:
    """In any case; a label has them only where the word could be a value or a condition."""
    soft = word in ("as", "asc", "desc", "distinct", "in", "is", "like", "to")
    for name in (word, word.upper()):
        assert render(nodes.Field(name)) == f"`{name}`"
        label = name if soft else f"`{name}`"
        assert render(nodes.Labelled(nodes.Field("a"), name)) == f"a as {label}"
        with pytest.raises(ValueError, match="is not a unit"):
            render(nodes.Quantity(nodes.Number("1"), name))


@pytest.mark.parametrize(
    "node",
    [
        nodes.Field("a`b"),
        nodes.Field(""),
        nodes.Field("nul\0"),
        nodes.Text("half \ud800"),
        nodes.Text("back\\slash \0"),
        nodes.Date("2024\0"),
        nodes.Geometry("POINT(1 2)\ud800"),
        nodes.Number("1."),
        nodes.Number(".5"),
        nodes.Quantity(nodes.Number("1"), "k m"),
        nodes.Word("a`b"),
        nodes.Pattern(""),
        nodes.Call("Count", ()),
        nodes.Labelled(nodes.Field("a"), ""),
        nodes.Refinement("", "b"),
        nodes.Number("1 OR 1=1"),
        nodes.Number("-1"),
        nodes.Quantity(nodes.Number("1"), "km) OR (1"),
        nodes.Pattern("a*b"),
        nodes.Call("x) OR (1=1", ()),
        nodes.Comparison(nodes.Field("a"), "= 1 OR 1 =", nodes.Field("b")),  # type: ignore[arg-type]
        nodes.Ordering(nodes.Field("a"), "desc, b"),  # type: ignore[arg-type]
        nodes.InList(nodes.Field("a"), ()),
        nodes.And(()),
        nodes.Or((nodes.Field("a"),)),
        nodes.Select(()),
        nodes.OrderBy(()),
        nodes.Arithmetic((nodes.Field("a"),), ()),
        nodes.Arithmetic((nodes.Field("a"),) * 3, ("+", "*")),
    ],
)
def test_what_odsql_cannot_say_is_refused(node: nodes.Node) -> None:
    """An injected name or number causes an error, never a different query."""
    with pytest.raises(ValueError, match=r".+"):
        render(node)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            nodes.Text("a\0"),
            r"'a\\x00' contains NUL or a lone surrogate, which no request can carry",
        ),
        (nodes.Field("a`b"), "'a`b' cannot be a name: ODSQL has no way to write it in back quotes"),
        (nodes.Number("1e5"), "'1e5' is not an ODSQL number; write digits, and Negate for a minus"),
        (nodes.Quantity(nodes.Number("1"), "k m"), "'k m' is not a unit"),
        (nodes.Pattern("a*b"), r"'a\*b': a pattern may have only one \*, at its end"),
        (nodes.Call("X", ()), "'X' is not an ODSQL function"),
        (nodes.Arithmetic((nodes.Field("a"),), ()), "1 operands cannot have 0 operators"),
        (nodes.Arithmetic((nodes.Field("a"),) * 3, ("+", "*")), "do not have the same precedence"),
        (nodes.InList(nodes.Field("a"), ()), "a list needs at least one item"),
        (nodes.Or((nodes.Field("a"),)), "^OR needs at least two operands, not 1$"),
        (nodes.Select(()), "Select needs at least one item; without items, omit the clause"),
    ],
)
def test_a_refusal_says_what_cannot_be_said(node: nodes.Node, message: str) -> None:
    """It repeats the name, number or operators that are wrong."""
    with pytest.raises(ValueError, match=message):
        render(node)


def test_a_tree_that_is_too_deep_is_an_error_and_no_crash() -> None:
    """The parser refuses such a tree, but a program can build one."""
    tree: nodes.Expression = nodes.Field("a")
    for _ in range(5000):
        tree = nodes.Not(tree)
    with pytest.raises(ValueError, match="too deep"):
        render(tree)


def test_only_trees_are_rendered() -> None:
    """A built expression has its text in `str`."""
    with pytest.raises(TypeError, match=r"str\(expression\)"):
        render(F.a == 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        format(nodes.Field("a"), width=0)


@pytest.mark.parametrize(
    ("clause", "text", "lines"),
    [
        ("where", "aaaa * bbbb + cccc - dddd > 10",
         ["aaaa * bbbb", "+ cccc", "- dddd >", "  10"]),
        ("where", 'lower(ifnull(aaaa, "bb")) like "cc"',
         ["lower(", "  ifnull(", "    aaaa,", '    "bb"', "  )", ")", '  like "cc"']),
        ("where", "ifnull(aaaa, bbbb) is not null",
         ["ifnull(", "  aaaa,", "  bbbb", ") is not null"]),
        ("where", "aaaaaaaa in [1000000..2000000]", ["aaaaaaaa in", "  [1000000..2000000]"]),
        ("where", "aaaaaaaa: [1000000..2000000]", ["aaaaaaaa:", "  [1000000..2000000]"]),
        ("order_by", "ifnull(aaaa, bbbb) desc, c",
         ["ifnull(", "  aaaa,", "  bbbb", ") desc,", "c"]),
    ],
)  # fmt: skip
def test_everything_that_is_too_wide_breaks(clause: str, text: str, lines: list[str]) -> None:
    """Lines break where they read best, and a suffix stays on the last line."""
    assert format(parse(clause, text), width=16).split("\n") == lines


@pytest.mark.parametrize(
    ("clause", "text", "lines"),
    [
        ("where", "a = 1 AND b = 2 OR c = 3", ["a = 1 AND b = 2", "OR c = 3"]),
        ("where", "NOT (aa = 1 AND b = 2)", ["NOT (", "  aa = 1", "  AND b = 2", ")"]),
        ("where", 'NOT lower(aaaa) = "bb"', ["NOT lower(aaaa) =", '  "bb"']),
        ("where", 'a in ("xx", "yy")', ["a in (", '  "xx",', '  "yy"', ")"]),
        ("where", "(a = 1 OR b = 2) AND c = 3", ["(a = 1 OR b = 2)", "AND c = 3"]),
        ("where", "ifnull(aa, bb) = 5", ["ifnull(aa, bb) =", "  5"]),
        ("where", "ifnull(aa, bb): 5", ["ifnull(aa, bb):", "  5"]),
        ("where", "lower(aa) is null", ["lower(", "  aa", ") is null"]),
        ("where", 'lower(aaaa) like "bb"', ["lower(aaaa)", '  like "bb"']),
        ("where", "aaaa: [10..20]", ["aaaa:", "  [10..20]"]),
        ("select", "aaaa, bbbb as c, dd", ["aaaa,", "bbbb as c,", "dd"]),
        ("select", "ifnull(aa, bb) as ccc", ["ifnull(", "  aa,", "  bb", ") as ccc"]),
        ("select", "aa + bb", ["aa", "+ bb"]),
        ("order_by", "lower(aa) desc", ["lower(", "  aa", ") desc"]),
        ("group_by", "aaaa, lower(bb)", ["aaaa,", "lower(bb)"]),
    ],
)
def test_only_what_does_not_fit_is_broken(clause: str, text: str, lines: list[str]) -> None:
    """A line may be as long as the width; one character less breaks it once."""
    tree = parse(clause, text)
    assert format(tree, width=len(text)) == text
    assert format(tree, width=len(text) - 1).split("\n") == lines


@pytest.mark.parametrize(
    ("clause", "text", "width", "lines"),
    [
        # "lower(bbbb)" fits, but not with the comma that follows it.
        ("select", "a, lower(bbbb), c", 12, ["a,", "lower(bbbb),", "c"]),
        ("select", "a, lower(bbbb), c", 11, ["a,", "lower(", "  bbbb", "),", "c"]),
        # The operator in front of an operand counts.
        ("where", "a = 1 OR b = 20", 10, ["a = 1", "OR b = 20"]),
        ("where", "a = 1 OR b = 20", 8, ["a = 1", "OR b =", "  20"]),
        ("where", "a = 1 AND b = 20", 10, ["a = 1", "AND b = 20"]),
        ("where", "a = 1 AND b = 20", 9, ["a = 1", "AND b =", "  20"]),
        ("where", "NOT aa = 1", 9, ["NOT aa =", "  1"]),
        # So does what follows one.
        ("where", 'lower(aaaa) = "bbbb"', 13, ["lower(aaaa) =", '  "bbbb"']),
        ("where", 'lower(aaaa) = "bbbb"', 12, ["lower(", "  aaaa", ") =", '  "bbbb"']),
        ("select", "lower(lower(a)) as b", 18, ["lower(", "  lower(a)", ") as b"]),
        # Indentation counts, too.
        ("select", "lower(lower(aa))", 12, ["lower(", "  lower(", "    aa", "  )", ")"]),
        ("select", "lower(lower(aa))", 13, ["lower(", "  lower(aa)", ")"]),
        ("where", "(a = 1 OR b = 2) AND c = 3", 16, ["(a = 1 OR b = 2)", "AND c = 3"]),
        ("where", "(a = 1 OR b = 2) AND c = 3", 15,
         ["(", "  a = 1", "  OR b = 2", ")", "AND c = 3"]),
    ],
)  # fmt: skip
def test_what_stands_around_an_operand_counts_for_its_width(
    clause: str, text: str, width: int, lines: list[str]
) -> None:
    """Commas, operators, suffixes and indentation."""
    assert format(parse(clause, text), width=width).split("\n") == lines


def test_a_width_is_a_positive_number_of_characters() -> None:
    """At 1, everything that can be broken is."""
    assert format(parse_where("a = 1"), width=1) == "a =\n  1"
    for width in (0, -1):
        with pytest.raises(ValueError, match=f"at least 1, not {width}"):
            format(nodes.Field("a"), width=width)


def test_a_line_has_up_to_88_characters_by_default() -> None:
    """As in the formatters of Python."""
    name = "a" * 42
    assert format(parse_where(f"{name} = {name}b")) == f"{name} = {name}b"
    assert format(parse_where(f"{name} = {name}bb")) == f"{name} =\n  {name}bb"


def test_long_conditions_break_before_and_and_or() -> None:
    """One operand a line, parentheses on lines of their own, lists indented."""
    tree = parse_where("(a = 1 or b in ('first', 'second')) and not c like 'x'")
    assert format(tree, width=24) == (
        '(\n  a = 1\n  OR b in (\n    "first",\n    "second"\n  )\n)\nAND NOT c like "x"'
    )
