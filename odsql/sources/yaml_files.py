"""YAML files of named queries: a top-level `queries`, a mapping of mappings or a list of them.

Only the events of PyYAML's parser are used: no tag is resolved, no object is made, and an alias
costs what its anchor costs to name, so neither cycles nor billions of laughs matter. PyYAML is an
optional part of the package (the extra `yaml`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import define, field

from odsql.sources.model import UnreadableError
from odsql.sources.named import Entry, are_queries, read_entries
from odsql.sources.yaml_scalars import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions
    from odsql.sources.views import View

__all__ = ["find_queries"]

_TOP_LEVEL = re.compile(r"""(?m)^(?:queries|"queries"|'queries')[ \t]{0,100}:(?=\s|\Z)""")
_TELLING = re.compile(
    r"""(?:^|[\s{,"'])(?:where|select|group_by|order_by|facet|refine|exclude|dataset|dataset_id)"""
    r"""["']?[ \t]{0,100}:"""
)
_LARGEST = 5_000_000
_DEEPEST = 50
_MOST = 100_000
_NULLS = ("", "~", "null", "Null", "NULL")


@define
class _Node:
    """A scalar (`view`), a list (`items`), a mapping (`pairs`), or an alias (`alias`)."""

    start: int
    view: View | None = None
    null: bool = False
    items: list[_Node] | None = None
    pairs: list[tuple[_Node, _Node]] | None = None
    alias: str | None = None


@define
class _Document:
    """What is kept of a document: the value of its `queries`, and what anchors stand for."""

    root: _Node | None = None
    anchors: dict[str, _Node] = field(factory=dict)
    budget: int = _MOST

    def resolved(self, node: _Node) -> _Node:
        """Return what a node is, through its alias; every use is counted."""
        self.budget -= 1
        if self.budget < 0:
            msg = f"has more than {_MOST:,} values"
            raise _RefusedError(msg)
        return self.anchors.get(node.alias, node) if node.alias is not None else node


class _RefusedError(Exception):
    """What is wrong with a file, as its message."""


def find_queries(file: SourceFile, suppressions: Suppressions) -> Iterator[Found]:
    """Yield the named queries of a YAML file; none if it has no `queries`.

    Raises:
        UnreadableError: it has, but is not valid YAML, entries are wrong, or PyYAML is missing.
    """
    # Many other files have `queries`, and some of them are templates that are no YAML yet.
    if _TOP_LEVEL.search(file.text) is None or _TELLING.search(file.text) is None:
        return
    if len(file.text) > _LARGEST:
        raise UnreadableError(file.path, "is too large for a file of queries")
    problems: list[str] = []
    try:
        entries = _entries(file.text, problems)
        if entries:
            yield from read_entries(file, entries, suppressions, problems)
    except _RefusedError as error:
        raise UnreadableError(file.path, str(error)) from None
    if problems:
        raise UnreadableError(file.path, "is a file of queries, but " + "; ".join(problems[:5]))


# ------------------------------------------------------------ from events to nodes


def _events(text: str) -> Iterator[Any]:
    try:
        import yaml
    except ImportError:
        msg = "has named queries; install explore-async[yaml] to read them"
        raise _RefusedError(msg) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is broken"
        msg = f"is not valid YAML{place}: {said}"
        raise _RefusedError(msg) from None


def _documents(text: str) -> Iterator[_Document]:
    document = _Document()
    open_: list[_Node] = []
    keys: list[_Node | None] = []
    for event in _events(text):
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            document, open_, keys = _Document(), [], []
        elif kind == "DocumentEndEvent":
            yield document
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            open_.pop()
            keys.pop()
        elif kind not in ("StreamStartEvent", "StreamEndEvent"):
            node = _node(text, event, kind)
            if kind != "AliasEvent" and event.anchor is not None:
                document.anchors[event.anchor] = node
            _attach(document, node, open_, keys)
            if node.items is not None or node.pairs is not None:
                open_.append(node)
                keys.append(None)
                if len(open_) > _DEEPEST:
                    msg = "is nested too deeply to be read"
                    raise _RefusedError(msg)


def _attach(document: _Document, node: _Node, open_: list[_Node], keys: list[_Node | None]) -> None:
    if not open_:
        document.root = node
    elif open_[-1].items is not None:
        open_[-1].items.append(node)
    elif (key := keys[-1]) is None:
        keys[-1] = node
    elif open_[-1].pairs is not None:
        open_[-1].pairs.append((key, node))
        keys[-1] = None


def _node(text: str, event: Any, kind: str) -> _Node:
    start = event.start_mark.index
    if kind == "AliasEvent":
        return _Node(start, alias=event.anchor)
    if kind == "SequenceStartEvent":
        return _Node(start, items=[])
    if kind == "MappingStartEvent":
        return _Node(start, pairs=[])
    plain = event.style in (None, "")
    view = scalar(text, start, event.end_mark.index, event.style or "", event.value)
    return _Node(start, view=view, null=plain and event.value in _NULLS)


# ------------------------------------------------------------ from nodes to queries


def _entries(text: str, problems: list[str]) -> list[Entry]:
    entries: list[Entry] = []
    for document in _documents(text):
        if document.root is None or document.root.pairs is None:
            continue
        for key, value in document.root.pairs:
            if key.view is not None and key.view.text == "queries":
                entries += _document_entries(document, document.resolved(value), problems)
    return entries


def _document_entries(document: _Document, queries: _Node, problems: list[str]) -> list[Entry]:
    named = (
        [(key.start, key.view.text if key.view else None, value) for key, value in queries.pairs]
        if queries.pairs is not None
        else [(one.start, None, one) for one in queries.items or []]
    )
    entries = []
    wrong = []
    for start, name, value in named:
        table = document.resolved(value)
        if table.pairs is None:
            wrong.append(f"its entry {name!r} is no mapping" if name else "an entry is no mapping")
            continue
        entry = Entry(start, name)
        _fill(document, table, entry.values, 0)
        entries.append(entry)
    if not are_queries(one.values for one in entries):
        return []
    problems += wrong
    return entries


def _fill(
    document: _Document, table: _Node, values: dict[str, list[View | None]], depth: int
) -> None:
    """Collect the values of a mapping, and of those that are merged into it with `<<`."""
    merged: list[_Node] = []
    for key, value in table.pairs or []:
        node = document.resolved(value)
        name = key.view.text if key.view is not None else ""
        if name == "<<":
            merged += node.items if node.items is not None else [node]
        elif not node.null and name not in values:
            items = [node] if node.items is None else node.items
            listed = items if node.items is None else [document.resolved(one) for one in items]
            values[name] = [one.view for one in listed if not one.null]
    for one in merged:
        if depth < _DEEPEST:
            _fill(document, document.resolved(one), values, depth + 1)
