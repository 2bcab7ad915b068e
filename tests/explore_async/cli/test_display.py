"""Bars of facet values, and the progress of an export."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from explore_async import Facet, FacetValue, Progress
from explore_async.cli.display import bars, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable


def facet(**counts: int) -> Facet:
    values = (
        FacetValue(name=name, value=name, count=count, state="displayed")
        for name, count in counts.items()
    )
    return Facet(name="facet", values=tuple(values))


def test_bars_are_aligned_for_wide_characters_too() -> None:
    """Chinese, Japanese and Korean characters take two columns."""
    assert bars(facet(東京=2, x=1)).splitlines()[1].startswith("x     1")


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
