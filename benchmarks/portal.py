"""How much time does the local portal add to the SQL that it runs?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/portal.py
    .venv/bin/python benchmarks/portal.py --smoke    # run everything once, on few rows, as a test

The portal runs in a separate process and answers over HTTP. Beside it, in this process, DuckDB runs
the SQL that a person would write for the same answer, over the same data: the cities of GeoNames in
a table, and generated rows in a Parquet file, which the portal reads in place. Every figure is a
ratio of times measured in turn, in one run:

* requests: the time of the answer, less 2 ms for HTTP, divided by that of the SQL;
* exports: the time until the last byte, read from a bare socket, divided by that of DuckDB's own
  COPY to a file;
* the first catalog request of a portal of 1,000 files, and the start of that portal, in seconds;
* the peak memory of the portal over everything, in MiB.

Responses are not compressed. A search needs an index, which the first search makes; that one is not
timed.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlretrieve

import aiohttp
import duckdb
from attrs import frozen
from pairing import print_goals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

HTTP_SECONDS = 0.002
REQUEST_GOAL = 1.5
JSONL_GOAL = 1 / 0.7
PARQUET_GOAL = 1.2
SEARCH_GOAL = 100.0
START_GOAL = 2.0
MEMORY_GOAL = 512.0
CITIES = "geonames-all-cities-with-a-population-1000"


@frozen
class Question:
    """The same question to the portal and to DuckDB.

    `path` is below the dataset; `sql` are the statements that a person would write for the answer.
    """

    name: str
    path: str
    params: Sequence[tuple[str, str]]
    sql: Sequence[str]


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once, on few rows")
    smoke = options.parse_args().smoke
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), rounds=1 if smoke else 15, smoke=smoke))


async def measure(folder: Path, *, rounds: int, smoke: bool) -> None:
    """Measure the cities, the generated rows and the start."""
    count = 20_000 if smoke else 5_000_000
    generated = folder / "stations.parquet"
    generate(generated, count)
    with serving() as (base, process), duckdb.connect() as database:
        load_cities(base, folder / "cities.jsonl", database)
        await _questions(f"{base}/{CITIES}", CITY_QUESTIONS, database, rounds, "170,000 cities")
        await _exports(f"{base}/{CITIES}", "FROM cities", folder, database, max(1, rounds // 3))
        _memory(process, "cities")
    with serving(generated) as (base, process), duckdb.connect() as database:
        database.execute(f"CREATE VIEW stations AS FROM '{generated}'")
        title = f"{count:,} generated rows"
        few = max(1, rounds // 3)
        await _questions(f"{base}/stations", STATION_QUESTIONS, database, few, title)
        await _exports(f"{base}/stations", "FROM stations", folder, database, few)
        _memory(process, "generated rows")
    await _start(_many_files(folder / "many", 20 if smoke else 1_000))


# ---------------------------------------------------------------- questions

_CITY_SEARCH = (
    "list_filter(string_split_regex(strip_accents(lower(concat_ws(' ', geoname_id, name, "
    "array_to_string(alternate_names, ' '), country_code, cou_name_en, admin1_code, timezone, "
    "label_en))), '[^\\p{L}\\p{N}]+'), lambda w: starts_with(w, 'marseille') OR "
    "(abs(length(w) - 9) <= 2 AND levenshtein(w, 'marseille') <= 2)) <> []"
)
_DISTANCE = (
    "2 * 6371008.7714 * asin(sqrt(pow(sin(radians({0}.lat - 48.85) / 2), 2) + "
    "cos(radians(48.85)) * cos(radians({0}.lat)) * pow(sin(radians({0}.lon - 2.35) / 2), 2)))"
)


def _page(table: str, where: str) -> list[str]:
    """Return the SQL of a page of records and its total."""
    return [
        f"SELECT count(*) FROM {table} WHERE {where}",
        f"SELECT to_json(t) FROM {table} AS t WHERE {where} LIMIT 100",
    ]


def _facets(table: str, names: Sequence[str]) -> list[str]:
    """Return the SQL of facets."""
    return [
        f"SELECT {name}, count(*) AS n FROM {table} WHERE {name} IS NOT NULL GROUP BY {name} "
        f"ORDER BY n DESC, {name} LIMIT 100"
        for name in names
    ]


_CITY_FACETS = ("country_code", "cou_name_en", "admin1_code", "timezone")
_STATION_FACETS = ("area", "country", "opened", "active")

CITY_QUESTIONS = (
    Question(
        "records, filter, limit 100",
        "records",
        [("where", "country_code = 'FR' and population > 20000"), ("limit", "100")],
        _page("cities", "country_code = 'FR' AND population > 20000"),
    ),
    Question(
        "facets of four fields",
        "facets",
        [("facet", name) for name in _CITY_FACETS],
        _facets("cities", _CITY_FACETS),
    ),
    Question(
        "group_by",
        "records",
        [("select", "sum(population) as people"), ("group_by", "country_code")],
        ["SELECT country_code, sum(population) FROM cities GROUP BY 1 ORDER BY 1 NULLS FIRST"],
    ),
    Question(
        "full-text",
        "records",
        [("where", "search('marseille')"), ("limit", "100")],
        _page("cities", _CITY_SEARCH),
    ),
    Question(
        "within_distance",
        "records",
        [
            ("where", "within_distance(coordinates, geom'POINT(2.35 48.85)', 20km)"),
            ("limit", "100"),
        ],
        _page("cities", f"{_DISTANCE.format('coordinates')} <= 20000"),
    ),
)

STATION_QUESTIONS = (
    Question(
        "records, filter, limit 100",
        "records",
        [("where", "country = 'C7' and population > 990000"), ("limit", "100")],
        _page("stations", "country = 'C7' AND population > 990000"),
    ),
    Question(
        "facets of four fields",
        "facets",
        [("facet", name) for name in _STATION_FACETS],
        _facets("stations", ("area", "country", "year(opened)", "active")),
    ),
    Question(
        "group_by",
        "records",
        [("select", "sum(population) as people"), ("group_by", "area")],
        ["SELECT area, sum(population) FROM stations GROUP BY area ORDER BY area NULLS FIRST"],
    ),
    Question(
        "full-text",
        "records",
        [("where", "name like 'station 777'"), ("limit", "100")],
        _page(
            "stations",
            r"regexp_matches(strip_accents(lower(name)), '\bstation\b') AND "
            r"regexp_matches(strip_accents(lower(name)), '\b777\b')",
        ),
    ),
    Question(
        "within_distance",
        "records",
        [("where", "within_distance(place, geom'POINT(2.35 48.85)', 20km)"), ("limit", "100")],
        _page("stations", f"{_DISTANCE.format('place')} <= 20000"),
    ),
)


async def _questions(
    url: str,
    questions: Sequence[Question],
    database: duckdb.DuckDBPyConnection,
    rounds: int,
    title: str,
) -> None:
    async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session:
        found: dict[str, float] = {}
        for one in questions:
            await _asked(session, url, one)
            await asyncio.to_thread(_answered, database, one)
            quotients: list[float] = []
            seconds: list[float] = []
            for _ in range(rounds):
                answer = await _timed(partial(_asked, session, url, one))
                sql = await _timed(partial(asyncio.to_thread, _answered, database, one))
                quotients.append(max(0.0, answer - HTTP_SECONDS) / sql)
                seconds.append(answer)
            found[one.name] = median(quotients)
            if one.name == "full-text":
                found["full-text, milliseconds"] = median(seconds) * 1000
        goals = dict.fromkeys(found, REQUEST_GOAL)
        if url.endswith(CITIES):
            goals["full-text, milliseconds"] = SEARCH_GOAL
        else:
            del goals["full-text, milliseconds"]
        print_goals(f"{title}: (answer - 2 ms) / SQL", found, goals)


async def _asked(session: aiohttp.ClientSession, url: str, one: Question) -> int:
    async with session.get(f"{url}/{one.path}?{urlencode(one.params)}") as response:
        response.raise_for_status()
        return len(await response.read())


def _answered(database: duckdb.DuckDBPyConnection, one: Question) -> int:
    with database.cursor() as cursor:
        return sum(len(cursor.execute(sql).fetchall()) for sql in one.sql)


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    started = perf_counter()
    await work()
    return perf_counter() - started


# ---------------------------------------------------------------- exports


async def _exports(
    url: str, source: str, folder: Path, database: duckdb.DuckDBPyConnection, rounds: int
) -> None:
    goals = {"jsonl": JSONL_GOAL, "parquet": PARQUET_GOAL}
    options = {"jsonl": "FORMAT json", "parquet": "FORMAT parquet"}
    found: dict[str, float] = {}
    for name in goals:
        copy = f"COPY ({source}) TO '{folder / 'copy'}.{name}' ({options[name]})"
        export = f"{url}/exports/{name}"
        quotients = []
        for _ in range(rounds + 1):
            answer = await _timed(partial(asyncio.to_thread, _received, export))
            sql = await _timed(partial(asyncio.to_thread, database.execute, copy))
            quotients.append(answer / sql)
        found[name] = median(quotients[1:])
    print_goals("exports: / COPY", found, goals)


def _received(url: str) -> int:
    """Read a response from a bare socket and return its size."""
    found = urlsplit(url)
    request = f"GET {found.path} HTTP/1.1\r\nHost: {found.netloc}\r\nConnection: close\r\n\r\n"
    buffer = bytearray(1 << 20)
    size = 0
    with socket.create_connection((found.hostname, found.port)) as connection:
        connection.sendall(request.encode())
        while count := connection.recv_into(buffer):
            assert size or buffer.startswith(b"HTTP/1.1 200")
            size += count
    return size


# ---------------------------------------------------------------- the start, and memory


def _many_files(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"file{number}.csv").write_text("name;height\noak;21.5\nelm;17\n")
    return folder


async def _start(folder: Path) -> None:
    started = perf_counter()
    with serving(folder) as (base, _):
        found = {"start, seconds": perf_counter() - started}
        seconds = await _timed(partial(asyncio.to_thread, _received, base))
        found["first request of the catalog, seconds"] = seconds
    print_goals("a portal of many files", found, {"start, seconds": START_GOAL})


def _memory(process: subprocess.Popen[str], title: str) -> None:
    """Print the peak memory of a process, where the system tells it."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
    if peak is not None:
        found = {"peak memory, MiB": int(peak[1]) / 1024}
        print_goals(title, found, {"peak memory, MiB": MEMORY_GOAL})


