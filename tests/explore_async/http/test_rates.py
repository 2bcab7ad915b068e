"""Rates: what may be asked for; `test_calling` shows how they are kept."""

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
    """With the name, the value and what it must be, as an error of this package."""
    name, value = list(wrong.items())[-1]
    with pytest.raises(ConfigurationError, match=f"Rate.{name}={value!r}.* must be {range_}"):
        Rate(**wrong)
