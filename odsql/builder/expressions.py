"""The builder: Python expressions that become ODSQL trees.

    from odsql import F
    (F.population > 100_000) & F.country_code.isin(["FR", "BE"])

`F.name` is a field. Operators keep their Python meaning; everything without an operator is a
method. The result is the tree that the parser would build, in one of three wrappers:

* `Value`: something to compare, calculate with, select, group by or order by.
* `Condition`: something that is true or false; combines with `& | ~`.
* `FieldValue`: a field, which ODSQL accepts as both.

`Fields(schema)` is `F` for a dataset with known fields: literals follow the type of the field, and
a misspelt name or a wrong type raises an error at once.

A wrapper has no truth value. `if`, `and`, `or`, `not` and `1 < F.a < 5` would silently drop a part
of the filter, so they raise an error that says what to write. Sets and dicts compare their keys
with `==`, which builds a comparison here, so a wrapper is not hashable.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
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
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import CATALOGUE
from odsql.syntax.parsing import parse_where
from odsql.syntax.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Never

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
    "an ODSQL expression has no truth value; write & for and, | for or, ~ for not, with each side "
    "in parentheses, and F.a.between(1, 5) for 1 <= F.a <= 5"
)
_HASH_HINT = (
    "an ODSQL expression cannot be in a set or a key of a dict, because == builds a comparison; "
    "use a list, or expression.node, which is hashable"
)


@frozen(eq=False, repr=False)
class Expression:
    """A wrapper around a tree. `str()` returns its ODSQL text."""

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
        """Return whether both have the same tree; `==` builds a comparison instead.

        Raises:
            BuildError: `other` is not an expression.
        """
        if not isinstance(other, Expression):
            msg = f"equals compares two expressions; {shown(other)} is not one"
            raise BuildError(msg)
        return self.node == other.node


@frozen(eq=False, repr=False)
class Item(Expression):
    """A finished entry of select, group_by or order_by, for example with a label or a direction."""


@frozen(eq=False, repr=False)
class Grouping(Expression):
    """Something to group by and nothing else: `range` and `geo_cluster`."""

    def as_(self, label: str) -> Item:
        """Add a label, for group_by."""
        return Item(_labelled(cast("nodes.Expression", self.node), label))


@frozen(eq=False, repr=False)
class Condition(Expression):
    """Something that is true or false for a record."""

    __hash__ = Expression.__hash__

    def __eq__(self, other: object) -> Any:
        """Refuse: ODSQL cannot compare conditions; to compare two in Python use `equals`."""
        msg = "a condition cannot be compared; to test whether two are the same, write a.equals(b)"
        raise BuildError(msg)

    def __and__(self, other: Condition) -> Condition:
        return Condition(nodes.And((_condition(self), _condition(other))))

    def __or__(self, other: Condition) -> Condition:
        return Condition(nodes.Or((_condition(self), _condition(other))))

    def __invert__(self) -> Condition:
        """NOT: the exact complement, including records with null; a double NOT is dropped."""
        inner = _condition(self)
        return Condition(inner.operand if type(inner) is nodes.Not else nodes.Not(inner))

    def __rand__(self, other: Never) -> NoReturn:
        raise BuildError(_precedence_hint(other))

    def __ror__(self, other: Never) -> NoReturn:
        raise BuildError(_precedence_hint(other))


@frozen(eq=False, repr=False)
class Value(Expression):
    """Something to compare, calculate with, select, group or order by."""

    __hash__ = Expression.__hash__

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        """Build `=`; for None and booleans `is null`, `is true`, `is false`.

        `F.a == literal(True)` builds `a = true`, which the grammar accepts, too.
        """
        return self._compare("=", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        """Build `!=`, which drops nulls; use `~(a == b)` to keep them."""
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
        """Return the tree of the other side of a comparison; a field checks its type first."""
        return operand(value)

    def _take(self, constant: nodes.Boolean | nodes.Null) -> None:
        """Refuse a boolean if this value is known to be of another type; anything can be null."""
        if type(constant) is nodes.Boolean:
            self._require("boolean")

    def _require(self, *types: str) -> None:
        """Refuse this value if it is known to be of none of these types."""

    def __add__(self, other: object) -> Term:
        return _arithmetic(self, "+", other)

    def __sub__(self, other: object) -> Term:
        return _arithmetic(self, "-", other)

    def __mul__(self, other: object) -> Term:
        return _arithmetic(self, "*", other)

    def __truediv__(self, other: object) -> Term:
        """Divide; a division by zero gives null."""
        return _arithmetic(self, "/", other)

    def __radd__(self, other: object) -> Term:
        return _arithmetic(other, "+", self)

    def __rsub__(self, other: object) -> Term:
        return _arithmetic(other, "-", self)

    def __rmul__(self, other: object) -> Term:
        return _arithmetic(other, "*", self)

    def __rtruediv__(self, other: object) -> Term:
        return _arithmetic(other, "/", self)

    def __neg__(self) -> Term:
        return Term(nodes.Negate(operand(self)))

    def like(self, words: str) -> Condition:
        """Match words, ignoring case; `*` may end a word. `%` is not a wildcard."""
        self._require("text")
        return Condition(nodes.Like(operand(self), text(words)))

    def between(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """Build `in [low..high]` for numbers and dates; an outward bracket excludes its bound.

        ODSQL has ranges for fields only; for other values this builds two comparisons.
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
        """Build `field: value`, the older spelling of `==`; also `field: true`, `field: null`."""
        constant = _constant(value)
        if constant is not None:
            self._take(constant)
        right = self._literal(value, "=") if constant is None else constant
        return Condition(nodes.Comparison(operand(self), ":", right))

    def colon_range(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """Build `field: [low..high]`, the older `between`; also accepts dates as strings."""
        _check_bounds(bounds)
        refuse_mixed_dates(low, high)
        return Condition(self._range(low, high, bounds, ":"))

    def is_null(self) -> Condition:
        """Build `is null`."""
        return Condition(nodes.Is(operand(self), nodes.Null()))

    def is_not_null(self) -> Condition:
        """Build `is not null`."""
        return Condition(nodes.Is(operand(self), nodes.Null(), negated=True))

    def is_true(self) -> Condition:
        """Build `is true`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(True)))

    def is_false(self) -> Condition:
        """Build `is false`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(False)))

    def is_not_true(self) -> Condition:
        """Build `is not true`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(True), negated=True))

    def is_not_false(self) -> Condition:
        """Build `is not false`."""
        self._require("boolean")
        return Condition(nodes.Is(operand(self), nodes.Boolean(False), negated=True))

    def as_(self, label: str) -> Item:
        """Add a label, `value as label`, for select and group_by."""
        return Item(_labelled(operand(self), label))

    def asc(self) -> Item:
        """Order by this value, smallest first; nulls come last."""
        return Item(nodes.Ordering(operand(self), "asc"))

    def desc(self) -> Item:
        """Order by this value, largest first; nulls come last."""
        return Item(nodes.Ordering(operand(self), "desc"))


@frozen(eq=False, repr=False)
class Term(Value):
    """A value that is not a field: a literal, a call, arithmetic.

    A sibling of `FieldValue`, not its parent: Python tries the operator of a subclass first, and
    would turn `literal(1) < F.a` into `a > 1`.
    """

    __hash__ = Expression.__hash__


@frozen(eq=False, repr=False)
class FieldValue(Value, Condition):
    """A field: a value and, if it is boolean, also a condition.

    `known` is its entry in the schema; None for fields of `F`, which has no schema.
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
        """Build `in [low..high]` for numbers and dates; an outward bracket excludes its bound."""
        _check_bounds(bounds)
        refuse_mixed_dates(low, high)
        return Condition(self._range(low, high, bounds, "in"))

    def isin(self, values: Iterable[object]) -> Condition:
        """Build `in (a, b)` for text, numbers and booleans; without values `1 = 2`, which is false.

        Raises:
            BuildError: an item is a date, a geometry or null, which ODSQL refuses in a list.
        """
        if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
            msg = f"isin takes a list of values; for one value write == {shown(values)}"
            raise BuildError(msg)
        if isinstance(values, AbstractSet):
            values = sorted(values, key=repr)  # a set has no order, but the text of a query should
        items = tuple(self._list_item(value) for value in values)
        if not items:
            return Condition(nodes.Comparison(nodes.Number("1"), "=", nodes.Number("2")))
        return Condition(nodes.InList(self.node, items))

    def has(self, value: str | float | Decimal | bool) -> Condition:
        """Build `value in field`: the multivalued field contains the value."""
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
            msg = f"a list takes text, numbers and booleans, not {shown(value)}; join == with |"
            raise BuildError(msg)
        return item

    def search(self, text: str) -> Condition:
        """Match records by a fuzzy full-text search in this field (ODSQL: search)."""
        return Condition(nodes.Call("search", (self.node, literals.text(text))))

    def suggest(self, text: str) -> Condition:
        """Match records with a term in this field that begins with `text` (ODSQL: suggest)."""
        return Condition(nodes.Call("suggest", (self.node, literals.text(text))))

    def startswith(self, text: str) -> Condition:
        """Match records whose whole value begins with `text`; case matters (ODSQL: startswith)."""
        return Condition(nodes.Call("startswith", (self.node, literals.text(text))))


