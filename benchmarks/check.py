"""What does `odsql check` cost on every commit, start-up included?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/check.py
    .venv/bin/python benchmarks/check.py --smoke    # run everything once, as a test

The benchmark times whole processes, alternating with what they are compared to. Every figure is the
median of the ratios of adjacent runs:

* `odsql check` of distinct queries with a schema, against a process in which sqlglot's compiled
  parser only parses the same number of equivalent SQL queries, without checking them;
* `odsql check` of one query, against a process that imports sqlglot and parses one query;
* `odsql check` of a repository of mixed files, against `grep -r`, which only reads the files.
  About 2,000 queries are in literals of Python, JavaScript, TypeScript, Go, PHP and R. The goal
  allows two extra seconds. Without the extra `code`, only those in Python and R are found.

Before timing, the benchmark verifies the findings: all queries are valid, and exactly the broken
ones in the repository are found.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from measuring import print_table

ONE = 0.6
MANY = 1.0
TIMES_GREP, ALLOWANCE = 3.0, 2.0

FIELDS = {
    "population": "int", "name": "text", "country_code": "text", "timezone": "text",
    "elevation": "double", "modified": "date", "coordinates": "geo_point_2d",
}  # fmt: skip


class Size(NamedTuple):
    """The size of a run: queries in one file, files in the repository, and rounds."""

    queries: int
    files: int
    rounds: int


def main() -> None:
    """Run the benchmark and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--smoke", action="store_true", help="run everything once, quickly")
    smoke = parser.parse_args().smoke
    size = Size(100, 200, 1) if smoke else Size(10_000, 5_000, 11)
    python, machine = platform.python_version(), platform.machine()
    print(f"Python {python}, {machine}, {os.cpu_count()} processors")
    peer = _version("sqlglot") is not None
    if peer:
        print(f"sqlglot {_version('sqlglot')}, compiled: {_version('sqlglotc') is not None}")
    else:
        print('sqlglot is not installed; to include it: .venv/bin/pip install ".[benchmark]"')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if peer:
            rows = {
                f"{size.queries:,} queries, schema / parsed only": many(folder, size),
                "one query / imported, one parsed": one(folder, size),
            }
            print_table("odsql check / sqlglot", ["ratio", "goal"], rows)
        repository(folder / "repository", size)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# ---------------------------------------------------------------- processes


def seconds(command: list[str], folder: Path, status: int = 0) -> float:
    """Run a command and return how long it took."""
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise every run compiles all modules
    started = perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    spent = perf_counter() - started
    assert done.returncode == status, command
    return spent


def output(command: list[str], folder: Path) -> str:
    """Run a command and return its output."""
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    ).stdout


def odsql(*arguments: str) -> list[str]:
    """Return the `odsql check` command of the installed package."""
    return [sys.executable, "-P", "-m", "odsql", "check", *arguments]


def python(code: str) -> list[str]:
    """Return a command that runs Python code."""
    return [sys.executable, "-P", "-c", code]


def ratio(ours: list[str], theirs: list[str], folder: Path, rounds: int) -> float:
    """Return how many times as long our process takes as theirs."""
    seconds(ours, folder)
    seconds(theirs, folder)
    return median(seconds(ours, folder) / seconds(theirs, folder) for _ in range(rounds))


# ---------------------------------------------------------------- queries


def queries(count: int) -> list[tuple[str, str]]:
    """Return distinct queries of different lengths, each in ODSQL and in SQL."""
    chance = random.Random(2024)
    return [_query(chance, number) for number in range(count)]


def _query(chance: random.Random, number: int) -> tuple[str, str]:
    day = f"20{chance.randrange(10, 25)}-0{chance.randrange(1, 10)}-1{chance.randrange(10)}"
    parts = [
        (f"population > {number}", f"population > {number}"),
        (
            f"country_code in ('FR', 'X{number}', 'DE')",
            f"country_code IN ('FR', 'X{number}', 'DE')",
        ),
        (f"modified >= date'{day}'", f"modified >= DATE '{day}'"),
        (f"NOT timezone = 'Zone/{number}'", f"NOT timezone = 'Zone/{number}'"),
        (f"(elevation < {number} OR name is null)", f"(elevation < {number} OR name IS NULL)"),
        (f"name like 'saint {number}'", f"name LIKE '%saint {number}%'"),
        (f"length(name) <= {number % 50}", f"LENGTH(name) <= {number % 50}"),
    ]
    chosen = [parts[0], *chance.sample(parts[1:], chance.randrange(len(parts) - 1))]
    return " AND ".join(one for one, _ in chosen), " AND ".join(other for _, other in chosen)


