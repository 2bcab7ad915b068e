"""A server for the benchmarks that sends prepared bodies, in a separate process.

It parses only the first line of a request, so that a benchmark measures the client. Rows look like
those of an open-data portal: ten fields, among them text, a location and dates. It serves:

* a dataset: its schema;
* `/records?...`: the requested page;
* `/facets?facet=...`: a facet of 10 values, or of 100 if the dataset's name begins with `wide`;
* `/exports/FORMAT?rows=N` or `?limit=N`: N rows of JSON Lines, JSON, CSV, GeoJSON or Parquet, in
  chunked encoding.

`delay`, given at start, is the time in seconds before each response. `serving` starts and stops the
server; do not run this file by hand.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGE_ROWS", "TOTAL", "rows", "serving"]

PAGE_ROWS = 100
TOTAL = 10_000
_BLOCK_ROWS = 1000


def rows(begin: int, count: int) -> list[dict[str, Any]]:
    """Return `count` rows, all different."""
    return [
        {
            "id": number,
            "name": f"Platanus acerifolia no. {number}",
            "genus": ("Platanus", "Acer", "Tilia", "Quercus")[number % 4],
            "street": f"Rue de l'Université {number % 300}",
            "height_m": number % 35 + 0.5,
            "planted": f"20{number % 24:02}-0{number % 9 + 1}-15",
            "measured": f"2024-12-1{number % 9}T10:27:18+00:00",
            "remarkable": number % 50 == 0,
            "note": None if number % 3 else "Pruned in spring, next visit in autumn; see file.",
            "geo_point_2d": {"lon": 2.3 + number / 1e5, "lat": 48.8 + number / 1e5},
        }
        for number in range(begin, begin + count)
    ]


@contextmanager
def serving(delay: float = 0.0) -> Iterator[str]:
    """Run the server and yield its base URL, `http://127.0.0.1:<port>`."""
    command = [sys.executable, __file__, str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _answer(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


_TYPES = {
    "id": "int",
    "height_m": "double",
    "planted": "date",
    "measured": "datetime",
    "remarkable": "boolean",
    "geo_point_2d": "geo_point_2d",
}
_SCHEMA = _answer(
    orjson.dumps(
        {
            "dataset_id": "trees",
            "fields": [{"name": name, "type": _TYPES.get(name, "text")} for name in rows(0, 1)[0]],
        }
    )
)


def _page(offset: int, limit: int) -> bytes:
    found = rows(offset, max(0, min(limit, TOTAL - offset)))
    return _answer(orjson.dumps({"total_count": TOTAL, "results": found}))


@cache
def _facet(facet: str, count: int) -> bytes:
    values = [
        {"count": 1000 - number, "state": "displayed", "name": name, "value": name}
        for number, name in enumerate(f"Genus {number}" for number in range(count))
    ]
    return _answer(orjson.dumps({"links": [], "facets": [{"name": facet, "facets": values}]}))


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def _chunks(file_format: str) -> tuple[bytes, bytes, bytes]:
    """Return the first block of an export, a later one, and its end."""
    found = rows(0, _BLOCK_ROWS)
    if file_format == "json":
        block = orjson.dumps(found)[1:-1]
        return _chunk(b"[" + block), _chunk(b"," + block), _chunk(b"]")
    if file_format == "geojson":
        block = b",".join(map(_feature, found))
        start = b'{"type":"FeatureCollection","features":['
        return _chunk(start + block), _chunk(b"," + block), _chunk(b"]}")
    if file_format == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=";")
        writer.writerows([row.values() for row in found])
        block = text.getvalue().encode()
        return _chunk(";".join(found[0]).encode() + b"\r\n" + block), _chunk(block), b""
    block = _chunk(b"".join(orjson.dumps(row) + b"\n" for row in found))
    return block, block, b""


def _feature(row: dict[str, Any]) -> bytes:
    properties = {**row}
    point = properties.pop("geo_point_2d")
    geometry = {"coordinates": [point["lon"], point["lat"]], "type": "Point"}
    return orjson.dumps({"type": "Feature", "geometry": geometry, "properties": properties})


@cache
def _parquet(count: int) -> bytes:
    import pyarrow as pa  # not needed by the other benchmarks
    import pyarrow.parquet as pq

    block = pa.Table.from_pylist(rows(0, _BLOCK_ROWS))
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables([block] * (count // _BLOCK_ROWS)), sink)
    return sink.getvalue()


class _Server:
    """The responses, prepared before the first request; those of facets are cached."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._pages = {offset: _page(offset, PAGE_ROWS) for offset in range(0, TOTAL, PAGE_ROWS)}
        self._exports = {name: _chunks(name) for name in ("jsonl", "json", "csv", "geojson")}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it closes."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._respond(head.partition(b"\r\n")[0], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _respond(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/exports/" in line:
            count = _number(rb"(?:rows|limit)=(\d+)", line, 1000)
            await self._export(re.findall(rb"/exports/(\w+)", line)[0].decode(), count, writer)
            return
        if b"/facets" in line:
            facet = re.findall(rb"[?&]facet=(\w+)", line)[0].decode()
            writer.write(_facet(facet, 100 if b"/wide" in line else 10))
            return
        if b"/records" not in line:
            writer.write(_SCHEMA)
            return
        offset = _number(rb"offset=(\d+)", line, 0)
        limit = _number(rb"limit=(\d+)", line, 10)
        ready = self._pages.get(offset) if limit == PAGE_ROWS else None
        writer.write(ready or _page(offset, limit))

    async def _export(self, file_format: str, count: int, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        if file_format == "parquet":
            writer.write(_chunk(_parquet(count)))
        else:
            first, block, end = self._exports[file_format]
            for number in range(count // _BLOCK_ROWS):
                writer.write(block if number else first)
                await writer.drain()
            writer.write(end)
        writer.write(b"0\r\n\r\n")


def _number(pattern: bytes, line: bytes, default: int) -> int:
    found = re.search(pattern, line)
    return int(found[1]) if found else default


async def _main(delay: float) -> None:
    listening = await asyncio.start_server(_Server(delay).serve, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
