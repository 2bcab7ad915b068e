"""An index of the words of a table, which makes a full-text condition a matter of milliseconds.

A search over the text itself folds case and accents and splits every text into its words, each
time; on 170,000 rows this takes seconds. The index does it once, when the first full-text condition
needs it. It has two tables: the different words, and the places of each (word, column, row). A
condition looks through the words, which also serves prefixes and edits, and reads the places of
those that match.

An index takes about three times the memory of the text, so a table with much text has none
(`MOST_TEXT`); its conditions read the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.portal.context import ROWS_IN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from explore_async.portal.schema import Column

__all__ = ["BREAK", "MOST_TEXT", "Words", "folded", "index_words", "joined"]

BREAK = r"[^\p{L}\p{N}]"
"""What separates words, as a regular expression of DuckDB."""

MOST_TEXT = 64_000_000
"""The maximum size in bytes of the texts of an indexed table."""


@frozen
class Words:
    """The index of one table.

    Attributes:
        table: the name of the table.
        columns: the SQL names of its text columns; their positions are in the index.
    """

    table: str
    columns: tuple[str, ...]

    def places(self, columns: Sequence[Column], matches: str) -> str:
        """Return SQL for rows that have a word in one of the columns.

        `matches` is SQL for a condition on `word`.
        """
        within = ""
        wanted = sorted({self.columns.index(one.sql) for one in columns})
        if len(wanted) < len(self.columns):
            within = f"c IN ({', '.join(map(str, wanted))}) AND "
        words = f"SELECT id FROM {self.table}_words WHERE {matches}"  # noqa: S608
        return f"({ROWS_IN}r FROM {self.table}_places WHERE {within}w IN ({words})))"  # noqa: S608

    def drop(self, connection: DuckDBPyConnection) -> None:
        """Remove the index."""
        connection.execute(f"DROP TABLE {self.table}_words")
        connection.execute(f"DROP TABLE {self.table}_places")


def index_words(
    connection: DuckDBPyConnection, table: str, columns: Sequence[Column]
) -> Words | None:
    """Make the index of the text columns of a table; return None if they have too much text."""
    if not columns:
        return None
    texts = [joined(one) for one in columns]
    size = " + ".join(f"coalesce(sum(strlen({text})), 0)" for text in texts)
    counted = connection.execute(f"SELECT {size} FROM {table}").fetchone()  # noqa: S608
    if counted is None or counted[0] > MOST_TEXT:
        return None
    found = " UNION ALL ".join(
        f"SELECT DISTINCT unnest(string_split_regex({folded(text)}, '{BREAK}+')) AS word, "  # noqa: S608
        f"CAST({at} AS SMALLINT) AS c, rowid AS r FROM {table}"
        for at, text in enumerate(texts)
    )
    connection.execute(
        f"CREATE TEMP TABLE found AS SELECT * FROM ({found}) WHERE word <> ''"  # noqa: S608
    )
    connection.execute(
        f"CREATE TABLE {table}_words AS SELECT word, CAST(row_number() OVER () AS INTEGER) AS id "  # noqa: S608
        "FROM (SELECT DISTINCT word FROM found ORDER BY word)"
    )
    connection.execute(
        f"CREATE TABLE {table}_places AS SELECT id AS w, c, r FROM found "  # noqa: S608
        f"JOIN {table}_words USING (word) ORDER BY ALL"
    )
    connection.execute("DROP TABLE found")
    return Words(table, tuple(one.sql for one in columns))


def joined(column: Column) -> str:
    """Return SQL for the text of a column; the elements of a list are lines."""
    return f"array_to_string({column.sql}, chr(10))" if column.field.multivalued else column.sql


def folded(sql: str) -> str:
    """Return SQL for a text without case and accents."""
    return f"strip_accents(lower({sql}))"
