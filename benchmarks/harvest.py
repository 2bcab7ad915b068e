"""What does a harvest cost in time, memory and requests?

    .venv/bin/python benchmarks/harvest.py
    .venv/bin/python benchmarks/harvest.py --large    # memory of 5,000,000 rows, too
    .venv/bin/python benchmarks/harvest.py --smoke    # run everything once, as a test

Each harvest is a fresh process; the time is that of `harvest` alone, with its planning, checksums
and flushes to the disk. Parquet: against pyarrow reading the same JSON Lines from a file and
writing Parquet. JSON Lines: against curl, which must be installed. Pages: against the time that 8
requests in flight take at least, if each takes as long as one alone; planning and the last check
are left out. Planning: 5,000,000 rows of the local portal, in partitions of at most 9,999 rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
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
import pyarrow.json
import pyarrow.parquet
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
LATENCY, PAGES, IN_FLIGHT = 0.02, 95, 8
GOALS = {
    "parquet / pyarrow": 1.6,
    "jsonl / curl": 1.3,
    "parquet, peak MiB": 200.0,
    "jsonl, peak MiB": 64.0,
    "pages / shortest time": 1 / 0.85,
    "count requests / partition": 3.0,
    "partitions / fewest": 1.2,
}
TYPES = {
    "id": "int",
    "height_m": "double",
    "planted": "date",
    "measured": "datetime",
    "geo_point_2d": "geo_point_2d",
}


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once, with few rows")
    options.add_argument("--large", action="store_true", help="harvest 5,000,000 rows, too")
    options.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve is not None:
        asyncio.run(_serve(chosen.serve))
        return
    sizes = [2_000] if chosen.smoke else [100_000, 1_000_000] + [5_000_000] * chosen.large
    with tempfile.TemporaryDirectory() as folder:
        for count in sizes:
            rounds = 3 if count == 1_000_000 else 1
            print_goals(f"{count:,} rows", _exports(Path(folder), count, rounds), GOALS)
        found = {"pages / shortest time": asyncio.run(_pages(Path(folder)))}
        print_goals(f"{PAGES} pages, {LATENCY * 1000:.0f} ms latency", found, GOALS)
        count = 20_000 if chosen.smoke else 5_000_000
        found = asyncio.run(_planning(Path(folder), count, count // 500 - 1))
        print_goals(f"planning {count:,} rows", found, GOALS)


def _exports(folder: Path, count: int, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {"parquet / pyarrow": [], "jsonl / curl": []}
    peaks: dict[str, float] = {}
    source = folder / "source.jsonl"
    with _serving() as url:
        export = f"{url}{PATH}/trees-{count}/exports/jsonl"
        for _ in range(rounds):
            for name, quotients in times.items():
                file_format = name.partition(" ")[0]
                began = perf_counter()
                if file_format == "jsonl" or not source.exists():
                    subprocess.run(["curl", "-sfo", str(source), export], check=True)
                if file_format == "parquet":
                    began = perf_counter()
                    table = pyarrow.json.read_json(source)
                    target = folder / "target.parquet"
                    pyarrow.parquet.write_table(table, target, compression="zstd")
                    del table
                floor = perf_counter() - began
                seconds, peak = _harvested(url, f"trees-{count}", file_format, folder)
                quotients.append(seconds / floor)
                peaks[f"{file_format}, peak MiB"] = peak
    source.unlink()
    return {name: median(quotients) for name, quotients in times.items()} | peaks


def _harvested(
    url: str, name: str, file_format: str, folder: Path, strategy: str = "export"
) -> tuple[float, float]:
    """Return the seconds of a harvest in a fresh process, and its peak memory in MiB."""
    with tempfile.TemporaryDirectory(dir=folder) as target:
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
                                   strategy="{strategy}", partition_rows=10_000_000):
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


async def _pages(folder: Path) -> float:
    """Return the time of a harvest of pages, as a ratio to the shortest that is possible."""
    with _serving(LATENCY) as url:
        name = f"trees-{PAGES * 100}"
        async with aiohttp.ClientSession() as session:
            began = perf_counter()
            for _ in range(10):
                async with session.get(f"{url}{PATH}/{name}/records?limit=100") as response:
                    await response.read()
            one = (perf_counter() - began) / 10
        seconds, _ = await asyncio.to_thread(_harvested, url, name, "jsonl", folder, "pages")
    return seconds / (one * PAGES / IN_FLIGHT)


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


async def _serve(latency: float) -> None:
    """Serve datasets `trees-N` of N rows, whose bodies are ready."""
    # Booleans are left out: they become text, and such rows are read one by one.
    some = [
        {name: value for name, value in row.items() if name != "remarkable"}
        for row in rows(0, 100_000)
    ]
    blocks = [
        b"".join(orjson.dumps(row) + b"\n" for row in some[start : start + 1000])
        for start in range(0, len(some), 1000)
    ]
    pages = [orjson.dumps(some[start : start + 100]) for start in range(0, 10_000, 100)]
    fields = [
        {"name": name, "label": name, "type": TYPES.get(name, "text"), "annotations": {}}
        for name in some[0]
    ]

    def size(request: web.Request) -> int:
        return int(request.match_info["name"].partition("-")[2])

    async def info(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        described = {"dataset_id": name, "has_records": True, "data_visible": True}
        return web.json_response({**described, "fields": fields, "metas": {}})

    async def records(request: web.Request) -> web.Response:
        await asyncio.sleep(latency)
        full = request.query.get("limit") == "100"
        found = pages[int(request.query.get("offset", 0)) // 100] if full else b"[]"
        body = b'{"total_count":%d,"results":%b}' % (size(request), found)
        return web.Response(body=body, content_type="application/json")

    async def export(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        limit = int(request.query.get("limit", -1))
        if limit >= 0:
            await response.write(b"".join(orjson.dumps(row) + b"\n" for row in some[:limit]))
            return response
        for number in range(size(request) // 1000):
            await response.write(blocks[number % len(blocks)])
        return response

    app = web.Application()
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
