"""Mirrors: each dataset in a folder of its own, brought up to date by later runs."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from explore_async.errors import (
    ConfigurationError,
    ExploreError,
    IncompleteHarvestError,
    IntegrityError,
    QuotaExceeded,
    StorageError,
)
from explore_async.events import DoneEvent, Event
from explore_async.harvest import Listed, Manifest, Mirrored, MirrorFinished, mirror
from explore_async.harvest.mirror_folder import MirrorFolder
from explore_async.portal import PortalField
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.harvest.mirroring.mirrors import (
    NAMES,
    CrashError,
    assert_mirrored,
    attached,
    change,
    outcomes,
)
from tests.explore_async.harvest.test_run import disk_of
from tests.explore_async.harvest.trees import FIELDS, METAS, trees

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from explore_async import ExploreClient


async def test_each_dataset_has_a_folder_and_the_catalog_a_file(
    client: ExploreClient, tmp_path: Path
) -> None:
    """The report is a file, too."""
    events = [event async for event in mirror(client, tmp_path)]
    listed, *done, finished = events
    assert listed == Listed(datasets=NAMES)
    assert isinstance(finished, MirrorFinished)
    assert sorted(map(repr, done)) == sorted(map(repr, finished.report.datasets))
    assert outcomes(finished.report) == dict.fromkeys(NAMES, "new")
    for name in NAMES:
        assert_mirrored(tmp_path, name, trees(20))
    lines = (tmp_path / "catalog.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["dataset_id"] for line in lines] == list(NAMES)
    written = orjson.loads((tmp_path / "mirror.json").read_bytes())
    assert written["url"] == client.base_url
    assert [one["rows"] for one in written["datasets"]] == [20] * 5
    assert not list((tmp_path / ".mirror" / "new").iterdir())


async def test_what_did_not_change_is_not_requested(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """The catalog says so, with one request for 100 datasets."""
    await mirror(client, tmp_path)
    before = len(portal.requests)
    report = await mirror(client, tmp_path)
    assert len(portal.requests) == before + 1
    assert outcomes(report) == dict.fromkeys(NAMES, "unchanged")
    assert len(report.of("unchanged")) == 5


async def test_what_changed_is_replaced_and_what_is_new_is_added(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """What the catalog does not list any more is kept, and reported each time."""
    await mirror(client, tmp_path)
    change(portal, "birch", trees(30))
    portal.store.add("pine", FIELDS, trees(3), metas=METAS)
    portal.store.remove("fir")
    report = await mirror(client, tmp_path)
    assert outcomes(report) == {
        "ash": "unchanged", "birch": "changed", "cedar": "unchanged", "elm": "unchanged",
        "pine": "new",
    }  # fmt: skip
    [birch] = report.of("changed")
    assert "the number of rows changed from 20 to 30" in birch.changes
    for name, rows in {"birch": 30, "pine": 3, "fir": 20, "ash": 20}.items():
        assert_mirrored(tmp_path, name, trees(rows))
    assert report.gone == ("fir",)
    assert (await mirror(client, tmp_path)).gone == ("fir",)
    portal.store.add("fir", FIELDS, trees(20), metas=METAS)
    again = await mirror(client, tmp_path)
    assert again.gone == ()
    assert outcomes(again)["fir"] == "unchanged"


async def test_a_catalog_that_counts_other_rows_than_there_are_changes_nothing(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the dataset says counts."""
    await mirror(client, tmp_path)
    monkeypatch.setattr("explore_async.harvest.mirroring._Entry.count", 999)
    report = await mirror(client, tmp_path)
    assert outcomes(report) == dict.fromkeys(NAMES, "unchanged")
    assert {one.rows for one in report.datasets} == {20}