class Fields:
    """`F.name` and `F["any name"]`; with a schema, only the fields of its dataset."""

    # Two underscores, so that the name clashes with no field: F._schema is a field.
    __slots__ = ("__schema",)

    def __init__(self, schema: Schema | None = None) -> None:
        """Create the fields of a dataset; without a schema every name is accepted."""
        if schema is not None and not isinstance(getattr(schema, "fields", None), Mapping):
            msg = f"the fields need an odsql.Schema, not {shown(schema)}"
            raise BuildError(msg)
        self.__schema = schema

    def __getattr__(self, name: str) -> FieldValue:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> FieldValue:
        if not isinstance(name, str):
            msg = f"the name of a field must be a string, not {shown(name)}"
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
    """Return the types of the fields that a field of this type can be compared with."""
    groups = (NUMBER_TYPES, literals.DATE_TYPES)
    return next((group for group in groups if type_ in group), (type_,))


def _check_bounds(bounds: str) -> None:
    if bounds not in ("[]", "[[", "]]", "]["):
        msg = f"bounds must be [], [[, ]] or ][, not {shown(bounds)}"
        raise BuildError(msg)


F = Fields()
"""Fields by name: `F.population`, or `F["1_uai"]` for names that are not Python identifiers."""


def condition(text: str) -> Condition:
    """Parse a condition, to combine it with built ones.

    Raises:
        ODSQLSyntaxError: the text is not a condition.
        BuildError: the text is empty.
    """
    tree = parse_where(text).condition
    if tree is None:
        msg = "an empty string is not a condition"
        raise BuildError(msg)
    return Condition(tree)


