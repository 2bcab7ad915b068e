"""The output of the command line is aligned, and sends no commands to a terminal."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from explore_async import DecodeError, Facet, FacetValue, Progress
from explore_async.cli.display import bars, print_rows, printable, progress_bar, table

if TYPE_CHECKING:
    from collections.abc import Callable


def facet(**counts: int) -> Facet:
    values = (
        FacetValue(name=name, value=name, count=count, state="displayed")
        for name, count in counts.items()
    )
    return Facet(name="facet", values=tuple(values))


def test_wide_characters_take_two_columns() -> None:
    """Chinese, Japanese and Korean names stay aligned; combining marks take no column."""
    rows = [{"name": "東京", "code": "JP"}, {"name": "서울", "code": "KR"}]
    assert table([*rows, {"name": "e\u0301", "code": "X"}]) == (
        "name  code\n----  ----\n東京  JP\n서울  KR\ne\u0301     X"
    )
    assert bars(facet(東京=2, x=1)).splitlines()[1].startswith("x     1")


def test_long_values_are_cut_to_the_width() -> None:
    """Width is measured in columns, so only half as many wide characters fit."""
    assert table([{"a": "x" * 9}], cell_width=5).splitlines()[2] == "xxxx…"
    assert table([{"a": "東" * 9}], cell_width=5).splitlines()[2] == "東東…"
    assert table([{"a": "東東x"}], cell_width=5).splitlines()[2] == "東東x"


@pytest.mark.parametrize(
    ("values", "end"),
    [
        (5, "value 4"),
        (12, "... and 4 more"),
        (100, "... and at least 92 more; a portal lists 100 values by default"),
        (246, "... and 238 more"),
    ],
)
def test_bars_say_how_many_values_are_not_shown(values: int, end: str) -> None:
    """A facet with exactly as many values as a portal lists by default may have more."""
    shown = facet(**{f"value {one}": 500 - one for one in range(values)})
    last = bars(shown, limit=8).splitlines()[-1]
    assert last.startswith(end)


def test_control_characters_are_not_printed() -> None:
    """This applies to names and values; a cell stays on one line."""
    text = "a\x1b]0;owned\x07\x9b31m\u202eb\nc"
    assert printable(text) == "a ]0;owned  31m b\nc"
    assert table([{text: text}]).splitlines() == [
        "a ]0;owned  31m b c", "-------------------", "a ]0;owned  31m b c"]  # fmt: skip


def test_bars_are_plain_where_the_encoding_has_no_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latin-1 is an example."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert bars(facet(a=1)).endswith("#" * 30)


@pytest.mark.parametrize("hidden", [None, "rich.console"])
@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(bytes=9, rows=1_000, expected=2_000), "1,000 of 2,000 rows, 9 bytes"),
        (Progress(bytes=9, rows=1_000), "1,000 rows, 9 bytes"),
        (Progress(bytes=9_000, rows=None), "9,000 bytes"),
    ],
)
def test_progress_is_shown_with_rich_and_without(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hidden: str | None,
    progress: Progress,
    shown: str,
) -> None:
    """It goes to standard error, and counts bytes and, if known, rows."""
    if hidden is not None:
        monkeypatch.setitem(sys.modules, hidden, None)
    show: Callable[[Progress], None]
    with progress_bar("export") as show:
        show(progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert "export" in err
    assert shown in err


@pytest.mark.parametrize("hidden", [None, "rich.console"])
def test_no_progress_is_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hidden: str | None
) -> None:
    """An error before the first byte is the only output."""
    if hidden is not None:
        monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(KeyError), progress_bar("export"):
        raise KeyError
    assert capsys.readouterr().err == ""


def test_a_row_that_is_nested_too_deeply_is_an_error_of_this_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command line prints its message and no traceback."""
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    print_rows([{"a": deep}], "jsonl")
    assert capsys.readouterr().out.startswith('{"a": [[[')
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DecodeError, match="nested too deeply"):
        print_rows([{"a": deep}], "jsonl")
    while isinstance(deep, list):  # Python would free it by recursion
        deep = deep.pop()
