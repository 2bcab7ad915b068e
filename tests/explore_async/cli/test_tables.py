"""Tables fit the terminal, are aligned, and send no commands to it."""

from __future__ import annotations

import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.cli.tables import cut, expanded, printable, table, terminal_width, width_of

VALUES = st.none() | st.integers() | st.text(max_size=50) | st.dictionaries(st.text(), st.text())


def lines(*rows: dict[str, object], width: int | None = None) -> list[str]:
    return table(rows, width=width).text.splitlines()


def test_wide_characters_take_two_columns() -> None:
    """Chinese, Japanese and Korean names stay aligned; combining marks take no column."""
    rows = [{"name": "東京", "code": "JP"}, {"name": "서울", "code": "KR"}]
    assert table([*rows, {"name": "e\u0301", "code": "X"}]).text == (
        "name  code\n----  ----\n東京  JP\n서울  KR\ne\u0301     X"
    )


def test_numbers_are_aligned_right_and_text_left() -> None:
    """Missing numbers do not change that."""
    assert lines({"a": 1, "b": "x"}, {"a": None, "b": "y"}, {"a": 100, "b": "z"}) == [
        "  a  b", "---  -", "  1  x", "     y", "100  z"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"), [("x" * 9, "xxxx…"), ("東" * 9, "東東…"), ("東東x", "東東x")]
)
def test_long_values_are_cut_to_a_width_in_columns(text: str, shown: str) -> None:
    """Only half as many wide characters fit."""
    assert cut(text, 5) == shown


def test_without_a_width_only_long_cells_are_cut() -> None:
    """So in a pipe every column is there."""
    row: dict[str, object] = {f"field {one}": "x" * 40 for one in range(30)}
    made = table([row])
    assert made.omitted == ()
    assert made.text.splitlines()[2].split() == ["x" * 31 + "…"] * 30


def test_wide_columns_give_way_before_narrow_ones() -> None:
    """A column keeps what it needs if that is less than its share."""
    shown = lines({"id": 7, "text": "x" * 50, "code": "FR"}, width=30)
    assert shown[2] == f" 7  {'x' * 19}…  FR"


def test_columns_without_values_are_left_out_first() -> None:
    """Then those of objects, then those on the right."""
    row = {"empty": None, "place": {"lon": 2.35, "lat": 48.85}, "b": "x" * 30, "c": "y" * 30}
    wide, narrow = table([row], width=60), table([row], width=25)
    assert wide.omitted == ("empty",)
    assert narrow.omitted == ("empty", "place")
    assert table([row], width=12).omitted == ("empty", "place", "c")


def test_a_table_that_fits_keeps_columns_without_values() -> None:
    """They tell that there is such a field."""
    assert lines({"a": None, "b": 1}, width=40)[0] == "a  b"


def test_what_does_not_fit_is_named_in_one_line() -> None:
    """The names are cut to the line, too."""
    made = table([{f"field_{one}": "text" for one in range(30)}], width=40)
    note = made.note(60)
    assert note is not None
    assert note.startswith(f"{len(made.omitted)} columns do not fit: field_")
    assert note.endswith("… (--expanded shows all)")
    assert width_of(note) == 60
    assert table([{"a": 1}], width=40).note(40) is None


@given(
    st.lists(st.dictionaries(st.text(min_size=1), VALUES, max_size=8), max_size=4),
    st.integers(1, 120),
)
def test_no_line_is_wider_than_the_terminal(rows: list[dict[str, object]], width: int) -> None:
    """Whatever the portal sends; a table has at least one column of one character."""
    text = table(rows, width=width).text
    if any(rows):
        assert max(width_of(line) for line in text.splitlines()) <= max(width, 2)


def test_no_rows_are_said() -> None:
    """An empty output could be a failure."""
    assert table([]).text == "(no rows)"


def test_expanded_rows_show_every_value_in_full() -> None:
    """One field per line, with the number of the row."""
    rows: list[dict[str, object]] = [
        {"name": "x" * 100, "n": 1},
        {"name": "line\nbreak", "n": None},
    ]
    assert expanded(rows, start=4).splitlines() == [
        "-[ 4 ]------------", "name  " + "x" * 100, "n     1",
        "-[ 5 ]------------", "name  line break", "n",
    ]  # fmt: skip


def test_control_characters_are_not_printed() -> None:
    """This applies to names and values; a cell stays on one line."""
    text = "a\x1b]0;owned\x07\x9b31m\u202eb\nc"
    assert printable(text) == "a ]0;owned  31m b\nc"
    shown = "a ]0;owned  31m b c"
    assert lines({text: text}) == [shown, "-" * len(shown), shown]
    assert expanded([{text: text}]).splitlines()[1] == f"{shown}  {shown}"


def test_the_width_is_that_of_columns_or_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is unknown in a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((70, 24)))
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    assert terminal_width() == 70
    monkeypatch.setenv("COLUMNS", "50")
    assert terminal_width() == 50
    monkeypatch.setenv("COLUMNS", "wide")
    assert terminal_width() == 70
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert terminal_width() is None
