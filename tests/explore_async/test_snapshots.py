"""Copies of datasets: what is saved, and that the local portal answers as the source did."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from explore_async import (
    ApiKey,
    ConfigurationError,
    ExploreClient,
    IntegrityError,
    NotFoundResource,
    SnapshotError,
)
from explore_async.testing import Portal, snapshot
from odsql import F
from tests.explore_async.doubles import API, FakePortal, json_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aiohttp import web

TREES = [{"id": number, "name": f"tree {number}"} for number in range(250)]
FIELDS = [{"name": "id", "type": "int"}, {"name": "name", "type": "text"}]

SHAPE = {
    "type": "Feature",
    "geometry": {"type": "LineString", "coordinates": [[2.5, 48.0], [2.75, 48.5]]},
    "properties": {},
}
VALUES: dict[str, tuple[Mapping[str, Any], list[Any]]] = {
    "text": ({"type": "text"}, ["œuf\u2028\n\"'", "", None]),
    "several texts": (
        {"type": "text", "annotations": {"multivalued": ";", "facet": True}},
        [["a;b", "c"], None],
    ),
    "several texts that are not declared": ({"type": "text"}, [None, ["a", "b"]]),
    "a text that is declared as several": (
        {"type": "text", "annotations": {"multivalued": ","}},
        ["a,b"],
    ),
    "json": ({"type": "text"}, ['{"a": [1, 2.50]}']),
    "int": ({"type": "int"}, [2**62, -1, None]),
    "double": ({"type": "double"}, [0.1, 1e300, 21.0, None]),
    "boolean": ({"type": "boolean"}, [True, False, None]),
    "date": ({"type": "date"}, ["1900-07-19", "9999-12-31", None]),
    "date of a month": ({"type": "date"}, [None, "1988-01"]),
    "date of a year": ({"type": "date"}, ["2025", "1848"]),
    "date with a time": ({"type": "date"}, ["2025-01-22T00:00:00+00:00"]),
    "datetime": ({"type": "datetime"}, ["2024-02-29T23:59:59+00:00", None]),
    "point": ({"type": "geo_point_2d"}, [{"lon": 2.369, "lat": 48.853}, None]),
    "shape": ({"type": "geo_shape"}, [SHAPE, None]),
    "file": ({"type": "file"}, [{"filename": "a.jpg", "width": 3, "color_summary": ["x"]}, None]),
}


def described(fields: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a dataset object with every key of live ones, and one that is not known yet."""
    complete = [
        {"description": None, "annotations": {}, "label": f"The {one['name']}", **one}
        for one in fields
    ]
    return {
        "visibility": "restricted",
        "fields": [
            {name: one[name] for name in ("name", "description", "annotations", "label", "type")}
            for one in complete
        ],
        "dataset_id": "trees",
        "dataset_uid": "da_x1y2z3",
        "has_records": True,
        "features": ["geo", "analyze", "timeserie"],
        "attachments": [{"id": "a", "title": "a.pdf", "mimetype": "application/pdf", "url": "u"}],
        "alternative_exports": [{"id": "b", "title": "b.zip"}],
        "data_visible": True,
        "metas": {
            "dcat": {"creator": "City"},
            "default": {
                "description": "<p>Trees</p>",
                "title": "Trees",
                "records_count": 250,
                "data_processed": "2026-01-01T00:00:00+00:00",
            },
            "custom": {"update-frequency": None},
        },
        "a_new_key": {"deep": [1, None]},
        **more,
    }


def answering(portal: FakePortal, whole: Any, rows: list[dict[str, Any]] | None = None) -> None:
    """Let the portal describe its dataset so; `whole` is an object or its bytes."""
    body = whole if isinstance(whole, bytes) else json.dumps(whole).encode()
    portal.rows = TREES if rows is None else rows
    portal.override = lambda request: (
        json_body(json.loads(body)) if request.path == f"{API}/catalog/datasets/trees" else None
    )


