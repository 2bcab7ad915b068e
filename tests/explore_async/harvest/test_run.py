"""Harvests: each row once, in spite of faults, changes and interruptions."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from explore_async import ExploreClient, Retry
from explore_async.errors import (
    ConfigurationError,
    ExploreError,
    ForbiddenAccess,
    IncompleteHarvestError,
    IntegrityError,
    QuotaExceeded,
    StorageError,
    TruncatedError,
)
from explore_async.harvest import (
    Changed,
    Committed,
    Finished,
    HarvestEvent,
    Manifest,
    Planned,
    Resumed,
    Retried,
    Split,
    harvest,
)
from explore_async.harvest import run as runs
from explore_async.harvest.journal import JOURNAL
from explore_async.harvest.manifest import MANIFEST
from tests.explore_async.harvest.trees import multiset, rows_of, set_rows, tree, trees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from explore_async.testing import Portal

EXPORTS = "*/exports/*"
RECORDS = "*/trees/records"
WAYS: list[dict[str, Any]] = [
    {"strategy": "export"},
    {"strategy": "exports", "partition_rows": 150},
    {"strategy": "pages", "partition_rows": 150},
]
EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=[way["strategy"] for way in WAYS])
PARTS = pytest.mark.parametrize("way", WAYS[1:], ids=[way["strategy"] for way in WAYS[1:]])
NEVER = Retry.never()


async def events_of(*arguments: Any, **options: Any) -> list[HarvestEvent]:
    """Return what a harvest tells."""
    return [event async for event in harvest(*arguments, **options)]


def names(folder: Path) -> set[str]:
    """Return what is in the folder of the trees."""
    return {path.name for path in (folder / "trees").iterdir()}


def assert_complete(folder: Path, manifest: Manifest, rows: list[dict[str, Any]]) -> None:
    """Check the rows, the files and their checksums, and that nothing else is there."""
    assert multiset(rows_of(folder, manifest)) == multiset(rows)
    assert manifest.rows == len(rows)
    for file in manifest.files:
        content = (folder / "trees" / file.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.bytes
    assert names(folder) == {file.path for file in manifest.files} | {MANIFEST, ".harvest.lock"}


@EVERY_WAY
async def test_every_strategy_brings_each_row_once(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """Nulls and equal rows, too; and the manifest can be read again."""
    manifest = await harvest(client, "trees", tmp_path, **way)
    assert_complete(tmp_path, manifest, trees(1_000))
    assert Manifest.read(tmp_path / "trees") == manifest
    assert manifest.strategy == way["strategy"]
    assert manifest.state.total == 1_000
    assert manifest.state.data_processed == "2026-01-01T00:00:00+00:00"
    assert ("names", "text[]") in manifest.state.fields


async def test_the_rows_are_those_of_the_query(client: ExploreClient, tmp_path: Path) -> None:
    """Partitions do not widen it."""
    manifest = await harvest(
        client, "trees", tmp_path, where="number < 100 or number > 300", partition_rows=50,
        strategy="pages", select="number, kind as k",
    )  # fmt: skip
    found = rows_of(tmp_path, manifest)
    wanted = [one for one in trees(1_000) if one["number"] < 100 or one["number"] > 300]
    assert multiset(found) == multiset(
        {"number": one["number"], "k": one["kind"]} for one in wanted
    )


async def test_events_tell_what_happens(client: ExploreClient, tmp_path: Path) -> None:
    """The plan first, the manifest last."""
    events = await events_of(client, "trees", tmp_path, **WAYS[1])
    planned, *commits, finished = events
    assert isinstance(planned, Planned)
    assert isinstance(finished, Finished)
    assert all(isinstance(one, Committed) for one in commits)
    assert len(commits) == len(planned.plan.partitions)
    last = commits[-1]
    assert isinstance(last, Committed)
    assert last.total == 1_000
    assert sum(one.file.rows for one in commits if isinstance(one, Committed)) == 1_000


async def test_a_plan_takes_as_many_requests_as_it_says(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """Planning, fetching and checking."""
    for number, way in enumerate(WAYS):
        before = len(portal.requests)
        planned, *_ = await events_of(client, "trees", tmp_path / str(number), **way)
        assert isinstance(planned, Planned)
        assert len(portal.requests) - before == planned.plan.quota


# ---------------------------------------------------------------- faults


@EVERY_WAY
async def test_faults_of_every_kind_change_nothing(
    portal: Portal, tmp_path: Path, way: dict[str, Any]
) -> None:
    """One request in ten fails, and some answers are cut off."""
    portal.fail(None, status=502, chance=0.1)
    portal.cut(after_rows=40, next=3, path=EXPORTS, chance=0.3)
    portal.cut(after_bytes=900, next=4, path=RECORDS, chance=0.3)
    async with portal.client() as client:
        manifest = await harvest(client, "trees", tmp_path, **way)
    assert_complete(tmp_path, manifest, trees(1_000))


async def test_an_export_that_breaks_off_again_and_again_is_split(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """Portals break long exports off; shorter ones pass."""
    portal.store.add("many", [{"name": "n", "type": "int"}], [{"n": one} for one in range(9_000)])
    events = []
    async for event in harvest(client, "many", tmp_path):
        if isinstance(event, Planned):
            portal.cut(after_rows=2_000, next=3, path=EXPORTS)
        events.append(event)
    [split] = [one for one in events if isinstance(one, Split)]
    assert "cut off" in split.why or "ended" in split.why
    assert len([one for one in events if isinstance(one, Retried)]) == 2
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert sorted(one["n"] for one in rows_of(tmp_path, finished.manifest)) == list(range(9_000))


async def test_several_partitions_can_be_split_at_once(
    portal: Portal, client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their parts have different numbers, so different files."""
    monkeypatch.setattr(runs, "_ATTEMPTS", 1)
    portal.store.add("many", [{"name": "n", "type": "int"}], [{"n": one} for one in range(9_000)])
    events = []
    async for event in harvest(client, "many", tmp_path, strategy="exports", partition_rows=3_000):
        if isinstance(event, Planned):
            portal.cut(after_rows=500, next=2, path=EXPORTS)
        events.append(event)
    splits = [one for one in events if isinstance(one, Split)]
    assert len(splits) == 2
    numbers = [part.number for split in splits for part in split.into]
    assert len(set(numbers)) == len(numbers)
    assert isinstance(event, Finished)
    assert sorted(one["n"] for one in rows_of(tmp_path, event.manifest)) == list(range(9_000))


