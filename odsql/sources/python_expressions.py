"""Finding out what the expressions of a Python program stand for.

No code is run. `Expressions.value` returns the value of a node; on the way it notes every mapping
and every call with the names of parameters, and what is handed to a request.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from odsql.sources.python_literals import literal
from odsql.sources.python_strings import (
    DIRECTIVE,
    DOLLAR,
    FIELD,
    Slot,
    Text,
    f_string,
    filled,
)
from odsql.sources.python_trees import Places
from odsql.sources.python_values import (
    Choice,
    Encoded,
    Entry,
    Function,
    Given,
    Item,
    Items,
    Mapping,
    Scope,
    Value,
    alternatives,
    choice,
    column,
    labelled,
    pairs,
)
from odsql.sources.views import View, whole

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["Expressions", "LocalCall", "dotted", "is_written_there", "slot_of"]

_T = TypeVar("_T")
_DEEPEST = 90
"""The maximum depth of expressions; what is deeper is unknown."""

_NAMED = re.compile(r"[?&](\w{1,40})=\Z")
_PARAMETER = re.compile(r"(?:\A|[?&])(?P<name>\w{1,40})=(?P<value>[^&]*)")
_EXPLORE = re.compile(r"explore/v2|/catalog/|/records\b|/exports\b")
_MOST_COPIES = 100_000
_MOST_ITEMS = 30
"""The maximum number of items that a loop runs over and that are told apart."""
_MISSING = object()


@define(eq=False)
class LocalCall:
    """A call of a function of the file: its arguments by the names of the parameters."""

    function: Function
    given: Mapping
    extra: Mapping
    done: set[tuple[str, str]] = field(factory=set)


def dotted(node: ast.expr) -> str:
    """Return the name of a function as it is called, `a.b.c`; what is no name is left out."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    elif isinstance(node, ast.Call | ast.Subscript | ast.Await):
        names.append("")
    return ".".join(reversed(names))


