"""The command line: what each command prints, changes, and how it exits."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from odsql import __version__
from odsql.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    Captured = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything happens in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Say what standard input holds."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode()), "utf-8"))


# ---------------------------------------------------------------- clauses and JSON Lines


def test_clauses_that_are_odsql_exit_0(capsys: Captured) -> None:
    """And are counted."""
    assert run("check", "--where", "a = 1", "--refine", "b:c", "--order-by", "a desc") == 0
    assert capsys.readouterr().out == "3 clauses checked, none broken\n"


def test_a_broken_clause_is_shown_and_exits_1(capsys: Captured) -> None:
    """With its source, a caret and a hint; the others are checked all the same."""
    assert run("check", "--where", "a == 1", "--select", "b") == 1
    out = capsys.readouterr().out
    assert "--where:1:3: error ODS102: " in out
    assert "  | a == 1\n  |   ^^\n" in out
    assert out.endswith("2 clauses checked, 1 broken\n")


def test_clauses_given_as_options_are_one_request(capsys: Captured) -> None:
    """What one says is held against the others."""
    assert run("check", "--select", "name, count(*)", "--group-by", "code") == 1
    assert "--select:1:1: error ODS213" in capsys.readouterr().out


def test_files_and_standard_input_are_json_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """One clause a line; findings name file, line and column."""
    file = folder / "queries.jsonl"
    file.write_text('{"clause": "where", "text": "a = 1"}\n\n{"clause": "where", "text": "a ="}\n')
    assert run("check", "-q", "queries.jsonl") == 1
    assert "queries.jsonl:3:33: error ODS101" in capsys.readouterr().out
    give(monkeypatch, '{"clause": "select", "text": "*"}')
    assert run("check", "-") == 0


def test_results_come_in_the_order_of_the_arguments(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Standard input among them; a file that is named twice comes once."""
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_text('{"clause": "where", "text": "a = 1"}\n')
    give(monkeypatch, '{"clause": "select", "text": "*"}')
    assert run("check", "--format", "json", "b.jsonl", "-", ".", "./b.jsonl") == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["source"] for one in said] == ["b.jsonl", "-", "a.jsonl"]


def test_standard_input_can_be_any_kind_of_file(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """It is read and reported as the file that it is said to be."""
    give(monkeypatch, 'queries.a.where = "b == 1"\n')
    assert run("check", "--stdin-filename", "queries/a.toml", "-") == 1
    assert "queries/a.toml:1:22: error ODS102" in capsys.readouterr().out


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
    folder: Path, content: bytes, message: str, capsys: Captured
) -> None:
    """One line, no traceback."""
    (folder / "queries.jsonl").write_bytes(content)
    assert run("check", "queries.jsonl") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_what_can_be_read_is_checked_all_the_same(folder: Path, capsys: Captured) -> None:
    """An unreadable file is reported and ends the run with 2, not early."""
    (folder / "a.jsonl").write_bytes(b"\xff")
    (folder / "b.jsonl").write_text('{"clause": "where", "text": "a =="}\n')
    assert run("check", "a.jsonl", "missing.toml", "b.jsonl") == 2
    captured = capsys.readouterr()
    assert "b.jsonl:1:32: error ODS102" in captured.out
    assert "1 clause checked, 1 broken, 2 inputs not read" in captured.out
    assert [line.split(" ")[1] for line in captured.err.splitlines()] == ["a.jsonl", "missing.toml"]


def test_nothing_to_check_exits_2(capsys: Captured) -> None:
    """With what to do."""
    assert run("check") == 2
    assert "give a clause" in capsys.readouterr().err


def test_a_file_without_queries_is_clean(folder: Path, capsys: Captured) -> None:
    """A hook is given every file of a commit."""
    (folder / "readme.md").write_text("Nothing here.\n")
    assert run("check", "readme.md") == 0
    assert capsys.readouterr().out == "0 clauses checked, none broken\n"


# ---------------------------------------------------------------- which findings


def test_warnings_fail_only_if_asked(capsys: Captured) -> None:
    """They are shown in any case."""
    assert run("check", "--where", "a != 1") == 0
    assert "warning ODS401" in capsys.readouterr().out
    assert run("check", "--where", "a != 1", "--strict") == 1


def test_exit_zero_shows_and_does_not_fail(capsys: Captured) -> None:
    """But an input that cannot be read is no finding."""
    assert run("check", "--where", "a == 1", "--exit-zero") == 0
    assert "error ODS102" in capsys.readouterr().out
    assert run("check", "missing.toml", "--exit-zero") == 2


