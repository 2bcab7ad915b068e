"""How fast is odsql, compared to the alternatives?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/parse.py
    .venv/bin/python benchmarks/parse.py --smoke    # run everything once, as a test

The contestants parse ten equivalent queries in ODSQL and in SQL:

* sqlglot's compiled parser, the fastest SQL parser for Python that also builds a tree;
* stock lark: its own parser, on our grammar, with our actions as its embedded transformer;
* `pratt.py`, written by hand for speed, as a lower bound.

The benchmark then compares rendering and syntax errors with parsing, and measures how cost grows
with length and what cold processes cost. Every figure is a ratio of two times measured in turn in
this run; below 1, odsql is faster. Before timing, the contestants' trees are compared; only a
difference there is a failure.
"""

from __future__ import annotations

import argparse
import math
import platform
import re
import tempfile
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pratt
from measuring import Effort, cold, cold_output, cold_ratio, compare, print_table, settle

import odsql
from odsql import ODSQLSyntaxError, nodes, parse_where, render
from odsql.syntax import actions
from odsql.syntax.functions import CATALOGUE
from odsql.syntax.generating import GRAMMAR, reference_parser
from odsql.syntax.spans import forget_spans

if TYPE_CHECKING:
    from collections.abc import Callable


class Query(NamedTuple):
    """One query in both languages."""

    name: str
    odsql: str
    sql: str


