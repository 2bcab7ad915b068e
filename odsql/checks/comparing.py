"""Types in comparisons, as the live server checks them.

An error is a comparison that a recorded answer refuses: a date field with a year, a number, a text
that is not a date, or a list of texts; a text field with a date or by order; a number field with
a text (IncompatibleTypesInComparisonFilter). A text field may be compared with a number, and a date
field with a whole quoted day, except in lists. A comparison without a recorded answer is at most a
warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.schema import SchemaField
from odsql.syntax import nodes
from odsql.syntax.dates import looks_like_date

if TYPE_CHECKING:
    from odsql.checks.state import State

__all__ = ["FAMILIES", "check_comparison", "check_items", "check_range", "family"]

FAMILIES = {
    "text": "text",
    "int": "number",
    "double": "number",
    "decimal": "number",
    "date": "date",
    "datetime": "date",
    "boolean": "boolean",
    "geo_point_2d": "geometry",
    "geo_shape": "geometry",
}
"""Field types by what they can be compared with; others, such as files, are not checked."""

_ORDERING = frozenset(("<", ">", "<=", ">="))
_LITERALS = frozenset((nodes.Text, nodes.Number, nodes.Date, nodes.Boolean, nodes.Negate))
_ARTICLES = {"text": "text", "number": "a number", "date": "a date", "boolean": "a boolean",
             "geometry": "a geometry"}  # fmt: skip


def family(kind: SchemaField | str | None) -> str | None:
    """Return the type family of a field, a family unchanged, or None if nothing is known."""
    return FAMILIES.get(kind.type) if isinstance(kind, SchemaField) else kind


def check_comparison(
    node: nodes.Comparison,
    left: SchemaField | str | None,
    right: SchemaField | str | None,
    state: State,
) -> None:
    """Check `left operator right`; either side may be the field."""
    ordered = node.operator in _ORDERING
    if type(left) is SchemaField:
        if FAMILIES.get(left.type) == right and not (ordered and right == "text"):
            return  # by far the most common case
        _check(left, right, node.right, ordered, node, state)
    elif type(right) is SchemaField:
        _check(right, left, node.left, ordered, node, state)
    elif isinstance(left, str) and isinstance(right, str) and left != right:
        # Only results of functions are checked: `1 = "a"` does no harm.
        if type(node.left) is nodes.Call and type(node.right) in _LITERALS:
            _check_computed(left, right, node.right, node, state)
        elif type(node.right) is nodes.Call and type(node.left) in _LITERALS:
            _check_computed(right, left, node.left, node, state)


def check_range(node: nodes.InRange, value: SchemaField | str | None, state: State) -> None:
    """Check both bounds; after a colon, dates may be quoted or all digits (reference)."""
    if type(value) is not SchemaField:
        return
    if family(value) == "date" and node.operator == ":":
        return
    for bound in (node.low, node.high):
        before = len(state.found)
        _check(value, _LITERAL_FAMILIES.get(type(bound)), bound, True, node, state)
        if len(state.found) > before:
            return


_LITERAL_FAMILIES: dict[type, str] = {
    nodes.Text: "text",
    nodes.Number: "number",
    nodes.Negate: "number",
    nodes.Date: "date",
    nodes.Boolean: "boolean",
}


def check_items(
    value: SchemaField,
    items: tuple[nodes.Expression, ...],
    node: nodes.Node,
    state: State,
) -> None:
    """Check the items of a list, or the one literal of `literal in field`."""
    known = FAMILIES.get(value.type)
    for item in items:
        other = _LITERAL_FAMILIES.get(type(item))
        if other != known:
            before = len(state.found)
            _check(value, other, item, False, node, state)
            if len(state.found) > before:
                return


def _check(
    known: SchemaField,
    other: SchemaField | str | None,
    literal: nodes.Expression,
    ordered: bool,
    node: nodes.Node,
    state: State,
) -> None:
    """Check one field against the other side, whose family or field is `other`."""
    mine, theirs = FAMILIES.get(known.type), family(other)
    if mine is None:
        return
    if mine == "text" and ordered and theirs is not None:
        message = f"{known.name} is text, which has no order to filter by"
        hint = f"use =, startswith({known.name}, ...) or in (...)"
        state.report("ODS303", node, message, hint)
    elif type(other) is SchemaField or theirs is None or theirs == mine:
        return  # two fields: not recorded
    elif mine == "text":
        if theirs == "date":
            _report_types(known, theirs, node, 'write the text in quotes: "..."', state)
        elif theirs == "boolean":
            _report_unlikely(known, theirs, node, state)
    elif mine == "number" and theirs == "text":
        quoted = _is_number(literal)
        advice = "write the number without quotes" if quoted else None
        _report_types(known, theirs, node, advice, state)
    elif mine == "date" and theirs in ("text", "number"):
        _check_date(known, theirs, literal, node, state)
    else:
        _report_unlikely(known, theirs, node, state)


def _check_date(
    known: SchemaField, theirs: str, literal: nodes.Expression, node: nodes.Node, state: State
) -> None:
    listed = type(node) is nodes.InList
    if type(literal) is nodes.Text:
        if looks_like_date(literal.value) and not listed:
            return  # working code sends whole quoted days
        year = literal.value.strip()
    elif type(literal) is nodes.Number:
        if len(literal.text) == 8:
            return  # 20240131: accepted in colon ranges, unknown elsewhere
        year = literal.text
    else:
        _report_unlikely(known, theirs, node, state)
        return
    hint = "write date'...'"
    if listed:  # a list takes no date literals either
        hint = f"write {known.name} = date'...' for each of them, joined with OR"
    elif _is_year(year):
        hint = f"write date'{year}', or year({known.name}) = {year}"
    _report_types(known, theirs, node, hint, state)


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdecimal()


def _is_number(literal: nodes.Expression) -> bool:
    return type(literal) is nodes.Text and literal.value.strip().lstrip("-").isdecimal()


def _report_types(
    known: SchemaField, theirs: str, node: nodes.Node, hint: str | None, state: State
) -> None:
    message = f"{known.name} is {known.type}, which cannot be compared with {_ARTICLES[theirs]}"
    state.report("ODS302", node, message, hint)


def _report_unlikely(known: SchemaField, theirs: str, node: nodes.Node, state: State) -> None:
    message = f"{known.name} is {known.type} but is compared with {_ARTICLES[theirs]}"
    state.report("ODS304", node, message, "no portal was seen to accept this")


def _check_computed(
    mine: str, theirs: str, literal: nodes.Expression, node: nodes.Node, state: State
) -> None:
    if mine == "text" and theirs == "number":
        return
    if mine == "date" and type(literal) is nodes.Text and looks_like_date(literal.value):
        return
    message = f"{_ARTICLES[mine]} is compared with {_ARTICLES[theirs]}"
    quoted = mine == "number" and _is_number(literal)
    hint = "write the number without quotes" if quoted else None
    state.report("ODS304", node, message, hint)