def test_codes_are_chosen_by_prefix(capsys: Captured) -> None:
    """The longer prefix wins; `ignore` wins between equals."""
    assert run("check", "--where", "a == 1", "--ignore", "ODS1") == 0
    assert run("check", "--where", "a == 1", "--ignore", "ODS1", "--select-codes", "ODS102") == 1
    assert run("check", "--where", "a == 1", "--select-codes", "ODS4,ODS3") == 0
    assert run("check", "--where", "a == 1", "--ignore", "ODS9") == 2
    assert "no code begins with ODS9" in capsys.readouterr().err


def test_statistics_count_by_code(capsys: Captured) -> None:
    """The most frequent first; other formats are left as they are."""
    assert run("check", "--where", "a != 1 or b != 2 or c == 3", "--statistics", "-q") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1  ODS102  ")
    assert run("check", "--where", "a == 1", "--statistics", "--format", "json") == 1
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 1
    assert captured.err.startswith("1  ODS102  ")


def test_a_schema_tells_which_fields_there_are(folder: Path, capsys: Captured) -> None:
    """One that is given alone is for all that do not name a dataset."""
    write_schema(folder / "schemas" / "cities.json", "cities")
    assert run("check", "--schema", "schemas", "--where", "populaton > 1") == 1
    assert "population" in capsys.readouterr().out
    write_schema(folder / "schemas" / "towns.json", "towns")
    assert run("check", "--schema", "schemas", "--where", "populaton > 1") == 0
    assert (
        run("check", "--schema", "schemas", "--where", "populaton > 1", "--dataset", "towns") == 1
    )
    assert run("check", "--schema", "missing.json", "--where", "a = 1") == 2


def write_schema(file: Path, dataset_id: str) -> None:
    file.parent.mkdir(exist_ok=True)
    fields = [{"name": "population", "type": "int"}, {"name": "name", "type": "text"}]
    file.write_text(json.dumps({"dataset_id": dataset_id, "fields": fields}))


def test_what_a_placeholder_hides_is_not_held_against_a_request(folder: Path) -> None:
    """The label may be declared in what the program puts in."""
    write_schema(folder / "s.json", "cities")
    url = "/api/explore/v2.1/catalog/datasets/cities/records?order_by=n&limit=10"
    (folder / "a.py").write_text(f'A = f"{url}&select={{columns}}"\n')
    (folder / "b.py").write_text(f'A = "{url}&select=name"\n')
    assert run("check", "--schema", "s.json", "a.py") == 0
    assert run("check", "--schema", "s.json", "b.py") == 1


# ---------------------------------------------------------------- configuration


