"""The catalog as JSON, an array of dataset objects, and as CSV and XLSX, a table of metadata.

The columns of CSV are `dcat.*`, then `default.*`, then the rest, and `datasetid` last (recorded).
XLSX has the same table, which is not recorded.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explore_async.portal.answers import dumps
from explore_async.portal.exports.text import byte_order_mark, csv_lines, list_separator
from explore_async.portal.exports.xlsx import fill_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from explore_async.portal.exports.export import Export

__all__ = ["write_csv", "write_json", "write_xlsx"]

_NAMESPACES = {"dcat": 0, "default": 1}


def write_json(_: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write an array of dataset objects."""
    return f"[{','.join(map(dumps, datasets))}]".encode()


def write_csv(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write a table of metadata."""
    separator = list_separator(one.parameters)
    table = _table(datasets, separator)
    return (byte_order_mark(one.parameters) + csv_lines(one.parameters)(table)).encode()


def write_xlsx(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write a sheet with a table of metadata."""
    header, *rows = _table(datasets, ",")
    with tempfile.TemporaryDirectory(prefix="portal-") as folder:
        path = Path(folder) / "export.xlsx"
        fill_workbook(path, header, rows, one.plan.context.settings.now)
        return path.read_bytes()


def _table(datasets: Sequence[Mapping[str, Any]], separator: str) -> list[list[Any]]:
    """Return the header and one row per dataset."""
    columns = _columns(datasets)
    rows: list[list[Any]] = [[*(f"{space}.{name}" for space, name in columns), "datasetid"]]
    for dataset in datasets:
        metas = dataset["metas"]
        cells = [_cell(metas.get(space, {}).get(name), separator) for space, name in columns]
        rows.append([*cells, dataset["dataset_id"]])
    return rows


def _columns(datasets: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the keys of all metas: `dcat` first, then `default`, then the rest (recorded)."""
    columns = {
        (space, name): None
        for dataset in datasets
        for space, metas in dataset["metas"].items()
        for name in metas
    }
    return sorted(columns, key=lambda column: _NAMESPACES.get(column[0], len(_NAMESPACES)))


def _cell(value: Any, separator: str) -> Any:
    """Join a list and write an object as JSON; live portals write other values as Python does.

    Of a feature such as `default.bbox`, the geometry is written (recorded).
    """
    if isinstance(value, list):
        return separator.join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value["geometry"] if value.get("type") == "Feature" else value)
    return value
