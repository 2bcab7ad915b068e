"""The builder: Python expressions that become ODSQL trees.

    from odsql import F
    (F.population > 100_000) & F.country_code.isin(["FR", "BE"])

`F.name` is a field. Operators mean what they mean in Python where Python has them; the rest are
methods. What is built is the same tree that the parser builds, held by one of three wrappers:

* `Value`: something to compare, calculate with, select, group or order by.
* `Condition`: something that is true or false; takes `& | ~`.
* `FieldValue`: a field, which ODSQL takes as both.

`Fields(schema)` is `F` for a dataset whose fields are known: literals then follow the type of the
field, and a misspelt name or a wrong type is an error at once.

A wrapper has no truth value. `if`, `and`, `or`, `not` and `1 < F.a < 5` would silently drop a part
of the filter, so they raise and say what to write. Sets and dicts compare their keys with `==`,
which builds a comparison here, so a wrapper cannot be one.
"""

from __future__ import annotations

import numbers
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from attrs import frozen

from odsql.builder import literals
from odsql.builder.literals import (
    NUMBER_TYPES,
    checked,
    plain_text,
    refuse_mixed_dates,
    text,
    typed_literal,
)
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError
from odsql.syntax.functions import CATALOGUE
from odsql.syntax.parsing import parse_where
from odsql.syntax.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odsql.schema import Schema, SchemaField

__all__ = [
    "Condition",
    "Expression",
    "F",
    "FieldValue",
    "Fields",
    "Grouping",
    "Item",
    "Term",
    "Value",
    "call",
    "condition",
    "geom",
    "literal",
]

Bounds = Literal["[]", "[[", "]]", "]["]

_OPERATOR_HINT = (
    "an ODSQL expression has no truth value: write & for and, | for or, ~ for not, each side in "
    "parentheses, and F.a.between(1, 5) for 1 <= F.a <= 5"
)
_HASH_HINT = (
    "an ODSQL expression can be neither in a set nor a key of a dict, which compare with ==, and "
    "here == builds a comparison: take a list, or expression.node, which is a key like any other"
)


@frozen(eq=False, repr=False)
class Expression:
    """Holds a tree. `str()` is its ODSQL text."""

    node: nodes.Node

    def __str__(self) -> str:
        return render(self.node)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {render(self.node)}>"

    def __bool__(self) -> NoReturn:
        raise TypeError(_OPERATOR_HINT)

    def __hash__(self) -> NoReturn:
        raise TypeError(_HASH_HINT)

    def equals(self, other: Expression) -> bool:
        """Whether both say the same; `==` builds a comparison instead.

        Raises:
            BuildError: the other is no expression.
        """
        if not isinstance(other, Expression):
            msg = f"equals compares two expressions; {other!r} is none"
            raise BuildError(msg)
        return self.node == other.node


@frozen(eq=False, repr=False)
class Item(Expression):
    """A finished entry of select, group_by or order_by: labelled, or with a direction."""


@frozen(eq=False, repr=False)
class Grouping(Expression):
    """Something to group by and for nothing else: `range` and `geo_cluster`."""

    def as_(self, label: str) -> Item:
        """Give a label, for group_by."""
        return Item(_labelled(cast("nodes.Expression", self.node), label))


@frozen(eq=False, repr=False)
class Condition(Expression):
    """Something that is true or false for a record."""

    __hash__ = Expression.__hash__

    def __eq__(self, other: object) -> Any:
        """Refuse: a condition cannot be compared in ODSQL, and `equals` compares two of them."""
        msg = "a condition cannot be compared; to see whether two say the same, use a.equals(b)"
        raise BuildError(msg)

    def __and__(self, other: Condition) -> Condition:
        return Condition(nodes.And((_condition(self), _condition(other))))

    def __or__(self, other: Condition) -> Condition:
        return Condition(nodes.Or((_condition(self), _condition(other))))

    def __invert__(self) -> Condition:
        """NOT: the exact complement, records with null included; twice is none."""
        inner = _condition(self)
        return Condition(inner.operand if type(inner) is nodes.Not else nodes.Not(inner))

    def __rand__(self, other: object) -> NoReturn:
        raise BuildError(_precedence_hint(other))

    def __ror__(self, other: object) -> NoReturn:
        raise BuildError(_precedence_hint(other))


