"""Harvests since a previous one: what has not changed is kept, and the result is always whole."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from explore_async.errors import ConfigurationError, StorageError
from explore_async.harvest import Manifest, Planned, Since, harvest, plan_harvest
from explore_async.harvest.folders import LocalFolder
from explore_async.harvest.manifest import MANIFEST
from explore_async.portal import PortalField
from explore_async.testing import Portal
from tests.explore_async.harvest.test_run import assert_complete, events_of
from tests.explore_async.harvest.trees import FIELDS, METAS, set_rows, tree, trees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from explore_async import ExploreClient

LATER = "2026-02-02T00:00:00+00:00"
CURSORS = pytest.mark.parametrize("cursor", ["number", "seen", "planted", "height"])
TYPED = pytest.mark.parametrize(
    "file_format", ["jsonl", "csv", "parquet", "geoparquet", "arrow", "duckdb"]
)


def outcome(manifest: Manifest) -> Since:
    """Return what a harvest took over."""
    assert manifest.since is not None
    return manifest.since


async def twice(client: ExploreClient, folder: Path, **options: Any) -> tuple[Manifest, Manifest]:
    """Harvest into two folders, the second time since the first."""
    first = await harvest(client, "trees", folder / "1", **options)
    second = await harvest(client, "trees", folder / "2", since=folder / "1", **options)
    return first, second


@TYPED
async def test_what_did_not_change_is_kept(
    client: ExploreClient, portal: Portal, tmp_path: Path, file_format: str
) -> None:
    """No row is requested, and the new folder has the same files, which take no space."""
    first = await harvest(
        client, "trees", tmp_path / "1", file_format=file_format, partition_rows=300
    )
    before = len(portal.requests)
    second = await harvest(
        client, "trees", tmp_path / "2", file_format=file_format, since=tmp_path / "1"
    )
    assert len(portal.requests) == before + 2
    assert second.files == first.files
    assert outcome(second).outcome == "unchanged"
    assert outcome(second).rows == 1_000
    for file in second.files:
        old, new = (tmp_path / one / "trees" / file.path for one in "12")
        assert old.samefile(new)
    assert Manifest.read(tmp_path / "2" / "trees") == second


@pytest.mark.parametrize("where", ["trees/manifest.json", "trees", "."])
async def test_a_previous_harvest_is_named_by_its_manifest_or_a_folder(
    client: ExploreClient, tmp_path: Path, where: str
) -> None:
    """The manifest, its folder, or the folder of all datasets; also as a text."""
    await harvest(client, "trees", tmp_path / "1")
    for since in (tmp_path / "1" / where, str(tmp_path / "1" / where)):
        plan = await plan_harvest(client, "trees", since=since)
        assert plan.since is not None
        assert plan.since.outcome == "unchanged"
        assert plan.rows == plan.requests == 0


@CURSORS
async def test_only_rows_from_the_last_value_on_are_fetched(
    client: ExploreClient, portal: Portal, tmp_path: Path, cursor: str
) -> None:
    """Rows with the largest value, and those without a value, are fetched again."""
    rows = sorted(trees(1_000), key=lambda row: (row[cursor] is None, row[cursor]))
    filled = [row for row in rows if row[cursor] is not None]
    low = next(at for at, row in enumerate(filled) if row[cursor] == filled[700][cursor])
    old = [*filled[: low + 1], *rows[len(filled) :]]
    set_rows(portal, old, processed=LATER)
    await harvest(client, "trees", tmp_path / "1", cursor_field=cursor, partition_rows=400)
    set_rows(portal, rows, processed="2026-03-03T00:00:00+00:00")
    second = await harvest(
        client, "trees", tmp_path / "2", cursor_field=cursor, since=tmp_path / "1"
    )
    assert_complete(tmp_path / "2", second, rows)
    assert outcome(second).outcome == "grown"
    assert outcome(second).rows == low
    third = await harvest(
        client, "trees", tmp_path / "3", cursor_field=cursor, since=tmp_path / "2"
    )
    assert outcome(third).outcome == "unchanged"
    assert third.cursor == second.cursor  # so the next one can grow
    assert_complete(tmp_path / "3", third, rows)


@pytest.mark.parametrize("strategy", ["exports", "pages"])
async def test_a_harvest_grows_again_and_again(
    client: ExploreClient, portal: Portal, tmp_path: Path, strategy: Any
) -> None:
    """With every strategy, and files of all former harvests."""
    options: dict[str, Any] = {"cursor_field": "number", "strategy": strategy}
    await harvest(client, "trees", tmp_path / "0", partition_rows=150, **options)
    for turn, count in enumerate((1_010, 1_011, 1_300), start=1):
        set_rows(portal, trees(count), processed=f"2026-02-0{turn}T00:00:00+00:00")
        manifest = await harvest(
            client, "trees", tmp_path / str(turn), since=tmp_path / str(turn - 1),
            partition_rows=150, **options,
        )  # fmt: skip
        assert outcome(manifest).outcome == "grown"
        assert_complete(tmp_path / str(turn), manifest, trees(count))


Change = tuple[str, "Callable[[list[dict[str, Any]]], list[dict[str, Any]]]"]
CHANGES: list[Change] = [
    ("a row below the cursor is deleted", lambda rows: rows[1:]),
    ("a row below the cursor is added", lambda rows: [*rows, tree(3)]),
    ("the largest values are deleted", lambda rows: rows[:-10]),
    ("all rows are deleted", lambda rows: []),
    ("all values are null", lambda rows: [{**row, "number": None} for row in rows]),
]


@pytest.mark.parametrize("change", CHANGES, ids=[name for name, _ in CHANGES])
async def test_a_change_of_old_rows_replaces_all(
    client: ExploreClient, portal: Portal, tmp_path: Path, change: Change
) -> None:
    """The manifest says what was found."""
    await harvest(client, "trees", tmp_path / "1", cursor_field="number")
    rows = change[1](trees(1_000))
    set_rows(portal, rows, processed=LATER)
    second = await harvest(
        client, "trees", tmp_path / "2", cursor_field="number", since=tmp_path / "1"
    )
    assert_complete(tmp_path / "2", second, rows)
    assert outcome(second).outcome == "replaced"
    assert outcome(second).rows == 0
    assert any("data_processed changed" in one for one in outcome(second).changes)


async def test_rows_that_are_gone_are_reported(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """With the number of both times."""
    await harvest(client, "trees", tmp_path / "1", cursor_field="number")
    set_rows(portal, trees(1_000)[5:], processed=LATER)
    plan = await plan_harvest(client, "trees", cursor_field="number", since=tmp_path / "1")
    assert plan.since is not None
    assert plan.since.changes == (
        "the number of rows changed from 1,000 to 995",
        f"data_processed changed from {METAS['default']['data_processed']} to {LATER}",
        "of the rows with number < 333, 999 were harvested, and the portal has 994 now",
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (trees(1_000)[:-10], "the largest value of number was 333 and is 329"),
        ([], "the portal tells no largest value of number"),
    ],
)
async def test_a_largest_value_that_is_gone_is_reported(
    client: ExploreClient, portal: Portal, tmp_path: Path, rows: list[dict[str, Any]], said: str
) -> None:
    """With the one that is there instead."""
    await harvest(client, "trees", tmp_path / "1", cursor_field="number")
    set_rows(portal, rows, processed=LATER)
    plan = await plan_harvest(client, "trees", cursor_field="number", since=tmp_path / "1")
    assert plan.since is not None
    assert plan.since.changes[-1] == said


async def test_another_schema_replaces_all(client: ExploreClient, tmp_path: Path) -> None:
    """It is reported with both schemas."""
    await harvest(client, "trees", tmp_path / "1", cursor_field="number")
    fields = (*FIELDS, PortalField("new", "int", "New"))
    rows = [{**row, "new": 1} for row in trees(1_000)]
    async with Portal({"trees": rows}, fields={"trees": fields}, metas={"trees": METAS}) as other:
        # The portal moved: the address of a harvest is a difference, too.
        async with other.client() as moved:
            second = await harvest(
                moved, "trees", tmp_path / "2", cursor_field="number", since=tmp_path / "1"
            )
    assert_complete(tmp_path / "2", second, rows)
    assert outcome(second).outcome == "replaced"
    assert any("new int" in one for one in outcome(second).changes)
    assert any(one.startswith("the url was") for one in outcome(second).changes)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"where": "number > 5"}, "query"),
        ({"file_format": "csv"}, "format"),
        ({"compression": "gzip"}, "compression"),
        ({"misfits": "null"}, "misfits"),
    ],
)
async def test_files_of_another_kind_are_not_kept(
    client: ExploreClient, tmp_path: Path, option: dict[str, Any], word: str
) -> None:
    """All rows are fetched."""
    await harvest(client, "trees", tmp_path / "1")
    plan = await plan_harvest(client, "trees", since=tmp_path / "1", **option)
    assert plan.since is not None
    assert plan.since.outcome == "replaced"
    assert plan.since.changes[0].startswith(f"the {word} was")
    assert plan.rows > 900


@pytest.mark.parametrize("cursor", [None, "number"])
async def test_a_query_that_asks_the_time_is_fetched_again(
    client: ExploreClient, tmp_path: Path, cursor: str | None
) -> None:
    """It has other rows later, maybe as many, although the portal changed nothing."""
    asked = {"where": "seen < now()", "cursor_field": cursor}
    first, second = await twice(client, tmp_path, **asked)
    assert outcome(second).outcome == "replaced"
    assert outcome(second).changes[-1].endswith("because of now()")
    assert second.rows == first.rows > 0


async def test_where_the_portal_does_not_date_its_rows_all_are_fetched(tmp_path: Path) -> None:
    """Without `data_processed`, equal numbers do not mean equal rows."""
    async with Portal({"trees": trees(10)}, fields={"trees": FIELDS}) as portal:
        portal.store.remove("trees")
        portal.store.add("trees", FIELDS, trees(10), metas={"default": {"data_processed": None}})
        async with portal.client() as client:
            _, second = await twice(client, tmp_path)
    assert outcome(second).changes == ("the portal does not say when its rows changed",)
    assert outcome(second).outcome == "replaced"


async def test_accepted_changes_are_not_kept(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Files that may be of two moments of the dataset are fetched again."""

    def change() -> None:
        set_rows(portal, trees(990), processed=LATER)

    async for event in harvest(client, "trees", tmp_path / "1", drift="accept"):
        if isinstance(event, Planned):
            change()
    second = await harvest(client, "trees", tmp_path / "2", since=tmp_path / "1")
    assert outcome(second).changes == ("the dataset changed during the previous harvest",)
    assert_complete(tmp_path / "2", second, trees(990))


