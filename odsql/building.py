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
of the filter, so they raise and say what to write.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from attrs import frozen

from odsql import nodes
from odsql.errors import BuildError
from odsql.parsing import parse_where
from odsql.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odsql.schema import Schema, SchemaField

__all__ = [
    "Condition",
    "Expression",
    "F",
    "FieldValue",
    "Fields",
    "Item",
    "Value",
    "condition",
    "literal",
]

Bounds = Literal["[]", "[[", "]]", "]["]

_OPERATOR_HINT = (
    "an ODSQL expression has no truth value: write & for and, | for or, ~ for not, each side in "
    "parentheses, and F.a.between(1, 5) for 1 <= F.a <= 5"
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

    def __hash__(self) -> int:
        return hash(self.node)

    def equals(self, other: Expression) -> bool:
        """Whether both say the same; `==` builds a comparison instead."""
        return self.node == other.node


@frozen(eq=False, repr=False)
class Item(Expression):
    """A finished entry of select, group_by or order_by: labelled, or with a direction."""


@frozen(eq=False, repr=False)
class Condition(Expression):
    """Something that is true or false for a record."""

    def __and__(self, other: Condition) -> Condition:
        return Condition(nodes.And((_condition(self), _condition(other))))

    def __or__(self, other: Condition) -> Condition:
        return Condition(nodes.Or((_condition(self), _condition(other))))

    def __invert__(self) -> Condition:
        """NOT: the exact complement, records with null included."""
        return Condition(nodes.Not(_condition(self)))

    def __rand__(self, other: object) -> NoReturn:
        raise BuildError(_precedence_hint(other))

    def __ror__(self, other: object) -> NoReturn:
        raise BuildError(_precedence_hint(other))


@frozen(eq=False, repr=False)
class Value(Expression):
    """Something to compare, calculate with, select, group or order by."""

    __hash__ = Expression.__hash__

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        """`=`; for None and booleans `is null`, `is true`, `is false`."""
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
        left = _value(self)
        if other is None or isinstance(other, bool):
            if operator not in ("=", "!="):
                msg = f"{other} can only be compared with == and !="
                raise BuildError(msg)
            constant = nodes.Null() if other is None else nodes.Boolean(other)
            return Condition(nodes.Is(left, constant, negated=operator == "!="))
        return Condition(nodes.Comparison(left, operator, self._literal(other, operator)))

    def _literal(self, value: object, operator: str) -> nodes.Expression:  # noqa: ARG002
        """Turn the other side of a comparison into a tree; a field looks at its type first."""
        return literal(value)

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
        return Value(nodes.Negate(_value(self)))

    def like(self, words: str) -> Condition:
        """Match words, ignoring case; `*` may end a word. `%` is no wildcard."""
        return Condition(nodes.Like(_value(self), _text(words)))

    def between(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """`in [low..high]` for numbers and dates; a bracket facing outwards excludes its bound."""
        _check_bounds(bounds)
        _refuse_mixed_zones(low, high)
        return Condition(self._range(low, high, bounds, "in"))

    def _range(
        self, low: object, high: object, bounds: Bounds, operator: Literal["in", ":"]
    ) -> nodes.InRange:
        include_low, include_high = bounds[0] == "[", bounds[1] == "]"
        lower, upper = self._literal(low, "<"), self._literal(high, "<")
        return nodes.InRange(_value(self), lower, upper, include_low, include_high, operator)

    def colon(self, value: object) -> Condition:
        """`field: value`, the older spelling of `==`."""
        return Condition(nodes.Comparison(_value(self), ":", self._literal(value, "=")))

    def colon_range(self, low: object, high: object, *, bounds: Bounds = "[]") -> Condition:
        """`field: [low..high]`, the older spelling of `between`; takes dates as text, too."""
        _check_bounds(bounds)
        return Condition(self._range(low, high, bounds, ":"))

    def is_null(self) -> Condition:
        """`is null`."""
        return Condition(nodes.Is(_value(self), nodes.Null()))

    def is_not_null(self) -> Condition:
        """`is not null`."""
        return Condition(nodes.Is(_value(self), nodes.Null(), negated=True))

    def is_true(self) -> Condition:
        """`is true`."""
        return Condition(nodes.Is(_value(self), nodes.Boolean(True)))

    def is_false(self) -> Condition:
        """`is false`."""
        return Condition(nodes.Is(_value(self), nodes.Boolean(False)))

    def is_not_true(self) -> Condition:
        """`is not true`."""
        return Condition(nodes.Is(_value(self), nodes.Boolean(True), negated=True))

    def is_not_false(self) -> Condition:
        """`is not false`."""
        return Condition(nodes.Is(_value(self), nodes.Boolean(False), negated=True))

    def as_(self, label: str) -> Item:
        """Give a label, `value as label`, for select and group_by."""
        return Item(_checked(nodes.Labelled(_value(self), label)))

    def asc(self) -> Item:
        """Order by this, smallest first; nulls come last."""
        return Item(nodes.Ordering(_value(self), "asc"))

    def desc(self) -> Item:
        """Order by this, largest first; nulls come last."""
        return Item(nodes.Ordering(_value(self), "desc"))


@frozen(eq=False, repr=False)
class FieldValue(Value, Condition):
    """A field: a value, and if it is boolean a condition of its own.

    `known` is what the schema says of it; None for fields of `F`, about which nothing is known.
    """

    node: nodes.Field
    known: SchemaField | None = None

    __hash__ = Expression.__hash__

    def _literal(self, value: object, operator: str) -> nodes.Expression:
        if self.known is None or isinstance(value, Expression):
            return literal(value)
        return typed_literal(self.known, value, operator)

    def isin(self, values: Iterable[object]) -> Condition:
        """`in (a, b)`, for texts, numbers and booleans; of no values nothing is true, `1 = 2`.

        Raises:
            BuildError: an item is a date or null, which ODSQL refuses in a list.
        """
        if isinstance(values, str):
            msg = f"isin takes a list of values; for one text write == {values!r}"
            raise BuildError(msg)
        items = tuple(self._list_item(value) for value in values)
        if not items:
            return Condition(nodes.Comparison(nodes.Number("1"), "=", nodes.Number("2")))
        return Condition(nodes.InList(self.node, items))

    def has(self, value: str | float | Decimal | bool) -> Condition:
        """`value in field`: whether a multivalued field holds the value."""
        if self.known is not None and not self.known.multivalued:
            msg = f"{self.known.name} holds one value, not several; write == instead of has"
            raise BuildError(msg)
        return Condition(nodes.Member(_list_item(value), self.node))

    def _list_item(self, value: object) -> nodes.Expression:
        item = _list_item(value)
        return item if self.known is None else typed_literal(self.known, value, "=")

    def search(self, text: str) -> Condition:
        """Fuzzy full-text search in this field (ODSQL: search)."""
        return Condition(nodes.Call("search", (self.node, _text(text))))

    def suggest(self, text: str) -> Condition:
        """Records with a term in this field that begins with `text` (ODSQL: suggest)."""
        return Condition(nodes.Call("suggest", (self.node, _text(text))))

    def startswith(self, text: str) -> Condition:
        """The whole value begins with `text`, minding case (ODSQL: startswith)."""
        return Condition(nodes.Call("startswith", (self.node, _text(text))))


class Fields:
    """`F.name` and `F["any name"]`; with a schema, of this dataset only."""

    __slots__ = ("_schema",)

    def __init__(self, schema: Schema | None = None) -> None:
        """Make the fields of a dataset; without a schema every name is taken."""
        self._schema = schema

    def __getattr__(self, name: str) -> FieldValue:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> FieldValue:
        node = _checked(nodes.Field(name))
        return FieldValue(node, None if self._schema is None else _known(self._schema, name))

    def __repr__(self) -> str:
        return "F" if self._schema is None else f"<Fields of {self._schema.dataset_id}>"


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


# ---------------------------------------------------------------- literals of known type

_ISO_DATE = re.compile(r"[0-9]{4}(?:-?[0-9]{2}(?:-?[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?")
_NUMBERS = ("int", "double")
_DATES = ("date", "datetime")


def _known(schema: Schema, name: str) -> SchemaField:
    if name in schema.fields:
        return schema.fields[name]
    near = schema.nearest(name)
    suggestion = f"; did you mean {', '.join(near)}?" if near else ""
    msg = f"{schema.dataset_id} has no field {name}{suggestion}"
    raise BuildError(msg)


def typed_literal(known: SchemaField, value: object, operator: str) -> nodes.Expression:
    """Turn a Python value into the literal that a field of this type is compared with.

    The types are those of the server's own check (IncompatibleTypesInComparisonFilter): a date
    field takes dates, a text field no order, a number field no text.

    Raises:
        BuildError: the field cannot be compared with this value, or not with this operator.
    """
    if known.type in _DATES:
        return _date_literal(known, value)
    if known.type in _NUMBERS and isinstance(value, int | float | Decimal):
        return _number(value)
    if known.type == "boolean" and isinstance(value, bool):
        return nodes.Boolean(value)
    if known.type == "text" and isinstance(value, str):
        if operator not in ("=", "!="):
            msg = f"{known.name} is text, which portals compare for equality only, not with order"
            raise BuildError(msg)
        return _text(value)
    msg = f"{known.name} is of type {known.type}; {value!r} is not"
    raise BuildError(msg)


def _date_literal(known: SchemaField, value: object) -> nodes.Date:
    if isinstance(value, datetime.date):
        return nodes.Date(_iso(value))
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        return nodes.Date(value)
    msg = f'{known.name} is a {known.type}; {value!r} is not (a year alone is a text: "2024")'
    raise BuildError(msg)


# ---------------------------------------------------------------- Python values -> literals


def literal(value: object) -> nodes.Expression:
    """Turn a Python value into a tree: an expression, str, number, date or aware datetime.

    Raises:
        BuildError: ODSQL has no literal for the value: NaN, infinities, a datetime without zone.
    """
    if isinstance(value, Expression):
        node: nodes.Expression = _value(value)
        return node
    if isinstance(value, bool):
        return nodes.Boolean(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, datetime.date):
        return nodes.Date(_iso(value))
    if value is None:
        return nodes.Null()
    hint = "; for one of several values use isin" if isinstance(value, list | tuple | set) else ""
    msg = f"ODSQL has no literal for {type(value).__name__} {value!r}{hint}"
    raise BuildError(msg)


def geom(value: object) -> nodes.Geometry:
    """Turn WKT, a GeoJSON mapping or anything with `__geo_interface__` into a geometry literal.

    Longitude comes first, as in WKT and GeoJSON.

    Raises:
        BuildError: the value is none of these.
    """
    if isinstance(value, nodes.Geometry):
        return value
    value = getattr(value, "__geo_interface__", value)
    if isinstance(value, Mapping):
        return nodes.Geometry(_geojson(value))
    if isinstance(value, str) and re.match(r"\s*[A-Za-z{]|\s*0[01]", value):
        return _checked(nodes.Geometry(value))
    if isinstance(value, tuple) and len(value) == 2:
        longitude, latitude = (render(_number(one)) for one in value)
        return nodes.Geometry(f"POINT({longitude} {latitude})")
    msg = f"no geometry: {value!r}; give WKT, GeoJSON or (longitude, latitude)"
    raise BuildError(msg)


def _geojson(value: Mapping[Any, Any]) -> str:
    import json  # only geometries need it

    if value.get("type") == "Feature":
        value = value.get("geometry") or {}
    if "type" not in value:
        msg = "a GeoJSON geometry has a type and coordinates"
        raise BuildError(msg)
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = f"not a GeoJSON geometry: {error}"
        raise BuildError(msg) from None


def quantity(value: object) -> nodes.Quantity:
    """Read a distance or an interval from text: `"10km"`, `"1 day"`.

    Raises:
        BuildError: the text is not a number and a unit.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*", str(value))
    if match is None:
        msg = f'{value!r} is not a number with a unit, such as "10km" or "1 day"'
        raise BuildError(msg)
    return _checked(nodes.Quantity(nodes.Number(match[1]), match[2]))


def _number(value: float | Decimal) -> nodes.Expression:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        msg = f"{value!r} is not a number"
        raise BuildError(msg)
    exact = Decimal(str(value))
    if not exact.is_finite():
        msg = f"ODSQL has no literal for {value}"
        raise BuildError(msg)
    text = f"{exact:f}"
    number = nodes.Number(text.removeprefix("-"))
    return nodes.Negate(number) if text.startswith("-") else number


def _text(value: str) -> nodes.Text:
    if not isinstance(value, str):
        msg = f"{value!r} is not a text"
        raise BuildError(msg)
    return _checked(nodes.Text(str(value)))


def _iso(value: datetime.date) -> str:
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        msg = f"{value!r} has no time zone; add one, for example .replace(tzinfo=datetime.UTC)"
        raise BuildError(msg)
    return value.isoformat()


def _check_bounds(bounds: str) -> None:
    if bounds not in ("[]", "[[", "]]", "]["):
        msg = f"bounds are [] or [[ or ]] or ][, not {bounds!r}"
        raise BuildError(msg)


def _refuse_mixed_zones(low: object, high: object) -> None:
    kinds = {type(one) for one in (low, high) if isinstance(one, datetime.date)}
    if len(kinds) > 1:
        msg = "one bound is a day and the other a time; give two dates or two datetimes"
        raise BuildError(msg)


def _list_item(value: object) -> nodes.Expression:
    if value is None or isinstance(value, datetime.date | Expression):
        msg = f"a list takes texts, numbers and booleans, not {value!r}; join == with | instead"
        raise BuildError(msg)
    return literal(value)


# ---------------------------------------------------------------- wrappers -> trees


N = TypeVar("N", bound=nodes.Node)


def _checked(node: N) -> N:
    """Make sure now, where the mistake is made, that a name or a text can be written."""
    try:
        render(node)
    except ValueError as error:
        raise BuildError(str(error)) from None
    return node


def _value(expression: Expression) -> Any:
    if isinstance(expression, Value):
        return expression.node
    msg = f"{expression} is {_what(expression)}, not a value"
    raise BuildError(msg)


def _condition(expression: object) -> Any:
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
    for operand in (left, right):
        if not isinstance(operand, Value | int | float | Decimal) or isinstance(operand, bool):
            msg = f"cannot calculate with {operand!r}"
            raise BuildError(msg)
        operands.append(literal(operand))
    return Value(nodes.Arithmetic(tuple(operands), (operator,)))