@define(eq=False)
class Expressions:
    """The expressions of one file.

    Attributes:
        view: the text that is being read: the file, or a cell of a notebook.
        places: where its nodes are.
        mappings: every mapping that may be the parameters of a request.
        declarations: the constants of classes and the defaults of functions.
        lists: the lists of pairs that are handed to a request.
        calls: the keyword arguments of calls, with the name of what is called.
        local: the calls of functions of the file.
        encoded: what is made into a query string.
        imports: what the names of the file are imported from.
        callables: the functions that the configuration lists.
        listed: the identities of the values that these functions are given.
        growing: the name that is being assigned a value which continues its own.
        attributes: the attributes of classes, by the names of the class and of the attribute.
        classes: the constants of the classes of the file.
    """

    view: View = field(factory=lambda: whole(""))
    places: Places = field(factory=lambda: Places(""))
    mappings: list[Mapping] = field(factory=list)
    declarations: list[Mapping] = field(factory=list)
    lists: list[Items] = field(factory=list)
    calls: list[tuple[str, Mapping]] = field(factory=list)
    local: list[LocalCall] = field(factory=list)
    encoded: list[Encoded] = field(factory=list)
    imports: dict[str, str] = field(factory=dict)
    functions: dict[str, list[Function]] = field(factory=dict)
    attributes: dict[tuple[str, str], Value] = field(factory=dict)
    classes: dict[str, Mapping] = field(factory=dict)
    callables: tuple[str, ...] = ()
    listed: list[int] = field(factory=list)
    growing: str = ""
    copies: int = 0
    depth: int = 0
    _done: dict[int, Value] = field(factory=dict)

    def value(self, node: ast.expr | None, scope: Scope) -> Value:
        """Return what an expression stands for."""
        if node is None or self.depth > _DEEPEST:
            return None
        known = self._done.get(id(node), _MISSING)
        if known is not _MISSING:
            return known  # type: ignore[return-value]
        self.depth += 1
        try:
            reader = _READERS.get(type(node))
            read = getattr(self, reader) if reader else self.inside
            result: Value = read(node, scope)
        finally:
            self.depth -= 1
        self._done[id(node)] = result
        return result

    def inside(self, node: ast.AST, scope: Scope) -> None:
        """Look at the expressions in a node of which nothing else is known."""
        for one in ast.iter_child_nodes(node):
            if isinstance(one, ast.expr):
                self.value(one, scope)
            elif not isinstance(one, ast.stmt):
                self.inside(one, scope)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node is in the file."""
        start, end = self.places.span(node)
        return self.view.offsets[start], self.view.offsets[end]

    # ------------------------------------------------------------ strings and numbers

    def _constant(self, node: ast.Constant, _: Scope) -> Value:
        start, end = self.places.span(node)
        if isinstance(node.value, str):
            return Text((literal(self.view.text, start, end, node.value).inside(self.view),))
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return Text((self.view.cut(start, end),), is_number=True)
        return None

    def _sign(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.value(node.operand, scope)
        if isinstance(node.op, ast.USub) and isinstance(value, Text) and value.is_number:
            return Text((self.view.cut(*self.places.span(node)),), is_number=True)
        return None

    def _f_string(self, node: ast.JoinedStr, scope: Scope) -> Value:
        parts = f_string(self.view.text, *self.places.span(node), node)
        if parts is None:
            self.inside(node, scope)
            return None
        pieces: list[View | Slot] = []
        for number, one in enumerate(parts):
            if not isinstance(one, tuple):
                pieces.append(one.inside(self.view))
                continue
            start, end, inner = one
            plain = inner.conversion == -1 and inner.format_spec is None
            pieces += self._filling(
                inner.value, scope, self.view.offsets[start], self.view.offsets[end],
                plain=plain, first=number == 0,
            )  # fmt: skip
        return self.look_at(Text(()).followed_by(pieces))

    def _filling(
        self, node: ast.expr, scope: Scope, start: int, end: int, *, plain: bool = True,
        first: bool = False,
    ) -> tuple[View | Slot, ...]:  # fmt: skip
        """Return what an expression in a string fills in."""
        value = self.value(node, scope)
        if not isinstance(value, Text) or not plain:
            return (Slot(start, end, value=value),)
        if first and isinstance(node, ast.Name) and node.id == self.growing:
            return value.pieces
        return (Slot(start, end, value.filling, value),)

    def _operation(self, node: ast.BinOp, scope: Scope) -> Value:
        if isinstance(node.op, ast.Add):
            return self._sum(node, scope)
        left = self.value(node.left, scope)
        if isinstance(node.op, ast.Mod) and isinstance(left, Text) and not left.is_number:
            return self._percent(left, node.right, scope)
        right = self.value(node.right, scope)
        if isinstance(node.op, ast.BitOr) and (
            isinstance(left, Mapping) or isinstance(right, Mapping)
        ):
            return self.mapping(node, [left, right], scope)
        if isinstance(node.op, ast.Mod) and _is_url(node.left):
            self.send(right, None)
        return None

    def _sum(self, node: ast.BinOp, scope: Scope) -> Value:
        operands: list[ast.expr] = []
        one: ast.expr = node
        while isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add):
            operands.append(one.right)
            one = one.left
        operands.append(one)
        operands.reverse()
        values = [self.value(one, scope) for one in operands]
        if any(isinstance(one, Items) for one in values):
            return self._list_sum(node, operands, values)
        if not any(isinstance(one, Text) and not one.is_number for one in values):
            return None
        text: Text | None = Text(())
        for number, (operand, value) in enumerate(zip(operands, values, strict=True)):
            if text is None:
                return None
            if isinstance(value, Text) and is_written_there(operand):
                text = text.followed_by(value.pieces)
            else:
                filling = self._filling(operand, scope, *self.span(operand), first=number == 0)
                text = text.followed_by(filling)
        return self.look_at(text)

    def _list_sum(self, node: ast.expr, operands: list[ast.expr], values: list[Value]) -> Value:
        result = Items(self.span(node)[0])
        for operand, value in zip(operands, values, strict=True):
            if isinstance(value, Items):
                result.items += self.copied(value.items)
                value.hidden = True
            else:
                result.items.append(Item(value, *self.span(operand)))
        return result

    def _percent(self, text: Text, right: ast.expr, scope: Scope) -> Value:
        value = self.value(right, scope)
        listed = iter(right.elts if isinstance(right, ast.Tuple) else [right])

        def fill(match: re.Match[str]) -> str | Slot | None:
            if match["type"] == "%":
                return "%"
            if match["name"] is not None:
                return slot_of(value.get(match["name"])) if isinstance(value, Mapping) else None
            node = next(listed, None)
            if node is None or match["type"] != "s":
                return None
            return slot_of(self.value(node, scope))

        if isinstance(value, Mapping | Items):
            value.hidden = True
        return self.look_at(filled(text, DIRECTIVE, fill))

    def formatted(self, text: Text, node: ast.Call, scope: Scope) -> Value:
        """Return a text whose fields `format` fills."""
        named = {one.arg: one.value for one in node.keywords if one.arg}
        counter = iter(range(len(node.args)))

        def fill(match: re.Match[str]) -> str | Slot | None:
            if match[0] in ("{{", "}}"):
                return match[0][0]
            name = match["name"]
            if not name:
                number = next(counter, None)
            else:
                number = int(name) if name.isdecimal() and len(name) < 4 else None
            if number is not None:
                inner = node.args[number] if number < len(node.args) else None
            else:
                inner = named.get(name)
            if inner is None or ":" in match[0] or "!" in match[0]:
                return None
            return slot_of(self.value(inner, scope))

        return self.look_at(filled(text, FIELD, fill))

    def substituted(self, text: Text, node: ast.Call, scope: Scope) -> Value:
        """Return a template whose placeholders are filled."""
        named = {one.arg: one.value for one in node.keywords if one.arg}
        first = self.value(node.args[0], scope) if node.args else None

        def fill(match: re.Match[str]) -> str | Slot | None:
            if match[0] == "$$":
                return "$"
            name = match["name"] or match["braced"]
            if name in named:
                return slot_of(self.value(named[name], scope))
            return slot_of(first.get(name)) if isinstance(first, Mapping) else None

        return self.look_at(filled(text, DOLLAR, fill))

    def joined(self, separator: Text, value: Value, node: ast.expr) -> Value:
        """Return the items of a list, joined by a separator."""
        if isinstance(value, Text):
            return None
        if not isinstance(value, Items) or not value.items:
            return Text((Slot(*self.span(node)),))
        if separator.plain == "&" and value.more:
            # `"&".join(f"{k}={v}" for k, v in params.items())`
            encoded = Encoded(value.more[0])
            self.encoded.append(encoded)
            return encoded
        text: Text | None = Text(())
        place = 0
        for number, item in enumerate(value.items):
            if text is None:
                return None
            if number:
                between = View(separator.plain, (place,) * (len(separator.plain) + 1))
                text = text.followed_by([between])
            if text is not None:
                text = text.followed_by(_of_item(item))
            place = item.end
        value.hidden = True
        return text

    # ------------------------------------------------------------ dictionaries and lists

    def _dict(self, node: ast.Dict, scope: Scope) -> Value:
        result = Mapping(self.span(node)[0])
        self.mappings.append(result)
        for key, one in zip(node.keys, node.values, strict=True):
            value = self.value(one, scope)
            if key is None:
                self.add_all(result, value, scope)
                continue
            name = self.value(key, scope)
            if isinstance(name, Text):
                self.add(result, name.plain, value, self.span(one)[0], scope)
        return result

    def mapping(self, node: ast.expr, of: Iterable[Value], scope: Scope) -> Mapping:
        """Return a new mapping that has what others have."""
        result = Mapping(self.span(node)[0])
        self.mappings.append(result)
        for one in of:
            self.add_all(result, one, scope)
        return result

    def add(self, to: Mapping, name: str, value: Value, start: int, scope: Scope) -> None:
        """Set a key of a mapping."""
        labelled(value, name, to)
        to.entries.append(Entry(name, value, start, scope.path))

    def add_all(self, to: Mapping, value: Value, scope: Scope) -> None:
        """Set all keys that a value has."""
        for one in alternatives(value):
            if isinstance(one, Mapping):
                if one is not to:
                    to.entries += self.copied(one.entries)
                    to.label = to.label or one.label
            elif isinstance(one, Items):
                to.entries += self.copied(pairs(one))
                one.hidden = True
            elif isinstance(one, Given):
                to.entries.append(Entry("**", one, to.start, scope.path))

    def copied(self, of: list[_T]) -> list[_T]:
        """Return what one collection takes from another, as long as not too much is copied."""
        self.copies += len(of)
        return of[:] if self.copies < _MOST_COPIES else []

    def _items(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        result = Items(self.span(node)[0])
        for one in node.elts:
            result.items.append(self.item(one, scope))
        return result

    def item(self, node: ast.expr, scope: Scope) -> Item:
        """Return an item of a list."""
        value = self.value(node, scope)
        if isinstance(node, ast.Starred):
            value = None
        return Item(value, *self.span(node), scope.path, is_written_there(node))

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope
    ) -> Value:
        inner = self._generators(node.generators, scope)
        result = Items(self.span(node)[0])
        result.items.append(self.item(node.elt, inner))
        of = self.value(node.generators[0].iter, scope)
        if isinstance(of, Items):
            result.more += of.more
        return result

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> Value:
        inner = self._generators(node.generators, scope)
        self.value(node.key, inner)
        self.value(node.value, inner)
        # `{k: v for k, v in params.items() if v}` has what `params` has.
        of = self.value(node.generators[0].iter, scope)
        return of.more[0] if isinstance(of, Items) and of.more else None

    def _generators(self, generators: list[ast.comprehension], scope: Scope) -> Scope:
        inner = scope.branch()
        for one in generators:
            self.bind_each(one.target, self.value(one.iter, inner), inner)
            for condition in one.ifs:
                self.value(condition, inner)
        return inner

    def bind_each(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Let the names of a loop stand for any item of what it runs over."""
        scope.forget(target)
        if not isinstance(value, Items) or len(value.items) > _MOST_ITEMS:
            return
        if isinstance(target, ast.Name):
            scope.names[target.id] = choice(*[one.value for one in value.items], None)
        elif isinstance(target, ast.Tuple | ast.List):
            for number, one in enumerate(target.elts):
                if isinstance(one, ast.Name):
                    scope.names[one.id] = choice(*column(value, number), None)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        inner = scope.branch()
        arguments = node.args
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            inner.names[one.arg] = None
        self.inside(arguments, scope)
        self.value(node.body, inner)
        return None

    # ------------------------------------------------------------ names

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        return scope.get(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        if not isinstance(node.value, ast.Name):
            value = self.value(node.value, scope)
            return value if node.attr == "value" and isinstance(value, Text) else None
        owner = scope.owner if node.value.id in ("self", "cls") else node.value.id
        for function in self.functions.get(node.attr, ()):
            if function.is_property and function.of == owner:
                self.read_function(function)
                return function.result
        if (owner, node.attr) in self.attributes:
            return self.attributes[owner, node.attr]
        if node.value.id in ("self", "cls"):
            return self.attributes.get(("", node.attr))  # of a base class
        self.value(node.value, scope)
        return None

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        of = self.value(node.value, scope)
        key = self.value(node.slice, scope)
        if isinstance(of, Mapping):
            return of.get(key.plain) if isinstance(key, Text) else of.any()
        if isinstance(of, Items) and isinstance(key, Text) and key.plain.isdecimal():
            number = int(key.plain[:6])
            return of.items[number].value if number < len(of.items) else None
        return None

    def _named(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.value(node.value, scope)
        scope.names[node.target.id] = value
        return value

    # ------------------------------------------------------------ several values

    def _condition(self, node: ast.IfExp, scope: Scope) -> Value:
        self.value(node.test, scope)
        return choice(self.value(node.body, scope), self.value(node.orelse, scope))

    def _either(self, node: ast.BoolOp, scope: Scope) -> Value:
        return choice(*[self.value(one, scope) for one in node.values])

    def _same(self, node: ast.Await | ast.Starred, scope: Scope) -> Value:
        return self.value(node.value, scope)

    # ------------------------------------------------------------ requests

    def call(self, node: ast.Call, scope: Scope) -> Value:
        """Return what a call returns, and note what it hands to a request."""
        raise NotImplementedError

    def read_function(self, function: Function) -> None:
        """Read the body of a function, once."""
        raise NotImplementedError

    def send(self, value: Value, address: str | None) -> None:
        """Note that a value is handed to a request as its parameters."""
        for one in alternatives(value):
            if isinstance(one, Mapping | Items):
                if isinstance(one, Items) and not one.addresses:
                    self.lists.append(one)
                one.addresses.append(address)
            elif isinstance(one, Encoded):
                self.send(one.of, address)
            elif isinstance(one, Text):
                self._send_query(one, address)
            elif isinstance(one, Given):
                one.function.sent.setdefault(one.name, address)
                self.send(one.default, address)

    def _send_query(self, text: Text, address: str | None) -> None:
        """Note a query string that is written by hand."""
        result = Mapping(0, addresses=[address])
        for match in _PARAMETER.finditer(text.plain):
            if "%" not in match[0] and text.span is not None:
                value = Text((text.view.cut(*match.span("value")),))
                result.start = text.span[0]
                result.entries.append(Entry(match["name"], value, result.start))
        self.mappings.append(result)

    def look_at(self, text: Text | None) -> Text | None:
        """Note the parameters that fill in a URL, `f"{url}?where={where}"`, and return it."""
        if text is None or not any(isinstance(one, Slot) and one.value for one in text.pieces):
            return text
        address = None
        found = Mapping(0)
        for number, one in enumerate(text.pieces):
            if not isinstance(one, Slot) or one.value is None:
                continue
            address = address or text.plain.partition("?")[0]
            if isinstance(one.value, Encoded):
                self.send(one.value, address)
                continue
            before = text.pieces[number - 1].text[-50:] if number else ""
            after = text.pieces[number + 1].text[:1] if number + 1 < len(text.pieces) else ""
            match = _NAMED.search(before)
            if (
                match is not None
                and after in ("", "&", "#")
                and isinstance(one.value, Text | Given | Choice)
            ):
                found.entries.append(Entry(match[1], one.value, one.start))
        if found.entries and address is not None:
            found.start = found.entries[0].start
            if _EXPLORE.search(address):
                found.addresses.append(address)
            self.mappings.append(found)
        return text


def _is_url(node: ast.expr) -> bool:
    """Return whether an expression is a `yarl.URL`, perhaps with a path: `URL(portal) / path`."""
    while isinstance(node, ast.BinOp):
        node = node.left
    return isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "URL"


def is_written_there(node: ast.expr) -> bool:
    """Return whether an expression writes a text, and does not name one."""
    return isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp)


def _of_item(item: Item) -> tuple[View | Slot, ...]:
    if not isinstance(item.value, Text):
        return (Slot(item.start, item.end),)
    if item.is_literal:
        return item.value.pieces
    return (Slot(item.start, item.end, item.value.filling, item.value),)


def slot_of(value: Value) -> Slot:
    """Return what a value fills in; `filled` says where."""
    return Slot(0, 0, value.filling, value) if isinstance(value, Text) else Slot(0, 0, value=value)


_READERS = {
    ast.Constant: "_constant", ast.UnaryOp: "_sign", ast.JoinedStr: "_f_string",
    ast.BinOp: "_operation", ast.Dict: "_dict", ast.List: "_items", ast.Tuple: "_items",
    ast.Set: "_items", ast.ListComp: "_comprehension", ast.SetComp: "_comprehension",
    ast.GeneratorExp: "_comprehension", ast.DictComp: "_dict_comprehension", ast.Lambda: "_lambda",
    ast.Name: "_name", ast.Attribute: "_attribute", ast.Subscript: "_subscript",
    ast.NamedExpr: "_named", ast.IfExp: "_condition", ast.BoolOp: "_either", ast.Await: "_same",
    ast.Starred: "_same", ast.Call: "call",
}  # fmt: skip
