"""`Query`: the clauses of one request, and the request parameters they become.

A query never changes; every method returns a new one. A clause is given as builder expressions, as
ODSQL text (parsed at once, so an error appears where the text was written), as a parsed tree, or as
an updater: a function that takes the current value and returns the new one. None changes nothing,
even from an updater, which keeps optional parts short:

    Query(where=F.population > 1000).where(F.country_code == code if code else None).limit(20)

No clause is cleared by accident; an empty string or list does so on purpose: `query.where("")` adds
nothing, `query.where(lambda current: "")` and `query.select([])` clear the clause.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict, cast, get_origin
from urllib.parse import urlencode, urlsplit, urlunsplit

from attrs import evolve, frozen

from odsql.builder.expressions import Condition, Expression, Grouping, Item, Value
from odsql.builder.literals import checked, number, plain, plain_text
from odsql.builder.urls import read_parameters
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, ODSQLSyntaxError, shortened, shown
from odsql.syntax.parsing import (
    parse,
    parse_facet,
    parse_group_by,
    parse_order_by,
    parse_refinement,
    parse_select,
    parse_where,
)
from odsql.syntax.rendering import format as format_node
from odsql.syntax.rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Never, TypeAlias, TypeGuard

    Updater: TypeAlias = Callable[[Any], Any]
    Filter: TypeAlias = Condition | nodes.Where | str | Updater | None
    Chosen: TypeAlias = (
        Expression | nodes.Select | nodes.GroupBy | nodes.OrderBy | str | Updater | None
    )
    Selected: TypeAlias = Chosen | type[Any]
    FacetValue: TypeAlias = str | float | Decimal | datetime.date
    FacetValues: TypeAlias = FacetValue | Sequence[FacetValue] | None
    Refined: TypeAlias = nodes.Refinement | Mapping[str, FacetValues] | str | Updater | None
    Faceted: TypeAlias = Expression | nodes.Field | nodes.Call | str | Updater | None

__all__ = ["Clauses", "Query", "QueryClauses"]


@frozen(kw_only=True)
class Clauses:
    """The clauses of a query, as trees and plain values; None or empty if not set.

    Names are those of the request parameters. `where` is one condition: several are joined by AND.
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


class QueryClauses(TypedDict, total=False):
    """The keywords of `Query(...)`, for functions that take clauses as keywords, too."""

    select: Selected | Sequence[Selected]
    where: Filter | Sequence[Filter]
    group_by: Chosen | Sequence[Chosen]
    order_by: Chosen | Sequence[Chosen]
    limit: int | None
    offset: int | None
    refine: Refined | Sequence[Refined]
    exclude: Refined | Sequence[Refined]
    facet: Faceted | Sequence[Faceted]
    lang: str | None
    timezone: str | None
    include_links: bool | None
    include_app_metas: bool | None


