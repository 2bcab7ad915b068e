"""Workflow commands for GitHub Actions, shown as annotations beside the changed lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.outputs.results import Checked, Unreadable, is_file, place, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.checks.diagnostics import Diagnostic
    from odsql.outputs.results import Result

__all__ = ["render"]


def render(results: Iterable[Result], *, color: bool = False) -> Iterator[str]:  # noqa: ARG001
    """Yield one command for each finding and for each unreadable file."""
    for result in results:
        if isinstance(result, Unreadable):
            properties = {"title": "odsql", **_file(result.path)}
            if result.line is not None and "file" in properties:
                properties["line"] = str(result.line)
            yield _command("error", properties, str(result))
        else:
            for diagnostic in result.diagnostics:
                yield _annotation(result, diagnostic)


def _annotation(checked: Checked, diagnostic: Diagnostic) -> str:
    found = place(checked, diagnostic)
    properties: dict[str, str] = {"title": f"odsql ({diagnostic.code})"}
    if is_file(checked.file.path):
        properties |= {**_file(checked.file.path), "line": str(found.line)}
        # GitHub accepts columns only for an annotation of a single line.
        if found.line == found.end_line:
            properties["col"] = str(found.column)
            properties["endLine"] = str(found.end_line)
            properties["endColumn"] = str(found.end_column)
        else:
            properties["endLine"] = str(found.end_line)
    where = f"{visible(checked.file.path)}:{found.line}:{found.column}"
    message = f"{where}: {diagnostic.code} {visible(diagnostic.message)}"
    if diagnostic.hint:
        message += f"\nhint: {visible(diagnostic.hint)}"
    return _command(diagnostic.severity, properties, message)


def _file(path: str) -> dict[str, str]:
    return {"file": visible(path)} if is_file(path) else {}


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    shown = ",".join(f"{name}={_escaped_property(value)}" for name, value in properties.items())
    return f"::{kind} {shown}::{_escaped(message)}\n"


def _escaped(text: str) -> str:
    """Escape a text as the runner unescapes it: a line end would start another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