@frozen(eq=False, repr=False)
class Value(Expression):
    """Something to compare, calculate with, select, group or order by."""

    __hash__ = Expression.__hash__

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        """`=`; for None and booleans `is null`, `is true`, `is false`.

        `a = true`, which the grammar reads, too, is `F.a == literal(True)`.
        """
        return self._compare("=", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        """`!=`, which drops nulls; use `~(a == b)` to keep them."""
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: object) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Condition:
        return self._compare(">=", other)

    def _compare(self, operator: Any, other: object) -> Condition:
        left = operand(self)
        constant = _constant(other)
        if constant is None:
            return Condition(nodes.Comparison(left, operator, self._literal(other, operator)))
        self._take(constant)
        if isinstance(other, Value):
            return Condition(nodes.Comparison(left, operator, constant))
        if operator not in ("=", "!="):
            msg = f"{other} can only be compared with == and !="
            raise BuildError(msg)
        return Condition(nodes.Is(left, constant, negated=operator == "!="))

    def _literal(self, value: object, operator: str) -> nodes.Expression:  # noqa: ARG002
        """Turn the other side of a comparison into a tree; a field looks at its type first."""
        return operand(value)

    def _take(self, constant: nodes.Boolean | nodes.Null) -> None:
        """Refuse a boolean where this value is known to be none; anything can be null."""
        if type(constant) is nodes.Boolean:
            self._require("boolean")

    def _require(self, *types: str) -> None:
        """Refuse this value where it is known not to be of one of these types."""

    def __add__(self, other: object) -> Value:
        return _arithmetic(self, "+", other)

    def __sub__(self, other: object) -> Value:
        return _arithmetic(self, "-", other)

    def __mul__(self, other: object) -> Value:
        return _arithmetic(self, "*", other)

    def __truediv__(self, other: object) -> Value:
        """Division; by zero it gives null."""
        return _arithmetic(self, "/", other)

    def __radd__(self, other: object) -> Value:
        return _arithmetic(other, "+", self)

    def __rsub__(self, other: object) -> Value:
        return _arithmetic(other, "-", self)

    def __rmul__(self, other: object) -> Value:
        return _arithmetic(other, "*", self)

    def __rtruediv__(self, other: object) -> Value:
        return _arithmetic(other, "/", self)

    def __neg__(self) -> Value:
        return Term(nodes.Negate(operand(self)))

    def like(self, words: str) -> Condition:
        """Match words, ignoring case; `*` may end a word. `%` is no wildcard."""
        self._require("text")
        return Condition(nodes.Like(operand(self), text(words)))

    def between(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """`in [low..high]` for numbers and dates; a bracket facing outwards excludes its bound.

        ODSQL has ranges for fields only; for other values this is two comparisons.
        """
        _check_bounds(bounds)
        refuse_mixed_dates(low, high)
        after = self >= low if bounds[0] == "[" else self > low
        return after & (self <= high if bounds[1] == "]" else self < high)

    def _range(
        self, low: object, high: object, bounds: Bounds, operator: Literal["in", ":"]
    ) -> nodes.InRange:
        include_low, include_high = bounds[0] == "[", bounds[1] == "]"
        lower, upper = self._literal(low, "<"), self._literal(high, "<")
        return nodes.InRange(operand(self), lower, upper, include_low, include_high, operator)

    def colon(self, value: object) -> Condition:
        """`field: value`, the older spelling of `==`; also `field: true` and `field: null`."""
        constant = _constant(value)
        if constant is not None:
            self._take(constant)
        right = self._literal(value, "=") if constant is None else constant
        return Condition(nodes.Comparison(operand(self), ":", right))

    def colon_range(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """`field: [low..high]`, the older spelling of `between`; takes dates as text, too."""
        _check_bounds(bounds)
        refuse_mixed_dates(low, high)
        return Condition(self._range(low, high, bounds, ":"))

    def is_null(self) -> Condition:
        """`is null`."""
        return Condition(nodes.Is(operand(self), nodes.Null()))

    def is_not_null(self) -> Condition:
        """`is not null`."""
        return Condition(nodes.Is(operand(self), nodes.Null(), negated=True))

    def is_true(self) -> Condition:
        """`is true`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(True)))

    def is_false(self) -> Condition:
        """`is false`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(False)))

    def is_not_true(self) -> Condition:
        """`is not true`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(True), negated=True))

    def is_not_false(self) -> Condition:
        """`is not false`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(False), negated=True))

    def as_(self, label: str) -> Item:
        """Give a label, `value as label`, for select and group_by."""
        return Item(_labelled(operand(self), label))

    def asc(self) -> Item:
        """Order by this, smallest first; nulls come last."""
        return Item(nodes.Ordering(operand(self), "asc"))

    def desc(self) -> Item:
        """Order by this, largest first; nulls come last."""
        return Item(nodes.Ordering(operand(self), "desc"))


