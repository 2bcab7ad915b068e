"""JUnit XML for the test reports of build servers, with a test case for each clause.

An error is a failure. JUnit has no warnings: they become the output of a passing case.
"""

from __future__ import annotations

from html import escape  # xml.sax.saxutils would load network modules
from itertools import groupby
from typing import TYPE_CHECKING

from odsql.outputs.results import Checked, Unreadable, place, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.checks.diagnostics import Diagnostic
    from odsql.outputs.results import Result

__all__ = ["render"]


def render(results: Iterable[Result], *, color: bool = False) -> Iterator[str]:  # noqa: ARG001
    """Yield the document after all results have arrived, because it starts with the totals."""
    found = list(results)
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f'<testsuites name="odsql" {_totals(found)}>\n'
    for path, group in groupby(found, key=_path):
        yield from _suite(path, list(group))
    yield "</testsuites>\n"


def _path(result: Result) -> str:
    return result.path if isinstance(result, Unreadable) else result.file.path


def _totals(results: list[Result]) -> str:
    errors = sum(isinstance(one, Unreadable) for one in results)
    failures = sum(not isinstance(one, Unreadable) and one.severity == "error" for one in results)
    return f'tests="{len(results)}" failures="{failures}" errors="{errors}"'


def _suite(path: str, results: list[Result]) -> Iterator[str]:
    yield f'  <testsuite name={_attribute(path)} {_totals(results)} skipped="0">\n'
    for result in results:
        yield _unread(result) if isinstance(result, Unreadable) else _case(result)
    yield "  </testsuite>\n"


def _unread(result: Unreadable) -> str:
    path = _attribute(result.path)
    line = "" if result.line is None else f' line="{result.line}"'
    return (
        f'    <testcase classname={path} name="readable"{line}>\n'
        f'      <error message={_attribute(result.reason)} type="unreadable"/>\n'
        f"    </testcase>\n"
    )


def _case(checked: Checked) -> str:
    line, column, *_ = place(checked)
    name = f"{checked.name}: {checked.clause}" if checked.name else checked.clause
    names = (
        f"classname={_attribute(checked.file.path)} "
        f'name={_attribute(f"{name} at {line}:{column}")} line="{line}"'
    )
    if not checked.diagnostics:
        return f"    <testcase {names}/>\n"
    lines = "".join(_said(checked, one) for one in checked.diagnostics)
    return f"    <testcase {names}>\n{lines}    </testcase>\n"


def _said(checked: Checked, diagnostic: Diagnostic) -> str:
    where = place(checked, diagnostic)
    said = f"{checked.file.path}:{where.line}:{where.column}: {diagnostic.code} "
    said += diagnostic.message + (f"; hint: {diagnostic.hint}" if diagnostic.hint else "")
    if diagnostic.severity == "warning":
        return f"      <system-out>{_content(said)}</system-out>\n"
    message, kind = _attribute(diagnostic.message), _attribute(diagnostic.code)
    return f"      <failure message={message} type={kind}>{_content(said)}</failure>\n"


def _content(text: str) -> str:
    return _ascii(escape(visible(text), quote=False))


def _attribute(text: str) -> str:
    return f'"{_ascii(escape(visible(text)))}"'


def _ascii(text: str) -> str:
    """Return the text in ASCII, so that it survives any output encoding."""
    return text.encode("ascii", "xmlcharrefreplace").decode()
