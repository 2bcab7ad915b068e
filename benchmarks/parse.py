"""How fast is odsql, next to the parsers that one would otherwise use?

    .venv/bin/pip install ".[benchmark]"
    .venv/bin/python benchmarks/parse.py
    .venv/bin/python benchmarks/parse.py --smoke    # everything once, only to see that it runs

The contestants, on ten queries that say the same in ODSQL and in SQL:

* sqlglot's compiled parser, the fastest SQL parser for Python that also builds a tree;
* stock lark: its own parser, on our grammar, with our actions as its embedded transformer;
* `pratt.py`, written by hand for speed: the floor.

Then rendering and syntax errors against parsing, how cost grows with length, and cold processes.
Every figure is a ratio of two things timed in turn in this run; below 1 we are the faster. Before
anything is timed, the contestants' trees are compared; only a difference there is a failure.
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
    """One logical query, in both languages."""

    name: str
    odsql: str
    sql: str


# SQL takes the shortest way to say it: plain strings for geometries, no casts.
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
"""What people write at the end of a query, and what they should have written."""

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
    """Run all of it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--smoke", action="store_true", help="everything once, smallest sizes")
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
"""By name: what makes, for a query, the call that parses it."""


class _Embedded:
    """Our actions as lark calls them. No places are kept, so lark is spared that work."""

    def __getattr__(self, name: str) -> Callable[[list[Any]], Any]:
        action = getattr(actions, name)
        return lambda children: action(*children, None)


def contestants() -> Contestants:
    """For each contestant, how to get the call that parses a query; sqlglot only if installed."""
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
    """Everybody reads the same, nobody answers from a cache."""
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
    """Every node of both trees stands at the same tokens, and so at the same characters."""
    for one, other in zip(nodes.walk(ours), nodes.walk(theirs), strict=True):
        assert one.at is not None
        assert other.at is not None
        assert one.at[1:] == other.at[1:], one
        assert one.span == other.span, one


def predicates(node: nodes.Node) -> int:
    """How many conditions there are between AND, OR and NOT."""
    if isinstance(node, nodes.Where | nodes.And | nodes.Or | nodes.Not):
        return sum(map(predicates, nodes.children(node)))
    return 1


def predicates_in_sql(node: Any) -> int:
    """The same, in sqlglot's tree."""
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
    """Say what is compared, and whether sqlglot is the compiled one."""
    print(f"odsql {odsql.__version__}, Python {platform.python_version()}, lark {version('lark')}")
    if _version("sqlglot") is None:
        print('sqlglot is not installed; for this peer: .venv/bin/pip install ".[benchmark]"')
        return
    parts = [import_module(f"sqlglot.{name}") for name in ("tokenizer_core", "parser")]
    plain = [part.__name__ for part in parts if str(part.__file__).endswith(".py")]
    compiled = f"tokenizer and parser compiled (sqlglotc {_version('sqlglotc')})"
    how = f"NOT compiled: {', '.join(plain)}; the goal is for sqlglot[c]" if plain else compiled
    print(f"sqlglot {_version('sqlglot')}, {how}")


# ---------------------------------------------------------------- measurements


def refused(text: str) -> ODSQLSyntaxError:
    """Parse a text that is no ODSQL, up to the error."""
    forget_spans()
    try:
        parse_where(text)
    except ODSQLSyntaxError as error:
        return error
    message = f"this should be refused: {text}"
    raise AssertionError(message)


def explained(text: str) -> str:
    """The same, up to the text of the error."""
    return str(refused(text))


def placed(text: str) -> nodes.Span | None:
    """Parse, and ask one node where it stands, which finds the places of all tokens."""
    forget_spans()
    return parse_where(text).span


def parsing(peers: Contestants, effort: Effort) -> None:
    """Ours against the peers, and what else one does with a query against parsing it."""
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
    print("the us are ours; ours and Pratt know the place of every node, sqlglot and lark do not")
    print_table("Beside parsing: it / parsing", BESIDE, beside, [GOALS.get(one) for one in BESIDE])
    print("error: the last character replaced by `?`, up to the exception; error text: its str()")
    print("place: parsing and then asking one node for its span")


