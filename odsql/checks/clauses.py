"""Checks of whole clauses, alone and together.

(Source: reference, "Rules across clauses"; recorded refusals of labels, geographic groups and
ordered exports.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from odsql.checks.comparing import FAMILIES
from odsql.checks.diagnostics import Edit
from odsql.checks.state import NONE, finding
from odsql.checks.walking import visit
from odsql.schema import SchemaField
from odsql.syntax import nodes
from odsql.syntax.dates import date_problem

if TYPE_CHECKING:
    from odsql.checks.state import State

__all__ = ["Clauses", "check_facet", "check_group_by", "check_order_by", "check_select", "labels"]

_HYPHENS = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")


class Clauses(NamedTuple):
    """The clauses of a request that matter to others.

    `complete` is False if one that declares labels or groups does not parse.
    """

    select: nodes.Select | None = None
    group_by: nodes.GroupBy | None = None
    complete: bool = True

    @property
    def grouped(self) -> bool:
        """True if the request is grouped."""
        return self.group_by is not None


def labels(clause: nodes.Select | nodes.GroupBy | None) -> frozenset[str]:
    """Return the labels that a clause declares."""
    if clause is None:
        return NONE
    declared = [one.label for one in clause.items if type(one) is nodes.Labelled]
    return frozenset(declared) if declared else NONE


# ---------------------------------------------------------------- select


def check_select(select: nodes.Select, clauses: Clauses, state: State) -> None:
    """Check a select clause."""
    for item in select.items:
        kind = type(item)
        if kind is nodes.Labelled:
            item = item.expression  # type: ignore[union-attr]
        visit(item, state)
        if type(item) is nodes.Call and item.name in ("include", "exclude"):
            _check_pattern(item, state)
    if clauses.grouped:
        _check_grouped(select, clauses, state)


def _check_pattern(call: nodes.Call, state: State) -> None:
    pattern = call.arguments[0]
    if state.schema is None or state.fields is None or type(pattern) is not nodes.Pattern:
        return
    text = pattern.text
    if text.endswith("*"):
        if any(name.startswith(text[:-1]) for name in state.fields):
            return
    elif text in state.fields:
        return
    near = state.schema.nearest(text.rstrip("*"))
    hint = f"did you mean {', '.join(near)}?" if near else None
    state.report("ODS311", pattern, f"no field matches {text}", hint)


def _check_grouped(select: nodes.Select, clauses: Clauses, state: State) -> None:
    """Report plain fields that are not grouped, and labels for grouped expressions."""
    keys: list[nodes.Node] = []
    names: set[str] = set()
    for key in clauses.group_by.items if clauses.group_by is not None else ():
        if type(key) is nodes.Labelled:
            names.add(key.label)
            key = key.expression
        keys.append(key)
    for item in select.items:
        label = item.label if type(item) is nodes.Labelled else None
        expression = item.expression if type(item) is nodes.Labelled else item
        if label is not None and label not in names and expression in keys:
            hint = "declare the label in group_by and select it by that name"
            state.report(
                "ODS411", item, "a label for a grouped expression is returned as null", hint
            )
        elif (
            type(expression) is nodes.Field
            and expression.name not in names
            and expression not in keys
        ):
            name = expression.name
            hint = f"add {name} to group_by, or aggregate it: count({name})"
            state.report("ODS213", expression, f"{name} is neither grouped nor aggregated", hint)


def check_labels(
    clause: nodes.Select | nodes.GroupBy, declared: dict[str, str], state: State
) -> None:
    """Report labels declared before; `declared` maps each label so far to its clause."""
    name = "select" if type(clause) is nodes.Select else "group_by"
    for item in clause.items:
        if type(item) is nodes.Labelled:
            if item.label in declared:
                message = f"the label {item.label} is already declared in {declared[item.label]}"
                hint = "declare it once; a grouped expression gets its label in group_by"
                state.report("ODS212", item, message, hint)
            declared.setdefault(item.label, name)


# ---------------------------------------------------------------- group_by


def check_group_by(group_by: nodes.GroupBy, state: State) -> None:
    """Check a group_by clause."""
    for item in group_by.items:
        expression = item.expression if type(item) is nodes.Labelled else item
        known = visit(expression, state)
        if type(known) is not SchemaField or type(expression) is not nodes.Field:
            continue
        if FAMILIES.get(known.type) == "geometry":
            hint = f"write geo_cluster({known.name}, 10)"
            message = f"{known.name} is geographic and cannot be grouped by"
            state.report("ODS310", item, message, hint)


# ---------------------------------------------------------------- order_by


def check_order_by(order_by: nodes.OrderBy, state: State) -> None:
    """Check an order_by clause."""
    field: nodes.Field | None = None
    for item in order_by.items:
        expression = item.expression
        before = state.aggregates
        visit(expression, state)
        if state.aggregates > before:
            if field is not None:
                hint = f"write the aggregate first, then {field.name}"
                state.report("ODS211", item, "aggregates come before fields in order_by", hint)
        elif type(expression) is nodes.Field:
            if expression.name not in state.labels:
                field = expression
        elif item.direction is not None and _is_random(expression):
            hint = f"drop {item.direction}"
            state.report("ODS412", item, "random() has no direction; portals ignore it", hint)


def _is_random(expression: nodes.Node) -> bool:
    return type(expression) is nodes.Call and expression.name == "random"


# ---------------------------------------------------------------- facets


def check_facet(facet: nodes.Field | nodes.Call | nodes.Refinement, state: State) -> None:
    """Check a facet, refine or exclude parameter."""
    if type(facet) is nodes.Call:
        visit(facet, state)
        for option in facet.arguments:
            if type(option) is nodes.Named and option.name == "name":
                value = option.value
                if type(value) is nodes.Text:
                    _check_facet_name(value.value, value, state)
    elif type(facet) is nodes.Field:
        _check_facet_name(facet.name, facet, state)
    elif type(facet) is nodes.Refinement:
        _check_facet_name(facet.facet, facet, state)
        _check_facet_date(facet, state)


def _check_facet_date(refinement: nodes.Refinement, state: State) -> None:
    """Report hyphens in a value of a date facet, which the reference writes with slashes.

    It is not recorded whether hyphens filter. If they do, the edit keeps the meaning.
    """
    value = refinement.value
    known = state.fields.get(refinement.facet) if state.fields is not None else None
    if known is None or FAMILIES.get(known.type) != "date":
        return
    if _HYPHENS.fullmatch(value) is None or date_problem(value) is not None:
        return
    start = state.text.rindex(value)
    span = (start, start + len(value))
    slashes = value.replace("-", "/")
    message = f"it is unknown whether portals find {value}: values of date facets have slashes"
    edits = (Edit(*span, slashes),)
    state.found.append(finding("ODS313", state.number, span, message, f"write {slashes}", edits))


def _check_facet_name(name: str, node: nodes.Node, state: State) -> None:
    """Report an unknown facet; no answer to one is recorded, so this is only a warning."""
    if state.schema is None or state.fields is None:
        return
    known = state.fields.get(name)
    if known is None:
        near = state.schema.nearest(name)
        hint = f"did you mean {', '.join(near)}?" if near else None
        state.report("ODS309", node, f"{state.schema.dataset_id} has no field {name}", hint)
    elif known.annotated and not known.facet:
        declared = [one.name for one in state.fields.values() if one.facet]
        hint = f"declared facets: {', '.join(declared[:8])}" if declared else None
        state.report("ODS309", node, f"{name} is not declared as a facet", hint)
