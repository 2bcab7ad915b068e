"""The command line: `odsql check`.

    odsql check --where "population > 1000" --order-by "population desc"
    odsql check queries.jsonl

Exit status: 0 all clauses are ODSQL, 1 some are not, 2 wrong usage or unreadable input.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import frozen

from odsql.errors import ODSQLSyntaxError
from odsql.parsing import parse, parse_refinement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["main"]

CLAUSES = ("where", "select", "group_by", "order_by", "facet", "refine", "exclude")


@frozen
class Query:
    """One clause to check and where it comes from."""

    source: str
    clause: str
    text: str


class UnreadableError(Exception):
    """An input that cannot be read as queries."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(_check(options))
    except UnreadableError as error:
        sys.stderr.write(f"odsql: {error}\n")
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    from odsql import __version__

    parser = argparse.ArgumentParser(prog="odsql", description="Work with ODSQL offline.")
    parser.add_argument("--version", action="version", version=f"odsql {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="check that clauses are ODSQL",
        description="Check clauses, given as options or as files.",
    )
    for clause in CLAUSES:
        name = "--" + clause.replace("_", "-")
        check.add_argument(name, dest=clause, action="append", default=[], metavar="TEXT")
    check.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help='JSON Lines of {"clause": ..., "text": ...}; - is standard input',
    )
    check.add_argument("-q", "--quiet", action="store_true", help="print findings only")
    return parser


def _check(options: argparse.Namespace) -> int:
    checked = broken = 0
    for query in _queries(options):
        checked += 1
        error = _error(query)
        if error is not None:
            broken += 1
            sys.stdout.write(f"{query.source}: {error}\n\n".encode(errors="replace").decode())
    if not checked:
        msg = "nothing to check: give a clause, such as --where TEXT, or a file"
        raise UnreadableError(msg)
    if not options.quiet:
        noun = "clause" if checked == 1 else "clauses"
        sys.stdout.write(f"{checked} {noun} checked, {broken or 'none'} broken\n")
    return 1 if broken else 0


def _error(query: Query) -> ODSQLSyntaxError | None:
    try:
        if query.clause in ("refine", "exclude"):
            parse_refinement(query.text)
        else:
            parse(query.clause, query.text)
    except ODSQLSyntaxError as error:
        return error
    return None


def _queries(options: argparse.Namespace) -> Iterator[Query]:
    for clause in CLAUSES:
        for text in getattr(options, clause):
            yield Query("--" + clause.replace("_", "-"), clause, text)
    for name in options.files:
        yield from _lines(name, _read(name))


def _read(name: str) -> Iterable[str]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        msg = f"cannot read {name}: {error.strerror}"
        raise UnreadableError(msg) from None
    except UnicodeDecodeError as error:
        msg = f"cannot read {name}: byte {error.start} is not UTF-8"
        raise UnreadableError(msg) from None
    return text.split("\n")


def _lines(name: str, lines: Iterable[str]) -> Iterator[Query]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            row = _row(line, f"{name}:{number}")
            yield Query(f"{name}:{number}", row["clause"], row["text"])


def _row(line: str, source: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not {"clause", "text"} <= row.keys():
        msg = f'{source} is not {{"clause": ..., "text": ...}}'
        raise UnreadableError(msg)
    if row["clause"] not in CLAUSES or not isinstance(row["text"], str):
        msg = f"{source}: clause is one of {', '.join(CLAUSES)}, and text is a string"
        raise UnreadableError(msg)
    return row
