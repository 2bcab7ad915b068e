"""The functions of ODSQL as Python functions, one for each entry of the catalogue.

Names that Python uses for builtins end in an underscore: `sum_`, `min_`, `max_`, `range_`. Each
function returns an expression of the builder. A field is given as `F.name`; arguments that can only
be a field may also be its name. With a schema the type of the field is checked.

Arguments that the reference does not allow are refused, with a message that says what to write. For
portals that accept more, use `odsql.call`. `literal(...)` marks an intended literal: `sum_("a")`
counts as a mistake, `sum_(literal("a"))` does not.

"ODSQL:" names the section of the ODSQL reference and the entry in it.
"""

from odsql.builder.functions.aggregates import (
    avg,
    bbox,
    count,
    envelope,
    max_,
    median,
    min_,
    percentile,
    sum_,
)
from odsql.builder.functions.groups import geo_cluster, range_, static_range
from odsql.builder.functions.predicates import (
    disjoint,
    full_text,
    geometry,
    in_bbox,
    intersects,
    polygon,
    search,
    startswith,
    suggest,
    vector_similarity_threshold,
    within,
    within_distance,
)
from odsql.builder.functions.scalars import (
    date,
    date_format,
    day,
    distance,
    hour,
    ifnull,
    json_format,
    length,
    lower,
    minute,
    month,
    now,
    random,
    second,
    vector_similarity,
    year,
)
from odsql.builder.functions.selections import all_fields, exclude, facet, include

__all__ = [
    "all_fields", "avg", "bbox", "count", "date", "date_format", "day", "disjoint", "distance",
    "envelope", "exclude", "facet", "full_text", "geo_cluster", "geometry", "hour", "ifnull",
    "in_bbox", "include", "intersects", "json_format", "length", "lower", "max_", "median", "min_",
    "minute", "month", "now", "percentile", "polygon", "random", "range_", "search", "second",
    "startswith", "static_range", "suggest", "sum_", "vector_similarity",
    "vector_similarity_threshold", "within", "within_distance", "year",
]  # fmt: skip
