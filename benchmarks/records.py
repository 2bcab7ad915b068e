"""How much time does the client add to a bare loop that reads 10,000 rows in 100 pages?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/records.py
    .venv/bin/python benchmarks/records.py --smoke    # run everything once, as a test

The bare loop uses aiohttp and orjson with a semaphore of 32 and checks nothing. All contestants
know the number of rows. Ours delivers the rows in order and compares every page with its
neighbours; `typed` also converts values to dates, datetimes and points, and `into` makes instances
of classes with such values. The bare loop against
itself shows how quiet the machine is. httpx and the npm package @opendatasoft/api-client take part
if they are installed; to install the latter:

    npm install --no-save --prefix benchmarks @opendatasoft/api-client

Before timing, the rows of all contestants are compared. The last figure is the cost of the import
beyond that of aiohttp.
"""

from __future__ import annotations

import argparse
import asyncio
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import make_dataclass
from datetime import date, datetime  # noqa: TC003 - types of a class at run time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from statistics import median
from typing import TYPE_CHECKING, Any, get_type_hints

import aiohttp
import attrs
import msgspec
import orjson
from measuring import cold, settle
from pairing import paired, print_goals
from server import PAGE_ROWS, TOTAL, rows, serving

from explore_async import Converter, Dataset, DatasetField, ExploreClient, GeoPoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Fetch = Callable[[str], Awaitable[bytes]]

IN_FLIGHT = 32
LATENCY = 0.02
PATH = "/api/explore/v2.1/catalog/datasets/trees/records"
TYPES = {"planted": "date", "measured": "datetime", "geo_point_2d": "geo_point_2d"}
CONVERTER = Converter(
    fields=tuple(
        DatasetField.from_json({"name": name, "type": TYPES.get(name, "text")})
        for name in rows(0, 1)[0]
    )
)


class StructRow(msgspec.Struct):
    """A row with typed values."""

    id: int
    name: str
    genus: str
    street: str
    height_m: float
    planted: date
    measured: datetime
    remarkable: bool
    note: str | None
    geo_point_2d: GeoPoint


COLUMNS = get_type_hints(StructRow)
AttrsRow = attrs.make_class(
    "AttrsRow",
    {name: attrs.field(type=hint) for name, hint in COLUMNS.items()},
    frozen=True,
    kw_only=True,
    slots=True,  # as `@attrs.frozen` makes them
)
DataclassRow = make_dataclass("DataclassRow", COLUMNS.items(), slots=True)
CLASSES: dict[str, type[Any]] = {
    "into a Struct": StructRow,
    "into an attrs class": AttrsRow,
    "into a dataclass": DataclassRow,
}
GOALS = {
    "without latency": {
        "to_list()": 1.2,
        "one by one": 1.2,
        "typed": 1.0,
        "into a Struct": 0.9,
        "into an attrs class": 1.3,
        "into a dataclass": 1.3,
        "ours / httpx": 0.4,
        "ours / npm": 0.6,
    },
    "20 ms of latency": {"to_list()": 1.1, "one by one": 1.1},
    "import": {"extra milliseconds": 40.0},
}


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once")
    smoke = options.parse_args().smoke
    for title, latency, rounds in (("without latency", 0.0, 41), ("20 ms of latency", LATENCY, 15)):
        with serving(latency) as url:
            figures = asyncio.run(reading(url, 1 if smoke else rounds, peers=not latency))
        print_goals(f"{TOTAL:,} rows, {title}: / bare loop", figures, GOALS[title])
    importing(1 if smoke else 15)


async def reading(url: str, rounds: int, *, peers: bool) -> dict[str, float]:
    """Return the times of reading all rows, as ratios to the bare loop."""
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        ExploreClient(url, concurrency=IN_FLIGHT) as client,
    ):
        floor = partial(bare, partial(fetch, session), url)
        others: dict[str, Callable[[], Awaitable[Any]]] = {
            "bare loop again": floor,
            "to_list()": partial(listed, client),
            "one by one": partial(one_by_one, client),
        }
        expected = rows(0, TOTAL)
        for name, work in others.items():
            assert await work() == expected, name
        if peers:
            others["typed"] = partial(typed, client)
            assert await typed(client) == CONVERTER.rows(expected)
            trees = client.dataset("trees")  # requests the schema once
            for name, row_class in CLASSES.items():
                others[name] = partial(into, trees, row_class)
                made = await into(trees, row_class)
                assert [read_again(row) for row in made] == CONVERTER.rows(expected), name
        settle()
        found = await paired(floor, others, rounds)
        if peers and find_spec("httpx") is not None:
            found["ours / httpx"] = await against_httpx(client, url, rounds)
        if peers and await npm_is_installed():
            found["ours / npm"] = await against_npm(client, url, rounds)
    return found


