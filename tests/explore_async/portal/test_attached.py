"""Attachments and alternative exports: how they are listed, and how they are downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from explore_async import ExploreClient, NotFoundResource, TruncatedError
from explore_async.portal import Store, serve
from explore_async.portal.attached import attach
from explore_async.portal.errors import StoreError
from explore_async.testing import Portal
from tests.explore_async.portal.asking import Asker, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONG = bytes(range(256)) * 4_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an attachment, an alternative export and a file that is neither."""
    (tmp_path / "Data Triage - Noise.xlsx").write_bytes(LONG)
    (tmp_path / "gtfs.zip").write_bytes(b"zip")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return tmp_path


@pytest.fixture
async def ask(folder: Path) -> AsyncIterator[Asker]:
    """A client of a portal with one dataset that has files, and one that has none."""
    with Store(threads=1) as store:
        store.add(
            "noise@city",
            rows=[{"name": "A"}],
            attachments=[{"file": folder / "Data Triage - Noise.xlsx"}],
            alternative_exports=[{"file": str(folder / "gtfs.zip"), "description": "Timetable"}],
        )
        store.add("plain", rows=[{"name": "A"}])
        async with serve(store) as url, aiohttp.ClientSession() as session:
            yield Asker(url, session)


# ---------------------------------------------------------------- how they are listed


async def test_the_dataset_object_lists_attachments_as_recorded(ask: Asker) -> None:
    """The identifier, the media type, the form of the URL and the order of keys are recorded."""
    results = recorded("ukpn/getDatasets.json")["results"]
    (expected,) = next(one["attachments"] for one in results if "noise" in one["dataset_id"])
    (found,) = (await ask.get("datasets/noise@city")).json["attachments"]
    path = "/api/explore/v2.1/catalog/datasets/noise@city/attachments/data_triage_noise_xlsx"
    assert found == {**expected, "url": ask.url + path}
    assert list(found) == list(expected)


async def test_the_dataset_object_lists_alternative_exports(ask: Asker) -> None:
    (found,) = (await ask.get("datasets/noise@city")).json["alternative_exports"]
    assert found == {
        "id": "gtfs_zip",
        "title": "gtfs.zip",
        "mimetype": "application/zip",
        "description": "Timetable",
        "url": f"{ask.url}/api/explore/v2.1/catalog/datasets/noise@city"
        "/alternative_exports/gtfs_zip",
    }


@pytest.mark.parametrize("path", ["datasets", "datasets/noise@city", "exports/json"])
async def test_selected_files_are_those_of_the_dataset_object(ask: Asker, path: str) -> None:
    """URLs have the host that the client asked, as in all other links."""
    whole = (await ask.get("datasets/noise@city")).json
    for name in ("attachments", "alternative_exports"):
        answer = (await ask.get(path, select=name)).json
        rows = answer if isinstance(answer, list) else answer.get("results", [answer])
        assert rows[0] == {name: whole[name]}


async def test_the_operation_has_the_form_of_the_specification(ask: Asker) -> None:
    answer = (await ask.get("datasets/noise@city/attachments")).json
    base = f"{ask.url}/api/explore/v2.1/catalog/datasets/noise@city"
    url = f"{base}/attachments/data_triage_noise_xlsx"
    assert answer == {
        "links": [
            {"rel": "self", "href": f"{base}/attachments"},
            {"rel": "dataset", "href": base},
        ],
        "attachments": [
            {
                "href": url,
                "metas": {
                    "mime-type": XLSX,
                    "title": "Data Triage - Noise.xlsx",
                    "url": url,
                    "id": "data_triage_noise_xlsx",
                },
            }
        ],
    }


# ---------------------------------------------------------------- how they are downloaded


async def test_the_url_of_a_file_leads_to_its_content(ask: Asker) -> None:
    whole = (await ask.get("datasets/noise@city")).json
    for listed, content in ((whole["attachments"], LONG), (whole["alternative_exports"], b"zip")):
        async with ask.session.get(listed[0]["url"]) as response:
            assert await response.read() == content
            assert response.headers["content-type"] == listed[0]["mimetype"]
            assert response.content_disposition is not None
            assert response.content_disposition.filename == listed[0]["title"]


@pytest.mark.parametrize(
    "identifier",
    [
        "secret_txt", "secret.txt", "Data%20Triage%20-%20Noise.xlsx", "..%2Fsecret.txt",
        "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "DATA_TRIAGE_NOISE_XLSX", "gtfs_zip", "%00",
    ],
)  # fmt: skip
async def test_a_request_reaches_listed_files_only(ask: Asker, identifier: str) -> None:
    answer = await ask.get(f"datasets/noise@city/attachments/{identifier}")
    assert answer.status == 404
    assert answer.json["error_code"] in ("NotFoundResource", "NotFoundURI")
    assert (await ask.get(f"datasets/plain/attachments/{identifier}")).status == 404


async def test_a_file_that_is_gone_is_not_found(ask: Asker, folder: Path) -> None:
    path = "datasets/noise@city/alternative_exports/gtfs_zip"
    (folder / "gtfs.zip").unlink()
    answer = await ask.get(path)
    assert answer.status == 404
    assert answer.json == {
        "error_code": "NotFoundResource",
        "message": "The requested alternative export gtfs_zip does not exist.",
    }
    (folder / "gtfs.zip").write_bytes(b"new")
    assert (await ask.get(path)).body == b"new"


