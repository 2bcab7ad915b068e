"""The definition of a facet: the annotations of its field, overridden by `facet(...)`.

It applies both to counting the values of a facet and to refining on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from explore_async.portal.context import OBJECTS, TEMPORAL
from explore_async.portal.errors import malformed, not_supported, unknown_field
from odsql import nodes
from odsql.syntax.functions import FACET_OPTIONS, FACET_SORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from explore_async.portal.schema import Column, Dataset

__all__ = ["Facet", "declared_facet", "facet_named", "read_facet"]

DEFAULT_LIMIT = 100
_HIGHEST_LIMIT = 2**31 - 1

Option = str | bool | int


@frozen
class Facet:
    """One facet: its field, and the hierarchy, order and number of its values.

    Attributes:
        name: the name of the field.
        disjunctive: True if several refined values are alternatives.
        separator: the separator of the levels of a hierarchy; None for a flat facet.
        sort: the order of the values.
        limit: the maximum number of values.
    """

    name: str
    disjunctive: bool
    separator: str | None
    sort: str
    limit: int = DEFAULT_LIMIT


def declared_facet(name: str, dataset: Dataset) -> Facet:
    """Return the facet that the annotations of its field describe.

    Raises:
        PortalError: the field does not exist, or its type cannot be a facet here.
    """
    described = _column(name, dataset).field
    separator = "/" if described.type in TEMPORAL else described.annotation("hierarchical")
    sort = described.annotation("facetsort") or "-count"
    return Facet(name, described.annotated("disjunctive"), separator, sort)


def read_facet(node: nodes.Node, dataset: Dataset) -> Facet:
    """Read a `facet` parameter: a field, or `facet(name="...", ...)`.

    Raises:
        PortalError: it is neither, or an option is invalid.
    """
    if isinstance(node, nodes.Field):
        return declared_facet(node.name, dataset)
    if isinstance(node, nodes.Call):
        return _described(node, dataset)
    raise malformed("A facet is a field or facet(name=...)", "facet")


def facet_named(name: str, given: Iterable[nodes.Node], dataset: Dataset) -> Facet:
    """Return the facet `name` as the last `facet(...)` for it, or else its field, defines it."""
    described = [one for one in given if isinstance(one, nodes.Call) and _name(one) == name]
    return _described(described[-1], dataset) if described else declared_facet(name, dataset)


def _column(name: str, dataset: Dataset) -> Column:
    column = dataset.columns.get(name)
    if column is None:
        raise unknown_field(name, "facet")
    if column.field.type in OBJECTS:
        raise not_supported(f"A facet of type {column.field.type}")
    return column


# ---------------------------------------------------------------- facet(name="...", ...)


def _described(call: nodes.Call, dataset: Dataset) -> Facet:
    facet = declared_facet(_name(call), dataset)
    given = _options(call)
    if "disjunctive" in given:
        facet = evolve(facet, disjunctive=bool(given["disjunctive"]))
    if "hierarchical" in given:
        facet = evolve(facet, separator=_separator(given, facet, dataset))
    if "sort" in given:
        facet = evolve(facet, sort=_sort(given["sort"]))
    if "limit" in given:
        facet = evolve(facet, limit=_limit(given["limit"]))
    return facet


def _name(call: nodes.Call) -> str:
    name = _options(call).get("name")
    if not isinstance(name, str):
        raise malformed("facet() needs a name", "facet")
    return name


def _options(call: nodes.Call) -> Mapping[str, Option]:
    return {one.name: _option(one) for one in call.arguments if isinstance(one, nodes.Named)}


def _option(argument: nodes.Named) -> Option:
    """Read one option; the live text for a value of another type is unknown."""
    kind, value = FACET_OPTIONS.get(argument.name), argument.value
    if kind == "text" and isinstance(value, nodes.Text):
        return value.value
    if kind == "boolean" and isinstance(value, nodes.Boolean):
        return value.value
    if kind == "integer" and isinstance(value, nodes.Number) and isinstance(value.value, int):
        return value.value
    raise malformed(f"facet() does not accept this value of {argument.name}", "facet")


def _separator(given: Mapping[str, Option], facet: Facet, dataset: Dataset) -> str | None:
    """Return the separator of levels: always `/` for dates, and `/` by default (unknown)."""
    if not given["hierarchical"]:
        return None
    if dataset.columns[facet.name].field.type in TEMPORAL:
        return "/"
    return str(given.get("separator") or facet.separator or "/")


def _sort(option: Option) -> str:
    if option not in FACET_SORTS:
        raise malformed(f"The sort of facet() must be one of {', '.join(FACET_SORTS)}", "facet")
    return str(option)


def _limit(option: Option) -> int:
    if not 0 <= int(option) <= _HIGHEST_LIMIT:
        raise malformed(f"The limit of facet() must be from 0 to {_HIGHEST_LIMIT}", "facet")
    return int(option)
