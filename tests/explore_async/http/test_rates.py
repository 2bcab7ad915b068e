"""Rates: the valid settings; `test_call` tests that requests keep to them."""

from __future__ import annotations

from typing import Any

import pytest

from explore_async import ConfigurationError, Rate


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
