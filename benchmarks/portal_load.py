"""Does the local portal stay level under load: no errors, no leaked memory, files or threads?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/portal_load.py
    .venv/bin/python benchmarks/portal_load.py --smoke    # a few seconds, as a test

For a minute, 200 clients at once send mixed requests to a portal in a separate process that serves
the cities of GeoNames: records, facets, groups, searches and exports. A tenth of the requests are
broken off in their middle, with the connection. Printed are:

* requests per second, and the errors: answers but 200, and connections that the portal ends;
* the open files and the threads of the portal before the load, in it, and after it;
* its memory in MiB during and after the load. A first round of half that time, which is not
  measured, makes the indexes and fills the caches. The memory is level if it is at the end of the
  load, and after it, at most a fifth above that at its first sixth. With the allocator of glibc,
  which keeps memory for each thread, it rises for some minutes and then stays; with
  MALLOC_ARENA_MAX=2 in the environment, it takes less and stays earlier.

The status is 1 if there are errors, if files stay open, or if the memory is not level.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import aiohttp
from attrs import define, field
from portal import CITIES, serving

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

GROWTH = 1.2
BROKEN_OFF = 0.1
Parameters = tuple[tuple[str, str], ...]

COUNTRIES = ("FR", "DE", "IN", "US", "CA", "BR", "CN", "IS")
NAMES = ("marseille", "san jose", "kolkata", "munchen", "saint johns", "springfield")


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="a few seconds, with few clients")
    options.add_argument("--seconds", type=int, default=60, help="the length of the load")
    read = options.parse_args()
    clients, seconds = (20, 6) if read.smoke else (200, read.seconds)
    # So short a load says nothing of the memory.
    sys.exit(asyncio.run(measure(clients, seconds, growth=None if read.smoke else GROWTH)))


@define
class Tally:
    """What happened to the requests."""

    done: Counter[str] = field(factory=Counter)
    errors: Counter[str] = field(factory=Counter)
    broken: int = 0


async def measure(clients: int, seconds: int, *, growth: float | None) -> int:
    """Load a portal; return 0 if it stays level."""
    with serving() as (base, process):
        url = f"{base}/{CITIES}"
        await load(url, clients, seconds / 2, Tally())
        await settled(process)
        found = [("before", *state(process))]
        tally, started = Tally(), perf_counter()
        task = asyncio.create_task(load(url, clients, seconds, tally))
        for share in (1 / 6, 1 / 2, 1):
            await asyncio.sleep(max(0.0, started + share * seconds * 0.99 - perf_counter()))
            found.append((f"at {share * seconds:.0f} s", *state(process)))
        await task
        spent = perf_counter() - started
        await settled(process)
        found.append(("after", *state(process)))
        alive = process.poll() is None
    report(tally, spent, found)
    early, late, after = (found[at][1] for at in (1, 3, 4))
    level = growth is None or max(late, after) <= growth * early
    files = found[-1][2] <= found[0][2]
    print("level" if level and files else "NOT LEVEL")
    return 0 if alive and level and files and not tally.errors else 1


def report(tally: Tally, spent: float, found: Sequence[tuple[str, float, int, int]]) -> None:
    """Print the numbers."""
    total = sum(tally.done.values())
    print(f"{total} requests in {spent:.0f} s: {total / spent:.0f}/s, {tally.broken} broken off")
    print(", ".join(f"{name} {count}" for name, count in sorted(tally.done.items())))
    print(f"errors: {sum(tally.errors.values())}", *tally.errors.most_common(5))
    print(f"{'':8} {'MiB':>8} {'files':>8} {'threads':>8}")
    for name, memory, files, threads in found:
        print(f"{name:8} {memory:8.0f} {files:8} {threads:8}")


# ---------------------------------------------------------------- clients


async def load(url: str, clients: int, seconds: float, tally: Tally) -> None:
    """Let clients send requests one after another, each on a connection of its own."""
    end = perf_counter() + seconds
    await asyncio.gather(*(client(url, number, end, tally) for number in range(clients)))


async def client(url: str, number: int, end: float, tally: Tally) -> None:
    """Send requests until the end of the time."""
    chance = random.Random(number)
    connector = aiohttp.TCPConnector(limit=1)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        while perf_counter() < end:
            kind, path, parameters = request(chance)
            breaks = chance.random() < BROKEN_OFF
            try:
                await ask(session, f"{url}/{path}", parameters, chance, breaks=breaks)
            except (aiohttp.ClientError, TimeoutError, AssertionError) as error:
                tally.errors[f"{kind}: {error!r:.120}"] += 1
            tally.done[kind] += 1
            tally.broken += breaks


async def ask(
    session: aiohttp.ClientSession,
    url: str,
    parameters: Parameters,
    chance: random.Random,
    *,
    breaks: bool,
) -> None:
    """Read an answer, or break it off: before it comes, or after its first bytes."""
    if breaks and chance.random() < 0.5:
        try:
            async with asyncio.timeout(chance.random() / 10), session.get(url, params=parameters):
                pass
        except TimeoutError:
            return
        return
    async with session.get(url, params=parameters) as response:
        assert response.status == 200, response.status
        if breaks:
            await response.content.readany()
            response.close()
            return
        while await response.content.readany():
            pass


def request(chance: random.Random) -> tuple[str, str, Parameters]:
    """Return the kind of a request, its path below the dataset, and its parameters."""
    country, name = chance.choice(COUNTRIES), chance.choice(NAMES)
    here = ("where", f"country_code = '{country}'")
    kind = chance.choice(("records", "records", "facets", "groups", "search", "export"))
    if kind == "records":
        page = (("limit", "100"), ("offset", str(chance.randrange(900))))
        return kind, "records", (here, ("order_by", "population desc"), *page)
    if kind == "facets":
        return kind, "facets", (("facet", "country_code"), ("facet", "timezone"), here)
    if kind == "groups":
        return kind, "records", (("group_by", "timezone"), ("select", "count(*), sum(population)"))
    if kind == "search":
        return kind, "records", (("where", f"search('{name}')"), ("limit", "20"))
    suffix = chance.choice(("csv", "jsonl", "json", "parquet", "geojson", "xlsx"))
    rows = "where", f"country_code = '{chance.choice(COUNTRIES[-4:])}'"
    return kind, f"exports/{suffix}", (rows,)


# ---------------------------------------------------------------- the process


async def settled(process: subprocess.Popen[str]) -> None:
    """Wait until the portal has closed what it closes; at most five seconds."""
    before = -1
    for _ in range(10):
        await asyncio.sleep(0.5)
        files = state(process)[1]
        if files == before:
            return
        before = files


def state(process: subprocess.Popen[str]) -> tuple[float, int, int]:
    """Return the memory in MiB, the open files and the threads, where the system tells them."""
    folder = Path(f"/proc/{process.pid}")
    if not folder.exists():
        return 0.0, 0, 0
    status = (folder / "status").read_text()
    memory, threads = (
        int(found[1]) if (found := re.search(rf"{name}:\s+(\d+)", status)) else 0
        for name in ("VmRSS", "Threads")
    )
    return memory / 1024, sum(1 for _ in (folder / "fd").iterdir()), threads


if __name__ == "__main__":
    main()
