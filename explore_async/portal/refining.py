"""`refine` and `exclude`: facet values as conditions.

A value of a date facet is a year, `2019/12` or `2019/12/31`; of a hierarchical facet a path with
everything below it; otherwise the exact value as text. Two values of a disjunctive facet are
alternatives, of any other facet both must hold.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING

from explore_async.portal import dates
from explore_async.portal.context import TEMPORAL, Value
from explore_async.portal.errors import not_supported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from explore_async.portal.context import Context
    from explore_async.portal.schema import Column
    from odsql.nodes import Refinement

__all__ = ["as_text", "exclusions", "facet_text", "refinements"]

_DAY = re.compile(r"\d{4}(?:[/-]\d{2}(?:[/-]\d{2})?)?")


def refinements(refined: Iterable[Refinement], context: Context, *, but: str = "") -> list[str]:
    """Conditions of all `refine` parameters, except those on the facet `but`."""
    by_facet: dict[str, list[str]] = {}
    disjunctive: dict[str, bool] = {}
    for one in refined:
        column = context.column(one.facet)
        if one.facet != but:
            disjunctive[one.facet] = column.field.annotated("disjunctive")
            by_facet.setdefault(one.facet, []).append(_holds(column, one.value, context))
    return [
        f"({(' OR ' if disjunctive[facet] else ' AND ').join(conditions)})"
        for facet, conditions in by_facet.items()
    ]


def exclusions(excluded: Iterable[Refinement], context: Context) -> list[str]:
    """Conditions of all `exclude` parameters; records without a value stay (unknown)."""
    return [
        f"(NOT coalesce({_holds(context.column(one.facet), one.value, context)}, false))"
        for one in excluded
    ]


def _holds(column: Column, value: str, context: Context) -> str:
    described = column.field
    if described.type in TEMPORAL:
        return _in_period(column, value, context)
    if described.type in ("geo_point_2d", "geo_shape", "file"):
        raise not_supported(f"A facet of type {described.type}")
    wanted = context.bind(value)
    separator = described.annotation("hierarchical")
    if described.multivalued:
        return f"list_contains({column.sql}, {wanted})"
    text = as_text(column)
    if not separator:
        return f"({text} = {wanted})"
    below = context.bind(value + separator)
    return f"({text} = {wanted} OR starts_with({text}, {below}))"


def _in_period(column: Column, value: str, context: Context) -> str:
    if not _DAY.fullmatch(value):
        return "false"
    kind = column.field.type
    zone = UTC if kind == "date" else context.settings.timezone
    period = dates.read_period(value.replace("/", "-"), zone=zone, clause=context.clause)
    return dates.compare_with_period(Value(column.sql, "datetime"), "=", period, context)


def as_text(column: Column) -> str:
    """SQL that writes a value as facets show it."""
    return column.sql if column.field.type == "text" else f"CAST({column.sql} AS VARCHAR)"


def facet_text(column: Column, context: Context) -> str:
    """SQL of the value as a facet knows it: `2019/12/31` for dates, text for the rest."""
    if column.field.type not in TEMPORAL:
        return as_text(column)
    local = context.local(column.sql) if column.field.type == "datetime" else column.sql
    return f"strftime(CAST({local} AS TIMESTAMP), '%Y/%m/%d')"
