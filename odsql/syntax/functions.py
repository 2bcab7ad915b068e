"""The catalogue: one entry for every function of ODSQL.

The grammar takes the names of functions from here; the builder and the checks take their arguments.
Any other function does not exist: as on live portals, its call is a syntax error at the opening
parenthesis. (Source: ODSQL reference, "Functions", "Predicates", "Aggregates".)
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CATALOGUE", "DISTANCE_UNITS", "FACET_OPTIONS", "FACET_SORTS", "FIELD_TYPES", "GEOMETRY_MODES",
    "INTERVAL_UNITS", "NOW_PARTS", "NOW_SHIFTS", "RESERVED_WORDS", "SINGLE_INTERVAL_UNITS",
    "Function", "Kind", "Parameter",
]  # fmt: skip

Kind = Literal[
    "scalar", "now", "distance", "predicate", "mode", "aggregate", "count", "grouping",
    "selection", "facet",
]  # fmt: skip
"""The kind of a function in the grammar: where it may be called, and with which arguments.

`scalar`: a value. `now`: a value with named arguments. `distance`: a value with two arguments, a
legacy filter with three. `predicate`: a condition. `mode`: the legacy condition `geometry(...)`.
`aggregate`, `count`: a value over many records. `grouping`: only in group_by. `selection`: only in
select. `facet`: only as the value of the facet parameter.
"""

ArgumentType = Literal[
    "any", "text", "number", "integer", "date", "geo", "geometry", "distance", "interval",
    "field", "pattern", "named",
]  # fmt: skip


FIELD_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": ("text",),
        "number": ("int", "double", "decimal"),
        "date": ("date", "datetime"),
        "boolean": ("boolean",),
        "geo": ("geo_point_2d", "geo_shape"),
        "geometry": ("geo_point_2d", "geo_shape"),
    }
)
"""The field types that hold text, numbers, dates, booleans or geometries."""


@frozen
class Parameter:
    """One parameter of a function.

    Attributes:
        name: the name of the parameter.
        type: the type of its argument.
        optional: True if the argument may be omitted.
        repeated: True if it takes one or more arguments.
        star: True if it also accepts `*`.
        field_types: the types of the fields it accepts, by default those of its own type; empty
            where the reference names none.
    """

    name: str
    type: ArgumentType
    optional: bool = False
    repeated: bool = False
    star: bool = False
    field_types: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not self.field_types:
            object.__setattr__(self, "field_types", FIELD_TYPES.get(self.type, ()))


@frozen
class Function:
    """One function.

    Attributes:
        name: the name, in lower case.
        kind: the kind in the grammar.
        clauses: letters of the clauses that allow it: S select, W where, G group_by, O order_by,
            F facet.
        parameters: its parameters, in order.
        returns: the type of the result, or "same" for the type of the first argument.
        catalog_only: True if only catalog searches allow it.
        replacement: what to write today instead of an older spelling; for `distance`, instead of
            the form with three arguments.
    """

    name: str
    kind: Kind
    clauses: str
    parameters: tuple[Parameter, ...]
    returns: str
    catalog_only: bool = False
    replacement: str | None = None

    def allowed_in(self, clause: str) -> bool:
        """Return whether a clause, such as `where`, allows the function."""
        return clause[0].upper() in self.clauses


def _one(type_: ArgumentType, name: str = "value") -> tuple[Parameter, ...]:
    return (Parameter(name, type_),)


_NUMBERS_AND_DATES = FIELD_TYPES["number"] + FIELD_TYPES["date"]
_EXTREME = (Parameter("value", "number", field_types=_NUMBERS_AND_DATES),)
_DATE_PART = _one("date", "date")
_POINTS = Parameter("field", "geo", field_types=("geo_point_2d",))
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
    Function("min", "aggregate", "SO", _EXTREME, "same"),
    Function("max", "aggregate", "SO", _EXTREME, "same"),
    Function("percentile", "aggregate", "SO",
             (Parameter("value", "number"), Parameter("percent", "number")), "number"),
    Function("count", "count", "SO", (Parameter("value", "any", star=True),), "integer"),
    Function("envelope", "aggregate", "S", (_POINTS,), "geo_shape"),
    Function("bbox", "aggregate", "S", _one("geo", "field"), "geo_shape"),
    Function("range", "grouping", "G",
             (Parameter("field", "any", field_types=_NUMBERS_AND_DATES),
              Parameter("steps", "interval", repeated=True, star=True)), "text"),
    Function("geo_cluster", "grouping", "G",
             (_POINTS, Parameter("zoom", "integer"),
              Parameter("radius", "number", optional=True)), "cluster"),
    Function("include", "selection", "S", _one("pattern", "pattern"), "declaration"),
    Function("exclude", "selection", "S", _one("pattern", "pattern"), "declaration"),
    Function("facet", "facet", "F", (Parameter("options", "named", repeated=True),), "facet"),
)  # fmt: skip

CATALOGUE: Mapping[str, Function] = MappingProxyType({one.name: one for one in _FUNCTIONS})
"""Every function by its lower-case name."""

DISTANCE_UNITS = ("mi", "yd", "ft", "m", "cm", "km", "mm")
"""Units of a distance; case is ignored (lexical rules)."""

SINGLE_INTERVAL_UNITS = frozenset(
    {
        "w", "week", "weeks", "M", "month", "months", "q", "quarter", "quarters", "y", "year",
        "years",
    }
)  # fmt: skip
"""Units of which `range` takes only one at a time (lexical rules)."""

INTERVAL_UNITS = SINGLE_INTERVAL_UNITS | {
    "ms", "millisecond", "milliseconds", "s", "second", "seconds", "m", "minute", "minutes", "h",
    "hour", "hours", "d", "day", "days",
}  # fmt: skip
"""Units of an interval; case matters: `m` is a minute, `M` a month (lexical rules)."""

NOW_SHIFTS = (
    "years", "months", "days", "hours", "minutes", "seconds", "microseconds", "mondays", "tuesdays",
    "wednesdays", "thursdays", "fridays", "saturdays", "sundays",
)  # fmt: skip
"""The arguments of `now()` that shift it; each takes any whole number."""

NOW_PARTS: Mapping[str, tuple[int | None, int | None]] = MappingProxyType(
    {
        "year": (1, 9999), "month": (1, 12), "day": (1, None), "hour": (0, 23), "minute": (0, 59),
        "second": (0, 59), "microsecond": (0, 999_999), "weekday": (0, 6),
        **dict.fromkeys(NOW_SHIFTS, (None, None)),
    }
)  # fmt: skip
"""All arguments of `now()`, each with its lowest and highest whole number; None: no limit."""

GEOMETRY_MODES = ("intersects", "disjoint", "within")
"""The modes of the older `geometry()`, and the functions that replaced them."""

FACET_OPTIONS: Mapping[str, Literal["text", "boolean", "integer"]] = MappingProxyType(
    {
        "name": "text", "disjunctive": "boolean", "hierarchical": "boolean", "separator": "text",
        "sort": "text", "limit": "integer",
    }
)  # fmt: skip
"""The options of `facet()` and their types."""

FACET_SORTS = ("count", "-count", "alphanum", "-alphanum", "num", "-num")
"""The values of the option `sort` of `facet()`."""

RESERVED_WORDS = frozenset(
    {
        "and", "as", "asc", "avg", "by", "count", "date_format", "day", "dayofweek", "desc",
        "distinct", "equi", "false", "group", "hour", "ifnull", "limit", "lower", "max",
        "millisecond", "min", "minute", "month", "not", "null", "or", "quarter", "range", "search",
        "second", "select", "sum", "top", "true", "upper", "where", "year",
    }
)  # fmt: skip
"""Field names that the reference requires in back quotes (lexical rules)."""