async def test_a_dataset_that_was_not_harvested_before_is_fetched(
    client: ExploreClient, tmp_path: Path
) -> None:
    """As one that is new in a portal."""
    (tmp_path / "1").mkdir()
    second = await harvest(client, "trees", tmp_path / "2", since=tmp_path / "1")
    assert outcome(second).changes == ("no complete harvest of it was found",)
    assert_complete(tmp_path / "2", second, trees(1_000))


@pytest.mark.parametrize("place", ["missing", "1/trees/manifest.json", "1/manifest.json"])
async def test_a_place_that_does_not_exist_is_refused(
    client: ExploreClient, tmp_path: Path, place: str
) -> None:
    """Nothing is requested, and no folder is left with a journal."""
    (tmp_path / "1").mkdir()
    with pytest.raises(ConfigurationError, match="does not exist"):
        await harvest(client, "trees", tmp_path / "2", since=tmp_path / place)


async def test_the_manifest_of_another_dataset_is_refused(
    client: ExploreClient, tmp_path: Path
) -> None:
    """Its rows are not those of this one."""
    await harvest(client, "trees", tmp_path / "1")
    with pytest.raises(ConfigurationError, match="harvest of trees, not of shrubs"):
        await plan_harvest(client, "shrubs", since=tmp_path / "1" / "trees")


