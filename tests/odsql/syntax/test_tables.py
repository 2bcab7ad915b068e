"""The shipped tables match the grammar, and the loop that runs them agrees with lark."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark, Transformer
from lark.exceptions import LarkError

from odsql import ODSQLSyntaxError, render
from odsql.syntax import actions, tables
from odsql.syntax.automaton import start
from odsql.syntax.generating import STARTS, TABLES, generate, reference_parser
from odsql.syntax.parsing import parse
from tests.odsql import corpus, strategies


class _Actions(Transformer[Any, Any]):
    """The same actions, called as lark calls them; the nodes have no place."""

    def __getattr__(self, name: str) -> Any:
        action = getattr(actions, name)
        return lambda children: action(*map(_plain, children), None)


def _plain(child: object) -> object:
    return str(child) if isinstance(child, str) else child


@pytest.fixture(scope="module")
def reference() -> Lark:
    """Lark's own parser for the grammar."""
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
    """Fails if the generator was not run after a change."""
    assert TABLES.read_text(encoding="utf-8") == generate()


@pytest.mark.parametrize(
    ("clause", "text"), corpus.entries("parse", "semantic-error", "syntax-error", "unclear")
)
def test_both_parsers_agree_on_the_corpus(reference: Lark, clause: str, text: str) -> None:
    """Both build the same tree, or both refuse."""
    assert _by_tables(clause, text) == _by_reference(reference, clause, text)


@pytest.mark.parametrize("text", ["range(a, 1to)", "range(a, 1 in)", "range(a, 1 to 2)"])
def test_both_parsers_take_no_keyword_for_a_unit(reference: Lark, text: str) -> None:
    """These words are names elsewhere but keywords after a number."""
    assert _by_tables("group_by", text) == _by_reference(reference, "group_by", text) == "refused"


def test_a_symbol_has_its_last_name_when_something_is_shifted_onto_it() -> None:
    """Later steps may look below the top of the stack and must find the final name."""
    name = tables.TERMINALS.index("NAME")
    like = tables.TERMINALS.index("_LIKE")
    _, field, _ = start("where")[name]
    _, _, under = field[like]
    assert under is not None
    assert like in tables.ACTIONS[under.number]
    assert tables.ACTIONS[under.number][like] >= 0


@pytest.mark.parametrize("clause", STARTS)
@given(text=strategies.token_soup)
def test_both_parsers_agree_on_any_order_of_tokens(reference: Lark, clause: str, text: str) -> None:
    """Both build the same tree or both refuse; most of these texts are invalid."""
    assert _by_tables(clause, text) == _by_reference(reference, clause, text)


@given(clause_and_tree=strategies.any_clause)
def test_both_parsers_agree_on_rendered_trees(
    reference: Lark, clause_and_tree: tuple[str, Any]
) -> None:
    """Both build the same tree; all of these texts are valid."""
    clause, tree = clause_and_tree
    text = render(tree)
    assert _by_tables(clause, text) == _by_reference(reference, clause, text) == tree


_WORDS = {"NAME": ["a", "to", "Like", "`x y`", "default.modified", "d"], "NUMBER": ["1", "2.50"]}
_FROM_GRAMMAR = from_lark(
    reference_parser(),
    explicit={name: st.sampled_from(words) for name, words in _WORDS.items()}
    | {
        "TEXT": st.sampled_from(["'t'", '"u"', "'it\\'s'", "''"]),
        "DATE": st.sampled_from(["date'2024'", 'Date"2024-01-31"']),
        "GEOMETRY": st.just("geom'POINT(1 2)'"),
    }
    # White space around every word, because joined words are names, which `token_soup` covers.
    | {
        terminal.name: st.from_regex(terminal.pattern.to_regexp(), fullmatch=True).map(
            lambda word: f" {word} "
        )
        for terminal in reference_parser().terminals
        if terminal.priority == 2
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(text=_FROM_GRAMMAR)
def test_both_parsers_agree_on_texts_generated_from_the_grammar(reference: Lark, text: str) -> None:
    """Each text is valid in at least one clause; both parsers agree on which."""
    for clause in STARTS:
        assert _by_tables(clause, text) == _by_reference(reference, clause, text)
