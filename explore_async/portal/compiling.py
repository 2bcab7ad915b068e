"""Queries compiled to SQL statements for the rows, their order and the total.

Values are bound parameters, and columns have the portal's own names. A plan is one of three kinds:
records, groups, or one aggregated row that live portals repeat.

Groups are ordered by their keys, null first, text by code point (recorded); with `order_by`, null
comes last in both directions. Ties keep the order in which records were added, so that pages fit
together (live portals do not define the order of ties).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import evolve, field, frozen

import odsql
from explore_async.portal.conditions import compile_condition
from explore_async.portal.context import OBJECTS, Context, Parameters, Settings, Value
from explore_async.portal.errors import declared_twice, malformed, not_supported, unknown_field
from explore_async.portal.grouping import GroupKey, compile_key
from explore_async.portal.refining import exclusions, refinements
from explore_async.portal.values import compile_value, has_aggregate, has_field
from explore_async.portal.words import ROWS_IN
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from explore_async.portal.schema import Dataset

__all__ = ["Late", "Output", "Plan", "Query", "compile_query", "conditions"]

_LATE_LIMIT = 10_000


@frozen
class Query:
    """The parsed clauses of a request; several `where` clauses are joined by AND.

    `texts` holds the text of `select`, `group_by` and `order_by`, because an expression without an
    alias is labelled as it was typed.
    """

    select: nodes.Select | None = None
    where: tuple[nodes.Where, ...] = ()
    group_by: nodes.GroupBy | None = None
    order_by: nodes.OrderBy | None = None
    facets: tuple[nodes.Expression, ...] = ()
    refine: tuple[nodes.Refinement, ...] = ()
    exclude: tuple[nodes.Refinement, ...] = ()
    texts: Mapping[str, str] = field(factory=dict, hash=False)

    @property
    def grouped(self) -> bool:
        """True if the result consists of groups."""
        return self.group_by is not None and bool(self.group_by.items)

    @property
    def whole(self) -> bool:
        """True if rows have all their fields, which `select=*` says, too (reference)."""
        return not self.grouped and (self.select is None or self.select.items == (nodes.Star(),))

    @property
    def clauses(self) -> tuple[nodes.Node | None, ...]:
        """All trees of the query."""
        return (self.select, *self.where, self.group_by, self.order_by, *self.facets)


@frozen
class Output:
    """One key of the result: its name, and a value whose SQL refers to columns of `Plan.rows`."""

    label: str
    value: Value


@frozen
class Late:
    """The two steps of reading a page of records: first their row identifiers, then all columns.

    Sorting and skipping read only the sort keys (`keys`, a filtered SELECT); `columns` is the
    unfiltered SELECT of all columns. On wide tables this is two to four times as fast.
    """

    keys: str
    columns: str


@frozen
class Plan:
    """The SQL of a query.

    Attributes:
        kind: records, groups, or one aggregated row that is repeated.
        outputs: the keys of a row of the result.
        rows: a SELECT without ORDER BY and LIMIT.
        order: the ORDER BY clause of `rows`, or an empty string.
        total: a SELECT that counts the records that match the filters.
        context: the context with the bound values.
        ordered_by_aggregate: True if `order_by` sorts groups by an aggregate.
        late: the two steps of reading a page of records; None for other kinds.
    """

    kind: Literal["records", "groups", "repeated"]
    outputs: tuple[Output, ...]
    rows: str
    order: str
    total: str
    context: Context
    ordered_by_aggregate: bool = False
    late: Late | None = None

    def page(self, shown: Sequence[str], *, limit: int | None, offset: int = 0) -> str:
        """Return a SELECT of the `shown` expressions over a page; limit None means all rows."""
        listed = ", ".join(shown) or "NULL"  # a dataset without fields has no rows either
        window = f"LIMIT {self.context.bind(limit)} OFFSET {self.context.bind(offset)}"
        # Without an order, DuckDB stops reading at the last row of the page.
        few = limit is not None and limit <= _LATE_LIMIT and (self.order or offset)
        if self.late is None or not few:
            return f"SELECT {listed} FROM (SELECT * FROM ({self.rows}) {self.order} {window})"  # noqa: S608
        picked = f"SELECT r FROM ({self.late.keys}) {self.order} {window}"  # noqa: S608
        order = self.order or "ORDER BY r"
        return (
            f"SELECT {listed} FROM (SELECT * FROM "  # noqa: S608
            f"({self.late.columns} WHERE rowid IN ({picked})) {order})"
        )


def compile_query(query: Query, dataset: Dataset, settings: Settings) -> Plan:
    """Compile a query against a dataset.

    Raises:
        PortalError: with the status, code and text of the live server if a live portal refuses the
            query, and with the code `NotSupportedByLocalPortal` if only this portal does.
    """
    context = Context(dataset, Parameters(), settings)
    where = conditions(query, context)
    if query.grouped:
        return _groups(query, where, context)
    items = query.select.items if query.select is not None else (nodes.Star(),)
    if any(has_aggregate(item) for item in items):
        return _repeated(query, items, where, context)
    return _records(query, items, where, context)


def conditions(query: Query, context: Context, *, but: str = "") -> list[str]:
    """Compile all filters of a query, without the refinements of the facet `but`."""
    compiled = [
        compile_condition(where.condition, context)
        for where in query.where
        if where.condition is not None
    ]
    compiled += refinements(query.refine, query.facets, context.within("refine"), but=but)
    compiled += exclusions(query.exclude, query.facets, context.within("exclude"))
    return compiled


def _where(compiled: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(compiled)}" if compiled else ""


def _total(where: Sequence[str], context: Context) -> str:
    return f"SELECT count(*) FROM {context.dataset.table}{_where(where)}"  # noqa: S608


def _label(node: nodes.Node, context: Context) -> str:
    """Return the label of an expression without an alias: its text as typed."""
    if isinstance(node, nodes.Field):
        return node.name
    span = node.span
    if span is None or context.text is None:
        return odsql.render(node)
    return context.text[span.start : span.end]


# ---------------------------------------------------------------- records


def _records(
    query: Query, items: Sequence[nodes.Node], where: Sequence[str], context: Context
) -> Plan:
    selected, aliases = _selected(items, context.within("select", query.texts.get("select")))
    columns = [f"{value.sql} AS s{at}" for at, value in enumerate(selected.values())]
    outputs = tuple(
        Output(label, evolve(value, sql=f"s{at}"))
        for at, (label, value) in enumerate(selected.items())
    )
    keys = _record_order(
        query.order_by, aliases, context.within("order_by", query.texts.get("order_by"))
    )
    sorting = [*(f"{sql} AS o{at}" for at, (sql, _) in enumerate(keys)), "rowid AS r"]
    order = ""
    if keys:
        listed = (f"o{at} {direction} NULLS LAST" for at, (_, direction) in enumerate(keys))
        order = f"ORDER BY {', '.join(listed)}, r"
    elif any(ROWS_IN in one for one in where):
        order = "ORDER BY r"
    source = f"FROM {context.dataset.table}"
    everything = f"SELECT {', '.join([*columns, *sorting])} {source}"
    late = Late(f"SELECT {', '.join(sorting)} {source}{_where(where)}", everything)
    rows = f"{everything}{_where(where)}"
    return Plan("records", outputs, rows, order, _total(where, context), context, late=late)


def _selected(
    items: Sequence[nodes.Node], context: Context
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return the selected values by label, in order, and those of them that have an alias."""
    selected: dict[str, Value] = {}
    aliases: dict[str, Value] = {}
    for item in items:
        if isinstance(item, nodes.Star):
            selected.update(_fields(context, lambda _: True))
        elif isinstance(item, nodes.Call) and item.name == "include":
            selected.update(_fields(context, _matcher(item)))
        elif isinstance(item, nodes.Call) and item.name == "exclude":
            matches = _matcher(item)
            kept = selected or _fields(context, lambda _: True)
            selected = {label: value for label, value in kept.items() if not matches(label)}
        elif isinstance(item, nodes.Labelled):
            if item.label in aliases:
                raise declared_twice(item.label)
            aliases[item.label] = compile_value(item.expression, context)
            selected[item.label] = aliases[item.label]
        else:
            selected[_label(item, context)] = compile_value(item, context)
    if not selected and context.dataset.fields:
        raise malformed("Nothing is selected", "select")
    return selected, aliases


