"""A dataset to harvest: every type of field, nulls, one value that is in half of the rows."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from explore_async.portal import PortalField

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from explore_async.harvest import Manifest
    from explore_async.testing import Portal

__all__ = ["FIELDS", "METAS", "multiset", "rows_of", "set_rows", "tree", "trees"]

FIELDS = (
    PortalField("number", "int", "Number"),
    PortalField("kind", "text", "Kind"),
    PortalField("height", "double", "Height"),
    PortalField("planted", "date", "Planted"),
    PortalField("seen", "datetime", "Seen"),
    PortalField("names", "text", "Names", annotations={"multivalued": True}),
    PortalField("place", "geo_point_2d", "Place"),
)
METAS = {"default": {"data_processed": "2026-01-01T00:00:00+00:00"}}
_KINDS = ("oak", "oak tree", "óak", "ash", "", 'it\'s "so"', None, "oak", "oak")


def tree(number: int) -> dict[str, Any]:
    """Return one row."""
    return {
        "number": number // 3,
        "kind": _KINDS[number % len(_KINDS)],
        "height": None if number % 7 == 0 else (number * 37 % 1000) / 9,
        "planted": f"20{number % 19 + 10}-0{number % 9 + 1}-1{number % 9}",
        "seen": None
        if number % 5 == 0
        else f"2026-0{number % 9 + 1}-01T00:{number % 60:02}:00+00:00",
        "names": None if number % 2 else ["a", f"b{number}"],
        "place": {"lon": number / 100, "lat": 50.5},
    }


def trees(count: int) -> list[dict[str, Any]]:
    """Return that many rows."""
    return [tree(number) for number in range(count)]


def set_rows(portal: Portal, rows: Sequence[Mapping[str, Any]], *, processed: str) -> None:
    """Replace the rows of a running portal."""
    portal.store.remove("trees")
    portal.store.add("trees", FIELDS, rows, metas={"default": {"data_processed": processed}})


def rows_of(folder: Path, manifest: Manifest) -> list[dict[str, Any]]:
    """Return the rows in the files of a harvest of JSON Lines."""
    found = []
    for file in manifest.files:
        content = (folder / manifest.dataset_id / file.path).read_bytes()
        content = gzip.decompress(content) if file.path.endswith(".gz") else content
        found += [orjson.loads(line) for line in content.splitlines()]
    return found


def multiset(rows: Iterable[Mapping[str, Any]]) -> Counter[bytes]:
    """Return how often each row is there."""
    return Counter(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows)
