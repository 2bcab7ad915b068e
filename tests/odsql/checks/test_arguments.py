"""Checks of single functions: what a finding says, and the values at the ends of a range."""

from __future__ import annotations

import pytest

from odsql.syntax.functions import FACET_SORTS
from tests.odsql.checks.asking import codes, said

PATTERN = "use symbols such as yyyy MM dd HH mm ss; put other text in single quotes"
UNITS = "write second, minute, hour, day, week, month, quarter or year; m is minute, M month"
SORTS = "write count, -count, alphanum, -alphanum, num or -num"
DISTANCES = "the units are mi, yd, ft, m, cm, km, mm"
POINT = "geom'POINT(1 1)'"


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        ("where: a > now(hour=24)", "argument hour of now() must be from 0 to 23, not 24",
         "it sets the hour; to shift by hours, write hours=24"),
        ("where: a > now(day=-1)", "argument day of now() must be 1 or more, not -1",
         "it sets the day; to shift by days, write days=-1"),
        ("where: a > now(weekday=7)", "argument weekday of now() must be from 0 to 6, not 7",
         None),
        ("where: a > now(hours=1.5)", "argument hours of now() must be a whole number", None),
        ("where: a > now(dayz=1)", "now() has no argument dayz", "did you mean day, days?"),
        ("where: a > now(fortnights=1)", "now() has no argument fortnights",
         "plural names shift the time: now(days=-7)"),
        ("select: date_format(a, 'QQ')", "the date pattern has an undocumented symbol, QQ",
         PATTERN),
        ("select: date_format(a, '100%')", "the date pattern has an undocumented symbol, %",
         PATTERN),
        ("select: date_format(a, \"yyyy 'at\")", "the date pattern has an unclosed quote",
         PATTERN),
        ('select: year("a")', "argument date of year() must be a date",
         "write a field name without quotes, a date as date'...'"),
        (f"where: distance(a, {POINT}) < 5", "distance() as a value is not allowed in where",
         "write within_distance(field, geometry, 1km)"),
        (f"where: within_distance(a, {POINT}, 1 league)", "unknown unit of distance: league",
         DISTANCES),
        ("where: in_bbox(a, 144, -37, 145, -36)", "latitude and longitude look swapped",
         "in_bbox(field, latitude, longitude, latitude, longitude)"),
        ("group_by: geo_cluster(a, -1)",
         "argument zoom of geo_cluster() must be from 0 to 25, not -1", None),
        ("select: percentile(a, 101)",
         "argument percent of percentile() must be from 0 to 100, not 101", None),
        ("select: percentile(a, 0.25)", "percentiles run from 0 to 100; 0.25 is close to 0",
         "write 25 for the 25th percentile"),
        ("order_by: random(1.5)", "argument seed of random() must be a whole number", None),
        ("group_by: range(a, *)", "range() has no steps", "range(field, *, 10, 20, *)"),
        ("group_by: range(a, 1, *, 2)",
         "* leaves an end of range() open: write it first or last", None),
        ("group_by: range(a, 'b')", "the steps of range() must be numbers, dates or intervals",
         None),
        (f"group_by: range(a, {POINT})", "the steps of range() must be numbers, dates or intervals",
         None),
        ("group_by: range(a, 1 Month)", "unknown unit of time: Month", UNITS),
        ("group_by: range(a, 1.5 days)", "an interval must be a whole number of units", None),
        ("group_by: range(a, 2 M)",
         "range() supports only one week, month, quarter or year at a time", "write 1 M"),
        ("group_by: range(a, 1 day, 5)", "an interval must be the only step of range()", None),
        ("where: search(a, park)", "the last argument of search() must be text",
         'write text in quotes: search("park")'),
        ("where: startswith(a, 5)", "the last argument of startswith() must be text", None),
        ('where: search(lower(a), "b")', "search() takes fields or * before the text", None),
        ("facet: facet(limit=3)", "facet() has no name", 'facet(name="field")'),
        ('facet: facet(name="a", sort="size")', "facet() has no sort size", SORTS),
        ('facet: facet(name="a", sort=count)', "argument sort of facet() must be text in quotes",
         None),
        ("facet: facet(name=5)", "argument name of facet() must be text in quotes", None),
        ('facet: facet(name="a", disjunctive="yes")',
         "argument disjunctive of facet() must be true or false", None),
        ('facet: facet(name="a", limit="3")', "argument limit of facet() must be a whole number",
         None),
        ('facet: facet(name="a", limit=2.5)', "argument limit of facet() must be a whole number",
         None),
    ],
)  # fmt: skip
def test_a_finding_says_what_the_argument_must_be(
    lines: str, message: str, hint: str | None
) -> None:
    """The hint, if there is one, is something that can be written."""
    assert said(lines) == [(message, hint)]


@pytest.mark.parametrize(
    "lines",
    [
        "where: a > now(hour=0)",
        "where: a > now(hour=23)",
        "where: a > now(day=1)",
        "group_by: geo_cluster(a, 0)",
        "group_by: geo_cluster(a, 25)",
        "select: percentile(a, 0)",
        "select: percentile(a, 1)",
        "select: percentile(a, 100)",
        "where: in_bbox(a, 90, 180, -90, -180)",
        "where: in_bbox(a, 91, 90.5, 91, 10)",
        "group_by: range(a, *, 1, 2)",
        "group_by: range(a, 1, 2, *)",
        "group_by: range(a, 01 week)",
        'facet: facet(name="a", limit=-1)',
        'facet: facet(name="a", disjunctive=true, hierarchical=false, separator="/")',
        'facet: facet(name="a", new_option=1.5)',
        *(f'facet: facet(name="a", sort="{one}")' for one in FACET_SORTS),
    ],
)
def test_a_value_that_is_allowed_is_not_reported(lines: str) -> None:
    """Up to both ends of each range; an option of facet() that is not documented may exist."""
    assert codes(lines) == []


@pytest.mark.parametrize("box", ["91, 90, 91, 90", "-91, -90, 91, 90", "90.5, 0, 90.5, 0"])
def test_a_latitude_beyond_the_pole_is_a_longitude_if_the_other_could_be_a_latitude(
    box: str,
) -> None:
    """90 degrees is the highest latitude, north or south."""
    assert codes(f"where: in_bbox(a, {box})") == ["ODS409"]


def test_both_spellings_of_a_distance_filter_check_its_unit() -> None:
    """The older one is reported as such, too."""
    assert codes(f"where: distance(a, {POINT}, 1 league)") == ["ODS407", "ODS204"]
    assert codes(f"where: distance(a, {POINT}, 1 KM)") == ["ODS407"]
