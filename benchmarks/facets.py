"""How much time does the client add to a bare loop that requests 1,000 facets of 20 datasets?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/facets.py
    .venv/bin/python benchmarks/facets.py --smoke    # run everything once, as a test

The bare loop uses aiohttp and orjson with a semaphore of 32 and only decodes the JSON. The client
also builds `Facet` objects, whose values it converts when they are read. The responses have 10
values each, and then 100, the default maximum of a portal.
"""

from __future__ import annotations

import argparse
import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from measuring import settle
from pairing import paired, print_goals
from server import serving

from explore_async import ExploreClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from explore_async import Facet

IN_FLIGHT = 32
DATASETS = 20
FACETS = 50
GOALS = {"gather(facets)": 1.2}


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once")
    smoke = options.parse_args().smoke
    with serving() as url:
        for dataset, values in (("few", 10), ("wide", 100)):
            found = asyncio.run(asking(url, dataset, 1 if smoke else 15))
            title = f"{DATASETS * FACETS:,} facets of {values} values: / bare loop"
            print_goals(title, found, GOALS)


async def asking(url: str, dataset: str, rounds: int) -> dict[str, float]:
    """Return the times of requesting the facets, as ratios to the bare loop."""
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        ExploreClient(url, concurrency=IN_FLIGHT) as client,
    ):
        floor = partial(bare, session, url, dataset)
        others: dict[str, Callable[[], Awaitable[Any]]] = {
            "bare loop again": floor,
            "gather(facets)": partial(gathered, client, dataset),
        }
        plain, ours = await floor(), await gathered(client, dataset)
        assert [facet.name for facet in ours] == [each["facets"][0]["name"] for each in plain]
        assert ours[-1].values[-1].count == plain[-1]["facets"][0]["facets"][-1]["count"]
        settle()
        return await paired(floor, others, rounds)


async def bare(session: aiohttp.ClientSession, url: str, name: str) -> list[Any]:
    """Send all requests at once, limited by a semaphore."""
    places = asyncio.Semaphore(IN_FLIGHT)
    base = f"{url}/api/explore/v2.1/catalog/datasets"

    async def ask(dataset: int, facet: int) -> Any:
        async with places, session.get(f"{base}/{name}{dataset}/facets?facet=f{facet}") as response:
            return orjson.loads(await response.read())

    pairs = [(dataset, facet) for dataset in range(DATASETS) for facet in range(FACETS)]
    return await asyncio.gather(*(ask(dataset, facet) for dataset, facet in pairs))


async def gathered(client: ExploreClient, name: str) -> list[Facet]:
    """Request all facets of each dataset, for all datasets at once."""
    names = [f"f{facet}" for facet in range(FACETS)]
    found = await client.gather(
        *(client.dataset(f"{name}{dataset}").facets(*names) for dataset in range(DATASETS))
    )
    return [facet for facets in found for facet in facets]


if __name__ == "__main__":
    main()
