"""TOML files of named queries: `[queries.name]` tables, or a list of them under `[[queries]]`.

`tomllib` validates a file and returns its values, but not their positions. A small scanner that can
tell strings from keys finds the positions. Where the two disagree, a value gets the position of its
table.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from odsql.sources.model import UnreadableError
from odsql.sources.named import Entry, are_queries, read_entries
from odsql.sources.toml_scanning import Scan, TooDeepError, scan
from odsql.sources.views import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions

__all__ = ["find_queries"]

_TOP_LEVEL = re.compile(
    r"""(?m)^[ \t]{0,100}(?:\[\[?[ \t]{0,100})?(?:queries|"queries"|'queries')[ \t]{0,100}[\].=]"""
)
_LARGEST = 5_000_000


def find_queries(file: SourceFile, suppressions: Suppressions) -> Iterator[Found]:
    """Yield the named queries of a TOML file; none if it has no `queries`.

    Raises:
        UnreadableError: it has `queries`, but is too large, nested too deeply, not valid TOML, or
            has invalid entries.
    """
    if _TOP_LEVEL.search(file.text) is None:
        return
    if len(file.text) > _LARGEST:
        raise UnreadableError(file.path, "is too large for a file of queries")
    try:
        places = scan(file.text)
        document = tomllib.loads(file.text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise UnreadableError(file.path, f"is not valid TOML: {error}") from None
    except (RecursionError, TooDeepError):
        raise UnreadableError(file.path, "is nested too deeply to be read") from None
    queries = document.get("queries")
    if not _is_ours(queries):
        return
    problems: list[str] = []
    yield from read_entries(file, _entries(queries, places, problems), suppressions, problems)
    if problems:
        raise UnreadableError(file.path, "is a file of queries, but " + "; ".join(problems[:5]))


def _is_ours(queries: Any) -> bool:
    tables = list(queries.values()) if isinstance(queries, dict) else queries
    if not isinstance(tables, list):
        return False
    return are_queries(one for one in tables if isinstance(one, dict))


def _entries(queries: Any, places: Scan, problems: list[str]) -> list[Entry]:
    named = queries.items() if isinstance(queries, dict) else enumerate(queries)
    entries = []
    for key, table in named:
        if not isinstance(table, dict):
            problems.append(f"its entry {key!r} is not a table")
            continue
        path = ("queries", key)
        start = places.tables.get(path, 0)
        entry = Entry(start, key if isinstance(key, str) else None)
        for name, value in table.items():
            listed = value if isinstance(value, list) else [value]
            entry.values[name] = [
                _view(one, places, (*path, name, number) if isinstance(value, list)
                      else (*path, name), start)
                for number, one in enumerate(listed)
            ]  # fmt: skip
        entries.append(entry)
    return sorted(entries, key=lambda one: one.start)


def _view(value: Any, places: Scan, path: tuple[str | int, ...], start: int) -> View | None:
    if not isinstance(value, str | int | float):
        return None
    found = places.values.get(path)
    if found is not None and (not isinstance(value, str) or found.text == value):
        return found
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return View(text, (start,) * (len(text) + 1))