# The SQL is as short as possible: plain strings for geometries, no casts.
QUERIES = [
    Query("comparison", "age > 10", "age > 10"),
    Query("two", "age > 10 AND city = 'Paris'", "age > 10 AND city = 'Paris'"),
    Query(
        "logic",
        "(city = 'Paris' OR city = 'Lyon') AND NOT age <= 18 AND name is not null",
        "(city = 'Paris' OR city = 'Lyon') AND NOT age <= 18 AND name IS NOT NULL",
    ),
    Query(
        "lists",
        "country in ('FR', 'DE', 'IT', 'ES') AND class in (1, 2, 3, 5, 8)",
        "country IN ('FR', 'DE', 'IT', 'ES') AND class IN (1, 2, 3, 5, 8)",
    ),
    Query(
        "dates",
        "modified >= date'2024-01-01' AND modified < date'2025-01-01'",
        "modified >= DATE '2024-01-01' AND modified < DATE '2025-01-01'",
    ),
    Query(
        "polygon",
        "within(place, geom'POLYGON((2.2 48.8, 2.4 48.8, 2.4 48.9, 2.2 48.9, 2.2 48.8))')",
        "st_within(place, 'POLYGON((2.2 48.8, 2.4 48.8, 2.4 48.9, 2.2 48.9, 2.2 48.8))')",
    ),
    Query(
        "distance",
        "within_distance(place, geom'POINT(2.35 48.85)', 5000m) AND capacity >= 20",
        "st_dwithin(place, 'POINT(2.35 48.85)', 5000) AND capacity >= 20",
    ),
    Query(
        "arithmetic",
        "(price * quantity - discount) / 2 + 10 > 4 * tax AND length(name) <= -bonus + 40",
        "(price * quantity - discount) / 2 + 10 > 4 * tax AND length(name) <= -bonus + 40",
    ),
    Query(
        "ten",
        "age in [18..65] AND city like 'paris' AND NOT (closed is true OR capacity = 0)"
        " AND country in ('FR', 'BE', 'LU') AND opened > date'1999-12-31'"
        " AND year(modified) = 2024 AND price * 1.2 < 100 AND 'metro' in lines"
        " AND search(description, 'river')",
        "age BETWEEN 18 AND 65 AND city LIKE 'paris' AND NOT (closed IS TRUE OR capacity = 0)"
        " AND country IN ('FR', 'BE', 'LU') AND opened > DATE '1999-12-31'"
        " AND year(modified) = 2024 AND price * 1.2 < 100 AND 'metro' = ANY(lines)"
        " AND contains(description, 'river')",
    ),
    Query(
        "thirty",
        "(region = 'Bretagne' OR region = 'Normandie' OR region = 'Corse')"
        " AND department in ('22', '29', '35', '56', '14', '27', '50', '61', '76')"
        " AND population > 1000 AND population <= 250000 AND area >= 12.5"
        " AND founded >= date'1789-07-14' AND founded < date'1989-07-14'"
        " AND within(place, geom'POLYGON((-5.2 47.2, 1.8 47.2, 1.8 50.1, -5.2 50.1, -5.2 47.2))')"
        " AND NOT within(place, geom'POLYGON((-2 48, -1 48, -1 49, -2 49, -2 48))')"
        " AND within_distance(place, geom'POINT(-1.68 48.11)', 80km)"
        " AND mayor is not null AND twinned is not false AND twinned is not null"
        " AND (name like 'saint' OR name like 'sainte' OR startswith(name, 'Plou'))"
        " AND length(name) <= 40 AND year(updated) = 2024 AND month(updated) < 7"
        " AND updated > now(days=-7) AND budget / population > 900"
        " AND (budget - debt) * 2 >= budget + 1000000 AND rate in [0.5..0.9]"
        " AND NOT (status = 'draft' OR status = 'hidden') AND 'port' in tags AND 'train' in tags"
        " AND search(description, 'harbour') AND code != 'X' AND rank < 500",
        "(region = 'Bretagne' OR region = 'Normandie' OR region = 'Corse')"
        " AND department IN ('22', '29', '35', '56', '14', '27', '50', '61', '76')"
        " AND population > 1000 AND population <= 250000 AND area >= 12.5"
        " AND founded >= DATE '1789-07-14' AND founded < DATE '1989-07-14'"
        " AND st_within(place, 'POLYGON((-5.2 47.2, 1.8 47.2, 1.8 50.1, -5.2 50.1, -5.2 47.2))')"
        " AND NOT st_within(place, 'POLYGON((-2 48, -1 48, -1 49, -2 49, -2 48))')"
        " AND st_dwithin(place, 'POINT(-1.68 48.11)', 80000)"
        " AND mayor IS NOT NULL AND twinned IS NOT FALSE AND twinned IS NOT NULL"
        " AND (name LIKE 'saint' OR name LIKE 'sainte' OR starts_with(name, 'Plou'))"
        " AND length(name) <= 40 AND year(updated) = 2024 AND month(updated) < 7"
        " AND updated > now() - INTERVAL '7' DAY AND budget / population > 900"
        " AND (budget - debt) * 2 >= budget + 1000000 AND rate BETWEEN 0.5 AND 0.9"
        " AND NOT (status = 'draft' OR status = 'hidden') AND 'port' = ANY(tags)"
        " AND 'train' = ANY(tags)"
        " AND contains(description, 'harbour') AND code != 'X' AND rank < 500",
    ),
]

MISTAKES = [
    ("<> for !=", "age <> 10", "age != 10"),
    ("== for =", "age == 10", "age = 10"),
    ("not in", "city not in ('a', 'b')", "NOT city in ('a', 'b')"),
    ("a bare day", "modified > 2024-01-31", "modified > date'2024-01-31'"),
    ("a quote doubled", "name = 'l''eau'", r"name = 'l\'eau'"),
    ("a quote left open", "name = 'abcd", "name = 'abc'"),
    ("a parenthesis left open", "(age > 10", "(age > 1)"),
    ("an unknown function", "lenght(name) > 3", "length(name) > 3"),
]
"""Common mistakes at the end of a query, and their corrections."""

GOALS = {
    "sqlglot": 0.6,
    "lark": 0.25,
    "Pratt": 1.5,
    "render": 0.3,
    "error": 1.5,
    "growth": 3.0,
    "import": 1.6,
    "process": 0.6,
}
PEERS = ("sqlglot", "lark", "Pratt")
BESIDE = ("render", "error", "error text", "place")
STAGES = ("parse", "render", "error", "places")
TINY = Effort(rounds=1, seconds=0.0)


