"""JSON Lines for programs: one line for each clause, in the order of the input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from odsql.outputs.results import Checked, Unreadable, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.checks.diagnostics import Diagnostic
    from odsql.outputs.results import Result

__all__ = ["objects", "render"]


def render(results: Iterable[Result], *, color: bool = False) -> Iterator[str]:  # noqa: ARG001
    """Yield one line for each clause."""
    for one in objects(results):
        yield f"{one}\n"


def objects(results: Iterable[Result]) -> Iterator[str]:
    """Yield the JSON of each clause, in ASCII so that it survives any output encoding."""
    for result in results:
        if not isinstance(result, Unreadable):
            # GitHub accepts its older workflow commands, `##[name]`, anywhere in a line.
            yield json.dumps(_clause(result)).replace("##[", "##\\u005b")


def _clause(checked: Checked) -> dict[str, Any]:
    line, column, *_ = place(checked)
    return {
        "source": checked.file.path,
        "line": line,
        "column": column,
        "name": checked.name,
        "clause": checked.clause,
        "text": checked.text,
        "ok": checked.severity != "error",
        "diagnostics": [_diagnostic(checked, one) for one in checked.diagnostics],
    }


def _diagnostic(checked: Checked, diagnostic: Diagnostic) -> dict[str, Any]:
    """Return an object: offsets are in the text of the clause, lines and columns in the file."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "start": diagnostic.start,
        "end": diagnostic.end,
        "hint": diagnostic.hint,
        **place(checked, diagnostic)._asdict(),
    }
