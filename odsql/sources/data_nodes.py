"""The values of YAML and JSON as nodes with positions, and a reader of JSON.

The reader also takes comments, trailing commas, single quotes and keys without quotes, as JSON5 and
settings files have them. It never fails: it stops at what it cannot read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources import json_strings
from odsql.sources.yaml_scalars import scalar

if TYPE_CHECKING:
    from odsql.sources.views import View

__all__ = ["Node", "attach", "read_json"]

_JSON = "json"
"""The style of a string in quotes in JSON."""

_NULLS = ("", "~", "null", "Null", "NULL")
_MOST = 1_000_000

_TOKEN = re.compile(
    r"(?:[\s\ufeff]++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)*+"
    r"""(?:(?P<string>"(?:[^"\\]++|\\[\s\S])*+"|'(?:[^'\\]++|\\[\s\S])*+')"""
    r"|(?P<word>[\w.$+-]++)|(?P<mark>[\[\]{}:,]))"
)


class Node:
    """A scalar (`value`), a list (`items`), a mapping (`pairs`), or an alias (`alias`).

    The positions of a scalar's characters are computed on demand, because most are never needed.
    """

    __slots__ = ("alias", "end", "items", "pairs", "start", "style", "value")

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.value: str | None = None
        self.style = ""
        self.items: list[Node] | None = None
        self.pairs: list[tuple[Node, Node]] | None = None
        self.alias: str | None = None

    @property
    def null(self) -> bool:
        """Whether this is a scalar that stands for no value."""
        return not self.style and self.value in _NULLS

    def view(self, text: str) -> View | None:
        """Return a scalar with the positions of its characters; None for anything else."""
        if self.value is None:
            return None
        if self.style == _JSON:
            return json_strings.decoded(text, self.start + 1, self.end - 1)
        return scalar(text, self.start, self.end, self.style, self.value)


def read_json(text: str) -> Node | None:
    """Return the value that a text of JSON begins with, as far as it can be read."""
    root: Node | None = None
    open_: list[Node] = []
    keys: list[Node | None] = []
    place = 0
    for _ in range(_MOST):
        match = _TOKEN.match(text, place)
        if match is None:
            break
        place = match.end()
        mark = match["mark"]
        if mark in ("]", "}"):
            if open_:
                open_.pop().end = place
                keys.pop()
            if not open_:
                break
        elif mark not in (":", ","):
            node = _node(text, match)
            root = root or node
            if open_:
                attach(node, open_[-1], keys)
            if node.value is None:
                open_.append(node)
                keys.append(None)
    return root


def _node(text: str, match: re.Match[str]) -> Node:
    start, end = match.span(match.lastgroup or 0)
    node = Node(start)
    node.end = end
    if match["mark"] == "[":
        node.items = []
    elif match["mark"] == "{":
        node.pairs = []
    elif match["string"] is not None:
        node.style = _JSON
        node.value = text[start + 1 : end - 1]
        if "\\" in node.value:
            node.value = json_strings.decoded(text, start + 1, end - 1).text
    else:
        node.value = match["word"]
    return node


def attach(node: Node, parent: Node, keys: list[Node | None]) -> None:
    """Add a node to a list, or to a mapping, where keys and values take turns."""
    if parent.items is not None:
        parent.items.append(node)
    elif (key := keys[-1]) is None:
        keys[-1] = node
    elif parent.pairs is not None:
        parent.pairs.append((key, node))
        keys[-1] = None