class Query:
    """The clauses of one request, immutable: every method returns a new query.

    Clauses are builder expressions, ODSQL text, parsed trees, or updaters: functions that take the
    current value and return the new one. None changes nothing.

    Raises:
        ODSQLSyntaxError: a text is not ODSQL.
        BuildError: an expression is not allowed in its clause.
    """

    __slots__ = ("clauses",)

    clauses: Clauses

    def __init__(
        self,
        *,
        select: Selected | Sequence[Selected] = None,
        where: Filter | Sequence[Filter] = None,
        group_by: Chosen | Sequence[Chosen] = None,
        order_by: Chosen | Sequence[Chosen] = None,
        limit: int | None = None,
        offset: int | None = None,
        refine: Refined | Sequence[Refined] = None,
        exclude: Refined | Sequence[Refined] = None,
        facet: Faceted | Sequence[Faceted] = None,
        lang: str | None = None,
        timezone: str | None = None,
        include_links: bool | None = None,
        include_app_metas: bool | None = None,
        **unknown: Never,
    ) -> None:
        """Create a query; each keyword is passed to the method of its name."""
        if unknown:
            raise BuildError(_no_parameter(min(unknown)))
        query = (
            _from_clauses(Clauses())
            .select(*_several(select))
            .where(*_several(where))
            .group_by(*_several(group_by))
            .order_by(*_several(order_by))
            .limit(limit)
            .offset(offset)
            .refine(*_several(refine))
            .exclude(*_several(exclude))
            .facet(*_several(facet))
            .lang(lang)
            .timezone(timezone)
            .include_links(include_links)
            .include_app_metas(include_app_metas)
        )
        object.__setattr__(self, "clauses", query.clauses)

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
        texts = (f"{name}={shown(value)}" for name, value in self._texts().items())
        return f"Query({', '.join(texts)})"

    def _repr_html_(self) -> str:
        """Return the clauses as formatted ODSQL, for notebooks."""
        from html import escape

        clauses = (
            f"<dt>{name}</dt><dd><pre>{escape(_formatted(value))}</pre></dd>"
            for name in self._texts()
            for value in [getattr(self.clauses, name)]
        )
        return f"<dl>{''.join(clauses)}</dl>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_clauses, (self.clauses,)

    # ------------------------------------------------------------ clauses

    def where(self, *conditions: Filter) -> Query:
        """Add conditions; all of them, old and new, are joined by AND (ODSQL: where)."""
        query = self
        for condition in conditions:
            query = query._where(condition)
        return query

    def _where(self, condition: Any) -> Query:
        current = self.clauses.where.condition if self.clauses.where else None
        kept = current
        if _is_updater(condition):
            condition, kept = condition(current and Condition(current)), None
        if condition is None:
            return self
        added = _condition(condition)
        if added is None:
            return self if kept is not None else self._with(where=None)
        both = _proved(added) if kept is None else nodes.And((kept, _proved(added)))
        return self._with(where=nodes.Where(both))

    def select(self, *items: Selected | Sequence[Selected]) -> Query:
        """Set the fields and expressions to return, replacing earlier ones (ODSQL: select).

        A class of rows stands for the fields that it asks for: `query.select(Station)`.
        """
        return self._items("select", items, nodes.Select, parse_select)

    def group_by(self, *items: Chosen | Sequence[Chosen]) -> Query:
        """Set the expressions to group by, replacing earlier ones (ODSQL: group_by)."""
        return self._items("group_by", items, nodes.GroupBy, parse_group_by)

    def order_by(self, *items: Chosen | Sequence[Chosen]) -> Query:
        """Set the order of the rows, replacing an earlier one (ODSQL: order_by)."""
        return self._items("order_by", items, nodes.OrderBy, parse_order_by)

    def _items(
        self, name: str, given: tuple[Any, ...], kind: Any, parse: Callable[[str], Any]
    ) -> Query:
        clause = getattr(self.clauses, name)
        current = [Expression(node) for node in clause.items] if clause else []
        wanted = _updated(given, current)
        if not wanted:
            return self
        try:
            items = tuple(node for one in wanted for node in _nodes_of(one, kind, parse))
        except RecursionError:
            msg = f"the list for {name} is nested too deeply"
            raise BuildError(msg) from None
        if kind is nodes.OrderBy:
            items = tuple(
                one if isinstance(one, nodes.Ordering) else nodes.Ordering(one) for one in items
            )
        return self._with(**{name: kind(items) if items else None})

    def limit(self, limit: int | Updater | None) -> Query:
        """Set the number of rows to return; -1 means all where the endpoint allows it."""
        return self._value("limit", limit, _at_least(-1))

    def offset(self, offset: int | Updater | None) -> Query:
        """Set the number of rows to skip."""
        return self._value("offset", offset, _at_least(0))

    def refine(self, *refinements: Refined | Sequence[Refined], **values: FacetValues) -> Query:
        """Add facet filters: `"theme:Health"`, or `theme="Health"` with any value.

        A mapping works like keywords, for facets whose names are not Python identifiers; a list of
        values adds one filter for each. The result of an updater replaces the existing filters.
        """
        return self._filters("refine", refinements, values)

    def exclude(self, *refinements: Refined | Sequence[Refined], **values: FacetValues) -> Query:
        """Add facet values to leave out; accepts the same arguments as `refine`."""
        return self._filters("exclude", refinements, values)

    def _filters(self, name: str, given: tuple[Any, ...], values: Mapping[str, Any]) -> Query:
        return self._added(name, (*given, values), lambda one: _refinements(name, one))

    def facet(self, *facets: Faceted | Sequence[Faceted]) -> Query:
        """Add facets to enumerate: names, `F.name` or `facet(...)`.

        The result of an updater replaces the existing facets.
        """
        return self._added("facet", facets, _facet)

    def _added(self, name: str, given: Iterable[Any], read: Callable[[Any], list[Any]]) -> Query:
        """Add to a parameter that may be repeated, or replace all of its values."""
        values = list(getattr(self.clauses, name))
        for one in given:
            if not _is_updater(one):
                values += [node for each in _several(one) for node in read(each)]
                continue
            changed = one(tuple(values))
            if changed is not None:
                values = [node for each in _several(changed) for node in read(each)]
        return self._with(**{name: tuple(values)})

    def lang(self, lang: str | Updater | None) -> Query:
        """Set the language of names and messages, for example "fr"."""
        return self._value("lang", lang, _word)

    def timezone(self, timezone: str | Updater | None) -> Query:
        """Set the time zone of datetimes, for example "Europe/Paris"; the default is UTC."""
        return self._value("timezone", timezone, _word)

    def include_links(self, include: bool | Updater | None = True) -> Query:
        """Set whether the answer includes links."""
        return self._value("include_links", include, _boolean)

    def include_app_metas(self, include: bool | Updater | None = True) -> Query:
        """Set whether the answer includes application metadata."""
        return self._value("include_app_metas", include, _boolean)

    def _value(self, name: str, value: Any, check: Callable[[str, Any], Any]) -> Query:
        if _is_updater(value):
            value = value(getattr(self.clauses, name))
        return self if value is None else self._with(**{name: check(name, value)})

    def _with(self, **changes: Any) -> Query:
        for name, value in changes.items():
            if isinstance(value, nodes.Node) and name != "where":
                _prove(name, value)
        return _from_clauses(evolve(self.clauses, **changes))

    # ------------------------------------------------------------ requests

    def params(self) -> list[tuple[str, str]]:
        """Return the request parameters as pairs of name and value, in a fixed order."""
        return [
            (name, str(one).lower() if isinstance(one, bool) else str(one))
            for name, value in self._texts().items()
            for one in (value if isinstance(value, list) else [value])
        ]

    def url(self, base: str) -> str:
        """Return `base` with the parameters added to its query string.

        Raises:
            BuildError: `base` is not a URL.
        """
        try:
            parts = urlsplit(plain_text(base, "the base of a URL"))
        except ValueError as error:
            msg = f"{shown(base)} is not a URL: {error}"
            raise BuildError(msg) from None
        query = "&".join(filter(None, (parts.query, urlencode(self.params()))))
        return urlunsplit(parts._replace(query=query))

    @classmethod
    def from_url(cls, url: str) -> Query:
        """Read a query from a URL of a portal, or from a query string of the API v2.1.

        The URL may be a request of the API v2.1, v2.0 or v1, or a page of the portal's web site,
        such as `/explore/dataset/ID/table/?refine.kind=oak`. What is not of v2.1 is translated.
        Empty parameters count as absent. Parameters outside the query, such as the options of an
        export format, an API key, or what a page shows, are left out.

        Raises:
            ODSQLSyntaxError: a clause is not ODSQL.
            BuildError: parameters have no exact counterpart in v2.1, with advice for each; or one
                is unknown, which portals ignore silently, is given twice although it cannot be
                repeated, or has an invalid value.
        """
        query = cls()
        for name, values in read_parameters(plain_text(url, "a URL")).items():
            query = query._with_parameter(name, values)
        return query

    def _with_parameter(self, name: str, values: list[Any]) -> Query:
        if name not in _NAMES:
            raise BuildError(_no_parameter(name))
        if name in ("limit", "offset"):
            values = [_parsed_integer(name, one) for one in values]
        elif name.startswith("include_"):
            values = [_parsed_boolean(name, one) for one in values]
        method: Callable[..., Query] = getattr(self, name)
        return method(*values)

    def _texts(self) -> dict[str, Any]:
        """Return every parameter that is set, trees as text, in the order of the specification."""
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


