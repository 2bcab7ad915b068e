"""Older spellings that portals still accept, and their replacements.

An edit is offered only where the new spelling provably means the same (reference, "Older spellings
still accepted"): not for `geometry()` without a mode, nor for the bracketed steps of `range()`,
whose ends are not documented to mean the same as `*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.checks.diagnostics import Edit
from odsql.checks.state import token_edit
from odsql.syntax import nodes
from odsql.syntax.scanning import tokenize
from odsql.syntax.spans import spans

if TYPE_CHECKING:
    from odsql.checks.state import State

__all__ = [
    "check_colon",
    "check_colon_range",
    "check_distance",
    "check_geometry",
    "check_polygon",
    "check_static_range",
]


def _rename(node: nodes.Call, name: str, state: State) -> tuple[Edit, ...]:
    return () if node.at is None else (token_edit(state.text, node.at[1], name),)


def check_distance(node: nodes.Call, state: State) -> None:
    """Report `distance(f, g, 1km)` as a filter, now `within_distance`."""
    message = "distance() as a filter is an older spelling"
    hint = "write within_distance(field, geometry, radius)"
    state.report("ODS407", node, message, hint, _rename(node, "within_distance", state))


def check_polygon(node: nodes.Call, state: State) -> None:
    """Report `polygon(f, g)`, now `within`."""
    hint = "write within(field, geometry)"
    edits = _rename(node, "within", state)
    state.report("ODS407", node, "polygon() is an older spelling", hint, edits)


def check_geometry(node: nodes.Call, state: State) -> None:
    """Report `geometry(f, g, MODE)`, now a function with the name of the mode."""
    mode = node.arguments[2] if len(node.arguments) > 2 else None
    name = mode.text.lower() if type(mode) is nodes.Word else ""
    edits: tuple[Edit, ...] = ()
    if name == "intersect":
        name = "intersects"  # once in the reference; unknown whether portals accept it
    elif mode is not None and name not in ("intersects", "disjoint", "within"):
        hint = "write INTERSECTS, DISJOINT or WITHIN"
        state.report("ODS203", mode, f"geometry() has no mode {name}", hint)
        return
    elif mode is not None and mode.at is not None:
        comma = spans(state.text)[mode.at[1] - 1].start
        end = spans(state.text)[mode.at[2]].end
        edits = (*_rename(node, name, state), Edit(comma, end, ""))
    hint = f"write {name or 'intersects, disjoint or within'}(field, geometry)"
    state.report("ODS407", node, "geometry() is an older spelling", hint, edits)


def check_static_range(node: nodes.StaticRange, state: State) -> None:
    """Report the brackets of `range(f, ]10, 50[)`, now steps without brackets."""
    hint = "write the steps without brackets: range(field, *, 10, 50, *); * leaves an end open"
    state.report("ODS407", node, "steps in brackets are an older spelling", hint)


def check_colon(node: nodes.Comparison, state: State) -> None:
    """Report `field: value`, now `=`; for true, false and null it is `is`."""
    if type(node.right) in (nodes.Boolean, nodes.Null):
        constant = state.source(node.right)
        hint = f"write {state.source(node.left)} is {constant}"
        if type(node.right) is nodes.Null:
            return  # ODS415 reports it
        state.report("ODS410", node, "a colon is the older spelling of is", hint)
        return
    state.report("ODS410", node, "a colon is the older spelling of =", "write =", _colon(node, "="))


def check_colon_range(node: nodes.InRange, state: State) -> None:
    """Report `field: [a TO b]`, now `in`; an edit is safe unless a bound may be a bare date."""
    edits: tuple[Edit, ...] = ()
    if not any(map(_needs_colon, (node.low, node.high))):
        edits = _colon(node, " in ")
    state.report("ODS410", node, "a colon is the older spelling of in", "write in", edits)


def _needs_colon(bound: nodes.Expression) -> bool:
    """Return whether a bound may be a date without `date'...'`, documented only after a colon."""
    if type(bound) is nodes.Number:
        return len(bound.text) in (4, 6, 8)
    return type(bound) is not nodes.Date and type(bound) is not nodes.Negate


def _colon(node: nodes.Comparison | nodes.InRange, replacement: str) -> tuple[Edit, ...]:
    left = node.left if type(node) is nodes.Comparison else node.value  # type: ignore[union-attr]
    if node.at is None or left.at is None:
        return ()
    text, _, last = node.at
    tokens = tokenize(text)
    places = spans(text)
    for number in range(left.at[2] + 1, last + 1):
        if tokens[number] == ":":
            start, end = places[number]
            if replacement == " in ":
                before = " " if not text[start - 1].isspace() else ""
                after = " " if not text[end].isspace() else ""
                return (Edit(start, end, f"{before}in{after}"),)
            return (Edit(start, end, replacement),)
    return ()
