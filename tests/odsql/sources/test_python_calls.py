"""Queries in Python code, found by name."""

from __future__ import annotations

import json

import pytest

from odsql.sources import UnreadableError
from tests.odsql.sources.support import pairs, places, read, sources


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from odsql import Query\nQuery(where='a')", [[("where", "a")]]),
        ("from odsql import Query as Q\nQ(where='a')", [[("where", "a")]]),
        ("import odsql\nodsql.Query(select=['a', 'b'])", [[("select", "a, b")]]),
        ("import odsql\nodsql.Query().order_by('a', F.x, '', 'b')", [[("order_by", "a, b")]]),
        ("import odsql as o\no.parse_select('a')", [[("select", "a")]]),
        ("from odsql.builder.query import Query\nQuery(limit=10)", [[("limit", "10")]]),
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
        ("from odsql import condition\ncondition('a')", [[("where", "a")]]),
        ("from odsql import parse_where\nparse_where(text='a')", [[("where", "a")]]),
        ("from odsql import Query\nclass A:\n def f(self): self.q = Query(); self.q.where('a')",
         [[("where", "a")]]),
        ("from odsql import Query\nclass A:\n q: Query\n def g(self): self.q.where('a')",
         [[("where", "a")]]),
        ("from odsql import Query\ndef f() -> Query: ...\nf().where('a')", [[("where", "a")]]),
        ("from odsql import Query\ndef f():\n return Query()\nf().where('a')",
         [[("where", "a")]]),
        ("from odsql import Query\nclass A:\n def f(self) -> Query: self.f().where('a')",
         [[("where", "a")]]),
        ("from odsql import Query\nr, s = Query(), 1\nr.where('a'); s.where('b')",
         [[("where", "a")]]),
        ("from odsql import Query\nQuery(where='a' if x else None)", [[("where", "a")]]),
        ("from odsql import Query\nQuery(select=None if x else 'a', limit=3)", [[("select", "a"),
         ("limit", "3")]]),
        ("from odsql import Query\nQuery(select='a' if x else 'b')", [[("select", "a")], [("select",
         "b")]]),
        ("from odsql import Query\nQuery(where=x or 'a')", [[("where", "a")]]),
        ("from odsql import Query\nQuery().where(lambda w: w & 'a' | 'b')", [[("where", "a"),
         ("where", "b")]]),
        ("from odsql import Query\nQuery().select(lambda s: [*s, 'a'])", []),
        ("from odsql import Query\nself.r.where('a'); session.query().where('b')", []),
        ("from odsql import Query\ndef query() -> Query: ...\nsession.query(X).where('b')", []),
        ("from odsql import Query\nasync def f():\n return Query()\nf().where('b')", []),
        ("from odsql import Query\ndef f():\n x = \"\"\"\n\ndef g():\n \"\"\"\n Query(where='a')\n",
         [[("where", "a")]]),
        ("from odsql import Query\ndef f(\na,\n): pass\n@f\ndef g(): pass\nQuery(where='a')\n",
         [[("where", "a")]]),
        ("from odsql import Query\ndef f():\n pass\n\n# x\n\nQuery(where='a')", [[("where",
         "a")]]),
    ],
)  # fmt: skip
def test_calls_are_recognised_by_their_names(
    code: str, expected: list[list[tuple[str, str]]]
) -> None:
    """Only plain string constants are read; a chain is one request."""
    found = read("a.py", code)
    assert [pairs(one) for one in found] == expected
    assert all(one.skipped == {"*"} for one in found)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("from odsql import Query\nQuery(where='a')\ndef (", "^a.py:3 is not valid Python: "),
        ("from odsql import Query\ndef f():\n  return [\n", "^a.py:3 is not valid Python: "),
        ("import odsql\nodsql.Query\0", "^a.py.* is not valid Python: "),
    ],
)
def test_a_file_that_is_named_should_be_python(code: str, message: str) -> None:
    """The error is reported; in a directory, the file may be a template or otherwise not ours."""
    assert read("a.py", code) == []
    with pytest.raises(UnreadableError, match=message):
        read("a.py", code, expected=True)
    assert read("a.py", "# odsql\ndef (", expected=True) == []


def test_places_are_true_behind_blocks_that_are_not_looked_into() -> None:
    """Only blocks that may hold a call are parsed; skipped ones keep their lines."""
    code = "from odsql import Query\n\ndef f():\n    é = 1\n\n    return é\n\nQuery(where='a')\n"
    (found,) = read("a.py", code)
    assert places(found) == [(8, 14)]


@pytest.mark.parametrize(
    ("code", "dataset_id"),
    [
        ("client.dataset('d').records(Query(where='a'))", "d"),
        ("client.dataset('d').records(query=Query().where('a'))", "d"),
        ("client.dataset(d).records(Query(where='a'))", None),
        ("client.table('d').records(Query(where='a'))", None),
        ("client.dataset('d').records(f(Query(where='a')))", None),
    ],
)
def test_the_dataset_is_the_one_that_a_query_is_given_to(code: str, dataset_id: str | None) -> None:
    """The dataset must be a string constant, and the query must be the argument itself."""
    (found,) = read("a.py", f"from odsql import Query\n{code}")
    assert found.request.dataset_id == dataset_id


def test_items_of_a_list_stand_where_they_are_written() -> None:
    """They form one clause; its separators are located between the items of the list."""
    (found,) = read("a.py", "from odsql import Query\nQuery(select=['é',\n 'b'])")
    assert list(found.offsets[0]) == [39, 40, 42, 45, 46]
    assert [found.file.text[one] for one in found.offsets[0][::3]] == ["é", "b"]


def test_a_chain_is_read_in_the_order_of_the_file() -> None:
    """The first call of the chain comes first."""
    code = "from odsql import Query\n\n(\n  Query(where='a')\n  .select('b')\n  .limit(3)\n)\n"
    (found,) = read("a.py", code)
    assert pairs(found) == [("where", "a"), ("select", "b"), ("limit", "3")]
    assert places(found) == [(4, 16), (5, 12), (6, 10)]


def test_windows_line_ends_and_long_texts() -> None:
    r"""`\\r\\n` in a string is one newline, as Python reads it."""
    (found,) = read("a.py", "from odsql import Query\r\nQuery(where='''é\r\nb''')\r\n")
    assert pairs(found) == [("where", "é\nb")]
    assert sources(found) == ["é\r\nb"]
    assert places(found) == [(2, 16)]


def test_cells_of_a_notebook_share_their_imports() -> None:
    """Magics are ignored, and positions are those in the JSON."""
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "from odsql import Query\n"]},
        {"cell_type": "code", "source": ["q = Query(where=\"a = 'é'\")"]},
    ]
    (found,) = read("a.ipynb", json.dumps({"cells": cells}))
    assert pairs(found) == [("where", "a = 'é'")]
    assert sources(found) == ["a = '\\u00e9'"]
