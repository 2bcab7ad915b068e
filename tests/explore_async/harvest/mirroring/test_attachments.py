"""The attachments of mirrored datasets: downloaded once, and never old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explore_async.errors import NotFound
from explore_async.harvest import mirror
from tests.explore_async.harvest.mirroring.mirrors import (
    assert_mirrored,
    attached,
    change,
    outcomes,
)
from tests.explore_async.harvest.trees import METAS, trees

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from explore_async import ExploreClient
    from explore_async.testing import Portal


async def test_attachments_are_downloaded_once(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """Those that the catalog does not list any more are removed."""
    attached(portal, files, "guide.pdf", "map.png")
    target = tmp_path / "mirror"
    await mirror(client, target)
    place = target / "ash" / "attachments"
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "guide.pdf": b"guide", "map.png": b"map",
    }  # fmt: skip
    before = len(portal.requests)
    attached(portal, files, "map.png")
    await mirror(client, target)
    assert len(portal.requests) == before + 1
    assert [path.name for path in place.iterdir()] == ["map.png"]
    attached(portal, files, "map.png", rows=30)
    await mirror(client, target)
    assert not [one for one in portal.requests[before:] if "/attachments/" in one.path]
    assert (place / "map.png").read_bytes() == b"map"
    attached(portal, files, rows=30)
    assert outcomes(await mirror(client, target))["ash"] == "unchanged"
    assert not place.exists()


async def test_where_attachments_cannot_be_linked_they_are_copied(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As on a disk that has no hard links."""

    def refuse(self: Path, target: Path) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    attached(portal, files, "guide.pdf")
    await mirror(client, tmp_path / "mirror")
    attached(portal, files, "guide.pdf", rows=30)
    assert outcomes(await mirror(client, tmp_path / "mirror"))["ash"] == "changed"
    assert (tmp_path / "mirror" / "ash" / "attachments" / "guide.pdf").read_bytes() == b"guide"


async def test_an_attachment_whose_entry_changed_is_downloaded_again(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """Its file may have the same name."""
    for name, content in {"guide.pdf": b"guide", "map.png": b"map"}.items():
        entry = {"file": str(files / name), "id": name[:3], "title": "doc.pdf"}
        change(portal, "ash", trees(20), attachments=[entry])
        assert not (await mirror(client, tmp_path / "mirror")).of("failed")
        place = tmp_path / "mirror" / "ash" / "attachments"
        assert {path.name: path.read_bytes() for path in place.iterdir()} == {"doc.pdf": content}


async def test_an_attachment_that_fails_fails_its_dataset_but_not_its_rows(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """The rows and the other attachments are there; the next run tries only this one."""
    attached(portal, files, "guide.pdf", "map.png")
    target = tmp_path / "mirror"
    portal.fail(None, status=404, path="*/attachments/guide_pdf")
    report = await mirror(client, target)
    [failed] = report.of("failed")
    assert isinstance(failed.error, NotFound)
    assert_mirrored(target, "ash", trees(20))
    place = target / "ash" / "attachments"
    assert [path.name for path in place.iterdir()] == ["map.png"]
    before = len(portal.requests)
    assert outcomes(await mirror(client, target))["ash"] == "failed"
    assert len(portal.requests) == before + 2
    portal.recover()
    assert outcomes(await mirror(client, target))["ash"] == "unchanged"
    assert (place / "guide.pdf").read_bytes() == b"guide"


async def test_an_attachment_whose_entry_changed_is_never_an_old_one(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """If the new one fails, there is none."""
    entry = {"file": str(files / "guide.pdf"), "id": "one", "title": "doc.pdf"}
    change(portal, "ash", trees(20), metas=METAS, attachments=[entry])
    target = tmp_path / "mirror"
    await mirror(client, target)
    other = {"file": str(files / "map.png"), "id": "two", "title": "doc.pdf"}
    change(portal, "ash", trees(20), metas=METAS, attachments=[other])
    portal.fail(1, status=404, path="*/attachments/two")
    await mirror(client, target)
    assert not (target / "ash" / "attachments" / "doc.pdf").exists()
    await mirror(client, target)
    assert (target / "ash" / "attachments" / "doc.pdf").read_bytes() == b"map"


async def test_a_dataset_without_rows_has_its_attachments(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """One that fails is tried again, as with rows."""
    attachments = [{"file": str(files / name), "id": name[:3]} for name in ("guide.pdf", "map.png")]
    change(portal, "ash", trees(20), data_visible=False, attachments=attachments)
    portal.fail(1, status=404, path="*/attachments/map")
    target = tmp_path / "mirror"
    assert outcomes(await mirror(client, target))["ash"] == "failed"
    place = target / "ash" / "attachments"
    assert [path.name for path in place.iterdir()] == ["guide.pdf"]
    assert outcomes(await mirror(client, target))["ash"] == "closed"
    assert sorted(path.name for path in place.iterdir()) == ["guide.pdf", "map.png"]


async def test_attachments_with_one_name_are_different_files(
    client: ExploreClient, portal: Portal, tmp_path: Path, files: Path
) -> None:
    """The second one begins with its identifier, also if the case of letters differs."""
    entries = [
        {"file": str(files / "guide.pdf"), "id": "one", "title": "doc.pdf"},
        {"file": str(files / "map.png"), "id": "two", "title": "doc.pdf"},
        {"file": str(files / "map.png"), "id": "three", "title": "DOC.pdf"},
        {"file": str(files / "map.png"), "id": "four", "title": "two-doc.pdf"},
    ]
    change(portal, "ash", trees(20), attachments=entries)
    await mirror(client, tmp_path / "mirror")
    place = tmp_path / "mirror" / "ash" / "attachments"
    assert (place / "doc.pdf").read_bytes() == b"guide"
    assert (place / "two-doc.pdf").read_bytes() == b"map"
    assert {path.name for path in place.iterdir()} == {
        "doc.pdf", "two-doc.pdf", "three-DOC.pdf", "four-two-doc.pdf",
    }  # fmt: skip
