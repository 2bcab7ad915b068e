"""The nodes of a program by what they mean: calls, pairs, names and the values of names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odsql.sources.code_languages import Language
    from odsql.sources.code_trees import Node

__all__ = ["Assigned", "Program", "runs_before"]

_DEEPEST = 100
"""How many scopes, branches or wrappers are looked through."""
_CALLEE = re.compile(r"([\w$]+)[!?]?\s{0,99}(?:(?:::)?<[^<>()]{0,99}>)?\s{0,99}\Z")
_APPENDING = ("+=", ".=", "<<")


@frozen
class Assigned:
    """A value that a name gets, or that is added to it; None if it is unknown."""

    node: Node
    value: Node | None
    added: bool


class Program:
    """The nodes of one program, which names are given which values, and where names are used."""

    def __init__(self, text: str, language: Language, nodes: Sequence[Node]) -> None:
        """Note the names."""
        self.text = text
        self.language = language
        self.heredocs: dict[int, Node] = {}
        self._uses: dict[str, list[Node]] = {}
        self._uses_at_home: dict[str, dict[int, list[Node]]] = {}
        self._assigned: dict[tuple[int, str], list[Assigned]] = {}
        self._note(nodes)

    def _note(self, nodes: Sequence[Node]) -> None:
        language = self.language
        begun: list[Node] = []
        for node in nodes:
            kind = node.kind
            if kind in language.assignments:
                self._note_assignment(node)
            elif kind in language.names or kind in language.shorthand:
                self._uses.setdefault(self.source(node), []).append(node)
            elif kind == "heredoc_beginning":
                begun.append(node)
            elif kind == "heredoc_body" and begun:
                self.heredocs[id(begun.pop(0))] = node
            if kind in language.parameters and node.scope is not None:
                self._note_parameters(node)

    def _note_assignment(self, node: Node) -> None:
        left, right = self.language.assignments[node.kind]
        target, value = node.child(left), node.child(right)
        if target is None or value is None or target is value:
            return
        operator = self.text[target.end : value.start].strip()
        self._assign(self._name(target), node, value, added=operator in _APPENDING)

    def _note_parameters(self, node: Node) -> None:
        for one in node.children:
            for each in (one, *one.children):
                if each.kind in self.language.names:
                    self._assign(self.source(each), node, None, added=False)

    def _assign(self, name: str, node: Node, value: Node | None, *, added: bool) -> None:
        if name:
            key = (id(node.scope), name)
            self._assigned.setdefault(key, []).append(Assigned(node, value, added))

    def _name(self, target: Node) -> str:
        """Return the name of a variable that a target is; an empty text if it is none."""
        variable = self.variable(target)
        if variable is not None:
            return self.source(variable)
        return self.source(target) if target.kind == "property_identifier" else ""

    def variable(self, target: Node) -> Node | None:
        """Return the variable that a target is, without patterns around it."""
        language = self.language
        node = self.bare(target)
        while node.kind not in language.names:
            if len(node.children) != 1 or node.kind in language.subscripts:
                return None
            node = node.children[0]
        return node

    # ------------------------------------------------------------ nodes

    def source(self, node: Node) -> str:
        """Return a node as it is written."""
        return self.text[node.start : node.end]

    def bare(self, node: Node) -> Node:
        """Return the node inside of parentheses and the like."""
        for _ in range(_DEEPEST):
            selector = self.language.wrappers.get(node.kind)
            inner = None if selector is None else node.child(selector)
            if inner is None or (node.kind == "array_element_initializer" and self.is_pair(node)):
                return node
            node = inner
        return node

    def is_pair(self, node: Node) -> bool:
        """Return whether a node is a key with its value."""
        pair = self.language.pairs.get(node.kind)
        if pair is None:
            return False
        key, value = node.child(pair[0]), node.child(pair[1])
        return key is not None and value is not None and key is not value

    def arguments(self, call: Node) -> Node | None:
        """Return the list of the arguments of a call."""
        for one in reversed(call.children):
            if one.kind in self.language.arguments:
                return one
            if one.kind == "call_suffix":  # Swift
                return self.arguments(one)
        return None

    def call_of(self, arguments: Node) -> Node | None:
        """Return the call that a list of arguments belongs to; None if it is no such list."""
        if arguments.kind not in self.language.arguments:
            return None
        call = arguments.parent
        return call.parent if call is not None and call.kind == "call_suffix" else call

    def callee(self, call: Node) -> str:
        """Return the last name of what a call calls."""
        arguments = self.arguments(call)
        end = call.end if arguments is None else arguments.start
        found = _CALLEE.search(self.text, max(call.start, end - 200), end)
        return found[1] if found else ""

    def receiver(self, call: Node) -> Node | None:
        """Return the object whose method is called."""
        first = call.children[0] if call.children else None
        if first is None or first.kind in self.language.arguments:
            return None
        if first.kind in self.language.members:
            return first.children[0] if len(first.children) > 1 else None
        return first if first.field in ("object", "receiver") else None

    def operator(self, node: Node) -> str:
        """Return the operator between two operands."""
        left, right = node.children[0], node.children[-1]
        words = self.text[left.end : right.start].split()
        known = (one for one in words if one in self.language.operators)
        return next(known, words[0] if words else "")

    def concatenates(self, node: Node) -> bool:
        """Return whether an operation makes a text of two."""
        return len(node.children) > 1 and self.operator(node) in self.language.operators

    # ------------------------------------------------------------ names

    def uses(self, name: str, scope: Node | None) -> list[Node]:
        """Return where a name of a scope is used."""
        if name not in self._uses_at_home:
            found: dict[int, list[Node]] = {}
            for one in self._uses.get(name, ()):
                found.setdefault(id(self.home(name, one)[0]), []).append(one)
            self._uses_at_home[name] = found
        return self._uses_at_home[name].get(id(scope), [])

    def home(self, name: str, use: Node) -> tuple[Node | None, list[Node]]:
        """Return the scope that a name belongs to, and the values that it is given there."""
        assigned = self.visible(name, use)
        if not assigned:
            return use.scope, []
        return assigned[0].node.scope, [one.value for one in assigned if one.value is not None]

    def visible(self, name: str, use: Node) -> list[Assigned]:
        """Return the values that a name is given in the nearest scope that has it."""
        scope = use.scope
        for _ in range(_DEEPEST):
            found = self._assigned.get((id(scope), name))
            if found:
                return found
            if scope is None:
                return []
            scope = scope.parent.scope if scope.parent else None
        return []

    def constant(self, node: Node) -> Node | None:
        """Return the value of a constant of a class or module, which only one assignment gives."""
        name = _CALLEE.search(self.text, max(node.start, node.end - 200), node.end)
        for one in (name[1], f"${name[1]}") if name else ():
            assigned = self._assigned.get((id(None), one), [])
            if len(assigned) == 1 and assigned[0].value is not None:
                return assigned[0].value
        return None


def runs_before(node: Node, use: Node) -> bool:
    """Return whether an assignment has certainly been made where its name is used."""
    if node.scope is not use.scope:
        return node.branch is None
    branch = use.branch
    for _ in range(_DEEPEST):
        if branch is None or branch is node.branch:
            break
        branch = branch.parent.branch if branch.parent else None
    return branch is node.branch