@frozen(eq=False, repr=False)
class Term(Value):
    """A value that is no field: a literal, a call, arithmetic.

    Beside `FieldValue` and not above it: Python asks a subclass first, and would turn
    `literal(1) < F.a` into `a > 1`.
    """

    __hash__ = Expression.__hash__


@frozen(eq=False, repr=False)
class FieldValue(Value, Condition):
    """A field: a value, and if it is boolean a condition of its own.

    `known` is what the schema says of it; None for fields of `F`, about which nothing is known.
    """

    node: nodes.Field
    known: SchemaField | None = None

    __hash__ = Expression.__hash__

    def _literal(self, value: object, operator: str) -> nodes.Expression:
        if isinstance(value, FieldValue) and self.known is not None:
            value._require(*_comparable(self.known.type))  # noqa: SLF001 - of the same class
        if self.known is None or isinstance(value, Expression):
            return operand(value)
        return typed_literal(self.known, value, operator)

    def _require(self, *types: str) -> None:
        if self.known is not None and self.known.type not in types:
            msg = f"{self.known.name} is of type {self.known.type}, not {' or '.join(types)}"
            raise BuildError(msg)

    def between(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """`in [low..high]` for numbers and dates; a bracket facing outwards excludes its bound."""
        _check_bounds(bounds)
        refuse_mixed_dates(low, high)
        return Condition(self._range(low, high, bounds, "in"))

    def isin(self, values: Iterable[object]) -> Condition:
        """`in (a, b)`, for texts, numbers and booleans; of no values nothing is true, `1 = 2`.

        Raises:
            BuildError: an item is a date, a geometry or null, which ODSQL refuses in a list.
        """
        if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
            msg = f"isin takes a list of values; for one value write == {values!r}"
            raise BuildError(msg)
        if isinstance(values, AbstractSet):
            values = sorted(values, key=repr)  # a set has no order, a query's text should have one
        items = tuple(self._list_item(value) for value in values)
        if not items:
            return Condition(nodes.Comparison(nodes.Number("1"), "=", nodes.Number("2")))
        return Condition(nodes.InList(self.node, items))

    def has(self, value: str | float | Decimal | bool) -> Condition:
        """`value in field`: whether a multivalued field holds the value."""
        if self.known is not None and not self.known.multivalued:
            msg = f"{self.known.name} holds one value, not several; write == instead of has"
            raise BuildError(msg)
        return Condition(nodes.Member(self._list_item(value), self.node))

    def _list_item(self, value: object) -> nodes.Expression:
        item = (
            literals.literal(value)
            if self.known is None or isinstance(value, Expression)
            else typed_literal(self.known, value, "=")
        )
        if isinstance(item, nodes.Date | nodes.Null | nodes.Geometry):
            msg = f"a list takes texts, numbers and booleans, not {value!r}; join == with | instead"
            raise BuildError(msg)
        return item

    def search(self, text: str) -> Condition:
        """Fuzzy full-text search in this field (ODSQL: search)."""
        return Condition(nodes.Call("search", (self.node, literals.text(text))))

    def suggest(self, text: str) -> Condition:
        """Records with a term in this field that begins with `text` (ODSQL: suggest)."""
        return Condition(nodes.Call("suggest", (self.node, literals.text(text))))

    def startswith(self, text: str) -> Condition:
        """The whole value begins with `text`, minding case (ODSQL: startswith)."""
        return Condition(nodes.Call("startswith", (self.node, literals.text(text))))


class Fields:
    """`F.name` and `F["any name"]`; with a schema, of this dataset only."""

    # Two underscores, so that no field is in the way: F._schema is a field.
    __slots__ = ("__schema",)

    def __init__(self, schema: Schema | None = None) -> None:
        """Make the fields of a dataset; without a schema every name is taken."""
        self.__schema = schema

    def __getattr__(self, name: str) -> FieldValue:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> FieldValue:
        if not isinstance(name, str):
            msg = f"a field has a name, not {name!r}"
            raise BuildError(msg)
        node = checked(nodes.Field(literals.plain(name)))
        return FieldValue(node, None if self.__schema is None else _known(self.__schema, name))

    def __repr__(self) -> str:
        return "F" if self.__schema is None else f"<Fields of {self.__schema.dataset_id}>"


def _known(schema: Schema, name: str) -> SchemaField:
    if name in schema.fields:
        return schema.fields[name]
    near = schema.nearest(name)
    suggestion = f"; did you mean {', '.join(near)}?" if near else ""
    msg = f"{schema.dataset_id} has no field {name}{suggestion}"
    raise BuildError(msg)


def _comparable(type_: str) -> tuple[str, ...]:
    """The types of the fields that a field of this type can be compared with."""
    groups = (NUMBER_TYPES, literals.DATE_TYPES)
    return next((group for group in groups if type_ in group), (type_,))


def _check_bounds(bounds: str) -> None:
    if bounds not in ("[]", "[[", "]]", "]["):
        msg = f"bounds are [] or [[ or ]] or ][, not {bounds!r}"
        raise BuildError(msg)


F = Fields()
"""Fields by name: `F.population`, or `F["1_uai"]` for names that are no Python names."""


def condition(text: str) -> Condition:
    """Read a condition from its text, to go on building with it.

    Raises:
        ODSQLSyntaxError: the text is not a condition.
    """
    tree = parse_where(text).condition
    if tree is None:
        msg = "an empty text is no condition"
        raise BuildError(msg)
    return Condition(tree)


def literal(value: object) -> Value:
    """Make a value of a Python value (ODSQL: Lexical rules).

    Takes texts, numbers, booleans, dates, datetimes with a zone, None, and geometries but WKT, for
    which there is `geom`: `literal(2023).as_("year")`; `F.a == literal(True)` is `a = true`, where
    `F.a == True` is `a is true`.

    Raises:
        BuildError: ODSQL has no literal for it.
    """
    return Term(tree(value))


def geom(shape: object) -> Value:
    """Make a geometry a value of its own, `geom'...'` (ODSQL: Lexical rules).

    Takes WKT, WKB in hexadecimal, GeoJSON, (longitude, latitude), and what has
    `__geo_interface__`; longitude comes first. The functions that take geometries do not need it.

    Raises:
        BuildError: this is no geometry.
    """
    return Term(literals.geometry(shape))


def call(function: str, /, *arguments: object, **named: object) -> Any:
    """Make a call with any arguments that the grammar reads (ODSQL: Functions).

    For portals that take more than the reference says: the helpers refuse what it does not have.
    Arguments are expressions, Python values, or `odsql.syntax.nodes` where there is neither:
    `call("facet", name="city", colour="red")`, `call("lower", nodes.Null())`.

    Returns:
        A `Value`, `Condition`, `Grouping`, `Item` or `Expression`, as the function's helper does.

    Raises:
        BuildError: there is no such function, which is a syntax error on portals.
    """
    known = CATALOGUE.get(plain_text(function, "the name of a function").lower())
    if known is None:
        msg = f"there is no function {function}; ODSQL has {', '.join(CATALOGUE)}"
        raise BuildError(msg)
    positional = (_argument(one) for one in arguments)
    by_name = (nodes.Named(name, _argument(one)) for name, one in named.items())
    node = checked(nodes.Call(known.name, (*positional, *by_name)))
    kind = "predicate" if known.kind == "distance" and len(node.arguments) > 2 else known.kind
    return _WRAPPERS.get(kind, Term)(node)


_WRAPPERS: dict[str, type[Expression]] = {
    "predicate": Condition,
    "mode": Condition,
    "grouping": Grouping,
    "selection": Item,
    "facet": Expression,
}
"""What holds the call of a function, by its kind; the others are values."""


def _argument(value: object) -> Any:
    return value if isinstance(value, nodes.Node) else tree(value)


# ---------------------------------------------------------------- wrappers -> trees


def tree(value: object) -> nodes.Expression:
    """Take the tree of a value, or make a literal of a Python value."""
    if not isinstance(value, Expression):
        return literals.literal(value)
    if isinstance(value, Value):
        return cast("nodes.Expression", value.node)
    msg = f"{value} is {_what(value)}, not a value"
    raise BuildError(msg)


def operand(value: object) -> nodes.Expression:
    """Take what `tree` takes, but for null and booleans, which most places have no room for."""
    constant = _constant(value)
    if constant is None:
        return tree(value)
    word = constant.value if isinstance(constant, nodes.Boolean) else None
    msg = f"{word} cannot stand here; for a field write F.a == {word}"
    raise BuildError(msg)


def _constant(value: object) -> nodes.Boolean | nodes.Null | None:
    """Return the tree of None, of a boolean, or of a literal of them; None for anything else."""
    if isinstance(value, Value):
        return value.node if isinstance(value.node, nodes.Boolean | nodes.Null) else None
    if value is None:
        return nodes.Null()
    return nodes.Boolean(bool(value)) if isinstance(value, bool) else None


def _labelled(expression: nodes.Expression, label: object) -> nodes.Labelled:
    return checked(nodes.Labelled(expression, plain_text(label, "a label")))


def _condition(expression: object) -> Any:
    if isinstance(expression, FieldValue):
        expression._require("boolean")  # noqa: SLF001 - of the same module
    if isinstance(expression, Condition):
        return expression.node
    if not isinstance(expression, Expression):
        raise BuildError(_precedence_hint(expression))
    msg = f"{expression} is {_what(expression)}, not a condition; compare it with something"
    raise BuildError(msg)


def _what(expression: Expression) -> str:
    if isinstance(expression, Condition):
        return "a condition"
    return "a value" if isinstance(expression, Value) else "a labelled or ordered item"


def _precedence_hint(other: object) -> str:
    return (
        f"{other!r} is not a condition: & and | bind tighter than comparisons, so put each side in "
        "parentheses, (F.a == 1) & (F.b == 2)"
    )


def _arithmetic(left: object, operator: str, right: object) -> Value:
    operands = []
    for one in (left, right):
        if not isinstance(one, Value | numbers.Real | Decimal) or isinstance(one, bool):
            msg = f"cannot calculate with {one!r}"
            raise BuildError(msg)
        if isinstance(one, FieldValue):
            one._require(*NUMBER_TYPES)  # noqa: SLF001 - of the same module
        operands.append(operand(one))
    return Term(nodes.Arithmetic(tuple(operands), (operator,)))
