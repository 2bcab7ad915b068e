"""Rows that come and go while a dataset is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["change_a_row"]


def change_a_row(cursor: DuckDBPyConnection, table: str, *, returns: bool, place: float) -> None:
    """Remove a row of a table, or let the row that was removed first return at its end.

    Args:
        cursor: a connection.
        table: the name of the table.
        returns: whether a row returns, if one was removed; otherwise one is removed.
        place: which row is removed, from 0 (the first) to less than 1.
    """
    gone = f"{table}_gone"
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {gone} AS FROM {table} LIMIT 0")
    if returns and _count(cursor, gone):
        _move(cursor, gone, table, 0)
    else:
        _move(cursor, table, gone, int(place * _count(cursor, table)))


def _count(cursor: DuckDBPyConnection, table: str) -> int:
    counted = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(counted[0]) if counted else 0


def _move(cursor: DuckDBPyConnection, source: str, target: str, position: int) -> None:
    found = cursor.execute(
        f"SELECT rowid FROM {source} ORDER BY rowid LIMIT 1 OFFSET {position}"  # noqa: S608
    ).fetchone()
    cursor.execute("BEGIN")
    cursor.execute(f"INSERT INTO {target} FROM {source} WHERE rowid = ?", found or [None])
    cursor.execute(f"DELETE FROM {source} WHERE rowid = ?", found or [None])  # noqa: S608
    cursor.execute("COMMIT")