async def fetch(session: aiohttp.ClientSession, url: str) -> bytes:
    """Return the body of one response."""
    async with session.get(url) as response:
        return await response.read()


async def bare(get: Fetch, url: str) -> list[dict[str, Any]]:
    """Read all pages at once, limited by a semaphore, and join them."""
    places = asyncio.Semaphore(IN_FLIGHT)

    async def page(offset: int) -> list[dict[str, Any]]:
        async with places:
            body = await get(f"{url}{PATH}?limit={PAGE_ROWS}&offset={offset}")
            found: list[dict[str, Any]] = orjson.loads(body)["results"]
            return found

    pages = await asyncio.gather(*(page(offset) for offset in range(0, TOTAL, PAGE_ROWS)))
    return [row for page in pages for row in page]


async def listed(client: ExploreClient) -> list[dict[str, Any]]:
    """Read all rows in one call."""
    return await client.dataset("trees").records(max_rows=TOTAL).to_list()


async def one_by_one(client: ExploreClient) -> list[dict[str, Any]]:
    """Read all rows, one by one, from the iterator."""
    return [row async for row in client.dataset("trees").records(max_rows=TOTAL)]


async def typed(client: ExploreClient) -> list[dict[str, Any]]:
    """Read all rows with typed values."""
    return await client.dataset("trees").records(max_rows=TOTAL, typed=CONVERTER).to_list()


async def into(trees: Dataset, row_class: type[Any]) -> list[Any]:
    """Read all rows into a class."""
    return await trees.records(max_rows=TOTAL, into=row_class).to_list()


def read_again(row: Any) -> dict[str, Any]:
    """Return the values of an instance, as a typed row has them."""
    return {name: getattr(row, name) for name in COLUMNS}


async def against_httpx(client: ExploreClient, url: str, rounds: int) -> float:
    """Return our time as a fraction of that of a bare httpx loop."""
    httpx = import_module("httpx")
    limits = httpx.Limits(max_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, timeout=60) as peer:

        async def get(address: str) -> bytes:
            body: bytes = (await peer.get(address)).content
            return body

        others = {"ours": partial(listed, client)}
        return (await paired(partial(bare, get, url), others, max(1, rounds // 4)))["ours"]


NPM_CLIENT = Path(__file__).with_name("npm_client.mjs")


async def npm_is_installed() -> bool:
    """Return whether node runs and finds the package."""
    if which("node") is None:
        return False
    trial = await create_subprocess_exec(
        "node", NPM_CLIENT, "http://127.0.0.1", stdin=DEVNULL, stderr=DEVNULL
    )
    return await trial.wait() == 0


async def against_npm(client: ExploreClient, url: str, rounds: int) -> float:
    """Return our time as a fraction of that of the npm package, in one long-lived process."""
    arguments = (url, str(TOTAL), str(PAGE_ROWS), str(IN_FLIGHT))
    peer = await create_subprocess_exec("node", NPM_CLIENT, *arguments, stdin=PIPE, stdout=PIPE)
    assert peer.stdin is not None
    assert peer.stdout is not None
    asking, answering = peer.stdin, peer.stdout

    async def theirs() -> None:
        asking.write(b"\n")
        assert int(await answering.readline()) == TOTAL

    found = await paired(theirs, {"ours": partial(listed, client)}, rounds)
    asking.close()
    await peer.wait()
    return found["ours"]


def importing(runs: int) -> None:
    """Measure how much longer the import of the client takes than that of aiohttp."""
    ours, theirs = cold("from explore_async import ExploreClient", "import aiohttp", runs)
    more = median(
        (one.inside - other.inside) * 1000 for one, other in zip(ours, theirs, strict=True)
    )
    print_goals("import, beyond aiohttp", {"extra milliseconds": more}, GOALS["import"])


if __name__ == "__main__":
    main()
