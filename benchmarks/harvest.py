"""What does a harvest cost in time, memory and requests?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/harvest.py
    .venv/bin/python benchmarks/harvest.py --smoke    # run everything once, as a test

A server in another process has the bodies ready. Each contestant is a fresh process, and the time
of a harvest is that of `harvest` alone, with its planning, checksums and flushes to the disk:

* to Parquet, against pyarrow reading the same JSON Lines from a file and writing Parquet;
* to JSON Lines, against curl, or a bare loop of aiohttp where curl is not installed, and against
  the same with `sync`, because a harvest is on the disk when it ends;
* in pages, against the time that 8 requests in flight take at least, if each takes as long as one
  alone; planning and the last check are left out;
* a mirror of small datasets, against the time that 8 requests in flight take at least for the
  requests that it sends;
* planning of the local portal's rows in partitions of at most 9,999 rows.

Of the times of several rounds, the best of each contestant are compared, and the spread is that of
the slowest to the fastest harvest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import aiohttp
import orjson
from aiohttp import web
from measuring import cold_output
from pairing import print_goals
from portal import generate
from portal import serving as portal_serving
from server import rows

from explore_async import ExploreClient
from explore_async.harvest import plan_harvest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/explore/v2.1/catalog/datasets"
LATENCY, IN_FLIGHT = 0.02, 8
GOALS = {
    "parquet / pyarrow": 1.6,
    "jsonl / curl": 1.3,
    "jsonl / aiohttp, as there is no curl": 1.3,
    "parquet, peak MiB": 200.0,
    "jsonl, peak MiB": 64.0,
    "pages / shortest time": 1 / 0.85,
    "mirror / shortest time": 1 / 0.8,
    "count requests / partition": 3.0,
    "partitions / fewest": 1.2,
}
TYPES = {
    "id": "int",
    "height_m": "double",
    "planted": "date",
    "measured": "datetime",
    "remarkable": "boolean",
    "geo_point_2d": "geo_point_2d",
}


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once, with few rows")
    options.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve is not None:
        asyncio.run(_serve(given.serve))
        return
    smoke = given.smoke
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        count = 2_000 if smoke else 1_000_000
        print_goals(f"{count:,} rows", _times(home, count, 1 if smoke else 5), GOALS)
        for count in (1_000, 2_000) if smoke else (100_000, 1_000_000, 5_000_000):
            print_goals(f"memory, {count:,} rows", _peaks(home, count), GOALS)
        count = 10_000 if smoke else 200_000
        found = {"pages / shortest time": asyncio.run(_pages(home, count))}
        print_goals(f"{count // 100:,} pages, {LATENCY * 1000:.0f} ms latency", found, GOALS)
        count, chosen = (10, "trees-*-?") if smoke else (_DATASETS, "*")
        found = asyncio.run(_mirror(home, count, chosen))
        title = f"mirror of {count} datasets, {LATENCY * 1000:.0f} ms latency"
        print_goals(title, found, GOALS)
        count = 20_000 if smoke else 5_000_000
        found = asyncio.run(_planning(home, count, count // 500 - 1))
        print_goals(f"planning {count:,} rows", found, GOALS)


def _times(folder: Path, count: int, rounds: int) -> dict[str, float]:
    """Return the times of harvests, as ratios to those of others."""
    times: dict[str, list[float]] = {}
    rival = "curl" if shutil.which("curl") else "aiohttp, as there is no curl"
    source = folder / "source.jsonl"

    def timed(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)

    with _serving() as url:
        export = f"{url}{PATH}/trees-{count}/exports/jsonl"
        for _ in range(rounds):
            source.unlink(missing_ok=True)
            received = _received(export, source)
            timed(rival, received)
            began = perf_counter()
            with source.open("rb") as file:
                os.fsync(file.fileno())
            timed(f"{rival} and sync", received + perf_counter() - began)
            timed("jsonl", _harvested(url, f"trees-{count}", "jsonl", folder)[0])
            timed("pyarrow", float(cold_output(_PYARROW.format(source=source))))
            timed("parquet", _harvested(url, f"trees-{count}", "parquet", folder)[0])
    best = {name: min(found) for name, found in times.items()}
    spread = max(max(times[name]) / best[name] for name in ("jsonl", "parquet"))
    return {
        "parquet / pyarrow": best["parquet"] / best["pyarrow"],
        f"jsonl / {rival}": best["jsonl"] / best[rival],
        f"jsonl / {rival} and sync": best["jsonl"] / best[f"{rival} and sync"],
        "slowest / fastest": spread,
    }


def _received(export: str, target: Path) -> float:
    """Save an export without a harvest; return the seconds."""
    if not shutil.which("curl"):
        return float(cold_output(_AIOHTTP.format(export=export, target=target)))
    began = perf_counter()
    subprocess.run(["curl", "-sfo", str(target), export], check=True)
    return perf_counter() - began


_AIOHTTP = """\
import asyncio, aiohttp
from time import perf_counter

