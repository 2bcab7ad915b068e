"""How much time and memory does the client add to a bare export?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/exports.py
    .venv/bin/python benchmarks/exports.py --smoke    # run everything once, as a test

Time: rows decoded one by one, against aiohttp chunks that are split and decoded with orjson and
nothing else. Memory: the peak of a fresh process above its size when the client was created. To a
file: CPU seconds, user and system, against those of curl, if curl is installed; ours include the
checksum. Counting the rows of each format that can be verified, against saving the same export.
Following the format, which tells a cut file from a whole one, against SHA-256 of the same bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
from functools import partial
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median
from subprocess import run
from time import perf_counter
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from measuring import cold_output, settle
from pairing import paired, print_goals
from server import serving

from explore_async import ExploreClient
from explore_async.results.structures import structure_of
from explore_async.results.tallies import COUNTED
from odsql import Query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROWS = 100_000
SIZES = (100_000, 3_000_000)
GOALS = {
    "rows one by one": 1.15,
    "peak MiB, few rows": 8.0,
    "extra MiB, many rows": 2.0,
    "file / curl": 1.5,
}
PATH = "/api/explore/v2.1/catalog/datasets/trees/exports/jsonl"


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once, with few rows")
    smoke = options.parse_args().smoke
    with serving() as url:
        found = asyncio.run(streaming(url, 5000 if smoke else ROWS, 1 if smoke else 15))
        print_goals("rows of a jsonl export: / bare splitter", found, GOALS)
        few, many = (1000, 10_000) if smoke else SIZES
        first, second = peak(url, few), peak(url, many)
        figures = {"peak MiB, few rows": first, "extra MiB, many rows": second - first}
        print_goals(f"memory, {few:,} and {many:,} rows", figures, GOALS)
        if shutil.which("curl"):
            ratio = asyncio.run(to_file(url, few if smoke else ROWS, 1 if smoke else 15))
            print_goals("CPU seconds to a file", {"file / curl": ratio}, GOALS)
        print_goals(
            "saved and counted: / saved",
            asyncio.run(counting(url, few if smoke else ROWS, 1 if smoke else 9)),
            GOALS,
        )
    print_goals("following the format: / SHA-256", structures(1 if smoke else 9), GOALS)


async def streaming(url: str, count: int, rounds: int) -> dict[str, float]:
    """Return the times of reading rows, as ratios to the bare loop."""
    async with aiohttp.ClientSession() as session, ExploreClient(url) as client:
        floor = partial(bare, session, url, count)
        others: dict[str, Callable[[], Awaitable[Any]]] = {
            "bare loop again": floor,
            "rows one by one": partial(ours, client, count),
        }
        assert await floor() == await ours(client, count) == count
        settle()
        return await paired(floor, others, rounds)


async def bare(session: aiohttp.ClientSession, url: str, count: int) -> int:
    """Split the response at line ends, decode the lines, and count them."""
    found, rest = 0, b""
    async with session.get(f"{url}{PATH}?limit={count}") as response:
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                found += orjson.loads(line)["id"] >= 0
    return found


async def ours(client: ExploreClient, count: int) -> int:
    """Count the rows of the client's iterator."""
    found = 0
    async with client.dataset("trees").export("jsonl", Query(limit=count)) as stream:
        async for row in stream.rows():
            found += row["id"] >= 0  # type: ignore[operator]
    return found


def peak(url: str, count: int) -> float:
    """Return the peak memory of a fresh process above its start, in MiB."""
    start, most = json.loads(cold_output(_PEAK.format(url=url, count=count)))
    return float(most - start) / 1024


_PEAK = """\
import asyncio, json
from odsql import Query
from explore_async import ExploreClient

def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1])

async def read(client, count):
    async with client.dataset("trees").export("jsonl", Query(limit=count)) as stream:
        return sum([1 async for row in stream.rows() if row["id"] < 0])

async def main():
    async with ExploreClient("{url}") as client:
        await client.dataset("trees").records().first()
        start = status("VmRSS")
        await read(client, {count})
        print(json.dumps([start, status("VmHWM")]))

asyncio.run(main())
"""


async def to_file(url: str, count: int, rounds: int) -> float:
    """Return the CPU time of saving a file, as a ratio to curl, without starting Python."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder, "trees.jsonl"))
        curl = ["curl", "-s", "-o", target, f"{url}{PATH}?limit={count}"]
        async with ExploreClient(url) as client:
            await saved(client, count, target)
            for _ in range(rounds):
                before = cpu(RUSAGE_SELF)
                await saved(client, count, target)
                ours = cpu(RUSAGE_SELF) - before
                before = cpu(RUSAGE_CHILDREN)
                run(curl, check=True)  # noqa: ASYNC221 - no other task is running
                ratios.append(ours / max(cpu(RUSAGE_CHILDREN) - before, 0.001))
    return median(ratios)


async def counting(url: str, count: int, rounds: int) -> dict[str, float]:
    """Return the times of saving a file and counting its rows, as ratios to saving alone."""
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with ExploreClient(url) as client:
            for file_format in COUNTED:
                path = str(Path(folder, file_format))
                floor = partial(saved, client, count, path, file_format)
                others = {file_format: partial(verified, client, count, path, file_format)}
                ratios |= await paired(floor, others, rounds)
    return ratios


def structures(rounds: int) -> dict[str, float]:
    """Return the times of following a file of each format, as ratios to its checksum."""
    feature = b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [2.35, 48.85]}, '
    feature += b'"properties": {"name": "Acer \\"campestre\\"", "tags": ["a", "b"], "id": 12345}}'
    placemark = b"<Placemark><name>Acer</name><Point><coordinates>2.35,48.85</coordinates></Point>"
    files = {
        "geojson": b'{"features": [' + b", ".join([feature] * 20_000) + b"]}",
        "csv": b'12345;"Acer campestre";2.35,48.85\r\n' * 100_000,
        "jsonl": (feature + b"\n") * 20_000,
        "kml": b"<kml>" + (placemark + b"</Placemark>\n") * 40_000 + b"</kml>",
    }
    return {name: median(_following(name, files[name]) for _ in range(rounds)) for name in files}


def _following(file_format: str, body: bytes) -> float:
    pieces = [body[start : start + 65_536] for start in range(0, len(body), 65_536)]
    structure, digest = structure_of(file_format), sha256()
    began = perf_counter()
    for piece in pieces:
        structure.feed(piece)
    followed = perf_counter()
    for piece in pieces:
        digest.update(piece)
    assert structure.is_whole()
    return (followed - began) / (perf_counter() - followed)


async def saved(client: ExploreClient, count: int, target: str, file_format: str = "jsonl") -> None:
    """Save the export to a file."""
    async with client.dataset("trees").export(file_format, Query(limit=count)) as stream:
        await stream.save(target)


async def verified(client: ExploreClient, count: int, target: str, file_format: str) -> None:
    """Save the export to a file and count its rows, without the request for their number."""

    async def expected() -> int:
        return count

    async with client.dataset("trees").export(file_format, Query(limit=count)) as stream:
        await stream.save_verified(target, count=expected)


def cpu(whose: int) -> float:
    """Return the CPU seconds so far, user and system, of this process or its children."""
    used = getrusage(whose)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
