"""Requests in Python programs and notebooks.

The statements of a file are read in order, function by function; no code is run. What a name stands
for is followed through assignments, branches, lists and dictionaries that grow, the attributes of
classes, and the parameters of functions of the file. After a branch, a name stands for one of
several values; what a loop adds to a text is unknown.
"""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from odsql.sources.model import UnreadableError
from odsql.sources.programs import leads, may_have_requests, parameter_name
from odsql.sources.python_expressions import is_written_there
from odsql.sources.python_invocations import SENT_AS, Invocations
from odsql.sources.python_sending import calls_of
from odsql.sources.python_strings import Slot, Text
from odsql.sources.python_trees import Places, parse
from odsql.sources.python_values import (
    Entry,
    Function,
    Given,
    Item,
    Items,
    Mapping,
    Scope,
    alternatives,
    appended,
    choice,
    labelled,
    merged,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from odsql.sources.model import SourceFile
    from odsql.sources.programs import Call
    from odsql.sources.python_values import Value
    from odsql.sources.views import View

__all__ = ["find_programs"]

_GROWING = re.compile(r"param|query|filter|args|payload|option", re.IGNORECASE)
_DEEPEST = 40
"""The maximum depth of blocks, and of functions that are read because another calls them."""
_LEAVING = ast.Return | ast.Raise | ast.Continue | ast.Break


def find_programs(
    file: SourceFile, texts: Iterable[View], *, callables: Collection[str] = ()
) -> Iterator[Call]:
    """Yield the requests of a Python file, or of the cells of a notebook, which share their names.

    `callables` are the full names of functions and methods whose keyword arguments are certainly
    the parameters of a request. A text that is not valid Python is skipped.
    """
    if not may_have_requests(file, callables):
        return
    parsed = []
    for view in texts:
        with suppress(UnreadableError):
            parsed.append((view, parse(file, view.text)))
    reader = _Reader(callables=tuple(callables))
    try:
        reader.read(parsed)
    except RecursionError:  # a last resort: the depth of what is read is limited
        return
    yield from calls_of(reader, leads=file.leading or leads(file.text))


@define(eq=False)
class _Reader(Invocations):
    """The statements of one file."""

    waiting: list[Function] = field(factory=list)
    looped: frozenset[str] = frozenset()
    blocks: int = 0
    branches: int = 0

    def read(self, parsed: Iterable[tuple[View, ast.Module]]) -> None:
        """Read the texts, then the functions that are defined in them."""
        scope = Scope()
        for view, tree in parsed:
            self.view, self.places = view, Places(view.text)
            self.statements(tree.body, scope)
        for function in self.waiting:  # grows during the iteration
            self.read_function(function)
        self._declare(scope, "")

    def statements(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        """Read a block."""
        if self.blocks > _DEEPEST:
            return
        self.blocks += 1
        for one in body:
            reader = _READERS.get(type(one))
            if reader is None:
                self.inside(one, scope)
            else:
                getattr(self, reader)(one, scope)
        self.blocks -= 1

    # ------------------------------------------------------------ functions and classes

    def read_function(self, function: Function) -> None:
        """Read the body of a function, once."""
        if function.read or self.blocks > _DEEPEST:
            return
        function.read = True
        view, places, looped = self.view, self.places, self.looped
        self.view, self.places, self.looped = function.view, function.places, frozenset()
        scope = function.scope.branch()
        scope.path, scope.function, scope.owner = (), function, function.of
        self._parameters(function, scope)
        self.statements(function.node.body, scope)
        self.view, self.places, self.looped = view, places, looped

    def _parameters(self, function: Function, scope: Scope) -> None:
        arguments = function.node.args
        listed = [*arguments.posonlyargs, *arguments.args]
        missing = len(listed) - len(arguments.defaults)
        defaults: list[ast.expr | None] = [*(None for _ in range(missing)), *arguments.defaults]
        listed += arguments.kwonlyargs
        defaults += arguments.kw_defaults
        signature = Mapping(self.span(function.node)[0], label=function.node.name)
        for one, default in zip(listed, defaults, strict=True):
            value = self.value(default, function.scope)
            scope.names[one.arg] = Given(function, one.arg, value)
            if isinstance(value, Text) and default is not None:
                start = self.span(default)[0]
                signature.entries.append(Entry(one.arg, value, start))
        if arguments.vararg is not None:
            scope.names[arguments.vararg.arg] = None
        if arguments.kwarg is not None:
            scope.names[arguments.kwarg.arg] = Given(function, arguments.kwarg.arg)
        self.declarations.append(signature)

    def _function_definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope
    ) -> None:
        for one in node.decorator_list:
            self.value(one, scope)
        arguments = node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        decorators = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
        is_method = scope.is_class and "staticmethod" not in decorators
        if is_method:
            names = names[1:]
        names += [one.arg for one in arguments.kwonlyargs]
        keywords = arguments.kwarg.arg if arguments.kwarg else ""
        owner = scope.owner
        function = Function(
            node, scope, self.view, self.places, owner, tuple(names), keywords,
            is_property="property" in decorators or "cached_property" in decorators,
        )  # fmt: skip
        self.functions.setdefault(node.name, []).append(function)
        self.waiting.append(function)
        scope.names[node.name] = None

    def _class_definition(self, node: ast.ClassDef, scope: Scope) -> None:
        for one in (*node.decorator_list, *node.bases, *(each.value for each in node.keywords)):
            self.value(one, scope)
        inner = scope.branch()
        inner.owner, inner.is_class = node.name, True
        self.statements(node.body, inner)
        for name, value in inner.names.items():
            self._set_attribute(node.name, name, value)
        declared = self._declare(inner, node.name)
        self.classes[node.name] = declared
        scope.names[node.name] = None

    def _declare(self, scope: Scope, label: str) -> Mapping:
        """Note the constants of a class or a module, `WHERE` as `where`."""
        declared = Mapping(0, label=label)
        for name, value in scope.names.items():
            if isinstance(value, Text) and value.span is not None:
                declared.start = declared.start or value.span[0]
                key = name.lower() if name.isupper() else name
                declared.entries.append(Entry(key, value, value.span[0]))
        self.declarations.append(declared)
        return declared

    def _return(self, node: ast.Return, scope: Scope) -> None:
        value = self.value(node.value, scope)
        function = scope.function
        if function is not None:
            function.result = choice(function.result, value) if function.result else value

    # ------------------------------------------------------------ assignments

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        target = node.targets[0]
        self.growing = target.id if isinstance(target, ast.Name) else ""
        value = self.value(node.value, scope)
        self.growing = ""
        for one in node.targets:
            self._bind(one, value, scope, node.value)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self._bind(node.target, self.value(node.value, scope), scope, node.value)

    def _bind(self, target: ast.expr, value: Value, scope: Scope, node: ast.expr) -> None:
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
            labelled(value, target.id)
        elif isinstance(target, ast.Attribute):
            self._bind_attribute(target, value, scope)
        elif isinstance(target, ast.Subscript):
            self._bind_key(target, value, scope, node)
        elif isinstance(target, ast.Tuple | ast.List):
            several = isinstance(value, Items) and len(value.items) == len(target.elts)
            for number, one in enumerate(target.elts):
                part = value.items[number].value if several and isinstance(value, Items) else None
                self._bind(one, part, scope, node)
        else:
            scope.forget(target)

    def _bind_attribute(self, target: ast.Attribute, value: Value, scope: Scope) -> None:
        self.value(target.value, scope)
        own = isinstance(target.value, ast.Name) and target.value.id in ("self", "cls")
        labelled(value, target.attr)
        if own:
            self._set_attribute(scope.owner, target.attr, value)
        elif target.attr in SENT_AS:
            self.send(value, None)

    def _set_attribute(self, owner: str, name: str, value: Value) -> None:
        for key in ((owner, name), ("", name)):
            known = self.attributes.get(key)
            self.attributes[key] = choice(known, value) if known else value

    def _bind_key(self, target: ast.Subscript, value: Value, scope: Scope, node: ast.expr) -> None:
        key = self.value(target.slice, scope)
        if not isinstance(key, Text):
            self.value(target.value, scope)
            return
        start = self.span(node)[0]
        for one in self._dictionaries(target.value, scope, start, key.plain):
            self.add(one, key.plain, value, start, scope)

    def _dictionaries(
        self, node: ast.expr, scope: Scope, start: int, key: str
    ) -> Iterator[Mapping]:
        """Yield the mappings that an expression stands for; an unknown one begins here."""
        value = self.value(node, scope) if not isinstance(node, ast.Name) else scope.get(node.id)
        known = [one for one in alternatives(value) if isinstance(one, Mapping)]
        if known:
            yield from known
            return
        name = node.id if isinstance(node, ast.Name) else ""
        attribute = node.attr if isinstance(node, ast.Attribute) else ""
        if parameter_name(key) is None or not _GROWING.search(name or attribute):
            return
        new = Mapping(start, label=name or attribute)
        self.mappings.append(new)
        if name:
            scope.names[name] = choice(value, new) if value is not None else new
        elif attribute in ("args", "params") and not _is_own(node):
            new.addresses.append(None)
        yield new

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        target = node.target
        more = self.value(node.value, scope)
        if isinstance(target, ast.Subscript):
            of = self.value(target.value, scope)
            key = self.value(target.slice, scope)
            if isinstance(of, Mapping) and isinstance(key, Text):
                _extend_key(of, key.plain, more, *self.span(node.value))
        elif isinstance(target, ast.Attribute):
            self.value(target.value, scope)
            if _is_own(target):
                self.attributes[scope.owner, target.attr] = None
        elif target.id not in self.looped:
            self._grow(target.id, node, more, scope)

    def _grow(self, name: str, node: ast.AugAssign, more: Value, scope: Scope) -> None:
        """Continue the value of a name: `where += ...`, `params |= ...`."""
        value = scope.get(name)
        start, end = self.span(node.value)
        if isinstance(node.op, ast.BitOr):
            for one in alternatives(value):
                if isinstance(one, Mapping):
                    self.add_all(one, more, scope)
        elif not isinstance(node.op, ast.Add):
            scope.names[name] = None
        elif isinstance(value, Items):
            if isinstance(more, Items):
                value.items += self.copied(more.items)
                more.hidden = True
            else:
                value.items.append(Item(None, start, end, scope.path, is_literal=False))
        else:
            if isinstance(more, Text) and not more.is_number and not is_written_there(node.value):
                more = Text((Slot(start, end, more.filling, more),))
            new = appended(value, more, start, end)
            scope.names[name] = self.look_at(new) if isinstance(new, Text) else new

    # ------------------------------------------------------------ branches and loops

    def _if(self, node: ast.If, scope: Scope) -> None:
        arms: list[tuple[Scope, list[ast.stmt]]] = []
        one: ast.If | None = node
        rest: list[ast.stmt] = []
        while one is not None:
            self.value(one.test, scope)
            arms.append((self._branch(scope), one.body))
            rest = one.orelse
            one = rest[0] if len(rest) == 1 and isinstance(rest[0], ast.If) else None
        arms.append((self._branch(scope), rest))
        self._arms(arms, scope)

    def _branch(self, scope: Scope) -> Scope:
        self.branches += 1
        return scope.branch(self.branches)

    def _arms(self, arms: list[tuple[Scope, list[ast.stmt]]], scope: Scope) -> None:
        """Read branches of which one is taken."""
        for inner, body in arms:
            self.statements(body, inner)
        going_on = [inner for inner, body in arms if not (body and isinstance(body[-1], _LEAVING))]
        for name in {one: None for inner in going_on for one in inner.names}:
            before = scope.get(name)
            scope.names[name] = merged(before, [one.names.get(name, before) for one in going_on])

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self._loop(node, scope, node.target, over=self.value(node.iter, scope))

    def _while(self, node: ast.While, scope: Scope) -> None:
        self._loop(node, scope, None, node.test)

    def _loop(
        self, node: ast.For | ast.AsyncFor | ast.While, scope: Scope, target: ast.expr | None,
        test: ast.expr | None = None, over: Value = None,
    ) -> None:  # fmt: skip
        """Read a loop; what one turn leaves to the next is unknown."""
        before = self.looped
        inner = self._branch(scope)
        grown, changed = _stored(node.body)
        for name in (*changed, *grown):
            value = scope.get(name)
            if name in grown and name not in changed and isinstance(value, Text):
                inner.names[name] = appended(value, None, *self.span(grown[name]))
                self.looped |= {name}
            elif isinstance(value, Text):
                inner.names[name] = None
        if target is not None:
            self.bind_each(target, over, inner)
        self.value(test, inner)
        self.statements(node.body, inner)
        self.looped = before
        for name, value in inner.names.items():
            old = scope.get(name)
            scope.names[name] = value if name in grown else choice(old, value)
        self.statements(node.orelse, scope)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        self.statements(node.body, scope)
        arms = [(self._branch(scope), handler.body) for handler in node.handlers]
        self._arms([*arms, (self._branch(scope), node.orelse)], scope)
        self.statements(node.finalbody, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for one in node.items:
            self.value(one.context_expr, scope)
            if one.optional_vars is not None:
                scope.forget(one.optional_vars)
        self.statements(node.body, scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.value(node.subject, scope)
        arms = [(self._branch(scope), one.body) for one in node.cases]
        self._arms([*arms, (self._branch(scope), [])], scope)

    # ------------------------------------------------------------ names from elsewhere

    def _import(self, node: ast.Import, _: Scope) -> None:
        for one in node.names:
            first = one.name.partition(".")[0]
            self.imports[one.asname or first] = one.name if one.asname else first

    def _import_from(self, node: ast.ImportFrom, _: Scope) -> None:
        module = "." * min(node.level, 1) + (node.module or "")
        for one in node.names:
            between = "" if module.endswith(".") else "."
            self.imports[one.asname or one.name] = module + between + one.name

    def _global(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        for name in node.names:
            scope.names[name] = None


def _is_own(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("self", "cls")
    )


def _extend_key(of: Mapping, key: str, more: Value, start: int, end: int) -> None:
    """Continue the text that a mapping has for a key."""
    for number in range(len(of.entries) - 1, -1, -1):
        entry = of.entries[number]
        if entry.name == key:
            value = appended(entry.value, more, start, end)
            of.entries[number] = Entry(key, value, entry.start, entry.path)
            return


def _stored(body: list[ast.stmt]) -> tuple[dict[str, ast.expr], set[str]]:
    """Return the names that a block continues, and those that it assigns otherwise."""
    grown: dict[str, ast.expr] = {}
    targets: set[int] = set()
    changed: set[str] = set()
    for statement in body:
        for one in ast.walk(statement):
            if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Name):
                grown.setdefault(one.target.id, one.value)
                targets.add(id(one.target))
            elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                changed |= {one.id} if id(one) not in targets else set()
    return grown, changed


_READERS = {
    ast.FunctionDef: "_function_definition", ast.AsyncFunctionDef: "_function_definition",
    ast.ClassDef: "_class_definition", ast.Return: "_return", ast.Assign: "_assign",
    ast.AnnAssign: "_annotated", ast.AugAssign: "_augmented", ast.If: "_if", ast.For: "_for",
    ast.AsyncFor: "_for", ast.While: "_while", ast.Try: "_try", ast.TryStar: "_try",
    ast.With: "_with", ast.AsyncWith: "_with", ast.Match: "_match", ast.Import: "_import",
    ast.ImportFrom: "_import_from", ast.Global: "_global", ast.Nonlocal: "_global",
}  # fmt: skip
