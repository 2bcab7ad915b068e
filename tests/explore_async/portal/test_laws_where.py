"""Laws of conditions: each predicate, and their combinations, against plain Python."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from explore_async.portal import PortalError
from tests.explore_async.portal import semantics
from tests.explore_async.portal.asking import NOW
from tests.explore_async.portal.laws import (
    LISTS,
    ROWS,
    TEXTS,
    ZONES,
    Row,
    answers,
    filled,
    law,
    quoted,
    shape,
    zones,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from hypothesis.strategies import SearchStrategy

    from explore_async.portal import Store
    from tests.explore_async.portal.semantics import Box

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, ":": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
signs = st.sampled_from(sorted(SIGNS))


@frozen
class Case:
    """A condition, and its meaning for a row in a time zone; None if both answers are right."""

    text: str
    holds: Callable[[Row, ZoneInfo], bool | None]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """The rows."""
    with filled() as made:
        yield made


def check(store: Store, case: Case, zone: ZoneInfo = ZONES[0]) -> None:
    """Compare the portal's rows with those for which the case holds."""
    found = {row["id"] for row in answers(store, zone=zone, where=case.text, select="id")}
    expected = {row["id"]: case.holds(row, zone) for row in ROWS}
    wrong = [row for row in ROWS if expected[row["id"]] not in (None, row["id"] in found)]
    assert not wrong, f"{case.text}: {wrong}"


def texts_of(row: Row, *fields: str) -> list[str]:
    """Return the texts of some fields, by default of all."""
    values = [row[one] for one in fields or ("name", "note", "tags", "path")]
    lists = [one if isinstance(one, list) else [one] for one in values if one is not None]
    return [text for one in lists for text in one]


# ---------------------------------------------------------------- full text

WORDS = (
    "mill", "mil", "mills", "CAFE", "cafés", "Éclair", "eclairs", "oeuvre", "œuvre", "οδος", "ΟΔΟΣ",
    "서울", "한", "हिन्दी", "हि", "istanbul", "strasse", "straße", "b", "a", "x", "москва", "мос",
    "москво", "42", "١٢٣", "quoted", "des", "arts", "ar", "mill*", "caf*", "*", "-", "", "null",
)  # fmt: skip
phrases = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join) | st.sampled_from(TEXTS)
scopes = st.sampled_from(
    [
        ("", ()), ("*, ", ()), ("name, ", ("name",)), ("tags, ", ("tags",)),
        ("name, note, tags, ", ("name", "note", "tags")),
    ]
)  # fmt: skip


def predicate(name: str, meaning: Callable[[Any, str], bool]) -> SearchStrategy[Case]:
    return st.builds(
        lambda scope, text: Case(
            f"{name}({scope[0]}{quoted(text)})",
            lambda row, _: meaning(texts_of(row, *scope[1]), text),
        ),
        scopes,
        phrases,
    )


def like_case(value: tuple[str, Callable[[Row], list[str]]], text: str) -> Case:
    name, texts = value
    return Case(f"{name} like {quoted(text)}", lambda row, _: semantics.like(texts(row), text))