@pytest.mark.parametrize("place", ["", "trees", "trees/manifest.json"])
async def test_a_harvest_into_the_folder_of_the_previous_one_is_refused(
    client: ExploreClient, tmp_path: Path, place: str
) -> None:
    """With a relative path, too."""
    await harvest(client, "trees", tmp_path)
    for since in (tmp_path / place, os.path.relpath(tmp_path / place)):
        with pytest.raises(ConfigurationError, match="where the new one would be"):
            await harvest(client, "trees", tmp_path, since=since, resume=True)


@pytest.mark.parametrize("name", ["kind", "names", "place", "nmber"])
async def test_a_cursor_has_one_number_or_date(
    client: ExploreClient, tmp_path: Path, name: str
) -> None:
    """The error lists the fields that do, also if nothing changed."""
    await harvest(client, "trees", tmp_path / "1")
    for since in (None, tmp_path / "1"):
        with pytest.raises(ConfigurationError, match=f"{name} cannot be a cursor.*number, height"):
            await harvest(client, "trees", tmp_path / "2", cursor_field=name, since=since)


async def test_a_query_that_is_one_as_a_whole_has_no_cursor(client: ExploreClient) -> None:
    """Its rows cannot be divided."""
    with pytest.raises(ConfigurationError, match="has no cursor"):
        await plan_harvest(client, "trees", cursor_field="number", limit=10)


