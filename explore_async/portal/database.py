"""The DuckDB database of a store: its limits, the files that it may read, and its lock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import StoreError, require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from duckdb import DuckDBPyConnection

__all__ = ["lock", "open_database", "shares"]

_SIZE = re.compile(r"\d+(\.\d+)? ?([kKMGT]i?)?B")


def open_database(
    path: str, *, threads: int | None, memory_limit: str | None, spill: Path
) -> DuckDBPyConnection:
    """Open a database that downloads no extensions.

    Statements that need more memory than `memory_limit` write to the folder `spill`, and a database
    in a file to a folder beside it.

    Raises:
        MissingExtraError: DuckDB is not installed.
        StoreError: DuckDB cannot open the file, or an option is wrong.
    """
    config: dict[str, Any] = {"autoinstall_known_extensions": False}
    if path == ":memory:":
        config["temp_directory"] = str(spill)
    if threads is not None:
        config["threads"] = threads
    if memory_limit is not None:
        config["memory_limit"] = _size(memory_limit)
    duckdb = require("duckdb")
    try:
        opened: DuckDBPyConnection = duckdb.connect(path, config=config)
    except (duckdb.Error, RuntimeError) as error:
        raise StoreError(f"DuckDB cannot open the database: {error}") from error
    # A locked database lets no cursor set these later.
    opened.execute("SET GLOBAL TimeZone = 'UTC'")
    opened.execute("SET GLOBAL enable_geoparquet_conversion = false")
    # Memory that a statement needed goes back to the system, not only to the allocator.
    opened.execute("SET GLOBAL allocator_background_threads = true")
    return opened


def shares(processes: int) -> tuple[str, int]:
    """Return the memory limit and the threads for each of several processes.

    Together they use what DuckDB would use in one.

    Raises:
        MissingExtraError: DuckDB is not installed.
    """
    with require("duckdb").connect() as connection:
        memory, threads = connection.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads')"
        ).fetchone()
    number, unit = memory.split()
    return f"{float(number) / processes:.1f}{unit}", max(1, threads // processes)


def lock(connection: DuckDBPyConnection, paths: Iterable[Path]) -> None:
    """Let no statement reach another file or folder than these, or change a setting."""
    known = [one for path in paths for one in {path.absolute(), path.resolve()}]
    folders = [f"{one}/" for one in known if one.is_dir()]
    # DuckDB looks for the log of a database beside it.
    files = [f"{one}{end}" for one in known if not one.is_dir() for end in ("", ".wal")]
    connection.execute(f"SET allowed_directories = {_listed(folders)}")
    connection.execute(f"SET allowed_paths = {_listed(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _listed(paths: Iterable[str]) -> str:
    """Write a list for SET, which takes no bound parameters."""
    quoted = (path.replace("'", "''") for path in sorted(paths))
    return "[" + ", ".join(f"'{path}'" for path in quoted) + "]"


def _size(text: object) -> str:
    if not isinstance(text, str) or not _SIZE.fullmatch(text):
        given = repr(text) if isinstance(text, str) else f"of type {type(text).__name__}"
        raise StoreError(f"The memory limit is {given}; write a size such as '2GB' or '512MiB'.")
    return text
