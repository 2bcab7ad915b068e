"""Tree -> text.

`render` writes the canonical line for a tree; `format` breaks long lines. Both write only the
parentheses that the meaning needs, and the text of a tree that can be parsed or built parses back
to the same tree. AND, OR and NOT are upper case, everything else is lower case.

Every text, name and number passes through a function here that quotes or checks it. Values become
ODSQL in no other way, so no value can change a query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import RESERVED_WORDS
from odsql.syntax.nodes import And, Arithmetic, Negate, Node, Not, Or
from odsql.syntax.scanning import UNSENDABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["format", "render"]

_PLAIN_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_FUNCTION_NAME = re.compile("[a-z_]+")
_OPERATORS = frozenset({"=", "!=", ">", "<", ">=", "<=", ":"})
_KEYWORDS = frozenset({"and", "or", "not", "null", "true", "false"})
_SOFT_KEYWORDS = frozenset({"as", "asc", "desc", "distinct", "in", "is", "like", "to"})
_QUOTED_NAMES = (RESERVED_WORDS | _KEYWORDS | _SOFT_KEYWORDS) - {"year"}
"""Field names that are written in back quotes. `year` is on the reference's list of reserved words,
but live portals were seen to accept it unquoted."""


def render(node: Node) -> str:
    """Return the canonical text of a tree, on one line.

    Raises:
        BuildError: ODSQL cannot express a part of the tree, the tree is too deep for Python, or
            `node` is not a tree.
    """
    try:
        return _RENDER[type(node)](node)
    except KeyError:
        msg = (
            f"a tree consists of nodes of odsql.nodes, not of {type(node).__name__} {shown(node)}; "
            "for the text of a built expression write str(expression)"
        )
        raise BuildError(msg) from None
    except RecursionError:
        msg = "the tree is nested too deeply to be rendered"
        raise BuildError(msg) from None


# ---------------------------------------------------------------- names and literals


def _check_sendable(text: str) -> None:
    if UNSENDABLE.search(text):
        msg = f"{text!a} contains NUL or a lone surrogate, which no request can carry"
        raise BuildError(msg)


def _quote_text(text: str) -> str:
    """Use quotes that need no escape, else single ones and a backslash, proven on live portals."""
    if not text.isprintable():
        _check_sendable(text)
    if "\\" not in text:
        if '"' not in text:
            return f'"{text}"'
        if "'" not in text:
            return f"'{text}'"
    return _quote_single(text)


def _quote_single(text: str) -> str:
    if not text.isprintable():
        _check_sendable(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _quote_name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _QUOTED_NAMES:
        return name
    return _back_quoted(name)


def _quote_label(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _KEYWORDS:
        return name
    return _back_quoted(name)


def _back_quoted(name: str) -> str:
    _check_sendable(name)
    if not name or "`" in name:
        msg = f"{shown(name)} cannot be a name: ODSQL has no way to write it in back quotes"
        raise BuildError(msg)
    return f"`{name}`"


def _number(node: nodes.Number) -> str:
    text = node.text
    if not _NUMBER.fullmatch(text):
        msg = f"{shown(text)} is not an ODSQL number; write digits, and Negate for a minus sign"
        raise BuildError(msg)
    return text


def _unit(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name) or name.lower() in _KEYWORDS | _SOFT_KEYWORDS:
        msg = f"{shown(name)} is not a unit"
        raise BuildError(msg)
    return name


def _pattern(node: nodes.Pattern) -> str:
    name, star, rest = node.text.partition("*")
    if rest:
        msg = f"{shown(node.text)}: a pattern may have only one *, at its end"
        raise BuildError(msg)
    return (_quote_label(name) if name or not star else "") + star


# ---------------------------------------------------------------- parentheses


_LOOSENESS: dict[type[Node], int] = {Or: 3, And: 2, Not: 1}


def _operand_of(looseness: int, node: Node) -> str:
    """Render an operand of AND, OR or NOT, in parentheses if it binds less tightly."""
    text = _RENDER[type(node)](node)
    return f"({text})" if _LOOSENESS.get(type(node), 0) > looseness else text


def _operand_in_chain(node: Node, additive: bool) -> str:
    """Render an operand of a chain of `+ -` (additive) or `* /`."""
    text = _RENDER[type(node)](node)
    closer = type(node) is not Arithmetic or (additive and not node.additive)
    return text if closer else f"({text})"


def _negate(node: Negate) -> str:
    operand = _RENDER[type(node.operand)](node.operand)
    if type(node.operand) is Negate:
        return f"- {operand}"  # two signs in a row would look like an SQL comment
    return f"-({operand})" if type(node.operand) is Arithmetic else f"-{operand}"


def _arithmetic(node: Arithmetic) -> str:
    first, *rest = _chained(node)
    return " ".join([first[1], *(f"{operator} {operand}" for operator, operand in rest)])


def _chained(node: Arithmetic) -> list[tuple[str, str]]:
    """Render the operands of a chain, each with the operator before it."""
    if len(node.operands) < 2 or len(node.operators) != len(node.operands) - 1:
        _refuse(f"{len(node.operands)} operands cannot have {len(node.operators)} operators")
    additive = node.additive
    if not set(node.operators) <= set("+-" if additive else "*/"):
        _refuse(f"{node.operators} do not have the same precedence")
    operands = [_operand_in_chain(operand, additive) for operand in node.operands]
    return list(zip(("", *node.operators), operands, strict=True))


# ---------------------------------------------------------------- one function per node


def _list(items: Iterable[Node]) -> str:
    return ", ".join([_RENDER[type(item)](item) for item in items])


def _refuse(message: str) -> NoReturn:
    raise BuildError(message)


def _call(node: nodes.Call) -> str:
    if not _FUNCTION_NAME.fullmatch(node.name):
        _refuse(f"{shown(node.name)} is not an ODSQL function")
    return f"{node.name}({_list(node.arguments)})"


def _comparison(node: nodes.Comparison) -> str:
    if node.operator not in _OPERATORS:
        _refuse(f"{shown(node.operator)} is not an ODSQL comparison operator")
    left, right = _RENDER[type(node.left)](node.left), _RENDER[type(node.right)](node.right)
    return f"{left}: {right}" if node.operator == ":" else f"{left} {node.operator} {right}"


def _in_range(node: nodes.InRange) -> str:
    return f"{render(node.value)}{_range_operator(node)} {_bounds(node)}"


def _range_operator(node: nodes.InRange) -> str:
    return ":" if node.operator == ":" else " in"


def _bounds(node: nodes.InRange) -> str:
    opening, closing = "[" if node.include_low else "]", "]" if node.include_high else "["
    return f"{opening}{render(node.low)}..{render(node.high)}{closing}"


def _static_range(node: nodes.StaticRange) -> str:
    opening, closing = "[" if node.include_low else "]", "]" if node.include_high else "["
    return f"{opening}{_list(node.steps)}{closing}"


def _is(node: nodes.Is) -> str:
    return render(node.value) + _is_suffix(node)


def _is_suffix(node: nodes.Is) -> str:
    return f" is {'not ' if node.negated else ''}{render(node.constant)}"


def _labelled(node: nodes.Labelled) -> str:
    return f"{render(node.expression)} as {_quote_label(node.label)}"


def _ordering(node: nodes.Ordering) -> str:
    return render(node.expression) + _direction(node)


def _direction(node: nodes.Ordering) -> str:
    if node.direction not in (None, "asc", "desc"):
        _refuse(f"{shown(node.direction)} is not a direction; write asc or desc")
    return f" {node.direction}" if node.direction else ""


def _items(node: nodes.Select | nodes.OrderBy) -> str:
    if not node.items:
        _refuse(f"{type(node).__name__} needs at least one item; without items, omit the clause")
    return _list(node.items)


def _in_list(node: nodes.InList) -> str:
    if not node.items:
        _refuse("a list needs at least one item")
    return f"{render(node.value)} in ({_list(node.items)})"


def _logic(word: str, node: And | Or) -> str:
    if len(node.operands) < 2:
        _refuse(f"{word.strip()} needs at least two operands, not {len(node.operands)}")
    looseness = _LOOSENESS[type(node)]
    return word.join([_operand_of(looseness, one) for one in node.operands])


def _refinement(node: nodes.Refinement) -> str:
    return f"{_quote_label(node.facet)}:{_quote_text(node.value)}"


_RENDER: dict[type[Node], Callable[[Any], str]] = {
    nodes.Text: lambda node: _quote_text(node.value),
    nodes.Number: _number,
    nodes.Date: lambda node: "date" + _quote_single(node.text),
    nodes.Geometry: lambda node: "geom" + _quote_single(node.text),
    nodes.Boolean: lambda node: "true" if node.value else "false",
    nodes.Null: lambda _: "null",
    nodes.Quantity: lambda node: _number(node.amount) + _unit(node.unit),
    nodes.Field: lambda node: _quote_name(node.name),
    nodes.Star: lambda _: "*",
    nodes.Word: lambda node: _quote_label(node.text),
    nodes.Pattern: _pattern,
    nodes.Named: lambda node: f"{_quote_label(node.name)}={render(node.value)}",
    nodes.Distinct: lambda node: f"distinct {render(node.operand)}",
    nodes.StaticRange: _static_range,
    nodes.Call: _call,
    nodes.Negate: _negate,
    nodes.Arithmetic: _arithmetic,
    nodes.Comparison: _comparison,
    nodes.InRange: _in_range,
    nodes.InList: _in_list,
    nodes.Member: lambda node: f"{render(node.literal)} in {render(node.field)}",
    nodes.Like: lambda node: f"{render(node.value)} like {render(node.text)}",
    nodes.Is: _is,
    nodes.Not: lambda node: "NOT " + _operand_of(1, node.operand),
    nodes.And: lambda node: _logic(" AND ", node),
    nodes.Or: lambda node: _logic(" OR ", node),
    nodes.Labelled: _labelled,
    nodes.Ordering: _ordering,
    nodes.Where: lambda node: "" if node.condition is None else render(node.condition),
    nodes.Select: _items,
    nodes.GroupBy: lambda node: _list(node.items),
    nodes.OrderBy: _items,
    nodes.Refinement: _refinement,
}


# ---------------------------------------------------------------- formatting


def format(node: Node, *, width: int = 88) -> str:  # noqa: A001 - the usual name
    """Return readable text for a tree, in lines of at most `width` characters where possible.

    Conditions break before AND and OR, sums and products before their operators, lists after
    their commas. A single text or geometry is never broken. The text parses back to the same tree.

    Raises:
        BuildError: ODSQL cannot express a part of the tree, or `width` is not positive.
    """
    if not isinstance(width, int) or width < 1:
        _refuse(f"width must be a whole number of at least 1, not {shown(width)}")
    return "\n".join(_lines(node, width))


def _lines(node: Node, width: int) -> list[str]:
    """Render a node in lines that fit in `width` where possible."""
    text = render(node)
    if len(text) <= width:
        return [text]
    breaker = _BREAK.get(type(node))
    return breaker(node, width) if breaker else [text]


def _indented(lines: list[str]) -> list[str]:
    return ["  " + line for line in lines]


def _separated(items: Iterable[Node], width: int) -> list[str]:
    """Render each item on lines of its own, with commas at the ends."""
    blocks = [_lines(item, width - 1) for item in items]
    for block in blocks[:-1]:
        block[-1] += ","
    return [line for block in blocks for line in block]


def _enclosed(start: str, items: Iterable[Node], end: str, width: int) -> list[str]:
    return [start, *_indented(_separated(items, width - 2)), end]


def _break_logic(word: str, node: And | Or, width: int) -> list[str]:
    lines: list[str] = []
    for number, operand in enumerate(node.operands):
        prefix = f"{word} " if number else ""
        block = _logic_operand(operand, _LOOSENESS[type(node)], width - len(prefix))
        lines += [prefix + block[0], *block[1:]]
    return lines


def _logic_operand(node: Node, looseness: int, width: int) -> list[str]:
    if _LOOSENESS.get(type(node), 0) <= looseness:
        return _lines(node, width)
    flat = f"({render(node)})"
    return [flat] if len(flat) <= width else ["(", *_indented(_lines(node, width - 2)), ")"]


def _break_not(node: Not, width: int) -> list[str]:
    block = _logic_operand(node.operand, _LOOSENESS[Not], width - 4)
    return ["NOT " + block[0], *block[1:]]


def _break_arithmetic(node: Arithmetic, _: int) -> list[str]:
    return [f"{operator} {operand}".lstrip() for operator, operand in _chained(node)]


def _followed(node: Node, suffix: str, width: int) -> list[str]:
    """Render a node that is followed by an unbreakable suffix."""
    block = _lines(node, width - len(suffix))
    return [*block[:-1], block[-1] + suffix]


def _break_is(node: nodes.Is, width: int) -> list[str]:
    return _followed(node.value, _is_suffix(node), width)


def _break_like(node: nodes.Like, width: int) -> list[str]:
    return [*_lines(node.value, width), f"  like {render(node.text)}"]


def _break_range(node: nodes.InRange, width: int) -> list[str]:
    return [*_followed(node.value, _range_operator(node), width), f"  {_bounds(node)}"]


def _break_labelled(node: nodes.Labelled, width: int) -> list[str]:
    return _followed(node.expression, f" as {_quote_label(node.label)}", width)


def _break_ordering(node: nodes.Ordering, width: int) -> list[str]:
    return _followed(node.expression, _direction(node), width)


def _break_comparison(node: nodes.Comparison, width: int) -> list[str]:
    sign = ":" if node.operator == ":" else f" {node.operator}"
    left = _lines(node.left, width - len(sign))
    return [*left[:-1], left[-1] + sign, *_indented(_lines(node.right, width - 2))]


_BREAK: dict[type[Node], Callable[[Any, int], list[str]]] = {
    nodes.And: lambda node, width: _break_logic("AND", node, width),
    nodes.Or: lambda node, width: _break_logic("OR", node, width),
    nodes.Not: _break_not,
    nodes.Arithmetic: _break_arithmetic,
    nodes.Comparison: _break_comparison,
    nodes.InRange: _break_range,
    nodes.Is: _break_is,
    nodes.Like: _break_like,
    nodes.Call: lambda node, width: _enclosed(f"{node.name}(", node.arguments, ")", width),
    nodes.InList: lambda node, width: _enclosed(
        f"{render(node.value)} in (", node.items, ")", width
    ),
    nodes.Labelled: _break_labelled,
    nodes.Ordering: _break_ordering,
    nodes.Where: lambda node, width: _lines(node.condition, width),
    nodes.Select: lambda node, width: _separated(node.items, width),
    nodes.GroupBy: lambda node, width: _separated(node.items, width),
    nodes.OrderBy: lambda node, width: _separated(node.items, width),
}