async def main():
    with open(r"{target}", "wb") as file:
        async with aiohttp.ClientSession() as session, session.get("{export}") as response:
            async for chunk in response.content.iter_any():
                file.write(chunk)

began = perf_counter()
asyncio.run(main())
print(perf_counter() - began)
"""

_PYARROW = """\
from time import perf_counter
import pyarrow.json, pyarrow.parquet
began = perf_counter()
table = pyarrow.json.read_json(r"{source}")
pyarrow.parquet.write_table(table, r"{source}.parquet", compression="zstd")
print(perf_counter() - began)
"""


def _peaks(folder: Path, count: int) -> dict[str, float]:
    """Return the peak memory of harvests, in MiB."""
    with _serving() as url:
        return {
            f"{name}, peak MiB": _harvested(url, f"trees-{count}", name, folder)[1]
            for name in ("parquet", "jsonl")
        }


def _harvested(
    url: str, name: str, file_format: str, folder: Path, strategy: str = "export"
) -> tuple[float, float]:
    """Return the seconds of a harvest in a fresh process, and its peak memory in MiB."""
    # Removed now and not later: every contestant then writes to memory that was just freed.
    target = folder / file_format
    shutil.rmtree(target, ignore_errors=True)
    code = _HARVEST.format(
        url=url, name=name, target=target, file_format=file_format, strategy=strategy
    )
    seconds, kibibytes = json.loads(cold_output(code))
    return seconds, kibibytes / 1024


_HARVEST = """\
import asyncio, json, re
from time import perf_counter
from explore_async import ExploreClient
from explore_async.harvest import Committed, Planned, harvest

async def main():
    async with ExploreClient("{url}") as client:
        began = perf_counter()
        async for event in harvest(client, "{name}", r"{target}", file_format="{file_format}",
                                   strategy="{strategy}"):
            if isinstance(event, Planned) and "{strategy}" == "pages":
                began = perf_counter()
            if isinstance(event, Committed):
                committed = perf_counter()
        ended = committed if "{strategy}" == "pages" else perf_counter()
        seconds = ended - began
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
    print(json.dumps([seconds, int(peak[1])]))

asyncio.run(main())
"""


async def _pages(folder: Path, count: int) -> float:
    """Return the time of a harvest of pages, as a ratio to the shortest that is possible."""
    with _serving(LATENCY) as url:
        name = f"trees-{count}"
        alone = await _alone(f"{url}{PATH}/{name}/records?limit=100")
        seconds, _ = await asyncio.to_thread(_harvested, url, name, "jsonl", folder, "pages")
    return seconds / (alone * count / 100 / IN_FLIGHT)


async def _alone(url: str) -> float:
    """Return the seconds of one request while there is no other."""
    times = []
    async with aiohttp.ClientSession() as session:
        for _ in range(20):
            began = perf_counter()
            async with session.get(url) as response:
                await response.read()
            times.append(perf_counter() - began)
    return median(times)


async def _mirror(folder: Path, count: int, chosen: str) -> dict[str, float]:
    """Return the time of a mirror, as a ratio to the shortest that is possible."""
    with _serving(LATENCY) as url:
        one = f"{url}{PATH}/trees-{_SMALL}-0"
        kinds = (one, f"{one}/records?limit=0", f"{one}/exports/jsonl")
        alone = sum([await _alone(kind) for kind in kinds]) / len(kinds)
        code = _MIRROR.format(url=url, target=folder / "mirror", chosen=chosen)
        seconds, requests, datasets = json.loads(await asyncio.to_thread(cold_output, code))
    assert datasets == count
    return {
        "mirror / shortest time": seconds / (alone * requests / IN_FLIGHT),
        "requests / dataset": requests / count,
    }


_SMALL, _DATASETS = 300, 500
"""The rows of a small dataset, and how many of them the catalog lists."""

_MIRROR = """\
import asyncio, json
from time import perf_counter
from explore_async import ExploreClient
from explore_async.harvest import mirror

