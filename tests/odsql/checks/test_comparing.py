"""Types in comparisons: what a finding says, and where the types are left to the portal."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import PLACES, codes, said, schema

BARE = "write the number without quotes"
UNSEEN = "no portal was seen to accept this"
UNORDERED = "name is text, which has no order to filter by"


@pytest.mark.parametrize(
    ("condition", "message", "hint"),
    [
        ("name = date'2024-01-01'", "name is text, which cannot be compared with a date",
         'write the text in quotes: "..."'),
        ('population = "10"', "population is int, which cannot be compared with text", BARE),
        ('population = " -10 "', "population is int, which cannot be compared with text", BARE),
        ('population = "ten"', "population is int, which cannot be compared with text", None),
        ('population in [1.."2"]', "population is int, which cannot be compared with text", BARE),
        ("opened = 20240", "opened is date, which cannot be compared with a number",
         "write date'...'"),
        ('opened = "20x4"', "opened is date, which cannot be compared with text",
         "write date'...'"),
        ("opened = 2024", "opened is date, which cannot be compared with a number",
         "write date'2024', or year(opened) = 2024"),
        ('opened = " 2024 "', "opened is date, which cannot be compared with text",
         "write date'2024', or year(opened) = 2024"),
        ("name < 5", UNORDERED, "use =, startswith(name, ...) or in (...)"),
        ("name = true", "name is text but is compared with a boolean", UNSEEN),
        ("active = 1", "active is boolean but is compared with a number", UNSEEN),
        ("opened = -2024", "opened is date but is compared with a number", UNSEEN),
        ("opened = geom'POINT(1 1)'", "opened is date but is compared with a geometry", UNSEEN),
        ('length(name) = "3"', "a number is compared with text", BARE),
        ('length(name) = "x"', "a number is compared with text", None),
        ('"3" = now()', "a date is compared with text", None),
    ],
)  # fmt: skip
def test_a_finding_names_both_types_and_what_to_write(
    condition: str, message: str, hint: str | None
) -> None:
    """There is no hint where nobody can know what was meant."""
    assert said(f"where: {condition}", PLACES) == [(message, hint)]


def test_a_range_or_list_is_reported_once() -> None:
    """One finding is enough for two items of the same wrong type."""
    assert codes('where: name in ["a".."b"]', PLACES) == ["ODS303"]
    assert codes('where: population in ("1", "2")', PLACES) == ["ODS302"]


@pytest.mark.parametrize("type_", ["int", "double", "decimal"])
def test_every_type_of_number_is_a_number(type_: str) -> None:
    """Texts are refused, numbers and their order are not."""
    known = schema(f"price {type_}")
    assert codes('where: price = "10"', known) == ["ODS302"]
    assert codes("where: price > 10 AND price in [1..2]", known) == []


@pytest.mark.parametrize(
    "condition", ["photo = 5", 'photo > "x"', 'photo in ("x")', 'photo in ["a".."b"]']
)
def test_a_type_without_a_recorded_comparison_is_not_checked(condition: str) -> None:
    """A file, for example."""
    assert codes(f"where: {condition}", schema("photo file")) == []


@pytest.mark.parametrize(
    "condition",
    [
        'name in [lower("a")..lower("b")]',
        'population in [length("a")..length("b")]',
        "population = name",
        'now() = "2024-01-01"',
        'now() = "2024-01-01T10:00:00Z"',
        "length(name) = year(opened)",
    ],
)
def test_a_comparison_of_which_no_answer_is_recorded_may_work(condition: str) -> None:
    """Two fields, computed bounds, or a computed date with a quoted day."""
    assert codes(f"where: {condition}", PLACES) == []


def test_the_items_after_one_that_fits_are_checked() -> None:
    """A list may mix types."""
    assert codes('where: population in (1, "2")', PLACES) == ["ODS302"]
    assert codes("where: opened in [date'2024-01-01'..\"yesterday\"]", PLACES) == ["ODS302"]
