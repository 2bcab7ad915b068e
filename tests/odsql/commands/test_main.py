"""The command line: what each command prints and changes, and its exit status."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from odsql import __version__
from odsql.commands.main import main
from tests.platforms import posix

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
    """Run every test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Set the content of standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode()), "utf-8"))


# ---------------------------------------------------------------- clauses and JSON Lines


def test_clauses_that_are_odsql_exit_0(capsys: Captured) -> None:
    """The summary counts them."""
    assert run("check", "--where", "a = 1", "--refine", "b:c", "--order-by", "a desc") == 0
    assert capsys.readouterr().out == "3 clauses checked, none broken\n"


def test_a_broken_clause_is_shown_and_exits_1(capsys: Captured) -> None:
    """With its source, a caret and a hint; the other clauses are still checked."""
    assert run("check", "--where", "a == 1", "--select", "b") == 1
    out = capsys.readouterr().out
    assert "--where:1:3: error ODS102: " in out
    assert "  | a == 1\n  |   ^^\n" in out
    assert out.endswith("2 clauses checked, 1 broken\n")


def test_clauses_given_as_options_are_one_request(capsys: Captured) -> None:
    """So clauses are checked against each other."""
    assert run("check", "--select", "name, count(*)", "--group-by", "code") == 1
    assert "--select:1:1: error ODS213" in capsys.readouterr().out


def test_files_and_standard_input_are_json_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """One clause per line; findings name the file, line and column."""
    file = folder / "queries.jsonl"
    file.write_text('{"clause": "where", "text": "a = 1"}\n\n{"clause": "where", "text": "a ="}\n')
    assert run("check", "-q", "queries.jsonl") == 1
    assert "queries.jsonl:3:33: error ODS101" in capsys.readouterr().out
    give(monkeypatch, '{"clause": "select", "text": "*"}')
    assert run("check", "-") == 0


