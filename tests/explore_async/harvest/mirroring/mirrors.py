"""A portal with five small datasets to mirror, and what is expected of the folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from explore_async.harvest import Manifest
from explore_async.testing import Portal
from tests.explore_async.harvest.trees import FIELDS, METAS, multiset, rows_of, trees

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async.harvest import MirrorReport

__all__ = [
    "LATER",
    "NAMES",
    "CrashError",
    "assert_mirrored",
    "attached",
    "change",
    "five",
    "outcomes",
]

NAMES = ("ash", "birch", "cedar", "elm", "fir")
LATER = {"default": {"data_processed": "2026-02-02T00:00:00+00:00"}}


class CrashError(Exception):
    """Ends the program where it is raised."""


def five() -> Portal:
    """Return a portal with five datasets."""
    return Portal(
        {name: trees(20) for name in NAMES},
        fields=dict.fromkeys(NAMES, FIELDS),
        metas=dict.fromkeys(NAMES, METAS),
    )


def change(portal: Portal, name: str, rows: list[dict[str, Any]], **options: Any) -> None:
    """Replace a dataset of the portal."""
    portal.store.remove(name)
    portal.store.add(name, FIELDS, rows, **{"metas": LATER, **options})


def outcomes(report: MirrorReport) -> dict[str, str]:
    """Return what became of each dataset."""
    return {one.dataset_id: one.outcome for one in report.datasets}


def assert_mirrored(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Check the rows of a dataset, and that nothing is left of an interruption."""
    manifest = Manifest.read(folder / name)
    assert manifest is not None
    assert multiset(rows_of(folder, manifest)) == multiset(rows)
    assert orjson.loads((folder / name / "dataset.json").read_bytes())["dataset_id"] == name
    left = {path.name for path in (folder / name).iterdir()} - {"attachments"}
    files = {file.path for file in manifest.files}
    assert left == {"manifest.json", "dataset.json", ".harvest.lock", *files}
    assert not list((folder / ".mirror" / "old").iterdir())


def attached(portal: Portal, folder: Path, *names: str, rows: int = 20) -> None:
    """Give a dataset attachments."""
    files = [{"file": str(folder / name), "id": name.replace(".", "_")} for name in names]
    change(portal, "ash", trees(rows), metas=METAS, attachments=files)