# ---------------------------------------------------------------- data and server


def generate(path: Path, count: int) -> None:
    """Write rows with ten fields of all common types to a Parquet file."""
    columns = """
        i AS id,
        'Station ' || (hash(i) % 20000) || ' rue ' || (hash(i + 1) % 3000) AS name,
        ['north', 'south', 'east', 'west', 'centre'][1 + (hash(i + 2) % 5)::INT] AS area,
        'C' || (hash(i + 3) % 200) AS country,
        (hash(i + 4) % 1000000)::BIGINT AS population,
        (hash(i + 5) % 100000) / 7.0 AS price,
        DATE '2000-01-01' + (hash(i + 6) % 9000)::INT AS opened,
        hash(i + 7) % 3 = 0 AS active,
        CASE WHEN i % 4 > 0 THEN 'water level ' || (hash(i + 8) % 900) END AS note,
        {lon: (hash(i + 9) % 360000) / 1000.0 - 180,
         lat: (hash(i + 10) % 170000) / 1000.0 - 85} AS place"""
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT {columns} FROM range({count}) AS t(i)) TO '{path}'")


def load_cities(base: str, path: Path, database: duckdb.DuckDBPyConnection) -> None:
    """Load the cities that the portal serves into a table."""
    urlretrieve(f"{base}/{CITIES}/exports/jsonl", path)
    database.execute(f"CREATE TABLE cities AS FROM read_json('{path}', sample_size=-1)")


@contextmanager
def serving(
    *paths: Path, options: Sequence[str] = ()
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the portal; yield the URL of its datasets, and its process."""
    command = [sys.executable, "-m", "explore_async", "serve", "--port", "0", *options]
    with subprocess.Popen(
        [*command, *map(str, paths)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield f"{url}/catalog/datasets", process
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
