"""Exports: all rows of a result as a stream of bytes.

JSON is one array whose rows are joined by a bare comma; CSV has `;`, CRLF and a byte order mark
(all recorded). JSON Lines ends every row with a line feed and does not escape characters (unknown).
DuckDB writes Parquet: datetimes are in UTC; lists and points keep their structure, which is unknown
on live portals.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from explore_async.portal.answers import (
    bare_geometry,
    csv_cell,
    dumps,
    escaped,
    json_row,
    parquet_column,
)
from explore_async.portal.errors import invalid_parameter, malformed, not_supported
from explore_async.portal.requests import GROUP_LIMIT, flag

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from multidict import MultiMapping

    from explore_async.portal.compiling import Plan
    from explore_async.portal.engine import Engine, Row

__all__ = [
    "CONTENT_TYPES",
    "FORMATS",
    "UNSUPPORTED_FORMATS",
    "Export",
    "catalog",
    "check",
    "export",
]

FORMATS = ("csv", "json", "jsonl", "parquet")
UNSUPPORTED_FORMATS = frozenset(
    {
        "data.json", "dcat", "dublin_core", "fgb", "geojson", "gpx", "jsonld", "kml", "n3", "ov2",
        "rdf", "rdfxml", "rss", "shp", "sitemap", "ttl", "turtle", "xlsx",
    }
)  # fmt: skip
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
    "parquet": "application/octet-stream; charset=utf-8",
}
"""Content types by format; those of JSON Lines and Parquet are unknown on live portals."""

_CHUNK = 1 << 18


@frozen
class Export:
    """One export: plan, format, maximum number of rows (None: all) and request parameters."""

    plan: Plan
    format: str
    limit: int | None
    parameters: MultiMapping[str]

    @property
    def labels(self) -> dict[str, str]:
        """The labels by field name if `use_labels=true`, else an empty mapping."""
        if not flag(self.parameters, "use_labels", default=False):
            return {}
        return {one.name: one.label for one in self.plan.context.dataset.fields}


def check(one: Export) -> None:
    """Refuse an export that live portals refuse or that this portal does not support."""
    beyond = one.limit is None or one.limit > GROUP_LIMIT
    if one.plan.kind == "groups" and one.plan.ordered_by_aggregate and beyond:
        raise malformed(
            f"aggregation function in order by is not supported with a limit > {GROUP_LIMIT}. "
            f"Please remove the order by or set a limit parameter lower than {GROUP_LIMIT + 1}",
            "order_by",
        )
    if flag(one.parameters, "compressed", default=False):
        raise not_supported("compressed=true")


def export(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Yield the bytes of an export; close the generator to stop early, as it holds a statement.

    Call `check` first, while an error response can still be sent.
    """
    return _WRITERS[one.format](one, engine)


async def _batches(
    one: Export, shown: list[str], write: Callable[[list[Row]], bytes], engine: Engine
) -> AsyncGenerator[bytes]:
    """Yield the rows of the plan in batches; a single aggregated row is repeated per record."""
    plan = one.plan
    parameters = plan.context.parameters
    if plan.kind != "repeated":
        sql = plan.page(shown, limit=one.limit)
        async with aclosing(engine.stream(sql, parameters, write)) as chunks:
            async for chunk in chunks:
                yield chunk
        return
    total = await engine.single(plan.total, parameters)
    rows = await engine.rows(plan.page(shown, limit=None), parameters)
    times = total if one.limit is None else min(one.limit, total)
    for _ in range(times):
        yield write(rows)


# ---------------------------------------------------------------- JSON


