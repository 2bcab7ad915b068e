"""Queries in Python code, found by names."""

from __future__ import annotations

import json

import pytest

from tests.odsql.sources.support import pairs, places, read, sources


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from odsql import Query\nQuery(where='a')", [[("where", "a")]]),
        ("from odsql import Query as Q\nQ(where='a')", [[("where", "a")]]),
        ("import odsql\nodsql.Query(select=['a', 'b'])", [[("select", "a"), ("select", "b")]]),
        ("import odsql as o\no.parse_select('a')", [[("select", "a")]]),
        ("from odsql.query import Query\nQuery(limit=10)", [[("limit", "10")]]),
        ("from explore_async import Query\nQuery(where='a')", [[("where", "a")]]),
        ("from odsql import *\nparse_where('a')", [[("where", "a")]]),
        ("from odsql import parse_refinement as p\np('a:b')", [[("refine", "a:b")]]),
        ("from odsql import Query\nQuery().where('a', 'b')", [[("where", "a"), ("where", "b")]]),
        ("from odsql import Query\nq = Query()\nq.order_by('a')", [[("order_by", "a")]]),
        ("from odsql import Query\ndef f(q: Query): q.facet('a')", [[("facet", "a")]]),
        ("from odsql import Query\ndef f(q: 'Query'): q.facet('a')", [[("facet", "a")]]),
        ("from odsql import Query\ndef f(q: Query | None): q.facet('a')", [[("facet", "a")]]),
        ("from odsql import Query\nQuery.from_url(u).where('a')", [[("where", "a")]]),
        ("from odsql import Query\nQuery(select='a').select('b')", [[("select", "a")], [("select",
         "b")]]),
        ("from odsql import Query\nQuery(where='a' 'b')", [[("where", "ab")]]),
        ("from odsql import Query\nQuery(where=('a'\n # it's\n 'b'))", [[("where", "ab")]]),
        ("from odsql import Query\nQuery(where=f'{a}', select='x')", [[("select", "x")]]),
        ("from odsql import Query\nQuery(where=a + 'b', limit=True)", []),
        ("from odsql import F\nother.where('a'); Query(where='a')", []),
        ("# odsql\nfrom sqlalchemy import Query\nQuery(where='a')", []),
        ("from odsql import Query\nQuery(where='a'", []),
    ],
)  # fmt: skip
def test_calls_are_recognised_by_their_names(
    code: str, expected: list[list[tuple[str, str]]]
) -> None:
    """Only plain string constants are read; a chain is one request."""
    found = read("a.py", code)
    assert [pairs(one) for one in found] == expected
    assert all(one.skipped == {"*"} for one in found)


def test_a_chain_is_read_in_the_order_of_the_file() -> None:
    """From its beginning to its end."""
    code = "from odsql import Query\n\n(\n  Query(where='a')\n  .select('b')\n  .limit(3)\n)\n"
    (found,) = read("a.py", code)
    assert pairs(found) == [("where", "a"), ("select", "b"), ("limit", "3")]
    assert places(found) == [(4, 16), (5, 12), (6, 10)]


def test_windows_line_ends_and_long_texts() -> None:
    r"""`\\r\\n` in a text is one newline, as Python reads it."""
    (found,) = read("a.py", "from odsql import Query\r\nQuery(where='''é\r\nb''')\r\n")
    assert pairs(found) == [("where", "é\nb")]
    assert sources(found) == ["é\r\nb"]
    assert places(found) == [(2, 16)]


def test_cells_of_a_notebook_share_their_imports() -> None:
    """Magics are passed over; the place is that in the JSON."""
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "from odsql import Query\n"]},
        {"cell_type": "code", "source": ["q = Query(where=\"a = 'é'\")"]},
    ]
    (found,) = read("a.ipynb", json.dumps({"cells": cells}))
    assert pairs(found) == [("where", "a = 'é'")]
    assert sources(found) == ["a = '\\u00e9'"]
