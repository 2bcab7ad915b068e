"""An index of the words of a table, which makes a full-text condition a matter of milliseconds.

A search over the text itself folds case and accents and splits every text into its words, each
time; on 170,000 rows this takes seconds. The index does it once, when the first full-text condition
needs it. It has two tables: the different words in order, and the places of each (word, column,
row). A condition first looks through the words, where those with a prefix are neighbours and an
edit distance has to be computed once for each; the statement then reads their places.

An index takes about three times the memory of the text, so a table with much text has none
(`MOST_TEXT`); its conditions read the text.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from duckdb import DuckDBPyConnection

__all__ = [
    "BREAK",
    "FINAL_SIGMA",
    "MOST_TEXT",
    "ROWS_IN",
    "SIGMA",
    "Wanted",
    "Words",
    "drop_index",
    "folded",
    "index_words",
]

BREAK = r"[^\p{L}\p{N}]"
"""What separates words, as a regular expression of DuckDB."""

SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
FINAL_SIGMA = "\N{GREEK SMALL LETTER FINAL SIGMA}"

ROWS_IN = "rowid IN (SELECT "
"""The start of a condition that names its rows. DuckDB joins them, which loses their order."""

MOST_TEXT = 64_000_000
"""The maximum size in bytes of the texts of an indexed table."""


@frozen
class Wanted:
    """A word to look for.

    Attributes:
        text: the word, without case and accents.
        is_prefix: True if it may be the beginning of a word.
        edits: the maximum edit distance of a word that is nearly the same; swapped letters are two.
    """

    text: str
    is_prefix: bool = False
    edits: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the word, one of which survives the edits: a cheap test before the distance."""
        count = self.edits + 1
        cuts = [len(self.text) * at // count for at in range(count + 1)]
        return tuple(self.text[start:end] for start, end in pairwise(cuts))


@frozen
class Words:
    """The index of one table.

    Attributes:
        table: the name of the table.
        columns: the SQL names of its text columns; their positions are in the index.
        cursor: returns a connection to the index.
    """

    table: str
    columns: tuple[str, ...]
    cursor: Callable[[], DuckDBPyConnection]

    def rows(self, columns: Collection[str], wanted: Wanted, bind: Callable[[object], str]) -> str:
        """Return SQL for rows that have a wanted word in one of the columns.

        `bind` binds a value and returns its placeholder.
        """
        with self.cursor() as cursor:
            first, last = self._neighbours(cursor, wanted)
            near = self._near(cursor, wanted) if wanted.edits else []
        found = []
        if first is not None:
            found.append(f"w BETWEEN {bind(first)} AND {bind(last)}")
        if near:
            found.append(f"w IN (SELECT unnest(CAST({bind(near)} AS INTEGER[])))")
        if not found:
            return "(false)"
        within = ""
        positions = sorted({self.columns.index(one) for one in columns})
        if len(positions) < len(self.columns):
            within = f"c IN ({', '.join(map(str, positions))}) AND "
        return f"({ROWS_IN}r FROM {self.table}_places WHERE {within}({' OR '.join(found)})))"

    def _neighbours(
        self, cursor: DuckDBPyConnection, wanted: Wanted
    ) -> tuple[int | None, int | None]:
        """Return the first and the last of the words that are the wanted one or begin with it."""
        same = "starts_with(word, $text)" if wanted.is_prefix else "word = $text"
        sql = f"SELECT min(id), max(id) FROM {self.table}_words WHERE {same}"  # noqa: S608
        first, last = cursor.execute(sql, {"text": wanted.text}).fetchall()[0]
        return first, last

    def _near(self, cursor: DuckDBPyConnection, wanted: Wanted) -> list[int]:
        """Return the words within the edit distance."""
        length = len(wanted.text)
        has_part = " OR ".join(f"contains(word, $part{at})" for at in range(len(wanted.parts)))
        parameters = {f"part{at}": part for at, part in enumerate(wanted.parts)} | {
            "shortest": length - wanted.edits,
            "longest": length + wanted.edits,
            "text": wanted.text,
            "edits": wanted.edits,
        }
        sql = (
            f"SELECT id FROM {self.table}_words WHERE size BETWEEN $shortest AND $longest "  # noqa: S608
            f"AND ({has_part}) AND levenshtein(word, $text) <= $edits"
        )
        return [row[0] for row in cursor.execute(sql, parameters).fetchall()]


def index_words(
    cursor: Callable[[], DuckDBPyConnection], table: str, texts: Mapping[str, str]
) -> Words | None:
    """Make the index of a table; return None if it has too much text.

    `texts` holds SQL for the text of each column, by the SQL name of the column.
    """
    if not texts:
        return None
    with cursor() as connection:
        if not _make(connection, table, list(texts.values())):
            return None
    return Words(table, tuple(texts), cursor)


def drop_index(connection: DuckDBPyConnection, table: str) -> None:
    """Remove the index of a table if there is one."""
    connection.execute(f"DROP TABLE IF EXISTS {table}_words")
    connection.execute(f"DROP TABLE IF EXISTS {table}_places")


def _make(connection: DuckDBPyConnection, table: str, texts: list[str]) -> bool:
    size = " + ".join(f"coalesce(sum(strlen({text})), 0)" for text in texts)
    counted = connection.execute(f"SELECT {size} FROM {table}").fetchone()  # noqa: S608
    if counted is None or counted[0] > MOST_TEXT:
        return False
    found = " UNION ALL ".join(
        f"SELECT unnest(list_distinct(string_split_regex({folded(text)}, '{BREAK}+'))) AS word, "  # noqa: S608
        f"CAST({at} AS SMALLINT) AS c, rowid AS r FROM {table}"
        for at, text in enumerate(texts)
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE found AS SELECT * FROM ({found}) WHERE word <> ''"  # noqa: S608
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {table}_words AS SELECT word, "  # noqa: S608
        "CAST(length(word) AS INTEGER) AS size, CAST(row_number() OVER () AS INTEGER) AS id "
        "FROM (SELECT DISTINCT word FROM found ORDER BY word)"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {table}_places AS SELECT id AS w, c, r FROM found "  # noqa: S608
        f"JOIN {table}_words USING (word) ORDER BY ALL"
    )
    connection.execute("DROP TABLE found")
    return True


def folded(sql: str) -> str:
    """Return SQL for a text without case and accents; sigma has two lower cases."""
    return f"replace(strip_accents(lower({sql})), '{FINAL_SIGMA}', '{SIGMA}')"
