"""YAML files of named queries: a top-level `queries`, a mapping of mappings or a list of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources.model import UnreadableError
from odsql.sources.named import Entry, are_queries, read_entries
from odsql.sources.yaml_nodes import Document, RefusedError, documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.data_nodes import Node
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
    except RefusedError as error:
        raise UnreadableError(file.path, str(error)) from None
    if problems:
        raise UnreadableError(file.path, "is a file of queries, but " + "; ".join(problems[:5]))


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


# ------------------------------------------------------------ from nodes to queries


def _entries(text: str, problems: list[str]) -> list[Entry]:
    entries: list[Entry] = []
    for document in documents(text, *_part(text)):
        if document.root is None or document.root.pairs is None:
            continue
        for key, value in document.root.pairs:
            if key.value == "queries":
                entries += _document_entries(text, document, document.resolved(value), problems)
    return entries


def _document_entries(
    text: str, document: Document, queries: Node, problems: list[str]
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
    text: str, document: Document, table: Node, values: dict[str, list[View | None]], depth: int
) -> None:
    """Collect the values of a mapping, and of the mappings merged into it with `<<`."""
    merged: list[Node] = []
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
