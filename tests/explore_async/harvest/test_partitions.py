"""Partitions: each row is in exactly one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.harvest.partitions import (
    Between,
    Equal,
    Missing,
    Others,
    Partition,
    Prefixes,
    Slice,
    joined,
)

NUMBERS = st.integers() | st.floats(allow_nan=False)


def between(bounds: list[Any]) -> list[Slice]:
    """Return the ranges between bounds, and the rows without a value."""
    ends = [None, *sorted(set(bounds)), None]
    return [*(Between("a", low, high) for low, high in pairwise(ends)), Missing("a")]


@given(bounds=st.lists(NUMBERS), value=NUMBERS | st.none())
def test_a_number_is_in_one_of_the_ranges_between_bounds(bounds: list[float], value: Any) -> None:
    """Whatever the bounds are, and also without any."""
    assert sum(one.holds(value) for one in between(bounds)) == 1


@given(bounds=st.lists(st.dates()), value=st.dates() | st.none())
def test_a_date_is_in_one_of_the_ranges_between_bounds(bounds: list[date], value: Any) -> None:
    """A bound belongs to the range that it begins."""
    assert sum(one.holds(value) for one in between(bounds)) == 1


@given(
    start=st.sampled_from(["a", "oak", "é"]),
    ends=st.lists(st.sampled_from("abcé0"), unique=True, min_size=1),
    value=st.text("aobké0") | st.none(),
)
def test_a_text_is_with_a_prefix_or_with_the_others(
    start: str, ends: list[str], value: str | None
) -> None:
    """Also the empty text, and one that is a prefix itself."""
    starts = tuple(start + end for end in ends)
    slices: list[Slice] = [
        *(Prefixes("a", (one,)) for one in starts[1:]),
        Equal("a", starts[0]),
        Others("a", starts[0], (), starts[0]),
        Others("a", start, starts),
        Others("a", "", (start,)),
        Missing("a"),
    ]
    assert sum(one.holds(value) for one in slices) == 1


@pytest.mark.parametrize(
    ("slices", "text"),
    [
        ([], None),
        ([Between("a", None, 5)], "a < 5"),
        ([Between("a", -0.5, 2)], "a >= -0.5 AND a < 2"),
        ([Between("a", date(2024, 1, 31), None)], "a >= date'2024-01-31'"),
        ([Between("a", None, None), Missing("date")], "a is not null AND date is null"),
        ([Prefixes("a", ("b", "it's"))], 'startswith(a, "b") OR startswith(a, "it\'s")'),
        (
            [Others("a", "b", ("bc",), "b")],
            'startswith(a, "b") AND NOT startswith(a, "bc") AND NOT a = "b"',
        ),
    ],
    ids=["all", "low", "range", "date", "several", "prefixes", "others"],
)
def test_slices_are_odsql(slices: list[Slice], text: str | None) -> None:
    """The condition is what every client can send."""
    condition = joined(slices)
    assert (None if condition is None else str(condition)) == text


def test_the_bound_of_a_datetime_has_an_offset() -> None:
    """A literal without one would be read in the time zone of the request."""
    moment = datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert str(Between("a", moment, None).condition()) == "a >= date'2024-01-01T00:00:00+00:00'"
    assert Between("a", moment, None).holds(datetime(2024, 1, 1, tzinfo=UTC))


def test_a_partition_can_be_saved() -> None:
    """Other machines and later runs read it back."""
    one = Partition(number=3, where="a > 1", expected=7)
    assert Partition.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    "saved",
    [
        {"partition": 1, "where": None},
        {"partition": "1", "where": None, "expected": 1},
        {"partition": 1, "where": 5, "expected": 1},
    ],
    ids=["missing", "number", "where"],
)
def test_what_is_not_a_partition_is_refused(saved: object) -> None:
    """A broken journal must not become a plan."""
    with pytest.raises((KeyError, TypeError)):
        Partition.from_json(saved)
