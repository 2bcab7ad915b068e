"""Text -> tree, or an error that explains why not.

`machine` accepts or refuses the tokens; this module turns a refusal into an error and refuses trees
that are nested too deeply. The reason is worked out only when it is read (`explaining`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odsql.syntax import actions, nodes
from odsql.syntax.automaton import start
from odsql.syntax.errors import BuildError, ODSQLSyntaxError, shown
from odsql.syntax.machine import read_tokens, run
from odsql.syntax.scanning import UNSENDABLE, is_closed
from odsql.syntax.spans import token_at

if TYPE_CHECKING:
    from odsql.syntax.errors import Explanation

__all__ = [
    "MAX_NESTING",
    "parse",
    "parse_facet",
    "parse_group_by",
    "parse_order_by",
    "parse_refinement",
    "parse_select",
    "parse_where",
]

MAX_NESTING = 100
"""The maximum depth of a tree. No real query comes near it; the limit keeps rendering, comparing
and copying a tree far from Python's recursion limit. Parentheses that leave nothing in the tree do
not count, so a filter may be wrapped and extended again and again."""

_MOST_OPENED = 1000
"""The maximum number of parentheses, NOTs and minus signs open at one position."""


def parse(clause: str, text: str) -> Any:
    """Parse `text` as a `clause`: where, select, group_by, order_by or facet.

    Raises:
        ODSQLSyntaxError: the text is not ODSQL; the error tells where, and what is accepted there.
    """
    _check_text(text)
    tokens = read_tokens(text)
    opened = _most_opened(clause, text, tokens) if len(tokens) > MAX_NESTING // 2 else 0
    values: list[Any] = []
    refused = run(text, tokens, [start(clause)], values)
    if refused is not None:
        raise _syntax_error(clause, text, refused)
    if opened > MAX_NESTING // 4:  # each may hold several nodes: OR, AND, a sum, a product
        _refuse_deep_tree(clause, text, values[0])
    return values[0]


def _most_opened(clause: str, text: str, tokens: list[str]) -> int:
    """Return the largest number of parentheses, NOTs and minus signs open at one position."""
    opened: list[int] = []  # for each open parenthesis, the levels of it and its signs
    signs = depth = most = 0
    for index, token in enumerate(tokens):
        if token == "(":
            opened.append(signs + 1)
            depth += signs + 1
            signs = 0
        elif token == "-" or token.lower() == "not":
            signs += 1
        else:
            signs = 0
            if token == ")" and opened:
                depth -= opened.pop()
        if depth + signs > most:
            most = depth + signs
            if most > _MOST_OPENED:
                raise _nesting_error(clause, text, index, _MOST_OPENED)
    return most


def _refuse_deep_tree(clause: str, text: str, tree: nodes.Node) -> None:
    level = [tree]
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in nodes.children(node)]
        if not level:
            return
    assert level[0].at is not None  # noqa: S101 - every node of a parsed tree has a place
    raise _nesting_error(clause, text, level[0].at[1], MAX_NESTING)


def parse_where(text: str) -> nodes.Where:
    """Parse a `where` clause; an empty one gives a `Where` without a condition (ODSQL: where).

    Raises:
        ODSQLSyntaxError: the text is not a condition.
    """
    tree: nodes.Where = parse("where", text)
    return tree


def parse_select(text: str) -> nodes.Select:
    """Parse a `select` clause (ODSQL: select).

    Raises:
        ODSQLSyntaxError: the text is not a list of fields, expressions and aggregates.
    """
    tree: nodes.Select = parse("select", text)
    return tree


def parse_group_by(text: str) -> nodes.GroupBy:
    """Parse a `group_by` clause; an empty one groups by nothing (ODSQL: group_by).

    Raises:
        ODSQLSyntaxError: the text is not a list of fields, functions and ranges.
    """
    tree: nodes.GroupBy = parse("group_by", text)
    return tree


def parse_order_by(text: str) -> nodes.OrderBy:
    """Parse an `order_by` clause (ODSQL: order_by).

    Raises:
        ODSQLSyntaxError: the text is not a list of expressions with their directions.
    """
    tree: nodes.OrderBy = parse("order_by", text)
    return tree


def parse_facet(text: str) -> nodes.Field | nodes.Call:
    """Parse the value of a `facet` parameter: a name or `facet(name="...", ...)`.

    Raises:
        ODSQLSyntaxError: the text is neither.
    """
    tree: nodes.Field | nodes.Call = parse("facet", text)
    return tree


_FACET_NAME = re.compile(r"\s*(?:`(?P<quoted>[^`]+)`|(?P<plain>[\w.]+))\s*:")
_QUOTED = re.compile(r"""'[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+\"""", re.DOTALL)


