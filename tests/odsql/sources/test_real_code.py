"""Queries as programs write them: each is found at its line, each mistake is reported, no other.

Every folder of `real_code` has an `expected.json`: for each file, the clauses and lines of the
values that are found, in order, and those that have an error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from odsql import check
from odsql.checks.diagnostics import CLAUSES
from odsql.commands.checking import Assumptions, asked, holding
from odsql.sources import find, read_text

FOLDER = Path(__file__).parent / "real_code"
FILES: list[tuple[str, dict[str, Any]]] = [
    (f"{expected.parent.name}/{name}", one)
    for expected in sorted(FOLDER.glob("*/expected.json"))
    for name, one in sorted(json.loads(expected.read_text(encoding="utf-8")).items())
]


@pytest.mark.parametrize(("name", "expected"), FILES, ids=[name for name, _ in FILES])
def test_each_query_is_found_and_each_mistake_reported(
    name: str, expected: dict[str, list[list[Any]]]
) -> None:
    """A value is found at the line of its first character."""
    file = read_text(FOLDER / name)
    found, errors = [], []
    for one in find(file):
        for number, parameter in enumerate(one.request.parameters):
            line = file.line_and_column(one.offsets[number][0])[0]
            if parameter.name in CLAUSES or parameter.name == "limit":
                found.append([parameter.name, line])
        for finding in holding(one, check(asked(one, Assumptions()))):
            if finding.severity == "error":
                parameter = one.request.parameters[finding.parameter]
                line = file.line_and_column(one.offsets[finding.parameter][0])[0]
                errors.append([parameter.name, line])
    assert sorted(found, key=str) == sorted(expected["found"], key=str)
    assert sorted(errors, key=str) == sorted(expected["errors"], key=str)


def test_every_file_has_an_expectation() -> None:
    """A file that is forgotten would test nothing."""
    files = {
        f"{path.parent.name}/{path.name}"
        for path in FOLDER.glob("*/*")
        if path.name != "expected.json"
    }
    assert files == {name for name, _ in FILES}