async def asked(folder: Path, path: str) -> Any:
    """Return what the local portal answers from the folder."""
    async with Portal(folder=folder) as portal, portal.client() as client:
        session = client._transport.shared.connection.session("127.0.0.1")
        async with session.get(f"{portal.url}{API}/catalog/datasets{path}") as response:
            return await response.json()


def counting(whole: dict[str, Any], rows: int) -> dict[str, Any]:
    """Return a dataset object with another number of records."""
    copy: dict[str, Any] = json.loads(json.dumps(whole))
    copy["metas"]["default"]["records_count"] = rows
    return copy


# ---------------------------------------------------------------- the same answers


async def test_a_dataset_object_is_served_again_whole(portal: FakePortal, tmp_path: Path) -> None:
    """Down to the order of its keys; only the number of records is that of the copy."""
    whole = described(FIELDS)
    answering(portal, whole)
    await snapshot(portal.url, ["trees"], tmp_path, rows=20)
    assert json.dumps(await asked(tmp_path, "/trees")) == json.dumps(counting(whole, 20))
    assert (await asked(tmp_path, ""))["results"] == [counting(whole, 20)]


@pytest.mark.parametrize(
    "name",
    [
        "vancouver/metadata-public-trees.json",
        "vancouver/metadata-property-tax-report.json",
        "ukpn/getDataset-live-faults.json",
    ],
)
async def test_recorded_dataset_objects_are_served_again(
    portal: FakePortal, tmp_path: Path, recorded: Callable[[str], bytes], name: str
) -> None:
    whole = json.loads(recorded(name))
    answering(portal, whole)
    await snapshot(portal.url, ["trees"], tmp_path, rows=0)
    served = await asked(tmp_path, f"/{whole['dataset_id']}")
    assert json.dumps(served) == json.dumps(counting(whole, 0))


async def test_recorded_rows_are_served_again(
    portal: FakePortal, tmp_path: Path, recorded: Callable[[str], bytes]
) -> None:
    rows = json.loads(recorded("ukpn/getRecords-live-faults.json"))["results"]
    answering(portal, recorded("ukpn/getDataset-live-faults.json"), rows)
    await snapshot(portal.url, ["trees"], tmp_path)
    served = await asked(tmp_path, "/ukpn-live-faults/records")
    assert json.dumps(served) == json.dumps({"total_count": len(rows), "results": rows})


@pytest.mark.parametrize("kind", VALUES)
async def test_values_of_every_type_are_served_again(
    portal: FakePortal, tmp_path: Path, kind: str
) -> None:
    field, values = VALUES[kind]
    rows = [{"value": value} for value in values]
    whole = described([{"name": "value", **field}])
    answering(portal, whole, rows)
    await snapshot(portal.url, ["trees"], tmp_path)
    assert json.dumps((await asked(tmp_path, "/trees/records"))["results"]) == json.dumps(rows)
    assert (await asked(tmp_path, "/trees"))["fields"] == whole["fields"]


async def test_a_dataset_whose_rows_are_hidden_is_described(
    portal: FakePortal, tmp_path: Path
) -> None:
    """Its records are refused, as on the portal."""
    answering(portal, described(FIELDS, data_visible=False))
    (one,) = await snapshot(portal.url, ["trees"], tmp_path)
    assert (one.rows, one.total) == (0, None)
    assert len(portal.requests) == 1
    assert (await asked(tmp_path, "/trees"))["has_records"] is True
    assert (await asked(tmp_path, "/trees/records"))["error_code"] == "ForbiddenAccess"


async def test_a_dataset_without_fields_is_described(portal: FakePortal, tmp_path: Path) -> None:
    whole = described([], has_records=False)
    answering(portal, whole)
    await snapshot(portal.url, ["trees"], tmp_path)
    assert await asked(tmp_path, "/trees") == counting(whole, 0)


