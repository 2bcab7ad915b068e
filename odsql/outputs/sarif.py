"""SARIF 2.1.0 for code scanning, the OASIS format for the results of static analysis.

Paths are relative, so that a platform can find the files in its checkout.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from odsql import __version__
from odsql.outputs.results import Checked, Unreadable, is_file, place, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.checks.diagnostics import Diagnostic
    from odsql.outputs.results import Result

__all__ = ["render"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def render(results: Iterable[Result], *, color: bool = False) -> Iterator[str]:  # noqa: ARG001
    """Yield the whole log after all results have arrived."""
    found: list[tuple[Checked, Diagnostic]] = []
    unreadable: list[Unreadable] = []
    for result in results:
        if isinstance(result, Unreadable):
            unreadable.append(result)
        else:
            found += ((result, diagnostic) for diagnostic in result.diagnostics)
    codes = sorted({diagnostic.code for _, diagnostic in found})
    run = {
        "tool": {"driver": _driver(codes)},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(unreadable)],
        "results": [_result(*one, codes) for one in found],
    }
    log = json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)
    yield log.replace("##[", "##\\u005b") + "\n"


def _driver(codes: list[str]) -> dict[str, Any]:
    return {
        "name": "odsql",
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }


def _rule(code: str) -> dict[str, Any]:
    from odsql.checks.rules import RULES, explanation

    rule = RULES.get(code)
    if rule is None:
        return {"id": code}
    page = explanation(code)
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": rule.severity},
    }


def _invocation(unreadable: list[Unreadable]) -> dict[str, Any]:
    """Return whether all inputs were read; an unreadable one is a notification, not a result."""
    notifications = [
        {
            "level": "error",
            "message": {"text": str(one)},
            **_locations(one.path, {"region": {"startLine": one.line}} if one.line else {}),
        }
        for one in unreadable
    ]
    return {"executionSuccessful": not unreadable} | (
        {"toolExecutionNotifications": notifications} if notifications else {}
    )


def _result(checked: Checked, diagnostic: Diagnostic, codes: list[str]) -> dict[str, Any]:
    text = visible(diagnostic.message)
    if diagnostic.hint:
        text += f"\nhint: {visible(diagnostic.hint)}"
    where = place(checked, diagnostic)
    region = {
        "startLine": where.line,
        "startColumn": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
    }
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": text},
        **_locations(checked.file.path, {"region": region}),
    }


def _locations(path: str, region: dict[str, Any]) -> dict[str, Any]:
    """Return the location of a file; none for the command line and standard input."""
    if not is_file(path):
        return {}
    uri = quote(path.encode(errors="surrogateescape"), safe="/")
    artifact = {"uri": uri, "uriBaseId": "%SRCROOT%"}
    return {"locations": [{"physicalLocation": {"artifactLocation": artifact, **region}}]}
