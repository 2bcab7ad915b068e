"""JSON Lines of clauses and queries."""

from __future__ import annotations

import pytest

from odsql.sources import SourceFile, UnreadableError, find
from tests.odsql.sources.support import URL, pairs, places, read


def test_clauses_and_queries() -> None:
    """A single clause says nothing about the rest of its request; a query is complete."""
    one, other = read(
        "a.jsonl",
        '{"clause": "where", "text": "a", "expect": {"text": "b"}}\n\n'
        '  {"dataset": "d", "name": "n", "select": ["a", "b"], "limit": 5}\r\n',
    )
    assert pairs(one) == [("where", "a")]
    assert one.skipped == {"*"}
    assert pairs(other) == [("select", "a"), ("select", "b"), ("limit", "5")]
    assert (other.name, other.request.dataset_id, other.skipped) == ("n", "d", frozenset())
    assert places(other)[0] == (3, 45)


@pytest.mark.parametrize("row", ['{"a": 1}', "not json", '{"where": "Paris", "when": 1}', "[1]"])
def test_data_is_no_file_of_queries_unless_somebody_says_so(row: str) -> None:
    """A directory may hold any JSON Lines file; a file that the user names should hold queries."""
    assert read("a.ndjson", row) == []
    if "where" not in row:
        with pytest.raises(UnreadableError, match=r"a.ndjson:1 is neither \{"):
            read("a.ndjson", row, expected=True)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('{"dataset": "d", "where": "a", "limt": 5}', [("where", "a"), ("limt", "5")]),
        ('{"dataset": "d", "where": ["a"], "owner": "me"}', [("where", "a"), ("owner", "me")]),
        ('{"dataset_id": "d", "limit": 5}', [("limit", "5")]),
        ('{"where": "a", "name": "n"}', [("where", "a")]),
    ],
)
def test_a_first_line_that_is_a_query_makes_a_file_one_of_queries(
    row: str, expected: list[tuple[str, str]]
) -> None:
    """A misspelt key is an error to report, not a reason to take the file for data."""
    (found,) = read("a.jsonl", row)
    assert pairs(found) == expected
    assert pairs(read("a.jsonl", row, expected=True)[0]) == expected


@pytest.mark.parametrize(
    "row",
    [
        '{"dataset": "d", "format": "csv"}',
        '{"dataset": "d", "where": 3}',
        '{"dataset": "d", "where": "Paris", "when": 1, "who": 2}',
    ],
)
def test_data_about_datasets_is_data(row: str) -> None:
    """`dataset` and most other keys also occur in files that have no queries."""
    assert read("a.jsonl", row) == []


def test_urls_in_data_are_found() -> None:
    """JSON Lines are searched like any other JSON."""
    (found,) = read("a.jsonl", f'{{"u": "{URL}?limit=1"}}')
    assert pairs(found) == [("limit", "1")]


def test_broken_lines_are_reported_after_the_others() -> None:
    """The error gives the number of the first broken line and counts the others."""
    text = '{"clause": "where", "text": "a"}\n{\n{"clause": "having", "text": ""}\n' + "[" * 100_000
    requests = find(SourceFile("a.jsonl", text))
    assert pairs(next(requests)) == [("where", "a")]
    with pytest.raises(UnreadableError, match=r"a.jsonl:2 is neither .* \(and 2 more lines\)"):
        next(requests)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"clause": "having", "text": ""}', "clause must be one of"),
        ('{"clause": "where", "text": 1}', "text a string"),
        ('{"where": {"a": 1}}', "where must be a string"),
        ('{"where": "a", "endpoint": "b"}', "endpoint must be one of"),
    ],
)
def test_rows_of_the_wrong_shape(row: str, message: str) -> None:
    """The message says what the value must be."""
    with pytest.raises(UnreadableError, match=message):
        read("a.jsonl", row, expected=True)


def test_an_endless_line_is_no_query() -> None:
    """The line is reported, and the other lines are read."""
    text = '{"where": "a"}\n{"where": "' + "a = 1 AND " * 100_001 + 'b"}\n{"where": "c"}\n'
    found: list[str] = []
    with pytest.raises(UnreadableError, match=r"a\.jsonl:2 is too long"):
        for one in find(SourceFile("a.jsonl", text)):
            found.append(one.request.parameters[0].text)
    assert found == ["a", "c"]
