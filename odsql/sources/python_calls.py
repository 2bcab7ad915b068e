"""Queries in Python: `Query(...)`, what is chained to it, and the `parse_` functions.

What counts is decided by names, without running or inferring anything:

* names imported from `odsql` or `explore_async`, under whatever name; `odsql.Query` after
  `import odsql`; the names themselves after `from odsql import *`;
* a query is a call of `Query`, a method of a query, a name that is assigned a query somewhere in
  the file, or a name annotated as one;
* only plain string constants are read (adjacent literals, raw strings and triple quotes included),
  alone or in a list or tuple; formatted strings and anything computed are not.

Every chain is one request; what a later `.select` replaces is a request of its own. Since a query
may be completed anywhere, `Found.skipped` says that there may be more.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING

from attrs import define, field

from odsql.sources.python_literals import literal
from odsql.sources.requests import CLAUSES, found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions
    from odsql.sources.views import View

__all__ = ["find_calls"]

_MODULES = ("odsql", "explore_async")
_PARSERS = {
    "parse_where": "where", "parse_select": "select", "parse_group_by": "group_by",
    "parse_order_by": "order_by", "parse_facet": "facet", "parse_refinement": "refine",
}  # fmt: skip
_REPLACING = ("select", "group_by", "order_by", "limit", "offset", "lang", "timezone")
_METHODS = frozenset({*CLAUSES, *_REPLACING, "include_links", "include_app_metas"})
_LINE = re.compile(r"\r\n|\r|\n")
_MAGIC = re.compile(r"(?m)^([ \t]*)[%!][^\n]*$")


def find_calls(
    file: SourceFile, texts: Iterable[View], suppressions: Suppressions
) -> Iterator[Found]:
    """Yield the requests in Python texts that share their names: a file, or a notebook's cells.

    A text that is not Python is passed over.
    """
    parsed = [(view, tree) for view in texts if (tree := _parse(view.text)) is not None]
    names = _Names()
    for _, tree in parsed:
        names.imports(tree)
    if names.empty:
        return
    for _, tree in parsed:
        names.assignments(tree)
    for view, tree in parsed:
        yield from _Reader(file, view, suppressions, names).read(tree)


def _parse(text: str) -> ast.Module | None:
    # Blanks keep the places: what a notebook runs besides Python is not what is looked for.
    text = _MAGIC.sub(
        lambda match: match[1] + "#" + " " * (len(match[0]) - len(match[1]) - 1), text
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@define
class _Names:
    """What names stand for: modules, `Query`, parsers, and variables that hold a query."""

    modules: set[str] = field(factory=set)
    queries: set[str] = field(factory=set)
    parsers: dict[str, str] = field(factory=dict)
    variables: set[str] = field(factory=set)

    @property
    def empty(self) -> bool:
        return not (self.modules or self.queries or self.parsers)

    def imports(self, tree: ast.Module) -> None:
        """Read the imports of a text."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    if one.name.partition(".")[0] in _MODULES:
                        self.modules.add(one.asname or one.name.partition(".")[0])
            elif (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").partition(".")[0] in _MODULES
            ):
                for one in node.names:
                    self._imported(one.name, one.asname or one.name)

    def _imported(self, name: str, called: str) -> None:
        if name == "*":
            self.queries.add("Query")
            self.parsers.update(_PARSERS)
        elif name == "Query":
            self.queries.add(called)
        elif name in _PARSERS:
            self.parsers[called] = _PARSERS[name]
        elif name in ("query", "parsing"):
            self.modules.add(called)

    def assignments(self, tree: ast.Module) -> None:
        """Read which variables hold a query; one that is assigned a known one is found later."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and self.is_query(node.value):
                self.variables.update(one.id for one in node.targets if isinstance(one, ast.Name))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                if self.is_class(node.annotation) or (node.value and self.is_query(node.value)):
                    self.variables.add(node.target.id)
            elif isinstance(node, ast.NamedExpr) and self.is_query(node.value):
                self.variables.add(node.target.id)
            elif isinstance(node, ast.arg) and node.annotation and self.is_class(node.annotation):
                self.variables.add(node.arg)

    def is_class(self, node: ast.expr) -> bool:
        """Whether an expression is `Query` itself; also in an annotation, as text or optional."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and node.value.strip() in self.queries
        if isinstance(node, ast.BinOp):
            return self.is_class(node.left)
        if isinstance(node, ast.Name):
            return node.id in self.queries
        return (
            isinstance(node, ast.Attribute) and node.attr == "Query" and self._is_module(node.value)
        )

    def _is_module(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.modules

    def is_query(self, node: ast.expr) -> bool:
        """Whether an expression is a query."""
        while isinstance(node, ast.Call):
            if self.is_class(node.func):
                return True
            if not isinstance(node.func, ast.Attribute):
                return False
            if node.func.attr == "from_url" and self.is_class(node.func.value):
                return True
            if node.func.attr not in _METHODS:
                return False
            node = node.func.value
        return isinstance(node, ast.Name) and node.id in self.variables

    def clause(self, node: ast.expr) -> str | None:
        """Return the clause that a function parses, None if it is none of these."""
        if isinstance(node, ast.Name):
            return self.parsers.get(node.id)
        if isinstance(node, ast.Attribute) and self._is_module(node.value):
            return _PARSERS.get(node.attr)
        return None


@define
class _Reader:
    """Reads the calls of one text."""

    file: SourceFile
    view: View
    suppressions: Suppressions
    names: _Names
    lines: list[int] = field(init=False)
    sources: list[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.lines = [0, *(match.end() for match in _LINE.finditer(self.view.text))]

    def read(self, tree: ast.Module) -> Iterator[Found]:
        """Yield the requests, in the order of the file."""
        results = []
        inner: set[int] = set()
        for node in ast.walk(tree):  # outer calls come before what they are chained to
            if not isinstance(node, ast.Call) or id(node) in inner:
                continue
            clause = self.names.clause(node.func)
            if clause is not None:
                texts = [view for one in node.args[:1] for view in self._constants(one)]
                results += self._found(node, [(clause, view) for view in texts])
            elif self.names.is_query(node):
                results += self._chain(node, inner)
        yield from sorted(results, key=lambda one: min(each[0] for each in one.offsets))

    def _chain(self, node: ast.Call, inner: set[int]) -> list[Found]:
        """Read a chain from its end to its beginning."""
        kept: list[tuple[str, View]] = []
        replaced: list[list[tuple[str, View]]] = []
        seen: set[str] = set()
        call: ast.expr = node
        while isinstance(call, ast.Call):
            inner.add(id(call))
            given = self._given(call)
            names = {name for name, _ in given}
            again = {name for name in names if name in _REPLACING and name in seen}
            replaced += [[one for one in given if one[0] == name] for name in again]
            kept = [one for one in given if one[0] not in again] + kept
            seen |= names
            call = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        return [one for part in (kept, *replaced) for one in self._found(node, part)]

    def _given(self, call: ast.Call) -> list[tuple[str, View]]:
        if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
            name = call.func.attr
            return [(name, view) for one in call.args for view in self._constants(one)]
        return [
            (one.arg, view)
            for one in call.keywords
            if one.arg in _METHODS
            for view in self._constants(one.value)
        ]

    def _found(self, node: ast.Call, parameters: list[tuple[str, View]]) -> list[Found]:
        start = self.view.offsets[self._place(node.lineno, node.col_offset)]
        one = found(self.file, parameters, self.suppressions, start=start, skipped="*")
        return [] if one is None else [one]

    # ------------------------------------------------------------ constants

    def _constants(self, node: ast.expr) -> list[View]:
        if isinstance(node, ast.List | ast.Tuple):
            return [view for one in node.elts for view in self._constants(one)]
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
            return []
        start = self._place(node.lineno, node.col_offset)
        end = self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        if isinstance(node.value, str):
            return [literal(self.view.text, start, end, node.value).inside(self.view)]
        if isinstance(node.value, int):
            return [self.view.cut(start, end)]
        return []

    def _place(self, line: int, column: int) -> int:
        """Return the offset of a place that `ast` gives: its columns count UTF-8 bytes."""
        start = self.lines[line - 1]
        before = self.view.text[start : start + column]
        if before.isascii():
            return start + column
        return start + len(before.encode(errors="surrogatepass")[:column].decode(errors="ignore"))
