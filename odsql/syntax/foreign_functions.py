"""Functions of other languages, and what to write in ODSQL.

An entry is the second half of a hint, after "there is no function x;". Where ODSQL has no
counterpart, it says what to do instead.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INSTEAD", "NO_CHOICE", "NO_ENDING", "NO_PATTERNS", "NO_WINDOWS", "RENAMED"]

NO_CHOICE = "ODSQL has no if or case: filter in where, or compute the value from the answer"
NO_PATTERNS = (
    'ODSQL has no regular expressions: write field like "word*", startswith(field, "text") or '
    'search(field, "words")'
)
NO_ENDING = "ODSQL cannot match the end of a value: filter the answer"
NO_WINDOWS = "ODSQL has no window functions: compute the value from the answer"

_AGGREGATES = (
    "the aggregates are avg, median, sum, min, max, percentile and count: compute others from the "
    "answer"
)
_ARITHMETIC = "ODSQL calculates only with + - * and /: compute the value from the answer"
_TEXTS = "ODSQL changes text only with lower(): change it in the answer"
_START = f'for the beginning of a value write startswith(field, "text"); otherwise {_TEXTS}'
_CAST = "ODSQL cannot change the type of a value: convert it in the answer"
_DATE = "write a date as date'2024-01-31'"
_JOIN = "ODSQL cannot join texts: join the values of the answer"
_JSON = "ODSQL cannot look into JSON: select the field and read it from the answer"
_LISTS = "ODSQL has no arrays: for a field with several values write value in field"
_CONTAINS = 'write field like "word" or search(field, "words")'
_IF_NULL = "write ifnull(field, alternative)"
_IS_NULL = "write field is null"
_IS_NOT_NULL = "write field is not null"
_NOW = "write now()"
_SHIFT = "write now(days=-7) for seven days ago; ODSQL cannot shift the date of a field"
_PERIOD = "group by range(field, 1 month), or compare year(field) and month(field)"
_PART = "write year(field), month(field), day(field), hour(field), minute(field) or second(field)"
_PATTERN = "write date_format(field, 'yyyy-MM')"
_POINT = "write geom'POINT(longitude latitude)'"
_WITHIN = "write within(field, geom'POLYGON((longitude latitude, ...))')"
_NEAR = "write within_distance(field, geom'POINT(longitude latitude)', 1km)"
_BOX = "write in_bbox(field, latitude1, longitude1, latitude2, longitude2)"
_PERCENTILE = "write percentile(field, 95)"

_BY_ADVICE: dict[str, str] = {
    _AGGREGATES: (
        "stddev stddev_pop stddev_samp stdev std variance var var_pop var_samp mode first last "
        "any_value first_value last_value group_concat string_agg listagg array_agg json_agg "
        "collect_list product approx_count_distinct count_distinct sumif countif count_if sum_if"
    ),
    _ARITHMETIC: (
        "abs ceil ceiling floor round trunc truncate power pow sqrt exp ln log log10 log2 mod sign "
        "greatest least"
    ),
    _TEXTS: (
        "trim ltrim rtrim btrim replace regexp_replace translate initcap capitalize reverse split "
        "split_part lpad rpad repeat format printf strip normalize unaccent"
    ),
    _START: "substring substr substring_index left mid right slice",
    "write lower(field) and compare it with lower-case text": "upper ucase toupper casefold",
    "write lower(field)": "lcase tolower lower_case",
    "write length(field)": "len strlen char_length character_length",
    _CAST: (
        "cast try_cast safe_cast convert int integer bigint float double number numeric decimal "
        "str string text varchar char tointeger tofloat tostring to_number bool boolean"
    ),
    _DATE: (
        "date to_date todate timestamp to_timestamp datetime todatetime to_datetime parse_date "
        "str_to_date strptime makedate make_date date_from_parts datefromparts"
    ),
    _JOIN: "concat concat_ws join",
    _JSON: "json_extract json_value json_query json_extract_scalar get_json_object get_path",
    _LISTS: "array array_contains array_length cardinality unnest any all some contains_any",
    _CONTAINS: "contains includes instr position locate charindex strpos indexof has fulltext",
    NO_PATTERNS: (
        "regex regexp regexp_like regexp_match regexp_matches regexp_contains rlike match matches "
        "glob"
    ),
    NO_ENDING: "endswith ends_with",
    'write startswith(field, "text")': "starts_with begins_with beginswith startwith prefix",
    _IF_NULL: "nvl if_null",
    "write ifnull(field, alternative); one call takes two values": "coalesce",
    "ODSQL has no nullif: filter with field != value": "nullif",
    "write field is null, or ifnull(field, alternative) for a value in its place": "isnull",
    _IS_NULL: "is_null isna isempty is_empty empty missing",
    _IS_NOT_NULL: "exists isnotnull is_not_null notnull defined",
    NO_CHOICE: "case if iif iff decode when choose switch",
    "write now(hour=0, minute=0, second=0)": "today curdate current_date getcurrentdate",
    _NOW: (
        "current_timestamp sysdate getdate getutcdate utcnow localtime localtimestamp current_time "
        "utc_timestamp sysdatetime unix_timestamp"
    ),
    _SHIFT: (
        "date_add date_sub dateadd datesub adddate subdate interval add_months timestampadd days "
        "hours months years"
    ),
    "compute the difference from the answer": (
        "datediff date_diff timestampdiff months_between age timediff"
    ),
    _PERIOD: "date_trunc datetrunc trunc_date date_bin time_bucket start_of_month last_day",
    _PART: "extract date_part datepart",
    _PATTERN: "to_char tochar strftime format_date dateformat formatdatetime monthname",
    "write date_format(field, 'e')": "day_of_week dayofweek weekday isodow dow dayname",
    "write date_format(field, 'w')": "week weekofyear week_of_year isoweek",
    "write date_format(field, 'D')": "dayofyear day_of_year doy",
    "write day(field)": "dayofmonth day_of_month",
    "group by range(field, 1 quarter)": "quarter",
    _POINT: "point st_point st_makepoint makepoint geom_point geopoint latlng",
    "write geom'...' with WKT or GeoJSON": (
        "st_geomfromtext st_geomfromgeojson geomfromtext st_polyfromtext to_geometry geom"
    ),
    _WITHIN: "st_within st_contains within_polygon in_polygon in_shape geo_within inside",
    _NEAR: "in_distance st_dwithin near near_point within_radius in_radius in_circle geo_near",
    "write intersects(field, geometry)": "st_intersects intersect",
    "write disjoint(field, geometry)": "st_disjoint",
    "write distance(field, geometry) in select or order_by, or within_distance(field, geometry, "
    "1km) in where": "st_distance geo_distance haversine",
    _BOX: "within_bbox in_box within_box geo_bbox bounding_box inbbox st_makeenvelope",
    _PERCENTILE: "quantile percentile_cont percentile_disc approx_percentile perc",
    "write avg(field)": "mean average",
    "order by random(1), with any whole number": "rand newid shuffle random_order",
    NO_WINDOWS: "row_number rank dense_rank lag lead ntile rownum",
    "write count(distinct field)": "unique countdistinct nunique",
    "list the names in group_by": "rollup cube grouping_sets",
}

INSTEAD: Mapping[str, str] = MappingProxyType(
    {name: advice for advice, names in _BY_ADVICE.items() for name in names.split()}
)
"""What to write instead of a function, by its lower-case name."""

RENAMED: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "in_distance": ("within_distance", 3),
        "nvl": ("ifnull", 2), "coalesce": ("ifnull", 2), "len": ("length", 1),
        "strlen": ("length", 1), "char_length": ("length", 1), "lcase": ("lower", 1),
        "starts_with": ("startswith", 2), "mean": ("avg", 1), "average": ("avg", 1),
    }
)  # fmt: skip
"""Functions that mean the same under another name, with that name and their number of arguments."""
