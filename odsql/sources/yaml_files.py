"""YAML files of named queries: a top-level `queries`, a mapping of mappings or a list of them.

Only the events of PyYAML's parser are used: no tag is resolved, no object is constructed, and an
alias is only the name of its anchor, so neither cycles nor "billion laughs" files do harm. PyYAML
is an optional dependency (the extra `yaml`).
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
_NEEDS_ALL = re.compile(r"(?m)^(?:---|\.\.\.|%)|[&*\t\r\x85\u2028\u2029]")
_NEXT_KEY = re.compile(r"(?m)^[A-Za-z_][\w.-]*:(?=\s|\Z)")
_TELLING = re.compile(
    r"""(?:^|[\s{,"'])(?:where|select|group_by|order_by|facet|refine|exclude|dataset|dataset_id)"""
    r"""["']?[ \t]{0,100}:"""
)
_LARGEST = 5_000_000
_DEEPEST = 50
_MOST = 100_000
_NULLS = ("", "~", "null", "Null", "NULL")


class _Node:
    """A scalar (`value`), a list (`items`), a mapping (`pairs`), or an alias (`alias`).

    The positions of a scalar's characters are computed on demand, because most are never needed.
    """

    __slots__ = ("alias", "end", "items", "pairs", "start", "style", "value")

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.value: str | None = None
        self.style = ""
        self.items: list[_Node] | None = None
        self.pairs: list[tuple[_Node, _Node]] | None = None
        self.alias: str | None = None

    @property
    def null(self) -> bool:
        return not self.style and self.value in _NULLS

    def view(self, text: str) -> View | None:
        """Return a scalar with the positions of its characters; None for anything else."""
        if self.value is None:
            return None
        return scalar(text, self.start, self.end, self.style, self.value)


@define
class _Document:
    """The root of a document, its anchors, and the number of values that may still be read."""

    root: _Node | None = None
    anchors: dict[str, _Node] = field(factory=dict)
    budget: int = _MOST

    def resolved(self, node: _Node) -> _Node:
        """Return a node, or the one that its alias refers to; every call uses up the budget."""
        self.budget -= 1
        if self.budget < 0:
            msg = f"has more than {_MOST:,} values"
            raise _RefusedError(msg)
        return self.anchors.get(node.alias, node) if node.alias is not None else node


class _RefusedError(Exception):
    """A file that cannot be used. The message gives the reason."""


def find_queries(file: SourceFile, suppressions: Suppressions) -> Iterator[Found]:
    """Yield the named queries of a YAML file; none if it has no `queries`.

    Raises:
        UnreadableError: it has `queries`, but is too large, nested too deeply, not valid YAML, has
            invalid entries, or PyYAML is missing.
    """
    # Many other files have `queries`, and some of them are templates, not valid YAML.
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


def _part(text: str) -> tuple[int, int]:
    """Return where the top-level key `queries` begins and ends, or the range of the whole text.

    Reading events is slow. The whole text is read only if it has anchors or several documents, or
    if the line of `queries` may be inside a quoted string.
    """
    found = [one.start() for one in _TOP_LEVEL.finditer(text)]
    if len(found) != 1 or _NEEDS_ALL.search(text) is not None:
        return 0, len(text)
    start = found[0]
    if text.count('"', 0, start) % 2 or text.count("'", 0, start) % 2:
        return 0, len(text)
    after = _NEXT_KEY.search(text, text.find(":", start))
    return start, after.start() if after is not None else len(text)


def _events(text: str, start: int, end: int) -> Iterator[Any]:
    try:
        import yaml
    except ImportError:
        msg = "has named queries; install explore-async[yaml] to read them"
        raise _RefusedError(msg) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text[start:end], Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = text.count("\n", 0, start) + mark.line + 1 if mark else 0
        place = f" at line {line}, column {mark.column + 1}" if mark else ""
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "syntax error"
        msg = f"is not valid YAML{place}: {said}"
        raise _RefusedError(msg) from None


def _documents(text: str) -> Iterator[_Document]:
    document = _Document()
    open_: list[_Node] = []
    keys: list[_Node | None] = []
    first, last = _part(text)
    for event in _events(text, first, last):
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            document, open_, keys = _Document(), [], []
        elif kind == "DocumentEndEvent":
            yield document
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            open_.pop()
            keys.pop()
        elif kind not in ("StreamStartEvent", "StreamEndEvent"):
            node = _node(event, kind, first)
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


def _node(event: Any, kind: str, first: int) -> _Node:
    node = _Node(first + event.start_mark.index)
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


# ------------------------------------------------------------ from nodes to queries


def _entries(text: str, problems: list[str]) -> list[Entry]:
    entries: list[Entry] = []
    for document in _documents(text):
        if document.root is None or document.root.pairs is None:
            continue
        for key, value in document.root.pairs:
            if key.value == "queries":
                entries += _document_entries(text, document, document.resolved(value), problems)
    return entries


def _document_entries(
    text: str, document: _Document, queries: _Node, problems: list[str]
) -> list[Entry]:
    named = (
        [(key.start, key.value, value) for key, value in queries.pairs]
        if queries.pairs is not None
        else [(one.start, None, one) for one in queries.items or []]
    )
    entries = []
    wrong = []
    seen: set[int] = set()
    for start, name, value in named:
        table = document.resolved(value)
        if id(table) in seen:  # the same query under another name
            continue
        seen.add(id(table))
        if table.pairs is None:
            wrong.append(
                f"its entry {name!r} is not a mapping" if name else "an entry is not a mapping"
            )
            continue
        entry = Entry(start, name)
        _fill(text, document, table, entry.values, 0)
        entries.append(entry)
    if not are_queries(one.values for one in entries):
        return []
    problems += wrong
    return entries


def _fill(
    text: str, document: _Document, table: _Node, values: dict[str, list[View | None]], depth: int
) -> None:
    """Collect the values of a mapping, and of the mappings merged into it with `<<`."""
    merged: list[_Node] = []
    for key, value in table.pairs or []:
        node = document.resolved(value)
        name = key.value or ""
        if name == "<<":
            merged += node.items if node.items is not None else [node]
        elif not node.null and name not in values:
            items = [node] if node.items is None else node.items
            listed = items if node.items is None else [document.resolved(one) for one in items]
            values[name] = [one.view(text) for one in listed if not one.null]
    for one in merged:
        if depth < _DEEPEST:
            _fill(text, document, document.resolved(one), values, depth + 1)
