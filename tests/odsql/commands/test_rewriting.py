"""Changes of `odsql check --fix` and `odsql fmt` in files, and what they leave unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings

from odsql import parse_where, render
from odsql.commands.formatting import changed
from odsql.commands.inputs import File, found_in
from odsql.commands.rewriting import apply
from odsql.sources import SourceFile
from tests.odsql.commands.test_main import folder, run
from tests.odsql.commands.test_main import give as give_to_stdin
from tests.odsql.strategies import clauses
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odsql.nodes import Node

    Captured = pytest.CaptureFixture[str]

__all__ = ["folder"]

# ---------------------------------------------------------------- check --fix

URL = "/api/explore/v2.1/catalog/datasets/d/records"
CELL = '{"cells": [{"source": ["U = \\"/api/explore/v2.1/catalog/datasets?where=a<>1\\"\\n"]}]}'
FIXES = [
    ("a.toml", 'queries.a.where = "b == 1" # c == d\n', "b == 1", "b = 1"),
    ("a.toml", "queries.a.where = 'b == \"x\"'\n", "==", "="),
    ("a.toml", 'queries.a.where = """\n  b\n  == 1\n"""\n', "==", "="),
    ("a.yaml", "queries:\n  - name: x # <>\n    where: a <> 1\n", "where: a <>", "where: a !="),
    ("a.yaml", "queries:\n  x:\n    where: |\n      a <> 'it'\n", "a <>", "a !="),
    ("a.jsonl", '{"clause": "where", "text": "a <> \\"\\u00e9\\""}\n', "<>", "!="),
    ("a.jsonl", '{"clause": "where", "text": "not a <> 1"}\r\n', "<>", "!="),
    ("a.py", 'U = "/api/explore/v2.1/catalog/datasets/d/records?where=a==1&limit=1"\n', "==", "="),
    ("a.md", "(/api/explore/v2.1/catalog/datasets/d/records?where=a%3D%3D1)\n", "%3D%3D", "%3D"),
    ("a.py", "from odsql import parse_where\nparse_where('a == \"<>\"')\n", "==", "="),
    ("a.ipynb", CELL, "<>", "!="),
    ("a.js", f'"{URL}?where=a <> 1" +\n" and b = 2"', "<>", "!="),
    ("a.js", f'"{URL}?where=a+<>+1&limit=1"', "<>", "%21%3D"),
    ("a.py", f'import requests\nrequests.get("{URL}", params={{"where": \'a == "x\\\'s"\'}})\n',
     "==", "="),
    ("a.yaml", "queries:\n  a: {where: &w a <> 1}\n  b: {where: *w}\n", "<>", "!="),
    ("a.yaml", "queries:\n  a: &q {where: 'a <> 1'}\n  b: *q\n", "<>", "!="),
    ("a.yaml", "queries:\n  a: {where: !!str a <> 1}\n", "<>", "!="),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "old", "new"), FIXES)
def test_fix_changes_the_place_and_nothing_else(
    folder: Path, name: str, before: str, old: str, new: str, capsys: Captured
) -> None:
    """In every spelling of the host formats."""
    (folder / name).write_text(before, newline="")
    assert run("check", "--fix", name) == 0, capsys.readouterr().out
    assert (folder / name).read_bytes().decode() == before.replace(old, new, 1)
    assert " fixed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "value",
    [
        '"a == 1" " and b = 2"',
        '"a == 1" + " and b = 2"',
        'f"a == {x}"',
        'f"b = {x} and a == 1"',
        'WHERE + " and b == 2"',
        '"a == %s" % x',
    ],
)
def test_fix_leaves_a_text_that_is_joined_or_has_holes(
    folder: Path, capsys: Captured, value: str
) -> None:
    """What a program puts together may be used elsewhere, too."""
    text = f'import requests\nWHERE = "a = 1"\nrequests.get("{URL}", params={{"where": {value}}})\n'
    (folder / "a.py").write_text(text)
    assert run("check", "--fix", "a.py") == 1
    assert (folder / "a.py").read_text() == text
    assert "ODSQL compares with a single =" in capsys.readouterr().out


def test_fix_shows_what_it_cannot_fix(folder: Path, capsys: Captured) -> None:
    """The file is checked again after the fixes."""
    file = folder / "a.jsonl"
    file.write_text('{"clause": "where", "text": "a == 1"}\n{"clause": "where", "text": "b ="}\n')
    assert run("check", "--fix", "a.jsonl") == 1
    out = capsys.readouterr().out
    assert "a.jsonl:2:33: error ODS101" in out
    assert "ODS102" not in out
    assert out.endswith("2 clauses checked, 1 broken, 1 fixed\n")


def test_fix_leaves_what_it_was_told_to_ignore(folder: Path) -> None:
    """By option and by comment."""
    file = folder / "a.toml"
    before = 'queries.a.where = "a == 1"\nqueries.b.where = "b == 1"  # odsql: ignore[ODS102]\n'
    file.write_text(before)
    run("check", "--fix", "--ignore", "ODS1", "a.toml")
    assert file.read_text() == before
    run("check", "--fix", "a.toml")
    assert file.read_text() == before.replace("a == 1", "a = 1")


def test_fix_puts_several_findings_right_at_once(folder: Path) -> None:
    """In one clause and in many."""
    file = folder / "a.jsonl"
    file.write_text('{"clause": "where", "text": "a == 1 and b <> 2 and c == 3"}\n' * 50)
    assert run("check", "--fix", "a.jsonl", "-q") == 0
    assert file.read_text() == '{"clause": "where", "text": "a = 1 and b != 2 and c = 3"}\n' * 50


def test_a_file_that_is_not_utf_8_is_not_rewritten(folder: Path, capsys: Captured) -> None:
    """The problem is reported, and the file stays unchanged."""
    content = 'queries.a.where = "a == 1"\n'.encode("utf-16")
    (folder / "a.toml").write_bytes(content)
    assert run("check", "--fix", "a.toml") == 2
    assert (folder / "a.toml").read_bytes() == content
    assert "a.toml is not rewritten: it is not UTF-8" in capsys.readouterr().err


@posix
def test_a_byte_order_mark_and_the_mode_of_a_file_stay(folder: Path) -> None:
    """A rewritten file keeps its mark, mode and line ends; a link stays a link."""
    file = folder / "a.toml"
    file.write_bytes(b'\xef\xbb\xbfqueries.a.where = "a == 1"\r\n')
    file.chmod(0o640)
    (folder / "link.toml").symlink_to("a.toml")
    assert run("check", "--fix", "link.toml") == 0
    assert file.read_bytes() == b'\xef\xbb\xbfqueries.a.where = "a = 1"\r\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert (folder / "link.toml").is_symlink()
    assert sorted(one.name for one in folder.iterdir()) == ["a.toml", "link.toml"]


# ---------------------------------------------------------------- fmt

FORMATTED = [
    ("a.toml", "queries.a.where = \"a=1 and b='x'\" # a=1\n", "a=1 and b='x'", "a = 1 AND b = 'x'"),
    ("a.toml", "queries.a.where = 'a=1 and b=\"x\"'\n", 'a=1 and b="x"', 'a = 1 AND b = "x"'),
    ("a.toml", 'queries.a.select = "a,b"\nother = "a,b"\n', "a,b", "a, b"),
    ("a.yaml", "queries:\n  x:\n    where: a=1   # why a=1\n    n: [1,2]\n", "a=1", "a = 1"),
    ("a.yaml", "queries:\n  x: {where: 'a=\"it\"', n: 1}\n", 'a="it"', 'a = "it"'),
    ("a.jsonl", '{"clause":"where",  "text":"a=\\"x\\""}\n', 'a=\\"x\\"', "a = 'x'"),
    ("a.ndjson", '{"where":"a=\\"it\'s\\"", "name":"a=1"}\n', "a=", "a = "),
    ("a.toml", "queries.a.where = \"\"\"a='x'\"\"\"\n", "a='x'", 'a = "x"'),
    ("a.jsonl", '{"clause":"where","text":"a=\'\\u00e9\'"}\n', "a=", "a = "),
    ("a.jsonl", '{"clause":"where","text":"a=\'\u00e9\'"}\n', "a=", "a = "),
    ("a.yaml", "queries:\n  a: &q {where: 'a=1'}\n  b: *q\n", "a=1", "a = 1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "old", "new"), FORMATTED)
def test_fmt_changes_the_clause_and_nothing_else(
    folder: Path, name: str, before: str, old: str, new: str
) -> None:
    """Text literals get quotes that the file need not escape; a second run changes nothing."""
    file = folder / name
    file.write_text(before, newline="")
    assert run("fmt", name) == 0
    assert file.read_text() == before.replace(old, new, 1)
    assert run("fmt", "--check", name) == 0


def test_fmt_breaks_what_stands_on_several_lines(folder: Path) -> None:
    """A block keeps the indentation of its first line; one line stays one line, however long."""
    long = " and ".join(f"population > {number * 1000}" for number in range(8))
    (folder / "a.toml").write_text(
        f'[queries.a]\nwhere = """\n    {long}\n"""\nselect = "a"\n[queries.b]\nwhere = "{long}"\n'
    )
    (folder / "a.yaml").write_text(f"queries:\n  a:\n    where: |\n      {long}\n    select: a\n")
    assert run("fmt", "a.toml", "a.yaml") == 0
    lines = (folder / "a.toml").read_text().splitlines()
    assert lines[2:5] == [
        "    population > 0", "    AND population > 1000", "    AND population > 2000"
    ]  # fmt: skip
    assert lines[-1] == f'where = "{long.replace("and", "AND")}"'
    lines = (folder / "a.yaml").read_text().splitlines()
    assert lines[3:5] == ["      population > 0", "      AND population > 1000"]
    assert run("fmt", "--check", "a.toml", "a.yaml") == 0


def test_new_lines_end_as_the_others_do(folder: Path) -> None:
    """Also if the clause is on the first line."""
    long = " and ".join(f"population > {number * 1000}" for number in range(8))
    (folder / "a.toml").write_text(f'queries.a.where = """{long}"""\r\n', newline="")
    assert run("fmt", "a.toml") == 0
    lines = (folder / "a.toml").read_bytes().split(b"\n")
    assert len(lines) == 9
    assert all(one.endswith(b"\r") for one in lines[:-1])


def test_fmt_leaves_what_the_file_cannot_hold(folder: Path, capsys: Captured) -> None:
    """A TOML literal string cannot contain its own quote."""
    before = 'queries.a.where = \'a="x" and d<date"2024"\'\n'
    (folder / "a.toml").write_text(before)
    assert run("fmt", "a.toml") == 0
    assert (folder / "a.toml").read_text() == before
    assert "a.toml:1:20 is left unchanged: its quotes cannot hold" in capsys.readouterr().err


def test_fmt_leaves_what_does_not_parse(folder: Path, capsys: Captured) -> None:
    """The clause is reported; the others are formatted."""
    file = folder / "a.jsonl"
    file.write_text('{"clause": "where", "text": "a=="}\n{"clause": "where", "text": "b=1"}\n')
    assert run("fmt", "a.jsonl") == 1
    assert file.read_text().splitlines()[0] == '{"clause": "where", "text": "a=="}'
    assert file.read_text().splitlines()[1] == '{"clause": "where", "text": "b = 1"}'
    assert "a.jsonl:1:32 is left unchanged: it is not ODSQL" in capsys.readouterr().err


def test_fmt_check_and_diff_write_nothing(folder: Path, capsys: Captured) -> None:
    """--check fails if a file would change; --diff only shows the changes."""
    before = 'queries.a.where = "a=1"\n'
    (folder / "a.toml").write_text(before)
    assert run("fmt", "--check", ".") == 1
    assert "would format a.toml\n" in capsys.readouterr().out
    assert run("fmt", "--diff", ".") == 0
    assert '-queries.a.where = "a=1"\n+queries.a.where = "a = 1"\n' in capsys.readouterr().out
    assert (folder / "a.toml").read_text() == before


def test_fmt_formats_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """Standard output is the formatted file and nothing else."""
    give_to_stdin(monkeypatch, '{"clause": "where", "text": "a=1"}\n')
    assert run("fmt", "-") == 0
    assert capsys.readouterr().out == '{"clause": "where", "text": "a = 1"}\n'


def test_fmt_takes_no_other_files(folder: Path, capsys: Captured) -> None:
    """A named one is refused; in directories they are skipped, and so are URLs in any file."""
    (folder / "a.py").write_text('U = "/api/explore/v2.1/catalog/datasets/d/records?where=a=1"\n')
    before = 'U = "/api/explore/v2.1/catalog/datasets/d/records?where=a%3D1"\n'
    (folder / "a.toml").write_text(before)
    assert run("fmt", "a.py") == 2
    assert "it is not TOML, YAML or JSON Lines" in capsys.readouterr().err
    assert run("fmt", ".") == 0
    assert (folder / "a.toml").read_text() == before
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- every clause


def _in_toml(text: str) -> str:
    return f"queries.a.where = {json.dumps(text)}\n".replace("\x7f", "\\u007f")


def _in_toml_block(text: str) -> str:
    return f"[queries.a]\nwhere = '''\n  {text}\n'''\nselect = 'a'\n"


def _in_yaml(text: str) -> str:
    return f"queries:\n  a:\n    where: '{text.replace(chr(39), chr(39) * 2)}'\n"


def _in_yaml_block(text: str) -> str:
    return f"queries:\n  a:\n    where: |-\n      {text}\n    select: a\n"


def _in_json_lines(text: str) -> str:
    return json.dumps({"clause": "where", "text": text}) + "\n"


HOSTS = {
    "a.toml": (_in_toml, _in_toml_block),
    "a.yaml": (_in_yaml, _in_yaml_block),
    "a.jsonl": (_in_json_lines,),
}


@pytest.mark.parametrize(
    ("name", "host"), [(name, host) for name, hosts in HOSTS.items() for host in hosts]
)
@given(tree=clauses["where"])
@settings(max_examples=20, deadline=None, suppress_health_check=[*HealthCheck])
def test_fmt_keeps_the_meaning_of_every_clause(
    name: str, host: Callable[[str], str], tree: Node
) -> None:
    """In every host format; formatting twice is the same as formatting once."""
    before = SourceFile(name, host(render(tree)))
    found, broken = found_in(File(before, None, named=True))
    assume(broken is None and len(found) == 1)
    assume(found[0].request.parameters[0].text.strip() == render(tree).strip())
    change = changed(found[0], 0, 0)
    done = apply(File(before, None, named=True), found, [change] if change else [])
    again, _ = found_in(done.file)
    assert parse_where(again[0].request.parameters[0].text) == tree
    following = changed(again[0], 0, 0)
    assert following is None or done.refused
    if not change:
        assert done.file.source.text == before.text
