"""Does a harvest of 5,000,000 rows have each row once, whatever the portal does?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/exactness.py
    .venv/bin/python benchmarks/exactness.py --smoke    # with few rows, as a test

The local portal serves a generated file, first quietly, then with latency, refusals and responses
that are cut short. Each strategy harvests it into Parquet, and DuckDB counts the rows that the file
has and the harvest lacks, and the other way round, as multisets. It ends with status 1 if any do.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import duckdb
from portal import generate, serving

from explore_async import ExploreClient
from explore_async.harvest import harvest

if TYPE_CHECKING:
    from explore_async.harvest.manifest import Strategy

FAULTS = (
    "--latency", "5ms", "--fail", "502:0.1", "--fail", "429:0.001", "--truncate", "0.05",
    "--seed", "1",
)  # fmt: skip
"""Few responses have status 429: at random, they would only teach the client to send less."""
STRATEGIES: tuple[Strategy, ...] = ("export", "exports", "pages")
COLUMNS = "id, name, area, country, population, price, opened, active, note, place.lon, place.lat"


def main() -> None:
    """Harvest, compare, and print what is missing or too much."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once, with few rows")
    smoke = options.parse_args().smoke
    count = 6_000 if smoke else 5_000_000
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "stations.parquet"
        generate(source, count)
        print(f"{count:,} rows".ljust(24), "missing  too much  requests  seconds")
        for kind, faults in (("quiet", ()), ("faulty", FAULTS)):
            for strategy in STRATEGIES:
                target = Path(folder) / kind / strategy
                with serving(source, options=faults) as (url, _):
                    found = asyncio.run(_harvested(url, target, strategy, count))
                missing, extra = _differences(source, target)
                wrong += missing + extra
                requests, seconds = found
                figures = f"{missing:7,}  {extra:8,}  {requests:8,}  {seconds:7.1f}"
                print(f"{strategy}, {kind}".ljust(24), figures, flush=True)
    sys.exit(1 if wrong else 0)


async def _harvested(url: str, target: Path, strategy: Strategy, count: int) -> tuple[int, float]:
    """Harvest the rows; return the requests on the wire and the seconds."""
    rows = {"export": None, "exports": count // 10, "pages": None}[strategy]
    async with ExploreClient(url.partition("/api/")[0]) as client:
        began = perf_counter()
        await harvest(
            client, "stations", target, file_format="parquet", strategy=strategy,
            partition_rows=rows,
        )  # fmt: skip
        return client.stats.requests, perf_counter() - began


def _differences(source: Path, target: Path) -> tuple[int, int]:
    """Return how many rows are missing, and how many are too much."""
    files = target / "stations" / "*.parquet"
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW wanted AS SELECT {COLUMNS} FROM '{source}'")
        database.execute(f"CREATE VIEW found AS SELECT {COLUMNS} FROM '{files}'")
        missing, extra = (
            database.sql(f"FROM {one} EXCEPT ALL FROM {other}").count("*").fetchall()[0][0]
            for one, other in (("wanted", "found"), ("found", "wanted"))
        )
    return missing, extra


if __name__ == "__main__":
    main()
