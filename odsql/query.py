"""`Query`: the clauses of one request, and the request parameters they become.

A query never changes; every method returns a new one. A clause is given as builder expressions, as
ODSQL text (parsed at once, so that an error shows where the text was written), or as a function
that gets the current value and returns the new one. None changes nothing, so that optional parts
read well:

    Query(where=F.population > 1000).where(F.country_code == code if code else None).limit(20)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import evolve, frozen

from odsql import nodes
from odsql.building import Condition, Expression, Grouping, Item, Value
from odsql.errors import BuildError, ODSQLSyntaxError
from odsql.literals import plain
from odsql.parsing import (
    parse,
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

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

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
            tree = None if changed is None else _condition(changed)
            return self._with(where=None if tree is None else nodes.Where(_proved(tree)))
        added = _condition(condition)
        if added is None:
            return self
        both = _proved(added) if current is None else nodes.And((current, _proved(added)))
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

    def refine(
        self, *refinements: str | nodes.Refinement | Mapping[str, str] | None, **values: str
    ) -> Query:
        """Add facet filters: `"theme:Health"`, or `theme="Health"` for a value of any shape.

        A mapping does what keywords do, for facets whose names are no Python names.
        """
        return self._with(refine=self.clauses.refine + _refinements(refinements, values))

    def exclude(
        self, *refinements: str | nodes.Refinement | Mapping[str, str] | None, **values: str
    ) -> Query:
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
        for name, value in changes.items():
            if value == () and name not in _MANY:
                changes[name] = None
            elif isinstance(value, nodes.Node) and name != "where":
                _prove(name, value)
        return _from_clauses(evolve(self.clauses, **changes))

    # ------------------------------------------------------------ requests

    def params(self) -> list[tuple[str, str]]:
        """Return the request parameters, names and values, in a fixed order."""
        return [
            (name, str(one).lower() if isinstance(one, bool) else str(one))
            for name, value in self._texts().items()
            for one in (value if isinstance(value, list) else [value])
        ]

    def url(self, base: str) -> str:
        """Return `base` with the parameters added to its query string."""
        parts = urlsplit(base)
        query = "&".join(filter(None, (parts.query, urlencode(self.params()))))
        return urlunsplit(parts._replace(query=query))

    @classmethod
    def from_url(cls, url: str) -> Query:
        """Read a query from a request's URL, or from its query string alone.

        Empty parameters count as absent. Those that are not about the query, such as the options of
        an export format or an API key, are left out.

        Raises:
            ODSQLSyntaxError: a clause is not ODSQL.
            BuildError: a parameter is unknown, which portals ignore silently, is given twice where
                that makes no sense, or has a value that it cannot have.
        """
        text = url
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://|[^=]*\?", url):
            text = urlsplit(url).query
        try:
            pairs = parse_qsl(text, errors="strict")
        except ValueError:
            msg = "the URL has percent escapes that are no UTF-8"
            raise BuildError(msg) from None
        query = cls()
        seen: set[str] = set()
        for name, value in pairs:
            if name in _OTHER_PARAMETERS:
                continue
            if name in seen and name not in (*_MANY, "where"):
                msg = f"{name} is given twice"
                raise BuildError(msg)
            seen.add(name)
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
            return method(_parsed_boolean(name, value))
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
                texts[name] = _text_of(value)
        return texts


_MANY = ("refine", "exclude", "facet")

_OTHER_PARAMETERS = frozenset(
    {
        "apikey", "compressed", "dcat_ap_format", "delimiter", "description_field_list", "epsg",
        "include_exports", "list_separator", "name_field", "parquet_compression", "quote_all",
        "use_extension", "use_labels", "use_labels_in_exports", "with_bom",
    }
)  # fmt: skip
"""What operations take besides the query: keys and the options of export formats."""


def _prove(clause: str, tree: nodes.Node) -> None:
    """Make sure that the text of a clause reads back as the tree it was built as."""
    text = _rendered(tree)
    try:
        proved = parse(clause, text) == tree
    except ODSQLSyntaxError as error:
        msg = f"this has no place in {clause}:\n{error}"
        raise BuildError(msg) from None
    if not proved:
        msg = f"{text} would be read as something else in {clause}"
        raise BuildError(msg)


def _text_of(value: Any) -> Any:
    if isinstance(value, nodes.Node):
        return render(value)
    return plain(value) if isinstance(value, str) else value


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


def _proved(condition: Any) -> Any:
    # Each condition once, when it is added, so that many of them do not cost their square.
    _prove("where", nodes.Where(condition))
    return condition


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
    if isinstance(expression, Value | Item | Grouping) or type(expression) is Expression:
        return expression.node
    msg = f"{expression} is a condition; it belongs in where"
    raise BuildError(msg)


def _refinements(given: Iterable[Any], values: Mapping[str, Any]) -> tuple[nodes.Refinement, ...]:
    read: list[nodes.Refinement] = []
    for one in given:
        if isinstance(one, str):
            read.append(parse_refinement(plain(one)))
        elif isinstance(one, Mapping):
            read += _made(one)
        elif isinstance(one, nodes.Refinement):
            read.append(one)
        elif one is not None:
            msg = f"{one!r} is no facet filter; write facet:value"
            raise BuildError(msg)
    read += _made(values)
    for refinement in read:
        if parse_refinement(_rendered(refinement)) != refinement:
            msg = f"{refinement} cannot be written as facet:value"
            raise BuildError(msg)
    return tuple(read)


def _made(values: Mapping[str, Any]) -> list[nodes.Refinement]:
    return [
        nodes.Refinement(name, plain(value) if isinstance(value, str) else str(value))
        for name, value in values.items()
        if value is not None
    ]


def _facet(facet: Expression | str) -> Any:
    node = parse_facet(facet) if isinstance(facet, str) else facet.node
    _prove("facet", node)
    return node


def _rendered(node: nodes.Node) -> str:
    try:
        return render(node)
    except ValueError as error:
        raise BuildError(str(error)) from None


def _integer(name: str, value: int, lowest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        msg = f"{name} is a whole number of at least {lowest}, not {value!r}"
        raise BuildError(msg)
    return int(value)


def _parsed_integer(name: str, value: str) -> int:
    if re.fullmatch("-?[0-9]{1,18}", value) is None:
        msg = f"{name} is a whole number, not {value!r}"
        raise BuildError(msg)
    return int(value)


def _parsed_boolean(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        msg = f"{name} is true or false, not {value!r}"
        raise BuildError(msg)
    return value.lower() == "true"


def _word(name: str, value: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value:
        msg = f"{name} is a word, not {value!r}"
        raise BuildError(msg)
    return value