def _fields(context: Context, matches: Callable[[str], bool]) -> dict[str, Value]:
    return {
        one.name: compile_value(nodes.Field(one.name), context)
        for one in context.dataset.fields
        if matches(one.name)
    }


def _matcher(call: nodes.Call) -> Callable[[str], bool]:
    """Read the pattern of `include` or `exclude`: a field name, or a prefix followed by `*`."""
    argument = call.arguments[0] if call.arguments else None
    if not isinstance(argument, nodes.Pattern):
        raise malformed(f"{call.name}() takes a field name that may end in *", "select")
    pattern = argument.text
    if pattern.endswith("*"):
        return lambda name: name.startswith(pattern[:-1])
    return lambda name: name == pattern


def _record_order(
    order_by: nodes.OrderBy | None, aliases: dict[str, Value], context: Context
) -> list[tuple[str, str]]:
    """Return the sort keys of records with their directions; constants are omitted."""
    keys = []
    for node, direction in _orderings(order_by):
        if isinstance(node, nodes.Call) and node.name == "random":
            keys.append((_random(node, "rowid", context), "ASC"))
            continue
        value = aliases.get(node.name) if isinstance(node, nodes.Field) else None
        value = value or compile_value(node, context)
        if value.aggregate:
            raise malformed("An aggregation in order_by needs a group_by", "order_by")
        if not value.constant:
            keys.append((_sortable(value), direction))
    return keys


