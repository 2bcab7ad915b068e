"""Text -> tree.

One loop drives the tables that `generating` wrote, over tokens from one regular expression. Three
things make it fast, and none of them changes what is accepted (the tests compare with lark's own
parser on the same grammar):

* A terminal that can only become one node is shifted and built in one step (`generating`).
* Lists grow in place; nodes keep token numbers instead of offsets (`scanning`).
* A word that is a keyword only in some places is looked up as the keyword first. Where the grammar
  has no place for it, it is looked up again as a name.

Everything that has to do with a refused text happens after the loop has failed, in `errors`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from odsql import actions, nodes, tables
from odsql.errors import nesting_error, refinement_error, syntax_error
from odsql.functions import Kind
from odsql.scanning import TOKEN, Source

if TYPE_CHECKING:
    from collections.abc import Callable

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
"""How many parentheses, NOTs and minus signs may stand inside each other. No real query comes near;
the bound keeps every walk over a tree far from Python's recursion limit."""

_FUSED = tables.FUSED
_ACTIONS = tables.ACTIONS
_GOTOS = tables.GOTOS
_END = tables.TERMINALS.index("$END")
_NAME = tables.TERMINALS.index("NAME")
_UNKNOWN = -1
_OPEN = tables.TERMINALS.index("LPAR")
_FUNCTIONS = frozenset(
    number
    for number, name in enumerate(tables.TERMINALS)
    if name in {kind.upper() for kind in get_args(Kind)}
)
_SOFT = frozenset(
    number
    for number, name in enumerate(tables.TERMINALS)
    if name in ("ASC", "DESC", "_AS", "_DISTINCT", "_IN", "_IS", "_LIKE", "_TO")
)


def _resolve(name: str) -> Callable[..., Any] | None:
    return getattr(actions, name) if name else None


_BUILDERS: tuple[Any, ...] = tuple(map(_resolve, tables.BUILDERS))
_RULES: tuple[tuple[int, int, tuple[int, ...] | None, Any], ...] = tuple(
    (symbol, length, picks, _resolve(name)) for symbol, length, picks, name in tables.RULES
)


class _Kinds(dict[str, int]):
    """Terminal number by token text: keywords and signs are entries, the rest by first letter."""

    def __missing__(self, token: str) -> int:
        start = token[0]
        if token[-1] in "'\"" and len(token) > 1:
            return self.kind_of_quoted(token)
        if start in "0123456789":
            return _UNKNOWN if "-" in token else self["<number>"]
        if start == "`":
            return _NAME if len(token) > 2 and token[-1] == "`" else _UNKNOWN
        if start == "_" or (start.isalnum() and not start.isdecimal()):
            return self.get(token.lower(), _NAME)
        return _UNKNOWN

    def kind_of_quoted(self, token: str) -> int:
        start = token[0]
        if start in "'\"":
            return self["<text>"]
        return self["<date>"] if start in "dD" else self["<geometry>"]


def _kinds() -> _Kinds:
    kinds = _Kinds(tables.KEYWORDS)
    kinds |= {word.upper(): number for word, number in tables.KEYWORDS.items()}
    for terminal in ("NUMBER", "TEXT", "DATE", "GEOMETRY"):
        kinds[f"<{terminal.lower()}>"] = tables.TERMINALS.index(terminal)
    return kinds


_KINDS = _kinds()
_LITERAL = re.compile(tables.LITERAL_PATTERN)


def parse(clause: str, text: str) -> Any:
    """Parse `text` as a `clause`: where, select, group_by, order_by or facet.

    Raises:
        ODSQLSyntaxError: the text is not ODSQL; the error says where and what was expected.
    """
    tokens = TOKEN.findall(text)
    kinds = [_KINDS[token] for token in tokens]
    if tokens and tokens[-1][0] in "'\"`" and not _is_closed(tokens[-1]):
        kinds[-1] = _UNKNOWN
    if len(tokens) > MAX_NESTING:
        _refuse_deep_nesting(clause, text, tokens)
    tokens.append("")
    kinds.append(_END)
    states = [tables.STARTS[clause]]
    values: list[Any] = []
    refused = _run(Source(text), tokens, kinds, states, values)
    if refused is None:
        return values[0]
    before = [tables.STARTS[clause]]
    _run(Source(text), tokens[:refused], kinds[:refused], before, [])
    raise syntax_error(clause, text, tokens, refused, _acceptable(before))