async def test_a_dataset_that_is_not_dated_is_fetched_each_time(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """As many rows may be others."""
    undated = {"default": {"data_processed": None}}
    change(portal, "ash", trees(20), metas=undated)
    await mirror(client, tmp_path, include=["ash"])
    change(portal, "ash", trees(21)[1:], metas=undated)
    report = await mirror(client, tmp_path, include=["ash"])
    assert outcomes(report) == {"ash": "changed"}
    assert_mirrored(tmp_path, "ash", trees(21)[1:])


async def test_as_many_other_rows_are_a_change(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """The portal says that it processed them anew."""
    await mirror(client, tmp_path)
    rows = trees(40)[20:]
    change(portal, "ash", rows)
    assert outcomes(await mirror(client, tmp_path))["ash"] == "changed"
    assert_mirrored(tmp_path, "ash", rows)


async def test_another_schema_is_a_change(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Also with the same number of rows and the same `data_processed`."""
    await mirror(client, tmp_path)
    rows = [{**row, "new": 1} for row in trees(20)]
    portal.store.remove("ash")
    portal.store.add("ash", (*FIELDS, PortalField("new", "int", "New")), rows, metas=METAS)
    report = await mirror(client, tmp_path)
    assert outcomes(report)["ash"] == "changed"
    assert "the schema changed" in report.of("changed")[0].changes[0]
    assert_mirrored(tmp_path, "ash", rows)


async def test_other_metadata_are_written_without_the_rows(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """A new title is no reason to fetch a dataset."""
    await mirror(client, tmp_path)
    title = {"default": {**METAS["default"], "title": "Ashes"}}
    change(portal, "ash", trees(20), metas=title)
    report = await mirror(client, tmp_path)
    assert outcomes(report)["ash"] == "unchanged"
    written = orjson.loads((tmp_path / "ash" / "dataset.json").read_bytes())
    assert written["metas"]["default"]["title"] == "Ashes"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"include": ["*r*"]}, {"birch", "cedar", "fir"}),
        ({"exclude": ["ash", "?ir"]}, {"birch", "cedar", "elm"}),
        ({"include": ["a*", "b*"], "exclude": ["birch"]}, {"ash"}),
        ({"query": Query(where="dataset_id in ('elm', 'fir')")}, {"elm", "fir"}),
    ],
)
async def test_datasets_are_chosen_by_globs_and_conditions(
    client: ExploreClient, tmp_path: Path, options: dict[str, Any], wanted: set[str]
) -> None:
    """Those that are left out by other filters are not gone."""
    await mirror(client, tmp_path)
    plan = await mirror(client, tmp_path, **options).plan()
    assert {one.dataset_id for one in plan} == wanted
    report = await mirror(client, tmp_path, **options)
    assert set(outcomes(report)) == wanted
    assert report.gone == ()


async def test_a_plan_reads_only_the_catalog(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """And writes nothing."""
    assert {one.outcome for one in await mirror(client, tmp_path / "new").plan()} == {"new"}
    assert not (tmp_path / "new").exists()
    await mirror(client, tmp_path)
    change(portal, "ash", trees(1))
    before = len(portal.requests)
    plan = await mirror(client, tmp_path).plan()
    assert Counter(one.outcome for one in plan) == {"changed": 1, "unchanged": 4}
    assert len(portal.requests) == before + 1


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_one_that_fails_does_not_stop_the_others(
    client: ExploreClient, portal: Portal, tmp_path: Path, status: int
) -> None:
    """It keeps what it had, and the next run tries it again."""
    await mirror(client, tmp_path)
    for name in NAMES:
        change(portal, name, trees(25))
    portal.fail(None, status=status, path="*/cedar*")
    report = await mirror(client, tmp_path)
    assert outcomes(report) == {**dict.fromkeys(NAMES, "changed"), "cedar": "failed"}
    [failed] = report.of("failed")
    assert isinstance(failed.error, ExploreError)
    assert getattr(failed.error, "status", None) == status
    assert_mirrored(tmp_path, "cedar", trees(20))
    assert_mirrored(tmp_path, "fir", trees(25))
    written = orjson.loads((tmp_path / "mirror.json").read_bytes())
    assert written["datasets"][2]["error"] == failed.error.message
    portal.recover()
    assert outcomes(await mirror(client, tmp_path))["cedar"] == "changed"
    assert_mirrored(tmp_path, "cedar", trees(25))


async def test_a_dataset_whose_rows_are_closed_is_described(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Rows that are there already stay."""
    portal.store.add("secret", FIELDS, trees(3), metas=METAS, data_visible=False)
    portal.store.add("link", [], [])
    await mirror(client, tmp_path)
    change(portal, "ash", trees(3), data_visible=False)
    report = await mirror(client, tmp_path)
    closed = {one.dataset_id: one.rows for one in report.of("closed")}
    assert closed == {"ash": 20, "secret": None, "link": None}
    assert {path.name for path in (tmp_path / "secret").iterdir()} == {"dataset.json"}
    assert_mirrored(tmp_path, "ash", trees(20))


async def test_a_full_disk_stops_all(
    client: ExploreClient, portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stop each; with more space it goes on."""
    monkeypatch.setattr(os, "write", disk_of(12_000))
    with pytest.raises(StorageError, match="No space left"):
        await mirror(client, tmp_path, at_once=1)
    monkeypatch.undo()
    assert not [one for one in portal.requests if "/fir" in one.path]
    assert not (tmp_path / "mirror.json").exists()
    report = await mirror(client, tmp_path)
    assert not report.of("failed")
    for name in NAMES:
        assert_mirrored(tmp_path, name, trees(20))


async def test_a_quota_that_is_used_up_stops_all(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """On the next day it goes on with what is left."""
    portal.quota(20)
    with pytest.raises(QuotaExceeded):
        await mirror(client, tmp_path)
    portal.clock.advance(86_400)
    portal.quota(100)
    before = len(portal.requests)
    report = await mirror(client, tmp_path)
    assert not report.of("failed")
    assert len(portal.requests) - before < 31
    for name in NAMES:
        assert_mirrored(tmp_path, name, trees(20))


async def test_a_mirror_can_wait_for_the_quota(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """Before each of its requests: of the catalog, the rows and the attachments."""
    attached(portal, files, "guide.pdf", "map.png")
    await client.datasets().count()
    portal.quota(1)
    await client.datasets().count()
    report = await mirror(client, tmp_path / "mirror", include=["ash"], wait_for_quota=True)
    assert outcomes(report) == {"ash": "new"}
    assert len(portal.clock.waits) == 9


async def test_a_drain_ends_what_runs_and_begins_no_other(
    client: ExploreClient, tmp_path: Path
) -> None:
    """What is in its place stays, and the next run goes on."""
    work = mirror(client, tmp_path, at_once=1)
    with pytest.raises(IncompleteHarvestError, match="stopped after 1 of 5 datasets"):
        async for event in work:
            if isinstance(event, Mirrored):
                work.drain()
    assert_mirrored(tmp_path, "ash", trees(20))
    assert not (tmp_path / "mirror.json").exists()
    assert Counter(outcomes(await mirror(client, tmp_path)).values()) == {
        "unchanged": 1, "new": 4,
    }  # fmt: skip


async def test_a_dataset_that_was_being_looked_at_does_not_begin_after_a_drain(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It might take hours."""
    work = mirror(client, tmp_path)
    seen: list[str] = []

    def look(self: MirrorFolder, home: Path) -> None:
        seen.append(home.name)
        work.drain()

    monkeypatch.setattr(MirrorFolder, "refuse_strange", look)
    with pytest.raises(IncompleteHarvestError, match="stopped after 0 of 5 datasets"):
        await work
    assert "ash" in seen


async def test_two_mirrors_into_one_folder_exclude_each_other(
    client: ExploreClient, tmp_path: Path
) -> None:
    """The folder is free when the first one ends."""
    async with aclosing(mirror(client, tmp_path).events()) as events:
        await anext(events)
        with pytest.raises(ConfigurationError, match="Another harvest is writing"):
            await mirror(client, tmp_path)
    await mirror(client, tmp_path)


async def test_another_format_replaces_all(client: ExploreClient, tmp_path: Path) -> None:
    """Also what an interrupted run with the old one left."""
    async with aclosing(mirror(client, tmp_path, at_once=1).events()) as events:
        async for event in events:
            if isinstance(event, Mirrored):
                break
    (tmp_path / ".mirror" / "new" / "elm").mkdir()
    (tmp_path / ".mirror" / "new" / "elm" / "journal.jsonl").write_text("{}\n")
    report = await mirror(client, tmp_path, file_format="csv")
    assert Counter(outcomes(report).values()) == {"changed": 1, "new": 4}
    assert (tmp_path / "ash" / "part-00000.csv").exists()
    assert not (tmp_path / "ash" / "part-00000.jsonl").exists()


async def test_a_dataset_that_changes_twice_is_never_stale(
    client: ExploreClient, portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched before an interruption is used only if it is as the catalog says."""

    def crash(self: MirrorFolder, dataset_id: str) -> None:
        raise CrashError

    monkeypatch.setattr(MirrorFolder, "publish", crash)
    with pytest.raises(CrashError):
        await mirror(client, tmp_path, include=["ash"])
    monkeypatch.undo()
    assert Manifest.read(tmp_path / ".mirror" / "new" / "ash") is not None
    before = len(portal.requests)
    await mirror(client, tmp_path, include=["ash"])
    assert len(portal.requests) == before + 1
    monkeypatch.setattr(MirrorFolder, "publish", crash)
    change(portal, "ash", trees(30))
    with pytest.raises(CrashError):
        await mirror(client, tmp_path, include=["ash"])
    monkeypatch.undo()
    newest = {"default": {"data_processed": "2026-03-03T00:00:00+00:00"}}
    change(portal, "ash", trees(40), metas=newest)
    await mirror(client, tmp_path, include=["ash"])
    assert_mirrored(tmp_path, "ash", trees(40))


# ---------------------------------------------------------------- names and arguments


async def test_a_dataset_whose_folder_is_another_ones_fails(tmp_path: Path) -> None:
    """Also if they differ in the case of letters only; the first of them is there."""
    names = ["trees", "Trees", "a b", "a+b", "mirror.json", ".mirror"]
    async with Portal(
        {name: trees(2) for name in names}, fields=dict.fromkeys(names, FIELDS)
    ) as portal:
        async with portal.client() as client:
            work = mirror(client, tmp_path)
            planned = {one.dataset_id: one.outcome for one in await work.plan()}
            report = await work
    wrong = {one.dataset_id: str(one.error) for one in report.of("failed")}
    assert len(wrong) == 4
    assert planned == outcomes(report)
    for name in ("mirror.json", ".mirror"):
        assert f"its folder would be {name}" in wrong[name]
    assert sum("would be that of" in message for message in wrong.values()) == 2


async def test_a_catalog_that_lists_a_dataset_twice_is_an_error(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changed between two pages, so another one may be missing."""
    rows = await client.datasets().to_list()

    @asynccontextmanager
    async def shifted() -> AsyncIterator[AsyncIterator[Any]]:
        async def pages() -> AsyncIterator[Any]:
            for row in (*rows[:3], *rows[2:4]):
                yield row

        yield pages()

    monkeypatch.setattr(client, "datasets", lambda _: SimpleNamespace(open=shifted))
    with pytest.raises(IntegrityError, match="lists cedar twice"):
        await mirror(client, tmp_path)
    assert not (tmp_path / "catalog.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at_once": 0}, "at_once is 0"),
        ({"include": "a*"}, "lists of globs"),
        ({"file_format": "xlsx"}, "The format is 'xlsx'"),
        ({"drift": "ignore"}, "drift is 'ignore'"),
        ({"query": Query(limit=5)}, "takes filters only"),
        ({"folder": "s3://bucket/portal"}, "needs a folder of this machine"),
    ],
)
async def test_what_a_mirror_cannot_do_is_refused_at_once(
    client: ExploreClient, portal: Portal, options: dict[str, Any], message: str
) -> None:
    """Nothing is sent."""
    with pytest.raises(ConfigurationError, match=message):
        mirror(client, **{"folder": "unused", **options})
    assert not portal.requests


async def test_a_dataset_that_changed_meanwhile_begins_anew(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """What was fetched of it is of several moments, and is not gone on with."""
    changed: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, DoneEvent) and "/ash/exports/" in event.url and len(changed) < 2:
            changed.append(event.url)
            change(portal, "ash", trees(25))

    client.subscribe(hear)
    report = await mirror(client, tmp_path, drift="fail", include=["ash"])
    [failed] = report.of("failed")
    assert isinstance(failed.error, IntegrityError)
    assert outcomes(await mirror(client, tmp_path, drift="fail", include=["ash"])) == {"ash": "new"}
    assert_mirrored(tmp_path, "ash", trees(25))


async def test_what_may_be_of_two_moments_is_fetched_again(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """A change that was accepted is in the manifest."""

    def hear(event: Event) -> None:
        if isinstance(event, DoneEvent) and "/ash/exports/" in event.url:
            change(portal, "ash", trees(25))

    end = client.subscribe(hear)
    await mirror(client, tmp_path, drift="accept", include=["ash"])
    end()
    assert getattr(Manifest.read(tmp_path / "ash"), "changes", None)
    assert outcomes(await mirror(client, tmp_path, include=["ash"])) == {"ash": "changed"}
    assert outcomes(await mirror(client, tmp_path, include=["ash"])) == {"ash": "unchanged"}
    assert_mirrored(tmp_path, "ash", trees(25))
