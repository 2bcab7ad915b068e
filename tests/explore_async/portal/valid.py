"""Random requests that are valid, about `things`: each of them must be answered with status 200.

Types fit, names exist and numbers are small; the texts are those of an attacker. The same seed
makes the same requests.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.explore_async.portal.hostile import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SENT = [one for one in TEXTS if not {*one} & {"\0", "\ud800"}]
PATTERNS = ("yyyy-MM-dd", "EEEE d MMMM", "w xxxx", "HH:mm:ss", "D/DDD", "'it''s' yy")
DATES = ("2026", "2026-08", "2026-08-29", "2026/08/29", "2026-08-28T22:30:00+02:00", "0001-01-01")
POINTS = ("POINT(2 48)", "POINT(-180 90)", '{"type": "Point", "coordinates": [2, 48]}')
AREAS = (
    "POLYGON((0 40, 0 60, 20 60, 20 40, 0 40))", "MULTIPOLYGON(((0 0, 0 60, 60 60, 0 0)))",
    '{"type": "Polygon", "coordinates": [[[0,0],[0,60],[60,60],[0,0]]]}',
    "LINESTRING(0 40, 10 50)",
)  # fmt: skip
ZONES = ("UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Etc/GMT+12")
EXPORTS = ("csv", "json", "jsonl", "geojson", "parquet", "kml", "gpx", "n3", "turtle", "rdfxml")
FACETS = ("tags", "day", "path", "code", "name", "year", "size", "open")


class Valid:
    """Makes random requests."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def request(self) -> tuple[str, str]:
        """Return a path below the catalog and a query, percent-encoded."""
        path, clauses = self.random.choice(
            (self.records, self.records, self.groups, self.aggregates, self.facets, self.export)
        )()
        if self.maybe():
            clauses.append(("timezone", self.pick(ZONES)))
        if self.maybe():
            clauses.append(("lang", self.pick(("fr", "en", "de"))))
        if self.maybe():
            clauses.append((self.pick(("refine", "exclude")), self.refined()))
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in clauses)
        return f"datasets/things/{path}", query

    def pick(self, values: Sequence[str]) -> str:
        return self.random.choice(values)

    def maybe(self) -> bool:
        return self.random.random() < 0.4

    def listed(self, make: Callable[[], str], most: int = 3) -> str:
        return ", ".join(make() for _ in range(self.random.randint(1, most)))

    # ------------------------------------------------------------ requests

    def filters(self) -> list[tuple[str, str]]:
        count = self.random.choice((0, 1, 1, 2))
        return [("where", self.condition(self.random.randrange(4))) for _ in range(count)]

    def selected(self) -> list[tuple[str, str]]:
        items = [self.pick(("*", "include(n*)", "exclude(t*)"))] if self.maybe() else []
        items += [f"{self.value()} as `x {at}`" for at in range(self.random.randrange(4))]
        return [("select", ", ".join(items))] if items else []

    def records(self) -> tuple[str, list[tuple[str, str]]]:
        clauses = [*self.filters(), *self.selected()]
        if self.maybe():
            clauses.append(("order_by", self.pick((self.listed(self.ordered), "random(7)"))))
        clauses.append(("limit", self.pick(("0", "1", "3", "100"))))
        return "records", clauses

    def ordered(self) -> str:
        return self.value(sortable=True) + self.pick(("", " desc", " asc"))

    def groups(self) -> tuple[str, list[tuple[str, str]]]:
        keys = [f"{self.key()} as k{at}" for at in range(self.random.randint(1, 2))]
        many = ("tags as l", "geo_cluster(place, 5) as l", "range(day, 1 month) as l")
        keys += [self.pick(many)] if self.maybe() else []
        clauses = [*self.filters(), ("group_by", ", ".join(keys))]
        clauses.append(("select", f"{self.aggregate()} as a, count(*) as c"))
        if self.maybe():
            clauses.append(("order_by", self.pick(("c desc, k0", "a", "k0 desc", "random(1)"))))
        return "records", clauses

    def aggregates(self) -> tuple[str, list[tuple[str, str]]]:
        shapes = ("bbox(shape)", "bbox(place)", "envelope(place)", "count(distinct tags)")
        items = [f"{self.aggregate()} as a", f"{self.pick(shapes)} as b"]
        return "records", [*self.filters(), ("select", ", ".join(items))]

    def facets(self) -> tuple[str, list[tuple[str, str]]]:
        field, sort = self.pick(FACETS), self.pick(("count", "-count", "alphanum", "-num"))
        options = self.pick((f"sort='{sort}'", "limit=2", "disjunctive=true"))
        levels = self.pick(("", f", hierarchical=true, separator={self.text()}"))
        asked = self.pick((field, f"facet(name='{field}', {options}{levels})"))
        return "facets", [*self.filters(), ("facet", asked)]

    def export(self) -> tuple[str, list[tuple[str, str]]]:
        return f"exports/{self.pick(EXPORTS)}", self.filters()

    def refined(self) -> str:
        value = self.pick(SENT).strip() or "a"
        return f"{self.pick(FACETS)}:{self.quoted(value)}"

    # ------------------------------------------------------------ values

    def quoted(self, text: str) -> str:
        mark = self.pick("'\"")
        return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark

    def text(self) -> str:
        return self.quoted(self.pick(SENT))

    def number(self, depth: int = 1) -> str:
        if depth and self.maybe():
            one, other = self.number(depth - 1), self.number(depth - 1)
            return f"({one} {self.pick('+-*/')} {other})"
        return self.pick((
            "id", "size", "2", "0.5", "0", f"{self.pick(('year', 'hour', 'second'))}(moment)",
            "length(name)", f"length({self.text()})", "ifnull(size, 1)", "day(day)",
        ))  # fmt: skip

    def words(self) -> str:
        return self.pick((
            "name", "code", "path", "lower(name)", f"lower({self.text()})",
            f"ifnull(name, {self.text()})", f'date_format(moment, "{self.pick(PATTERNS)}")',
        ))  # fmt: skip

    def moment(self) -> str:
        part, shift = self.pick(("hour", "day", "weekday")), self.pick(("days", "mondays", "years"))
        return self.pick((
            "day", "moment", f"now({part}=5, {shift}=-{self.random.randrange(99)})", "now()",
        ))  # fmt: skip

    def value(self, *, sortable: bool = False) -> str:
        simple = (self.number(2), self.words(), self.moment(), "open", self.distance())
        if sortable:
            return self.pick(simple)
        json = f"json_format(name, {self.text()})"
        return self.pick((*simple, "tags", "place", "shape", self.text(), json, "year"))

    def distance(self) -> str:
        return f"distance(place, geom'{self.pick(POINTS)}')"

    def key(self) -> str:
        width = self.random.randint(1, 50)
        unit = self.pick(("s", "minutes", "hours", "days"))
        return self.pick((
            "name", "day", "open", "year(moment)", "lower(code)", f"ifnull(name, {self.text()})",
            f'date_format(day, "{self.pick(PATTERNS)}")', f"range(id, {width})", "range(size, 0.5)",
            f"range(moment, {width} {unit})", "range(day, 1 quarter)", "range(id, *, 2, 3, *)",
            "range(day, date'2026', date'2026-09-01', *)",
        ))  # fmt: skip

    def aggregate(self) -> str:
        name = self.pick(("sum", "avg", "median", "min", "max", "count"))
        return self.pick((
            f"{name}({self.number()})", f"sum(size) / count(*) + {name}(id)", "max(moment)",
            "percentile(size, 99.5)", "count(distinct code)", "count(distinct ifnull(size, 0))",
        ))  # fmt: skip

    # ------------------------------------------------------------ conditions

    def condition(self, depth: int) -> str:
        if depth and self.random.random() < 0.7:
            one, other = self.condition(depth - 1), self.condition(depth - 1)
            return self.pick((f"{one} and {other}", f"({one} or {other})", f"not ({one})"))
        sign = self.pick(("=", "!=", "<", ">", "<=", ">=", ":"))
        equal, date = self.pick(("=", "!=", ":")), self.pick(DATES)
        area = self.pick(("intersects", "within", "disjoint"))
        field, shape = self.pick(("place", "shape")), self.pick(AREAS)
        scope = self.pick(("", "*, ", "name, ", "tags, path, "))
        predicate = self.pick(("search", "suggest", "startswith"))
        return self.pick((
            f"{self.number()} {sign} {self.number()}", f"{self.words()} {equal} {self.text()}",
            f"tags {equal} {self.text()}", f"{self.text()} in tags",
            f"name in ({self.listed(self.text)})", f"id in ({self.listed(lambda: '2')})",
            f"name like {self.text()}", f"tags like {self.text()}", self.text(),
            f"{predicate}({scope}{self.text()})", "open", "open is not true", "shape is null",
            f"day {sign} date'{date}'", f"moment {sign} date'{date}'",
            f"day {sign} {self.moment()}",
            f"size in ]{self.random.randint(-9, 9)}..20]", f"day in [date'{date}' TO date'2027'[",
            f"{area}({field}, geom'{shape}')", f"geometry({field}, geom'{shape}', {area.upper()})",
            f"within_distance({field}, geom'{self.pick(POINTS)}', {self.random.randint(0, 999)}km)",
            f"in_bbox({field}, -50, -50, 49, {self.random.randint(-180, 180)})",
        ))  # fmt: skip
