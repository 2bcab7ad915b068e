"""Facets: the number of occurrences of each value among the records that match the filters.

By default values are sorted by count, the most frequent first, and equal counts by name (recorded);
the field's `facetsort` or the `sort` of `facet(...)` changes the order. A facet has at most 100
values (recorded), or the `limit` of `facet(...)`. Null is not counted.

Dates are a hierarchy of years, months and days, and hierarchical texts a hierarchy of their parts.
A level appears when its parent is refined (documented). The layout of levels on live portals is
unknown: here all levels are in one list, with the last part as `name` and the path as `value`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from explore_async.portal.compiling import Query, conditions
from explore_async.portal.context import NUMERIC, Context, Parameters, Settings
from explore_async.portal.facet_options import Facet, declared_facet, read_facet
from explore_async.portal.refining import as_shown, facet_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.engine import Engine
    from explore_async.portal.schema import Column, Dataset
    from odsql import nodes

__all__ = ["count_facet", "wanted_facets"]

_ORDERS = {
    "count": "n ASC, v ASC",
    "-count": "n DESC, v ASC",
    "alphanum": "v ASC",
    "-alphanum": "v DESC",
    "num": "TRY_CAST(v AS DOUBLE) ASC, v ASC",
    "-num": "TRY_CAST(v AS DOUBLE) DESC, v DESC",
}


def wanted_facets(
    given: Sequence[nodes.Node], dataset: Dataset, *, sort: str | None = None
) -> list[Facet]:
    """Read the `facet` parameters; without any, return the facets that the fields declare.

    `sort` is the order of their values then; None means that of each field.
    """
    if given:
        return [read_facet(node, dataset) for node in given]
    declared = [
        declared_facet(one.name.removeprefix("default."), dataset)
        for one in dataset.fields
        if one.annotated("facet")
    ]
    return [evolve(facet, sort=sort or facet.sort) for facet in declared]


# ---------------------------------------------------------------- counting


async def count_facet(
    facet: Facet, query: Query, dataset: Dataset, settings: Settings, engine: Engine
) -> dict[str, Any]:
    """Count the values of one facet; a disjunctive facet ignores its own refinements."""
    context = Context(dataset, Parameters(), settings)
    but = facet.name if facet.disjunctive else ""
    where = await engine.run(lambda: conditions(query, context, but=but))
    column = context.within("facet").column(facet.name)
    source = _source(column, where, context)
    refined = [as_shown(one.value, column) for one in query.refine if one.facet == facet.name]
    levels = [""]
    if facet.separator:
        levels += sorted({parent for value in refined for parent in _parents(value, facet)})
    counted: list[tuple[str, int]] = []
    for level in levels:
        sql = _count(source, level, facet, column, context)
        counted += [(value, count) for value, count in await engine.rows(sql, context.parameters)]
    items = [_item(value, count, refined, facet) for value, count in counted]
    excluded = [as_shown(one.value, column) for one in query.exclude if one.facet == facet.name]
    items += [
        {"name": _name(value, facet), "state": "excluded", "value": value} for value in excluded
    ]
    return {"name": facet.name, "facets": items}


def _source(column: Column, where: Sequence[str], context: Context) -> str:
    """Return SQL for the texts of the values and their numbers of records.

    Equal values are counted before they become texts, because few of them differ.
    """
    filters = f" WHERE {' AND '.join(where)}" if where else ""
    source = f"SELECT {column.sql} AS f FROM {context.dataset.table}{filters}"  # noqa: S608
    if column.field.multivalued:
        source = f"SELECT unnest(list_distinct(f)) AS f FROM ({source})"  # noqa: S608
    counted = f"SELECT f, count(*) AS m FROM ({source}) GROUP BY 1"  # noqa: S608
    text = facet_text(evolve(column, sql="f"), context)
    return counted if text == "f" else f"SELECT {text} AS f, m FROM ({counted})"  # noqa: S608


def _count(source: str, level: str, facet: Facet, column: Column, context: Context) -> str:
    """Return SQL that counts the values one level below the path `level`."""
    value, below = "f", "f IS NOT NULL"
    if facet.separator:
        separator = context.bind(facet.separator)
        value = f"split_part(f, {separator}, 1)"
        if level:
            path = context.bind(level + facet.separator)
            value = f"{path} || split_part(substr(f, length({path}) + 1), {separator}, 1)"
            below = f"starts_with(f, {path})"
    sort = facet.sort if facet.sort in _ORDERS else "-count"
    if sort.endswith("alphanum") and column.field.type in NUMERIC:
        sort = sort.replace("alphanum", "num")
    return (
        f"SELECT v, n FROM (SELECT {value} AS v, CAST(sum(m) AS BIGINT) AS n FROM ({source}) "  # noqa: S608
        f"WHERE {below} GROUP BY v) ORDER BY {_ORDERS[sort]} LIMIT {context.bind(facet.limit)}"
    )


def _parents(value: str, facet: Facet) -> list[str]:
    """Return a refined path and the paths above it; the levels below each of them are shown."""
    parts = value.split(facet.separator)
    return [(facet.separator or "").join(parts[:end]) for end in range(1, len(parts) + 1)]


def _item(value: str, count: int, refined: Sequence[str], facet: Facet) -> dict[str, Any]:
    chosen = any(
        one == value or (facet.separator and one.startswith(value + facet.separator))
        for one in refined
    )
    return {
        "name": _name(value, facet),
        "count": count,
        "state": "refined" if chosen else "displayed",
        "value": value,
    }


def _name(value: str, facet: Facet) -> str:
    return value.rsplit(facet.separator, 1)[-1] if facet.separator else value