def main() -> None:
    """Run the benchmark and print the results."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="run everything once, quickly")
    smoke = options.parse_args().smoke
    peers = contestants()
    check(peers)
    print_versions()
    settle()
    parsing(peers, TINY if smoke else Effort(rounds=41, seconds=0.002))
    mistakes(TINY if smoke else Effort(rounds=41, seconds=0.003))
    growth(10 if smoke else 1000, TINY if smoke else Effort(rounds=9, seconds=0.03))
    exponents((3, 30, 300) if smoke else (30, 300, 3000), TINY if smoke else Effort(9, 0.03))
    cold_processes(1 if smoke else 15)


# ---------------------------------------------------------------- contestants


Calls = dict[str, "Callable[[], Any]"]
Contestants = dict[str, "Callable[[Query], Callable[[], Any]]"]
"""By name: a function that returns, for a query, the call that parses it."""


class _Embedded:
    """Our actions as lark calls them, without positions, which saves lark that work."""

    def __getattr__(self, name: str) -> Callable[[list[Any]], Any]:
        action = getattr(actions, name)
        return lambda children: action(*children, None)


def contestants() -> Contestants:
    """Return the contestants; sqlglot only if it is installed."""
    lark = reference_parser(transformer=_Embedded())
    found: Contestants = {}
    if _version("sqlglot") is not None:
        sqlglot = import_module("sqlglot")
        read = partial(sqlglot.parse_one, into=sqlglot.exp.Condition)
        found["sqlglot"] = lambda query: partial(read, query.sql)
    found["lark"] = lambda query: partial(lark.parse, query.odsql, start="where")
    found["Pratt"] = lambda query: partial(pratt.parse_where, query.odsql)
    return found


def check(peers: Contestants) -> None:
    """Assert that all contestants read the same query and that odsql does not use a cache."""
    for query in QUERIES:
        ours = parse_where(query.odsql)
        assert ours is not parse_where(query.odsql), "a cache would be measured"
        assert parse_where(render(ours)) == ours, query.name
        for name in ("lark", "Pratt"):
            assert peers[name](query)() == ours, (query.name, name)
        assert_same_places(ours, peers["Pratt"](query)())
        if "sqlglot" in peers:
            assert predicates_in_sql(peers["sqlglot"](query)()) == predicates(ours), query.name


def assert_same_places(ours: nodes.Node, theirs: nodes.Node) -> None:
    """Assert that the nodes of both trees have the same tokens and the same characters."""
    for one, other in zip(nodes.walk(ours), nodes.walk(theirs), strict=True):
        assert one.at is not None
        assert other.at is not None
        assert one.at[1:] == other.at[1:], one
        assert one.span == other.span, one


def predicates(node: nodes.Node) -> int:
    """Return the number of conditions between AND, OR and NOT."""
    if isinstance(node, nodes.Where | nodes.And | nodes.Or | nodes.Not):
        return sum(map(predicates, nodes.children(node)))
    return 1


def predicates_in_sql(node: Any) -> int:
    """Return the number of conditions in sqlglot's tree."""
    if node.key in ("and", "or"):
        return predicates_in_sql(node.left) + predicates_in_sql(node.right)
    if node.key in ("not", "paren"):
        return predicates_in_sql(node.this)
    return 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def print_versions() -> None:
    """Print the versions, and whether sqlglot is compiled."""
    print(f"odsql {odsql.__version__}, Python {platform.python_version()}, lark {version('lark')}")
    if _version("sqlglot") is None:
        print('sqlglot is not installed; to include it: .venv/bin/pip install ".[benchmark]"')
        return
    parts = [import_module(f"sqlglot.{name}") for name in ("tokenizer_core", "parser")]
    plain = [part.__name__ for part in parts if str(part.__file__).endswith(".py")]
    compiled = f"tokenizer and parser compiled (sqlglotc {_version('sqlglotc')})"
    how = f"NOT compiled: {', '.join(plain)}; the goal is for sqlglot[c]" if plain else compiled
    print(f"sqlglot {_version('sqlglot')}, {how}")