def many(folder: Path, size: Size) -> list[float | None]:
    """Return the ratio and the goal for many queries with a schema."""
    pairs = queries(size.queries)
    assert len({one for one, _ in pairs}) == size.queries
    write_lines(folder / "odsql.jsonl", [one for one, _ in pairs])
    write_lines(folder / "sql.jsonl", [other for _, other in pairs])
    fields = [{"name": name, "type": type_} for name, type_ in FIELDS.items()]
    (folder / "cities.json").write_text(json.dumps({"dataset_id": "cities", "fields": fields}))
    ours = odsql("--schema", "cities.json", "odsql.jsonl")
    assert (
        output(ours, folder)
        .splitlines()[-1]
        .startswith(f"{size.queries} clauses checked, none broken")
    )
    theirs = python(
        "import json, sqlglot\n"
        "for line in open('sql.jsonl', encoding='utf-8'):\n"
        "    sqlglot.parse_one(json.loads(line)['text'])"
    )
    return [ratio(ours, theirs, folder, size.rounds), MANY]


def write_lines(file: Path, texts: list[str]) -> None:
    """Write clauses as JSON Lines."""
    lines = (json.dumps({"clause": "where", "text": text}) + "\n" for text in texts)
    file.write_text("".join(lines), encoding="utf-8")


def one(folder: Path, size: Size) -> list[float | None]:
    """Return the ratio and the goal for one query."""
    text = "population > 1000 AND country_code = 'FR'"
    theirs = python(f"import sqlglot; sqlglot.parse_one({text!r})")
    return [ratio(odsql("--where", text), theirs, folder, max(1, size.rounds * 3)), ONE]


# ---------------------------------------------------------------- a repository


def repository(folder: Path, size: Size) -> None:
    """Check a repository, time it against `grep -r`, and print the results."""
    broken = generate(folder, size.files)
    said = json.loads(output(odsql("--format", "json", "."), folder))
    found = sorted(one["source"] for one in said if not one["ok"])
    assert found == sorted(broken), (len(found), len(broken))
    theirs = ["grep", "-r", "no such text as this", "."]
    ours = odsql(".")
    seconds(theirs, folder, 1)
    pairs = [(seconds(ours, folder, 1), seconds(theirs, folder, 1)) for _ in range(size.rounds)]
    bytes_ = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    print(f"\nA repository of {size.files:,} files, {bytes_ / 1e6:.0f} MB, {len(said):,} clauses")
    print(f"odsql check    {median(own for own, _ in pairs):6.2f} s")
    print(f"grep -r        {median(other for _, other in pairs):6.2f} s")
    allowed = median(own / (TIMES_GREP * other + ALLOWANCE) for own, other in pairs)
    print(f"ours / ({TIMES_GREP:g} x grep + {ALLOWANCE:g} s)  {allowed:.2f}   goal, at most 1.00")


WORDS = ("the", "of", "records", "city", "query", "where", "value", "field", "update", "client")
URL = "https://data.example.org/api/explore/v2.1/catalog/datasets/cities/records"


def generate(folder: Path, count: int) -> list[str]:
    """Write files like those in repositories, and return the paths of those with broken queries."""
    chance = random.Random(5)
    makers = {
        "pyi": _python, "md": _prose, "txt": _prose, "html": _prose, "json": _data,
        "toml": _toml, "yaml": _yaml, "jsonl": _rows, "png": _picture, "mjs": _script,
    }  # fmt: skip
    suffixes = [*makers, *(PROGRAMS if has_code() else ("py", "R"))]
    broken = []
    for number in range(count):
        suffix = chance.choice(suffixes)
        queried, wrong = chance.random() < 0.15, chance.random() < 0.1
        file = folder / f"part{number % 40}" / f"module{number % 7}" / f"file{number}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "population =< 1" if wrong else "population > 1000"
        if suffix in PROGRAMS:
            queried = chance.random() < 0.25
            content, has = _program(chance, text if queried else None, suffix)
        else:
            content, has = makers[suffix](chance, text if queried else None)
        file.write_bytes(content)
        if has and wrong:
            broken.append(file.relative_to(folder).as_posix())
    return broken


