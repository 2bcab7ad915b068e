"""The shipped tables are those of the grammar, and the loop that runs them agrees with lark."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from lark import Lark, Transformer
from lark.exceptions import LarkError

from odsql import ODSQLSyntaxError, actions, render
from odsql.generating import STARTS, TABLES, generate, reference_parser
from odsql.parsing import parse
from tests.odsql import corpus, strategies


class _Actions(Transformer[Any, Any]):
    """The same actions, called the way lark calls them; nodes have no place then."""

    def __getattr__(self, name: str) -> Any:
        action = getattr(actions, name)
        return lambda children: action(*map(_plain, children), None)


def _plain(child: object) -> object:
    return str(child) if isinstance(child, str) else child


@pytest.fixture(scope="module")
def reference() -> Lark:
    """Lark's parser, run by lark."""
    return reference_parser(transformer=_Actions())


def _by_reference(reference: Lark, clause: str, text: str) -> Any:
    try:
        return reference.parse(text, start=clause)
    except LarkError:
        return "refused"


def _by_tables(clause: Any, text: str) -> Any:
    try:
        return parse(clause, text)
    except ODSQLSyntaxError:
        return "refused"


def test_the_shipped_tables_are_what_the_grammar_compiles_to() -> None:
    """Nobody forgot to run the generator."""
    assert TABLES.read_text(encoding="utf-8") == generate()


@pytest.mark.parametrize(
    ("clause", "text"), corpus.entries("parse", "semantic-error", "syntax-error", "unclear")
)
def test_both_parsers_agree_on_the_corpus(reference: Lark, clause: str, text: str) -> None:
    """Same tree or both refuse."""
    assert _by_tables(clause, text) == _by_reference(reference, clause, text)


@pytest.mark.parametrize("clause", STARTS)
@given(text=strategies.token_soup)
def test_both_parsers_agree_on_any_order_of_tokens(reference: Lark, clause: str, text: str) -> None:
    """Same tree or both refuse, for texts that are mostly wrong."""
    assert _by_tables(clause, text) == _by_reference(reference, clause, text)


@given(clause_and_tree=strategies.any_clause)
def test_both_parsers_agree_on_rendered_trees(
    reference: Lark, clause_and_tree: tuple[str, Any]
) -> None:
    """Same tree, for texts that are all right."""
    clause, tree = clause_and_tree
    text = render(tree)
    assert _by_tables(clause, text) == _by_reference(reference, clause, text) == tree
