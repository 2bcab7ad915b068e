"""Fields derived from the values of rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.portal.errors import StoreError
from explore_async.testing import Portal
from explore_async.testing.fields import derive_fields

if TYPE_CHECKING:
    from collections.abc import Callable


def kind(*values: object) -> str:
    """Return the type of a field with these values."""
    (field,) = derive_fields([{"field": value} for value in values])
    return "multivalued" if field.multivalued else field.type


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["oak"], "text"),
        ([None], "text"),
        ([True], "boolean"),
        ([1], "int"),
        ([1.5], "double"),
        ([1, 1.5, None], "double"),
        (["2024-01-31"], "date"),
        ([date(2024, 1, 31)], "date"),
        (["2024"], "text"),
        (["2024-01-31", "soon"], "text"),
        (["2024-01-31T10:00:00+00:00"], "datetime"),
        ([datetime(2024, 1, 31, tzinfo=UTC)], "datetime"),
        (["2024-01-31", "2024-01-31T10:00:00Z"], "datetime"),
        ([["1", "5"], None, []], "multivalued"),
        ([{"lon": 2.5, "lat": 48.5}], "geo_point_2d"),
        ([{"type": "Feature", "geometry": None, "properties": {}}], "geo_shape"),
        ([{"filename": "oak.jpg", "format": "JPEG"}], "file"),
    ],
)
def test_a_value_tells_the_type(values: list[object], expected: str) -> None:
    assert kind(*values) == expected


@pytest.mark.parametrize(
    "values", [[1, "oak"], [True, 1], [["a"], "a"], [{"lon": 2}], [b"oak"]], ids=str
)
def test_values_that_tell_no_type_are_refused(values: list[object]) -> None:
    """The message names the field."""
    with pytest.raises(StoreError, match="'field'"):
        kind(*values)


def test_fields_are_in_the_order_of_their_first_appearance() -> None:
    derived = derive_fields([{"b": 1}, {"a": 1, "b": 2}, {"c": None}])
    assert [one.name for one in derived] == ["b", "a", "c"]


@pytest.mark.parametrize(
    "name", ["misc/vancouver-public-art.export-json.1row.json", "velib-fi/01-records.json"]
)
async def test_recorded_rows_come_back_unchanged(
    recorded: Callable[[str], bytes], name: str
) -> None:
    """Except that an empty list is null."""
    body = json.loads(recorded(name))
    rows = body if isinstance(body, list) else body["results"]
    async with Portal({"rows": rows}) as portal, portal.client() as client:
        assert await client.dataset("rows").records().to_list() == rows


VALUES: list[st.SearchStrategy[Any]] = [
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.dates(date(1000, 1, 1)).map(str),
    st.lists(st.sampled_from(["a", "b"]), min_size=1),
]


@given(st.sampled_from(VALUES).flatmap(lambda one: st.lists(one | st.none(), max_size=5)))
def test_any_values_of_one_kind_have_a_type(values: list[object]) -> None:
    """It does not depend on their order."""
    if values:
        assert kind(*values) == kind(*reversed(values))
