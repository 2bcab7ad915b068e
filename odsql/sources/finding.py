"""Choosing the readers for a file by its name.

`.toml`, `.yaml` and `.yml` files may have a top-level `queries`. The lines of `.jsonl` and
`.ndjson` files and of standard input (`-`) may be clauses or queries. Python files and notebooks
may contain calls. Programs in R, Julia and Power Query M and in the languages of `code`, YAML and
JSON may contain requests. Every file, of these and all other kinds, is searched for Explore URLs;
in JSON the search looks into the strings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources import json_lines, json_strings
from odsql.sources.programs import has_parameters, leads, may_have_requests, requests, without
from odsql.sources.suppressing import Suppressions
from odsql.sources.urls import MARK, OLD, find_urls
from odsql.sources.views import whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.views import View

__all__ = ["find", "lacks_grammar"]

_MARKS = (MARK, "explore\\/v2")
_GENERATION = re.compile(r"/(?:v2|1\.0)")
"""The path of every generation of the API has this; searching for it is faster than for a word."""
_LINES = ("jsonl", "ndjson", "-")
_LANGUAGES = {"py": "python", "pyi": "python", "php": "php"}
_CLIENT = "ukpyn"
_PYTHON = ("py", "pyi", "ipynb")
_PYTHON_NAMES = ("odsql", "explore_async")
_SCRIPTS = frozenset({"r", "rprofile", "rmd", "qmd", "rnw", "jl", "jmd", "pq", "pqm", "m", "ipynb"})
_SCRIPT_CLIENT = "VancouvR"
_CODE_CLIENT = "opendatasoft/api-client"
_DATA = frozenset({"yaml", "yml", "json", "json5", "jsonc", "har"})
_JSON = frozenset({"json", "geojson", "har", "webmanifest", "jsonl", "ndjson", "json5", "jsonc"})


def find(
    file: SourceFile, *, expected: bool = False, callables: Collection[str] = ()
) -> Iterator[Found]:
    """Yield the requests in a file.

    `expected` means that the user named this file as a file of queries. JSON Lines without queries,
    which are otherwise taken for data, and Python that does not parse are then errors. `callables`
    are the full names of Python functions that take the parameters of a request as keywords.

    Raises:
        UnreadableError: it is a file of queries, but broken; the readable requests are yielded
            first.
    """
    suffix = file.path.rpartition("/")[2].lower().rpartition(".")[2]
    text = file.text
    # Most files have none, and no more is searched in them.
    has_path = _GENERATION.search(text) is not None
    has_urls = has_path and any(one in text for one in _MARKS)
    has_old_urls = has_path and OLD.search(text) is not None
    has_queries = _may_have_queries(suffix, text)
    is_program = suffix in _PYTHON and (
        (has_path or file.leading or _CLIENT in text or bool(callables))
        and may_have_requests(file, callables)
    )
    is_script = suffix in _SCRIPTS and (
        (has_path or file.leading or _SCRIPT_CLIENT in text) and may_have_requests(file)
    )
    is_data = has_urls and suffix in _DATA and leads(text) and has_parameters(text)
    code = _code(file) if has_path or file.leading or _CODE_CLIENT in text else ""
    if not any((has_urls, has_old_urls, has_queries, is_program, is_script, code)):
        return
    suppressions = Suppressions(file)
    if suppressions.all:
        return
    if is_data:
        yield from _data(file, suffix, suppressions)
    else:
        urls = list(_urls(file, suffix, suppressions)) if has_urls else []
        yield from urls
        if code:
            yield from _calls(file, code, suppressions, urls)
    queries = _queries(file, suffix, suppressions, expected=expected) if has_queries else ()
    if is_program:
        found = list(queries)
        yield from found
        yield from _programs(file, suffix, suppressions, found, callables)
    else:
        yield from queries
    if has_old_urls:
        from odsql.sources import old_urls

        for view, language in _texts(file, suffix, "api"):
            yield from old_urls.find_old_urls(file, view, suppressions, language)
    if is_script:
        from odsql.sources import scripts

        yield from requests(file, scripts.find_calls(file.text, suffix), suppressions)


def lacks_grammar(file: SourceFile) -> bool:
    """Return whether a program may have requests but cannot be read without the extra `code`."""
    if not (_GENERATION.search(file.text) or _CODE_CLIENT in file.text) or not _code(file):
        return False
    from odsql.sources import code

    return code.lacks_grammar(file)


def _code(file: SourceFile) -> str:
    """Return the suffix of a program in one of the languages of `code` that may have requests."""
    from odsql.sources import code

    suffix = code.suffix_of(file.path.rpartition("/")[2], file.text)
    return suffix if code.is_code(suffix) and may_have_requests(file) else ""


def _calls(
    file: SourceFile, suffix: str, suppressions: Suppressions, urls: Iterable[Found]
) -> Iterator[Found]:
    """Yield the requests of a program, without the parameters that were found in URLs."""
    from odsql.sources import code

    known = {offsets[0] for one in urls for offsets in one.offsets}
    calls = (without(one, known) for one in code.find_code(file, suffix))
    yield from requests(file, calls, suppressions)


def _may_have_queries(suffix: str, text: str) -> bool:
    """Return whether a file may hold more than URLs; a fast check, because most do not."""
    if suffix in _PYTHON:
        return any(one in text for one in _PYTHON_NAMES)
    if suffix in ("toml", "yaml", "yml"):
        return "queries" in text
    return suffix in _LINES


def _urls(file: SourceFile, suffix: str, suppressions: Suppressions) -> Iterator[Found]:
    for view, language in _texts(file, suffix, "explore"):
        yield from find_urls(file, view, suppressions, language)


def _texts(file: SourceFile, suffix: str, word: str) -> Iterator[tuple[View, str]]:
    """Yield the texts to search for URLs with a word, each with the language of its literals."""
    if suffix == "ipynb":
        for cell in json_strings.cells(file.text):
            yield cell, "python"
    elif suffix in _JSON:
        for string in json_strings.around(file.text, word):
            yield string, "string"
    else:
        yield whole(file.text), _LANGUAGES.get(suffix, "")


def _queries(
    file: SourceFile, suffix: str, suppressions: Suppressions, *, expected: bool
) -> Iterator[Found]:
    # Readers are imported on demand: most repositories need only one or two.
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

        expected = expected and suffix != "ipynb"
        texts = _python_texts(file, suffix)
        yield from python_calls.find_calls(file, texts, suppressions, expected=expected)


def _data(file: SourceFile, suffix: str, suppressions: Suppressions) -> Iterator[Found]:
    """Yield the requests in YAML or JSON, each once, though its URL may stand beside its parts."""
    from odsql.sources import data_programs

    asked = data_programs.find_calls(file, suffix)
    yield from data_programs.without_twins(_urls(file, suffix, suppressions), asked)
    yield from requests(file, (one.call for one in asked), suppressions)


def _python_texts(file: SourceFile, suffix: str) -> Iterable[View]:
    if suffix != "ipynb":
        return [whole(file.text)]
    return json_strings.cells(file.text) if json_strings.other_kernel(file.text) is None else []


def _programs(
    file: SourceFile,
    suffix: str,
    suppressions: Suppressions,
    found: Iterable[Found],
    callables: Collection[str],
) -> Iterator[Found]:
    """Yield the requests of a program, without the values of those that were found as queries."""
    from odsql.sources import programs, python_programs

    known = {offsets[0] for one in found for offsets in one.offsets}
    calls = python_programs.find_programs(file, _python_texts(file, suffix), callables=callables)
    if known:
        calls = (programs.without(one, known) for one in calls)
    yield from programs.requests(file, calls, suppressions)
