"""Laws of groups and facets, against plain Python."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from explore_async.portal.engine import Engine
from explore_async.portal.facets import count_facet, wanted_facets
from explore_async.portal.requests import read_query, read_settings
from tests.explore_async.portal import semantics
from tests.explore_async.portal.asking import NOW
from tests.explore_async.portal.laws import (
    ROWS,
    ZONES,
    Some,
    answers,
    filled,
    law,
    some,
    zones,
)  # fmt: skip
from tests.explore_async.portal.test_clusters import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from explore_async.portal import Store

Groups = list[tuple[Any, int]]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """The rows."""
    with filled() as made:
        yield made


def groups(store: Store, picked: Some, key: str, zone: ZoneInfo = ZONES[0]) -> Groups:
    """Return the keys and sizes of groups, in the order of the response."""
    found = answers(store, picked, zone=zone, group_by=f"{key} as k", select="count(*) as c")
    return [(row["k"], row["c"]) for row in found]


def counted(
    picked: Some, field: str, key: Callable[[Any], Any], shown: Callable[[Any], Any] = lambda k: k
) -> Groups:
    """Group rows by a key of a field; missing values are a group of their own, the first."""
    values = [ROWS[at][field] for at in picked]
    sizes = Counter(key(value) for value in values if value is not None)
    none = values.count(None)
    return [(None, none)] * (none > 0) + [(shown(one), sizes[one]) for one in sorted(sizes)]


# ---------------------------------------------------------------- fields and functions


@law("year", "month", "day", "hour", "minute", "second", "date_format", "lower", "ifnull")
@given(picked=some, zone=zones)
def test_groups_are_those_of_their_keys(store: Store, picked: Some, zone: ZoneInfo) -> None:
    """In the order of the keys, missing first; dates are on the clocks of the zone."""
    assert groups(store, picked, "n") == counted(picked, "n", int)
    assert groups(store, picked, "name") == counted(picked, "name", str)
    assert groups(store, picked, "open") == counted(picked, "open", bool)
    assert groups(store, picked, "day") == counted(picked, "day", str)
    lower = counted(picked, "note", lambda text: "".join(one.lower()[0] for one in text))
    assert groups(store, picked, "lower(note)") == lower
    five = Counter(5 if ROWS[at]["n"] is None else ROWS[at]["n"] for at in picked)
    assert groups(store, picked, "ifnull(n, 5)") == sorted(five.items())
    for part in ("year", "month", "day", "hour", "minute", "second"):
        clocks = [ROWS[at]["moment"] and semantics.local(ROWS[at]["moment"], zone) for at in picked]
        sizes = Counter(-1 if one is None else getattr(one, part) for one in clocks)
        parts = [(None if key == -1 else key, size) for key, size in sorted(sizes.items())]
        assert groups(store, picked, f"{part}(moment)", zone) == parts
    written = counted(picked, "moment", lambda one: f"{semantics.local(one, zone):%Y-%m}")
    assert groups(store, picked, "date_format(moment, 'yyyy-MM')", zone) == written


@given(picked=some)
def test_a_list_is_in_the_groups_of_its_elements(store: Store, picked: Some) -> None:
    """Once in each; no list is in the group of what is missing."""
    sizes: Counter[str | None] = Counter()
    for at in picked:
        sizes.update(set(ROWS[at]["tags"] or [None]))
    first: Groups = [(None, sizes.pop(None))] if None in sizes else []
    assert groups(store, picked, "tags") == first + sorted(
        sizes.items(), key=lambda one: str(one[0])
    )


# ---------------------------------------------------------------- ranges of numbers


def short(number: float) -> str:
    return str(number).removesuffix(".0")


@law("range")
@given(picked=some, width=st.integers(1, 40), tenths=st.integers(1, 100))
def test_numbers_are_in_ranges_of_one_width(
    store: Store, picked: Some, width: int, tenths: int
) -> None:
    """The lower end is in; labels of whole numbers are closed, those of others half-open."""
    whole = counted(
        picked, "n", lambda n: n // width * width, lambda low: f"[{low}, {low + width - 1}]"
    )
    assert groups(store, picked, f"range(n, {width})") == whole
    step = tenths / 8
    other = counted(
        picked,
        "price",
        lambda price: math.floor(price / step) * step,
        lambda low: f"[{short(low)}, {short(low + step)}[",
    )
    assert groups(store, picked, f"range(price, {step})") == other


steps = st.lists(st.integers(0, 60), min_size=2, max_size=5, unique=True).map(sorted)


@law("range")
@given(picked=some, listed=steps, opened=st.tuples(st.booleans(), st.booleans()))
def test_numbers_are_in_given_ranges(
    store: Store, picked: Some, listed: list[int], opened: tuple[bool, bool]
) -> None:
    """What is in none is in no group; `*` opens an end."""
    bounds = [*[-math.inf] * opened[0], *listed, *[math.inf] * opened[1]]
    asked = ", ".join("*" if math.isinf(one) else str(one) for one in bounds)
    for field in ("n", "price"):
        ranges = list(pairwise(bounds))
        values = [ROWS[at][field] for at in picked]
        expected: Groups = [(None, values.count(None))] * (None in values)
        for low, high in ranges:
            size = sum(value is not None and low <= value < high for value in values)
            first = "*" if math.isinf(low) else str(low)
            last = "*" if math.isinf(high) else str(high - 1 if field == "n" else high)
            expected += [(f"[{first}, {last}{']' if field == 'n' else '['}", size)] * (size > 0)
        assert groups(store, picked, f"range({field}, {asked})") == expected


# ---------------------------------------------------------------- ranges of dates

EPOCH = datetime(1970, 1, 1)
SECONDS = {
    "s": 1, "second": 1, "m": 60, "minutes": 60, "h": 3600, "hours": 3600, "d": 86_400,
    "days": 86_400,
}  # fmt: skip
CALENDAR = ("w", "week", "M", "month", "q", "quarter", "y", "year")


def bucket(clock: datetime, amount: int, unit: str) -> tuple[datetime, datetime]:
    """Return the start and end of the interval of a time: weeks start on Monday."""
    midnight = clock.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in SECONDS:
        length = timedelta(seconds=amount * SECONDS[unit])
        start = EPOCH + (clock - EPOCH) // length * length
        return start, start + length
    if unit[0] == "w":
        start = midnight - timedelta(days=midnight.weekday())
        return start, start + timedelta(days=7)
    months = {"m": 1, "q": 3, "y": 12}[unit[0].lower()]
    start = midnight.replace(day=1, month=(clock.month - 1) // months * months + 1)
    return start, semantics.later(start, months)


def offsets(clock: datetime, zone: ZoneInfo) -> set[timedelta | None]:
    """Return the offsets that a time may have: when clocks change, either of two."""
    return {clock.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}


def check_label(label: str, ends: tuple[datetime, datetime], zone: ZoneInfo) -> None:
    bounds = re.fullmatch(r"\[(.*), (.*)\[", label)
    assert bounds is not None
    for text, end in zip(bounds.groups(), ends, strict=True):
        read = datetime.fromisoformat(text)
        assert read.replace(tzinfo=None) == end
        assert read.utcoffset() in offsets(end, zone)
        assert text.endswith(".000Z") is (zone.key == "UTC")


intervals = st.one_of(
    st.tuples(st.integers(1, 90), st.sampled_from(sorted(SECONDS))),
    st.tuples(st.just(1), st.sampled_from(CALENDAR)),
)


@law("range")
@given(picked=some, interval=intervals, zone=zones, field=st.sampled_from(["day", "moment"]))
def test_dates_are_in_intervals_of_the_clock(
    store: Store, picked: Some, interval: tuple[int, str], zone: ZoneInfo, field: str
) -> None:
    """An interval is one of the clocks in the zone; a day has no zone."""
    found = groups(store, picked, f"range({field}, {interval[0]} {interval[1]})", zone)
    expected = counted(picked, field, lambda one: bucket(semantics.clock_of(one, zone), *interval))
    assert [size for _, size in found] == [size for _, size in expected]
    for (label, _), (ends, _) in zip(found, expected, strict=True):
        assert (label is None) is (ends is None)
        if label is not None:
            check_label(label, ends, zone if field == "moment" else ZONES[0])


literals = st.lists(
    st.sampled_from(["1999", "2006-04", "2020-12-31", "2024-01-01", "2024-03-31", "2024-10-27"]),
    min_size=2, max_size=4, unique=True,
).map(sorted)  # fmt: skip


@law("range")
@given(picked=some, listed=literals, zone=zones, opened=st.booleans())
def test_dates_are_in_given_ranges(
    store: Store, picked: Some, listed: list[str], zone: ZoneInfo, opened: bool
) -> None:
    """A literal is the start of its period in the zone."""
    asked = ", ".join([*["*"] * opened, *(f"date'{one}'" for one in listed)])
    starts = [semantics.period(one, zone)[0] for one in listed]
    ranges = list(pairwise([*[datetime.min] * opened, *starts]))
    moments = [ROWS[at]["moment"] for at in picked]
    sizes = [sum(one is not None and a <= one < b for one in moments) for a, b in ranges]
    found = groups(store, picked, f"range(moment, {asked})", zone)
    expected = [moments.count(None)] * (None in moments) + [size for size in sizes if size]
    assert [size for _, size in found] == expected


# ---------------------------------------------------------------- clusters


@law("geo_cluster")
@given(picked=some, zoom=st.integers(0, 12), radius=st.sampled_from([7, 40, 90]))
def test_clusters_are_the_merged_cells_of_a_grid(
    store: Store, picked: Some, zoom: int, radius: int
) -> None:
    """Their sizes and centres; records without a point are a cluster of their own."""
    # At a pole the radius is 0, and rounding decides.
    picked = [at for at in picked if abs((ROWS[at]["place"] or (0, 0))[1]) < 90]
    places = [ROWS[at]["place"] for at in picked if ROWS[at]["place"]]
    found = groups(store, picked, f"geo_cluster(place, {zoom}, {radius})")
    none = len(picked) - len(places)
    assert [size for key, size in found if key is None] == [none] * (none > 0)
    centres = [(key["cluster_centroid"], size) for key, size in found if key is not None]
    expected = [[places[at] for at in one] for one in merged(places, zoom, radius)]
    assert [size for _, size in centres] == [len(one) for one in expected]
    for (centre, size), members in zip(centres, expected, strict=True):
        assert centre["lon"] == pytest.approx(sum(at[0] for at in members) / size)
        assert centre["lat"] == pytest.approx(sum(at[1] for at in members) / size)


# ---------------------------------------------------------------- facets

ORDERS: dict[str, Callable[[tuple[str, int]], Any]] = {
    "count": lambda one: (one[1], one[0]),
    "-count": lambda one: (-one[1], one[0]),
    "alphanum": lambda one: one[0],
    "-alphanum": lambda one: [-ord(letter) for letter in one[0]] + [math.inf],
}


def facet(store: Store, picked: Some, asked: str, **clauses: str) -> list[tuple[str, int]]:
    """Return the values of a facet and their counts."""
    listed = ", ".join(map(str, picked))
    parameters = MultiDict({"facet": asked, "where": f"id in ({listed})" if picked else "1 = 2"})
    parameters.update(clauses)
    dataset = store.dataset("rows")
    assert dataset is not None

    async def count() -> dict[str, Any]:
        engine = Engine(store, workers=1)
        try:
            query = read_query(parameters)
            (wanted,) = wanted_facets(query.facets, dataset)
            chosen = read_settings(parameters, NOW)
            return await count_facet(wanted, query, dataset, chosen, engine)
        finally:
            await engine.close()

    return [(one["value"], one["count"]) for one in asyncio.run(count())["facets"]]


@law("facet")
@given(
    picked=some,
    field=st.sampled_from(["name", "tags", "path", "n", "day"]),
    sort=st.sampled_from(sorted(ORDERS)),
    limit=st.integers(0, 40),
)
def test_a_facet_counts_the_records_of_each_value(
    store: Store, picked: Some, field: str, sort: str, limit: int
) -> None:
    """A list has each of its elements once; of dates, the years are counted first."""
    sizes: Counter[str] = Counter()
    for at in picked:
        value = ROWS[at][field]
        if value is not None:
            end = 4 if field == "day" else None
            sizes.update(set(value) if field == "tags" else {str(value)[:end]})
    key = ORDERS[sort]
    if field == "n" and sort.endswith("alphanum"):
        sign = -1 if sort[0] == "-" else 1
        key = lambda one: sign * int(one[0])  # noqa: E731
    expected = sorted(sizes.items(), key=key)[:limit]
    assert facet(store, picked, f"facet(name='{field}', sort='{sort}', limit={limit})") == expected


@law("facet")
@given(picked=some, refined=st.sampled_from(["a", "b", "a/b", "b/a"]), disjunctive=st.booleans())
def test_a_refined_hierarchy_shows_the_level_below(
    store: Store, picked: Some, refined: str, disjunctive: bool
) -> None:
    """Refining takes in all that is below, and only a disjunctive facet ignores it."""
    paths = [ROWS[at]["path"] for at in picked if ROWS[at]["path"]]
    if not disjunctive:
        paths = [one for one in paths if f"{one}/".startswith(f"{refined}/")]
    parts = refined.split("/")
    sizes: Counter[str] = Counter(one.split("/")[0] for one in paths)
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth]) + "/"
        sizes.update(
            above + one[len(above) :].split("/")[0] for one in paths if one.startswith(above)
        )
    options = f"hierarchical=true, disjunctive={str(disjunctive).lower()}"
    found = facet(store, picked, f"facet(name='path', {options})", refine=f"path:{refined}")
    assert dict(found) == dict(sizes)


@given(picked=some, zone=zones)
def test_a_refined_year_is_one_of_the_zone(store: Store, picked: Some, zone: ZoneInfo) -> None:
    """Its months are counted, too."""
    clocks = [semantics.local(ROWS[at]["moment"], zone) for at in picked if ROWS[at]["moment"]]
    within = [one for one in clocks if one.year == 2024]
    sizes = Counter(f"{one:%Y/%m}" for one in within)
    sizes.update({"2024": len(within)} if within else {})
    found = facet(store, picked, "moment", refine="moment:2024", timezone=zone.key)
    assert dict(found) == dict(sizes)
