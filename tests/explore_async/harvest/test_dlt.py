"""The source for dlt: every row, with the types of the schema, and later only what is new."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from attrs import evolve

from explore_async.errors import ConfigurationError, MissingExtraError
from explore_async.harvest.dlt import explore_source
from explore_async.harvest.plan import make_plan
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.harvest.trees import FIELDS, METAS, multiset, set_rows, tree, trees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from explore_async.harvest import HarvestPlan

COLUMNS = ", ".join(one.name for one in FIELDS)
LATER = "2026-02-01T00:00:00+00:00"


@pytest.fixture
def portal() -> Iterator[Portal]:
    """A portal in a thread: a pipeline has no event loop."""
    with Portal({"trees": trees(100)}, fields={"trees": FIELDS}, metas={"trees": METAS}) as one:
        yield one


@pytest.fixture
def load(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[tuple[Any, ...]]]:
    """A function that runs a pipeline, and then a query."""
    dlt = pytest.importorskip("dlt", reason="dlt is not installed")
    import duckdb

    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))

    def run(sql: str, **options: Any) -> list[tuple[Any, ...]]:
        file = tmp_path / "trees.duckdb"
        pipeline = dlt.pipeline(
            "trees", destination=dlt.destinations.duckdb(str(file)), dataset_name="loaded"
        )
        pipeline.run(explore_source(portal.url, ["trees"], **options))
        with duckdb.connect(str(file), read_only=True) as database:
            found: list[tuple[Any, ...]] = database.execute(sql).fetchall()
        return found

    return run


def as_sent(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row of the table as the portal sends it."""
    made = dict(zip(COLUMNS.split(", "), row, strict=True))
    made["planted"] = made["planted"].isoformat()
    made["seen"] = made["seen"] and made["seen"].isoformat()
    return {**made, **{one: made[one] and orjson.loads(made[one]) for one in ("names", "place")}}


