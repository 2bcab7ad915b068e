"""A parser written by hand for speed, the lower bound that `parse.py` measures against.

This is a Pratt parser: one regular expression splits the text into tokens, every operator has a
binding power, and one loop builds the tree. It parses `where` clauses into the nodes of
`odsql.nodes` with the same positions in the text (`at`). It is a lower bound, not a second parser:
it accepts more than ODSQL (`(a = 1) + 2`, dates in lists), knows keywords in three cases (`not`,
`NOT`, `Not`), and neither explains errors nor limits the depth of a query. Everything that it
omits makes it faster.

This file is not a script: run `.venv/bin/pip install ".[benchmark]"`, then
`.venv/bin/python benchmarks/parse.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odsql import nodes
from odsql.syntax.functions import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parse_where"]

_TOKEN = re.compile(
    r"""(?:[dD]ate|DATE|[gG]eom|GEOM)?(?:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")"""
    r"|[^\W\d]\w*(?:\.[^\W\d]\w*)*"
    r"|[0-9]+(?:\.[0-9]+)?"
    r"|[!<>]=|\.\.|`[^`]+`|\S",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DIGITS = frozenset("0123456789")
_QUOTES = frozenset(["'", '"'])
_CONNECTIVES = frozenset(["and", "or", "AND", "OR"])

_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN = range(1, 8)
"""Binding powers, the loosest first."""


def parse_where(text: str) -> nodes.Where:
    """Parse a `where` clause.

    Raises:
        ValueError: the text is not a condition.
    """
    tokens = _TOKEN.findall(text)
    parser = _Parser(text, tokens)
    if not tokens:
        return nodes.Where(None, (text, 0, -1))
    last = len(tokens) - 1
    tokens.append("")
    condition = parser.expression(0)
    if parser.index <= last:
        raise parser.refusal()
    return nodes.Where(condition, (text, 0, last))


class _Parser:
    """The tokens of one text, and the index of the next."""

    __slots__ = ("index", "text", "tokens")

    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0

    def refusal(self) -> ValueError:
        """Return the error for the next token."""
        return ValueError(f"token {self.index}, {self.tokens[self.index]!r}, is unexpected")

    def expect(self, token: str) -> None:
        """Consume `token`."""
        if self.tokens[self.index] != token:
            raise self.refusal()
        self.index += 1

    def expression(self, power: int) -> Any:
        """Parse one operand and all operators after it that bind tighter than `power`."""
        tokens = self.tokens
        first = self.index
        token = tokens[first]
        start = token[:1]
        self.index = first + 1
        if start in _DIGITS:
            left: Any = nodes.Number(token, (self.text, first, first))
        elif start in _QUOTES:
            left = nodes.Text(_unquoted(token), (self.text, first, first))
        elif (prefix := _PREFIX.get(token)) is not None:
            left = prefix(self, first)
        else:
            left = self.word(token, first)
        while True:
            binding, infix = _INFIX[tokens[self.index]]
            if binding <= power:
                return left
            left = infix(self, left, first)

    # ------------------------------------------------------------ operands

    def word(self, token: str, first: int) -> Any:
        """Parse a field, a call, a date or a geometry."""
        at = (self.text, first, first)
        if self.tokens[self.index] == "(":
            return self.call(token.lower(), first)
        if token.isidentifier() and token not in _CONNECTIVES:
            return nodes.Field(token, at)
        if token[-1:] in ("'", '"'):
            kind = nodes.Date if token[0] in "dD" else nodes.Geometry
            return kind(_unquoted(token[4:]), at)
        if token[:1] == "`" and len(token) > 1:
            return nodes.Field(token[1:-1], at)
        if token.replace(".", "").isidentifier() and token not in _CONNECTIVES:
            return nodes.Field(token, at)
        self.index = first
        raise self.refusal()

    def null(self, first: int) -> nodes.Null:
        return nodes.Null((self.text, first, first))

    def true(self, first: int) -> nodes.Boolean:
        return nodes.Boolean(True, (self.text, first, first))

    def false(self, first: int) -> nodes.Boolean:
        return nodes.Boolean(False, (self.text, first, first))

    def group(self, _: int) -> Any:
        """Parse an expression in parentheses."""
        inner = self.expression(0)
        self.expect(")")
        return inner

    def negation(self, first: int) -> nodes.Not:
        operand = self.expression(_NOT)
        return nodes.Not(operand, (self.text, first, self.index - 1))

    def sign(self, first: int) -> nodes.Negate:
        operand = self.expression(_SIGN)
        return nodes.Negate(operand, (self.text, first, self.index - 1))

    def star(self, first: int) -> nodes.Star:
        return nodes.Star((self.text, first, first))

    def call(self, name: str, first: int) -> nodes.Call:
        if name not in CATALOGUE:
            raise self.refusal()
        tokens = self.tokens
        argument = self.named if name == "now" else self.argument
        arguments = []
        self.index += 1
        if tokens[self.index] != ")":
            arguments.append(argument())
            while tokens[self.index] == ",":
                self.index += 1
                arguments.append(argument())
        self.expect(")")
        return nodes.Call(name, tuple(arguments), (self.text, first, self.index - 1))

    def argument(self) -> Any:
        """Parse a value, or a number with its unit."""
        first = self.index
        value = self.expression(_COMPARISON)
        unit = self.tokens[self.index]
        if unit in ",)":
            return value
        if type(value) is not nodes.Number or not unit.isidentifier():
            raise self.refusal()
        self.index += 1
        return nodes.Quantity(value, unit, (self.text, first, first + 1))

    def named(self) -> nodes.Named:
        """Parse a named argument, such as `days=-7`."""
        first = self.index
        name = self.tokens[first]
        self.index += 1
        self.expect("=")
        value = self.expression(_COMPARISON)
        return nodes.Named(name, value, (self.text, first, self.index - 1))

    # ------------------------------------------------------------ operators

    def conjunction(self, left: Any, first: int) -> nodes.And:
        operands = self.operands(left, _AND)
        return nodes.And(operands, (self.text, first, self.index - 1))

    def disjunction(self, left: Any, first: int) -> nodes.Or:
        operands = self.operands(left, _OR)
        return nodes.Or(operands, (self.text, first, self.index - 1))

    def operands(self, left: Any, power: int) -> list[Any]:
        """Parse all operands of a chain of AND, or of OR."""
        tokens = self.tokens
        operands = [left]
        while _INFIX[tokens[self.index]][0] == power:
            self.index += 1
            operands.append(self.expression(power))
        return operands

    def sum(self, left: Any, first: int) -> nodes.Arithmetic:
        return self.arithmetic(left, first, _SUM)

    def product(self, left: Any, first: int) -> nodes.Arithmetic:
        return self.arithmetic(left, first, _PRODUCT)

    def arithmetic(self, left: Any, first: int, power: int) -> nodes.Arithmetic:
        """Parse a chain of `+ -`, or of `* /`."""
        tokens = self.tokens
        operands, operators = [left], []
        while _INFIX[token := tokens[self.index]][0] == power:
            self.index += 1
            operators.append(token)
            operands.append(self.expression(power))
        at = (self.text, first, self.index - 1)
        return nodes.Arithmetic(tuple(operands), tuple(operators), at)

    def comparison(self, left: Any, first: int) -> nodes.Comparison:
        operator: Any = self.tokens[self.index]
        self.index += 1
        right = self.expression(_COMPARISON)
        return nodes.Comparison(left, operator, right, (self.text, first, self.index - 1))

    def colon(self, left: Any, first: int) -> nodes.Comparison | nodes.InRange:
        if self.tokens[self.index + 1] not in ("[", "]"):
            return self.comparison(left, first)
        self.index += 1
        return self.range(left, first, ":")

    def membership(self, left: Any, first: int) -> nodes.InList | nodes.InRange | nodes.Member:
        """Parse the right side of IN: a list, a range or a field."""
        self.index += 1
        following = self.tokens[self.index]
        if following == "(":
            return self.list(left, first)
        if following in ("[", "]"):
            return self.range(left, first, "in")
        of = self.expression(_SIGN)
        return nodes.Member(left, of, (self.text, first, self.index - 1))

    def list(self, left: Any, first: int) -> nodes.InList:
        tokens = self.tokens
        items = []
        while True:
            self.index += 1
            items.append(self.expression(_SUM))
            if tokens[self.index] != ",":
                break
        self.expect(")")
        return nodes.InList(left, tuple(items), (self.text, first, self.index - 1))

    def range(self, left: Any, first: int, operator: Any) -> nodes.InRange:
        include_low = self.tokens[self.index] == "["
        self.index += 1
        low = self.expression(_COMPARISON)
        if self.tokens[self.index] not in ("..", "to", "TO", "To", "tO"):
            raise self.refusal()
        self.index += 1
        high = self.expression(_COMPARISON)
        closing = self.tokens[self.index]
        if closing not in ("[", "]"):
            raise self.refusal()
        at = (self.text, first, self.index)
        self.index += 1
        return nodes.InRange(left, low, high, include_low, closing == "]", operator, at)

    def like(self, left: Any, first: int) -> nodes.Like:
        self.index += 1
        words = self.expression(_SIGN)
        return nodes.Like(left, words, (self.text, first, self.index - 1))

    def identity(self, left: Any, first: int) -> nodes.Is:
        """Parse the right side of IS."""
        self.index += 1
        negated = self.tokens[self.index].lower() == "not"
        self.index += negated
        constant = self.expression(_SIGN)
        return nodes.Is(left, constant, negated, (self.text, first, self.index - 1))


def _unquoted(literal: str) -> str:
    inner = literal[1:-1]
    return _ESCAPE.sub(r"\1", inner) if "\\" in inner else inner


class _Infix(dict[str, tuple[int, Any]]):
    """The binding power and method of each operator; other tokens have power 0."""

    def __missing__(self, token: str) -> tuple[int, Any]:
        return self.get(token.lower(), (0, None))


_PREFIX: dict[str, Callable[[_Parser, int], Any]] = {
    "(": _Parser.group,
    "-": _Parser.sign,
    "*": _Parser.star,
    **dict.fromkeys(["not", "NOT", "Not"], _Parser.negation),
    **dict.fromkeys(["null", "NULL", "Null"], _Parser.null),
    **dict.fromkeys(["true", "TRUE", "True"], _Parser.true),
    **dict.fromkeys(["false", "FALSE", "False"], _Parser.false),
}

_INFIX = _Infix(
    {
        **dict.fromkeys(["or", "OR"], (_OR, _Parser.disjunction)),
        **dict.fromkeys(["and", "AND"], (_AND, _Parser.conjunction)),
        **dict.fromkeys(["=", "!=", "<", ">", "<=", ">="], (_COMPARISON, _Parser.comparison)),
        ":": (_COMPARISON, _Parser.colon),
        "in": (_COMPARISON, _Parser.membership),
        "like": (_COMPARISON, _Parser.like),
        "is": (_COMPARISON, _Parser.identity),
        **dict.fromkeys("+-", (_SUM, _Parser.sum)),
        **dict.fromkeys("*/", (_PRODUCT, _Parser.product)),
        **dict.fromkeys(["", ")", ",", "..", "[", "]"], (0, None)),
    }
)
