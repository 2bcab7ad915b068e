"""The index of words: the same records as a look through the text, and its life with its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import MultiDict

from explore_async.portal import PortalField, Store, words
from explore_async.portal.compiling import compile_query
from explore_async.portal.requests import read_query, read_settings
from tests.explore_async.portal.asking import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from explore_async.portal.schema import Dataset

FIELDS = (
    PortalField("name", "text", "name"),
    PortalField("tags", "text", "tags", annotations={"multivalued": ","}),
    PortalField("size", "int", "size"),
)
TEXT = st.lists(
    st.sampled_from(
        ["mill", "Mills", "mil", "Café", "cafe", "MILLER", "élan", "2026", "a_b", "x", ""]
    ),
    max_size=4,
).map(" - ".join)
ROW = st.fixed_dictionaries(
    {"name": st.none() | TEXT, "tags": st.none() | st.lists(TEXT, max_size=2), "size": st.just(1)}
)
WORDS = st.sampled_from(
    ["mill", "miller", "milr", "CAFÉ", "cafés", "elan", "2026", "b", "x", "zoo"]
)
PHRASES = st.lists(WORDS, min_size=1, max_size=2).map(" ".join)
CONDITIONS = st.one_of(
    PHRASES.map(lambda text: f"'{text}'"),
    PHRASES.map(lambda text: f"name like '{text}'"),
    PHRASES.map(lambda text: f"tags like '{text}*'"),
    PHRASES.map(lambda text: f"search('{text}')"),
    PHRASES.map(lambda text: f"search(tags, '{text}')"),
    PHRASES.map(lambda text: f"suggest(name, '{text}')"),
    PHRASES.map(lambda text: f"not search('{text}')"),
)


def matching(store: Store, dataset: Dataset, where: str) -> list[int]:
    """Return the rows that match a condition, in their order."""
    parameters = MultiDict({"where": where})
    plan = compile_query(read_query(parameters), dataset, read_settings(parameters, NOW))
    sql = plan.page(["r"], limit=None)
    with store.cursor() as cursor:
        return [
            row[0] for row in cursor.execute(sql, plan.context.parameters.used_by(sql)).fetchall()
        ]


def tables(store: Store) -> set[str]:
    """Return the names of the tables of a store."""
    with store.cursor() as cursor:
        found = cursor.execute("SELECT table_name FROM information_schema.tables").fetchall()
    return {row[0] for row in found}


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    with Store(threads=1) as made:
        yield made


@given(rows=st.lists(ROW, max_size=6), where=CONDITIONS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_index_finds_what_the_text_has(
    store: Store, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, object]], where: str
) -> None:
    """With an index and without, a condition matches the same rows, in the same order."""
    found = []
    for limit in (words.MOST_TEXT, -1):
        with monkeypatch.context() as patched:
            patched.setattr(words, "MOST_TEXT", limit)
            dataset = store.add("things", FIELDS, rows)
            found.append(matching(store, dataset, where))
            assert (dataset.words() is None) == (limit < 0)
        store.remove("things")
    assert found[0] == found[1]


def test_the_index_is_made_by_the_first_condition_that_needs_it(store: Store) -> None:
    """A portal whose clients never search does not pay for it."""
    dataset = store.add("things", FIELDS, [{"name": "mill", "tags": None, "size": 1}])
    assert matching(store, dataset, "size = 1") == [0]
    assert tables(store) == {dataset.table}
    assert matching(store, dataset, "search('mill')") == [0]
    assert len(tables(store)) == 3


def test_the_index_goes_with_its_dataset(store: Store) -> None:
    """Removing a dataset removes the index."""
    dataset = store.add("things", FIELDS, [{"name": "mill", "tags": None, "size": 1}])
    matching(store, dataset, "search('mill')")
    store.remove("things")
    assert tables(store) == set()


def test_a_search_keeps_the_order_of_the_records(store: Store) -> None:
    """The rows come as they were added, however many match."""
    rows = [{"name": f"mill {at % 7}", "tags": None, "size": at} for at in range(5_000)]
    dataset = store.add("things", FIELDS, rows)
    assert matching(store, dataset, "search('mill')") == list(range(5_000))
