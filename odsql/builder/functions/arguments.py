"""Arguments of the functions: calls, fields, geometries and distances, checked."""

from __future__ import annotations

import datetime
import numbers
from decimal import Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, cast

from odsql.builder import literals
from odsql.builder.expressions import (
    Condition,
    Expression,
    F,
    FieldValue,
    Term,
    Value,
    operand,
    tree,
)
from odsql.builder.literals import family, quantity
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import CATALOGUE, DISTANCE_UNITS, FIELD_TYPES

if TYPE_CHECKING:
    from odsql.syntax.functions import Parameter

__all__ = [
    "AnyField",
    "condition_call",
    "distance_of",
    "family_of",
    "field_of",
    "function_call",
    "refuse_name",
    "shape_of",
    "star_or_field",
    "value_call",
]

AnyField = FieldValue | str


def value_call(name: str, *arguments: object) -> Term:
    """Call a function that returns a value."""
    return Term(function_call(name, arguments))


def condition_call(name: str, *arguments: object) -> Condition:
    """Call a function that returns a condition."""
    return Condition(function_call(name, arguments))


def function_call(name: str, arguments: tuple[object, ...]) -> nodes.Call:
    """Build a call from trees, expressions and Python values, and check known types."""
    function = CATALOGUE[name]
    single = takewhile(lambda one: not one.repeated, function.parameters)
    for parameter, argument in zip(single, arguments, strict=False):
        _check_argument(name, parameter, argument)
    take = tree if function.kind == "scalar" else operand  # only these accept null
    trees = tuple(one if isinstance(one, nodes.Node) else take(one) for one in arguments)
    return nodes.Call(name, cast("tuple[nodes.Expression, ...]", trees))


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (numbers.Real, Decimal),
    "date": (datetime.date,),
}
_PYTHON_NAMES = {name: f"{name}_" for name in ("max", "min", "range", "sum")}


def _check_argument(name: str, parameter: Parameter, value: object) -> None:
    """Refuse a field or a Python value of a type that the parameter does not accept."""
    if isinstance(value, FieldValue):
        _check_field(name, parameter, value)
        return
    kinds = [one for one in _PYTHON_TYPES if set(FIELD_TYPES[one]) <= set(parameter.field_types)]
    if not kinds or isinstance(value, Expression | nodes.Node):
        return
    if "text" not in kinds:
        refuse_name(name, value)
    types = tuple(one for kind in kinds for one in _PYTHON_TYPES[kind])
    if not isinstance(value, types) or isinstance(value, bool):
        msg = f"{name} takes a {' or '.join(kinds)} value, not {shown(value)}"
        raise BuildError(msg)


def _check_field(name: str, parameter: Parameter, field: FieldValue) -> None:
    wanted = parameter.field_types
    if field.known is not None and wanted and field.known.type not in wanted:
        msg = (
            f"{name} takes {' or '.join(wanted)}; {field.known.name} is of type {field.known.type}"
        )
        raise BuildError(msg)


def refuse_name(name: str, value: object) -> None:
    """Refuse a string, which is more likely the name of a field."""
    if isinstance(value, str):
        helper = _PYTHON_NAMES.get(name, name)
        msg = f"{shown(value)} is a string; for the field write {helper}(F[{shown(value)}])"
        raise BuildError(msg)


def field_of(field: AnyField) -> FieldValue:
    """Return the field; accepts its name."""
    if isinstance(field, str):
        field = F[field]
    if not isinstance(field, FieldValue):
        msg = f"{shown(field)} is not a field; write F.name"
        raise BuildError(msg)
    return field


def star_or_field(field: AnyField) -> nodes.Star | FieldValue:
    """Return the field, or `*`; accepts the name of a field and `"*"`."""
    return nodes.Star() if isinstance(field, str) and field == "*" else field_of(field)


def shape_of(value: object) -> Value | nodes.Geometry:
    """Return the geometry, or an expression such as a field that holds one."""
    return value if isinstance(value, Value) else literals.geometry(value)


def distance_of(radius: str | Value) -> Value | nodes.Quantity:
    """Return the distance, or an expression in its place: a field, `literal(1000)`."""
    if isinstance(radius, Value):
        return radius
    if isinstance(radius, numbers.Real | Decimal) and not isinstance(radius, bool):
        msg = f'{radius} has no unit; write "{radius}m" or "{radius}km"'
        raise BuildError(msg)
    measured = quantity(radius)
    if measured.unit.lower() not in DISTANCE_UNITS:
        msg = f"{shown(radius)} is not a distance; the units are {', '.join(DISTANCE_UNITS)}"
        raise BuildError(msg)
    return measured


def family_of(value: object) -> str | None:
    """Return the kind of a value if it is known: text, number, date, boolean or geo."""
    return family(tree(value), value.known if isinstance(value, FieldValue) else None)
