"""The configuration of a project: `[tool.odsql]` of the nearest pyproject.toml.

    [tool.odsql]
    paths = ["queries", "src"]
    schemas = "schemas"
    ignore = ["ODS406"]
    strict = true
    callables = ["mypkg.portal.get_records"]

    [tool.odsql.per-file-ignores]
    "legacy/*.toml" = ["ODS4"]

Paths are relative to the file. An unknown key is an error, because nobody would notice a misspelt
one that is ignored.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Configuration", "ConfigurationError", "Selection", "nearest", "read"]


class ConfigurationError(Exception):
    """An invalid configuration; the message names the file and the key."""


class Selection(NamedTuple):
    """The codes to report, by prefix; the longest prefix of a code decides.

    Between equally long prefixes `ignore` wins. `ALL` is the empty prefix.
    """

    select: tuple[str, ...] = ("ALL",)
    ignore: tuple[str, ...] = ()

    def wants(self, code: str) -> bool:
        """Return whether to report findings with this code."""
        return _longest(code, self.select) > _longest(code, self.ignore)


def _longest(code: str, prefixes: Iterable[str]) -> int:
    lengths = (0 if one == "ALL" else len(one) for one in prefixes if _covers(one, code))
    return max(lengths, default=-1)


def _covers(prefix: str, code: str) -> bool:
    return prefix == "ALL" or code.startswith(prefix)


class Configuration(NamedTuple):
    """The settings, and the folder that their paths are relative to."""

    folder: str = "."
    paths: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    select: tuple[str, ...] = ("ALL",)
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    strict: bool = False
    callables: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def leads(self, path: str) -> bool:
        """Return whether a file is listed as a program whose requests go to an Explore API."""
        return any(_matches(path, self.folder, pattern) for pattern in self.programs)

    def ignored_in(self, path: str) -> tuple[str, ...]:
        """Return the prefixes of codes to ignore in a file; patterns are relative to the folder."""
        if not self.per_file_ignores:
            return ()
        return tuple(
            "" if code == "ALL" else code
            for pattern, codes in self.per_file_ignores.items()
            if _matches(path, self.folder, pattern)
            for code in codes
        )


def _matches(path: str, folder: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase  # few projects have patterns

    shown = os.path.relpath(path, folder).replace(os.sep, "/")
    return fnmatchcase(shown, pattern) or fnmatchcase(shown.rpartition("/")[2], pattern)


def nearest(folder: str) -> Configuration:
    """Read the first pyproject.toml with a `[tool.odsql]`, in a folder or one above it.

    Raises:
        ConfigurationError: it is not TOML, has an unknown key, or a wrong value.
    """
    parent = os.path.abspath(folder)  # noqa: PTH100 - loading pathlib takes longer than this runs
    while True:
        file = os.path.join(parent, "pyproject.toml")  # noqa: PTH118
        try:
            with open(file, "rb") as opened:  # noqa: PTH123
                content = opened.read()
        except OSError:
            content = b""
        # Parsing TOML would take most of the time of a short run, so search for the name first.
        if b"odsql" in content and (found := read(file, content)) is not None:
            return found
        above = os.path.dirname(parent)  # noqa: PTH120
        if above == parent:
            return Configuration(folder)
        parent = above


def read(file: str, content: bytes) -> Configuration | None:
    """Read the configuration in a pyproject.toml, None if it has none.

    Raises:
        ConfigurationError: it is not TOML, has an unknown key, or a wrong value.
    """
    from tomllib import loads

    label = os.path.basename(file)  # noqa: PTH119
    try:
        document = loads(content.decode())
    except (ValueError, RecursionError) as error:
        msg = f"{label} is not TOML: {error}"
        raise ConfigurationError(msg) from None
    table = document.get("tool", {})
    settings = table.get("odsql") if isinstance(table, dict) else None
    if settings is None:
        return None
    if not isinstance(settings, dict):
        msg = f"{label}: [tool.odsql] must be a table"
        raise ConfigurationError(msg)
    return _configuration(os.path.dirname(file), label, settings)  # noqa: PTH120


def _configuration(folder: str, label: str, settings: dict[str, Any]) -> Configuration:
    unknown = [key for key in settings if key not in _READERS]
    if unknown:
        msg = (
            f"{label}: [tool.odsql] has no key {', '.join(map(repr, unknown))}; "
            f"its keys are {', '.join(_READERS)}"
        )
        raise ConfigurationError(msg)
    read_: dict[str, Any] = {}
    for key, value in settings.items():
        try:
            read_[key.replace("-", "_")] = _READERS[key](value)
        except TypeError as error:
            msg = f"{label}: {key} of [tool.odsql] must be {error}"
            raise ConfigurationError(msg) from None
    return Configuration(folder, **read_)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        msg = "a list of strings"
        raise TypeError(msg)
    return tuple(value)


def _text_or_texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else _texts(value)


def _by_pattern(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        msg = "a table of lists of codes by file pattern"
        raise TypeError(msg)
    return {pattern: _texts(codes) for pattern, codes in value.items()}


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        msg = "true or false"
        raise TypeError(msg)
    return value


_READERS = {
    "paths": _text_or_texts,
    "schemas": _text_or_texts,
    "select": _texts,
    "ignore": _texts,
    "per-file-ignores": _by_pattern,
    "strict": _truth,
    "callables": _texts,
    "programs": _texts,
}
