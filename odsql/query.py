"""`Query`: the clauses of one request, and the request parameters they become.

A query never changes; every method returns a new one. A clause is given as builder expressions, as
ODSQL text (parsed at once, so that an error shows where the text was written), or as a function
that gets the current value and returns the new one. None changes nothing, so that optional parts
read well:

    Query(where=F.population > 1000).where(F.country_code == code if code else None).limit(20)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from attrs import evolve, frozen

from odsql import nodes
from odsql.building import Condition, Expression, FieldValue, Value
from odsql.errors import BuildError
from odsql.parsing import (
    parse_facet,
    parse_group_by,
    parse_order_by,
    parse_refinement,
    parse_select,
    parse_where,
)
from odsql.rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Clauses", "Query"]


@frozen(kw_only=True)
class Clauses:
    """What a query says, as trees and plain values; None or empty where it says nothing.

    Names are those of the request parameters. `where` is one condition: several were ANDed.
    """

    select: nodes.Select | None = None
    where: nodes.Where | None = None
    group_by: nodes.GroupBy | None = None
    order_by: nodes.OrderBy | None = None
    limit: int | None = None
    offset: int | None = None
    refine: tuple[nodes.Refinement, ...] = ()
    exclude: tuple[nodes.Refinement, ...] = ()
    facet: tuple[nodes.Field | nodes.Call, ...] = ()
    lang: str | None = None
    timezone: str | None = None
    include_links: bool | None = None
    include_app_metas: bool | None = None


_NAMES = tuple(attribute.name for attribute in Clauses.__attrs_attrs__)


class Query:
    """One request's clauses, immutable. See the module for what the methods take.

    Raises:
        ODSQLSyntaxError: a text is not ODSQL.
        BuildError: an expression has no place in its clause.
    """

    __slots__ = ("clauses",)

    clauses: Clauses

    def __init__(self, **clauses: Any) -> None:
        """Make a query; keywords are the names of the methods, each given once."""
        object.__setattr__(self, "clauses", Clauses())
        built: Query = self
        for name, value in clauses.items():
            if name not in _NAMES:
                msg = f"there is no parameter {name!r}; a query has {', '.join(_NAMES)}"
                raise BuildError(msg)
            built = getattr(built, name)(*(value if isinstance(value, list | tuple) else (value,)))
        object.__setattr__(self, "clauses", built.clauses)

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"a query never changes; its methods return new ones: query.{name}(...)"
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return self.clauses == other.clauses if isinstance(other, Query) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.clauses)

    def __repr__(self) -> str:
        texts = (f"{name}={value!r}" for name, value in self._texts().items())
        return f"Query({', '.join(texts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_clauses, (self.clauses,)

    # ------------------------------------------------------------ clauses

    def where(self, *conditions: Condition | str | Callable[..., Any] | None) -> Query:
        """Add conditions; all of them, and those already there, are ANDed (ODSQL: where)."""
        query = self
        for condition in conditions:
            query = query._where(condition)
        return query

    def _where(self, condition: Any) -> Query:
        if condition is None:
            return self
        current = self.clauses.where.condition if self.clauses.where else None
        if _is_updater(condition):
            changed = condition(current and Condition(current))
            where = None if changed is None else nodes.Where(_condition(changed))
            return self._with(where=where)
        added = _condition(condition)
        if added is None:
            return self
        both = added if current is None else nodes.And((current, added))
        return self._with(where=nodes.Where(both))

    def select(self, *items: Expression | str | Callable[..., Any] | None) -> Query:
        """Set what is returned, in place of what was selected before (ODSQL: select)."""
        current = self.clauses.select.items if self.clauses.select else ()
        chosen = _items(items, current, parse_select)
        return self if chosen is None else self._with(select=chosen and nodes.Select(chosen))

    def group_by(self, *items: Expression | str | Callable[..., Any] | None) -> Query:
        """Set what is grouped by, in place of what was before (ODSQL: group_by)."""
        current = self.clauses.group_by.items if self.clauses.group_by else ()
        chosen = _items(items, current, parse_group_by)
        return self if chosen is None else self._with(group_by=chosen and nodes.GroupBy(chosen))

    def order_by(self, *items: Expression | str | Callable[..., Any] | None) -> Query:
        """Set the order, in place of the one before (ODSQL: order_by)."""
        current = self.clauses.order_by.items if self.clauses.order_by else ()
        chosen = _items(items, current, parse_order_by)
        if chosen is None:
            return self
        orderings = tuple(
            one if isinstance(one, nodes.Ordering) else nodes.Ordering(one) for one in chosen
        )
        return self._with(order_by=orderings and nodes.OrderBy(orderings))

    def limit(self, limit: int | None) -> Query:
        """Set how many rows are wanted; -1 means all where the endpoint allows it."""
        return self if limit is None else self._with(limit=_integer("limit", limit, -1))

    def offset(self, offset: int | None) -> Query:
        """Set how many rows are skipped."""
        return self if offset is None else self._with(offset=_integer("offset", offset, 0))

    def refine(self, *refinements: str | nodes.Refinement | None, **values: str) -> Query:
        """Add facet filters: `"theme:Health"`, or `theme="Health"` for a value of any shape."""
        return self._with(refine=self.clauses.refine + _refinements(refinements, values))

    def exclude(self, *refinements: str | nodes.Refinement | None, **values: str) -> Query:
        """Add facet values to leave out; takes what `refine` takes."""
        return self._with(exclude=self.clauses.exclude + _refinements(refinements, values))

    def facet(self, *facets: Expression | str | None) -> Query:
        """Add facets to enumerate: names, `F.name` or `facet(...)`."""
        added = tuple(_facet(one) for one in facets if one is not None)
        return self._with(facet=self.clauses.facet + added)

    def lang(self, lang: str | None) -> Query:
        """Set the language of names and messages, "fr" for example."""
        return self if lang is None else self._with(lang=_word("lang", lang))

    def timezone(self, timezone: str | None) -> Query:
        """Set the time zone of datetimes, "Europe/Paris" for example; UTC if not set."""
        return self if timezone is None else self._with(timezone=_word("timezone", timezone))

    def include_links(self, include: bool | None = True) -> Query:
        """Ask for links in the answer."""
        return self if include is None else self._with(include_links=bool(include))

    def include_app_metas(self, include: bool | None = True) -> Query:
        """Ask for application metadata in the answer."""
        return self if include is None else self._with(include_app_metas=bool(include))

    def _with(self, **changes: Any) -> Query:
        changes = {name: None if value == () and name not in _MANY else value
                   for name, value in changes.items()}  # fmt: skip
        return _from_clauses(evolve(self.clauses, **changes))

    # ------------------------------------------------------------ requests

    def params(self) -> list[tuple[str, str]]:
        """Return the request parameters, names and values, in a fixed order."""
        pairs = []
        for name, value in self._texts().items():
            values = value if isinstance(value, list) else [value]
            pairs += [(name, str(one).lower() if one in (True, False) and isinstance(one, bool)
                       else str(one)) for one in values]  # fmt: skip
        return pairs

    def url(self, base: str) -> str:
        """Return `base` with the parameters as its query string."""
        query = urlencode(self.params())
        return f"{base}?{query}" if query else base

    @classmethod
    def from_url(cls, url: str) -> Query:
        """Read a query from a request's URL, or from its query string alone.

        Raises:
            ODSQLSyntaxError: a clause is not ODSQL.
            BuildError: there is a parameter that no operation knows; portals ignore it silently.
        """
        text = urlsplit(url).query if "?" in url or "://" in url else url
        query = cls()
        for name, value in parse_qsl(text, keep_blank_values=True):
            query = query._with_parameter(name, value)
        return query

    def _with_parameter(self, name: str, value: str) -> Query:
        if name not in _NAMES:
            msg = f"unknown parameter {name!r}: portals would ignore it; known: {', '.join(_NAMES)}"
            raise BuildError(msg)
        method: Callable[[Any], Query] = getattr(self, name)
        if name in ("limit", "offset"):
            return method(_parsed_integer(name, value))
        if name.startswith("include_"):
            return method(value.lower() == "true")
        return method(value)

    def _texts(self) -> dict[str, Any]:
        """Every parameter that is set, trees as text, in the order of the specification."""
        texts: dict[str, Any] = {}
        for name in _NAMES:
            value = getattr(self.clauses, name)
            if value is None or value == ():
                continue
            if isinstance(value, tuple):
                texts[name] = [render(one) for one in value]
            else:
                texts[name] = render(value) if isinstance(value, nodes.Node) else value
        return texts


def _parameter(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_MANY = ("refine", "exclude", "facet")


def _from_clauses(clauses: Clauses) -> Query:
    query = Query.__new__(Query)
    object.__setattr__(query, "clauses", clauses)
    return query


def _is_updater(value: object) -> bool:
    return callable(value) and not isinstance(value, Expression)


def _condition(value: Any) -> Any:
    if isinstance(value, str):
        return parse_where(value).condition
    if isinstance(value, nodes.Where):
        return value.condition
    if isinstance(value, Condition):
        return value.node
    msg = f"{value!r} is no condition for where; compare it with something"
    raise BuildError(msg)


def _items(
    given: Iterable[Any], current: tuple[Any, ...], parse: Callable[[str], Any]
) -> tuple[Any, ...] | None:
    """Collect the items of select, group_by or order_by; None if nothing at all was given."""
    items: list[Any] = []
    wanted = [one for one in given if one is not None]
    for one in wanted:
        if isinstance(one, str):
            items += parse(one).items
        elif isinstance(one, Expression):
            items.append(_item(one))
        elif _is_updater(one):
            held = tuple(Expression(node) for node in current)
            items += _items(_as_list(one(held)), (), parse) or ()
        else:
            msg = f"{one!r} is neither an expression nor text"
            raise BuildError(msg)
    return tuple(items) if wanted else None


def _as_list(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, str | Expression) or value is None else value


def _item(expression: Expression) -> nodes.Node:
    if isinstance(expression, Condition) and not isinstance(expression, FieldValue):
        msg = f"{expression} is a condition; it belongs in where"
        raise BuildError(msg)
    return expression.node


def _refinements(
    given: Iterable[str | nodes.Refinement | None], values: dict[str, str]
) -> tuple[nodes.Refinement, ...]:
    read = [
        parse_refinement(one) if isinstance(one, str) else one for one in given if one is not None
    ]
    made = [nodes.Refinement(facet, str(value)) for facet, value in values.items()]
    for one in made:
        _rendered(one)
    return (*read, *made)


def _facet(facet: Expression | str) -> Any:
    if isinstance(facet, str):
        return parse_facet(facet)
    if isinstance(facet, Value) and not isinstance(facet, FieldValue):
        msg = f"{facet} is no facet; give a field or facet(...)"
        raise BuildError(msg)
    return facet.node


def _rendered(node: nodes.Node) -> str:
    try:
        return render(node)
    except ValueError as error:
        raise BuildError(str(error)) from None


def _integer(name: str, value: int, lowest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        msg = f"{name} is a whole number of at least {lowest}, not {value!r}"
        raise BuildError(msg)
    return value


def _parsed_integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        msg = f"{name} is a whole number, not {value!r}"
        raise BuildError(msg) from None


def _word(name: str, value: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value:
        msg = f"{name} is a word, not {value!r}"
        raise BuildError(msg)
    return value
