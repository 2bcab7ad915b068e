"""Selections of fields, and facets (ODSQL: select, facet)."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack

from odsql.builder.expressions import Expression, Item
from odsql.builder.functions.arguments import AnyField, field_of
from odsql.builder.literals import checked, plain_text, whole_number
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import FACET_OPTIONS, FACET_SORTS

__all__ = ["all_fields", "exclude", "facet", "include"]


class FacetOptions(TypedDict, total=False):
    """The options of `facet`."""

    disjunctive: bool
    hierarchical: bool
    separator: str
    sort: Literal["count", "-count", "alphanum", "-alphanum", "num", "-num"]
    limit: int


def all_fields() -> Item:
    """Select every field: `*` (ODSQL: select)."""
    return Item(nodes.Star())


def include(pattern: str) -> Item:
    """Select the fields with this name (ODSQL: Functions, include).

    Allowed in `select` only: `include("pop*")` selects the fields whose names begin with `pop`.

    Raises:
        BuildError: `pattern` is not a string, or has a `*` before its end.
    """
    return _selection("include", pattern)


def exclude(pattern: str) -> Item:
    """Leave out the fields with this name (ODSQL: Functions, exclude).

    Allowed in `select` only: `exclude("pop*")` leaves out the fields whose names begin with `pop`.

    Raises:
        BuildError: `pattern` is not a string, or has a `*` before its end.
    """
    return _selection("exclude", pattern)


def _selection(name: str, pattern: str) -> Item:
    named = nodes.Pattern(plain_text(pattern, f"the argument of {name}()"))
    return Item(checked(nodes.Call(name, (named,))))


def facet(name: AnyField, **options: Unpack[FacetOptions]) -> Expression:
    """Enumerate a facet with options (ODSQL: facet).

    For the facet parameter: `facet("city", disjunctive=True, sort="-count")`.

    Args:
        name: the field, or its name.
        options: `disjunctive` and `hierarchical`, booleans; `separator`, the text between the
            levels of a hierarchy; `sort`, one of count, alphanum and num, with or without a minus
            sign in front; `limit`, a whole number of at least 0.

    Raises:
        BuildError: `name` is not a field, or an option is unknown or has the wrong type.
    """
    given: dict[str, Any] = {"name": field_of(name).node.name, **options}
    return Expression(
        nodes.Call("facet", tuple(nodes.Named(one, _option(one, given[one])) for one in given))
    )


def _option(name: str, value: object) -> nodes.Expression:
    kind = FACET_OPTIONS.get(name)
    if kind is None:
        msg = (
            f"facet() has no option {name}; it has {', '.join(FACET_OPTIONS)}. For an option "
            f"of one portal only, write odsql.call('facet', name=..., {name}=...)"
        )
        raise BuildError(msg)
    if kind == "integer":
        return whole_number(value, f"{name} of facet()", 0)
    if kind == "boolean":
        return _boolean(value, f"{name} of facet()")
    text = plain_text(value, f"{name} of facet()")
    if name == "sort" and text not in FACET_SORTS:
        msg = f"sort of facet() must be one of {', '.join(FACET_SORTS)}, not {shown(text)}"
        raise BuildError(msg)
    return checked(nodes.Text(text))


def _boolean(value: object, what: str) -> nodes.Boolean:
    if not isinstance(value, bool):
        msg = f"{what} must be True or False, not {shown(value)}"
        raise BuildError(msg)
    return nodes.Boolean(value)