def parse_refinement(text: str, *, clause: str = "refine") -> nodes.Refinement:
    """Parse the value of a `refine` or `exclude` parameter, `facet:value`; errors name `clause`.

    The value is used as written, without the quotes if they enclose all of it. It may contain
    spaces, commas, parentheses, colons and slashes (ODSQL: refine).

    Raises:
        ODSQLSyntaxError: the colon or the text before or after it is missing, or a request cannot
            carry one of the characters.
    """
    _check_text(text)
    facet = _FACET_NAME.match(text)
    value = text[facet.end() :].strip() if facet else ""
    if facet is None or not value or UNSENDABLE.search(text):
        raise _refinement_error(clause, text)
    if _QUOTED.fullmatch(value):
        value = actions.unquoted(value)
    return nodes.Refinement(facet["quoted"] or facet["plain"], value)


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        msg = f"a clause must be a string, not {type(text).__name__} {shown(text)}"
        raise BuildError(msg)


# ---------------------------------------------------------------- errors


def _syntax_error(clause: str, text: str, index: int) -> ODSQLSyntaxError:
    """Build the error for the token at `index`."""
    token, position = token_at(text, index)
    if token[:1] in ("'", '"', "`") and not is_closed(token):
        return _broken_literal(clause, text, position)
    return ODSQLSyntaxError(clause, text, position, token, explain=_explain)


def _broken_literal(clause: str, text: str, position: int) -> ODSQLSyntaxError:
    """Build the error for an unclosed quote, or a character that no request can carry."""
    forbidden = UNSENDABLE.search(text, position)
    if forbidden is not None:
        hint = "a request cannot carry NUL or lone surrogates; remove them"
        return ODSQLSyntaxError(clause, text, forbidden.start(), forbidden[0], (), hint)
    quote = text[position]
    if text[position : position + 2] == "``":
        return ODSQLSyntaxError(clause, text, position, quote, (), "a name cannot be empty")
    hint = f"the quote {quote} opened here is never closed"
    last = text.rstrip()[-1]
    if last != quote and last in "\"'`\u2019\u201d" and position < len(text.rstrip()) - 1:
        hint += f"; the text ends with {last}, which is another quote"
    return ODSQLSyntaxError(clause, text, position, quote, (f"a closing {quote}",), hint)


def _nesting_error(clause: str, text: str, index: int, limit: int) -> ODSQLSyntaxError:
    """Build the error for a text with too many levels of nesting."""
    token, position = token_at(text, index)
    hint = f"at most {limit} levels of nesting are allowed; write fewer parentheses and calls"
    return ODSQLSyntaxError(clause, text, position, token, (), hint)


def _refinement_error(clause: str, text: str) -> ODSQLSyntaxError:
    """Build the error for a `refine` or `exclude` value that is not `facet:value`."""
    hint = 'write facet:value, for example country:"France"'
    if text.strip() == clause.upper():
        hint = f"{text.strip()} is the placeholder text of a portal's console: drop {clause}"
    return ODSQLSyntaxError(clause, text, 0, text[:1], ("facet:value",), hint)


def _explain(clause: str, text: str) -> Explanation:
    from odsql.syntax.explaining import explain  # most errors are only counted

    return explain(clause, text)
