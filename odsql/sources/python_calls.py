"""Queries in Python: `Query(...)`, methods chained to it, `condition`, and the `parse_` functions.

Names decide what counts as a query; no code is run and no types are inferred:

* names imported from `odsql` or `explore_async`, under any alias; `odsql.Query` after
  `import odsql`; the names themselves after `from odsql import *`;
* a query is a call of `Query`, a method call on a query, a name or an attribute that is assigned a
  query anywhere in the file or annotated as one, and a call of a function there that returns one;
* only integers and plain string constants are read (adjacent literals, raw strings and triple
  quotes included), alone, in a list or tuple, as alternatives (`a if x else b`, `x or b`), or
  combined with a condition in an updater of `where`; f-strings and computed values are not.

The dataset is known where a query is passed to a method of `client.dataset("...")`. Every chain is
one request; a value that a later `.select` replaces is a request of its own. Since a query may be
completed anywhere, `Found.skipped` says that there may be more.
"""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from odsql.checks.diagnostics import CLAUSES
from odsql.sources.model import UnreadableError
from odsql.sources.python_literals import literal
from odsql.sources.python_trees import Places, parse
from odsql.sources.requests import found
from odsql.sources.views import joined

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
    "condition": "where",
}  # fmt: skip
_REPLACING = ("select", "group_by", "order_by", "limit", "offset", "lang", "timezone")
_LISTS = ("select", "group_by", "order_by")
_METHODS = frozenset({*CLAUSES, *_REPLACING, "include_links", "include_app_metas"})
_Parameters = list[tuple[str, "View"]]

_MODULE = re.compile("|".join(_MODULES))
_IMPORT = re.compile(r"\b(?:import|from)\b[^\n#]*\Z")
_BLOCK = re.compile(
    r"(?m)^(?:@[^\n]*\n){0,20}+(?:async[ ]++)?(?:def|class)\b[^\n]*\n(?:(?:[ \t#\r][^\n]*)?\n)*+"
)
_TELLING = re.compile(
    r"\"{3}|'{3}|odsql|explore_async|Query|parse_|condition"
    r"|\.(?:where|select|group_by|order_by|facet|refine|exclude|limit|offset)\b"
)
_CALLED = ("Query", "parse_", "condition")
"""A text without any of these has no relevant call."""
_LEAVES = frozenset(
    (ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.alias, ast.Pass, ast.Break,
     ast.Continue, ast.Global, ast.Nonlocal, ast.Add, ast.Sub, ast.Mult, ast.Eq, ast.NotEq, ast.And,
     ast.Or, ast.Not, ast.Is, ast.IsNot, ast.In, ast.NotIn)
)  # fmt: skip
_KEPT = frozenset(
    (ast.Call, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.arg,
     ast.FunctionDef)
)  # fmt: skip


def find_calls(
    file: SourceFile, texts: Iterable[View], suppressions: Suppressions, *, expected: bool = False
) -> Iterator[Found]:
    """Yield the requests in Python texts that share their names: a file, or a notebook's cells.

    A text that is not valid Python is skipped, unless it is `expected` to be.

    Raises:
        UnreadableError: it is not valid Python, although it is expected to be.
    """
    views = list(texts)
    if not any(one in view.text for one in _CALLED for view in views):
        return
    if not any(_imports(view.text) for view in views):
        return
    parsed = [(view, _nodes(tree)) for view in views if (tree := _parse(file, view, expected))]
    names = _Names()
    for _, nodes in parsed:
        names.imports(nodes)
    if names.empty:
        return
    for _, nodes in parsed:
        names.assignments(nodes)
    for view, nodes in parsed:
        yield from _Reader(file, view, suppressions, names).read(nodes)


def _imports(text: str) -> bool:
    """Return whether a text seems to import one of the modules, without scanning every line."""
    return any(
        _IMPORT.search(text[max(0, one.start() - 250) : one.start()])
        for one in _MODULE.finditer(text)
    )


def _parse(file: SourceFile, view: View, expected: bool) -> ast.Module | None:
    if not expected:
        # Parsing takes most of the time. If a block is removed by mistake, because brackets or
        # strings cross its borders, the rest does not parse, and the whole text is parsed instead.
        text = _BLOCK.sub(_without_other_blocks, view.text)
        if text != view.text:
            with suppress(UnreadableError):
                return parse(file, text)
    try:
        return parse(file, view.text)
    except UnreadableError:
        if expected:
            raise
        return None


