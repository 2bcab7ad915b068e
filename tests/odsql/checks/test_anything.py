"""Properties of every check: it returns, places are within the text, edits are valid."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from odsql import ODSQLSyntaxError, check, render
from odsql.checks.diagnostics import Diagnostic, Parameter, Request
from odsql.checks.rules import RULES
from odsql.syntax.parsing import parse
from tests.odsql import strategies
from tests.odsql.checks.asking import PLACES

PARAMETERS = st.sampled_from(
    [
        "where",
        "select",
        "group_by",
        "order_by",
        "facet",
        "refine",
        "exclude",
        "limit",
        "offset",
        "x",
    ]
)


def checked(clause: str, text: str) -> list[Diagnostic]:
    """Check a text with and without a schema; assert that every place is within the text."""
    asked = Request((Parameter(clause, text),), "places")
    findings = [*check(asked), *check(asked, PLACES)]
    for one in findings:
        assert one.severity == RULES[one.code].severity
        assert 0 <= one.start <= one.end <= len(text)
    return findings


@settings(deadline=None)  # a busy machine is not a defect
@given(strategies.any_clause)
def test_every_tree_is_walked_over(drawn: Any) -> None:
    """Every kind of node has a visitor, in every clause."""
    clause, tree = drawn
    text = render(tree)
    assert not any(one.code.startswith("ODS1") for one in checked(clause, text))


@given(PARAMETERS, st.one_of(strategies.token_soup, st.text(max_size=30)))
def test_every_text_gets_an_answer(clause: str, text: str) -> None:
    """Text that does not parse is a finding, never an exception."""
    checked(clause, text)


@given(strategies.token_soup)
def test_edits_of_what_does_not_parse_make_it_parse(text: str) -> None:
    """All edits together make the text valid, or there are none."""
    findings = check(Request((Parameter("where", text),)))
    edits = sorted((edit for one in findings for edit in one.edits), key=lambda one: -one.start)
    try:
        parse("where", text)
    except ODSQLSyntaxError:
        assert findings
    for edit in edits:
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    if edits:
        parse("where", text)


def test_long_and_deep_texts_are_checked() -> None:
    """Chains have no depth; text nested too deeply is a syntax error."""
    long = " AND ".join(["population > 1"] * 5_000)
    assert checked("where", long) == []
    assert [one.code for one in checked("where", "(" * 5_000)] == ["ODS101", "ODS101"]
