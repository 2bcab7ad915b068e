"""Laws of what is selected, sorted and aggregated, against plain Python."""

from __future__ import annotations

import json
import math
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explore_async.portal import semantics
from tests.explore_async.portal.asking import NOW
from tests.explore_async.portal.laws import (
    ROWS,
    ZONES,
    Row,
    Some,
    answers,
    filled,
    law,
    quoted,
    read_moment,
    shape,
    some,
    zones,
)  # fmt: skip
from tests.explore_async.portal.test_laws_where import now_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from explore_async.portal import Store

PARTS = ("year", "month", "day", "hour", "minute", "second")
degrees = st.integers(-90, 90).map(float)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """The rows."""
    with filled() as made:
        yield made


def column(found: Sequence[Row], name: str = "x") -> list[Any]:
    return [row[name] for row in found]


def known(value: Any, function: Callable[..., Any], *others: Any) -> Any:
    """Return the result of a function; that of a missing value is missing."""
    return None if value is None else function(value, *others)


# ---------------------------------------------------------------- values of one record


@law("year", "month", "day", "hour", "minute", "second")
@pytest.mark.parametrize("field", ["day", "moment"])
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_part_of_a_date_is_that_of_a_clock_in_the_zone(
    store: Store, field: str, zone: ZoneInfo
) -> None:
    """Also around the changes of summer time; a day has no zone."""
    select = ", ".join(f"{part}({field}) as {part[:3]}_" for part in PARTS)
    found = answers(store, zone=zone, select=select)
    for row, got in zip(ROWS, found, strict=True):
        clock = known(row[field], semantics.clock_of, zone)
        assert got == {f"{part[:3]}_": clock and getattr(clock, part) for part in PARTS}, row


@law("date_format")
@pytest.mark.parametrize("language", ["en", "fr"])
@settings(max_examples=60)
@given(
    symbols=st.lists(st.sampled_from(semantics.SYMBOLS), max_size=4),
    between=st.sampled_from(["-", "/", " ", ", ", ":", ".", "'it''s'"]),
    field=st.sampled_from(["day", "moment"]),
    zone=zones,
)
def test_a_date_is_formatted_symbol_by_symbol(
    store: Store, language: str, symbols: list[str], between: str, field: str, zone: ZoneInfo
) -> None:
    """What is between quotes is itself; weeks are those of ISO 8601."""
    pattern = quoted(between.join(symbols))
    found = answers(store, zone=zone, lang=language, select=f"date_format({field}, {pattern}) as x")
    shown = between.strip("'").replace("''", "'")

    def written(value: date | datetime) -> str:
        clock = semantics.clock_of(value, zone)
        return shown.join(semantics.formatted(clock, one, language) for one in symbols)

    assert column(found) == [known(row[field], written) for row in ROWS]


@law("length", "lower", "ifnull", "json_format")
def test_functions_of_texts(store: Store) -> None:
    """Lengths are in characters, and letters have their own lower case."""
    select = (
        "length(name) as l, lower(name) as w, ifnull(name, note) as i, "
        "json_format(name) as j, json_format(note, 'no') as k"
    )
    for row, got in zip(ROWS, answers(store, select=select), strict=True):
        name, note = row["name"], row["note"]
        lower = known(name, lambda text: "".join(one.lower()[0] for one in text))
        assert got == {
            "l": known(name, len),
            "w": lower,
            "i": note if name is None else name,
            "j": semantics.read_json(name, None),
            "k": semantics.read_json(note, "no"),
        }


@law("ifnull")
@given(number=st.integers(0, 9), literal=st.sampled_from(["2024", "2024-02-29", "2006-04"]))
def test_an_alternative_stands_for_a_missing_value(store: Store, number: int, literal: str) -> None:
    """An alternative of a day is a day; whole and other numbers may be mixed."""
    select = f"ifnull(n, {number}) as n_, ifnull(price, n) as p, ifnull(day, date'{literal}') as d"
    start, _ = semantics.period(literal, None)
    for row, got in zip(ROWS, answers(store, select=select), strict=True):
        assert got["n_"] == (number if row["n"] is None else row["n"])
        assert got["p"] == (row["n"] if row["price"] is None else row["price"])
        assert got["d"] == str(start.date() if row["day"] is None else row["day"])


def quotient(one: float, other: float) -> float | None:
    return None if other == 0 else one / other


