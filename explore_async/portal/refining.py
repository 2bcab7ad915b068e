"""`refine` and `exclude`: facet values as conditions.

A value of a date facet is a year, `2019/12` or `2019/12/31`; zeros in front may be missing. A value
of a hierarchical facet is a path, which includes everything below it. A number may be written as
`2` for 2.0. Other values are exact, as text. A value that no record can have matches nothing
(unknown). Two values of a disjunctive facet are alternatives; those of any other facet must both
match. The facet is defined by its field and by `facet(...)` in the request.
"""

from __future__ import annotations

import re
from datetime import UTC, date
from typing import TYPE_CHECKING

from explore_async.portal import dates
from explore_async.portal.context import NUMERIC, TEMPORAL, Value
from explore_async.portal.facet_options import facet_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from explore_async.portal.context import Context
    from explore_async.portal.facet_options import Facet
    from explore_async.portal.schema import Column
    from odsql.nodes import Node, Refinement

__all__ = ["as_shown", "as_text", "exclusions", "facet_text", "refinements"]

_DAY = re.compile(r"([0-9]{4})(?:[/-]([0-9]{1,2})(?:[/-]([0-9]{1,2}))?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?")


def refinements(
    refined: Iterable[Refinement], given: Sequence[Node], context: Context, *, but: str = ""
) -> list[str]:
    """Compile all `refine` parameters, except those on the facet `but`.

    `given` are the `facet` parameters of the request.
    """
    by_facet: dict[Facet, list[str]] = {}
    for one in refined:
        column = context.column(one.facet)
        if one.facet != but:
            facet = facet_named(one.facet, given, context.dataset)
            by_facet.setdefault(facet, []).append(_holds(column, facet, one.value, context))
    return [
        f"({(' OR ' if facet.disjunctive else ' AND ').join(conditions)})"
        for facet, conditions in by_facet.items()
    ]


def exclusions(
    excluded: Iterable[Refinement], given: Sequence[Node], context: Context
) -> list[str]:
    """Compile all `exclude` parameters; records without a value are kept (unknown)."""
    return [f"(NOT coalesce({_excluded(one, given, context)}, false))" for one in excluded]


def _excluded(one: Refinement, given: Sequence[Node], context: Context) -> str:
    column = context.column(one.facet)
    return _holds(column, facet_named(one.facet, given, context.dataset), one.value, context)


def _holds(column: Column, facet: Facet, value: str, context: Context) -> str:
    if column.field.type in TEMPORAL:
        return _in_period(column, value, context)
    value = as_shown(value, column)
    wanted = context.bind(value)
    below = context.bind(value + facet.separator) if facet.separator else None
    if column.field.multivalued:
        return f"(len(list_filter({column.sql}, lambda e: {_is_or_below('e', wanted, below)})) > 0)"
    return _is_or_below(as_text(column), wanted, below)


def _is_or_below(text: str, wanted: str, below: str | None) -> str:
    return f"({text} = {wanted}{f' OR starts_with({text}, {below})' if below else ''})"


def _in_period(column: Column, value: str, context: Context) -> str:
    if not _is_day(value):
        return "false"
    kind = column.field.type
    zone = UTC if kind == "date" else context.settings.timezone
    day = as_shown(value, column).replace("/", "-")
    period = dates.read_period(day, zone=zone, clause=context.clause)
    return dates.compare_with_period(Value(column.sql, "datetime"), "=", period, context)


def as_shown(value: str, column: Column) -> str:
    """Return a refined value as the facet writes it: `2019/01` for `2019-1`, `2.0` for `2`."""
    kind = column.field.type
    day = _DAY.fullmatch(value) if kind in TEMPORAL else None
    if day is not None:
        return "/".join(part.zfill(2) for part in day.groups() if part)
    if kind in NUMERIC and _NUMBER.fullmatch(value):
        number = float(value)
        whole = kind == "int" and number.is_integer()
        return str(int(value.partition(".")[0])) if whole else str(number)
    return value


def _is_day(value: str) -> bool:
    """Return whether a value is a year, a month or a day that the calendar has."""
    match = _DAY.fullmatch(value)
    if match is None:
        return False
    try:
        date(*(int(part or 1) for part in match.groups()))
    except ValueError:
        return False
    return True


def as_text(column: Column) -> str:
    """Return SQL that converts a value to text, as facets show it."""
    return column.sql if column.field.type == "text" else f"CAST({column.sql} AS VARCHAR)"


def facet_text(column: Column, context: Context) -> str:
    """Return SQL for the text of a facet value: `2019/12/31` for dates."""
    if column.field.type not in TEMPORAL:
        return as_text(column)
    local = context.local(column.sql) if column.field.type == "datetime" else column.sql
    return f"strftime(CAST({local} AS TIMESTAMP), '%Y/%m/%d')"
