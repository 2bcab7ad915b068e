"""The catalogue: every function of ODSQL, one entry each.

The grammar takes its function names from here, the builder and the checks what a function takes.
A function that is not here does not exist: as on live portals its call is a syntax error at the
opening parenthesis. (Source: ODSQL reference, "Functions", "Predicates", "Aggregates".)
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATALOGUE", "RESERVED_WORDS", "Function", "Kind", "Parameter"]

Kind = Literal[
    "scalar", "now", "distance", "predicate", "mode", "aggregate", "count", "grouping",
    "selection", "facet",
]  # fmt: skip
"""What a function is to the grammar: where a call may stand and what its arguments may be.

`scalar`: a value. `now`: a value with named arguments. `distance`: a value with two arguments, a
legacy filter with three. `predicate`: a condition. `mode`: the legacy condition `geometry(...)`.
`aggregate`, `count`: a value over many records. `grouping`: only in group_by. `selection`: only in
select. `facet`: only as the value of the facet parameter.
"""

ArgumentType = Literal[
    "any", "text", "number", "integer", "date", "geo", "geometry", "distance", "interval",
    "field", "pattern", "named",
]  # fmt: skip


@frozen
class Parameter:
    """One parameter of a function.

    `repeated` parameters take one argument or more; `optional` ones may be left out; `star` says
    that `*` is taken too.
    """

    name: str
    type: ArgumentType
    optional: bool = False
    repeated: bool = False
    star: bool = False


@frozen
class Function:
    """One function: `name`, `kind`, the `clauses` it may stand in, `parameters`, what it returns.

    `clauses` holds letters: S select, W where, G group_by, O order_by, F facet. `returns` is the
    type of the result, or "same" for the type of the first argument. `replacement` says what to
    write today instead of an older spelling; of `distance` only the form with three arguments is.
    """

    name: str
    kind: Kind
    clauses: str
    parameters: tuple[Parameter, ...]
    returns: str
    catalog_only: bool = False
    replacement: str | None = None


def _one(type_: ArgumentType, name: str = "value") -> tuple[Parameter, ...]:
    return (Parameter(name, type_),)


_DATE_PART = _one("date", "date")
_SEARCHED = (
    Parameter("fields", "field", optional=True, repeated=True, star=True),
    Parameter("text", "text"),
)
_TWO_SHAPES = (Parameter("field", "geo"), Parameter("geometry", "geometry"))

_FUNCTIONS = (
    Function("length", "scalar", "SWO", _one("text", "text"), "integer"),
    Function("now", "now", "SWO", (Parameter("parts", "named", optional=True, repeated=True),),
             "datetime"),
    Function("year", "scalar", "SWGO", _DATE_PART, "integer"),
    Function("month", "scalar", "SWGO", _DATE_PART, "integer"),
    Function("day", "scalar", "SWGO", _DATE_PART, "integer"),
    Function("hour", "scalar", "SWGO", _DATE_PART, "integer"),
    Function("minute", "scalar", "SWGO", _DATE_PART, "integer"),
    Function("second", "scalar", "SWGO", _DATE_PART, "integer"),
    Function("date_format", "scalar", "SWGO",
             (Parameter("date", "date"), Parameter("pattern", "text")), "text"),
    Function("json_format", "scalar", "S",
             (Parameter("text", "text"), Parameter("fallback", "any", optional=True)), "json"),
    Function("ifnull", "scalar", "SWGO",
             (Parameter("value", "any"), Parameter("alternative", "any")), "same"),
    Function("lower", "scalar", "SWGO", _one("text", "text"), "text"),
    Function("random", "scalar", "O", _one("integer", "seed"), "order"),
    Function("vector_similarity", "scalar", "O", _one("text", "text"), "number",
             catalog_only=True),
    Function("distance", "distance", "SWO",
             (*_TWO_SHAPES, Parameter("radius", "distance", optional=True)), "number",
             replacement="within_distance(field, geometry, radius)"),
    Function("search", "predicate", "W", _SEARCHED, "boolean"),
    Function("suggest", "predicate", "W", _SEARCHED, "boolean"),
    Function("startswith", "predicate", "W", _SEARCHED, "boolean"),
    Function("vector_similarity_threshold", "predicate", "W", _one("text", "text"), "boolean",
             catalog_only=True),
    Function("within_distance", "predicate", "W",
             (*_TWO_SHAPES, Parameter("radius", "distance")), "boolean"),
    Function("in_bbox", "predicate", "W",
             (Parameter("field", "geo"), Parameter("latitude1", "number"),
              Parameter("longitude1", "number"), Parameter("latitude2", "number"),
              Parameter("longitude2", "number")), "boolean"),
    Function("intersects", "predicate", "W", _TWO_SHAPES, "boolean"),
    Function("disjoint", "predicate", "W", _TWO_SHAPES, "boolean"),
    Function("within", "predicate", "W", _TWO_SHAPES, "boolean"),
    Function("geometry", "mode", "W",
             (*_TWO_SHAPES, Parameter("mode", "field", optional=True)), "boolean",
             replacement="intersects, disjoint or within(field, geometry)"),
    Function("polygon", "predicate", "W", _TWO_SHAPES, "boolean",
             replacement="within(field, geometry)"),
    Function("avg", "aggregate", "SO", _one("number"), "number"),
    Function("median", "aggregate", "SO", _one("number"), "number"),
    Function("sum", "aggregate", "SO", _one("number"), "number"),
    Function("min", "aggregate", "SO", _one("number"), "same"),
    Function("max", "aggregate", "SO", _one("number"), "same"),
    Function("percentile", "aggregate", "SO",
             (Parameter("value", "number"), Parameter("percent", "number")), "number"),
    Function("count", "count", "SO", (Parameter("value", "any", star=True),), "integer"),
    Function("envelope", "aggregate", "S", _one("geo", "field"), "geo_shape"),
    Function("bbox", "aggregate", "S", _one("geo", "field"), "geo_shape"),
    Function("range", "grouping", "G",
             (Parameter("field", "any"), Parameter("steps", "interval", repeated=True, star=True)),
             "text"),
    Function("geo_cluster", "grouping", "G",
             (Parameter("field", "geo"), Parameter("zoom", "integer"),
              Parameter("radius", "number", optional=True)), "cluster"),
    Function("include", "selection", "S", _one("pattern", "pattern"), "declaration"),
    Function("exclude", "selection", "S", _one("pattern", "pattern"), "declaration"),
    Function("facet", "facet", "F", (Parameter("options", "named", repeated=True),), "facet"),
)  # fmt: skip

CATALOGUE: Mapping[str, Function] = MappingProxyType({one.name: one for one in _FUNCTIONS})
"""Every function by its lower-case name."""

RESERVED_WORDS = frozenset(
    {
        "and", "as", "asc", "avg", "by", "count", "date_format", "day", "dayofweek", "desc",
        "distinct", "equi", "false", "group", "hour", "ifnull", "limit", "lower", "max",
        "millisecond", "min", "minute", "month", "not", "null", "or", "quarter", "range", "search",
        "second", "select", "sum", "top", "true", "upper", "where", "year",
    }
)  # fmt: skip
"""Words that the reference wants in back quotes when they are field names (lexical rules)."""
