"""Snapshots: copies of datasets of other portals, which `explore serve` serves again.

A dataset is two files, which `explore_async.snapshots` writes and a person may edit:

    trees.dataset.json   the dataset object, as the API gives it, indented
    trees.jsonl          one record per line, in the form of `results` of the API

The dataset object is the whole description, because `portal.toml` has no words for most of it: the
uid, the features, the annotations, and the metadata of all templates. It is served unchanged, but
that `records_count` is the number of lines of the other file. Both files are made for review: keys,
fields and records are in the order of the portal, and no time of the copying is in them.

The values of the records decide how a field is stored where the dataset object does not say it, so
that the same records come back: the precision of a date, whether a date has a time, and whether a
text is a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from attrs import evolve

from explore_async.portal.errors import StoreError
from explore_async.portal.schema import PortalField

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from explore_async.portal.schema import Dataset, Precision
    from explore_async.portal.store import Store

__all__ = ["DESCRIPTION_SUFFIX", "load_snapshot", "read_description"]

DESCRIPTION_SUFFIX = ".dataset.json"
"""The end of the name of a file with a dataset object; before it stands that of the records."""

_PRECISIONS: dict[int, Precision] = {4: "year", 7: "month"}
"""The precision of a date by the length of its text."""


def read_description(rows: Path) -> dict[str, Any] | None:
    """Return the dataset object beside a file of records; None if there is none.

    Raises:
        StoreError: the file beside it cannot be read, or is no dataset object.
    """
    path = rows.with_name(rows.name.removesuffix(rows.suffix) + DESCRIPTION_SUFFIX)
    try:
        read = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    except ValueError as error:
        raise StoreError(f"{path} is not JSON: {error}. Correct it, or copy it again.") from error
    parts = {"dataset_id": str, "fields": list, "metas": dict}
    if not isinstance(read, dict) or not all(
        isinstance(read.get(name), kind) for name, kind in parts.items()
    ):
        raise StoreError(
            f"{path} is no dataset object: it lacks {', '.join(parts)}, or they are of another "
            "type. Correct it, or copy the dataset again."
        )
    return read


def load_snapshot(store: Store, path: Path, described: dict[str, Any]) -> Dataset:
    """Load the records of a file as the dataset that a dataset object describes.

    Raises:
        StoreError: the file cannot be read, or a record does not fit the dataset object.
    """
    try:
        fields = [PortalField.from_json(one) for one in described["fields"]]
        return store.load_copy(described, _as_found(fields, path), _records(path))
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    except StoreError as error:
        raise StoreError(f"Cannot read {path}: {error}") from error


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except ValueError as error:
                raise StoreError(
                    f"line {number} is not a JSON object: {error}. Correct it, or copy the dataset "
                    "again."
                ) from error


def _as_found(fields: list[PortalField], path: Path) -> list[PortalField]:
    """Return the fields as the first value of each tells to store them."""
    unseen = {one.name for one in fields if one.type in ("date", "text")}
    found: dict[str, Any] = {}
    for record in _records(path):
        if not unseen:
            break
        seen = {name: record[name] for name in unseen if record.get(name) is not None}
        unseen -= seen.keys()
        found |= seen
    return [_stored(one, found[one.name]) if one.name in found else one for one in fields]


def _stored(one: PortalField, value: Any) -> PortalField:
    if one.type == "date" and isinstance(value, str):
        if "T" in value:  # observed on live portals
            return evolve(one, type="datetime")
        return evolve(one, precision=_PRECISIONS.get(len(value), "day"))
    if one.multivalued != isinstance(value, list):
        separator = "," if isinstance(value, list) else False
        return evolve(one, annotations={**one.annotations, "multivalued": separator})
    return one
