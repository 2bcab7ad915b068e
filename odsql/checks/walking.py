"""One walk over a tree: a function for each kind of node checks it and everything below it.

A function returns what is known about the value: a field of the schema, else the family of its type
(text, number, date, boolean, geometry), else None. Types therefore need no walk of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odsql.checks import spelling
from odsql.checks.comparing import check_comparison, check_items, check_range, family
from odsql.checks.plans import PLANS
from odsql.checks.shapes import read_shape
from odsql.schema import TECHNICAL_FIELDS, SchemaField
from odsql.syntax import nodes
from odsql.syntax.dates import date_problem, is_bare_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.checks.state import State

    Known = SchemaField | str | None

__all__ = ["check_name", "visit"]


def visit(node: nodes.Node, state: State) -> Known:
    """Check a node and everything below it; return what is known about its value."""
    return _VISITORS[type(node)](node, state)


# ---------------------------------------------------------------- literals


def _text(node: nodes.Text, state: State) -> Known:  # noqa: ARG001 - all visitors have one signature
    return "text"


def _number(node: nodes.Number, state: State) -> Known:  # noqa: ARG001
    return "number"


def _boolean(node: nodes.Boolean, state: State) -> Known:  # noqa: ARG001
    return "boolean"


def _nothing(node: nodes.Node, state: State) -> Known:  # noqa: ARG001
    return None


def _date(node: nodes.Date, state: State) -> Known:
    problem = date_problem(node.text)
    if problem is not None:
        hint = "write date'2024-01-31', or with a time date'2024-01-31T10:00:00Z'"
        state.report("ODS208", node, f"date'{node.text}' {problem}", hint)
    return "date"


def _geometry(node: nodes.Geometry, state: State) -> Known:
    shape = read_shape(node.text)
    if shape.problem is not None:
        hint = "write WKT, such as geom'POINT(2.35 48.85)', longitude first"
        state.report("ODS207", node, f"not a geometry: {shape.problem}", hint)
    elif shape.swapped:
        hint = "WKT and GeoJSON put longitude first, then latitude"
        state.report("ODS409", node, "latitude and longitude look swapped", hint)
    return "geometry"


# ---------------------------------------------------------------- names and values


def _field(node: nodes.Field, state: State) -> Known:
    if state.fields is None or node.name in state.shadowing:
        if state.in_catalog and node.name.partition(".")[0] == "metas":
            _report_catalog_name(node, state)
        return None
    known = state.fields.get(node.name)
    if known is None and node.name not in state.labels:
        check_name(node.name, node, state)
    return known


def check_name(name: str, node: nodes.Node, state: State) -> None:
    """Report a name that is not a field of the schema."""
    schema = state.schema
    if schema is None or name in TECHNICAL_FIELDS:
        return
    near = schema.nearest(name)
    same = [one for one in near if one.lower() == name.lower()]
    if same:
        message = f"{schema.dataset_id} has no field {name}, but has {same[0]}"
        state.report("ODS312", node, message, f"write {same[0]}")
        return
    hint = f"did you mean {', '.join(near)}?" if near else None
    state.report("ODS301", node, f"{schema.dataset_id} has no field {name}", hint)


def _report_catalog_name(node: nodes.Field, state: State) -> None:
    """Report `metas` and the like, to which portals answer "Unknown field" (recorded)."""
    if node.name in state.labels:
        return
    short = node.name.rpartition(".")[2]
    path = node.name.removeprefix("metas.")
    hint = f"write {path}, or only {short}" if path != short else f"write {short}"
    if short == node.name:
        hint = "name a field in it, such as default.title"
    state.report("ODS218", node, f"the catalog has no field {node.name}", hint)


def _named(node: nodes.Named, state: State) -> Known:
    return visit(node.value, state)


def _distinct(node: nodes.Distinct, state: State) -> Known:
    return visit(node.operand, state)


def _static_range(node: nodes.StaticRange, state: State) -> Known:
    for step in node.steps:
        visit(step, state)
    return None


def _negate(node: nodes.Negate, state: State) -> Known:
    known = visit(node.operand, state)
    if state.letter != "O":  # there portals accept a minus, which is used for descending
        _check_number(node.operand, known, state)
    return "number"


def _arithmetic(node: nodes.Arithmetic, state: State) -> Known:
    if state.letter == "G":
        hint = "group by a field, a function of a field, range(...) or geo_cluster(...)"
        state.report("ODS201", node, "arithmetic is not allowed in group_by", hint)
    for operand in node.operands:
        _check_number(operand, _VISITORS[type(operand)](operand, state), state)
    return "number"


def _check_number(operand: nodes.Node, known: Known, state: State) -> None:
    if type(known) is SchemaField and family(known) not in ("number", None):
        message = f"{known.name} is {known.type}; + - * / take numbers"
        state.report("ODS308", operand, message)


def _call(node: nodes.Call, state: State) -> Known:
    plan = PLANS[node.name]
    if state.letter not in plan.clauses:
        plan.report_clause(node, state)
    kinds = [_VISITORS[type(argument)](argument, state) for argument in node.arguments]
    if plan.aggregate:
        state.aggregates += 1
    if plan.least <= len(kinds) <= plan.most:
        plan.check(node, kinds, state)
    else:
        plan.report_count(node, state)
    return kinds[0] if plan.returns == "same" else plan.returns


# ---------------------------------------------------------------- conditions


def _condition(node: nodes.Node, state: State) -> None:
    """Check an operand that must be true or false: a field by itself must be boolean."""
    known = visit(node, state)
    if type(known) is SchemaField and type(node) is nodes.Field and known.type != "boolean":
        message = f"{known.name} is {known.type}; only a boolean field is a condition by itself"
        state.report("ODS308", node, message, f"compare it, for example: {known.name} is not null")


def _and(node: nodes.And, state: State) -> Known:
    return _connected(node.operands, True, state)


def _or(node: nodes.Or, state: State) -> Known:
    return _connected(node.operands, False, state)


def _connected(operands: tuple[nodes.Expression, ...], negated: bool, state: State) -> Known:
    """Check operands; `f != 1 OR f is null` and `f != 1 AND f is not null` handle null."""
    before = state.spared
    for one in operands:
        if type(one) is nodes.Is and one.negated is negated and type(one.constant) is nodes.Null:
            state.spared = state.spared.union((getattr(one.value, "name", ""),))
    for operand in operands:
        if type(operand) is nodes.Field:
            _condition(operand, state)
        else:
            _VISITORS[type(operand)](operand, state)
    state.spared = before
    return "boolean"


def _not(node: nodes.Not, state: State) -> Known:
    _condition(node.operand, state)
    return "boolean"


def _where(node: nodes.Where, state: State) -> Known:
    if node.condition is not None:
        _condition(node.condition, state)
    return None


def _comparison(node: nodes.Comparison, state: State) -> Known:
    left, right, operator = node.left, node.right, node.operator
    mine = _VISITORS[type(left)](left, state)
    theirs = _VISITORS[type(right)](right, state)
    if operator != "=" and operator != ">=":
        if operator == ">":
            if type(right) is nodes.Date:
                _check_whole_day(right, mine, state)
        elif operator == "!=":
            _check_unequal(node, state)
        elif operator == ":":
            spelling.check_colon(node, state)
        elif operator == "<" and type(left) is nodes.Date:
            _check_whole_day(left, theirs, state)
    if theirs is None and type(right) is nodes.Null:
        _report_null(node, state)
    elif state.fields is not None:
        check_comparison(node, mine, theirs, state)
    return "boolean"


def _check_unequal(node: nodes.Comparison, state: State) -> None:
    """Report `!=`, which drops null (measured), unless the query handles null itself."""
    if type(node.right) is nodes.Null:
        return
    for side in (node.left, node.right):
        if type(side) is nodes.Field and side.name not in state.spared:
            name = state.source(side)
            hint = f"to keep them, write NOT {name} = ..., or add OR {name} is null"
            state.report("ODS401", node, f"!= drops records where {name} is null", hint)
            return


def _check_whole_day(date: nodes.Date, known: Known, state: State) -> None:
    if type(known) is SchemaField and known.type != "datetime":
        return
    if is_bare_day(date):
        message = f"> leaves out all of {date.text.strip()}"
        hint = "write >= to include that day, or add a time, such as T00:00:00"
        state.report("ODS405", date, message, hint)


def _report_null(node: nodes.Comparison, state: State) -> None:
    constant = "is not null" if node.operator == "!=" else "is null"
    hint = f"write {state.source(node.left)} {constant}"
    state.report("ODS415", node, "a comparison with null is never true", hint)


def _in_range(node: nodes.InRange, state: State) -> Known:
    known = _VISITORS[type(node.value)](node.value, state)
    _VISITORS[type(node.low)](node.low, state)
    _VISITORS[type(node.high)](node.high, state)
    if not node.include_low and type(node.low) is nodes.Date:
        _check_whole_day(node.low, known, state)
    if node.operator == ":":
        spelling.check_colon_range(node, state)
    if state.fields is not None:
        check_range(node, known, state)
    return "boolean"


def _in_list(node: nodes.InList, state: State) -> Known:
    known = _VISITORS[type(node.value)](node.value, state)
    if type(known) is SchemaField:
        check_items(known, node.items, node, state)
    return "boolean"


def _member(node: nodes.Member, state: State) -> Known:
    known = visit(node.field, state)
    if type(known) is SchemaField:
        if not known.multivalued and known.annotated:
            hint = f"write {known.name} = {state.source(node.literal)}"
            state.report("ODS307", node, f"{known.name} holds one value, not several", hint)
        else:
            check_items(known, (node.literal,), node, state)
    return "boolean"


def _like(node: nodes.Like, state: State) -> Known:
    _VISITORS[type(node.value)](node.value, state)
    if "%" in node.text.value:
        written = node.text.value
        words = written.replace("%", "").strip()
        hint = (
            f'like matches whole words anywhere in the value: like "{words}"; a word may end in *'
        )
        if words and written.endswith("%") and not written.startswith("%"):
            hint = (
                f'for words that begin so write like "{words}*"; for values that begin so, '
                f'startswith({state.source(node.value)}, "{words}")'
            )
        state.report("ODS402", node.text, "% is not a wildcard in ODSQL", hint)
    return "boolean"


def _is(node: nodes.Is, state: State) -> Known:
    known = _VISITORS[type(node.value)](node.value, state)
    if type(node.constant) is not nodes.Boolean or type(known) is not SchemaField:
        return "boolean"
    if known.type != "boolean":
        message = f"{known.name} is {known.type}, neither true nor false"
        state.report("ODS308", node, message)
    return "boolean"


_VISITORS: dict[type, Callable[[Any, State], Known]] = {
    nodes.And: _and,
    nodes.Arithmetic: _arithmetic,
    nodes.Boolean: _boolean,
    nodes.Call: _call,
    nodes.Comparison: _comparison,
    nodes.Date: _date,
    nodes.Distinct: _distinct,
    nodes.Field: _field,
    nodes.Geometry: _geometry,
    nodes.InList: _in_list,
    nodes.InRange: _in_range,
    nodes.Is: _is,
    nodes.Like: _like,
    nodes.Member: _member,
    nodes.Named: _named,
    nodes.Negate: _negate,
    nodes.Not: _not,
    nodes.Null: _nothing,
    nodes.Number: _number,
    nodes.Or: _or,
    nodes.Pattern: _nothing,
    nodes.Quantity: _nothing,
    nodes.Star: _nothing,
    nodes.StaticRange: _static_range,
    nodes.Text: _text,
    nodes.Where: _where,
    nodes.Word: _nothing,
}