async def test_pages_are_in_the_order_of_a_unique_field(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """So that no row moves from one page to another."""
    fields = [{"name": "n", "type": "int", "annotations": {"id": True}}]
    portal.store.add("many", fields, [{"n": one} for one in range(250)])
    await harvest(client, "many", tmp_path, strategy="pages")
    orders = [one.params.get("order_by") for one in portal.requests if "offset" in one.params]
    assert orders.count("n") == 3


async def test_what_cannot_be_split_fails(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """And the folder does not look complete."""
    portal.cut(after_rows=20, next=None, path=EXPORTS)
    with pytest.raises(TruncatedError):
        await harvest(client, "trees", tmp_path, order_by="number", strategy="export")
    assert names(tmp_path) <= {".harvest.lock"}


async def test_an_export_that_lacks_rows_is_never_complete(
    portal: Portal, client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole answer may still lack rows; only counting shows it."""
    from explore_async.harvest.sinks.source import Source

    save = Source.save

    async def lose(source: Source, path: Path, *, gzip: bool) -> Any:
        from attrs import evolve

        return evolve(await save(source, path, gzip=gzip), rows=999)

    monkeypatch.setattr(Source, "save", lose)
    with pytest.raises(IntegrityError, match=r"999 rows, but the portal counts 1,000"):
        await harvest(client, "trees", tmp_path)
    assert MANIFEST not in names(tmp_path)


async def test_a_portal_that_closes_its_exports_half_way_is_told(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """What is finished is kept."""
    running = harvest(client, "trees", tmp_path, **WAYS[1])
    with pytest.raises(ForbiddenAccess):
        async for event in running:
            if isinstance(event, Committed):
                portal.fail(None, status=403, path=EXPORTS)
    portal.recover()
    manifest = await harvest(client, "trees", tmp_path, resume=True, **WAYS[1])
    assert_complete(tmp_path, manifest, trees(1_000))


# ---------------------------------------------------------------- interruptions


@PARTS
@pytest.mark.parametrize("after", [0, 1, 3, 6])
async def test_after_an_error_a_harvest_goes_on(
    portal: Portal, tmp_path: Path, way: dict[str, Any], after: int
) -> None:
    """Finished partitions are not fetched again."""
    left = after
    async with portal.client(retry=NEVER) as client:
        with pytest.raises(ExploreError):
            async for event in harvest(client, "trees", tmp_path, **way):
                if not isinstance(event, Planned | Committed) or left == 0:
                    portal.fail(None)
                left -= 1
            raise AssertionError
        portal.recover()
        kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "trees").glob("part-*")}
        resumed, *others = await events_of(client, "trees", tmp_path, resume=True, **way)
    assert isinstance(resumed, Resumed)
    assert resumed.finished >= max(0, after - 1)
    fetched = {one.file.path for one in others if isinstance(one, Committed)}
    assert len(fetched) == resumed.partitions - resumed.finished
    finished = others[-1]
    assert isinstance(finished, Finished)
    assert_complete(tmp_path, finished.manifest, trees(1_000))
    for name in kept.keys() - fetched:
        assert (tmp_path / "trees" / name).stat().st_mtime_ns == kept[name]


@PARTS
async def test_a_drained_harvest_finishes_what_is_in_flight(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """And says what is left."""
    running = harvest(client, "trees", tmp_path, **way)
    with pytest.raises(IncompleteHarvestError, match="--resume") as caught:
        async for event in running:
            if isinstance(event, Committed):
                running.drain()
    assert 0 < caught.value.finished < caught.value.planned
    assert JOURNAL in names(tmp_path)
    manifest = await harvest(client, "trees", tmp_path, resume=True, **way)
    assert_complete(tmp_path, manifest, trees(1_000))


@PARTS
async def test_a_cancelled_harvest_leaves_only_finished_files(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """The next one may go on at once."""
    planned = asyncio.Event()

    async def run() -> None:
        async for _ in harvest(client, "trees", tmp_path, **way):
            planned.set()

    running = asyncio.create_task(run())
    await planned.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    manifest = await harvest(client, "trees", tmp_path, resume=True, **way)
    assert_complete(tmp_path, manifest, trees(1_000))


@PARTS
async def test_a_loop_that_is_left_ends_the_harvest(
    client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """When its iterator is closed, no request is left, and the folder is free."""
    async with aclosing(aiter(harvest(client, "trees", tmp_path, **way))) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, Committed):
                break
    assert client._scheduler.tasks == 0
    manifest = await harvest(client, "trees", tmp_path, resume=True, **way)
    assert_complete(tmp_path, manifest, trees(1_000))


async def test_an_unfinished_harvest_is_not_overwritten(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """Nor is a complete one."""
    running = harvest(client, "trees", tmp_path, **WAYS[1])
    running_events = aiter(running)
    await anext(running_events)
    with pytest.raises(ConfigurationError, match="Another harvest"):
        await harvest(client, "trees", tmp_path)
    await running_events.aclose()  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"unfinished harvest\. Go on with --resume"):
        await harvest(client, "trees", tmp_path)
    await harvest(client, "trees", tmp_path, resume=True)
    with pytest.raises(ConfigurationError, match="complete harvest of 1,000 rows"):
        await harvest(client, "trees", tmp_path)


async def test_a_complete_harvest_needs_nothing_to_go_on(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """Not even a request."""
    manifest = await harvest(client, "trees", tmp_path)
    before = len(portal.requests)
    assert await harvest(client, "trees", tmp_path, resume=True) == manifest
    assert len(portal.requests) == before


@pytest.mark.parametrize(
    "other", [{"where": "number > 5"}, {"file_format": "csv"}], ids=["query", "format"]
)
async def test_another_harvest_cannot_go_on_in_the_folder(
    client: ExploreClient, tmp_path: Path, other: dict[str, Any]
) -> None:
    """Its rows would be mixed with the others."""
    running = aiter(harvest(client, "trees", tmp_path))
    await anext(running)
    await running.aclose()  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="holds a harvest with another"):
        await harvest(client, "trees", tmp_path, resume=True, **other)


async def test_a_file_that_someone_changed_is_fetched_again(
    client: ExploreClient, tmp_path: Path
) -> None:
    """The journal knows its size."""
    running = harvest(client, "trees", tmp_path, **WAYS[1])
    with pytest.raises(IncompleteHarvestError):
        async for event in running:
            if isinstance(event, Committed):
                running.drain()
    first = min((tmp_path / "trees").glob("part-*"))
    first.write_bytes(b"{}\n")
    manifest = await harvest(client, "trees", tmp_path, resume=True, **WAYS[1])
    assert_complete(tmp_path, manifest, trees(1_000))


# ---------------------------------------------------------------- quota and disk


@PARTS
async def test_a_quota_that_is_used_up_stops_a_harvest(
    portal: Portal, client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """On the next day it goes on."""
    portal.quota(12)
    with pytest.raises(QuotaExceeded):
        await harvest(client, "trees", tmp_path, **way)
    assert MANIFEST not in names(tmp_path)
    portal.clock.advance(86_400)
    portal.quota(100)
    manifest = await harvest(client, "trees", tmp_path, resume=True, **way)
    assert_complete(tmp_path, manifest, trees(1_000))


@PARTS
async def test_a_harvest_can_wait_for_the_quota(
    portal: Portal, client: ExploreClient, tmp_path: Path, way: dict[str, Any]
) -> None:
    """Until the time that the portal names."""
    portal.quota(12)
    manifest = await harvest(client, "trees", tmp_path, wait_for_quota=True, **way)
    assert_complete(tmp_path, manifest, trees(1_000))
    assert max(portal.clock.waits) > 3_600


@EVERY_WAY
@pytest.mark.parametrize("space", [0, 3_000, 40_000])
async def test_a_full_disk_stops_a_harvest(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: dict[str, Any],
    space: int,
) -> None:  # fmt: skip
    """With more space it goes on."""
    monkeypatch.setattr(os, "write", disk_of(space))
    with pytest.raises(StorageError, match="No space left"):
        await harvest(client, "trees", tmp_path, **way)
    monkeypatch.undo()
    assert not [name for name in names(tmp_path) if name.endswith(".part")]
    manifest = await harvest(client, "trees", tmp_path, resume=True, **way)
    assert_complete(tmp_path, manifest, trees(1_000))


def disk_of(space: int) -> Callable[[int, bytes], int]:
    """Return `os.write` of a disk with so many free bytes."""
    write, left = os.write, space

    def fill(descriptor: int, data: bytes) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(left, len(data))
        left -= taken
        return write(descriptor, data[:taken])

    return fill


# ---------------------------------------------------------------- changes


def changed_after(
    portal: Portal, rows: list[dict[str, Any]], processed: str = "2026-01-02T00:00:00+00:00"
) -> Callable[[HarvestEvent], None]:
    """Return what changes the dataset once, when the first partition is finished."""
    done = False

    def change(event: HarvestEvent) -> None:
        nonlocal done
        if isinstance(event, Committed) and not done:
            done = True
            set_rows(portal, rows, processed=processed)

    return change


CHANGES = {
    "added": [*trees(1_000), *(tree(one) for one in range(200, 203))],
    "deleted": trees(997),
    "replaced": [*trees(999), tree(5_000)],
    "moved": [{**one, "number": one["number"] + 1} for one in trees(1_000)],
}
EVERY_CHANGE = pytest.mark.parametrize("rows", CHANGES.values(), ids=list(CHANGES))


@PARTS
@EVERY_CHANGE
async def test_a_change_is_always_detected(
    portal: Portal, client: ExploreClient, tmp_path: Path, way: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:  # fmt: skip
    """By default it ends the harvest."""
    change = changed_after(portal, rows)
    with pytest.raises(IntegrityError, match="changed"):
        async for event in harvest(client, "trees", tmp_path, **way):
            change(event)
    assert MANIFEST not in names(tmp_path)


@PARTS
@EVERY_CHANGE
async def test_what_may_have_changed_is_fetched_again(
    portal: Portal, client: ExploreClient, tmp_path: Path, way: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:  # fmt: skip
    """The result is the dataset at the end."""
    change = changed_after(portal, rows)
    async for event in harvest(client, "trees", tmp_path, drift="retry-partition", **way):
        change(event)
    assert isinstance(event, Finished)
    assert_complete(tmp_path, event.manifest, rows)


@pytest.mark.parametrize("rows", [CHANGES["added"], CHANGES["deleted"]], ids=["added", "deleted"])
async def test_where_the_portal_does_not_tell_of_changes_counts_do(
    portal: Portal, client: ExploreClient, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """Only partitions with another count are fetched again."""
    change = changed_after(portal, rows, processed="2026-01-01T00:00:00+00:00")
    events = []
    async for event in harvest(client, "trees", tmp_path, drift="retry-partition", **WAYS[1]):
        change(event)
        events.append(event)
    assert isinstance(event, Finished)
    assert_complete(tmp_path, event.manifest, rows)
    assert len([one for one in events if isinstance(one, Planned)]) == 1


async def test_accepted_changes_are_in_the_manifest(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """The files hold rows of two moments, and the manifest says so."""
    change = changed_after(portal, CHANGES["added"])
    events = []
    async for event in harvest(client, "trees", tmp_path, drift="accept", **WAYS[1]):
        change(event)
        events.append(event)
    assert isinstance(event, Finished)
    assert any("1,000 to 1,003" in one for one in event.manifest.changes)
    assert any("data_processed changed" in one for one in event.manifest.changes)
    assert len([one for one in events if isinstance(one, Changed)]) == 1


@pytest.mark.parametrize("drift", ["fail", "retry-partition", "accept"])
async def test_another_schema_is_always_an_error(
    portal: Portal, client: ExploreClient, tmp_path: Path, drift: Any
) -> None:
    """With both schemas."""
    with pytest.raises(IntegrityError, match=r"from \(number int, .*\) to \(number int\)"):
        async for event in harvest(client, "trees", tmp_path, drift=drift, **WAYS[0]):
            if isinstance(event, Committed):
                portal.store.remove("trees")
                portal.store.add(
                    "trees", [{"name": "number", "type": "int"}], [{"number": 1}] * 1_000
                )


@pytest.mark.parametrize("drift", ["retry-partition", "accept"])
async def test_a_dataset_that_changed_between_two_runs_follows_the_policy(
    portal: Portal, client: ExploreClient, tmp_path: Path, drift: Any
) -> None:
    """By default it is not mixed with the rows from before."""
    running = harvest(client, "trees", tmp_path, **WAYS[1])
    with pytest.raises(IncompleteHarvestError):
        async for event in running:
            if isinstance(event, Committed):
                running.drain()
    set_rows(portal, CHANGES["moved"], processed="2026-01-02T00:00:00+00:00")
    with pytest.raises(IntegrityError, match="data_processed changed"):
        await harvest(client, "trees", tmp_path, resume=True, **WAYS[1])
    manifest = await harvest(client, "trees", tmp_path, resume=True, drift=drift, **WAYS[1])
    if drift == "accept":
        assert any("data_processed changed" in one for one in manifest.changes)
    else:
        assert_complete(tmp_path, manifest, CHANGES["moved"])


async def test_a_dataset_that_never_rests_is_given_up(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """Else a harvest would never end."""
    number = 0
    with pytest.raises(IntegrityError, match="during each of 3 rounds"):
        async for event in harvest(client, "trees", tmp_path, drift="retry-partition"):
            if isinstance(event, Committed):
                number += 1
                set_rows(portal, trees(1_000), processed=f"2026-02-0{number}T00:00:00+00:00")
    assert MANIFEST not in names(tmp_path)


async def test_drift_of_a_page_is_a_change(
    portal: Portal, client: ExploreClient, tmp_path: Path
) -> None:
    """The portal counts another number of rows within one partition."""
    portal.drift(next=1, path=RECORDS)
    with pytest.raises(IntegrityError):
        await harvest(client, "trees", tmp_path, **WAYS[2])
    portal.recover()
    portal.drift(next=1, path=RECORDS)
    manifest = await harvest(
        client, "trees", tmp_path, resume=True, drift="retry-partition", **WAYS[2]
    )
    assert_complete(tmp_path, manifest, trees(1_000))