Made = tuple[bytes, bool]


def _lines(chance: random.Random, start: str, count: int) -> str:
    return "".join(start + " ".join(chance.choices(WORDS, k=8)) + "\n" for _ in range(count))


def _python(chance: random.Random, where: str | None) -> Made:
    body = _lines(chance, "# ", 60) + "def f(a, b):\n    return [a, b, {'a': 1}]\n" * 40
    query = f'from odsql import parse_where\nparse_where("{where}")\n' if where else ""
    return (query + body).encode(), where is not None


def _program(chance: random.Random, where: str | None, suffix: str) -> Made:
    """Return a program with four queries in literals, as programs hand them to a request."""
    start, mark, write = PROGRAMS[suffix]
    body = _lines(chance, f"{mark} ", 60)
    if where is None:
        return (start.replace("ADDRESS", URL) + body + body).encode(), False
    first = write.replace("WHERE", where)
    others = "".join(write.replace("WHERE", f"population > {one}") for one in (2, 3, 4))
    return (start.replace("ADDRESS", URL) + body + first + others + body).encode(), True


PROGRAMS = {
    "py": ("import requests\nURL = 'ADDRESS'\n", "#",
           'requests.get(URL, params={"where": "WHERE", "limit": 10})\n'),
    "js": ("const url = 'ADDRESS';\n", "//",
           'fetch(url + "?" + new URLSearchParams({where: "WHERE", limit: 10}));\n'),
    "ts": ("const url: string = 'ADDRESS';\n", "//",
           'axios.get(url, {params: {where: "WHERE", limit: 10}});\n'),
    "go": ('package main\n\nconst base = "ADDRESS"\n', "//",
           'var _ = url.Values{"where": {"WHERE"}, "limit": {"10"}}\n'),
    "php": ("<?php\n$url = 'ADDRESS';\n", "//",
            "file_get_contents($url . '?' . http_build_query(['where' => 'WHERE']));\n"),
    "R": ('url <- "ADDRESS"\n', "#", 'GET(url, query = list(where = "WHERE", limit = 10))\n'),
}  # fmt: skip
"""For each language: how a file begins, a comment, and a request."""


def has_code() -> bool:
    """Return whether the grammars of the extra `code` are installed."""
    return find_spec("tree_sitter") is not None


def _script(chance: random.Random, where: str | None) -> Made:
    call = f'fetch("{URL}?where={where}&limit=20");\n' if where else ""
    return (_lines(chance, "// ", 100) + call + _lines(chance, "let x = 1; // ", 100)).encode(), (
        where is not None
    )


def _prose(chance: random.Random, where: str | None) -> Made:
    link = f"See [this]({URL}?limit=3&where={where.replace(' ', '%20')}).\n" if where else ""
    return (_lines(chance, "", 80) + link + _lines(chance, "", 80)).encode(), where is not None


def _data(chance: random.Random, where: str | None) -> Made:
    rows = [
        {"name": one, "value": number} for number, one in enumerate(chance.choices(WORDS, k=300))
    ]
    link = f"{URL}?where={where}" if where else None
    return json.dumps({"link": link, "rows": rows}, indent=1).encode(), where is not None


def _toml(chance: random.Random, where: str | None) -> Made:
    text = _lines(chance, "# ", 50) + "[tool]\nname = 'x'\n"
    query = f'[queries.large]\ndataset = "cities"\nwhere = "{where}"\n' if where else ""
    return (text + query).encode(), where is not None


def _yaml(chance: random.Random, where: str | None) -> Made:
    text = "".join(f"key{number}: {chance.choice(WORDS)}\n" for number in range(150))
    query = f"queries:\n  large:\n    dataset: cities\n    where: {where}\n" if where else ""
    return (text + query).encode(), where is not None


def _rows(chance: random.Random, where: str | None) -> Made:
    if where:
        return (json.dumps({"clause": "where", "text": where}) + "\n").encode(), True
    row = json.dumps({"city": chance.choice(WORDS), "population": 1}) + "\n"
    return (row * 300).encode(), False


def _picture(chance: random.Random, _: str | None) -> Made:
    return b"\x89PNG\r\n\x1a\n\0\0" + chance.randbytes(20_000), False


if __name__ == "__main__":
    main()
