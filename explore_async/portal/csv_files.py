"""SQL that reads a CSV file: its dialect and the types of its columns are sniffed once.

DuckDB sniffs a file anew in each statement that does not say how it is written, which takes most of
the time of a small file. So the first statement finds everything, and the next ones are told.
Besides, the sniffer need not try delimiters, quotes and comments that are nowhere in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import asdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from explore_async.portal.settings import CsvSettings

__all__ = ["quoted", "sniffed_csv"]

_SMALL = 1_000_000
"""Files of up to so many bytes are looked through before they are sniffed."""

_DELIMITERS = (b",", b";", b"|", b"\t")
_OPTIONS = {
    "delimiter": "delim",
    "quote": "quote",
    "header": "header",
    "decimal": "decimal_separator",
    "encoding": "encoding",
    "skip": "skip",
    "null": "nullstr",
    "date_format": "dateformat",
}
"""The options of DuckDB by the names of those of `portal.toml`."""

_SNIFFED = {
    "delim": "Delimiter",
    "quote": "Quote",
    "escape": "Escape",
    "new_line": "NewLineDelimiter",
    "comment": "Comment",
    "skip": "SkipRows",
    "header": "HasHeader",
    "dateformat": "DateFormat",
    "timestampformat": "TimestampFormat",
}
"""The columns of `sniff_csv` by the options of `read_csv` that they are values of."""


def sniffed_csv(
    cursor: DuckDBPyConnection,
    path: Path,
    sql_path: str,
    said: CsvSettings,
    told: Mapping[str, str],
) -> tuple[str, dict[str, str], bool]:
    """Return SQL that reads a file, the types of its columns, and whether it may hold JSON objects.

    `told` holds the types of some columns, which are not sniffed.
    """
    given = {
        _OPTIONS[name]: str(value) for name, value in asdict(said).items() if value is not None
    }
    small = _small(path, said)
    hinted = {**_hints(small), **given} if small is not None else given
    columns = ", ".join(["Columns", *_SNIFFED.values()])
    found = cursor.execute(
        f"SELECT {columns} FROM sniff_csv({sql_path}, sample_size=-1{_listed(hinted)})"  # noqa: S608
    ).fetchone()
    assert found is not None  # noqa: S101 - it returns one row
    kinds = {one["name"]: told.get(one["name"], one["type"]) for one in found[0]}
    known = zip(_SNIFFED, found[1:], strict=True)
    options = {name: _plain(value) for name, value in known if value is not None} | given
    typed = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in kinds.items())
    sql = f"read_csv({sql_path}, auto_detect=false, columns={{{typed}}}{_listed(options)})"
    return sql, kinds, small is None or b"{" in small


def _small(path: Path, said: CsvSettings) -> bytes | None:
    """Return the content of a small file in ASCII or a superset of it, or None."""
    if path.suffix == ".gz" or said.encoding not in (None, "utf-8", "latin-1"):
        return None
    return path.read_bytes() if path.stat().st_size <= _SMALL else None


def _hints(content: bytes) -> dict[str, str]:
    """Return what the sniffer would find, too, or what makes no difference in this file."""
    hints = {}
    if b"#" not in content:
        hints["comment"] = ""
    if b'"' in content or b"'" in content:
        return hints
    hints |= {"quote": "", "escape": ""}
    used = [one for one in _DELIMITERS if one in content]
    if len(used) == 1 and len({line.count(used[0]) for line in content.split(b"\n") if line}) == 1:
        hints["delim"] = used[0].decode()
    return hints


def _plain(value: object) -> str:
    return "" if value == "(empty)" else str(value)


def _listed(options: dict[str, str]) -> str:
    return "".join(f", {name}={quoted(value)}" for name, value in options.items())


def quoted(text: str) -> str:
    """Return a text as SQL. A view takes no bound values."""
    return "'" + text.replace("'", "''") + "'"