# ---------------------------------------------------------------- the rows


@pytest.mark.parametrize(
    ("rows", "expected", "operation"),
    [
        *[(0, 0, None), (7, 7, "records"), (1000, 250, "records")],
        *[(10_001, 250, "exports/jsonl"), (None, 250, "exports/jsonl")],
    ],
    ids=str,
)
async def test_the_first_rows_are_copied(
    portal: FakePortal, tmp_path: Path, rows: int | None, expected: int, operation: str | None
) -> None:
    """In the order of the portal; all of them, which may be more than pages reach, as an export."""
    answering(portal, described(FIELDS))
    (one,) = await snapshot(portal.url, ["trees"], tmp_path, rows=rows)
    assert (one.dataset_id, one.path, one.rows) == ("trees", tmp_path / "trees.jsonl", expected)
    assert str(one) == f"{tmp_path / 'trees.jsonl'}: {expected} of 250 rows"
    lines = one.path.read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == TREES[:expected]
    last, params = portal.requests[-1]
    assert operation is None or last.endswith(operation)
    assert "order_by" not in params
    assert last.endswith("records") or params.get("limit") == (str(rows) if rows else None)


async def test_a_condition_selects_rows(tmp_path: Path) -> None:
    async with Portal({"trees": TREES}) as portal, portal.client() as client:
        (one,) = await snapshot(client, ["trees"], tmp_path, rows=2, where=F.id >= 240)
    assert (one.rows, one.total) == (2, 10)
    assert one.path.read_text("utf-8").splitlines()[0] == '{"id": 240, "name": "tree 240"}'


async def test_an_export_that_lacks_rows_is_no_copy(portal: FakePortal, tmp_path: Path) -> None:
    answering(portal, described(FIELDS))
    describes = portal.override

    def shrinks(request: web.Request) -> web.StreamResponse | None:
        portal.rows = TREES[:100] if request.path.endswith("jsonl") else TREES
        return describes(request)

    portal.override = shrinks
    with pytest.raises(SnapshotError) as caught:
        await snapshot(portal.url, ["trees"], tmp_path, rows=None)
    error = caught.value.failed["trees"]
    assert isinstance(error, IntegrityError)
    assert (error.expected, error.received) == (250, 100)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- the files


