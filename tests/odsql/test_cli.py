"""The command line: what it prints and how it exits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from odsql.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_clauses_that_are_odsql_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    """And are counted."""
    assert run("check", "--where", "a = 1", "--refine", "b:c", "--order-by", "a desc") == 0
    assert capsys.readouterr().out == "3 clauses checked, none broken\n"


def test_a_broken_clause_is_shown_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    """With its source, a caret and a hint; the others are checked all the same."""
    assert run("check", "--where", "a == 1", "--select", "b") == 1
    out = capsys.readouterr().out
    assert "--where: where has a syntax error at position 3" in out
    assert "  a == 1\n     ^\n" in out
    assert out.endswith("2 clauses checked, 1 broken\n")


def test_files_and_standard_input_are_json_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clause a line; findings name file and line."""
    file = tmp_path / "queries.jsonl"
    file.write_text('{"clause": "where", "text": "a = 1"}\n\n{"clause": "where", "text": "a ="}\n')
    assert run("check", "-q", str(file)) == 1
    assert f"{file}:3: where" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO('{"clause": "select", "text": "*"}'))
    assert run("check", "-") == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json", ":1 is not"),
        (b'{"clause": "having", "text": ""}', "clause is one of"),
        (b'{"clause": "where", "text": 1}', "text is a string"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, ":1 is not"),
    ],
)
def test_unreadable_input_exits_2(
    tmp_path: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, no traceback."""
    file = tmp_path / "queries.jsonl"
    file.write_bytes(content)
    assert run("check", str(file)) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_missing_file_and_nothing_to_check_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    assert run("check", "no-such-file") == 2
    assert "cannot read no-such-file" in capsys.readouterr().err
    assert run("check") == 2
    assert "give a clause" in capsys.readouterr().err
