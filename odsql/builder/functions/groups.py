"""Groupings (ODSQL: Grouping)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.builder.expressions import Bounds, FieldValue, Grouping, operand
from odsql.builder.functions.arguments import AnyField, field_of, function_call
from odsql.builder.literals import family, number, quantity, typed_literal, whole_number
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import INTERVAL_UNITS, SINGLE_INTERVAL_UNITS

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["geo_cluster", "range_", "static_range"]


def range_(field: AnyField, *steps: object) -> Grouping:
    """Group by ranges of a number or date field (ODSQL: Grouping, range).

    Allowed in `group_by` only: `range_(F.capacity, 15)`, `range_(F.date, "1 month")` or
    `range_(F.capacity, "*", 10, 20, "*")`.

    Args:
        field: the number or date field, or its name.
        steps: for a number field a width; for a date field an interval, a whole number and a unit
            from millisecond to year, where "m" is minute and "M" month; for either, two or more
            numbers or dates, where "*" leaves an end open.

    Raises:
        BuildError: the steps are none of these, or do not suit the type of the field.
    """
    subject = field_of(field)
    taken = tuple(_step(subject, step) for step in steps)
    wanted = _check_steps(taken)
    made = function_call("range", (subject, *taken))
    if subject.known is not None and wanted not in (None, family(subject.node, subject.known)):
        takes = "an interval or dates" if wanted == "number" else "a width or numbers"
        msg = f"{subject.known.name} is of type {subject.known.type}, for which range takes {takes}"
        raise BuildError(msg)
    return Grouping(made)


def static_range(*steps: object, bounds: Bounds = "[]") -> nodes.StaticRange:
    """Write the steps of `range_` in brackets (ODSQL: Grouping, range).

    The older spelling of "*" at an end: `range_(F.a, static_range(1, 2, bounds="]["))` is
    `range(a, ]1, 2[)`.

    Args:
        steps: the steps, numbers or dates.
        bounds: the brackets; one that faces outwards opens its side.

    Raises:
        BuildError: there are no steps, a step is null or a boolean, or `bounds` are not brackets.
    """
    if not steps or bounds not in ("[]", "[[", "]]", "]["):
        msg = f"static_range needs steps, and bounds [], [[, ]] or ][; bounds are {shown(bounds)}"
        raise BuildError(msg)
    return nodes.StaticRange(tuple(map(operand, steps)), bounds[0] == "[", bounds[1] == "]")


def _step(field: FieldValue, step: object) -> nodes.Expression:
    if isinstance(step, nodes.StaticRange):
        return step
    if not isinstance(step, str):
        return operand(step)
    if step == "*":
        return nodes.Star()
    try:
        return quantity(step)
    except BuildError:
        if field.known is None:
            raise
        return typed_literal(field.known, step, "=")


def _check_steps(steps: tuple[nodes.Expression, ...]) -> str | None:
    """Refuse anything but a width, an interval or steps; return the kind of field they need."""
    match steps:
        case () | (nodes.Star(),) | (nodes.Date(),):
            msg = "range needs a width, an interval, or at least two steps, of which one may be *"
            raise BuildError(msg)
        case (nodes.Quantity() as interval,):
            _check_interval(interval)
            return "date"
        case (nodes.StaticRange(steps=inner),):
            return _check_list(inner)
    return _check_list(steps)


def _check_interval(interval: nodes.Quantity) -> None:
    """Refuse an interval that `range` does not accept; the case of a unit matters."""
    amount, unit = interval.amount.text, interval.unit
    if unit not in INTERVAL_UNITS:
        msg = (
            f"{unit} is not a unit of time; write second, minute, hour, day, week, month, quarter "
            "or year; m is minute, M is month"
        )
        raise BuildError(msg)
    if "." in amount:
        msg = f"an interval must be a whole number of units, not {amount}"
        raise BuildError(msg)
    if unit in SINGLE_INTERVAL_UNITS and amount.lstrip("0") != "1":
        msg = f"range takes only one week, month, quarter or year at a time; write 1 {unit}"
        raise BuildError(msg)


def _check_list(steps: tuple[nodes.Expression, ...]) -> str | None:
    """Refuse steps that are not all numbers or all dates; return which, or None if unknown."""
    if any(isinstance(one, nodes.Star) for one in steps[1:-1]):
        msg = '"*" leaves an end of range open, so it must be the first or last step'
        raise BuildError(msg)
    bounds = [one for one in steps if not isinstance(one, nodes.Star)]
    families = {family(one) for one in bounds} - {None}
    alone = any(isinstance(one, nodes.StaticRange) for one in bounds)
    if not bounds or alone or len(families) > 1 or not families <= {"number", "date"}:
        msg = "the steps of range must be numbers or dates, or a single interval or static_range"
        raise BuildError(msg)
    return families.pop() if families else None


def geo_cluster(field: AnyField, zoom: int, radius: float | Decimal | None = None) -> Grouping:
    """Group points by clusters (ODSQL: Grouping, geo_cluster).

    Allowed in `group_by` only: `geo_cluster(F.coordinates, 10)`.

    Args:
        field: the field of points, or its name.
        zoom: the zoom level, a whole number from 0 to 25.
        radius: the radius of a cluster in pixels; 40 if omitted.

    Raises:
        BuildError: `field` is not a field of points, `zoom` is out of range, or `radius` is not a
            number of at least 0.
    """
    level = whole_number(zoom, "zoom of geo_cluster()", 0, 25)
    if radius is None:
        return Grouping(function_call("geo_cluster", (field_of(field), level)))
    pixels = number(radius)
    if isinstance(pixels, nodes.Negate):
        msg = f"radius of geo_cluster() must be at least 0 pixels, not {radius}"
        raise BuildError(msg)
    return Grouping(function_call("geo_cluster", (field_of(field), level, pixels)))