def _without_other_blocks(block: re.Match[str]) -> str:
    return block[0] if _TELLING.search(block[0]) else "\n" * block[0].count("\n")


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """Return the relevant nodes of a tree, outer ones first."""
    kept: list[ast.AST] = []
    waiting = [tree]
    for node in waiting:  # grows during the iteration
        if type(node) in _KEPT:
            kept.append(node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [
                    one for one in value if isinstance(one, ast.AST) and type(one) not in _LEAVES
                ]
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                waiting.append(value)
    return kept


@define
class _Names:
    """Names by meaning: modules, `Query`, parsers, and names that hold or return a query."""

    modules: set[str] = field(factory=set)
    queries: set[str] = field(factory=set)
    parsers: dict[str, str] = field(factory=dict)
    variables: set[str] = field(factory=set)
    attributes: set[str] = field(factory=set)
    functions: set[str] = field(factory=set)

    @property
    def empty(self) -> bool:
        return not (self.modules or self.queries or self.parsers)

    def imports(self, nodes: Iterable[ast.AST]) -> None:
        """Collect the imported names of a text."""
        for node in nodes:
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
        elif name in ("query", "parsing", "building"):
            self.modules.add(called)

    def assignments(self, nodes: Iterable[ast.AST]) -> None:
        """Collect the names that hold or return a query, later ones by means of earlier ones."""
        for node in nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assigned(target, node.value)
            elif isinstance(node, ast.AnnAssign):
                self._annotated(node)
            elif isinstance(node, ast.NamedExpr):
                self._assigned(node.target, node.value)
            elif isinstance(node, ast.arg):
                if node.annotation is not None and self.is_class(node.annotation):
                    self.variables.add(node.arg)
            elif isinstance(node, ast.FunctionDef) and self._returns(node):
                self.functions.add(node.name)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if self.is_class(node.annotation):
            self._holds(node.target)
            # In the body of a class, the name is an attribute.
            self.attributes.update(_named(node.target))
        elif node.value is not None:
            self._assigned(node.target, node.value)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Tuple | ast.List):
            if self.is_query(value):
                self._holds(target)
        elif isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                self._assigned(one, other)

    def _holds(self, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute):
            self.attributes.add(target.attr)
        else:
            self.variables.update(_named(target))

    def _returns(self, node: ast.FunctionDef) -> bool:
        if node.returns is not None:
            return self.is_class(node.returns)
        last = node.body[-1]
        return isinstance(last, ast.Return) and last.value is not None and self.is_query(last.value)

    def is_class(self, node: ast.expr) -> bool:
        """Return whether an expression is `Query`; annotations may be strings or optional."""
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
        """Return whether an expression is a query."""
        while isinstance(node, ast.Call):
            if self.is_class(node.func) or self._is_function(node.func):
                return True
            if not isinstance(node.func, ast.Attribute):
                return False
            if node.func.attr == "from_url" and self.is_class(node.func.value):
                return True
            if node.func.attr not in _METHODS:
                return False
            node = node.func.value
        if isinstance(node, ast.Attribute):
            return node.attr in self.attributes
        return isinstance(node, ast.Name) and node.id in self.variables

    def _is_function(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            return own and node.attr in self.functions
        return isinstance(node, ast.Name) and node.id in self.functions

    def clause(self, node: ast.expr) -> str | None:
        """Return the clause that a function parses, or None if it is not a parser."""
        if isinstance(node, ast.Name):
            return self.parsers.get(node.id)
        if isinstance(node, ast.Attribute) and self._is_module(node.value):
            return _PARSERS.get(node.attr)
        return None


def _named(target: ast.expr) -> tuple[str, ...]:
    return (target.id,) if isinstance(target, ast.Name) else ()


@define
class _Reader:
    """Reads the calls of one text."""

    file: SourceFile
    view: View
    suppressions: Suppressions
    names: _Names
    datasets: dict[int, str] = field(factory=dict)
    places: Places = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.places = Places(self.view.text)

    def read(self, nodes: Iterable[ast.AST]) -> Iterator[Found]:
        """Yield the requests, in the order of the file."""
        results = []
        inner: set[int] = set()
        for node in nodes:  # outer calls come before the calls they are chained to or are passed
            if not isinstance(node, ast.Call) or id(node) in inner:
                continue
            if (dataset_id := _dataset_of(node)) is not None:
                given = [*node.args, *(one.value for one in node.keywords)]
                self.datasets.update((id(one), dataset_id) for one in given)
            clause = self.names.clause(node.func)
            if clause is not None:
                given = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "text")]
                for one in _alternatives(given):
                    results += self._found(node, [(clause, view) for view in self._texts(one)])
            elif self.names.is_query(node):
                results += self._chain(node, inner)
        yield from sorted(results, key=lambda one: min(each[0] for each in one.offsets))

    def _chain(self, node: ast.Call, inner: set[int]) -> list[Found]:
        """Read a chain from its last call to its first."""
        kept: _Parameters = []
        apart: list[_Parameters] = []
        seen: set[str] = set()
        call: ast.expr = node
        while isinstance(call, ast.Call):
            inner.add(id(call))
            given: _Parameters = []
            for name, one in _given(call):
                known = filter(
                    None, (self._parameters(name, each) for each in _alternatives([one]))
                )
                given += next(known, [])
                apart += known
            given = _listed(given)
            names = {name for name, _ in given}
            again = {name for name in names if name in _REPLACING and name in seen}
            apart += [[one for one in given if one[0] == name] for name in again]
            kept = [one for one in given if one[0] not in again] + kept
            seen |= names
            call = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        return [one for part in (kept, *apart) for one in self._found(node, part)]

    def _parameters(self, name: str, node: ast.expr) -> _Parameters:
        return [(name, view) for view in self._texts(node, updating=name == "where")]

    def _found(self, node: ast.Call, parameters: _Parameters) -> list[Found]:
        start = self.view.offsets[self.places.span(node)[0]]
        one = found(
            self.file, parameters, self.suppressions, start=start, skipped="*",
            dataset_id=self.datasets.get(id(node)),
        )  # fmt: skip
        return [] if one is None else [one]

    # ------------------------------------------------------------ constants

    def _texts(self, node: ast.expr, *, updating: bool = False) -> list[View]:
        if isinstance(node, ast.List | ast.Tuple):
            return [view for one in node.elts for view in self._texts(one)]
        if isinstance(node, ast.Lambda) and updating:
            return [view for one in _combined(node.body) for view in self._texts(one)]
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
            return []
        start, end = self.places.span(node)
        if isinstance(node.value, str):
            return [literal(self.view.text, start, end, node.value).inside(self.view)]
        if isinstance(node.value, int):
            return [self.view.cut(start, end)]
        return []


