"""Parsing programs with tree-sitter into small trees of our own.

A grammar is loaded only when a file needs it. The trees have only the named nodes, without
comments, with offsets in characters, and know their parents; tree-sitter has none of that at a
price that is linear in the size of a file.
"""

from __future__ import annotations

import time
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odsql.sources.code_languages import Language, Selector

__all__ = ["Node", "installed", "parsed"]

_LARGEST = 1_000_000
"""Longer programs are bundles or data, which nobody writes."""
_SECONDS = 5.0
"""Recovery from errors can take quadratic time; so much of the processor one file may have."""
_CHUNK = 1 << 16


class Node:
    """A node of a program: its kind, its field in its parent, and the text that it spans.

    `scope` is the function around it, and `branch` the nearest node in that function which may not
    run, or run more than once; None outside of any.
    """

    __slots__ = ("branch", "children", "end", "field", "kind", "parent", "scope", "start")

    def __init__(
        self, kind: str, name: str | None, start: int, end: int, parent: Node | None
    ) -> None:
        self.kind = kind
        self.field = name
        self.start = start
        self.end = end
        self.parent = parent
        self.children: list[Node] = []
        self.scope: Node | None = parent.scope if parent else None
        self.branch: Node | None = parent.branch if parent else None

    def child(self, selector: Selector) -> Node | None:
        """Return the child in a field, of a kind, or at an index; None if there is none."""
        if isinstance(selector, int):
            place = selector if selector >= 0 else len(self.children) + selector
            return self.children[place] if 0 <= place < len(self.children) else None
        for one in self.children:
            if selector in (one.field, one.kind):
                return one
        return None


@cache
def installed(language: Language) -> bool:
    """Return whether tree-sitter and the grammar of a language are there."""
    return find_spec("tree_sitter") is not None and find_spec(language.package) is not None


@cache
def _parser(package: str, function: str) -> Any:
    from tree_sitter import Language, Parser

    return Parser(Language(getattr(import_module(package), function)()))


def parsed(text: str, language: Language) -> list[Node] | None:
    """Return the nodes of a program, each before its children; None if it cannot be read."""
    if len(text) > _LARGEST:
        return None
    parser = _parser(language.package, language.function)
    encoded = text.encode("utf-8", "surrogatepass")
    deadline = time.process_time() + _SECONDS
    try:
        tree = parser.parse(
            lambda place, _: encoded[place : place + _CHUNK],
            progress_callback=lambda *_: time.process_time() > deadline,
        )
    except ValueError:  # it took too long
        parser.reset()
        return None
    return _nodes(tree, _places(text, encoded), language)


def _places(text: str, encoded: bytes) -> Sequence[int]:
    """Return the offset of the character that begins at each byte."""
    if text.isascii():
        return range(len(text) + 1)
    return [0, *accumulate((byte & 0xC0) != 0x80 for byte in encoded[1:]), len(text)]


def _nodes(tree: Any, places: Sequence[int], language: Language) -> list[Node]:
    cursor = tree.walk()
    nodes: list[Node] = []
    parent: Node | None = None
    parents: list[Node | None] = []
    while True:
        seen = cursor.node
        node = parent
        if seen.is_named and "comment" not in seen.type:
            node = Node(
                seen.type, cursor.field_name, places[seen.start_byte], places[seen.end_byte], parent
            )
            if node.kind in language.functions:
                node.scope, node.branch = node, None
            elif node.kind in language.branches:
                node.branch = node
            nodes.append(node)
            if parent is not None:
                parent.children.append(node)
        if cursor.goto_first_child():
            parents.append(parent)
            parent = node
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return nodes
            parent = parents.pop()