def test_the_nearest_pyproject_is_the_configuration(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Its paths are relative to it, wherever the command is run below it."""
    (folder / "pyproject.toml").write_text(
        '[tool.odsql]\npaths = ["queries"]\nschemas = "schemas"\n'
        'ignore = ["ODS401"]\nstrict = true\n'
        '[tool.odsql.per-file-ignores]\n"queries/old/*" = ["ODS"]\n'
    )
    write_schema(folder / "schemas" / "cities.json", "cities")
    (folder / "queries" / "old").mkdir(parents=True)
    (folder / "queries" / "a.toml").write_text('queries.a.where = "populaton != 1"\n')
    (folder / "queries" / "old" / "b.toml").write_text('queries.a.where = "a =="\n')
    monkeypatch.chdir(folder / "queries" / "old")
    assert run("check") == 1
    out = capsys.readouterr().out
    assert "../a.toml:1:20: error ODS301" in out
    assert out.endswith("2 clauses checked, 1 broken\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[tool.odsql]\nselct = []\npath = 1", "has no 'selct', 'path'; its keys are paths, "),
        ("[tool.odsql]\nignore = 'ODS4'", "ignore of [tool.odsql] is a list of strings"),
        ("[tool.odsql]\nstrict = 1", "strict of [tool.odsql] is true or false"),
        ("[tool]\nodsql = 1", "[tool.odsql] is a table"),
        ("[tool.odsql\n", "pyproject.toml is no TOML"),
        ("[tool.odsql]\nignore = ['X1']", "no code begins with X1"),
    ],
)
def test_a_configuration_that_makes_no_sense_exits_2(
    folder: Path, content: str, message: str, capsys: Captured
) -> None:
    """Nobody would notice a misspelt key otherwise."""
    (folder / "pyproject.toml").write_text(content)
    assert run("check", "--where", "a = 1") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


# ---------------------------------------------------------------- colours


@pytest.mark.parametrize(
    ("choice", "terminal", "environment", "colored"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
    ],
)
def test_colours_are_for_terminals(
    choice: str,
    terminal: bool,
    environment: dict[str, str],
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    """Unless NO_COLOR is set; whoever asks for them gets them."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    run("check", "--where", "a == 1", "--color", choice)
    assert ("\033[" in capsys.readouterr().out) is colored


# ---------------------------------------------------------------- ast and explain


def test_ast_shows_how_a_clause_is_read(capsys: Captured) -> None:
    """A line for each node, with its place."""
    assert run("ast", "a = 1 and") == 1
    assert "the text ends too early" in capsys.readouterr().err
    assert run("ast", "a = 1", "--clause", "where") == 0
    assert capsys.readouterr().out == (
        "Where [0:5]\n"
        "  condition: Comparison operator='=' [0:5]\n"
        "    left: Field name='a' [0:1]\n"
        "    right: Number text='1' [4:5]\n"
    )


def test_ast_is_json_for_programs(capsys: Captured) -> None:
    """The same, nested."""
    assert run("ast", "a desc", "--clause", "order_by", "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["node"] == "OrderBy"
    assert tree["items"][0]["expression"] == {"node": "Field", "start": 0, "end": 1, "name": "a"}


def test_explain_prints_the_page_of_a_code(capsys: Captured) -> None:
    """Without one, the list; with one that does not exist, where the list is."""
    assert run("explain", "ods401") == 0
    assert "ODS401" in capsys.readouterr().out
    assert run("explain") == 0
    assert "ODS101  error    not-odsql: " in capsys.readouterr().out
    assert run("explain", "E501") == 2
    assert "`odsql explain` lists the codes" in capsys.readouterr().err


# ---------------------------------------------------------------- the process


def test_only_what_a_command_needs_is_loaded() -> None:
    """A check of one clause reads no files, so it loads nothing that does."""
    code = (
        "import sys; from odsql.cli import main\n"
        "try: main(['check', '-q', '--where', 'a = 1'])\n"
        "finally: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    unwanted = {
        "json",
        "tomllib",
        "pathlib",
        "shutil",
        "click",
        "lark",
        "asyncio",
        "socket",
        "yaml",
    }
    assert not loaded & {*unwanted, "odsql.sources", "odsql.outputs.sarif", "odsql.commands.fmt"}


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    """`odsql check | head` ends quietly."""
    (folder / "a.jsonl").write_text('{"clause": "where", "text": "a =="}\n' * 5000)
    command = [sys.executable, "-m", "odsql", "check", "a.jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_terminal_without_the_characters_is_no_error() -> None:
    """What it cannot show is written out."""
    done = subprocess.run(
        [sys.executable, "-m", "odsql", "check", "--where", "名前 == 1"],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 1
    assert b"\\u540d\\u524d == 1" in done.stdout


def test_the_version_is_said() -> None:
    """And nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "odsql", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"odsql {__version__}\n"


def test_a_dataset_in_a_variable_can_be_any(folder: Path) -> None:
    """The only schema is for clauses and named queries, not for what a program puts together."""
    write_schema(folder / "s.json", "cities")
    url = "/api/explore/v2.1/catalog/datasets/{name}/records?where=inhabitants>1"
    (folder / "a.py").write_text(f'A = f"{url}"\n')
    (folder / "a.toml").write_text('queries.a.where = "inhabitants > 1"\n')
    assert run("check", "--schema", "s.json", "a.py") == 0
    assert run("check", "--schema", "s.json", "a.toml") == 1
    assert run("check", "--schema", "s.json", "a.toml", "--dataset", "towns") == 0


def test_nothing_in_a_directory_stops_the_run(folder: Path, capsys: Captured) -> None:
    """Whatever somebody left there; what cannot hold a query is passed by without a word."""
    (folder / "picture.png").write_bytes(b"\x89PNG\0\0\xff" * 100)
    (folder / "latin.txt").write_bytes(b"caf\xe9 /api/explore/v2.1/")
    (folder / "cycle.yaml").write_text("queries: &a\n  b: *a\n")
    (folder / "deep.json").write_text("[" * 200_000 + "/api/explore/v2.1/catalog/")
    (folder / "deep.yaml").write_text("queries: " + "[" * 100_000)
    (folder / "broken.toml").write_text("[queries\n")
    (folder / "broken.py").write_text("from odsql import (\nparse_where('a ==')\n")
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "gone.toml").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.toml")
    (folder / "z.toml").write_text('queries.a.where = "a =="\n')
    assert run("check", ".") == 2
    captured = capsys.readouterr()
    assert "z.toml:1:22: error ODS102" in captured.out
    said = {line.split(" ")[1].rstrip(":") for line in captured.err.splitlines()}
    assert "latin.txt" in said
    assert "picture.png" not in said
    assert "Traceback" not in captured.err


def test_a_large_file_in_a_directory_is_passed_by(folder: Path, capsys: Captured) -> None:
    """It is data. It is said, but nothing fails; whoever wants it looked into names it."""
    (folder / "a.txt").write_bytes(b"x" * 10_000_001)
    assert run("check", ".") == 0
    assert "a.txt is not looked into: it has 10,000,001 bytes" in capsys.readouterr().err
    assert run("check", "a.txt") == 0
    assert capsys.readouterr().err == ""
