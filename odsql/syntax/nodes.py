"""The tree of a parsed or built ODSQL clause.

Every node is a frozen, slotted, hashable attrs class. Two nodes are equal when they say the same
thing, wherever they were written: equality ignores the position in the text (`Node.span`).
Parentheses are not nodes; the renderer adds those that the meaning needs.

Chains are flat: `a AND b AND c` is one `And` with three operands, `a + b - c` one `Arithmetic` with
three operands, so the depth of a tree is the depth of its parentheses, whatever its length.

`children`, `walk` and `rewrite` read and change a tree without the parser.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import attrs
from attrs import field, frozen

from odsql.syntax.spans import Span, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "And",
    "Arithmetic",
    "Boolean",
    "Call",
    "Comparison",
    "Date",
    "Distinct",
    "Expression",
    "Field",
    "Geometry",
    "GroupBy",
    "Hole",
    "InList",
    "InRange",
    "Is",
    "Labelled",
    "Like",
    "Member",
    "Named",
    "Negate",
    "Node",
    "Not",
    "Null",
    "Number",
    "Or",
    "OrderBy",
    "Ordering",
    "Pattern",
    "Quantity",
    "Refinement",
    "Select",
    "Span",
    "Star",
    "StaticRange",
    "Text",
    "Where",
    "Word",
    "children",
    "rewrite",
    "walk",
]


Place = tuple[str, int, int] | None
"""Where a node was read: the clause, and the indexes of its first and last token."""


class Node:
    """The base class of all nodes: a place in the parsed text, or none for a built node.

    `at` holds token indexes; `span` turns them into offsets on access, because most trees never
    need them.
    """

    __slots__ = ()

    at: Place

    @property
    def span(self) -> Span | None:
        """The offsets of this node in the clause it was parsed from; None for a built node."""
        if self.at is None:
            return None
        text, first, last = self.at
        if last < first:
            return Span(0, 0)
        places = spans(text)
        return Span(places[first].start, places[last].end)

    @property
    def legacy(self) -> bool:
        """True for an older spelling that portals still accept (ODSQL: predicates)."""
        return False


# ---------------------------------------------------------------- literals


@frozen
class Text(Node):
    """A text literal, `"..."` or `'...'`; as a condition by itself it is a full-text search."""

    value: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Number(Node):
    """A number as written, without a sign: `10`, `2.50`; `-1` is `Negate(Number("1"))`."""

    text: str
    at: Place = field(default=None, eq=False, repr=False)

    @property
    def value(self) -> int | Decimal:
        """The number: an int without a decimal point, else a Decimal."""
        return Decimal(self.text) if "." in self.text else int(self.text)


@frozen
class Date(Node):
    """A date literal `date'...'`; `text` is the part between the quotes."""

    text: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Geometry(Node):
    """A geometry literal `geom'...'`: WKT, WKB in hexadecimal, or GeoJSON, longitude first."""

    text: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Boolean(Node):
    """`true` or `false`, where ODSQL allows them; never a condition by itself."""

    value: bool
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Null(Node):
    """`null`."""

    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Hole(Node):
    """A part of a template that depends on what a program fills in (`odsql.parse_template`).

    Attributes:
        reading: what stands there in the reading that was found: a name, number, text, date,
            geometry, quantity or condition. Another reading may be possible.
    """

    reading: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Quantity(Node):
    """A number with a unit: a distance `1km` or an interval `1 day`; units are case-sensitive."""

    amount: Number
    unit: str
    at: Place = field(default=None, eq=False, repr=False)


# ---------------------------------------------------------------- names and calls


@frozen
class Field(Node):
    """A field, a label or a dotted catalog name, without back quotes."""

    name: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Star(Node):
    """`*`: all fields in `select` and `search`, the open end in `range`, all rows in `count`."""

    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Word(Node):
    """A bare word as an argument, not a field: `WITHIN` in `geometry(f, geom'..', WITHIN)`."""

    text: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Pattern(Node):
    """The argument of `include` and `exclude`: a field name that may end in `*`."""

    text: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Named(Node):
    """A named argument: `days=-7` of `now`, `disjunctive=true` of `facet`."""

    name: str
    value: Expression
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Distinct(Node):
    """`distinct x` inside `count`."""

    operand: Expression
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class StaticRange(Node):
    """The older bracketed steps of `range`: `]10, 50, 100[`."""

    steps: tuple[Expression, ...]
    include_low: bool
    include_high: bool
    at: Place = field(default=None, eq=False, repr=False)

    @property
    def legacy(self) -> bool:
        """Always True: new queries write the steps without brackets."""
        return True


@frozen
class Call(Node):
    """A function call; `name` is lower case and a key of `odsql.syntax.functions.CATALOGUE`."""

    name: str
    arguments: tuple[Expression, ...]
    at: Place = field(default=None, eq=False, repr=False)

    @property
    def legacy(self) -> bool:
        """True for `geometry(...)`, `polygon(...)` and `distance(f, g, 1km)` as a filter."""
        if self.name == "distance":
            return len(self.arguments) > 2
        return self.name in ("geometry", "polygon")


# ---------------------------------------------------------------- arithmetic


@frozen
class Negate(Node):
    """Unary minus: `-x`; in `order_by` also the older spelling of descending order."""

    operand: Expression
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Arithmetic(Node):
    """A chain of operators of one precedence: `a + b - c`, or `a * b / c`; read from left to right.

    `operators` has one entry fewer than `operands`, all of `+ -` or all of `* /`. A first operand
    of the same precedence is merged into the chain, which reads the same.
    """

    operands: tuple[Expression, ...]
    operators: tuple[str, ...]
    at: Place = field(default=None, eq=False, repr=False)

    @property
    def additive(self) -> bool:
        """True for a chain of `+ -`, which bind less tightly than `* /`."""
        return self.operators[0] in "+-"

    def __attrs_post_init__(self) -> None:
        first = self.operands[0]
        if type(first) is Arithmetic and first.additive == self.additive:
            object.__setattr__(self, "operands", first.operands + self.operands[1:])
            object.__setattr__(self, "operators", first.operators + self.operators)


# ---------------------------------------------------------------- conditions


@frozen
class Comparison(Node):
    """`left operator right`; `:` is the older spelling of `=`."""

    left: Expression
    operator: Literal["=", "!=", ">", "<", ">=", "<=", ":"]
    right: Expression
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class InRange(Node):
    """`value in [low..high]`; a bracket that faces outwards excludes its bound.

    `operator` is `in` or `:`; only after `:` may a bound be a quoted date.
    """

    value: Expression
    low: Expression
    high: Expression
    include_low: bool = True
    include_high: bool = True
    operator: Literal["in", ":"] = "in"
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class InList(Node):
    """`value in (item, item)`; items are text, numbers or booleans, never dates."""

    value: Expression
    items: tuple[Expression, ...]
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Member(Node):
    """`literal in field`: membership in a multivalued field."""

    literal: Expression
    field: Expression
    # `field` is an attribute here, which type checkers take for attrs' function of that name.
    at: Place = attrs.field(default=None, eq=False, repr=False)


@frozen
class Like(Node):
    """`value like "words"`: matches words, ignoring case; `*` may end a word."""

    value: Expression
    text: Text
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Is(Node):
    """`value is null`, `is not null`, `is true`, `is not false`..."""

    value: Expression
    constant: Null | Boolean
    negated: bool = False
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Not(Node):
    """`NOT operand`: the exact complement, including rows with null."""

    operand: Expression
    at: Place = field(default=None, eq=False, repr=False)


def _flat_and(operands: Iterable[Expression]) -> tuple[Expression, ...]:
    return _flat(And, operands)


def _flat_or(operands: Iterable[Expression]) -> tuple[Expression, ...]:
    return _flat(Or, operands)


def _flat(kind: type[And | Or], operands: Iterable[Expression]) -> tuple[Expression, ...]:
    """Merge operands of the same kind: both operators are associative."""
    flat = tuple(operands)
    if kind not in map(type, flat[1:]):
        # Long chains are built one operand at a time, which must not take quadratic time.
        return flat[0].operands + flat[1:] if flat and type(flat[0]) is kind else flat
    return tuple(
        part
        for operand in flat
        for part in (operand.operands if type(operand) is kind else (operand,))
    )


@frozen
class And(Node):
    """`a AND b AND ...`, with at least two operands; never directly inside another `And`."""

    operands: tuple[Expression, ...] = field(converter=_flat_and)
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Or(Node):
    """`a OR b OR ...`, with at least two operands; never directly inside another `Or`."""

    operands: tuple[Expression, ...] = field(converter=_flat_or)
    at: Place = field(default=None, eq=False, repr=False)


# ---------------------------------------------------------------- clauses


@frozen
class Labelled(Node):
    """`expression AS label` in `select` or `group_by`."""

    expression: Expression
    label: str
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Ordering(Node):
    """One entry of `order_by`; `direction` is None if the text has neither asc nor desc."""

    expression: Expression
    direction: Literal["asc", "desc"] | None = None
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Where(Node):
    """A `where` clause; an empty one filters nothing."""

    condition: Expression | None = None
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Select(Node):
    """A `select` clause."""

    items: tuple[Expression | Labelled, ...]
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class GroupBy(Node):
    """A `group_by` clause; may be empty."""

    items: tuple[Expression | Labelled, ...] = ()
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class OrderBy(Node):
    """An `order_by` clause."""

    items: tuple[Ordering, ...]
    at: Place = field(default=None, eq=False, repr=False)


@frozen
class Refinement(Node):
    """The value of a `refine` or `exclude` parameter: `facet:value`, the value as plain text."""

    facet: str
    value: str
    at: Place = field(default=None, eq=False, repr=False)


Expression = (
    And
    | Arithmetic
    | Boolean
    | Call
    | Comparison
    | Date
    | Distinct
    | Field
    | Geometry
    | InList
    | InRange
    | Is
    | Like
    | Member
    | Named
    | Negate
    | Not
    | Null
    | Number
    | Or
    | Pattern
    | Quantity
    | Star
    | StaticRange
    | Text
    | Word
)
"""Anything that can be part of a clause."""


# ---------------------------------------------------------------- walking and rewriting

N = TypeVar("N", bound=Node)


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below `node`, in the order of the text."""
    kind: Any = type(node)
    for attribute in attrs.fields(kind):
        value = getattr(node, attribute.name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple) and attribute.name != "at":
            yield from (item for item in value if isinstance(item, Node))


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and everything below it, parents first."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(list(children(current))))


def rewrite(node: N, change: Callable[[Node], Node]) -> N:
    """Return the tree with `change` applied to every node, children first.

    `change` returns its argument to leave a node unchanged. The result shares untouched parts with
    the old tree, and has the type of `node` as long as `change` keeps it.
    """
    done: dict[int, Node] = {}  # by identity: the walk keeps every node alive
    for current in reversed(list(walk(node))):
        kind: Any = type(current)
        changes: dict[str, Any] = {}
        for attribute in attrs.fields(kind):
            old = getattr(current, attribute.name)
            new = _rewritten(old, done)
            if new is not old:
                changes[attribute.name] = new
        whole: Any = current
        done[id(current)] = change(attrs.evolve(whole, **changes) if changes else current)
    return cast("N", done[id(node)])


def _rewritten(value: object, done: dict[int, Node]) -> object:
    if isinstance(value, Node):
        return done[id(value)]
    if not isinstance(value, tuple) or not any(isinstance(item, Node) for item in value):
        return value
    items = tuple(done[id(item)] if isinstance(item, Node) else item for item in value)
    return value if all(a is b for a, b in zip(items, value, strict=True)) else items
