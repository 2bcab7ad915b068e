"""`odsql ast`: show the syntax tree of a clause.

odsql ast "population > 1000" --clause where
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from odsql.checks.diagnostics import CLAUSES
from odsql.syntax.errors import ODSQLSyntaxError
from odsql.syntax.nodes import Node, Span

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("text", metavar="TEXT", help="the text of the clause; - is standard input")
    parser.add_argument(
        "--clause", choices=CLAUSES, default="where", help="the clause (default: where)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print the tree and return the exit status, 1 if the text does not parse."""
    text = sys.stdin.read() if options.text == "-" else options.text
    try:
        tree = _parse(options.clause, text)
    except ODSQLSyntaxError as error:
        from odsql.outputs.results import visible

        lines = str(error).split("\n")
        sys.stderr.write("\n".join(map(visible, lines)) + "\n")
        return 1
    if options.json:
        import json

        sys.stdout.write(json.dumps(_described(tree), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(tree))
    return 0


def _parse(clause: str, text: str) -> Node:
    from odsql.syntax.parsing import parse, parse_refinement

    if clause in ("refine", "exclude"):
        tree: Node = parse_refinement(text, clause=clause)
    else:
        tree = parse(clause, text)
    return tree


def _members(node: Node) -> Iterator[tuple[str, Any]]:
    for attribute in type(node).__attrs_attrs__:  # type: ignore[attr-defined]
        if attribute.name != "at":
            yield attribute.name, getattr(node, attribute.name)


def _lines(node: Node, indent: str = "", label: str = "") -> Iterator[str]:
    """Yield a line for each node with its kind, plain members and position; then its children."""
    plain: list[str] = []
    below: list[tuple[str, Node]] = []
    for name, value in _members(node):
        if isinstance(value, Node):
            below.append((f"{name}: ", value))
        elif isinstance(value, tuple) and any(isinstance(one, Node) for one in value):
            below += ((f"{name}[{number}]: ", one) for number, one in enumerate(value))
        else:
            plain.append(f"{name}={value!a}" if not _shows(value) else f"{name}={value!r}")
    span = node.span or Span(0, 0)
    place = f"[{span.start}:{span.end}]"
    yield f"{indent}{label}{' '.join([type(node).__name__, *plain, place])}"
    for name, child in below:
        yield from _lines(child, indent + "  ", name)


def _shows(value: object) -> bool:
    return not isinstance(value, str) or value.isprintable()


def _described(value: Any) -> Any:
    if isinstance(value, Node):
        span = value.span or Span(0, 0)
        head = {"node": type(value).__name__, "start": span.start, "end": span.end}
        return head | {name: _described(one) for name, one in _members(value)}
    return [_described(one) for one in value] if isinstance(value, tuple) else value
