"""The parser accepts what live portals accept and refuses what they refuse to parse."""

from __future__ import annotations

import pytest

from odsql import ODSQLSyntaxError, format, parse_refinement, render
from odsql.syntax.parsing import parse
from tests.odsql import corpus

ACCEPTED = corpus.entries("parse", "semantic-error")


@pytest.mark.parametrize(("clause", "text"), ACCEPTED)
def test_what_portals_parse_is_parsed(clause: str, text: str) -> None:
    """A query that a portal parsed has a tree."""
    assert parse(clause, text) is not None


@pytest.mark.parametrize(("clause", "text"), corpus.entries("syntax-error"))
def test_what_portals_refuse_to_parse_is_refused(clause: str, text: str) -> None:
    """A query that a portal refused as a syntax error is one."""
    with pytest.raises(ODSQLSyntaxError):
        parse(clause, text)


@pytest.mark.parametrize("text", corpus.refinements())
def test_refinements_read_back_as_they_were_written(text: str) -> None:
    """The canonical text of a refinement has the same meaning."""
    refinement = parse_refinement(text)
    assert parse_refinement(render(refinement)) == refinement


@pytest.mark.parametrize(("clause", "text"), ACCEPTED)
def test_canonical_text_says_the_same_and_is_final(clause: str, text: str) -> None:
    """Rendering changes only the spelling, and rendering again changes nothing."""
    tree = parse(clause, text)
    canonical = render(tree)
    assert parse(clause, canonical) == tree
    assert render(parse(clause, canonical)) == canonical


@pytest.mark.parametrize(("clause", "text"), ACCEPTED)
@pytest.mark.parametrize("width", [10, 40, 88])
def test_formatted_text_says_the_same(clause: str, text: str, width: int) -> None:
    """Formatting to any width changes only white space and spelling."""
    tree = parse(clause, text)
    assert parse(clause, format(tree, width=width)) == tree
