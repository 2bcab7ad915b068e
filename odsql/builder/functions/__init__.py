"""The functions of ODSQL as Python functions, one for each entry of the catalogue.

Those whose names are builtins of Python end in an underscore: `sum_`, `min_`, `max_`, `range_`.
Each returns a `Value`, a `Condition` or a `Grouping` of the builder. Fields come as `F.name`; the
functions that take nothing but a field there take its name, too. With a schema the type of the
field is checked.

What the reference does not have is refused, with a message that says what to write. Where portals
take more, `odsql.call` does, too, and `literal(...)` says that a literal is meant:
`sum_("a")` is taken for a mistake, `sum_(literal("a"))` is not.

"ODSQL:" is followed by the section of the ODSQL reference, and by the name there.
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