def test_all_rows_are_loaded(load: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Nulls, equal values and lists, too."""
    assert multiset(map(as_sent, load(f"SELECT {COLUMNS} FROM loaded.trees"))) == multiset(
        trees(100)
    )


def test_the_types_are_those_of_the_schema(load: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Lists and points are JSON, not tables of their own."""
    found = {name: kind for name, kind, *_ in load("DESCRIBE loaded.trees")}
    assert {one.name: found[one.name] for one in FIELDS} == {
        "number": "BIGINT",
        "kind": "VARCHAR",
        "height": "DOUBLE",
        "planted": "DATE",
        "seen": "TIMESTAMP WITH TIME ZONE",
        "names": "JSON",
        "place": "JSON",
    }


def test_the_rows_are_those_of_a_query(load: Callable[..., list[tuple[Any, ...]]]) -> None:
    """A cursor narrows it further."""
    options = {
        "queries": {"trees": Query().where("number < 5").select("number, height * 2 as twice")},
        "cursors": {"trees": "number"},
    }
    sql = "SELECT count(*), max(number), max(twice) > 0 FROM loaded.trees"
    assert load(sql, **options) == load(sql, **options) == [(15, 4, True)]


def test_an_empty_dataset_is_a_table_too(
    portal: Portal, load: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """With all columns."""
    set_rows(portal, [], processed=LATER)
    assert load(f"SELECT {COLUMNS} FROM loaded.trees") == []


def test_without_a_cursor_a_run_replaces_the_table(
    portal: Portal, load: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """So that removed rows disappear."""
    assert load("SELECT count(*) FROM loaded.trees") == [(100,)]
    set_rows(portal, trees(60), processed=LATER)
    assert load("SELECT count(*) FROM loaded.trees") == [(60,)]


@pytest.mark.parametrize("cursor", ["number", "seen"])
def test_with_a_cursor_only_new_rows_are_loaded(
    portal: Portal, load: Callable[..., list[tuple[Any, ...]]], cursor: str
) -> None:
    """Those with the last value are requested again, because more may have come, and dropped."""
    sql = f"SELECT {COLUMNS} FROM loaded.trees"
    before = [tree(one) for one in range(100)]
    for at, one in enumerate(before):
        one["seen"] = f"2026-01-01T00:{at // 2:02}:00+00:00"
    after = [
        {**tree(one), "seen": f"2026-01-01T01:{one - 100:02}:00+00:00"} for one in range(99, 120)
    ]
    after[0]["seen"] = before[-1]["seen"]
    set_rows(portal, before, processed=LATER)
    assert len(load(sql, cursors={"trees": cursor})) == 100
    asked = len(portal.requests)
    set_rows(portal, [*before, *after[1:]], processed=LATER)
    assert multiset(map(as_sent, load(sql, cursors={"trees": cursor}))) == multiset(
        [*before, *after[1:]]
    )
    exports = [one for one in portal.requests[asked:] if "/exports/" in one.path]
    assert all(f"{cursor} >= " in one.params["where"] for one in exports)
    newest = "SELECT count(DISTINCT _dlt_load_id), count(*) FROM loaded.trees"
    assert load(newest, cursors={"trees": cursor}) == [(2, 120)]


def test_rows_without_a_value_of_the_cursor_are_loaded_once(
    load: Callable[..., list[tuple[Any, ...]]],
) -> None:
    """Later runs ask for values."""
    sql = "SELECT count(*), count(seen) FROM loaded.trees"
    assert load(sql, cursors={"trees": "seen"}) == [(100, 80)]
    assert load(sql, cursors={"trees": "seen"}) == [(100, 80)]


def test_with_a_key_a_changed_row_replaces_the_one_before(
    portal: Portal, load: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """The cursor finds it, and the key says which one it is."""
    options = {"cursors": {"trees": "seen"}, "primary_keys": {"trees": "number"}}
    rows = [{**tree(3 * one), "seen": "2026-01-01T00:00:00+00:00"} for one in range(10)]
    set_rows(portal, rows, processed=LATER)
    assert load("SELECT count(*) FROM loaded.trees", **options) == [(10,)]
    rows[4] = {**rows[4], "kind": "elm", "seen": "2026-01-02T00:00:00+00:00"}
    set_rows(portal, rows, processed=LATER)
    found = load("SELECT number FROM loaded.trees WHERE kind = 'elm'", **options)
    assert found == [(4,)]
    assert load("SELECT count(*) FROM loaded.trees", **options) == [(10,)]


def test_where_a_row_is_missing_nothing_is_loaded(
    portal: Portal,
    load: Callable[..., list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next run begins where this one did."""
    options = {"cursors": {"trees": "number"}}
    assert load("SELECT max(number) FROM loaded.trees", **options) == [(33,)]
    set_rows(portal, trees(150), processed=LATER)

    async def plan_one_more(*arguments: Any) -> HarvestPlan:
        plan = await make_plan(*arguments)
        return evolve(plan, partitions=(evolve(plan.partitions[0], expected=52),))

    with monkeypatch.context() as patched:
        patched.setattr("explore_async.harvest.dlt.make_plan", plan_one_more)
        with pytest.raises(Exception, match=r"trees has 51 rows where the portal counted 52"):
            load("SELECT 1", **options)
    assert load("SELECT count(*) FROM loaded.trees", **options) == [(150,)]


def test_a_cursor_of_another_dataset_is_refused() -> None:
    """It would be ignored."""
    pytest.importorskip("dlt", reason="dlt is not installed")
    with pytest.raises(ConfigurationError, match="'tree' is none of the datasets"):
        explore_source("https://data.example.org", ["trees"], cursors={"tree": "number"})


def test_without_dlt_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the module needs nothing."""
    monkeypatch.setitem(sys.modules, "dlt", None)
    with pytest.raises(MissingExtraError, match=r"explore-async\[dlt\]"):
        explore_source("https://data.example.org", ["trees"])
