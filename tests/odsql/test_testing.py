"""`assert_valid`, for the tests of other projects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from odsql import F, Query, Schema
from odsql.schema import SchemaError
from odsql.testing import assert_valid

if TYPE_CHECKING:
    from pathlib import Path

CITIES = {"dataset_id": "cities", "fields": [{"name": "population", "type": "int"}]}


@pytest.mark.parametrize(
    "query",
    [
        Query(where=F.population > 1, order_by="population desc").limit(5),
        {"where": ["a = 1", "b = 2"], "limit": 10},
        "population > 1",
    ],
)
def test_a_valid_query_passes(query: Query | dict[str, object] | str) -> None:
    """A query, a mapping of parameters and a where clause are all accepted."""
    assert_valid(query)


def test_a_broken_one_fails_and_shows_where() -> None:
    """The message has the format of the command line."""
    with pytest.raises(AssertionError) as failure:
        assert_valid({"select": "a", "where": "a == 1"})
    assert "where:1:3: error ODS102" in str(failure.value)
    assert "  | a == 1\n  |   ^^" in str(failure.value)


def test_a_schema_is_one_or_the_file_of_one(tmp_path: Path) -> None:
    """Names are checked against it; a file with several schemas is ambiguous."""
    file = tmp_path / "cities.json"
    file.write_text(json.dumps(CITIES))
    query = Query(where=F.populaton > 1)
    assert_valid(query)
    for schema in (Schema.from_json(CITIES), file, str(file)):
        with pytest.raises(AssertionError, match="ODS301"):
            assert_valid(query, schema=schema)
    file.write_text(json.dumps([CITIES, {**CITIES, "dataset_id": "towns"}]))
    with pytest.raises(SchemaError, match="expected one schema, found 2"):
        assert_valid(query, schema=file)


def test_a_query_is_a_whole_request_and_a_text_is_a_filter() -> None:
    """A limit can only be missing from a whole request."""
    with pytest.raises(AssertionError, match="warning ODS403"):
        assert_valid(Query(select="count(*)"), strict=True)
    assert_valid(Query(select="count(*)").limit(1), strict=True)
    assert_valid("population > 1", strict=True)


def test_warnings_fail_only_if_asked() -> None:
    """The command line does the same."""
    assert_valid("a != 1")
    with pytest.raises(AssertionError, match="warning ODS401"):
        assert_valid("a != 1", strict=True)
