"""Templates: a clause with holes is right if some reading of the holes makes it parse."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import odsql
from odsql import ODSQLSyntaxError, nodes, parse_template
from odsql.syntax import machine
from odsql.syntax.parsing import parse
from odsql.syntax.templates import HOLE, SAFE, fill

RIGHT = {
    "where": [
        "a > {}", "{} > 1", "a {} 1", "{}", "a = '{}'", "a = '{}-{}'", 'search(a, "x{}y")',
        "id in ({})", "id in {}", "a in [{}..{}]", "a in [{} TO {}]", "{} and b = 1",
        "a = 1 and {}", "not {}", "({})", "a = 1 {}", "a = 1 or ({} and {})", "d >= date'{}'",
        "d >= {}", "distance(g, geom'POINT({} {})', {}km)", "within_distance(g, {}, {} {})",
        "within(g, geom'{}')", "{}(g, geom'POINT(0 0)')", "{}_prix > 1", "prix_{} > 1", "a.{} = 1",
        "`{}` = 1", "`a {}` = 1", "a > {}.5", "year(d) = {}", "now({}) < d", "now(days={}) < d",
        "a = {}{}", "{}{}{}", "a is {}", "a is not null {}", "a like '{}*'", "{} in tags", "a: {}",
        "a = -{}", "a = {} + {} * 2", "search({}, 'x')", "a = 1 {} b = 2",
    ],
    "select": [
        "{}", "{}, a", "a, {}", "a as {}", "{} as a", "count({}) as n", "{}(a) as n", "*, {}",
        "date_format(d, '{}')", "year({}) as year, count(*) as n", "sum(a) / {} as share",
    ],
    "group_by": ["{}", "a, {}", "range(a, {})", "range(d, {} days)", "range(d, 1 {})", "year({})"],
    "order_by": ["{}", "{} desc", "a {}", "-{}", "a, {} asc", "{}(a) desc"],
    "facet": ["{}", "facet(name='{}')", "facet(name={}, limit={})"],
    "refine": ["a:{}", "{}:b", "a:'{}'", "{}_x:y"],
}  # fmt: skip

WRONG = [
    ("where", "hauteur > {} and espece <> 'x'", 25, "ODSQL has no <>; write !="),
    ("where", "a == {}", 3, "ODSQL compares with a single ="),
    ("where", "a = {} and", 10, None),
    ("where", "a = '{}' b = 1", 9, None),
    ("where", "sum({}", 6, None),
    ("where", "id not in ({})", 3, None),
    ("select", "{} as a b", 8, None),
    ("select", "a, {},, b", 6, None),
    ("group_by", "espece order by {}", 7, None),
]


def template(text: str) -> str:
    return text.replace("{}", HOLE)


@pytest.mark.parametrize(
    ("clause", "text"), [(clause, text) for clause in RIGHT for text in RIGHT[clause]]
)
def test_some_reading_of_the_holes_makes_it_right(clause: str, text: str) -> None:
    """The filled clause has the known text, in order."""
    filled = fill(clause, template(text))
    assert filled is not None
    place = 0
    for known in text.split("{}"):
        place = filled.text.index(known, place) + len(known)
    if clause not in ("refine", "exclude"):
        parse(clause, filled.text)
    assert parse_template(clause, template(text)) is not None


@pytest.mark.parametrize(("clause", "text", "position", "hint"), WRONG)
def test_an_error_stands_in_the_known_text(
    clause: str, text: str, position: int, hint: str | None
) -> None:
    """No reading of the holes is right; the message shows each as a dot."""
    with pytest.raises(ODSQLSyntaxError) as caught:
        parse_template(clause, template(text))
    place = position - 2 * text[:position].count("{}") + text[:position].count("{}")
    assert caught.value.position == place
    assert caught.value.text == text.replace("{}", "…")
    if hint is not None:
        assert caught.value.hint == hint


def test_the_parts_are_texts_and_anything_else() -> None:
    """Strings are known, and None, values and nodes are holes."""
    tree = parse_template("where", ["a > ", None, " and name = '", object(), "'"])
    name: Any = nodes.Hole("name")
    text: Any = nodes.Hole("text")
    assert tree == nodes.Where(
        nodes.And(
            (
                nodes.Comparison(nodes.Field("a"), ">", name),
                nodes.Comparison(nodes.Field("name"), "=", text),
            )
        )
    )


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("a = date'{}'", ["date"]),
        ("a in ({}, {})", ["number", "number"]),
        ("prix_{} > 1", ["name"]),
        ("a = 1 and {}", ["name"]),
        ("within(g, geom'{}')", ["geometry"]),
        ("b = 'x'", []),
    ],
)
def test_the_tree_says_how_each_hole_was_read(text: str, readings: list[str]) -> None:
    """A literal or a name that holds a hole is one, too."""
    tree = parse_template("where", template(text))
    assert [one.reading for one in nodes.walk(tree) if isinstance(one, nodes.Hole)] == readings


def test_a_hole_cannot_be_written_as_odsql() -> None:
    """The tree is for reading."""
    with pytest.raises((ValueError, TypeError)):
        odsql.render(parse_template("where", ["a = ", None]))


@pytest.mark.parametrize("text", ["a = '{}", "{}' and b = 1", "a = {} and b = 'x"])
def test_nothing_is_said_where_a_hole_may_hold_a_quote(text: str) -> None:
    """Quotes that are open at the end may be closed in the hole before them."""
    assert parse_template("where", template(text)) is None


def test_a_safe_hole_reads_like_any_other() -> None:
    """It matters only to the check of quotes."""
    filled = fill("where", f"a = '{SAFE}' and b > {SAFE}")
    assert filled is not None
    assert filled.quoted == (True, False)


@given(
    st.lists(
        st.sampled_from([HOLE, " ", "a", "1", "=", "(", ")", ",", "'", "and ", "date'"]),
        max_size=12,
    )
)
def test_any_template_is_right_wrong_or_unknown(pieces: list[str]) -> None:
    """There is never another outcome, and what is filled parses."""
    text = "".join(pieces)
    filled = None
    with suppress(ODSQLSyntaxError):
        filled = fill("where", text)
    if filled is not None:
        parse("where", filled.text)


@given(st.text(alphabet="ab1 =<>'(),", max_size=20))
def test_a_template_without_holes_is_a_clause(text: str) -> None:
    """It is accepted and refused alike, at the same place."""

    def outcome(read: Any) -> object:
        try:
            return read("where", text)
        except ODSQLSyntaxError as error:
            return error.position

    if text.count("'") % 2 == 0:
        assert outcome(parse_template) == outcome(parse)


@pytest.mark.parametrize(
    "text",
    [
        "{} " * 250,
        "(" * 200 + "{}" + ")" * 200,
        " and ".join(["a = {}"] * 290),
        "{}," * 280,
        "{}" * 10_000,
        "a = '" + "{}" * 10_000 + "'",
        "{} and " * 280 + ")",
    ],
    ids=["spaces", "nested", "conditions", "commas", "many", "quoted", "wrong end"],
)
def test_the_number_of_tries_is_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many holes there are, and whether or not there is a reading."""
    steps = 0
    feed = odsql.syntax.templates._Search._feed

    def counted(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return feed(*arguments)

    monkeypatch.setattr(odsql.syntax.templates._Search, "_feed", counted)
    with suppress(ODSQLSyntaxError):
        fill("where", template(text))
    assert steps <= 20_001


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "{}",
        "{} " * 290 + " and ".join(["a = 1"] * 20_000) + " or =",
        "a = {} and " * 290 + "b = 2 and " * 20_000 + ")",
    ],
    ids=["deep", "holes first", "wrong end"],
)
def test_the_tokens_that_are_read_are_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the known text is, and the states that each token copies are few."""
    read = 0

    def counted(states: tuple[int, ...], token: str, last: str) -> tuple[int, ...] | None:
        nonlocal read
        read += 1
        assert len(states) <= 2_000
        return machine.step(states, token, last)

    monkeypatch.setattr("odsql.syntax.templates.step", counted)
    with suppress(ODSQLSyntaxError):
        fill("where", template(text))
    assert read < 2_000_000