@given(number=st.integers(0, 9))
def test_arithmetic_goes_from_left_to_right(store: Store, number: int) -> None:
    """A quotient by zero is missing, and so is what a missing value is in."""
    select = (
        f"n + {number} * price - 1 as a, n / {number} as b, price / n / 2 as c, -n - -price as d"
    )
    for row, got in zip(ROWS, answers(store, select=select), strict=True):
        n, price = row["n"], row["price"]
        both = None not in (n, price)
        ratio = quotient(price, n) if both else None
        assert got["a"] == (n + number * price - 1 if both else None)
        assert got["b"] == (None if n is None else quotient(n, number))
        assert got["c"] == known(ratio, lambda one: one / 2)
        assert got["d"] == (-n + price if both else None)


@law("distance")
@given(lon=degrees, lat=degrees)
def test_a_distance_is_that_on_a_sphere(store: Store, lon: float, lat: float) -> None:
    """In metres, from pole to pole."""
    found = answers(store, select=f"distance(place, geom'POINT({lon} {lat})') as x")
    for row, got in zip(ROWS, found, strict=True):
        expected = known(row["place"], semantics.metres, (lon, lat))
        assert got["x"] == (None if expected is None else pytest.approx(expected, abs=1))


@law("now")
@settings(max_examples=150)
@given(parts=now_parts, zone=zones)
def test_now_is_one_moment(store: Store, parts: list[tuple[str, int]], zone: ZoneInfo) -> None:
    """It is that of the request on the clock of the zone, for all records."""
    listed = ", ".join(f"{name}={number}" for name, number in parts)
    found = answers(store, [1, 2], zone=zone, select=f"now({listed}) as x")
    clock = semantics.now(NOW.astimezone(zone).replace(tzinfo=None), parts)
    assert {read_moment(one) for one in column(found)} == {semantics.in_utc(clock, zone)}


# ---------------------------------------------------------------- fields, and their order


