"""Random requests: valid ones, broken ones, huge ones, and such as an attacker would try.

The same seed makes the same requests.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from urllib.parse import quote

from odsql.syntax.functions import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

FIELDS = (
    *("id", "name", "tags", "size", "day", "moment", "open", "place", "shape", "path", "code") * 4,
    "year", "nope", "`id`", "default.title", "title", "record_size", "recordid",
)  # fmt: skip

TEXTS = (
    "", "Paris", "a b", "Café", "mill", "*", "a*", "'; DROP TABLE t1; --", '" OR 1=1 --', "$p0",
    "{0}", "%s", "\\", "\\\\'", "\0", "a\0b", "\u202eabc", "\U0001f600", "\ud800", "e\u0301", "İ",
    "ß", "\ufeff", "\u2028", "\x7f", "(?:", "[a", "a" * 300, "{", "}", "NaN", "null", "1e400",
    "../../etc/passwd", "\U000e0001", "١٢٣", "ǅ", "\t\r\n",
    "') OR ('1'='1", "x' UNION SELECT * FROM duckdb_tables() --", "$$; DROP TABLE t1; $$",
    "1); ATTACH 'x.db' AS x; --", "\\'; COPY t1 TO '/tmp/x'; --", "/* x", "?", ":p0", "$1",
    "FROM read_csv('/etc/passwd')", "; SET threads = 1; --",
)  # fmt: skip

NUMBERS = (
    "0", "1", "2", "10", "0.5", "1.0", "100", "007", "9223372036854775807", "9223372036854775808",
    "4611686018427387904", "3037000500", "9" * 20, "9" * 38, "9" * 39, "9" * 66, "9" * 309,
    "9" * 400 + ".5", "0." + "0" * 400 + "1", "1.7976931348623157", "9" * 308 + ".0", "99999999",
    "2147483647", "2147483648", "20220312",
)  # fmt: skip
HUGE = ("9" * 4400, "1" + "0" * 5000 + ".0")

DATES = (
    "2024", "2024-02-30", "2024-01", "2024-01-31", "0000", "0001-01-01", "9999-12-31", "99999",
    "2024/01/31", "20240131", "2024-01-31T25:00:00", "2024-01-31T10:00:00+99:99", "soon", "",
    "2024-01-31T10:00:00.123456789Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "-0001", "٢٠٢٤", "2024-01-31T10:00:00+23:59",
)  # fmt: skip

SHAPES = (
    "POINT(2 48)", "POINT(1e400 0)", "POINT(0 91)", "POINT()", "POINT(NaN 1)", "POINT EMPTY",
    "POLYGON((0 0, 0 90, 90 90, 0 0))", "POLYGON((0 0, 1 1))", "POLYGON((0 0, 1 1, 0 1, 1 0, 0 0))",
    "LINESTRING(0 0, 10 50)", "MULTIPOLYGON(((0 0, 0 60, 60 60, 0 0)))", "POLYGON EMPTY",
    "GEOMETRYCOLLECTION(POINT(1 1))", "CIRCULARSTRING(0 0, 1 1, 2 2)", "POINT Z (1 2 3)",
    '{"type": "Point", "coordinates": [2, 48]}', '{"type": "Point", "coordinates": ["a", null]}',
    '{"type": "Polygon", "coordinates": [[[0,0],[0,60],[60,60],[0,0]]]}', '{"type": 1}', "[]",
    '{"type": "Point", "coordinates": [1e999, 0]}', "{", "0101000000000000000000F03F",
    "0101000000000000000000F03F000000000000F03F", "SRID=4326;POINT(1 1)", "(" * 200,
    '{"type": "Feature", "geometry": null}', "POINT(" + "9" * 400 + " 1)",
    '{"type": "Point", "coordinates": [[[[[[1]]]]]]}', "[" * 300,
)  # fmt: skip

UNITS = (
    "m", "km", "mi", "mm", "ms", "s", "h", "d", "day", "days", "w", "M", "q", "year", "y", "KM",
    "month", "weeks", "x",
)  # fmt: skip

FORMATS = (
    *("csv", "json", "jsonl", "parquet") * 4, "fgb", "geojson", "gpx", "jsonld", "kml", "n3", "ov2",
    "rdfxml", "shp", "turtle", "xlsx", "rss", "dcat", "nope", "%00",
)  # fmt: skip


class Hostile:
    """Makes random requests."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def request(self) -> tuple[str, str]:
        """Return a path below the catalog and a query, both percent-encoded."""
        path = self.random.choice(PATHS)
        if "{" in path:
            path = path.format(format=self.pick(FORMATS), record=self.encoded(self.pick(TEXTS)))
        pairs = [self.parameter() for _ in range(self.random.choice((1, 1, 2, 3, 6)))]
        return path, "&".join(f"{name}={self.encoded(value)}" for name, value in pairs)

    def pick(self, values: tuple[str, ...]) -> str:
        return self.random.choice(values)

    def encoded(self, value: str) -> str:
        """Encode a value, now and then in a way that no client should."""
        encoded = quote(value.encode("utf-8", "surrogatepass"), safe="")
        if self.random.random() < 0.03:
            return encoded + self.pick(("%FF", "%00", "%ED%A0%80", "%", "%zz", "%C0%AF", "+"))
        return encoded

    # ------------------------------------------------------------ parameters

    def parameter(self) -> tuple[str, str]:
        name = self.pick(PARAMETERS)
        if self.random.random() < 0.04:
            return name, self.pick(TEXTS)
        value = getattr(self, name, self.setting)()
        return name, self.broken(value) if self.random.random() < 0.08 else value

    def broken(self, text: str) -> str:
        """Remove, double or replace a part of a text."""
        at = self.random.randrange(len(text) + 1)
        end = min(len(text), at + self.random.randrange(4))
        return text[:at] + self.pick(("", text[at:end] * 2, "(", ")", "'", "\0", "é")) + text[end:]

    def setting(self) -> str:
        return self.pick(SETTINGS)

    def limit(self) -> str:
        return self.pick(("0", "1", "3", "-1", "-2", "101", "20000", "x", "1.5", "9" * 30, *HUGE))

    offset = limit

    def where(self) -> str:
        return self.condition(self.random.randrange(4))

    def select(self) -> str:
        return self.listed(lambda: self.selected() + self.alias())

    def group_by(self) -> str:
        return self.listed(lambda: self.grouped() + self.alias())

    def order_by(self) -> str:
        return self.listed(lambda: self.ordered() + self.pick(("", " desc", " asc", " up")))

    def facet(self) -> str:
        options = self.listed(
            lambda: self.pick((
                "disjunctive=true", "hierarchical=true", "separator='/'", "sort='-count'",
                "sort='x'", f"limit={self.number()}", "limit='1'", "separator=''",
            ))
        )  # fmt: skip
        field = self.pick(FIELDS)
        return self.pick((field, f"facet(name={self.text(field)}, {options})"))

    def refine(self) -> str:
        value = self.pick((*TEXTS, *DATES, *NUMBERS, self.text()))
        return f"{self.pick(FIELDS)}:{value}"

    exclude = refine

    # ------------------------------------------------------------ clauses

    def listed(self, make: Callable[[], str]) -> str:
        return ", ".join(make() for _ in range(self.random.choice((1, 1, 2, 3))))

    def alias(self) -> str:
        return self.pick(("", "", " as x", " as `y z`", " as id", ' as "q"'))

    def selected(self) -> str:
        return self.pick(
            ("*", f"include({self.pick(FIELDS)}*)", "exclude(n*)", self.value(2), self.aggregate())
        )

    def aggregate(self) -> str:
        name = self.pick(("count", "sum", "avg", "min", "max", "median", "bbox", "envelope"))
        return self.pick((
            f"{name}({self.value(1)})", "count(*)", f"count(distinct {self.field()})",
            f"percentile({self.value(1)}, {self.number()})", f"sum({self.field()}) / count(*)",
        ))  # fmt: skip

    def grouped(self) -> str:
        field = self.field()
        return self.pick((
            field,
            self.value(1),
            f"range({field}, {self.number()})",
            f"range({field}, {self.number()} {self.pick(UNITS)})",
            f"range({field}, {self.pick(('*', self.literal()))}, {self.literal()}, *)",
            f"range({field}, {self.literal()}, {self.literal()}, {self.literal()})",
            f"range({field}, [{self.number()}, {self.number()}[)",
            f"geo_cluster({field}, {self.number()})",
            f"geo_cluster(place, {self.number()}, {self.number()})",
        ))  # fmt: skip

    def ordered(self) -> str:
        return self.pick((
            self.field(), self.value(2), self.aggregate(), f"random({self.number()})", "x",
            f"-{self.field()}", f"distance(place, geom'{self.pick(SHAPES)}')",
        ))  # fmt: skip

    def condition(self, depth: int) -> str:
        if depth > 0 and self.random.random() < 0.6:
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            return self.pick((f"{left} and {right}", f"({left}) or {right}", f"not ({left})"))
        if self.random.random() < 0.03:
            return self.monster()
        field, value = self.field(), self.value(1)
        sign = self.pick(("=", "!=", "<", ">", "<=", ">=", ":", "=="))
        first, last = self.literal(), self.literal()
        numbers = ", ".join(self.number() for _ in range(4))
        predicate = self.pick(("search", "suggest", "startswith"))
        area = self.pick(("intersects", "within", "disjoint", "polygon", "geometry"))
        shape = self.pick(SHAPES).replace("'", "\\'")
        return self.pick((
            f"{value} {sign} {self.value(1)}", f"{field} {sign} {first}",
            f"{first} {sign} {last}", f"{field} like {self.text()}", f"{field} is null",
            f"{field} is not true", f"{field} in ({first}, {last})", f"{first} in {field}",
            f"{field} in [{first}..{last}]", f"{field}:]{first} TO {last}[", self.text(),
            f"{predicate}({self.text()})", f"{predicate}({field}, {self.text()})", field,
            f"within_distance({field}, geom'{shape}', {self.number()}{self.pick(UNITS)})",
            f"in_bbox({field}, {numbers})", f"{area}({field}, geom'{shape}')",
            f"geometry(place, geom'{shape}', {self.pick(('WITHIN', 'DISJOINT', 'x'))})",
        ))  # fmt: skip

    def monster(self) -> str:
        """Return a condition that is very long or very deep."""
        count = self.random.choice((90, 300, 1000, 3000))
        return self.pick((
            "id = " + "+".join(["1"] * count), "id = " + "/".join(["1"] * count),
            "not " * count + "open", "(" * count + "open" + ")" * count,
            " or ".join(["id = 1"] * count), "id = " + "1/(" * count + "1" + ")" * count,
            "id = " + "-" * count + "1", f"search('{'ab ' * count}')",
            f"name like '{' '.join(f'a{at}*' for at in range(count))}'",
            f"id in ({', '.join(['1'] * count)})", "lower(" * count + "name" + ")" * count + "='a'",
            "ifnull(" * 60 + "id" + ", 1)" * 60 + "= 1", "id = " + "1-(" * 60 + "1" + ")" * 60,
            f"name = '{'x' * count}'", "id = " + self.pick(HUGE), f"id in [1..{self.pick(HUGE)}]",
            f"id = {self.pick(HUGE)} * 2", f"moment > now(days=-{self.pick(HUGE)})",
        ))  # fmt: skip

    # ------------------------------------------------------------ values

    def field(self) -> str:
        return self.pick(FIELDS)

    def number(self) -> str:
        return self.pick(("", "", "", "-")) + self.pick(NUMBERS)

    def text(self, text: str | None = None) -> str:
        text = self.pick(TEXTS) if text is None else text
        mark = self.pick(("'", '"'))
        return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark

    def literal(self) -> str:
        date = f"date'{self.pick(DATES)}'"
        return self.pick((self.number(), self.number(), self.text(), date, "true", "null", "1 day"))

    def value(self, depth: int) -> str:
        if depth <= 0 or self.random.random() < 0.3:
            return self.pick((self.field(), self.field(), self.literal()))
        one, other = self.value(depth - 1), self.value(depth - 1)
        name = self.random.choice(sorted(CATALOGUE))
        part = self.pick(("days", "years", "month", "weekday", "mondays", "hour", "microseconds"))
        sign = self.pick(("+", "-", "*", "/"))
        return self.pick((
            f"{one} {sign} {other}", f"({one}) {sign} -{other}", f"{name}({one})",
            f"{name}({one}, {other})", f"now({part}={self.number()})", f"ifnull({one}, {other})",
            f"date_format({self.field()}, {self.text(self.pick(PATTERNS))})", f"year({one})",
            f"json_format({one})", f"distance(place, geom'{self.pick(SHAPES)}')", f"lower({one})",
            f"json_format(name, {one})",
        ))  # fmt: skip


