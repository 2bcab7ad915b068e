"""How much does the client add to the bare loop that asks 1,000 facets of 20 datasets?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/facets.py
    .venv/bin/python benchmarks/facets.py --smoke    # once, only to see that it runs

The floor is aiohttp and orjson with a semaphore of 32, and leaves the decoded JSON as it is. The
client makes `Facet` values of it; the answers have 10 values each, and then 100, the most that a
portal gives unasked.
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
    """Run all of it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="everything once")
    smoke = options.parse_args().smoke
    with serving() as url:
        for dataset, values in (("few", 10), ("wide", 100)):
            found = asyncio.run(asking(url, dataset, 1 if smoke else 15))
            title = f"{DATASETS * FACETS:,} facets of {values} values: / bare loop"
            print_goals(title, found, GOALS)


async def asking(url: str, dataset: str, rounds: int) -> dict[str, float]:
    """Ratios of asking with the client to asking without."""
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        ExploreClient(url, concurrency=IN_FLIGHT) as client,
    ):
        floor = partial(bare, session, url, dataset)
        others: dict[str, Callable[[], Awaitable[Any]]] = {
            "the floor itself": floor,
            "gather(facets)": partial(gathered, client, dataset),
        }
        plain, ours = await floor(), await gathered(client, dataset)
        assert [facet.name for facet in ours] == [each["facets"][0]["name"] for each in plain]
        assert ours[-1].values[-1].count == plain[-1]["facets"][0]["facets"][-1]["count"]
        settle()
        return await paired(floor, others, rounds)


async def bare(session: aiohttp.ClientSession, url: str, name: str) -> list[Any]:
    """All requests at once behind a semaphore."""
    places = asyncio.Semaphore(IN_FLIGHT)
    base = f"{url}/api/explore/v2.1/catalog/datasets"

    async def ask(dataset: int, facet: int) -> Any:
        async with places, session.get(f"{base}/{name}{dataset}/facets?facet=f{facet}") as response:
            return orjson.loads(await response.read())

    pairs = [(dataset, facet) for dataset in range(DATASETS) for facet in range(FACETS)]
    return await asyncio.gather(*(ask(dataset, facet) for dataset, facet in pairs))


async def gathered(client: ExploreClient, name: str) -> list[Facet]:
    """All facets of each dataset, all datasets at once."""
    names = [f"f{facet}" for facet in range(FACETS)]
    found = await client.gather(
        *(client.dataset(f"{name}{dataset}").facets(*names) for dataset in range(DATASETS))
    )
    return [facet for facets in found for facet in facets]


if __name__ == "__main__":
    main()
