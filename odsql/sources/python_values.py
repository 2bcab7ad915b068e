"""What the expressions of a Python program stand for, as far as requests are concerned.

A value is a `Text`, a `Mapping`, `Items`, one of several (`Choice`), a parameter of a function of
the file (`Given`), the query string of a mapping (`Encoded`), or None, which is unknown.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, field, frozen

from odsql.sources.python_strings import Slot, Text

if TYPE_CHECKING:
    from odsql.sources.python_trees import Places
    from odsql.sources.views import View

__all__ = [
    "Choice", "Encoded", "Entry", "Function", "Given", "Item", "Items", "Mapping", "Scope", "Value",
    "alternatives", "appended", "choice", "column", "labelled", "merged", "pairs",
]  # fmt: skip

_MOST = 8
"""The maximum number of alternatives; a value with more is unknown."""

_MOST_READ = 30
"""The maximum number of values of a mapping that a loop tells apart."""

Path: TypeAlias = tuple[int, ...]
"""The branches in which something happens, outer ones first."""


@frozen
class Entry:
    """A key of a mapping with its value, and the branches in which it is set."""

    name: str
    value: Value
    start: int
    path: Path = ()


@define(eq=False)
class Mapping:
    """Keys with values; a dictionary, or the keyword arguments of a call.

    Attributes:
        start: where it begins.
        entries: what it holds, in order; a key that is set again has several.
        label: the name of what it is assigned to or handed to.
        addresses: the address of each request that it is sent with, None if that is unknown.
        hidden: whether it is certainly not the parameters of a request.
        is_list: whether it is a list of pairs, in which a key may stand several times.
        is_instance: whether it is the attributes of an object, which has methods of its own.
        within: the mapping that has it as a value.
    """

    start: int
    entries: list[Entry] = field(factory=list)
    label: str = ""
    addresses: list[str | None] = field(factory=list)
    hidden: bool = False
    is_list: bool = False
    is_instance: bool = False
    within: Mapping | None = None

    def get(self, name: str) -> Value:
        """Return the value of a key; None if it is unknown or missing."""
        return next((one.value for one in reversed(self.entries) if one.name == name), None)

    def any(self) -> Value:
        """Return one of the values; None if they are many."""
        if len(self.entries) > _MOST:
            return None
        return choice(*[one.value for one in self.entries])


@frozen
class Item:
    """An item of a list: its value, where it is, and the branches in which it is added.

    `is_literal` tells whether its text is written there, not named.
    """

    value: Value
    start: int
    end: int
    path: Path = ()
    is_literal: bool = True


@define(eq=False)
class Items:
    """A list, a tuple or a set; `more` are the mappings whose pairs it has, too."""

    start: int
    items: list[Item] = field(factory=list)
    more: list[Mapping] = field(factory=list)
    addresses: list[str | None] = field(factory=list)
    hidden: bool = False


@frozen(eq=False)
class Choice:
    """One of several values."""

    values: tuple[Value, ...]


@frozen(eq=False)
class Encoded:
    """The query string that a mapping or a list of pairs makes."""

    of: Mapping | Items


@define(eq=False)
class Function:
    """A function of the file, and what it does with its parameters.

    Attributes:
        node: its definition.
        scope: the names around it.
        view, places: the text in which it is, and where the nodes of this text are.
        of: the name of its class, if it is a method.
        parameters: the names of the parameters, without `self`.
        keywords: the name of the parameter for other keyword arguments.
        flows: the parameters of requests that a parameter is sent as, with the address.
        sent: the parameters that are sent as a whole, with the address.
        result: what it returns.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope
    view: View
    places: Places
    of: str = ""
    parameters: tuple[str, ...] = ()
    keywords: str = ""
    flows: dict[tuple[str, str], str | None] = field(factory=dict)
    sent: dict[str, str | None] = field(factory=dict)
    result: Value = None
    read: bool = False
    is_property: bool = False


@frozen(eq=False)
class Given:
    """A parameter of a function, with its default."""

    function: Function
    name: str
    default: Value = None