@law("include", "exclude")
@given(
    taken=st.lists(
        st.tuples(
            st.sampled_from(["include", "exclude"]),
            st.sampled_from([*ROWS[0], "n*", "p*", "mo*", "a*", "x*"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_fields_are_taken_in_and_left_out_in_turn(
    store: Store, taken: list[tuple[str, str]]
) -> None:
    """If nothing is taken in before, all fields are; nothing at all is an error."""
    names: list[str] = []
    for verb, pattern in taken:
        prefix = pattern.removesuffix("*")
        matching = [
            one
            for one in ROWS[0]
            if one == prefix or (prefix != pattern and one.startswith(prefix))
        ]
        if verb == "include":
            names += [one for one in matching if one not in names]
        else:
            names = [one for one in names or ROWS[0] if one not in matching]
    if not names:
        return
    select = ", ".join(f"{verb}({pattern})" for verb, pattern in taken)
    assert list(answers(store, [3], select=select)[0]) == names


@law("random")
@given(seeds=st.lists(st.integers(0, 10**9), min_size=2, max_size=2, unique=True), picked=some)
def test_a_random_order_is_a_permutation(store: Store, seeds: list[int], picked: Some) -> None:
    """The same seed gives the same one; another seed gives another."""
    one, other = (
        column(answers(store, picked, select="id", order_by=f"random({seed})"), "id")
        for seed in seeds
    )
    again = column(answers(store, picked, select="id", order_by=f"random({seeds[0]})"), "id")
    assert sorted(one) == sorted(other) == sorted(picked)
    assert one == again
    assert one != other or len(picked) < 20


KEYS: dict[str, Callable[[Row], Any]] = {
    "n": lambda row: row["n"],
    "price": lambda row: row["price"],
    "day": lambda row: row["day"],
    "moment": lambda row: row["moment"],
    "name": lambda row: row["name"],
    "length(note)": lambda row: known(row["note"], len),
    "year(day)": lambda row: known(row["day"], lambda day: day.year),
    "n * -1": lambda row: known(row["n"], lambda n: -n),
}


@given(
    keys=st.lists(
        st.tuples(st.sampled_from(sorted(KEYS)), st.sampled_from(["", " asc", " desc"])),
        min_size=1,
        max_size=3,
        unique_by=lambda one: one[0],
    ),
    picked=some,
)
def test_missing_values_are_last_in_both_directions(
    store: Store, keys: list[tuple[str, str]], picked: Some
) -> None:
    """Texts are in the order of their code points, and ties in that of the records."""
    ordered = [ROWS[at] for at in picked]
    for key, direction in reversed(keys):
        value = KEYS[key]
        there = sorted(
            (row for row in ordered if value(row) is not None),
            key=value,
            reverse=direction == " desc",
        )
        ordered = [*there, *(row for row in ordered if value(row) is None)]
    order_by = ", ".join(key + direction for key, direction in keys)
    found = column(answers(store, picked, select="id", order_by=order_by), "id")
    assert found == [row["id"] for row in ordered]


# ---------------------------------------------------------------- aggregates


def summed(values: list[float]) -> float | None:
    return sum(values) if values else None


AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": summed,
    "avg": lambda values: fmean(values) if values else None,
    "median": lambda values: median(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "count": len,
}


@law("sum", "avg", "median", "min", "max", "count", "percentile")
@given(picked=some, field=st.sampled_from(["n", "price"]), percent=st.integers(0, 1000))
def test_aggregates_of_numbers_leave_out_missing_values(
    store: Store, picked: Some, field: str, percent: int
) -> None:
    """Of no values all but the count are missing; a percentile is interpolated."""
    share = percent / 10
    select = ", ".join(f"{name}({field}) as {name}_" for name in AGGREGATES)
    (found,) = answers(
        store, picked, select=f"{select}, percentile({field}, {share}) as p, count(*) as all_"
    )
    values = [ROWS[at][field] for at in picked if ROWS[at][field] is not None]
    assert found.pop("all_") == len(picked)
    expected = semantics.percentile(values, share)
    assert found.pop("p") == (None if expected is None else pytest.approx(expected, abs=1e-6))
    for name, function in AGGREGATES.items():
        whole = function(values)
        close = whole if whole is None else pytest.approx(whole, rel=1e-12, abs=1e-9)
        assert found[f"{name}_"] == close, name


@law("min", "max", "count")
@given(picked=some, zone=zones)
def test_dates_and_texts_have_extremes_and_counts(
    store: Store, picked: Some, zone: ZoneInfo
) -> None:
    """Distinct values of a list are those of its elements."""
    (found,) = answers(
        store, picked, zone=zone,
        select="min(day) as a, max(day) as b, min(moment) as c, max(moment) as d, count(open) as e,"
        "count(distinct name) as f, count(distinct tags) as g, count(distinct ifnull(n, 5)) as h",
    )  # fmt: skip
    rows = [ROWS[at] for at in picked]
    days = [row["day"] for row in rows if row["day"]]
    moments = [row["moment"] for row in rows if row["moment"]]
    assert (found["a"], found["b"]) == ((str(min(days)), str(max(days))) if days else (None, None))
    assert read_moment(found["c"]) == min(moments, default=None)
    assert read_moment(found["d"]) == max(moments, default=None)
    assert found["e"] == sum(row["open"] is not None for row in rows)
    assert found["f"] == len({row["name"] for row in rows} - {None})
    assert found["g"] == len({one for row in rows for one in row["tags"] or ()})
    assert found["h"] == len({5 if row["n"] is None else row["n"] for row in rows})


def corners(feature: Any) -> set[semantics.Point] | None:
    """Return the positions of a feature."""
    if feature is None:
        return None
    found, waiting = set(), [feature["geometry"]["coordinates"]]
    while waiting:
        one = waiting.pop()
        if isinstance(one[0], list):
            waiting += one
        else:
            found.add((float(one[0]), float(one[1])))
    return found


def positions(box: semantics.Box | None) -> set[semantics.Point] | None:
    if box is None:
        return None
    return {(float(lon), float(lat)) for lon, lat in shape(box)["coordinates"][0]}


@law("bbox", "envelope")
@given(picked=some)
def test_shapes_around_values_leave_out_missing_ones(store: Store, picked: Some) -> None:
    """A box is around points or shapes, an envelope is the convex hull of points."""
    select = "bbox(place) as a, bbox(area) as b, envelope(place) as c"
    (found,) = answers(store, picked, select=select)
    places = [ROWS[at]["place"] for at in picked if ROWS[at]["place"]]
    areas = [ROWS[at]["area"] for at in picked if ROWS[at]["area"]]
    ends = [at for area in areas for at in (area[:2], area[2:])]
    assert corners(found["a"]) == positions(semantics.around(places))
    assert corners(found["b"]) == positions(semantics.around(ends))
    assert corners(found["c"]) == (semantics.hull(places) or None)


def test_the_rows_have_what_the_laws_are_about() -> None:
    """All kinds of missing values, and no number whose sums are not exact."""
    assert all(any(row[name] is None for row in ROWS) for name in ROWS[0] if name != "id")
    assert all(math.isfinite(row["price"] or 0) for row in ROWS)
    assert json.dumps([row["name"] for row in ROWS])