# ---------------------------------------------------------------- measurements


def refused(text: str) -> ODSQLSyntaxError:
    """Parse invalid ODSQL and return the error."""
    forget_spans()
    try:
        parse_where(text)
    except ODSQLSyntaxError as error:
        return error
    message = f"this query should be rejected: {text}"
    raise AssertionError(message)


def explained(text: str) -> str:
    """Parse invalid ODSQL and return the text of the error."""
    return str(refused(text))


def placed(text: str) -> nodes.Span | None:
    """Parse, and return the span of one node, which computes the positions of all tokens."""
    forget_spans()
    return parse_where(text).span


def parsing(peers: Contestants, effort: Effort) -> None:
    """Compare our parser with the peers, and other operations with parsing."""
    against: dict[str, list[float | None]] = {}
    beside: dict[str, list[float | None]] = {}
    for query in QUERIES:
        calls = {name: call(query) for name, call in peers.items()} | beside_parsing(query.odsql)
        seconds, ratios = compare(partial(parse_where, query.odsql), calls, effort)
        count = predicates(parse_where(query.odsql))
        label = f"{query.name} ({count} predicate{'s' * (count > 1)}, {seconds * 1e6:.0f} us)"
        against[label] = [1 / ratios[name] if name in ratios else None for name in PEERS]
        beside[label] = [ratios[name] for name in BESIDE]
    print_table("Parsing: ours / theirs", PEERS, against, [GOALS[name] for name in PEERS])
    print("times in us are ours; ours and Pratt keep the position of every node, the others do not")
    print_table("Other operations / parsing", BESIDE, beside, [GOALS.get(one) for one in BESIDE])
    print("error: raising it, with the last character replaced by `?`; error text: also its str()")
    print("place: parsing, then reading the span of one node")


def beside_parsing(text: str) -> Calls:
    """Return the calls of the columns `BESIDE`."""
    broken = text[:-1] + "?"
    return {
        "render": partial(render, parse_where(text)),
        "error": partial(refused, broken),
        "error text": partial(explained, broken),
        "place": partial(placed, text),
    }


def mistakes(effort: Effort) -> None:
    """Compare rejecting a query with parsing its correction."""
    ten = QUERIES[-2].odsql
    rows: dict[str, list[float | None]] = {}
    for name, wrong, right in MISTAKES:
        good, bad = f"{ten} AND {right}", f"{ten} AND {wrong}"
        calls: Calls = {"error": partial(refused, bad), "error text": partial(explained, bad)}
        rows[name] = [*compare(partial(parse_where, good), calls, effort)[1].values()]
    title = "Mistakes after ten predicates: rejected / corrected"
    print_table(title, ["error", "error text"], rows, [GOALS["error"], None])


def _in_list(size: int) -> str:
    return f"code in ({', '.join(map(str, range(size)))})"


def _ands(size: int) -> str:
    return " AND ".join(f"age > {number}" for number in range(size))


def _three_times(size: int) -> str:
    part = "city like 'paris' AND year(modified) = 2024 AND NOT price in [10..20]"
    return " AND ".join([part] * size)


def all_places(tree: nodes.Node) -> list[nodes.Span | None]:
    """Return the span of every node."""
    forget_spans()
    return [node.span for node in nodes.walk(tree)]


def stages(text: str) -> Calls:
    """Return the calls of the columns `STAGES`, whose cost may grow faster than the text."""
    return {
        "parse": partial(parse_where, text),
        "render": partial(render, parse_where(text)),
        "error": partial(refused, text[:-1] + "?"),
        "places": partial(all_places, parse_where(text)),
    }


