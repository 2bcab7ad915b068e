"""Lines of CSV: what is written is read again."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from explore_async.results.csv_lines import csv_line

CELLS = st.lists(st.text() | st.sampled_from(["\r", "\n", "\r\n", '"', ",", ""]), min_size=1)


@given(st.lists(CELLS, min_size=1, max_size=3))
@example([["\r", "a\rb"]])
def test_a_reader_finds_the_same_cells(rows: list[list[str]]) -> None:
    """Also a carriage return alone, which many readers take for the end of a line."""
    text = "".join(map(csv_line, rows))
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows


def test_only_what_needs_quotes_has_them() -> None:
    """And a line ends with one character."""
    assert csv_line(["a", "b c", "d,e", 'f"g', ""]) == 'a,b c,"d,e","f""g",\n'
