"""What records are grouped by (ODSQL: Grouping)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.builder.expressions import Bounds, FieldValue, Grouping, operand
from odsql.builder.functions.arguments import AnyField, field_of, function_call
from odsql.builder.literals import family, number, quantity, typed_literal, whole_number
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError
from odsql.syntax.functions import INTERVAL_UNITS, SINGLE_INTERVAL_UNITS

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["geo_cluster", "range_", "static_range"]


def range_(field: AnyField, *steps: object) -> Grouping:
    """Ranges of a number or date field, to group by (ODSQL: Grouping, range).

    A number field takes a width, `range_(F.capacity, 15)`; a date field an interval, a whole number
    and a unit from millisecond to year, `range_(F.date, "1 month")`. Both take two steps or more,
    numbers or dates, where "*" opens an end: `range_(F.capacity, "*", 10, 20, "*")`.

    Raises:
        BuildError: the steps are none of these, or not for a field of this type.
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
    """Steps of `range_` in brackets; an outer bracket opens its side (ODSQL: Grouping, range).

    The older spelling of "*" at an end.

    Raises:
        BuildError: there are no steps, one is null or a boolean, or these are no brackets.
    """
    if not steps or bounds not in ("[]", "[[", "]]", "]["):
        msg = f"static_range takes steps, and bounds [] or [[ or ]] or ][, not {bounds!r}"
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
    """Refuse what is no width, interval or list of steps; return what the field has to be."""
    match steps:
        case () | (nodes.Star(),) | (nodes.Date(),):
            msg = "range needs a width, an interval, or two steps of which one may be *"
            raise BuildError(msg)
        case (nodes.Quantity() as interval,):
            _check_interval(interval)
            return "date"
        case (nodes.StaticRange(steps=inner),):
            return _check_list(inner)
    return _check_list(steps)


def _check_interval(interval: nodes.Quantity) -> None:
    """Refuse what `range` takes for no interval; the case of a unit counts."""
    amount, unit = interval.amount.text, interval.unit
    if unit not in INTERVAL_UNITS:
        msg = (
            f"{unit} is no unit of time; write second, minute, hour, day, week, month, quarter or "
            "year, of which m is minute and M month"
        )
        raise BuildError(msg)
    if "." in amount:
        msg = f"an interval is a whole number of its unit, not {amount}"
        raise BuildError(msg)
    if unit in SINGLE_INTERVAL_UNITS and amount.lstrip("0") != "1":
        msg = f"range takes weeks, months, quarters and years one at a time; write 1 {unit}"
        raise BuildError(msg)


def _check_list(steps: tuple[nodes.Expression, ...]) -> str | None:
    """Refuse steps that are neither numbers nor dates, or both; return which, if it is known."""
    if any(isinstance(one, nodes.Star) for one in steps[1:-1]):
        msg = '"*" opens an end of range, so it stands first or last'
        raise BuildError(msg)
    bounds = [one for one in steps if not isinstance(one, nodes.Star)]
    families = {family(one) for one in bounds} - {None}
    alone = any(isinstance(one, nodes.StaticRange) for one in bounds)
    if not bounds or alone or len(families) > 1 or not families <= {"number", "date"}:
        msg = "the steps of range are numbers or dates; an interval or brackets stand alone"
        raise BuildError(msg)
    return families.pop() if families else None


def geo_cluster(field: AnyField, zoom: int, radius: float | Decimal | None = None) -> Grouping:
    """Clusters of points, to group by (ODSQL: Grouping, geo_cluster).

    The zoom is a whole number from 0 to 25; the radius is in pixels, 40 if it is not given.

    Raises:
        BuildError: this is no field of points, the zoom is out of bounds, or the radius no number
            of 0 or more.
    """
    level = whole_number(zoom, "the zoom of geo_cluster", 0, 25)
    if radius is None:
        return Grouping(function_call("geo_cluster", (field_of(field), level)))
    pixels = number(radius)
    if isinstance(pixels, nodes.Negate):
        msg = f"the radius of geo_cluster is in pixels, not {radius}"
        raise BuildError(msg)
    return Grouping(function_call("geo_cluster", (field_of(field), level, pixels)))