def beside_parsing(text: str) -> Calls:
    """The calls of the columns `BESIDE`."""
    broken = text[:-1] + "?"
    return {
        "render": partial(render, parse_where(text)),
        "error": partial(refused, broken),
        "error text": partial(explained, broken),
        "place": partial(placed, text),
    }


def mistakes(effort: Effort) -> None:
    """What refusing a query costs, against taking it when it has been put right."""
    ten = QUERIES[-2].odsql
    rows: dict[str, list[float | None]] = {}
    for name, wrong, right in MISTAKES:
        good, bad = f"{ten} AND {right}", f"{ten} AND {wrong}"
        calls: Calls = {"error": partial(refused, bad), "error text": partial(explained, bad)}
        rows[name] = [*compare(partial(parse_where, good), calls, effort)[1].values()]
    title = "Mistakes after ten predicates: refused / put right"
    print_table(title, ["error", "error text"], rows, [GOALS["error"], None])


def _in_list(size: int) -> str:
    return f"code in ({', '.join(map(str, range(size)))})"


def _ands(size: int) -> str:
    return " AND ".join(f"age > {number}" for number in range(size))


def _three_times(size: int) -> str:
    part = "city like 'paris' AND year(modified) = 2024 AND NOT price in [10..20]"
    return " AND ".join([part] * size)


def all_places(tree: nodes.Node) -> list[nodes.Span | None]:
    """Ask every node where it stands."""
    forget_spans()
    return [node.span for node in nodes.walk(tree)]


def stages(text: str) -> Calls:
    """The calls of the columns `STAGES`: what may grow faster than the text."""
    return {
        "parse": partial(parse_where, text),
        "render": partial(render, parse_where(text)),
        "error": partial(refused, text[:-1] + "?"),
        "places": partial(all_places, parse_where(text)),
    }


def grown(small: str, large: str, effort: Effort) -> list[float]:
    """How many times as long each stage takes for the large text."""
    larger = stages(large)
    return [
        compare(call, {name: larger[name]}, effort)[1][name] for name, call in stages(small).items()
    ]


def growth(size: int, effort: Effort) -> None:
    """Ten times as many items, and ten times as many ANDs."""
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
    """The power of the length that time grows with."""
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
    """What the first query costs, start-up included."""
    text = QUERIES[1].odsql
    ours = f"from odsql import parse_where; parse_where({text!r})"
    with tempfile.TemporaryDirectory() as folder:
        grammar = Path(folder, "grammar.lark")
        grammar.write_text(stock_grammar(), encoding="utf-8")
        stock = STOCK_LARK.format(grammar=str(grammar), text=text)
        pairs = [
            ("import odsql / import attrs, re", "import odsql", BARE, "import"),
            ("import its parser / the same", "from odsql import parse_where", BARE, "import"),
            ("import all of it / the same", "from odsql import *", BARE, ""),
            ("one query / by lark, to our tree", ours, OUR_ACTIONS + stock, "process"),
            ("one query / by lark, to its own tree", ours, OWN_TREE + stock, "process"),
        ]
        rows = {
            name: [*cold_ratio(*cold(first, second, runs)), GOALS.get(goal)]
            for name, first, second, goal in pairs
        }
    print_table("Cold processes: ours / theirs", ["the code", "the process", "goal"], rows)
    loads = cold_output(f"{ours}; import sys; print('lark' in sys.modules)").strip() == "True"
    print(f"importing odsql and parsing a query {'LOADS' if loads else 'does not load'} lark")


def stock_grammar() -> str:
    """Return the grammar as lark reads it: with the names of the functions."""
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
"""Without `strict`, which is a check for whoever changes the grammar and doubles the time."""


if __name__ == "__main__":
    main()
