"""Plans for checking calls: clauses, and the number, kinds and types of arguments.

A plan is made once for each entry of `odsql.syntax.functions.CATALOGUE`. Only literals of a kind
that the reference rules out are refused; the result of a nested expression is left to the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from odsql.checks.arguments import SPECIALS
from odsql.checks.comparing import FAMILIES, family
from odsql.schema import SchemaField
from odsql.syntax import nodes
from odsql.syntax.functions import CATALOGUE, Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.checks.state import State

    Known = SchemaField | str | None

__all__ = ["PLANS", "Plan"]

_CLAUSES = {"S": "select", "W": "where", "G": "group_by", "O": "order_by", "F": "facet"}
_RETURNS = {
    "integer": "number",
    "number": "number",
    "datetime": "date",
    "text": "text",
    "boolean": "boolean",
    "same": "same",
}
_STATISTICS = frozenset(("avg", "median", "sum", "min", "max", "percentile"))

_TEXT, _NUMBER, _DATE, _SHAPE = nodes.Text, nodes.Number, nodes.Date, nodes.Geometry
_ODD = frozenset((nodes.Quantity, nodes.Star, nodes.Word, nodes.StaticRange))
_CONSTANTS = frozenset((nodes.Boolean, nodes.Null))
_REFUSED: dict[str, frozenset[type]] = {
    "any": _ODD,
    "text": _ODD | {_NUMBER, _DATE, _SHAPE, nodes.Negate} | _CONSTANTS,
    "number": _ODD | {_TEXT, _DATE, _SHAPE} | _CONSTANTS,
    "integer": _ODD | {_TEXT, _DATE, _SHAPE} | _CONSTANTS,
    "date": _ODD | {_NUMBER, _SHAPE, nodes.Negate} | _CONSTANTS,
    "geo": _ODD | {_TEXT, _NUMBER, _DATE, _SHAPE, nodes.Negate} | _CONSTANTS,
    "geometry": _ODD | {_TEXT, _NUMBER, _DATE, nodes.Negate} | _CONSTANTS,
    "distance": frozenset((_TEXT, _NUMBER, _DATE, _SHAPE, nodes.Star)),
    "field": frozenset(),
    "interval": frozenset(),
    "named": frozenset(),
    "pattern": frozenset(),
}
"""The nodes that an argument of each type cannot be (reference: the functions' arguments)."""

_WORDS = {
    "any": "a value",
    "text": "text",
    "number": "a number",
    "integer": "a whole number",
    "date": "a date",
    "geo": "a geographic field",
    "geometry": "geom'...'",
    "distance": "a distance, such as 10km",
}


@frozen
class Plan:
    """How to check calls of one function.

    `least` and `most` bound the number of arguments; `refused` has the nodes that each argument
    cannot be; `special` is a check for this function alone.
    """

    function: Function
    clauses: frozenset[str]
    aggregate: bool
    least: int
    most: float
    refused: tuple[frozenset[type], ...]
    returns: str | None
    special: Callable[[nodes.Call, State], None] | None

    def check(self, node: nodes.Call, kinds: list[Known], state: State) -> None:
        """Check the arguments, whose number is valid; `kinds` is what is known about them."""
        position = 0
        for argument, refused in zip(node.arguments, self.refused, strict=False):
            if type(argument) in refused and not self._allowed(position, argument):
                self._report_kind(position, argument, state)
            position += 1  # noqa: SIM113 - enumerate would cost more
        if self.special is not None:
            self.special(node, state)
        if self.function.catalog_only and state.on_records:
            message = f"{self.function.name}() searches catalogs, not the records of a dataset"
            state.report("ODS214", node, message)
        if state.fields is not None:
            self._check_types(node, kinds, state)

    def _allowed(self, position: int, argument: nodes.Node) -> bool:
        parameter = self.function.parameters[position]
        if type(argument) is nodes.Star:
            return parameter.star
        # min and max take dates, too.
        return type(argument) is nodes.Date and self.function.name in ("min", "max")

    def _report_kind(self, position: int, argument: nodes.Node, state: State) -> None:
        parameter = self.function.parameters[position]
        message = (
            f"argument {parameter.name} of {self.function.name}() must be {_WORDS[parameter.type]}"
        )
        state.report("ODS203", argument, message, _hint(parameter.type, argument, state))

    def report_clause(self, node: nodes.Call, state: State) -> None:
        """Report that the clause does not allow the function."""
        allowed = ", ".join(_CLAUSES[one] for one in self.function.clauses)
        message = f"{self.function.name}() is not allowed in {_CLAUSES[state.letter]}"
        hint = f"it is allowed in {allowed}"
        if state.letter == "W" and self.function.kind in ("aggregate", "count"):
            hint += "; where filters records, and groups cannot be filtered"
        state.report("ODS201", node, message, hint)

    def report_count(self, node: nodes.Call, state: State) -> None:
        """Report a wrong number of arguments."""
        names = [f"[{one.name}]" if one.optional else one.name for one in self.function.parameters]
        message = f"{self.function.name}() does not take {_counted(len(node.arguments))}"
        state.report("ODS202", node, message, f"{self.function.name}({', '.join(names)})")

    def _check_types(self, node: nodes.Call, kinds: list[Known], state: State) -> None:
        """Check fields against the types in the reference, and statistics as portals do."""
        name = self.function.name
        for parameter, kind, argument in zip(
            self.function.parameters, kinds, node.arguments, strict=False
        ):
            if kind is None:
                continue
            known = family(kind)
            if name in _STATISTICS:
                if parameter.name == "value" and known not in ("number", "date", None):
                    _report_statistic(name, kind, argument, state)
            elif isinstance(kind, SchemaField) and known is not None:
                _check_type(name, parameter.type, kind, known, argument, state)
        if name == "range" and type(kinds[0]) is SchemaField:
            _check_width(kinds[0], node.arguments[1:], state)


def _check_type(
    name: str, wanted: str, field: SchemaField, known: str, argument: nodes.Node, state: State
) -> None:
    if wanted == "geo" and known != "geometry":
        message = f"{field.name} is {field.type}; {name}() takes a geographic field"
        state.report("ODS306", argument, message, _geographic_fields(state))
    elif (wanted in ("text", "date") and known != wanted) or (
        name == "range" and known not in ("number", "date")
    ):
        message = f"{field.name} is {field.type}; {name}() takes {_type_words(name, wanted)}"
        state.report("ODS308", argument, message)
    elif name == "geo_cluster" and wanted == "geo" and field.type == "geo_shape":
        message = f"{field.name} is {field.type}; geo_cluster() takes a geo_point_2d"
        state.report("ODS308", argument, message)


def _type_words(name: str, wanted: str) -> str:
    return "a number or a date" if name == "range" else _WORDS[wanted]


def _check_width(field: SchemaField, steps: tuple[nodes.Expression, ...], state: State) -> None:
    """Check a single step: numbers need a width, dates an interval."""
    if len(steps) != 1:
        return
    known, step = FAMILIES.get(field.type), steps[0]
    if known == "number" and type(step) is nodes.Quantity:
        message = f"{field.name} is {field.type}, which cannot be divided into time intervals"
        state.report("ODS308", step, message, f"write range({field.name}, 10)")
    elif known == "date" and type(step) is nodes.Number:
        message = f"{field.name} is {field.type}, which is divided into time intervals"
        state.report("ODS308", step, message, f"write range({field.name}, 1 day)")


def _geographic_fields(state: State) -> str | None:
    fields = state.fields or {}
    names = [one.name for one in fields.values() if FAMILIES.get(one.type) == "geometry"]
    return f"geographic fields: {', '.join(names[:3])}" if names else None


def _report_statistic(name: str, kind: Known, argument: nodes.Node, state: State) -> None:
    what = f"{kind.name} is {kind.type}" if type(kind) is SchemaField else f"the value is {kind}"
    hint = "portals answer: StatAggregation only supports numeric or date expression"
    state.report("ODS305", argument, f"{what}; {name}() takes numbers and dates", hint)


def _counted(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _hint(wanted: str, argument: nodes.Node, state: State) -> str | None:
    source = state.source(argument)
    if wanted == "geometry" and type(argument) is nodes.Text:
        return f"write geom{source}"
    if wanted == "geo" and type(argument) is nodes.Geometry:
        return "the field comes first, then geom'...'"
    if wanted == "distance" and type(argument) is nodes.Number:
        return f"add the unit: {source}m or {source}km"
    if wanted == "date" and type(argument) is nodes.Number:
        return f"write date'{source}'"
    if wanted in ("number", "integer") and type(argument) is nodes.Text:
        return "write a field or a number, without quotes; a field may be in back quotes"
    return None


def _plan(function: Function) -> Plan:
    parameters = function.parameters
    repeated = any(one.repeated for one in parameters)
    return Plan(
        function,
        frozenset(function.clauses),
        function.kind in ("aggregate", "count"),
        sum(not one.optional for one in parameters),
        float("inf") if repeated else len(parameters),
        () if repeated else tuple(_REFUSED[one.type] for one in parameters),
        _RETURNS.get(function.returns),
        SPECIALS.get(function.name),
    )


PLANS = {name: _plan(function) for name, function in CATALOGUE.items()}
"""The plan of each function, by its name."""