Value: TypeAlias = Text | Mapping | Items | Choice | Encoded | Given | None


def choice(*values: Value) -> Value:
    """Return one of several values."""
    flat = {id(one): one for value in values for one in alternatives(value)}
    if len(flat) == 1:
        return next(iter(flat.values()))
    return Choice(tuple(flat.values())) if len(flat) <= _MOST else None


def alternatives(value: Value) -> tuple[Value, ...]:
    """Return the values of which a value is one."""
    return value.values if isinstance(value, Choice) else (value,)


def labelled(value: Value, name: str, within: Mapping | None = None) -> None:
    """Note the name that mappings are assigned to, and the mapping that has them as values."""
    for one in alternatives(value):
        if isinstance(one, Mapping):
            one.label = one.label or name
            if within is not one:
                one.within = one.within or within
        elif isinstance(one, Items):
            for item in one.items:
                if isinstance(item.value, Mapping):
                    labelled(item.value, name, within)


def appended(value: Value, more: Value, start: int, end: int) -> Value:
    """Return a text that is continued by a value at `start`."""
    if not isinstance(value, Text) or value.is_number:
        return None
    if isinstance(more, Text) and not more.is_number:
        return value.followed_by(more.pieces)
    return value.followed_by([Slot(start, end, value=more)])


def merged(before: Value, arms: list[Value]) -> Value:
    """Return a value after branches that may change it.

    What a branch appends to a text counts if it goes on with a conjunction or a comma; it may then
    be there or not, and is a hole otherwise.
    """
    different = {id(one): one for one in arms if one is not before}
    if not different:
        return before
    grown = [
        one
        for one in different.values()
        if isinstance(before, Text) and isinstance(one, Text) and _continues(before, one)
    ]
    if not isinstance(before, Text) or len(grown) < len(different):
        return choice(*arms)
    more = Text(grown[0].pieces[len(before.pieces) :])
    connects = more.plain.lstrip().lower().startswith(_CONNECTING) and before.plain.strip()
    if len(grown) == 1 < len(arms) and connects:
        return grown[0]
    return before.followed_by([Slot(*more.span)]) if more.span else None


_CONNECTING = ("and ", "or ", ",")


def _continues(before: Text, after: Text) -> bool:
    length = len(before.pieces)
    if not length or len(after.pieces) <= length:
        return False
    return after.pieces[length - 1] is before.pieces[length - 1]


@define(eq=False)
class Scope:
    """The names of a block and of what is around it.

    `within` is the block that this one is a branch of, or a function is defined in.
    """

    within: Scope | None = None
    names: dict[str, Value] = field(factory=dict)
    depth: int = 0
    path: Path = ()
    function: Function | None = None
    owner: str = ""
    is_class: bool = False

    def get(self, name: str) -> Value:
        """Return the value of a name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.within
        return None

    def forget(self, target: ast.AST) -> None:
        """Make the names in the target of an assignment unknown."""
        for one in ast.walk(target):
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                self.names[one.id] = None

    def branch(self, number: int | None = None) -> Scope:
        """Return the scope of a branch."""
        path = self.path if number is None else (*self.path, number)
        return Scope(self, {}, self.depth + 1, path, self.function, self.owner)


def column(items: Items, number: int) -> list[Value]:
    """Return what stands at a place of each tuple in a list, or the values of a mapping."""
    column = [
        one.value.items[number].value
        for one in items.items
        if isinstance(one.value, Items) and number < len(one.value.items)
    ]
    if number == 1:
        column += [entry.value for one in items.more for entry in one.entries[:_MOST_READ]]
    return column


def pairs(items: Items) -> list[Entry]:
    """Return a list of pairs as the entries of a mapping."""
    entries = [entry for one in items.more for entry in one.entries]
    for item in items.items:
        if isinstance(item.value, Items) and len(item.value.items) == 2:
            name, value = (one.value for one in item.value.items)
            if isinstance(name, Text):
                start = item.value.items[1].start
                entries.append(Entry(name.plain, value, start, item.path))
    return entries
