"""Secrets: an API key beside a query does not get into a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odsql.commands.main import main
from odsql.outputs import FORMATS
from odsql.outputs.results import masked

if TYPE_CHECKING:
    from pathlib import Path

KEY = "1234567890abcdefABCDEF1234567890"
URL = "https://data.example.org/api/explore/v2.1/catalog/datasets/x/records"


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit):
        main(arguments)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    "line",
    [
        f"{URL}?apikey={KEY}&where=a==1",
        f"{URL}?where=a==1&apikey={KEY}",
        f"curl -H 'Authorization: Apikey {KEY}' '{URL}?where=a==1'",
        f'api_key = "{KEY}"; url = "{URL}?where=a==1"',
        f"{URL}?apikey={KEY}&where={'a=1+and+' * 20}a==1",
    ],
)
def test_a_key_beside_a_finding_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, format_: str
) -> None:
    """In no format, wherever a long line is cut."""
    (tmp_path / "notes.md").write_text(line + "\n")
    run("check", "--format", format_, str(tmp_path / "notes.md"))
    printed = "".join(capsys.readouterr())
    assert "ODS1" in printed
    assert not any(KEY[start : start + 6] in printed for start in range(len(KEY) - 5))


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes.md", f"{URL}?apikey={KEY}"),
        ("notes.md", f"{URL}?limit=1&apikey={KEY[:9]}%2E{KEY[9:]}"),
        ("queries.toml", f'[queries.a]\nwhere = "a = 1"\napikey = "{KEY}"\n'),
        ("queries.yaml", f"queries:\n  a:\n    where: a = 1\n    apikey: {KEY}\n"),
        ("queries.jsonl", f'{{"where": "a = 1", "apikey": "{KEY}"}}\n'),
    ],
)
def test_a_key_is_a_finding_that_does_not_show_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, format_: str
) -> None:
    """In a URL and in each kind of named query."""
    (tmp_path / name).write_text(text)
    run("check", "--format", format_, str(tmp_path / name))
    printed = "".join(capsys.readouterr())
    assert "ODS416" in printed
    assert not any(KEY[start : start + 6] in printed for start in range(len(KEY) - 5))


def test_a_key_beside_a_change_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A diff shows the lines around it."""
    (tmp_path / "a.toml").write_text(f'apikey = "{KEY}"\n[queries.a]\nwhere = "a=1"\n')
    run("fmt", "--diff", str(tmp_path / "a.toml"))
    printed = capsys.readouterr().out
    assert '+where = "a = 1"' in printed
    assert f'apikey = "{"*" * len(KEY)}"' in printed


@pytest.mark.parametrize("line", ["apikey={key}&where=a", "apikey=$KEY", "an apikey is a secret"])
def test_what_is_no_key_stays(line: str) -> None:
    """A placeholder, a variable or a sentence."""
    assert masked(line) == line