async def main():
    async with ExploreClient("{url}") as client:
        began = perf_counter()
        report = await mirror(client, r"{target}", include=["{chosen}"])
        seconds = perf_counter() - began
        print(json.dumps([seconds, client.stats.requests, len(report.of("new"))]))

asyncio.run(main())
"""


async def _planning(folder: Path, count: int, most: int) -> dict[str, float]:
    generated = folder / "stations.parquet"
    generate(generated, count)
    with portal_serving(generated) as (base, _):
        async with ExploreClient(base.partition("/api/")[0]) as client:
            plan = await plan_harvest(client, "stations", strategy="pages", partition_rows=most)
    made = len(plan.partitions)
    return {
        "count requests / partition": plan.planning_requests / made,
        "partitions / fewest": made / -(-count // most),
    }


# ---------------------------------------------------------------- server


@contextmanager
def _serving(latency: float = 0.0) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _dataset(name: str, fields: list[dict[str, object]]) -> dict[str, object]:
    visible = {"dataset_id": name, "has_records": True, "data_visible": True}
    return {**visible, "fields": fields, "metas": {}}


async def _serve(latency: float) -> None:
    """Serve datasets `trees-N` of N rows, whose bodies are ready, and a catalog of small ones."""
    some = rows(0, 100_000)
    blocks = [
        b"".join(orjson.dumps(row) + b"\n" for row in some[start : start + 1000])
        for start in range(0, len(some), 1000)
    ]
    lines = [orjson.dumps(row) for row in some]
    fields: list[dict[str, object]] = [
        {"name": name, "label": name, "type": TYPES.get(name, "text"), "annotations": {}}
        for name in some[0]
    ]

    def size(request: web.Request) -> int:
        return int(request.match_info["name"].split("-")[1])

    async def catalog(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        start, limit = int(request.query.get("offset", 0)), int(request.query["limit"])
        numbers = range(start, min(_DATASETS, start + limit))
        results = [_dataset(f"trees-{_SMALL}-{number}", fields) for number in numbers]
        return web.json_response({"total_count": _DATASETS, "results": results})

    async def info(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        return web.json_response(_dataset(request.match_info["name"], fields))

    async def records(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        query, total = request.query, size(request)
        ends = dict(re.findall(r"id (>=|<) (\d+)", query.get("where", "")))
        low, high = int(ends.get(">=", 0)), int(ends.get("<", total))
        if "group_by" in query:
            width = int(re.findall(r"\d+", query["group_by"])[0])
            found = [
                orjson.dumps({"id": f"[{at}, {at + width - 1}]", "n": min(width, high - at)})
                for at in range(low, high, width)
            ]
            start = int(query.get("offset", 0))
            results, counted = found[start : start + int(query["limit"])], len(found)
        elif "select" in query:
            extent = {"n0": high - low, "d0": high - low, "l0": low, "h0": high - 1}
            results, counted = [orjson.dumps(extent)], 1
        else:
            start = low + int(query.get("offset", 0))
            ids = range(start, min(high, start + int(query.get("limit", 10))))
            results, counted = [lines[number % len(lines)] for number in ids], high - low
        body = b'{"total_count":%d,"results":[%b]}' % (counted, b",".join(results))
        return web.Response(body=body, content_type="application/json")

    async def export(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(latency)
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        limit = int(request.query.get("limit", -1))
        if limit >= 0:
            await response.write(b"".join(line + b"\n" for line in lines[:limit]))
            return response
        count = size(request)
        for number in range(count // 1000):
            await response.write(blocks[number % len(blocks)])
        await response.write(b"".join(line + b"\n" for line in lines[: count % 1000]))
        return response

    app = web.Application()
    app.router.add_get(PATH, catalog)
    app.router.add_get(PATH + "/{name}", info)
    app.router.add_get(PATH + "/{name}/records", records)
    app.router.add_get(PATH + "/{name}/exports/jsonl", export)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