PARAMETERS = (
    "where", "where", "where", "select", "select", "group_by", "group_by", "order_by", "limit",
    "offset", "facet", "refine", "exclude", "timezone", "lang", "with_bom", "delimiter",
    "list_separator", "quote_all", "use_labels", "compressed", "epsg", "parquet_compression",
    "include_links", "unheard_of",
)  # fmt: skip

SETTINGS = (
    "", "true", "false", "maybe", ";", ",", "\t", "ab", "\0", "Europe/Paris", "America/St_Johns",
    "UTC", "Etc/GMT+12", "../../etc/passwd", "/etc/passwd", "localtime", "fr", "de", "xx", "zh-CN",
    "snappy", "zstd", "4326", "2154", "é", "9" * 30,
)  # fmt: skip

PATTERNS = (
    "yyyy-MM-dd", "EEEE", "MMMM", "E e", "w ww xx xxxx", "'it''s' yyyy", "%Y %d %%", "QQ", "'",
    "dd/MM", "", "\0", "D DDD HH:mm:ss", "''", "{", "MMM",
)  # fmt: skip

PATHS = (
    *["datasets/things/records"] * 20, "datasets/things/facets", "datasets/things/facets",
    "datasets/things/exports/{format}", "datasets/things/exports/{format}",
    "datasets", "datasets/things", "facets", "datasets/things/exports/{format}",
    "datasets/things/exports/{format}", "exports/{format}", "datasets/things/records/{record}",
    "datasets/velib/records", "datasets/%00/records", "datasets/things/attachments", "%FF",
)  # fmt: skip