def _orderings(order_by: nodes.OrderBy | None) -> list[tuple[nodes.Expression, str]]:
    """Read expressions and directions; a minus sign is the legacy form of `desc`."""
    read = []
    for item in order_by.items if order_by is not None else ():
        expression, descending = item.expression, item.direction == "desc"
        if isinstance(expression, nodes.Negate):
            expression, descending = expression.operand, not descending
        read.append((expression, "DESC" if descending else "ASC"))
    return read


def _random(node: nodes.Call, of: str, context: Context) -> str:
    """Return a pseudorandom sort key `of` columns, which is the same for the same seed."""
    seed = node.arguments[0] if len(node.arguments) == 1 else None
    if not isinstance(seed, nodes.Number) or not isinstance(seed.value, int):
        raise malformed("random() takes a whole number", context.clause)
    return f"hash({of}, {context.bind(str(seed.value))})"


def _sortable(value: Value) -> str:
    if value.multivalued or value.type in OBJECTS:
        raise not_supported("Sorting by a list, a geographic field or a file")
    return value.sql


# ---------------------------------------------------------------- one aggregated row


def _repeated(
    query: Query, items: Sequence[nodes.Node], where: Sequence[str], context: Context
) -> Plan:
    """Compile an aggregate without group_by: one row, which live portals repeat per record."""
    selected = _aggregated(
        items, context.within("select", query.texts.get("select")), aliases=set()
    )
    columns = ", ".join(f"{value.sql} AS s{at}" for at, (_, value) in enumerate(selected))
    outputs = tuple(
        Output(label, evolve(value, sql=f"s{at}")) for at, (label, value) in enumerate(selected)
    )
    for node, _ in _orderings(query.order_by):
        if not (isinstance(node, nodes.Field) and node.name in dict(selected)):
            compile_value(node, context.within("order_by", query.texts.get("order_by")))
    rows = f"SELECT {columns} FROM {context.dataset.table}{_where(where)}"  # noqa: S608
    return Plan("repeated", outputs, rows, "", _total(where, context), context)


def _aggregated(
    items: Sequence[nodes.Node], context: Context, *, aliases: set[str]
) -> list[tuple[str, Value]]:
    """Compile select items; they may read fields only inside an aggregate."""
    compiled: list[tuple[str, Value]] = []
    for item in items:
        expression = item.expression if isinstance(item, nodes.Labelled) else item
        label = item.label if isinstance(item, nodes.Labelled) else _label(item, context)
        if isinstance(item, nodes.Labelled):
            if label in aliases:
                raise declared_twice(label)
            aliases.add(label)
        if isinstance(expression, nodes.Star):
            raise not_supported("select=* together with groups or aggregations")
        value = compile_value(expression, context)
        if has_field(expression):
            # The live text for this error is unknown.
            raise malformed(
                f"{_label(expression, context)} is neither grouped nor aggregated", "select"
            )
        if label not in dict(compiled):
            compiled.append((label, value))
    return compiled


# ---------------------------------------------------------------- groups


def _groups(query: Query, where: Sequence[str], context: Context) -> Plan:
    keys = _keys(query.group_by, context.within("group_by", query.texts.get("group_by")))
    rest, repeated = _besides_keys(query.select, keys)
    names = {key.label for key in keys}
    for label in repeated:
        if label in names:
            raise declared_twice(label)
        names.add(label)
    selected = _aggregated(rest, context.within("select", query.texts.get("select")), aliases=names)
    outputs = [Output(key.label, key.show(f"k{at}")) for at, key in enumerate(keys)]
    # Measured: in select, an alias for a group key is null.
    outputs += [Output(label, Value("CAST(NULL AS VARCHAR)", "text")) for label in repeated]
    outputs += [
        Output(label, evolve(value, sql=f"a{at}")) for at, (label, value) in enumerate(selected)
    ]
    order, extra, by_aggregate = _group_order(
        query.order_by, keys, selected, context.within("order_by", query.texts.get("order_by"))
    )
    columns = [f"{key.grouped} AS k{at}" for at, key in enumerate(keys)]
    columns += [f"{value.sql} AS a{at}" for at, (_, value) in enumerate(selected)]
    columns += [f"{value.sql} AS o{at}" for at, value in enumerate(extra)]
    where = [*where, *(key.condition for key in keys if key.condition)]
    rows = (
        f"SELECT {', '.join(columns)} FROM {_grouped_source(keys, where, context)} "  # noqa: S608
        f"GROUP BY {', '.join(str(at) for at in range(1, len(keys) + 1))}"
    )
    total = _total(where, context)
    return Plan("groups", tuple(outputs), rows, order, total, context, by_aggregate)