def _is_closed(token: str) -> bool:
    """Whether a token that begins with a quote is a literal, and not an open quote and the rest."""
    quote = token[0]
    if quote != "`" and token[-1] == quote and len(token) > 1:  # noqa: SIM102 - the quick way out
        if "\\" not in token and token.isprintable():
            return True
    return _LITERAL.fullmatch(token) is not None


def _run(  # noqa: C901 - one loop, and every call less in it is felt
    source: Source, tokens: list[str], kinds: list[int], states: list[int], values: list[Any]
) -> int | None:
    """Run the tables over the tokens.

    Returns None when all of them were taken, else the number of the first that was refused.
    `states` and `values` are the two stacks; they hold what was read so far.
    """
    firsts: list[int] = []  # for each value, the number of its first token
    index = 0
    state = states[-1]
    for token, kind in zip(tokens, kinds, strict=True):
        code = _ACTIONS[state].get(kind)
        if code is None:
            code = _ACTIONS[state].get(_NAME) if kind in _SOFT else None
            if code is None:
                return index
        while code < 0:
            symbol, length, picks, build = _RULES[~code]
            if length > 1:
                children = values[-length:]
                del states[-length:], values[-length:], firsts[1 - length :]
                if picks is not None:
                    children = [children[one] for one in picks]
                if build is None:
                    values.append(children[0])
                else:
                    values.append(build((source, firsts[-1], index - 1), *children))
            elif length == 0:
                values.append(build((source, index, index - 1)))
                firsts.append(index)
            else:
                states.pop()
                if picks is not None:
                    values[-1] = build((source, firsts[-1], index - 1))
                elif build is not None:
                    values[-1] = build((source, firsts[-1], index - 1), values[-1])
            state = _GOTOS[states[-1]][symbol]
            states.append(state)
            code = _ACTIONS[state].get(kind)
            if code is None:
                return index
        if code < _FUSED:
            state = code
            values.append(token)
        else:
            state = code % _FUSED
            values.append(_BUILDERS[code // _FUSED]((source, index, index), token))
        states.append(state)
        firsts.append(index)
        index += 1  # noqa: SIM113 - enumerate would cost more
    return None


def _refuse_deep_nesting(clause: str, text: str, tokens: list[str]) -> None:
    """Raise if parentheses, NOTs and minus signs stand too deep inside each other."""
    opened: list[int] = []  # for each open parenthesis, how many levels it and its signs are worth
    signs = 0
    depth = 0
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
        if depth + signs > MAX_NESTING:
            raise nesting_error(clause, text, index, MAX_NESTING)


def _acceptable(states: list[int]) -> list[str]:
    """Names of the terminals that could come next, found by trying each on a copy of the stack."""
    return [name for kind, name in enumerate(tables.TERMINALS) if _would_shift(list(states), kind)]


def _would_shift(states: list[int], kind: int) -> bool:
    """Whether a terminal could come next; a function name only counts if `(` could follow."""
    while (code := _ACTIONS[states[-1]].get(kind)) is not None:
        if code >= 0:
            return kind not in _FUNCTIONS or _OPEN in _ACTIONS[code % _FUSED]
        symbol, length, _, _ = _RULES[~code]
        if length:
            del states[-length:]
        states.append(_GOTOS[states[-1]][symbol])
    return False


def parse_where(text: str) -> nodes.Where:
    """Parse a `where` clause; an empty one is a `Where` without condition (ODSQL: where).

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


_REFINEMENT = re.compile(
    r"""\s*(?:`(?P<quoted>[^`]+)`|(?P<facet>[^\W\d]\w*(?:\.[^\W\d]\w*)*|\w+))\s*:\s*
    (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|.*?)\s*""",
    re.VERBOSE | re.DOTALL,
)


def parse_refinement(text: str) -> nodes.Refinement:
    """Parse the value of a `refine` or `exclude` parameter, `facet:value`.

    The value is taken as it is, or out of its quotes; it may hold spaces, commas, parentheses and
    slashes (ODSQL: refine).

    Raises:
        ODSQLSyntaxError: there is no colon, or nothing before or after it.
    """
    match = _REFINEMENT.fullmatch(text)
    if match is None or not match["value"]:
        raise refinement_error(text)
    value = match["value"]
    if value[0] in "'\"" and value[-1] == value[0] and len(value) > 1:
        value = actions.unquoted(value)
    return nodes.Refinement(match["quoted"] or match["facet"], value)