full_text = st.one_of(
    predicate("search", semantics.search),
    predicate("suggest", semantics.suggest),
    predicate("startswith", semantics.startswith),
    phrases.map(
        lambda text: Case(
            quoted(text), lambda row, _: semantics.bare_text(texts_of(row), text)
        )
    ),
    st.builds(
        like_case,
        st.sampled_from(
            [
                ("name", lambda row: texts_of(row, "name")),
                ("tags", lambda row: texts_of(row, "tags")),
                ("lower(note)", lambda row: texts_of(row, "note")),
            ]
        ),
        phrases,
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def letters(store: Store) -> bool:
    """True if DuckDB counts edits in letters; before 2.0.1 it counts bytes."""
    with store.cursor() as cursor:
        return cursor.execute("SELECT levenshtein('мосва', 'москва')").fetchall() == [(1,)]


@law("search", "suggest", "startswith")
@settings(max_examples=150)
@given(case=full_text)
def test_full_text_compares_words(store: Store, letters: bool, case: Case) -> None:
    """Runs of letters and digits, without case and accents; `startswith` compares as it is."""
    if case.text.startswith("search") and not (letters or case.text.isascii()):
        return
    check(store, case)


# ---------------------------------------------------------------- values

numbers = st.sampled_from([-7, -1, 0, 1, 7, 15, 2.5, -0.5, 10**6])
names = st.sampled_from([*TEXTS, "zoo"])
DATES = (
    "2024", "2006", "2024-03", "2024-02-29", "2024-10-27", "2024-03-31T02", "2024-10-27 02:30",
    "2024-11-03T01:00:00", "2006-04-02", "2024/01/01", "1999-06-07",
)  # fmt: skip
dates = st.sampled_from(DATES)


def present(field: str, test: Callable[[Any, ZoneInfo], bool | None]) -> Callable[..., bool | None]:
    """Return the meaning of a predicate that holds for no missing value."""
    return lambda row, zone: row[field] is not None and test(row[field], zone)


def missing(field: str) -> Callable[[Row, ZoneInfo], bool]:
    return lambda row, _: row[field] is None


def part_case(name: str, field: str, sign: str, number: int) -> Case:
    return Case(
        f"{name}({field}) {sign} {number}",
        present(
            field,
            lambda value, zone: SIGNS[sign](getattr(semantics.clock_of(value, zone), name), number),
        ),
    )


def range_case(low: float, high: float, brackets: tuple[str, str], middle: str, colon: str) -> Case:
    first, last = brackets
    return Case(
        f"n {colon} {first}{low}{middle}{high}{last}",
        present(
            "n",
            lambda n, _: (
                (low <= n if first == "[" else low < n) and (n <= high if last == "]" else n < high)
            ),
        ),
    )


def now_case(field: str, sign: str, parts: list[tuple[str, int]]) -> Case:
    """Compare with `now(...)`, which is a moment and not a period."""

    def holds(value: date | datetime, zone: ZoneInfo) -> bool:
        clock = semantics.now(NOW.astimezone(zone).replace(tzinfo=None), parts)
        moment = semantics.in_utc(clock, zone)
        known = value if isinstance(value, datetime) else semantics.clock_of(value, zone)
        return SIGNS[sign](known, moment)

    listed = ", ".join(f"{name}={number}" for name, number in parts)
    return Case(f"{field} {sign} now({listed})", present(field, holds))


WEEKDAYS = [f"{one.lower()}s" for one in semantics.DAYS]
now_parts = st.lists(
    st.one_of(
        st.tuples(st.just("year"), st.integers(1999, 2030)),
        st.tuples(st.just("month"), st.integers(1, 12)),
        st.tuples(st.just("day"), st.integers(1, 40)),
        st.tuples(st.just("hour"), st.integers(0, 23)),
        st.tuples(st.sampled_from(["minute", "second"]), st.integers(0, 59)),
        st.tuples(st.just("microsecond"), st.integers(0, 999_999)),
        st.tuples(st.just("weekday"), st.integers(0, 6)),
        st.tuples(st.just("years"), st.integers(-20, 5)),
        st.tuples(st.sampled_from(["months", "days", "hours"]), st.integers(-99, 99)),
        st.tuples(st.sampled_from(["minutes", "seconds", "microseconds"]), st.integers(-999, 999)),
        st.tuples(st.sampled_from(WEEKDAYS), st.integers(-3, 3)),
    ),
    max_size=4,
)  # fmt: skip


def many_case(sign: str, text: str) -> Case:
    """Compare a list: `=` any element, `!=` no element of a list that there is (measured)."""
    return Case(
        f"tags {sign} {quoted(text)}",
        present("tags", lambda tags, _: (text in tags) is (sign != "!=")),
    )


equalities = st.sampled_from(["=", ":", "!="])
values = st.one_of(
    st.builds(
        lambda field, sign, number: Case(
            f"{field} {sign} {number}", present(field, lambda n, _: SIGNS[sign](n, number))
        ),
        st.sampled_from(["n", "price"]), signs, numbers,
    ),
    st.builds(
        lambda sign, text: Case(
            f"name {sign} {quoted(text)}", present("name", lambda one, _: SIGNS[sign](one, text))
        ),
        equalities, names,
    ),
    st.builds(many_case, equalities, st.sampled_from([*LISTS[2], "Café", "zoo"])),
    st.builds(
        lambda listed: Case(
            f"name in ({', '.join(map(quoted, listed))})", present("name", lambda n, _: n in listed)
        ),
        st.lists(names, min_size=1, max_size=4),
    ),
    st.builds(
        lambda listed: Case(
            f"n in ({', '.join(map(str, listed))})", present("n", lambda n, _: n in listed)
        ),
        st.lists(numbers, min_size=1, max_size=4),
    ),
    st.builds(
        range_case, numbers, numbers,
        st.tuples(st.sampled_from("[]"), st.sampled_from("[]")),
        st.sampled_from([" .. ", " TO "]), st.sampled_from(["in", ":"]),
    ),
    names.map(
        lambda text: Case(
            f"{quoted(text)} in tags", present("tags", lambda tags, _: text in tags)
        )
    ),
    st.sampled_from(
        [
            Case("open", lambda row, _: row["open"] is True),
            Case("open is true", lambda row, _: row["open"] is True),
            Case("open is false", lambda row, _: row["open"] is False),
            Case("open is not true", lambda row, _: row["open"] is not True),
            Case("open is not false", lambda row, _: row["open"] is not False),
            Case("name = null", lambda _, __: False),
            *(Case(f"{one} is null", missing(one)) for one in ROWS[0]),
            *(Case(f"{one} is not null", present(one, lambda _, __: True)) for one in ROWS[0]),
        ]
    ),
    st.builds(
        lambda field, sign, literal: Case(
            f"{field} {sign} date'{literal}'",
            present(field, lambda one, zone: semantics.compared(one, sign, literal, zone)),
        ),
        st.sampled_from(["day", "moment"]), signs, dates,
    ),
    st.builds(
        lambda first, last: Case(
            f"moment in [date'{first}' .. date'{last}']",
            present(
                "moment",
                lambda one, zone: semantics.compared(one, ">=", first, zone)
                and semantics.compared(one, "<=", last, zone),
            ),
        ),
        dates, dates,
    ),
    st.builds(
        part_case,
        st.sampled_from(["year", "month", "day", "hour", "minute", "second"]),
        st.sampled_from(["day", "moment"]), signs,
        st.sampled_from([0, 1, 2, 3, 29, 30, 2006, 2024]),
    ),
    st.builds(
        lambda sign, number: Case(
            f"length(name) {sign} {number}",
            present("name", lambda one, _: SIGNS[sign](len(one), number)),
        ),
        signs, st.integers(0, 16),
    ),
    names.map(
        lambda text: Case(
            f"lower(name) = {quoted(text.lower())}",
            present(
                "name",
                lambda one, _: "".join(c.lower()[0] for c in one) == text.lower(),
            ),
        )
    ),
    st.builds(
        lambda sign, number, other: Case(
            f"ifnull(n, {other}) {sign} {number}",
            lambda row, _: SIGNS[sign](other if row["n"] is None else row["n"], number),
        ),
        signs, numbers, st.integers(-9, 9).filter(lambda one: one >= 0),
    ),
    st.builds(
        lambda sign, number: Case(
            f"n * 2 - price / 4 {sign} {number}",
            lambda row, _: None not in (row["n"], row["price"])
            and SIGNS[sign](row["n"] * 2 - row["price"] / 4, number),
        ),
        signs, numbers,
    ),
    st.builds(
        lambda field, text: Case(
            f"date_format({field}, 'yyyy-MM') = '{text}'",
            present(field, lambda one, zone: f"{semantics.clock_of(one, zone):%Y-%m}" == text),
        ),
        st.sampled_from(["day", "moment"]), st.sampled_from(["2024-03", "2024-10", "2006-04"]),
    ),
    st.builds(now_case, st.sampled_from(["day", "moment"]), signs, now_parts),
)  # fmt: skip


@law("now", "year", "month", "day", "hour", "minute", "second", "length", "lower", "ifnull")
@settings(max_examples=300)
@given(case=values, zone=zones)
def test_comparisons_hold_for_no_missing_value(store: Store, case: Case, zone: ZoneInfo) -> None:
    """A date literal is a period in the time zone; a list has a value if one element is it."""
    check(store, case, zone)


# ---------------------------------------------------------------- geography

degrees = st.integers(-48, 48).map(lambda one: one / 8)
points = st.tuples(degrees, degrees) | st.sampled_from([(180.0, 0.0), (-179.5, 10.0), (0.0, 90.0)])
boxes = st.builds(
    lambda west, south, width, height: (west, south, west + width, south + height),
    degrees, degrees, st.integers(1, 60).map(lambda one: one / 8),
    st.integers(1, 60).map(lambda one: one / 8),
)  # fmt: skip
UNITS = {
    "mi": 1609.344, "yd": 0.9144, "ft": 0.3048, "m": 1, "cm": 0.01, "km": 1000, "mm": 0.001,
}  # fmt: skip


def wkt(box: Box) -> str:
    ring = ", ".join(f"{lon} {lat}" for lon, lat in shape(box)["coordinates"][0])
    return f"geom'POLYGON(({ring}))'"


def distance_case(name: str, point: semantics.Point, kilometres: float, unit: str) -> Case:
    amount = round(kilometres * 1000 / UNITS[unit], 3)
    reach = amount * UNITS[unit]

    def holds(place: semantics.Point, _: ZoneInfo) -> bool | None:
        metres = semantics.metres(place, point)
        return None if abs(metres - reach) < 1 else metres <= reach

    text = f"geom'POINT({point[0]} {point[1]})', {amount}{unit}"
    return Case(f"{name}(place, {text})", present("place", holds))


def box_case(field: str, box: Box) -> Case:
    west, south, east, north = box
    test: Callable[[Any, ZoneInfo], bool] = (
        (lambda at, _: west <= at[0] <= east and south <= at[1] <= north)
        if field == "place"
        else (lambda area, _: semantics.boxes_meet(area, box))
    )
    return Case(f"in_bbox({field}, {south}, {west}, {north}, {east})", present(field, test))


def area_case(name: str, box: Box) -> Case:
    """Compare rectangles; those that only touch may count as meeting or not."""

    def holds(area: Box, _: ZoneInfo) -> bool | None:
        if name == "within":
            return semantics.box_within(area, box)
        return semantics.boxes_meet(area, box) is (name == "intersects")

    call = f"{name}(area, {wkt(box)})"
    return Case(call, present("area", holds))


def older(case: Case) -> Case:
    """Return a case in its older spelling."""
    name, _, rest = case.text.partition("(")
    if name == "within" and len(rest) % 2:
        return Case(f"polygon({rest}", case.holds)
    return Case(f"geometry({rest[:-1]}, {name.upper()})", case.holds)


def triangle_case(name: str, corners: list[semantics.Point]) -> Case:
    def holds(place: semantics.Point, _: ZoneInfo) -> bool | None:
        inside = semantics.in_triangle(place, corners)
        return None if inside is None else inside is (name != "disjoint")

    ring = ", ".join(f"{lon} {lat}" for lon, lat in [*corners, corners[0]])
    return Case(f"{name}(place, geom'POLYGON(({ring}))')", present("place", holds))


areas = st.builds(area_case, st.sampled_from(["intersects", "disjoint", "within"]), boxes)
geography = st.one_of(
    st.builds(
        distance_case, st.sampled_from(["within_distance", "distance"]), points,
        st.sampled_from([0.001, 40, 300.5, 999, 12_000, 20_016]), st.sampled_from(sorted(UNITS)),
    ),
    st.builds(box_case, st.sampled_from(["place", "area"]), boxes),
    areas,
    areas.map(older),
    st.builds(
        triangle_case, st.sampled_from(["intersects", "within", "disjoint"]),
        st.lists(points, min_size=3, max_size=3, unique=True).filter(
            lambda at: len(semantics.hull(at)) == 3
        ),
    ),
)  # fmt: skip


@law(
    "within_distance", "distance", "in_bbox", "intersects", "disjoint", "within", "geometry",
    "polygon",
)  # fmt: skip
@settings(max_examples=200)
@given(case=geography)
def test_geography_is_flat_but_for_distances(store: Store, case: Case) -> None:
    """Distances are those on a sphere; nothing holds for a missing value."""
    check(store, case)


# ---------------------------------------------------------------- combinations


def _and(one: Case, other: Case) -> Case:
    return Case(
        f"({one.text}) and ({other.text})",
        lambda row, zone: all_known(one, other, row, zone, lambda a, b: a and b),
    )


def _or(one: Case, other: Case) -> Case:
    return Case(
        f"({one.text}) or ({other.text})",
        lambda row, zone: all_known(one, other, row, zone, lambda a, b: a or b),
    )


def _not(one: Case) -> Case:
    def holds(row: Row, zone: ZoneInfo) -> bool | None:
        held = one.holds(row, zone)
        return None if held is None else not held

    return Case(f"not ({one.text})", holds)


def all_known(
    one: Case, other: Case, row: Row, zone: ZoneInfo, join: Callable[[bool, bool], bool]
) -> bool | None:
    first, second = one.holds(row, zone), other.holds(row, zone)
    return None if first is None or second is None else join(first, second)


leaves = st.one_of(values, geography, full_text.filter(lambda one: "search" not in one.text))
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(_and, inner, inner), st.builds(_or, inner, inner), inner.map(_not)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(case=conditions, zone=zones)
def test_conditions_have_two_truth_values(store: Store, case: Case, zone: ZoneInfo) -> None:
    """`not` is the complement and keeps missing values (measured)."""
    check(store, case, zone)


@law("vector_similarity_threshold", "vector_similarity")
@pytest.mark.parametrize(
    ("where", "order_by"),
    [("vector_similarity_threshold('a')", ""), ("", "vector_similarity('a')")],
    ids=["where", "order_by"],
)
def test_similarity_is_refused(store: Store, where: str, order_by: str) -> None:
    """How live portals compute it is not described."""
    with pytest.raises(PortalError) as caught:
        answers(store, where=where, order_by=order_by)
    assert caught.value.code == "NotSupportedByLocalPortal"


def test_the_time_of_the_portal_has_a_zone() -> None:
    """The laws of `now` rely on it."""
    assert NOW.tzinfo is UTC