async def _jsonl(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    def write(rows: list[Row]) -> bytes:
        return "".join([f"{row[0]}\n" for row in rows]).encode()

    shown = [json_row(one.plan.outputs, one.plan.context)]
    async with aclosing(_batches(one, shown, write, engine)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _json(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    def write(rows: list[Row]) -> bytes:
        return escaped(",".join([row[0] for row in rows])).encode()

    shown = [json_row(one.plan.outputs, one.plan.context)]
    before = b"["
    async with aclosing(_batches(one, shown, write, engine)) as chunks:
        async for chunk in chunks:
            yield before + chunk
            before = b","
    yield b"[]" if before == b"[" else b"]"


# ---------------------------------------------------------------- CSV


async def _csv(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    context = one.plan.context
    lines = _csv_lines(one)
    separator = context.bind(_list_separator(one))
    outputs = one.plan.outputs
    shapes = [at for at, output in enumerate(outputs) if output.value.type == "geo_shape"]

    def write(rows: list[Row]) -> bytes:
        return lines(_with_geometries(rows, shapes) if shapes else rows).encode()

    labels = one.labels
    names = [labels.get(output.label, output.label) for output in outputs]
    header = (_byte_order_mark(one) + lines([names])).encode()
    shown = [csv_cell(output.value, context, separator) for output in outputs]
    # The header is sent with the first rows, so that an error before them gets an error response.
    async with aclosing(_batches(one, shown, write, engine)) as chunks:
        async for chunk in chunks:
            yield header + chunk
            header = b""
    if header:
        yield header


def _csv_lines(one: Export) -> Callable[[Iterable[Sequence[Any]]], str]:
    """Return a function that writes rows with the request's `delimiter` and `quote_all`."""
    delimiter = one.parameters.get("delimiter", "") or ";"
    if delimiter not in (";", ",", "\t", "|"):
        # The live text is unknown.
        raise invalid_parameter(f"Invalid value for delimiter API parameter: {delimiter}.")
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if _quotes_all(one) else csv.QUOTE_MINIMAL

    def lines(rows: Iterable[Sequence[Any]]) -> str:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
        writer.writerows(rows)
        return buffer.getvalue()

    return lines


def _list_separator(one: Export) -> str:
    return one.parameters.get("list_separator", "") or ","


def _byte_order_mark(one: Export) -> str:
    return "\ufeff" if flag(one.parameters, "with_bom", default=True) else ""


def _quotes_all(one: Export) -> bool:
    """Read `quote_all`: it quotes all text, including the header and null, but not numbers."""
    return flag(one.parameters, "quote_all", default=False)


def _with_geometries(rows: list[Row], shapes: list[int]) -> Iterator[list[Any]]:
    for row in rows:
        cells = list(row)
        for at in shapes:
            cells[at] = None if cells[at] is None else bare_geometry(cells[at])
        yield cells


# ---------------------------------------------------------------- the catalog

_NAMESPACES = {"dcat": 0, "default": 1}


def catalog(one: Export, datasets: Sequence[Mapping[str, Any]]) -> str:
    """Return the catalog as JSON, an array of dataset objects, or as CSV, a table of metas."""
    if one.format == "json":
        return f"[{','.join(map(dumps, datasets))}]"
    columns = _metas_columns(datasets)
    rows: list[list[Any]] = [[*(f"{space}.{name}" for space, name in columns), "datasetid"]]
    for dataset in datasets:
        metas = dataset["metas"]
        cells = [_metas_cell(metas.get(space, {}).get(name), one) for space, name in columns]
        rows.append([*cells, dataset["dataset_id"]])
    return _byte_order_mark(one) + _csv_lines(one)(rows)


def _metas_columns(datasets: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the keys of all metas: `dcat` first, then `default`, then the rest (recorded)."""
    columns = {
        (space, name): None
        for dataset in datasets
        for space, metas in dataset["metas"].items()
        for name in metas
    }
    return sorted(columns, key=lambda column: _NAMESPACES.get(column[0], len(_NAMESPACES)))


def _metas_cell(value: Any, one: Export) -> Any:
    """Join a list and write an object as JSON; live portals write other values as Python does."""
    if isinstance(value, list):
        return _list_separator(one).join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else value


# ---------------------------------------------------------------- Parquet


async def _parquet(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Let DuckDB write a temporary file, send it and remove it."""
    compression = one.parameters.get("parquet_compression", "") or "snappy"
    if compression not in ("snappy", "zstd"):
        # The live text is unknown.
        raise invalid_parameter(
            f"Invalid value for parquet_compression API parameter: {compression}."
        )
    if one.plan.kind == "repeated":
        raise not_supported("A Parquet export of an aggregation without group_by")
    _check_columns(one)
    shown = [parquet_column(output, one.labels) for output in one.plan.outputs]
    page = one.plan.page(shown, limit=one.limit)
    with tempfile.TemporaryDirectory(prefix="portal-") as folder:
        path = Path(folder) / "export.parquet"
        parameters = one.plan.context.parameters
        target = parameters.bind(str(path))
        await engine.execute(
            f"COPY ({page}) TO {target} (FORMAT parquet, COMPRESSION {compression})", parameters
        )
        with path.open("rb") as file:
            while chunk := await engine.run(lambda: file.read(_CHUNK)):
                yield chunk


def _check_columns(one: Export) -> None:
    """Refuse column names that are equal or differ only in case: DuckDB would rename them."""
    seen: set[str] = set()
    for output in one.plan.outputs:
        name = one.labels.get(output.label, output.label)
        if name.lower() in seen:
            raise not_supported(f"A Parquet export with two columns called {name}")
        seen.add(name.lower())


_WRITERS: dict[str, Callable[[Export, Engine], AsyncGenerator[bytes]]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
