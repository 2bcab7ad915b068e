"""Small tables for notebooks: complete enough to look at, and safe to show."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from explore_async import DatasetInfo, Facet, Page
from explore_async.notebooks import html_table
from odsql import F, Query

SCRIPT = "<script>alert('x')</script>&"


class Cells(HTMLParser):
    """Collects the tags and the text of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(*rows: dict[str, object], total: int | None = None) -> Page:
    return Page(rows=[*rows], offset=100, limit=100, total_count=total)


def test_a_page_is_a_table_of_its_rows() -> None:
    """The caption tells which rows they are."""
    shown = Cells(page({"a": 1, "b": None}, {"a": {"x": [2]}, "b": "t"}, total=1234)._repr_html_())
    assert shown.texts == ["2 of 1,234 rows from 100", "a", "b", "1", '{"x": [2]}', "t"]


def test_only_the_first_rows_are_shown() -> None:
    """The rest is counted."""
    rows: list[dict[str, object]] = [{"n": one} for one in range(100)]
    shown = Cells(page(*rows)._repr_html_())
    assert shown.texts[-2:] == ["19", "80 more rows"]


def test_a_facet_is_a_table_of_its_values() -> None:
    """With the count of each."""
    values = [{"name": "FR", "value": "FR", "count": 3, "state": "displayed"}]
    facet = Facet.from_json({"name": "country", "facets": values})
    assert Cells(facet._repr_html_()).texts == ["country", "value", "count", "FR", "3"]


def test_a_dataset_is_a_table_of_its_fields() -> None:
    """With type and label."""
    fields = [{"name": "n", "type": "int", "label": "Number"}]
    info = DatasetInfo.from_json({"dataset_id": "trees", "fields": fields})
    assert Cells(info._repr_html_()).texts == [
        "trees",
        "field",
        "type",
        "label",
        "n",
        "int",
        "Number",
    ]


def test_a_query_is_formatted_odsql() -> None:
    """One clause after the other, long ones on several lines."""
    query = Query(where=(F.name == "x" * 60) & (F.other == "y" * 60), limit=3, refine="kind:oak")
    shown = Cells(query._repr_html_())
    assert [one for one in shown.texts if len(one) < 20] == [
        "where",
        "limit",
        "3",
        "refine",
        'kind:"oak"',
    ]
    assert re.search(r"\n *AND ", shown.texts[1])


@pytest.mark.parametrize(
    "shown",
    [
        page({SCRIPT: SCRIPT, "b": [SCRIPT]})._repr_html_(),
        Facet.from_json({"name": SCRIPT, "facets": [{"name": SCRIPT, "value": "x"}]})._repr_html_(),
        DatasetInfo.from_json({"dataset_id": SCRIPT, "fields": [{"name": SCRIPT}]})._repr_html_(),
        Query(where=F.a == SCRIPT)._repr_html_(),
    ],
    ids=["page", "facet", "dataset", "query"],
)
def test_text_is_escaped(shown: str) -> None:
    """Whatever a portal or a query contains."""
    assert "script" not in Cells(shown).tags
    assert SCRIPT in " ".join(Cells(shown).texts)


def test_a_value_that_is_long_or_deep_is_cut() -> None:
    """A cell has at most 100 characters."""
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert Cells(html_table("t", [{"a": "x" * 101, "b": deep}])).texts[-2:] == [
        "x" * 99 + "…",
        "list",
    ]
    while isinstance(deep, list):  # Python would free it by recursion
        deep = deep.pop()
