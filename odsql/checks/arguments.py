"""Checks of arguments for single functions, beyond those from the catalogue.

(Source: reference, "Functions", "Predicates", "Aggregates", "Groupings".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.checks import spelling
from odsql.checks.literals import pattern_problem, whole_number
from odsql.syntax import nodes
from odsql.syntax.dates import looks_like_date
from odsql.syntax.functions import (
    DISTANCE_UNITS,
    FACET_OPTIONS,
    FACET_SORTS,
    INTERVAL_UNITS,
    NOW_PARTS,
    SINGLE_INTERVAL_UNITS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.checks.state import State

__all__ = ["SPECIALS"]

_FACET_KINDS = {"text": "text in quotes", "boolean": "true or false", "integer": "a whole number"}


def _number(node: nodes.Node) -> float | None:
    """Return a number, with or without a sign; None for anything else."""
    if type(node) is nodes.Negate:
        inner = _number(node.operand)
        return None if inner is None else -inner
    return float(node.value) if type(node) is nodes.Number else None


# ---------------------------------------------------------------- dates and times


def _now(node: nodes.Call, state: State) -> None:
    for argument in node.arguments:
        if type(argument) is nodes.Named:
            problem, hint = _now_problem(argument)
            if problem is not None:
                state.report("ODS210", argument, problem, hint)


def _now_problem(argument: nodes.Named) -> tuple[str | None, str | None]:
    name = argument.name
    if name not in NOW_PARTS:
        from difflib import get_close_matches  # only a misspelt name needs it

        near = get_close_matches(name, NOW_PARTS, n=2, cutoff=0.6)
        hint = (
            f"did you mean {', '.join(near)}?"
            if near
            else "plural names shift the time: now(days=-7)"
        )
        return f"now() has no argument {name}", hint
    number = whole_number(argument.value)
    if number is None:
        return f"argument {name} of now() must be a whole number", None
    low, high = NOW_PARTS[name]
    if (low is None or number >= low) and (high is None or number <= high):
        return None, None
    expected = f"from {low} to {high}" if high is not None else f"{low} or more"
    shift = f"it sets the {name}; to shift by {name}s, write {name}s={number}"
    return (
        f"argument {name} of now() must be {expected}, not {number}",
        None if name == "weekday" else shift,
    )


def _date_format(node: nodes.Call, state: State) -> None:
    _date_part(node, state)
    pattern = node.arguments[1]
    if type(pattern) is nodes.Text:
        problem = pattern_problem(pattern.value)
        if problem is not None:
            hint = "use symbols such as yyyy MM dd HH mm ss; put other text in single quotes"
            state.report("ODS209", pattern, f"the date pattern has {problem}", hint)


def _date_part(node: nodes.Call, state: State) -> None:
    date = node.arguments[0]
    if type(date) is nodes.Text and not looks_like_date(date.value):
        hint = "write a field name without quotes, a date as date'...'"
        state.report("ODS203", date, f"argument date of {node.name}() must be a date", hint)


# ---------------------------------------------------------------- places


def _distance(node: nodes.Call, state: State) -> None:
    """Check the value `distance(f, g)`, or the older filter `distance(f, g, 1km)`."""
    if len(node.arguments) == 3:
        _within_distance(node, state)
        spelling.check_distance(node, state)
    elif state.letter == "W":
        hint = "write within_distance(field, geometry, 1km)"
        state.report("ODS201", node, "distance() as a value is not allowed in where", hint)


def _within_distance(node: nodes.Call, state: State) -> None:
    radius = node.arguments[2]
    if type(radius) is nodes.Quantity and radius.unit.lower() not in DISTANCE_UNITS:
        hint = f"the units are {', '.join(DISTANCE_UNITS)}"
        state.report("ODS204", radius, f"unknown unit of distance: {radius.unit}", hint)


def _in_bbox(node: nodes.Call, state: State) -> None:
    numbers = [_number(argument) for argument in node.arguments[1:]]
    latitudes = [one for one in numbers[::2] if one is not None]
    longitudes = [one for one in numbers[1::2] if one is not None]
    if any(abs(one) > 90 for one in latitudes) and all(abs(one) <= 90 for one in longitudes):
        hint = "in_bbox(field, latitude, longitude, latitude, longitude)"
        state.report("ODS409", node, "latitude and longitude look swapped", hint)


def _geo_cluster(node: nodes.Call, state: State) -> None:
    zoom = node.arguments[1]
    number = _number(zoom)
    if number is not None and not 0 <= number <= 25:
        state.report(
            "ODS206", zoom, f"argument zoom of geo_cluster() must be from 0 to 25, not {number:g}"
        )


# ---------------------------------------------------------------- numbers


def _percentile(node: nodes.Call, state: State) -> None:
    percent = node.arguments[1]
    number = _number(percent)
    if number is None:
        return
    if not 0 <= number <= 100:
        state.report(
            "ODS206",
            percent,
            f"argument percent of percentile() must be from 0 to 100, not {number:g}",
        )
    elif 0 < number < 1:
        hint = f"write {number * 100:g} for the {number * 100:g}th percentile"
        state.report(
            "ODS404", percent, f"percentiles run from 0 to 100; {number:g} is close to 0", hint
        )


def _random(node: nodes.Call, state: State) -> None:
    seed = node.arguments[0]
    if type(seed) is nodes.Number and "." in seed.text:
        state.report("ODS203", seed, "argument seed of random() must be a whole number")


def _range(node: nodes.Call, state: State) -> None:
    """Check a width, an interval such as `1 day`, or steps; `*` leaves an end open."""
    steps = node.arguments[1:]
    first = steps[0]
    if type(first) is nodes.StaticRange:
        spelling.check_static_range(first, state)
        return
    if len(steps) == 1 and type(first) is nodes.Star:
        state.report("ODS202", node, "range() has no steps", "range(field, *, 10, 20, *)")
    for position, step in enumerate(steps):
        if type(step) is nodes.Quantity:
            _interval(step, len(steps), state)
        elif type(step) is nodes.Star and 0 < position < len(steps) - 1:
            state.report("ODS203", step, "* leaves an end of range() open: write it first or last")
        elif type(step) in (nodes.Text, nodes.Geometry):
            state.report("ODS203", step, "the steps of range() must be numbers, dates or intervals")


def _interval(step: nodes.Quantity, steps: int, state: State) -> None:
    if step.unit not in INTERVAL_UNITS:
        hint = "write second, minute, hour, day, week, month, quarter or year; m is minute, M month"
        state.report("ODS204", step, f"unknown unit of time: {step.unit}", hint)
    elif "." in step.amount.text:
        state.report("ODS205", step, "an interval must be a whole number of units")
    elif step.unit in SINGLE_INTERVAL_UNITS and step.amount.text.lstrip("0") != "1":
        message = "range() supports only one week, month, quarter or year at a time"
        state.report("ODS205", step, message, f"write 1 {step.unit}")
    elif steps > 1:
        state.report("ODS205", step, "an interval must be the only step of range()")


# ---------------------------------------------------------------- texts


def _search(node: nodes.Call, state: State) -> None:
    """Check `search(field, ..., "text")` and the like: fields or `*`, then one text."""
    *fields, text = node.arguments
    if type(text) is not nodes.Text:
        hint: str | None = None
        if type(text) is nodes.Field:
            hint = f'write text in quotes: {node.name}("{text.name}")'
        state.report("ODS203", text, f"the last argument of {node.name}() must be text", hint)
    for one in fields:
        if type(one) not in (nodes.Field, nodes.Star):
            state.report("ODS203", one, f"{node.name}() takes fields or * before the text")


# ---------------------------------------------------------------- facets


def _facet(node: nodes.Call, state: State) -> None:
    options = [one for one in node.arguments if type(one) is nodes.Named]
    if all(one.name != "name" for one in options):
        state.report("ODS202", node, "facet() has no name", 'facet(name="field")')
    for option in options:
        kind, value = FACET_OPTIONS.get(option.name), option.value
        if kind is not None and not _is_of_kind(kind, value):
            words = _FACET_KINDS[kind]
            state.report("ODS203", option, f"argument {option.name} of facet() must be {words}")
        elif option.name == "sort" and type(value) is nodes.Text and value.value not in FACET_SORTS:
            hint = "write count, -count, alphanum, -alphanum, num or -num"
            state.report("ODS203", option, f"facet() has no sort {value.value}", hint)


def _is_of_kind(kind: str, value: nodes.Node) -> bool:
    if kind == "integer":
        return whole_number(value) is not None
    return type(value) is (nodes.Boolean if kind == "boolean" else nodes.Text)


SPECIALS: dict[str, Callable[[nodes.Call, State], None]] = {
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second"), _date_part),
    **dict.fromkeys(("search", "suggest", "startswith"), _search),
    "date_format": _date_format,
    "distance": _distance,
    "facet": _facet,
    "geo_cluster": _geo_cluster,
    "geometry": spelling.check_geometry,
    "in_bbox": _in_bbox,
    "now": _now,
    "percentile": _percentile,
    "polygon": spelling.check_polygon,
    "random": _random,
    "range": _range,
    "within_distance": _within_distance,
}
"""The check for one function, by its name; called if the number of arguments is valid."""
