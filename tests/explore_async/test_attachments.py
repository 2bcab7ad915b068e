"""Attachments and alternative exports: a response is a list of them, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async import (
    AlternativeExport,
    Attachment,
    ConfigurationError,
    DecodeError,
    ExploreClient,
    NotFound,
    TruncatedError,
)
from tests.explore_async.doubles import Wire, files_in, http, json_body, writes

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from tests.explore_async.doubles import FakePortal


async def test_no_attachments_are_an_empty_list(client: ExploreClient, portal: FakePortal) -> None:
    """An empty list is a valid response."""
    portal.override = lambda request: json_body({"links": [], "attachments": []})
    assert await client.dataset("trees").attachments() == ()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"links": []},
        {"results": [], "total_count": 0},
        {"attachments": None},
        {"attachments": {}},
        {"attachments": ["plan.pdf"]},
        [],
    ],
)
async def test_an_answer_of_another_shape_is_an_error(
    client: ExploreClient, portal: FakePortal, answer: object
) -> None:
    """It must not look like a dataset without attachments."""
    portal.override = lambda request: json_body(answer)
    with pytest.raises(DecodeError, match="Check that the base URL leads to"):
        await client.dataset("trees").attachments()


def test_what_the_server_leaves_open_is_empty() -> None:
    """Null becomes an empty string and not the word None."""
    one = Attachment.from_json({"id": "plan", "title": None, "mimetype": None})
    assert (one.title, one.mimetype) == ("", "")


GTFS = {
    "id": "gtfs_2026_zip",
    "title": "GTFS 2026.zip",
    "description": "Timetable",
    "mimetype": "application/zip",
    "url": "https://elsewhere.example/catalog/datasets/trees/alternative_exports/gtfs_2026_zip",
}


async def test_alternative_exports_are_listed_and_downloaded(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """The request goes to the portal's own address and not to the link's."""

    def override(request: web.Request) -> web.Response:
        if request.path.endswith("/trees"):
            return json_body({"dataset_id": "trees", "alternative_exports": [GTFS]})
        return json_body(["content"])

    portal.override = override
    trees = client.dataset("trees")
    (one,) = await trees.alternative_exports()
    assert (one.export_id, one.title, one.mimetype, one.description) == (
        *("gtfs_2026_zip", "GTFS 2026.zip", "application/zip", "Timetable"),
    )
    assert one.extra == {"url": GTFS["url"]}
    saved = await trees.download(one, tmp_path / one.file_name)
    assert saved.path == tmp_path / "GTFS_2026.zip"
    assert saved.path.read_bytes() == b'["content"]'
    assert [path for path, _ in portal.requests] == [
        "/catalog/datasets/trees",
        "/catalog/datasets/trees/alternative_exports/gtfs_2026_zip",
    ]


@pytest.mark.parametrize("answer", [{}, {"alternative_exports": None}, {"alternative_exports": []}])
async def test_a_dataset_may_have_no_alternative_exports(
    client: ExploreClient, portal: FakePortal, answer: dict[str, object]
) -> None:
    portal.override = lambda request: json_body({"dataset_id": "trees", **answer})
    assert await client.dataset("trees").alternative_exports() == ()


@pytest.mark.parametrize("listed", [{}, "gtfs", ["gtfs"], [{"title": "x"}], [{"id": ""}], [None]])
async def test_alternative_exports_of_another_shape_are_an_error(
    client: ExploreClient, portal: FakePortal, listed: object
) -> None:
    """They must not look like a dataset without any."""
    portal.override = lambda request: json_body(
        {"dataset_id": "trees", "alternative_exports": listed}
    )
    with pytest.raises(DecodeError):
        await client.dataset("trees").alternative_exports()


async def test_an_alternative_export_that_is_cut_leaves_no_file(tmp_path: Path) -> None:
    """It gets its name only when it is complete."""
    cut = http(b"PK", length=500)
    one = AlternativeExport.from_json(GTFS)
    async with Wire(writes(cut)).running() as wire, ExploreClient(wire.url) as client:
        with pytest.raises(TruncatedError):
            await client.dataset("trees").download(one, tmp_path / one.file_name)
    assert files_in(tmp_path) == []


async def test_an_alternative_export_that_was_replaced_is_not_found(
    client: ExploreClient, tmp_path: Path
) -> None:
    """Its identifier changes with each update."""
    one = AlternativeExport.from_json(GTFS)
    with pytest.raises(NotFound):
        await client.dataset("trees").download(one, tmp_path / one.file_name)
    assert files_in(tmp_path) == []


async def test_an_identifier_cannot_change_the_path_of_the_url(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """A slash is percent-encoded; dots are refused."""
    trees = client.dataset("trees")
    with pytest.raises(ConfigurationError, match="alternative export identifier"):
        await trees.download(AlternativeExport.from_json({"id": ".."}), tmp_path / "x")
    assert portal.requests == []
    portal.override = lambda request: json_body(request.raw_path)
    saved = await trees.download(AlternativeExport.from_json({"id": "../a"}), tmp_path / "x")
    assert b"/trees/alternative_exports/..%2Fa" in saved.path.read_bytes()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Plan d'été.pdf", "Plan_d_été.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\x\0.zip", "C__x_.zip"),
        (".bashrc", "bashrc"),
        ("..", "_"),
        ("nul.txt", "_nul.txt"),
        ("..con..", "_con"),
        ("", "a-1"),
        ("é" * 300 + ".zip", "é" * 98 + ".zip"),
    ],
)
def test_the_name_of_a_file_is_never_a_path(title: str, name: str) -> None:
    """The title is chosen by the publisher; without one, the identifier is used."""
    item = {"id": "a-1", "title": title}
    assert AlternativeExport.from_json(item).file_name == name
    assert Attachment.from_json(item).file_name == name
