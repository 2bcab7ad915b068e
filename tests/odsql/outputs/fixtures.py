"""One run with every kind of result, shared by the tests of all renderers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.checks.diagnostics import Diagnostic
from odsql.outputs.results import Checked, Option, Unreadable
from odsql.sources import SourceFile, find

if TYPE_CHECKING:
    from odsql.checks.diagnostics import Severity
    from odsql.outputs.results import Result

TOML = """\
[queries.large]
dataset = "cities"
where = "population == 1000"
order_by = "population desc"
"""
URL = 'U = "https://x.org/api/explore/v2.1/catalog/datasets/c/records?where=a%20%3C%3E%20%27%C3%A9%27"\n'
YAML = """\
queries:
  - name: two lines
    where: |
      within_distance(place,
        geom'POINT(1 2)', 5 parsecs)
"""
WIDE = '{"clause": "where", "text": "名前 == \\"東京\\""}\n'
LONG = '{"clause": "where", "text": "' + "a = 1 or " * 40 + "b == 2" + " or c = 3" * 40 + '"}\n'
HOSTILE_PATH = "a\x1b[31m\n::error::,b:%.jsonl"
HOSTILE = '{"clause": "where", "text": "\x1b]0;owned\x07 ##[stop]\u202e<>"}\n'


def run() -> list[Result]:
    """Return clauses with and without findings, and unreadable inputs."""
    large, order = _clauses(SourceFile("queries/cities.toml", TOML))
    (url,) = _clauses(SourceFile("src/client.py", URL))
    (lines,) = _clauses(SourceFile("queries/two.yaml", YAML))
    (wide,) = _clauses(SourceFile("wide.jsonl", WIDE))
    (long,) = _clauses(SourceFile("long.jsonl", LONG))
    (hostile,) = _clauses(SourceFile(HOSTILE_PATH, HOSTILE))
    option = Checked(Option("--where", "a = "), "where", "a = ", range(5))
    return [
        _with(option, "ODS101", "error", "", "the text ends too early"),
        _with(large, "ODS102", "error", "==", "no such operator", "write ="),
        order,
        _with(
            _with(url, "ODS102", "error", "<>", "no such operator", "write !="),
            "ODS401", "warning", "a <> 'é'", "<> drops records where a is null",
        ),
        _with(lines, "ODS204", "error", lines.text.strip(), "unknown unit of distance: parsecs"),
        _with(wide, "ODS102", "error", "==", "no such operator"),
        _with(long, "ODS102", "error", "==", "no such operator"),
        _with(
            hostile, "ODS101", "error", "<>", "unexpected \x1b[2J\n::warning file=x::y 100%",
            "\r\n##[error]x",
        ),
        Unreadable("broken\x07.toml", "cannot be read: byte 3 is not UTF-8"),
        Unreadable("lines.jsonl", "is not a clause", line=7),
    ]  # fmt: skip


def _clauses(file: SourceFile) -> list[Checked]:
    if file.path == HOSTILE_PATH:  # not valid JSON, but another reader might accept such text
        start, end = HOSTILE.index("\x1b"), HOSTILE.index("<>") + 2
        return [Checked(file, "where", HOSTILE[start:end], range(start, end + 1))]
    return [
        Checked(file, one.name, one.text, found.offsets[number], (), found.name)
        for found in find(file, expected=True)
        for number, one in enumerate(found.request.parameters)
    ]


def _with(
    checked: Checked,
    code: str,
    severity: Severity,
    marked: str,
    message: str,
    hint: str | None = None,
) -> Checked:
    """Add a finding about a part of the clause, or about its end if the part is empty."""
    start = checked.text.index(marked) if marked else len(checked.text)
    one = Diagnostic(code, severity, message, 0, start, start + len(marked), hint)
    return checked._replace(diagnostics=(*checked.diagnostics, one))
