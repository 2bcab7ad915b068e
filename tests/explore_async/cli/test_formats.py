"""The name of a file says in which format to export."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from explore_async.cli.formats import ENDINGS, ending_of, format_of
from explore_async.operations import DATASET_FORMATS


@pytest.mark.parametrize(("ending", "file_format"), ENDINGS.items())
@pytest.mark.parametrize("name", ["x{}", "a.b-c{}", "X{}.gz", "x.json{}"])
def test_the_ending_tells_the_format(name: str, ending: str, file_format: str) -> None:
    """With other dots in the name, in capitals, and compressed."""
    assert format_of(Path(name.format(ending))) == file_format
    assert format_of(Path(name.format(ending).upper())) == file_format


def test_every_format_has_an_ending() -> None:
    """Its default file name is read back as the same format."""
    assert set(ENDINGS.values()) == set(DATASET_FORMATS)
    assert [format_of(Path(f"x{ending_of(one)}")) for one in DATASET_FORMATS] == [*DATASET_FORMATS]


@pytest.mark.parametrize("name", ["x", "x.txt", "jsonl", "x.gz", "x.csv.zst"])
def test_an_unknown_ending_is_wrong_usage(name: str) -> None:
    """The message lists the endings."""
    with pytest.raises(click.UsageError, match=r"--format.*\.jsonl, \.ndjson, .*\.gz"):
        format_of(Path(name))
