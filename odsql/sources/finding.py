"""Choosing how a file is read.

By name: `.toml`, `.yaml` and `.yml` files with a top-level `queries`, `.jsonl` and `.ndjson` files
whose lines are clauses or queries, Python, notebooks and other JSON. Whatever they are, the Explore
URLs in them are found too. Every other text is searched for Explore URLs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.sources import json_lines, json_strings
from odsql.sources.suppressing import Suppressions
from odsql.sources.urls import MARK, find_urls
from odsql.sources.views import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.model import Found, SourceFile

__all__ = ["find"]

_WORD = "explore"
_MARKS = (MARK, "explore\\/v2")
_LINES = ("jsonl", "ndjson", "-")
_LANGUAGES = {"py": "python", "pyi": "python", "php": "php"}
_PYTHON_NAMES = ("odsql", "explore_async")
_JSON = frozenset({"json", "geojson", "har", "webmanifest", "jsonl", "ndjson", "json5", "jsonc"})


def find(file: SourceFile, *, expected: bool = False) -> Iterator[Found]:
    """Yield the requests in a file.

    `expected` says that somebody named this file as one of queries: JSON Lines that hold none,
    which are data otherwise, and Python that does not parse are then an error.

    Raises:
        UnreadableError: it is a file of queries, but broken; what can be read is yielded before.
    """
    suffix = file.path.rpartition("/")[2].lower().rpartition(".")[2]
    has_urls = _WORD in file.text and any(one in file.text for one in _MARKS)
    has_queries = _may_have_queries(suffix, file.text)
    if not has_urls and not has_queries:
        return
    suppressions = Suppressions(file)
    if suppressions.all:
        return
    if has_urls:
        yield from _urls(file, suffix, suppressions)
    if has_queries:
        yield from _queries(file, suffix, suppressions, expected=expected)


def _may_have_queries(suffix: str, text: str) -> bool:
    """Whether a file may have more than URLs, said as fast as it can be: most have not."""
    if suffix in ("py", "pyi", "ipynb"):
        return any(one in text for one in _PYTHON_NAMES)
    if suffix in ("toml", "yaml", "yml"):
        return "queries" in text
    return suffix in _LINES


def _urls(file: SourceFile, suffix: str, suppressions: Suppressions) -> Iterator[Found]:
    if suffix == "ipynb":
        for cell in json_strings.cells(file.text):
            yield from find_urls(file, cell, suppressions, "python")
    elif suffix in _JSON:
        for string in json_strings.around(file.text, "explore"):
            yield from find_urls(file, string, suppressions, "string")
    else:
        yield from find_urls(file, whole(file.text), suppressions, _LANGUAGES.get(suffix, ""))


def _queries(
    file: SourceFile, suffix: str, suppressions: Suppressions, *, expected: bool
) -> Iterator[Found]:
    # The readers are loaded when a file needs them: most repositories need one or two.
    if suffix in _LINES:
        yield from json_lines.find_lines(file, suppressions, expected=expected)
    elif suffix == "toml":
        from odsql.sources import toml_files

        yield from toml_files.find_queries(file, suppressions)
    elif suffix in ("yaml", "yml"):
        from odsql.sources import yaml_files

        yield from yaml_files.find_queries(file, suppressions)
    else:
        from odsql.sources import python_calls

        texts = json_strings.cells(file.text) if suffix == "ipynb" else [whole(file.text)]
        expected = expected and suffix != "ipynb"
        yield from python_calls.find_calls(file, texts, suppressions, expected=expected)