def literal(value: object) -> Term:
    """Turn a Python value into an expression (ODSQL: Lexical rules).

    Accepts strings, numbers, booleans, dates, datetimes with a time zone, None, and geometries
    except WKT, which `geom` accepts: `literal(2023).as_("year")`. `F.a == literal(True)` is
    `a = true`, whereas `F.a == True` is `a is true`.

    Raises:
        BuildError: ODSQL has no literal for the value.
    """
    return Term(tree(value))


def geom(shape: object) -> Term:
    """Turn a geometry into an expression, `geom'...'` (ODSQL: Lexical rules).

    Accepts WKT, WKB in hexadecimal, GeoJSON, (longitude, latitude), and objects with
    `__geo_interface__`; longitude comes first. Functions that take geometries also accept all of
    these directly.

    Raises:
        BuildError: `shape` is not a geometry.
    """
    return Term(literals.geometry(shape))


def call(function: str, /, *arguments: object, **named: object) -> Any:
    """Call a function with any arguments that the grammar accepts (ODSQL: Functions).

    For portals that accept more than the reference, to which the helpers keep. Arguments are
    expressions, Python values, or nodes of `odsql.nodes` for anything else:
    `call("facet", name="city", colour="red")`, `call("lower", nodes.Null())`.

    Returns:
        A `Value`, `Condition`, `Grouping`, `Item` or `Expression`, as the function's helper does.

    Raises:
        BuildError: the function does not exist, which is a syntax error on portals.
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
"""The wrapper for the call of a function, by its kind; the others are values."""


def _argument(value: object) -> Any:
    return value if isinstance(value, nodes.Node) else tree(value)


# ---------------------------------------------------------------- wrappers -> trees


def tree(value: object) -> nodes.Expression:
    """Return the tree of a value, or make a literal of a Python value."""
    if not isinstance(value, Expression):
        return literals.literal(value)
    if isinstance(value, Value):
        return cast("nodes.Expression", value.node)
    msg = f"{value} is {_what(value)}, not a value"
    raise BuildError(msg)


def operand(value: object) -> nodes.Expression:
    """Return what `tree` returns, but refuse null and booleans, which most places do not allow."""
    constant = _constant(value)
    if constant is None:
        return tree(value)
    word = constant.value if isinstance(constant, nodes.Boolean) else None
    msg = f"{word} is not allowed here; to test a field write F.a == {word}"
    raise BuildError(msg)


def _constant(value: object) -> nodes.Boolean | nodes.Null | None:
    """Return the node of None, of a boolean, or of a literal of these; None for anything else."""
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
        f"{shown(other)} is not a condition: & and | bind tighter than comparisons, so put each "
        "side in parentheses, (F.a == 1) & (F.b == 2)"
    )


def _arithmetic(left: object, operator: str, right: object) -> Term:
    operands = []
    for one in (left, right):
        if not isinstance(one, Value | numbers.Real | Decimal) or isinstance(one, bool):
            msg = f"cannot calculate with {shown(one)}"
            raise BuildError(msg)
        if isinstance(one, FieldValue):
            one._require(*NUMBER_TYPES)  # noqa: SLF001 - of the same module
        operands.append(operand(one))
    return Term(nodes.Arithmetic(tuple(operands), (operator,)))
