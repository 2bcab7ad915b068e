"""What the tests of laws share: rows of all types, and the portal's answers about some of them.

One store holds all rows. An example of a law is about those of some identifiers, which are drawn,
so that no data is one of the cases.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from multidict import MultiDict

from explore_async.portal import Store
from explore_async.portal.answers import json_row
from explore_async.portal.compiling import compile_query
from explore_async.portal.requests import read_query, read_settings
from tests.explore_async.portal.asking import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.explore_async.portal.semantics import Box

__all__ = [
    "ROWS", "ZONES", "Row", "Some", "answers", "filled", "law", "quoted", "shape", "some", "zones",
]  # fmt: skip

Row = dict[str, Any]
Some = list[int]
T = TypeVar("T")

ZONES = [ZoneInfo(one) for one in ("UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns")]
zones = st.sampled_from(ZONES)


def law(*functions: str) -> Callable[[T], T]:
    """Say that a test is the law of these functions of the catalogue."""

    def mark(test: T) -> T:
        test.laws = functions  # type: ignore[attr-defined]
        return test

    return mark


# ---------------------------------------------------------------- rows

TEXTS = (
    "", " ", "Café des Arts", "CAFE cafés", "éclair", "e\u0301clair", "Œuvre", "ΟΔΌΣ", "οδός 7",
    "한국 서울", "हिन्दी भाषा", "naïve—mill 42", "İstanbul", "Straße", "Mills miller MILL", "a_b",
    " a_b ", "москва", "мосва", "١٢٣", "mill*", "100%", "it's \\ \"quoted\"", "\U0001f600 x",
    "null",
    '{"a": [1, 2.5, null]}', "[1, {}]", "NaN", '"é"', "7", "{", "[1,]", "true",
)  # fmt: skip
LISTS = (
    ["a"], ["b", "a"], ["a", "b", "c"], ["Café", "mill"], ["mill des"], ["it's"], ["é", "e\u0301"],
    ["a", "a"],
)  # fmt: skip
CHANGES = (  # in UTC: into and out of summer time, in Paris and St John's, where it was 00:01 once
    datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2024, 3, 10, 5, 30),
    datetime(2024, 11, 3, 4, 30), datetime(2006, 4, 2, 3, 31), datetime(2006, 10, 29, 2, 31),
)  # fmt: skip
TURNS = (
    datetime(2023, 12, 31, 23, 59, 59), datetime(2024, 1, 1), datetime(2024, 2, 29, 12),
    datetime(2021, 1, 3, 18, 29, 59, 999_999), datetime(2020, 12, 31, 18, 30), datetime(1999, 6, 7),
)  # fmt: skip
STEPS = (-3600, -1800, -1, 0, 1, 1800, 3599, 3600, 86_400)


def shape(box: Box) -> dict[str, Any]:
    """Return a rectangle as GeoJSON."""
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _made() -> list[Row]:
    """Make the rows; a quarter of all values is missing."""
    chance = random.Random(7)

    def maybe(make: Callable[[], Any]) -> Any:
        return make() if chance.random() < 0.75 else None

    moments = [one + timedelta(seconds=step) for one in CHANGES for step in STEPS] + list(TURNS)

    def moment() -> datetime:
        micros = chance.choice((0, 0, 1, 250_000))
        return chance.choice(moments) + timedelta(microseconds=micros)

    def day() -> date:
        return chance.choice((moment().date(), date(2024, 1, 1) + timedelta(chance.randrange(800))))

    def point() -> tuple[float, float]:
        far = chance.random() < 0.3
        place = (chance.choice((-180.0, 0.0, 179.5, 180.0)), chance.choice((-90.0, 0.0, 89.5)))
        near = (chance.randint(-40, 40) / 8, chance.randint(-40, 40) / 8)
        return place if far else near

    def box() -> tuple[float, float, float, float]:
        west, south = chance.randint(-8, 8), chance.randint(-8, 8)
        return west, south, west + chance.randint(1, 5), south + chance.randint(1, 5)

    return [
        {
            "id": at,
            "name": maybe(lambda: chance.choice(TEXTS)),
            "note": maybe(lambda: chance.choice(TEXTS)),
            "tags": maybe(lambda: chance.choice(LISTS)),
            "path": maybe(lambda: "/".join(chance.choices("ab", k=chance.randint(1, 3)))),
            "n": maybe(lambda: chance.choice((0, 1, -7, 15, 10**6, chance.randint(-50, 50)))),
            "price": maybe(lambda: chance.choice((0.0, -0.5, chance.randint(-200, 200) / 8))),
            "day": maybe(day),
            "moment": maybe(moment),
            "open": maybe(lambda: chance.random() < 0.5),
            "place": maybe(point),
            "area": maybe(box),
        }
        for at in range(160)
    ]


ROWS = _made()
some = st.one_of(
    st.just([]),
    st.just([row["id"] for row in ROWS]),
    st.lists(st.integers(0, len(ROWS) - 1), unique=True, max_size=12).map(sorted),
)
"""Identifiers of some rows: none, all, or a few."""

_FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "int"},
    {"name": "name", "type": "text"},
    {"name": "note", "type": "text"},
    {"name": "tags", "type": "text", "annotations": {"multivalued": ","}},
    {"name": "path", "type": "text"},
    {"name": "n", "type": "int"},
    {"name": "price", "type": "double"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
    {"name": "open", "type": "boolean"},
    {"name": "place", "type": "geo_point_2d"},
    {"name": "area", "type": "geo_shape"},
]


def _sent(row: Row) -> Row:
    place, area = row["place"], row["area"]
    return {
        **row,
        "place": place and {"lon": place[0], "lat": place[1]},
        "area": area and shape(area),
    }


def filled() -> Store:
    """Return a store with all rows; the caller must close it."""
    store = Store(threads=1)
    store.add("rows", _FIELDS, [_sent(row) for row in ROWS])
    return store


# ---------------------------------------------------------------- asking


def quoted(text: str) -> str:
    """Return a text as a literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def answers(
    store: Store, picked: Iterable[int] | None = None, *, zone: ZoneInfo = ZONES[0], **clauses: str
) -> list[Row]:
    """Ask for some rows, or all of them; return the rows of the response.

    `clauses` are parameters of a request.
    """
    dataset = store.dataset("rows")
    assert dataset is not None
    parameters = MultiDict({"timezone": zone.key, **clauses})
    if picked is not None:
        listed = ", ".join(map(str, picked))
        parameters.add("where", f"id in ({listed})" if listed else "1 = 2")
    plan = compile_query(read_query(parameters), dataset, read_settings(parameters, NOW))
    sql = plan.page([json_row(plan.outputs, plan.context)], limit=None)
    with store.cursor() as cursor:
        found = cursor.execute(sql, plan.context.parameters.used_by(sql)).fetchall()
    return [json.loads(row[0]) for row in found]


def read_moment(text: str | None) -> datetime | None:
    """Return the UTC time of a datetime of a response."""
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
