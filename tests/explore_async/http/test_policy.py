"""Policies: decisions about waits, made without waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from explore_async import Caps, ConfigurationError, Retry, Timeouts


@pytest.mark.parametrize(
    ("attempt", "chance", "expected"),
    [(1, 0.0, 0.25), (1, 1.0, 0.5), (2, 1.0, 1.0), (3, 1.0, 2.0), (9, 1.0, 20.0)],
)
def test_backoff_doubles_within_its_cap(attempt: int, chance: float, expected: float) -> None:
    """Half of each wait is fixed, half is random."""
    retry = Retry(attempts=10)
    assert retry.delay(attempt=attempt, elapsed=0, asked=None, chance=chance) == expected


def test_a_wait_that_is_asked_for_is_never_shortened() -> None:
    """Jitter only lengthens it, so that clients do not all return at once."""
    retry = Retry()
    assert retry.delay(attempt=1, elapsed=0, asked=7.0, chance=0.0) == 7.0
    assert retry.delay(attempt=1, elapsed=0, asked=7.0, chance=1.0) == 7.5


def test_a_wait_longer_than_allowed_is_not_made() -> None:
    """A quota that resets at midnight raises an error now."""
    assert Retry(max_wait=60).delay(attempt=1, elapsed=0, asked=60.5, chance=0.0) is None


def test_attempts_are_counted() -> None:
    """`attempts` includes the first one; `never` means one attempt."""
    assert Retry(attempts=2).delay(attempt=1, elapsed=0, asked=None, chance=0) is not None
    assert Retry(attempts=2).delay(attempt=2, elapsed=0, asked=None, chance=0) is None
    assert Retry.never().delay(attempt=1, elapsed=0, asked=None, chance=0) is None


def test_the_deadline_covers_attempts_and_waits() -> None:
    """A wait that would end after the deadline is not started."""
    retry = Retry(deadline=10)
    assert retry.delay(attempt=1, elapsed=9.7, asked=None, chance=0.0) == 0.25
    assert retry.delay(attempt=1, elapsed=9.8, asked=None, chance=0.0) is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), "10", None])
def test_timeouts_are_positive(wrong: Any) -> None:
    """Some readers take zero as "never", others as "at once"."""
    with pytest.raises(ConfigurationError, match="connect="):
        Timeouts(connect=wrong)


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"deadline": 0}, {"max_wait": -1}, {"budget": "x"}, {"hook": 5}]
)
def test_a_retry_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    """The error belongs to this package and shows the name and the value."""
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigurationError, match=f"{name}={value!r}"):
        Retry(**wrong)


@pytest.mark.parametrize(
    ("wrong", "range_"),
    [
        ({"page": 0}, "a number above 0"),
        ({"error": -1}, "a number above 0"),
        ({"line": "1 MB"}, "a number above 0"),
        ({"ratio": 0.5}, "1 or a number above it"),
    ],
)
def test_caps_that_cannot_work_are_refused(wrong: dict[str, Any], range_: str) -> None:
    """The message names the allowed range."""
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigurationError, match=f"Caps.{name}={value!r}.* must be {range_}"):
        Caps(**wrong)


def test_the_backoff_of_a_patient_policy_stays_a_number() -> None:
    """Two to the power of thousands would overflow a float."""
    patient = Retry(attempts=5000, max_delay=7.0, deadline=1e9)
    assert patient.delay(attempt=4000, elapsed=0, asked=None, chance=0) == 3.5


def test_policies_are_values() -> None:
    """Policies with equal settings are equal."""
    assert Retry() == Retry()
    assert timedelta(seconds=Retry().deadline) == timedelta(minutes=5)
