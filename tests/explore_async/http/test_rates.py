"""Rates: settings, buckets, pauses and budgets; `test_call` tests that requests keep to them."""

from __future__ import annotations

from typing import Any

import pytest

from explore_async import ConfigurationError, Rate
from explore_async.http.rates import Bucket, Pause, RetryBudget


@pytest.mark.parametrize(
    ("wrong", "range_"),
    [
        ({"calls": 0}, "a number above 0"),
        ({"calls": "10"}, "a number above 0"),
        ({"calls": float("nan")}, "a number above 0"),
        ({"calls": 1, "per": -1.0}, "a number above 0"),
        ({"calls": 1, "burst": 0}, "1 or a number above it"),
        ({"calls": 1, "burst": None}, "1 or a number above it"),
    ],
)
def test_a_rate_that_cannot_work_is_refused(wrong: dict[str, Any], range_: str) -> None:
    """The error belongs to this package and shows the name, the value and the allowed range."""
    name, value = list(wrong.items())[-1]
    with pytest.raises(ConfigurationError, match=f"Rate.{name}={value!r}.* must be {range_}"):
        Rate(**wrong)


def test_a_bucket_is_not_paused_to_an_earlier_turn() -> None:
    bucket = Bucket(Rate(calls=1))
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.0, 1.0, 2.0]
    bucket.pause_until(1.5)
    assert bucket.reserve(0.0) == 3.0


def test_a_refusal_halves_the_pace() -> None:
    bucket = Bucket(Rate(calls=10))
    bucket.throttled(sent_at=0.0, now=1.0)
    assert bucket.interval == pytest.approx(0.2)


def test_a_request_sent_at_the_moment_of_a_refusal_was_sent_at_the_old_pace() -> None:
    bucket = Bucket(Rate(calls=10))
    bucket.throttled(sent_at=0.0, now=1.0)
    bucket.throttled(sent_at=1.0, now=2.0)
    assert bucket.interval == pytest.approx(0.2)


def test_a_success_at_the_full_pace_does_not_raise_it() -> None:
    bucket = Bucket(Rate(calls=10))
    bucket.succeeded()
    assert bucket.interval == pytest.approx(0.1)


def test_a_longer_pause_replaces_the_one_that_holds() -> None:
    pause = Pause()
    pause.until(10.0, now=0.0)
    pause.until(20.0, now=5.0)
    assert pause.left(5.0, longest=60) == 15.0


def test_the_same_pause_again_does_not_hold_for_longer() -> None:
    pause = Pause()
    pause.until(3600.0, now=0.0)
    pause.until(3600.0, now=59.0)
    assert pause.left(59.0, longest=30) == 3541.0
    assert pause.left(60.0, longest=30) == 0.0


def test_a_pause_that_no_longer_holds_may_be_shortened() -> None:
    pause = Pause()
    pause.until(3600.0, now=0.0)
    pause.until(100.0, now=60.0)
    assert pause.left(60.0, longest=60) == 40.0


def test_the_longest_wait_is_waited_for() -> None:
    pause = Pause()
    pause.until(100.0, now=0.0)
    assert pause.left(70.0, longest=30) == 30.0
    assert pause.left(70.0, longest=29) == 0.0


def test_five_successes_without_retries_return_one() -> None:
    budget = RetryBudget(2)
    assert budget.take()
    for left in (1, 1, 1, 1, 2):
        budget.succeeded(retries=0)
        assert budget.left == left


def test_a_success_returns_no_more_than_the_budget_holds() -> None:
    budget = RetryBudget(2)
    assert budget.take()
    budget.succeeded(retries=5)
    assert [budget.take() for _ in range(3)] == [True, True, False]