def _dataset_of(call: ast.Call) -> str | None:
    """Return the dataset of a call such as `client.dataset("cities").records(...)`."""
    if not isinstance(call.func, ast.Attribute):
        return None
    of = call.func.value
    if not (isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute) and of.args):
        return None
    first = of.args[0]
    if of.func.attr != "dataset" or not isinstance(first, ast.Constant):
        return None
    return first.value if isinstance(first.value, str) else None


def _given(call: ast.Call) -> list[tuple[str, ast.expr]]:
    """Return the arguments of a call with the names of their parameters."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        return [(call.func.attr, one) for one in call.args]
    return [(one.arg, one.value) for one in call.keywords if one.arg in _METHODS]


def _listed(given: _Parameters) -> _Parameters:
    """Return parameters with the items of a list joined into one clause, as `Query` does."""
    done: _Parameters = []
    for name in dict.fromkeys(name for name, _ in given):
        views = [view for one, view in given if one == name]
        items = [one for one in views if one.text.strip()]
        if name in _LISTS and len(views) > 1 and items:
            views = [joined(items, ", ")]
        done += [(name, one) for one in views]
    return done


def _alternatives(nodes: Iterable[ast.expr]) -> list[ast.expr]:
    """Return the possible values of expressions; only one for each expression is ever sent."""
    found: list[ast.expr] = []
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.IfExp):
            waiting += (node.orelse, node.body)
        elif isinstance(node, ast.BoolOp):
            waiting += node.values[::-1]
        else:
            found.append(node)
    return found


def _combined(node: ast.expr) -> list[ast.expr]:
    """Return the expressions that an updater combines with the existing condition."""
    found: list[ast.expr] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.BitAnd | ast.BitOr):
            waiting += (one.right, one.left)
        else:
            found.append(one)
    return found