def test_results_come_in_the_order_of_the_arguments(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Including standard input; a file named twice is checked once."""
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_text('{"clause": "where", "text": "a = 1"}\n')
    give(monkeypatch, '{"clause": "select", "text": "*"}')
    assert run("check", "--format", "json", "b.jsonl", "-", ".", "./b.jsonl") == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["source"] for one in said] == ["b.jsonl", "-", "a.jsonl"]


def test_standard_input_can_be_any_kind_of_file(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """It is read and reported as the file of the given name."""
    give(monkeypatch, 'queries.a.where = "b == 1"\n')
    assert run("check", "--stdin-filename", "queries/a.toml", "-") == 1
    assert "queries/a.toml:1:22: error ODS102" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json", ":1 is neither"),
        (b'{"clause": "having", "text": ""}', "clause must be one of"),
        (b'{"clause": "where", "text": 1}', "text a string"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, ":1 is neither"),
    ],
)
def test_unreadable_input_exits_2(
    folder: Path, content: bytes, message: str, capsys: Captured
) -> None:
    """One line is reported, without a traceback."""
    (folder / "queries.jsonl").write_bytes(content)
    assert run("check", "queries.jsonl") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_line_that_is_no_clause_is_one_of_its_file(folder: Path, capsys: Captured) -> None:
    """A platform needs the path of the file and the line separately."""
    (folder / "a.jsonl").write_text('{"clause": "where", "text": "a = 1"}\n{}\n')
    assert run("check", "--format", "github", "a.jsonl") == 2
    assert "file=a.jsonl,line=2::a.jsonl:2 is neither" in capsys.readouterr().out


def test_what_can_be_read_is_checked_all_the_same(folder: Path, capsys: Captured) -> None:
    """An unreadable file is reported and makes the exit status 2, but does not end the run."""
    (folder / "a.jsonl").write_bytes(b"\xff")
    (folder / "b.jsonl").write_text('{"clause": "where", "text": "a =="}\n')
    assert run("check", "a.jsonl", "missing.toml", "b.jsonl") == 2
    captured = capsys.readouterr()
    assert "b.jsonl:1:32: error ODS102" in captured.out
    assert "1 clause checked, 1 broken, 2 inputs not read" in captured.out
    assert [line.split(" ")[1] for line in captured.err.splitlines()] == ["a.jsonl", "missing.toml"]


def test_a_file_that_is_sniffed_is_data_unless_it_holds_queries(
    folder: Path, capsys: Captured
) -> None:
    """A hook names every file of a commit; a user who names a file expects it to be checked."""
    (folder / "train.jsonl").write_text('{"id": 1, "text": "x"}\n')
    (folder / "notes.txt").write_bytes(b"caf\xe9\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\0")
    (folder / "large.txt").write_bytes(b"x" * 10_000_001)
    (folder / "a.jsonl").write_text('{"clause": "where", "text": "a =="}\n')
    names = ("train.jsonl", "notes.txt", "picture.png", "large.txt")
    assert run("check", "--sniff", *names) == 0
    assert "large.txt is skipped" in capsys.readouterr().err
    assert run("fmt", "--sniff", *names) == 0
    assert run("check", "--sniff", "a.jsonl", *names) == 1
    assert "a.jsonl:1:32: error ODS102" in capsys.readouterr().out
    assert run("check", "--sniff", "missing.toml") == 2
    for name in names[:3]:
        assert run("check", name) == 2


def test_standard_input_cannot_be_fixed(capsys: Captured) -> None:
    """A fix that is written nowhere must not be reported."""
    assert run("check", "--fix", "-") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--fix writes files" in captured.err


def test_nothing_to_check_exits_2(capsys: Captured) -> None:
    """The message says what to do."""
    assert run("check") == 2
    assert "give a clause" in capsys.readouterr().err


def test_a_file_without_queries_is_clean(folder: Path, capsys: Captured) -> None:
    """A hook names every file of a commit, most without queries."""
    (folder / "readme.md").write_text("Nothing here.\n")
    assert run("check", "readme.md") == 0
    assert capsys.readouterr().out == "0 clauses checked, none broken\n"


# ---------------------------------------------------------------- which findings


def test_warnings_fail_only_if_asked(capsys: Captured) -> None:
    """They are shown with and without --strict."""
    assert run("check", "--where", "a != 1") == 0
    assert "warning ODS401" in capsys.readouterr().out
    assert run("check", "--where", "a != 1", "--strict") == 1


def test_exit_zero_shows_and_does_not_fail(capsys: Captured) -> None:
    """An unreadable input is not a finding, so it still fails."""
    assert run("check", "--where", "a == 1", "--exit-zero") == 0
    assert "error ODS102" in capsys.readouterr().out
    assert run("check", "missing.toml", "--exit-zero") == 2


def test_codes_are_chosen_by_prefix(capsys: Captured) -> None:
    """The longer prefix wins; between equal prefixes `ignore` wins."""
    assert run("check", "--where", "a == 1", "--ignore", "ODS1") == 0
    assert run("check", "--where", "a == 1", "--ignore", "ODS1", "--select-codes", "ODS102") == 1
    assert run("check", "--where", "a == 1", "--select-codes", "ODS4,ODS3") == 0
    assert run("check", "--where", "a == 1", "--ignore", "ODS9") == 2
    assert "no code begins with ODS9" in capsys.readouterr().err


def test_statistics_count_by_code(capsys: Captured) -> None:
    """The most frequent code comes first; with other formats, statistics go to standard error."""
    assert run("check", "--where", "a != 1 or b != 2 or c == 3", "--statistics", "-q") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1  ODS102  ")
    assert run("check", "--where", "a == 1", "--statistics", "--format", "json") == 1
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 1
    assert captured.err.startswith("1  ODS102  ")


def test_a_schema_tells_which_fields_there_are(folder: Path, capsys: Captured) -> None:
    """A single schema applies to all requests that do not name a dataset."""
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


CALLS = """\
from odsql import Query, parse_where

A = Query(where="populaton > 1")
B = parse_where("populaton > 2")
C = A.where("populaton > 3")
U = f"/api/explore/v2.1/catalog/datasets/{name}/records?where=populaton>4"
V = "/api/explore/v2.1/catalog/datasets?where=populaton>5"
W = "/api/explore/v2.1/catalog/datasets?select=metas"
"""


def test_the_dataset_of_the_command_line_is_that_of_calls_and_variables(
    folder: Path, capsys: Captured
) -> None:
    """It applies to all requests without a dataset, except those to the catalog."""
    write_schema(folder / "s.json", "cities")
    (folder / "a.py").write_text(CALLS)
    run("check", "--format", "jsonl", "--schema", "s.json", "a.py")
    assert "ODS301" not in capsys.readouterr().out
    assert run("check", "-q", "--schema", "s.json", "--dataset", "cities", "a.py") == 1
    said = [line for line in capsys.readouterr().out.splitlines() if " ODS" in line]
    assert [line.split(":")[1] for line in said] == ["3", "4", "5", "6", "8"]
    assert [line.split(" ")[2].rstrip(":") for line in said] == [*["ODS301"] * 4, "ODS218"]


def test_the_operation_of_the_command_line_is_that_of_calls(folder: Path) -> None:
    """A URL names its operation in its path, so the option does not apply."""
    call = "Query(where='vector_similarity_threshold(\"x\")')"
    (folder / "a.py").write_text(f"from odsql import Query\nA = {call}\n")
    url = "/api/explore/v2.1/catalog/datasets?where=vector_similarity_threshold('x')"
    (folder / "b.txt").write_text(url)
    assert run("check", "a.py") == 0
    assert run("check", "a.py", "--endpoint", "records") == 1
    assert run("check", "b.txt", "--endpoint", "records") == 0


def test_a_schema_that_is_not_there_is_said_once(folder: Path, capsys: Captured) -> None:
    """A missing schema is not an error: everything else is checked."""
    write_schema(folder / "s.json", "cities")
    (folder / "a.toml").write_text('queries.a.dataset = "citys"\nqueries.a.where = "a = 1"\n')
    (folder / "b.toml").write_text('queries.a.dataset = "citys"\nqueries.a.where = "b = 1"\n')
    assert run("check", "--schema", "s.json", "a.toml", "b.toml") == 0
    said = "odsql: no schema for citys; names and types are not checked there\n"
    assert capsys.readouterr().err == said
    assert run("check", "-q", "--schema", "s.json", "a.toml") == 0
    assert run("check", "a.toml") == 0
    assert capsys.readouterr().err == ""
    (folder / "empty").mkdir()
    assert run("check", "--schema", "empty", "--where", "a = 1") == 0
    assert capsys.readouterr().err.startswith("odsql: no schemas found")


@pytest.mark.parametrize(
    ("path", "query", "codes"),
    [
        ("${d}/records", "select=count(*)", ["ODS403"]),
        ("${d}/records", "limit=100&offset=100", ["ODS406"]),
        ("${d}/exports/csv", "group_by=a&order_by=count(*)", ["ODS217"]),
        ("${d}/records", "where=vector_similarity_threshold('x')", ["ODS214"]),
        ("${d}/records", "order_by=name&limit=100&offset=${o}", ["ODS406"]),
        ("${d}/records", "limit=100&offset=${o}", ["ODS406"]),
        ("${d}/records", "select=count(*)&${rest}", []),
        ("${d}/records", "select=count(*)&limit=${n}", []),
        ("${d}/records", "select=count(*)&group_by=${g}", []),
        ("${d}/records", "select=a,count(*)&group_by=b,${g}&limit=1", []),
        ("${d}/records", "select=a,count(*)&group_by=b&limit=1&${rest}", []),
        ("${d}/exports/csv", "group_by=a&order_by=count(*)&limit=-1&${rest}", []),
        ("${d}/records", "group_by=a&limit=1&offset=25000&${rest}", []),
        ("${d}/records", "limit=1000&group_by=${g}", []),
        ("${d}/records", "offset=20000&limit=1&group_by=${g}", []),
        ("${d}/records", "offset=20000&limit=5000&${rest}", []),
        ("${d}/exports/csv", "group_by=a&order_by=count(*)&limit=${n}", []),
        ("${d}/records", "limit=100&offset=100&order_by=${o}", []),
        ("${d}/records", "limit=10&offset=${o}&order_by=name&group_by=${g}", []),
        ("${d}/records", "order_by=n,count(*)&select=${s}", []),
        ("cities/records", "select=k,count(*)&group_by=${g}", []),
        ("cities/records", "order_by=k&limit=1&select=${s}", []),
        ("cities/records", "select=Name,count(*)&group_by=${g}", []),
        ("cities/records", "where=k=1&group_by=${g}", ["ODS301"]),
    ],
)
def test_a_url_is_a_whole_request_but_for_what_stands_in_variables(
    path: str, query: str, codes: list[str], folder: Path, capsys: Captured
) -> None:
    """The path gives the operation even if the dataset is a variable; nothing else is assumed."""
    write_schema(folder / "s.json", "cities")
    (folder / "a.js").write_text(f"u = `/api/explore/v2.1/catalog/datasets/{path}?{query}`\n")
    run("check", "--format", "json", "--schema", "s.json", "a.js")
    said = json.loads(capsys.readouterr().out)
    assert [one["code"] for clause in said for one in clause["diagnostics"]] == codes


def test_a_name_may_be_a_label_of_what_is_added(folder: Path, capsys: Captured) -> None:
    """An added parameter may declare the label, so this is a warning."""
    write_schema(folder / "s.json", "cities")
    url = "/api/explore/v2.1/catalog/datasets/cities/records?select=k,count(*)&${rest}"
    (folder / "a.js").write_text(f"u = `{url}`\n")
    assert run("check", "--schema", "s.json", "a.js") == 0
    assert "warning ODS301: cities has no field k" in capsys.readouterr().out
    (folder / "a.jsonl").write_text('{"clause": "order_by", "text": "n, avg(age)"}\n')
    assert run("check", "a.jsonl") == 0
    assert "warning ODS211" in capsys.readouterr().out
    assert run("check", "--order-by", "n, avg(age)") == 1


def test_a_named_query_is_a_whole_request(folder: Path, capsys: Captured) -> None:
    """With or without a dataset; a clause by itself is not a whole request."""
    (folder / "a.toml").write_text('queries.a.select = "count(*)"\n')
    (folder / "a.jsonl").write_text('{"clause": "select", "text": "count(*)"}\n')
    assert run("check", "-q", "a.toml", "a.jsonl") == 0
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "ODS403" in line]
    assert said.startswith("a.toml:1:")


def test_a_number_without_blanks_is_no_url(folder: Path) -> None:
    """A single schema applies to the queries of a TOML file in every notation."""
    write_schema(folder / "s.json", "cities")
    (folder / "a.toml").write_text('[queries.a]\nlimit=5\nwhere="populaton > 1"\n')
    assert run("check", "--schema", "s.json", "a.toml") == 1


def test_what_a_placeholder_hides_is_not_held_against_a_request(folder: Path) -> None:
    """The program may insert text that declares the label."""
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
    """Its paths are relative to it, from every directory below it."""
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


def test_a_configured_path_is_shown_as_it_is_seen_from_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """The output is the same on every machine."""
    (folder / "pyproject.toml").write_text('[tool.odsql]\nschemas = ["nosuch"]\n')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert run("check", "--where", "a = 1") == 2
    assert capsys.readouterr().err == "odsql: ../nosuch: No such file or directory\n"


def test_a_configured_function_takes_clauses_as_keywords(folder: Path, capsys: Captured) -> None:
    """A file that calls it need not name an Explore API; fixes reach it, too."""
    (folder / "pyproject.toml").write_text('[tool.odsql]\ncallables = ["mypkg.portal.rows"]\n')
    (folder / "a.py").write_text('from mypkg.portal import rows as r\nr("x", where="a <> 1")\n')
    assert run("check", "a.py") == 1
    assert "a.py:2:17: error ODS102" in capsys.readouterr().out
    run("check", "--fix", "a.py")
    assert 'where="a != 1"' in (folder / "a.py").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[tool.odsql]\nselct = []\npath = 1", "has no key 'selct', 'path'; its keys are paths, "),
        ("[tool.odsql]\nignore = 'ODS4'", "ignore of [tool.odsql] must be a list of strings"),
        ("[tool.odsql]\ncallables = 'a.b'", "callables of [tool.odsql] must be a list of strings"),
        ("[tool.odsql]\nstrict = 1", "strict of [tool.odsql] must be true or false"),
        ("[tool]\nodsql = 1", "[tool.odsql] must be a table"),
        ("[tool.odsql\n", "pyproject.toml is not TOML"),
        ("[tool.odsql]\nignore = ['X1']", "no code begins with X1"),
    ],
)
def test_a_configuration_that_makes_no_sense_exits_2(
    folder: Path, content: str, message: str, capsys: Captured
) -> None:
    """Otherwise nobody would notice a misspelt key."""
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
    """Unless NO_COLOR is set; --color always overrides both."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    run("check", "--where", "a == 1", "--color", choice)
    assert ("\033[" in capsys.readouterr().out) is colored


# ---------------------------------------------------------------- ast and explain


def test_ast_shows_how_a_clause_is_read(capsys: Captured) -> None:
    """The tree has a line for each node, with its position."""
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
    """The JSON has the same nodes, nested."""
    assert run("ast", "a desc", "--clause", "order_by", "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["node"] == "OrderBy"
    assert tree["items"][0]["expression"] == {"node": "Field", "start": 0, "end": 1, "name": "a"}


def test_explain_prints_the_page_of_a_code(capsys: Captured) -> None:
    """Without a code it prints the list; an unknown code is an error that refers to the list."""
    assert run("explain", "ods401") == 0
    assert "ODS401" in capsys.readouterr().out
    assert run("explain") == 0
    assert "ODS101  error    not-odsql: " in capsys.readouterr().out
    assert run("explain", "E501") == 2
    assert "`odsql explain` lists the codes" in capsys.readouterr().err


# ---------------------------------------------------------------- the process


def test_only_what_a_command_needs_is_loaded() -> None:
    """A check of one clause reads no files, so it loads no module for files."""
    code = (
        "import sys; from odsql.commands.main import main\n"
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
    """`odsql check | head` ends without an error message."""
    (folder / "a.jsonl").write_text('{"clause": "where", "text": "a =="}\n' * 5000)
    command = [sys.executable, "-m", "odsql", "check", "a.jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


BUFFERED = {name: one for name, one in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_behind_standard_output_is_one_message() -> None:
    """No traceback, even if all output is flushed only at the end."""
    command = [sys.executable, "-m", "odsql", "check", "--where", "a == 1"]
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=BUFFERED
        )
    assert done.returncode == 2
    assert done.stderr == "odsql: the output cannot be written: No space left on device\n"


@posix
@pytest.mark.parametrize(("where", "status"), [("a = 1", 0), ("a == 1", 1)])
def test_without_standard_output_the_status_says_all(where: str, status: int) -> None:
    """The caller may have closed standard output."""
    shell = 'exec "$0" -m odsql check --where "$1" >&-'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, where], capture_output=True, check=False, env=BUFFERED
    )
    assert (done.returncode, done.stderr) == (status, b"")


def test_a_terminal_without_the_characters_is_no_error() -> None:
    """Characters that it cannot show are escaped."""
    done = subprocess.run(
        [sys.executable, "-m", "odsql", "check", "--where", "名前 == 1"],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 1
    assert b"\\u540d\\u524d == 1" in done.stdout


def test_the_version_is_said() -> None:
    """Nothing else is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "odsql", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"odsql {__version__}\n"


def test_a_dataset_in_a_variable_can_be_any(folder: Path) -> None:
    """A single schema applies to clauses and named queries, not to URLs that a program builds."""
    write_schema(folder / "s.json", "cities")
    url = "/api/explore/v2.1/catalog/datasets/{name}/records?where=inhabitants>1"
    (folder / "a.py").write_text(f'A = f"{url}"\n')
    (folder / "a.toml").write_text('queries.a.where = "inhabitants > 1"\n')
    assert run("check", "--schema", "s.json", "a.py") == 0
    assert run("check", "--schema", "s.json", "a.toml") == 1
    assert run("check", "--schema", "s.json", "a.toml", "--dataset", "towns") == 0


@posix
def test_nothing_in_a_directory_stops_the_run(folder: Path, capsys: Captured) -> None:
    """A file that cannot be read is reported; one that cannot hold a query is skipped silently."""
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
    """Such files are data: they are reported without failing, and checked only if named."""
    (folder / "a.txt").write_bytes(b"x" * 10_000_001)
    assert run("check", ".") == 0
    assert "a.txt is skipped: it has 10,000,001 bytes" in capsys.readouterr().err
    assert run("check", "a.txt") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("config", "line", "status"),
    [("", "from config import BASE", 1), ('programs = ["jobs/*"]', "import somewhere", 1),
     ("", "import somewhere", 0)],
)  # fmt: skip
def test_a_program_counts_that_imports_the_address_or_is_listed(
    folder: Path, capsys: Captured, config: str, line: str, status: int
) -> None:
    """Otherwise its dictionaries may be anything."""
    (folder / "pyproject.toml").write_text(f"[tool.odsql]\n{config}\n")
    (folder / "config.py").write_text('BASE = "https://data.example.org/api/explore/v2.1"\n')
    (folder / "jobs").mkdir()
    (folder / "jobs" / "trees.py").write_text(
        f'{line}\nimport requests\nrequests.get(BASE, params={{"where": "a == 1"}})\n'
    )
    assert run("check", "jobs") == status
    assert ("ODS102" in capsys.readouterr().out) is bool(status)