def _grouped_source(keys: Sequence[GroupKey], where: Sequence[str], context: Context) -> str:
    table = context.dataset.table
    source = f"{table}{_where(where)}"
    joined = [key.joined for key in keys if key.joined]
    if len(joined) > 1:
        raise not_supported("Grouping by two clusterings")
    if joined:
        join = f"{table} LEFT JOIN ({joined[0](source)}) AS j ON rowid = j.r"
        source = f"(SELECT *, rowid FROM {join}{_where(where)})"  # noqa: S608
    unnested = [f"{key.unnested} AS {key.grouped}" for key in keys if key.unnested]
    if len(unnested) > 1:
        raise not_supported("Grouping by two multivalued fields")
    if not unnested:
        return source
    place = "" if joined else "rowid, "  # of which the identifier of a record is made
    return f"(SELECT *, {place}{unnested[0]} FROM {source})"  # noqa: S608


def _keys(group_by: nodes.GroupBy | None, context: Context) -> list[GroupKey]:
    keys: dict[str, GroupKey] = {}
    for item in group_by.items if group_by is not None else ():
        named = isinstance(item, nodes.Labelled)
        expression = item.expression if isinstance(item, nodes.Labelled) else item
        label = item.label if isinstance(item, nodes.Labelled) else _label(item, context)
        if label in keys and (named or keys[label].named):
            raise declared_twice(label)
        key = compile_key(expression, label, context, named=named, position=len(keys))
        keys.setdefault(label, key)
    return list(keys.values())


def _besides_keys(
    select: nodes.Select | None, keys: Sequence[GroupKey]
) -> tuple[list[nodes.Node], list[str]]:
    """Return the select items that are not group keys, and the aliases of those that are."""
    rest: list[nodes.Node] = []
    repeated: list[str] = []
    for item in select.items if select is not None else ():
        labelled = isinstance(item, nodes.Labelled)
        expression = item.expression if isinstance(item, nodes.Labelled) else item
        is_key = any(
            expression == key.node
            or (isinstance(expression, nodes.Field) and key.named and expression.name == key.label)
            for key in keys
        )
        if not is_key:
            rest.append(item)
        elif labelled and isinstance(item, nodes.Labelled):
            repeated.append(item.label)
    return rest, repeated


def _group_order(
    order_by: nodes.OrderBy | None,
    keys: Sequence[GroupKey],
    selected: Sequence[tuple[str, Value]],
    context: Context,
) -> tuple[str, list[Value], bool]:
    """Return ORDER BY, the aggregates that only it uses, and True if it sorts by an aggregate."""
    by_key = [f"k{at} ASC NULLS FIRST" for at in range(len(keys))]
    listed: list[str] = []
    extra: list[Value] = []
    fields_began = by_aggregate = False
    for node, direction in _orderings(order_by):
        if isinstance(node, nodes.Call) and node.name == "random":
            columns = ", ".join(f"k{at}" for at in range(len(keys)))
            listed.append(_random(node, columns, context))
            continue
        known = _known_column(node, keys, selected, context)
        if known is None:
            known = f"o{len(extra)}"
            extra.append(_order_aggregate(node, context))
        aggregate = not known.startswith("k")
        if has_aggregate(node) and fields_began:
            # The reference forbids this; the live text is unknown.
            raise malformed("Aggregations must come before fields", "order_by")
        fields_began = fields_began or not aggregate
        by_aggregate = by_aggregate or aggregate
        listed.append(f"{known} {direction} NULLS LAST")
    return f"ORDER BY {', '.join([*listed, *by_key])}", extra, by_aggregate


def _known_column(
    node: nodes.Expression,
    keys: Sequence[GroupKey],
    selected: Sequence[tuple[str, Value]],
    context: Context,
) -> str | None:
    name = node.name if isinstance(node, nodes.Field) else _label(node, context)
    for at, (label, value) in enumerate(selected):
        if name == label and value.aggregate:
            return f"a{at}"
    for at, key in enumerate(keys):
        if node == key.node or (isinstance(node, nodes.Field) and key.named and name == key.label):
            return f"k{at}"
    return None


def _order_aggregate(node: nodes.Expression, context: Context) -> Value:
    if isinstance(node, nodes.Field) and node.name not in context.dataset.columns:
        raise unknown_field(node.name, context.clause)
    value = compile_value(node, context)
    if has_field(node) or not value.aggregate:
        raise malformed(
            f"{_label(node, context)} is neither grouped nor aggregated", context.clause
        )
    return value