def grown(small: str, large: str, effort: Effort) -> list[float]:
    """Return how many times as long each stage takes for the large text."""
    larger = stages(large)
    return [
        compare(call, {name: larger[name]}, effort)[1][name] for name, call in stages(small).items()
    ]


def growth(size: int, effort: Effort) -> None:
    """Measure ten times as many items, and ten times as many ANDs."""
    rows = {}
    for name, make in (("items in a list", _in_list), ("ANDs", _ands)):
        large = make(10 * size)
        assert parse_where(large) == pratt.parse_where(large), name
        ratios = grown(make(size), large, effort)
        rows[f"{10 * size:,} {name}"] = [ratio / 10 for ratio in ratios]
    title = f"Growth: time / 10 times the time for {size:,}"
    print_table(title, STAGES, rows)
    print(f"1 is linear; goal, at most {GOALS['growth']:.2f}")


def exponents(sizes: tuple[int, int, int], effort: Effort) -> None:
    """Measure the exponent of the growth of time with length."""
    small, middle, large = (_three_times(size // 3) for size in sizes)
    first = [math.log10(ratio) for ratio in grown(small, middle, effort)]
    second = [math.log10(ratio) for ratio in grown(middle, large, effort)]
    rows = {
        f"{sizes[0]:,} to {sizes[1]:,} predicates": first,
        f"{sizes[1]:,} to {sizes[2]:,} predicates": second,
        "both": [(one + other) / 2 for one, other in zip(first, second, strict=True)],
    }
    print_table("Growth: exponent (1 is linear)", STAGES, rows)


# ---------------------------------------------------------------- cold processes


def cold_processes(runs: int) -> None:
    """Measure the first query, start-up included."""
    text = QUERIES[1].odsql
    ours = f"from odsql import parse_where; parse_where({text!r})"
    with tempfile.TemporaryDirectory() as folder:
        grammar = Path(folder, "grammar.lark")
        grammar.write_text(stock_grammar(), encoding="utf-8")
        stock = STOCK_LARK.format(grammar=str(grammar), text=text)
        pairs = [
            ("import odsql / import attrs, re", "import odsql", BARE, "import"),
            (
                "import parser / import attrs, re",
                "from odsql import parse_where",
                BARE,
                "import",
            ),
            ("import all names / import attrs, re", "from odsql import *", BARE, ""),
            ("one query / lark, to our tree", ours, OUR_ACTIONS + stock, "process"),
            ("one query / lark, to its own tree", ours, OWN_TREE + stock, "process"),
        ]
        rows = {
            name: [*cold_ratio(*cold(first, second, runs)), GOALS.get(goal)]
            for name, first, second, goal in pairs
        }
    print_table("Cold processes: ours / theirs", ["code", "process", "goal"], rows)
    loads = cold_output(f"{ours}; import sys; print('lark' in sys.modules)").strip() == "True"
    print(f"importing odsql and parsing a query {'LOADS' if loads else 'does not load'} lark")


def stock_grammar() -> str:
    """Return the grammar in the form that lark reads, with the names of the functions."""
    return re.sub(
        "<([a-z]+)>",
        lambda kind: "|".join(one.name for one in CATALOGUE.values() if one.kind == kind[1]),
        GRAMMAR.read_text(encoding="utf-8"),
    )


BARE = "import attrs, re"
OWN_TREE = "transformer = None"
OUR_ACTIONS = """\
from odsql.syntax import actions
class Embedded:
    def __getattr__(self, name):
        action = getattr(actions, name)
        return lambda children: action(*children, None)
transformer = Embedded()
"""
STOCK_LARK = """
from pathlib import Path
from lark import Lark
grammar = Path({grammar!r}).read_text(encoding="utf-8")
lark = Lark(grammar, parser="lalr", start="where", transformer=transformer)
lark.parse({text!r})
"""
"""Without `strict`, a check for changes to the grammar that doubles the time."""


if __name__ == "__main__":
    main()
