"""How near does a reading come to the rate that a server allows?

    .venv/bin/python benchmarks/throttled.py
    .venv/bin/python benchmarks/throttled.py --smoke    # once, only to see that it runs

The server has a token bucket of 20 requests per second with a burst of 3, as a stock nginx with
`limit_req`, and answers what exceeds it with a bare 429 or 503 in HTML. The client has 16 requests
in flight and is told nothing. The ratio is the time of the whole reading divided by the shortest
time that the server allows.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from statistics import median

from aiohttp import web
from pairing import print_goals

from explore_async import ExploreClient
from odsql import Query

RATE, BURST, PAGE = 20, 3, 100
GOALS = {"429": 2.0, "503": 2.0}
ROUTE = "/api/explore/v2.1/catalog/datasets/trees/records"


def main() -> None:
    """Read 6,000 rows several times."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="everything once, few rows")
    smoke = options.parse_args().smoke
    pages, rounds = (8, 1) if smoke else (60, 5)
    found = {
        status: median(asyncio.run(reading(int(status), pages)) for _ in range(rounds))
        for status in GOALS
    }
    print_goals(f"{pages * PAGE:,} rows at {RATE} requests/s: / shortest time", found, GOALS)


async def reading(status: int, pages: int) -> float:
    """Read all rows once; returns the ratio of the times."""
    runner = web.AppRunner(throttling(status, pages))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ExploreClient(base_url, concurrency=16) as client:
            began = time.perf_counter()
            records = client.dataset("trees").records(Query(order_by="id"))
            rows = [row["id"] async for row in records]
            seconds = time.perf_counter() - began
        assert rows == list(range(pages * PAGE))
    finally:
        await runner.cleanup()
    return seconds / ((pages - BURST - 1) / RATE)


def throttling(status: int, pages: int) -> web.Application:
    """A server with a token bucket."""
    level, at = 0.0, time.monotonic()

    async def answer(request: web.Request) -> web.Response:
        nonlocal level, at
        now = time.monotonic()
        level, at = max(0.0, level - (now - at) * RATE), now
        if level > BURST:
            return web.Response(
                status=status, text="<html>Slow down</html>", content_type="text/html"
            )
        level += 1
        first, size = (int(request.query[name]) for name in ("offset", "limit"))
        results = [{"id": number} for number in range(first, min(first + size, pages * PAGE))]
        return web.json_response({"total_count": pages * PAGE, "results": results})

    app = web.Application()
    app.router.add_get(ROUTE, answer)
    return app


if __name__ == "__main__":
    main()
