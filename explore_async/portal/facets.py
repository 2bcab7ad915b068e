"""Facets: how often each value occurs, given the filters of a request.

Values come by count, the most frequent first, unless the field's `facetsort` or the `sort` of
`facet(...)` says otherwise; equal counts by name (recorded). 100 values at most (recorded), unless
`facet(limit=...)` asks for another number. Null is no value.

Dates are a hierarchy of years, months and days, hierarchical texts one of their parts; a level
below appears once its parent is refined (documented). How live portals lay such levels out is
unknown: here they are items of the same list, `name` the last part and `value` the whole path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

import odsql
from explore_async.portal.compiling import Query, conditions
from explore_async.portal.context import NUMERIC, TEMPORAL, Context, Parameters, Settings
from explore_async.portal.errors import malformed, not_supported, unknown_field
from explore_async.portal.refining import facet_text
from explore_async.portal.requests import parse
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.engine import Engine
    from explore_async.portal.schema import Column, Dataset

__all__ = ["Facet", "count_facet", "wanted_facets"]

DEFAULT_LIMIT = 100

_ORDERS = {
    "count": "n ASC, v ASC",
    "-count": "n DESC, v ASC",
    "alphanum": "v ASC",
    "-alphanum": "v DESC",
    "num": "TRY_CAST(v AS DOUBLE) ASC, v ASC",
    "-num": "TRY_CAST(v AS DOUBLE) DESC, v DESC",
}


@frozen
class Facet:
    """One facet to count: which field, and how its values are told apart, sorted and cut off.

    `separator` makes a hierarchy of texts; dates are one anyway.
    """

    name: str
    disjunctive: bool
    separator: str | None
    sort: str
    limit: int = DEFAULT_LIMIT


def wanted_facets(texts: Sequence[str], dataset: Dataset) -> list[Facet]:
    """Read the `facet` parameters; without any, all facets that the fields declare."""
    if not texts:
        return [
            _declared(one.name.removeprefix("default."), dataset)
            for one in dataset.fields
            if one.annotated("facet")
        ]
    return [_read(parse(odsql.parse_facet, text), dataset) for text in texts]


def _read(node: nodes.Node, dataset: Dataset) -> Facet:
    if isinstance(node, nodes.Call):
        return _described(node, dataset)
    if isinstance(node, nodes.Field):
        return _declared(node.name, dataset)
    raise malformed("A facet is a field or facet(name=...)", "facet")


def _declared(name: str, dataset: Dataset) -> Facet:
    column = _column(name, dataset)
    field = column.field
    separator = "/" if field.type in TEMPORAL else field.annotation("hierarchical")
    sort = field.annotation("facetsort") or "-count"
    return Facet(name, field.annotated("disjunctive"), separator, sort)


def _column(name: str, dataset: Dataset) -> Column:
    column = dataset.columns.get(name)
    if column is None:
        raise unknown_field(name, "facet")
    if column.field.type in ("geo_point_2d", "geo_shape", "file"):
        raise not_supported(f"A facet of type {column.field.type}")
    return column


def _described(call: nodes.Call, dataset: Dataset) -> Facet:
    """Read `facet(name="...", disjunctive=..., hierarchical=..., separator=..., ...)`."""
    given: dict[str, Any] = {}
    for argument in call.arguments:
        if not isinstance(argument, nodes.Named):
            raise malformed("facet() takes named arguments only", "facet")
        given[argument.name] = _plain(argument)
    if not isinstance(given.get("name"), str):
        raise malformed("facet() needs a name", "facet")
    facet = _declared(given["name"], dataset)
    if "disjunctive" in given:
        facet = evolve(facet, disjunctive=bool(given["disjunctive"]))
    if given.get("hierarchical"):
        facet = evolve(facet, separator=given.get("separator") or facet.separator or "/")
    if given.get("sort"):
        facet = evolve(facet, sort=given["sort"])
    if isinstance(given.get("limit"), int):
        facet = evolve(facet, limit=given["limit"])
    return facet


def _plain(argument: nodes.Named) -> str | bool | int | None:
    value = argument.value
    if isinstance(value, nodes.Text | nodes.Boolean):
        return value.value
    if isinstance(value, nodes.Field):
        return value.name
    if isinstance(value, nodes.Number) and isinstance(value.value, int):
        return value.value
    return None


# ---------------------------------------------------------------- counting


async def count_facet(
    facet: Facet, query: Query, dataset: Dataset, settings: Settings, engine: Engine
) -> dict[str, Any]:
    """Count one facet; a disjunctive one ignores the refinements on itself."""
    context = Context(dataset, Parameters(), settings)
    where = conditions(query, context, but=facet.name if facet.disjunctive else "")
    column = context.within("facet").column(facet.name)
    source = _source(column, where, context)
    refined = [one.value for one in query.refine if one.facet == facet.name]
    levels = [""]
    if facet.separator:
        levels += sorted({parent for value in refined for parent in _parents(value, facet)})
    counted: list[tuple[str, int]] = []
    for level in levels:
        sql = _count(source, level, facet, column, context)
        counted += [(value, count) for value, count in await engine.rows(sql, context.parameters)]
    items = [_item(value, count, refined, facet) for value, count in counted]
    excluded = [one.value for one in query.exclude if one.facet == facet.name]
    items += [
        {"name": _name(value, facet), "state": "excluded", "value": value} for value in excluded
    ]
    return {"name": facet.name, "facets": items}


def _source(column: Column, where: Sequence[str], context: Context) -> str:
    text = facet_text(column, context)
    if column.field.multivalued:
        text = f"unnest(list_distinct({column.sql}))"
    filters = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {text} AS f FROM {context.dataset.table}{filters}"  # noqa: S608


def _count(source: str, level: str, facet: Facet, column: Column, context: Context) -> str:
    """Count the values of one level: what stands below the path `level`."""
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
        f"SELECT v, n FROM (SELECT {value} AS v, count(*) AS n FROM ({source}) "  # noqa: S608
        f"WHERE {below} GROUP BY v) ORDER BY {_ORDERS[sort]} LIMIT {context.bind(facet.limit)}"
    )


def _parents(value: str, facet: Facet) -> list[str]:
    """Return a refined path and the paths above it: each of them is opened."""
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