async def test_a_harvest_without_the_cursor_is_replaced(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Nothing says which of its files have the largest values."""
    await harvest(client, "trees", tmp_path / "1")
    set_rows(portal, trees(1_010), processed=LATER)
    second = await harvest(
        client, "trees", tmp_path / "2", cursor_field="number", since=tmp_path / "1"
    )
    assert_complete(tmp_path / "2", second, trees(1_010))
    assert outcome(second).changes[-1] == "the previous harvest did not use the cursor number"


async def test_a_database_grows_by_being_replaced(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """It is one file with all rows."""
    options: dict[str, Any] = {"cursor_field": "number", "file_format": "duckdb"}
    await harvest(client, "trees", tmp_path / "1", **options)
    set_rows(portal, trees(1_010), processed=LATER)
    second = await harvest(client, "trees", tmp_path / "2", since=tmp_path / "1", **options)
    assert outcome(second).outcome == "replaced"
    assert second.rows == 1_010


async def test_a_previous_file_that_was_changed_is_refused(
    client: ExploreClient, tmp_path: Path
) -> None:
    """The new harvest is not complete, and the error names the file."""
    await harvest(client, "trees", tmp_path / "1")
    file = tmp_path / "1" / "trees" / "part-00000.jsonl"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StorageError, match="another size than its manifest says"):
        await harvest(client, "trees", tmp_path / "2", since=tmp_path / "1")
    assert not list((tmp_path / "2" / "trees").glob("part-*"))
    file.unlink()
    with pytest.raises(StorageError, match=r"part-00000.jsonl is gone"):
        await harvest(client, "trees", tmp_path / "2", since=tmp_path / "1", resume=True)
    assert not (tmp_path / "2" / "trees" / MANIFEST).exists()


async def test_where_files_cannot_be_linked_they_are_copied(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another file system."""

    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    first, second = await twice(client, tmp_path)
    assert second.files == first.files
    assert_complete(tmp_path / "2", second, trees(1_000))
    name = first.files[0].path
    assert not (tmp_path / "1/trees" / name).samefile(tmp_path / "2/trees" / name)


async def test_rows_that_go_while_it_grows_are_fetched_again(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """A kept file whose rows changed meanwhile does not stay."""
    options: dict[str, Any] = {"cursor_field": "number", "drift": "retry-partition"}
    await harvest(client, "trees", tmp_path / "1", **options)
    set_rows(portal, trees(1_010), processed=LATER)
    changed = False
    async for event in harvest(client, "trees", tmp_path / "2", since=tmp_path / "1", **options):
        if isinstance(event, Planned) and not changed:
            changed = True
            set_rows(portal, trees(1_010)[2:], processed=LATER)
    manifest = Manifest.read(tmp_path / "2" / "trees")
    assert manifest is not None
    assert manifest.changes
    assert_complete(tmp_path / "2", manifest, trees(1_010)[2:])


async def test_a_harvest_that_keeps_files_goes_on(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Also with the same command line from another folder, as the journal knows where they are."""
    options: dict[str, Any] = {"cursor_field": "number", "partition_rows": 200}
    await harvest(client, "trees", tmp_path / "1", **options)
    set_rows(portal, trees(1_500), processed=LATER)
    one = harvest(client, "trees", tmp_path / "2", since=tmp_path / "1", **options)
    async with aclosing(one.events()) as events:
        await anext(events)
        await anext(events)  # the first file is kept
    manifest = await harvest(client, "trees", tmp_path / "2", resume=True, **options)
    assert outcome(manifest).outcome == "grown"
    assert_complete(tmp_path / "2", manifest, trees(1_500))


async def test_the_plan_costs_what_it_says(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """With a cursor, two plans are one."""
    await harvest(client, "trees", tmp_path / "1", cursor_field="number")
    set_rows(portal, trees(1_300), processed=LATER)
    before = len(portal.requests)
    events = await events_of(
        client, "trees", tmp_path / "2", cursor_field="number", since=tmp_path / "1"
    )
    planned = events[0]
    assert isinstance(planned, Planned)
    assert len(portal.requests) - before == planned.plan.quota
    assert planned.plan.rows == 301
    assert planned.plan.strategy == "exports"
    with pytest.raises(ConfigurationError, match="are allowed; no row was fetched"):
        await plan_harvest(
            client, "trees", cursor_field="number", since=tmp_path / "1",
            max_requests=planned.plan.quota - 1,
        )  # fmt: skip


async def test_where_exports_are_closed_they_are_tried_once(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """The rows below the largest value and the others are fetched in one way."""
    portal.fail(None, status=403, path="*/exports/*")
    await harvest(client, "trees", tmp_path / "1", cursor_field="number")
    set_rows(portal, trees(1_300), processed=LATER)
    second = await harvest(
        client, "trees", tmp_path / "2", cursor_field="number", since=tmp_path / "1"
    )
    assert outcome(second).outcome == "grown"
    assert second.strategy == "pages"
    assert len([one for one in portal.requests if "/exports/" in one.path]) == 2
    assert_complete(tmp_path / "2", second, trees(1_300))


async def test_files_are_kept_across_stores(client: ExploreClient, tmp_path: Path) -> None:
    """From a store into a folder, and back."""
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    try:
        first = await harvest(client, "trees", "memory://since/1")
        second = await harvest(client, "trees", tmp_path, since="memory://since/1")
        third = await harvest(client, "trees", "memory://since/3", since=tmp_path)
        assert_complete(tmp_path, second, trees(1_000))
        assert outcome(second).outcome == outcome(third).outcome == "unchanged"
        [file] = third.files
        assert file.sha256 == first.files[0].sha256
        assert store.size(f"/since/3/trees/{file.path}") == file.bytes
        with pytest.raises(ConfigurationError, match="where the new one would be"):
            await harvest(client, "trees", "memory://since/3", since="memory://since/3/")
    finally:
        store.rm("/since", recursive=True)


def test_a_copy_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves no file of that name."""
    (tmp_path / "old").write_bytes(b"rows")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(StorageError, match="No space left"):
        LocalFolder(tmp_path).copy("old", tmp_path / "new")
    assert not (tmp_path / "new").exists()