def _no_parameter(name: str) -> str:
    from odsql.syntax.other_names import other_name  # rarely needed

    other = other_name(name, _NAMES)
    hint = f"; write {other}" if other is not None else ""
    return (
        f"unknown parameter {shortened(name)!r}, which portals would ignore{hint}; "
        f"known: {', '.join(_NAMES)}"
    )


def _prove(clause: str, tree: nodes.Node) -> None:
    """Check that the text of a clause parses back to the tree it was built as."""
    text = _rendered(tree)
    try:
        proved = parse(clause, text) == tree
    except ODSQLSyntaxError as error:
        msg = f"this is not allowed in {clause}:\n{error}"
        raise BuildError(msg) from None
    if not proved:
        msg = f"{text} would be parsed as something else in {clause}"
        raise BuildError(msg)


def _text_of(value: Any) -> Any:
    if isinstance(value, nodes.Node):
        return render(value)
    return plain(value) if isinstance(value, str) else value


def _formatted(value: Any) -> str:
    """Return a parameter as people read it: ODSQL formatted, several values on lines."""
    if isinstance(value, tuple):
        return "\n".join(render(one) for one in value)
    return format_node(value) if isinstance(value, nodes.Node) else str(value)


def _from_clauses(clauses: Clauses) -> Query:
    query = Query.__new__(Query)
    object.__setattr__(query, "clauses", clauses)
    return query


def _is_updater(value: object) -> TypeGuard[Updater]:
    return callable(value) and not isinstance(value, Expression) and not _is_class(value)


