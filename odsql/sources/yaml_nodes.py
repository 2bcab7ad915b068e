"""YAML as nodes with positions.

Only the events of PyYAML's parser are used: no tag is resolved, no object is constructed, and an
alias is only the name of its anchor, so neither cycles nor "billion laughs" files do harm. PyYAML
is an optional dependency (the extra `yaml`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from odsql.sources.data_nodes import Node, attach

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Document", "MissingError", "RefusedError", "documents"]

_DEEPEST = 50
_MOST = 100_000


@define
class Document:
    """The root of a document, its anchors, and the number of values that may still be read."""

    root: Node | None = None
    anchors: dict[str, Node] = field(factory=dict)
    budget: int = _MOST

    def resolved(self, node: Node) -> Node:
        """Return a node, or the one that its alias refers to; every call uses up the budget."""
        self.budget -= 1
        if self.budget < 0:
            msg = f"has more than {_MOST:,} values"
            raise RefusedError(msg)
        return self.anchors.get(node.alias, node) if node.alias is not None else node


class RefusedError(Exception):
    """A file that cannot be used. The message gives the reason."""


class MissingError(RefusedError):
    """PyYAML is not installed."""


def _events(text: str, start: int, end: int) -> Iterator[Any]:
    try:
        import yaml
    except ImportError:
        msg = "has queries; install explore-async[yaml] to read them"
        raise MissingError(msg) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text[start:end], Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = text.count("\n", 0, start) + mark.line + 1 if mark else 0
        place = f" at line {line}, column {mark.column + 1}" if mark else ""
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "syntax error"
        msg = f"is not valid YAML{place}: {said}"
        raise RefusedError(msg) from None


def documents(text: str, first: int, last: int) -> Iterator[Document]:
    """Yield the documents in a part of a text.

    Raises:
        RefusedError: it is not valid YAML, or is nested too deeply.
        MissingError: PyYAML is not installed.
    """
    document = Document()
    open_: list[Node] = []
    keys: list[Node | None] = []
    for event in _events(text, first, last):
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            document, open_, keys = Document(), [], []
        elif kind == "DocumentEndEvent":
            yield document
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            open_.pop()
            keys.pop()
        elif kind not in ("StreamStartEvent", "StreamEndEvent"):
            node = _node(event, kind, first)
            if kind != "AliasEvent" and event.anchor is not None:
                document.anchors[event.anchor] = node
            if open_:
                attach(node, open_[-1], keys)
            else:
                document.root = node
            if node.items is not None or node.pairs is not None:
                open_.append(node)
                keys.append(None)
                if len(open_) > _DEEPEST:
                    msg = "is nested too deeply to be read"
                    raise RefusedError(msg)


def _node(event: Any, kind: str, first: int) -> Node:
    node = Node(first + event.start_mark.index)
    if kind == "ScalarEvent":
        node.end = first + event.end_mark.index
        node.value = event.value
        node.style = event.style or ""
    elif kind == "AliasEvent":
        node.alias = event.anchor
    elif kind == "SequenceStartEvent":
        node.items = []
    else:
        node.pairs = []
    return node