@pytest.mark.parametrize("path", ["attachments/data_triage_noise_xlsx", "exports/csv"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_head_has_headers_and_no_body(ask: Asker, path: str, accepted: str) -> None:
    """The next response on the same connection would otherwise begin with the body."""
    url = f"{ask.url}/api/explore/v2.1/catalog/datasets/noise@city/{path}"
    for _ in range(2):
        async with ask.session.head(url, headers={"accept-encoding": accepted}) as response:
            assert response.status == 200
            assert "content-disposition" in response.headers
            assert await response.read() == b""


async def test_an_empty_file_is_an_empty_response(ask: Asker, folder: Path) -> None:
    (folder / "gtfs.zip").write_bytes(b"")
    answer = await ask.get("datasets/noise@city/alternative_exports/gtfs_zip")
    assert (answer.status, answer.body) == (200, b"")


async def test_alternative_exports_are_data_and_attachments_are_not(folder: Path) -> None:
    """Of a dataset whose data is not visible, only what describes it can be read (unknown)."""
    files = [{"file": folder / "gtfs.zip"}]
    with Store(threads=1) as store:
        store.add("x", rows=[{"a": 1}], data_visible=False, attachments=files,
                  alternative_exports=files)  # fmt: skip
        async with serve(store) as url, aiohttp.ClientSession() as session:
            client = Asker(url, session)
            assert (await client.get("datasets/x/attachments/gtfs_zip")).status == 200
            assert (await client.get("datasets/x/alternative_exports/gtfs_zip")).status == 403


async def test_the_client_lists_and_downloads_files(ask: Asker, tmp_path: Path) -> None:
    async with ExploreClient(ask.url) as client:
        noise = client.dataset("noise@city")
        (attachment,) = await noise.attachments()
        (export,) = await noise.alternative_exports()
        assert (attachment.attachment_id, attachment.mimetype) == ("data_triage_noise_xlsx", XLSX)
        assert export.description == "Timetable"
        for one, content in ((attachment, LONG), (export, b"zip")):
            saved = await noise.download(one, tmp_path / f"saved-{one.file_name}")
            assert Path(saved.path).read_bytes() == content
        with pytest.raises(NotFoundResource):
            await noise.download("other", tmp_path / "other")


async def test_a_download_that_is_cut_is_an_error(folder: Path, tmp_path: Path) -> None:
    async with Portal() as portal, portal.client() as client:
        portal.store.add("x", rows=[{"a": 1}], attachments=[{"file": folder / "gtfs.zip"}])
        (attachment,) = await client.dataset("x").attachments()
        portal.cut(after_bytes=1, next=None)
        with pytest.raises(TruncatedError):
            await client.dataset("x").download(attachment, tmp_path / "saved")


# ---------------------------------------------------------------- what is said about them


@pytest.mark.parametrize(
    ("name", "identifier", "mimetype"),
    [
        ("cities1000.zip", "cities1000_zip", "application/zip"),
        ("Notes été.PDF", "notes_ete_pdf", "application/pdf"),
        ("a.csv.gz", "a_csv_gz", "application/octet-stream"),
        ("été", "ete", "application/octet-stream"),
        ("日本.", "file", "application/octet-stream"),
        ("plan.xlsx", "plan_xlsx", XLSX),
    ],
)  # fmt: skip
def test_what_is_not_said_comes_from_the_name(
    tmp_path: Path, name: str, identifier: str, mimetype: str
) -> None:
    (tmp_path / name).touch()
    (found,) = attach([{"file": name}], tmp_path, "here")
    assert (found.id, found.title, found.mimetype) == (identifier, name, mimetype)


def test_everything_can_be_said(folder: Path) -> None:
    said = {"id": "plan-2", "title": "Plan", "mimetype": "text/plain; charset=utf-8"}
    (found,) = attach([{"file": "secret.txt", "description": "D", **said}], folder, "here")
    assert (found.id, found.title, found.mimetype, found.description) == (*said.values(), "D")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("gtfs.zip", "list of tables"),
        ({"file": "gtfs.zip"}, "list of tables"),
        (7, "list of tables"),
        (["gtfs.zip"], "list of tables"),
        ([{"title": "x"}], "list of tables"),
        ([{"file": "gtfs.zip", "name": "x"}], "unknown key 'name'"),
        ([{"file": 7}], "must be texts"),
        ([{"file": "gtfs.zip", "title": 7}], "must be texts"),
        ([{"file": "none.zip"}], "is not a file"),
        ([{"file": "."}], "is not a file"),
        ([{"file": "\0"}], "is not a file"),
        ([{"file": "gtfs.zip", "id": "a/b"}], "letters, digits"),
        ([{"file": "gtfs.zip", "id": ""}], "letters, digits"),
        ([{"file": "gtfs.zip", "mimetype": "zip"}], "not a media type"),
        ([{"file": "gtfs.zip", "mimetype": "a/b\r\nx: y"}], "not a media type"),
        ([{"file": "gtfs.zip"}, {"file": "gtfs.zip"}], "two files with the id"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_message(folder: Path, items: Any, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        attach(items, folder, "attachments")