def _is_class(value: object) -> bool:
    """Return whether a value is a class, also one like `Page[Station]`."""
    return isinstance(get_origin(value) or value, type)


def _condition(value: Any) -> Any:
    if isinstance(value, str):
        return parse_where(value).condition
    if isinstance(value, nodes.Where):
        return value.condition
    if isinstance(value, Condition):
        return value.node
    msg = f"{shown(value)} is not a condition for where; compare it with something"
    raise BuildError(msg)


def _proved(condition: Any) -> Any:
    # Only the added condition: proving all of them each time would take quadratic time.
    _prove("where", nodes.Where(condition))
    return condition


def _several(value: Any) -> Sequence[Any]:
    """Return one value or a list of them as a sequence."""
    return value if isinstance(value, list | tuple) else (value,)


def _updated(given: Iterable[Any], current: list[Expression]) -> list[Any]:
    """Return the given values, updaters replaced by their results, without None."""
    called = [one(current) if _is_updater(one) else one for one in given]
    return [one for one in called if one is not None]


def _nodes_of(given: Any, kind: type[Any], parse: Callable[[str], Any]) -> Sequence[Any]:
    """Return the items of select, group_by or order_by that one argument stands for."""
    if isinstance(given, str):
        given = parse(given) if given.strip() else ()
    if isinstance(given, kind):
        items: Sequence[Any] = given.items
        return items
    if isinstance(given, Expression):
        return (_item(given),)
    if kind is nodes.Select and _is_class(given):
        from odsql.builder.classes import row_fields  # rarely needed

        return [checked(nodes.Field(one.name)) for one in row_fields(given)]
    if isinstance(given, list | tuple):
        return [node for one in given if one is not None for node in _nodes_of(one, kind, parse)]
    msg = f"{shown(given)} is neither an expression nor ODSQL text"
    raise BuildError(msg)


def _item(expression: Expression) -> nodes.Node:
    if isinstance(expression, Value | Item | Grouping) or type(expression) is Expression:
        return expression.node
    msg = f"{expression} is a condition; it belongs in where"
    raise BuildError(msg)


def _refinements(clause: str, given: Any) -> list[nodes.Refinement]:
    if given is None:
        return []
    if isinstance(given, str):
        return [parse_refinement(plain(given), clause=clause)]
    if isinstance(given, Mapping):
        pairs = [(name, one) for name, value in given.items() for one in _several(value)]
        made = [
            nodes.Refinement(plain_text(name, "the name of a facet"), _facet_value(one))
            for name, one in pairs
            if one is not None
        ]
    elif isinstance(given, nodes.Refinement):
        made = [given]
    else:
        msg = f"{shown(given)} is not a facet filter; write facet:value"
        raise BuildError(msg)
    for refinement in made:
        if parse_refinement(_rendered(refinement), clause=clause) != refinement:
            msg = f"{refinement} cannot be written as facet:value"
            raise BuildError(msg)
    return made


def _facet_value(value: object) -> str:
    """Return the value of a facet as text; a date as portals write it in date facets."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return f"{value:%Y/%m/%d}"
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return render(number(value))
    msg = f"{shown(value)} is not a facet value; write the text that the portal shows"
    raise BuildError(msg)


def _facet(given: Any) -> list[nodes.Field | nodes.Call]:
    if given is None:
        return []
    node = given.node if isinstance(given, Expression) else given
    if isinstance(node, str):
        return [parse_facet(node)]
    if not isinstance(node, nodes.Node):
        msg = f"{shown(given)} is not a facet; write a name, F.name or facet(...)"
        raise BuildError(msg)
    _prove("facet", node)
    return [cast("nodes.Field | nodes.Call", node)]


def _rendered(node: nodes.Node) -> str:
    try:
        return render(node)
    except ValueError as error:
        raise BuildError(str(error)) from None


def _at_least(lowest: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            msg = f"{name} must be a whole number of at least {lowest}, not {shown(value)}"
            raise BuildError(msg)
        return int(value)

    return check


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        msg = f"{name} must be True or False, not {shown(value)}"
        raise BuildError(msg)
    return value


def _parsed_integer(name: str, value: str) -> int:
    if re.fullmatch("-?[0-9]{1,18}", value) is None:
        msg = f"{name} must be a whole number, not {shown(value)}"
        raise BuildError(msg)
    return int(value)


def _parsed_boolean(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        msg = f"{name} must be true or false, not {shown(value)}"
        raise BuildError(msg)
    return value.lower() == "true"


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value:
        msg = f"{name} must be a non-empty printable string, not {shown(value)}"
        raise BuildError(msg)
    return value