async def test_the_files_can_be_reviewed(portal: FakePortal, tmp_path: Path) -> None:
    """One row per line, and one key per line of the description."""
    answering(portal, described(FIELDS), [{"id": 1, "name": "chêne\n"}, {"id": None, "name": "x"}])
    await snapshot(portal.url, ["trees"], tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["trees.dataset.json", "trees.jsonl"]
    assert (tmp_path / "trees.jsonl").read_bytes() == (
        '{"id": 1, "name": "chêne\\n"}\n{"id": null, "name": "x"}\n'.encode()
    )
    text = (tmp_path / "trees.dataset.json").read_text("utf-8")
    assert text == json.dumps(described(FIELDS), indent=2) + "\n"


async def test_copies_of_the_same_dataset_are_the_same_files(
    portal: FakePortal, tmp_path: Path
) -> None:
    answering(portal, described(FIELDS))
    contents = []
    for _ in range(2):
        await snapshot(portal.url, ["trees"], tmp_path, force=True)
        contents.append([one.read_bytes() for one in sorted(tmp_path.iterdir())])
    assert contents[0] == contents[1]


async def test_an_api_key_is_not_written(portal: FakePortal, tmp_path: Path) -> None:
    answering(portal, described(FIELDS))
    async with ExploreClient(portal.url, auth=ApiKey("opensesame")) as client:
        await snapshot(client, ["trees"], tmp_path)
    assert "opensesame" in portal.headers[-1]["Authorization"]
    assert not [one for one in tmp_path.iterdir() if b"opensesame" in one.read_bytes()]


async def test_a_copy_that_exists_is_kept_unless_forced(portal: FakePortal, tmp_path: Path) -> None:
    answering(portal, described(FIELDS))
    await snapshot(portal.url, ["trees"], tmp_path, rows=1)
    with pytest.raises(SnapshotError, match="--force"):
        await snapshot(portal.url, ["trees"], tmp_path, rows=2)
    assert len((tmp_path / "trees.jsonl").read_bytes().splitlines()) == 1
    await snapshot(portal.url, ["trees"], tmp_path, rows=2, force=True)
    assert len((tmp_path / "trees.jsonl").read_bytes().splitlines()) == 2


async def test_a_broken_copy_can_be_replaced(portal: FakePortal, tmp_path: Path) -> None:
    answering(portal, described(FIELDS))
    (tmp_path / "trees.dataset.json").write_text("{")
    await snapshot(portal.url, ["trees"], tmp_path, force=True)
    assert await asked(tmp_path, "/trees") == described(FIELDS)


async def test_another_dataset_with_the_same_file_name_is_never_replaced(tmp_path: Path) -> None:
    """Characters that file names cannot have are replaced."""
    async with Portal({"a@b": [{"x": 1}], "a_b": [{"x": 2}]}) as portal, portal.client() as client:
        await snapshot(client, ["a@b"], tmp_path)
        with pytest.raises(SnapshotError, match="the same file name"):
            await snapshot(client, ["a_b"], tmp_path, force=True)
    assert (await asked(tmp_path, "/a@b/records"))["results"] == [{"x": 1}]


# ---------------------------------------------------------------- what fails


async def test_a_dataset_that_fails_leaves_the_others(tmp_path: Path) -> None:
    async with Portal({"a": [{"x": 1}], "b": [{"x": 2}]}) as portal, portal.client() as client:
        with pytest.raises(SnapshotError, match="1 of 3 datasets") as caught:
            await snapshot(client, ["a", "nothing", "b", "a"], tmp_path)
    assert caught.value.saved == ("a", "b")
    assert isinstance(caught.value.failed["nothing"], NotFoundResource)
    assert sorted(one.name for one in tmp_path.glob("*.jsonl")) == ["a.jsonl", "b.jsonl"]


async def test_rows_that_the_portal_could_not_serve_are_no_copy(
    portal: FakePortal, tmp_path: Path
) -> None:
    """The one that was there before is kept."""
    answering(portal, described(FIELDS), [{"id": 1, "name": "oak"}])
    await snapshot(portal.url, ["trees"], tmp_path)
    before = [one.read_bytes() for one in sorted(tmp_path.iterdir())]
    answering(portal, described(FIELDS), [{"id": "many", "name": "oak"}])
    with pytest.raises(SnapshotError, match=r"trees\.jsonl: 'many' is not a valid int"):
        await snapshot(portal.url, ["trees"], tmp_path, force=True)
    assert [one.read_bytes() for one in sorted(tmp_path.iterdir())] == before


async def test_a_copy_that_is_cancelled_leaves_nothing(portal: FakePortal, tmp_path: Path) -> None:
    answering(portal, described(FIELDS))
    forever = asyncio.Event()

    async def before(request: web.Request) -> None:
        if request.query.get("offset") == "100":
            await forever.wait()

    portal.before = before
    copying = asyncio.ensure_future(snapshot(portal.url, ["trees"], tmp_path))
    await portal.until_requests(4)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    forever.set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [-1, 1.5, "10"], ids=str)
async def test_another_number_of_rows_is_refused(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(SnapshotError, match="a number from 0"):
        await snapshot("http://127.0.0.1:1", ["trees"], tmp_path, rows=rows)


async def test_one_text_is_no_list_of_datasets(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="in a list"):
        await snapshot("http://127.0.0.1:1", "trees", tmp_path)


async def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SnapshotError, match="Choose another folder"):
        await snapshot("http://127.0.0.1:1", ["trees"], tmp_path / "file" / "folder")
