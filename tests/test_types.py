"""What type checkers know: mypy and pyright agree with the comments in `tests/types`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

TESTS = Path(__file__).parent
FILES = sorted((TESTS / "types").glob("*.py"))
COMMENT = re.compile(r"  # (error|[A-Z]\w+.*?|list\[.*?)(?:  # noqa.*)?$")
MODULES = re.compile(r"\b(?:\w+\.)+(?=\w)")

TYPED_DICT = re.compile(r"TypedDict\((\w+), .*?}\)")


def expected(path: Path) -> dict[int, str]:
    """Return what the comments say, by line."""
    lines = path.read_text("utf-8").splitlines()
    found = ((number, COMMENT.search(line)) for number, line in enumerate(lines, 1))
    return {number: match[1] for number, match in found if match}


def plain(type_: str) -> str:
    """Return a type as it is written in Python."""
    return TYPED_DICT.sub(r"\1", MODULES.sub("", type_))


def by_mypy(path: Path) -> dict[int, str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(path)]
    printed = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True).stdout
    found = re.findall(r"^\S+?:(\d+): (error|note): (.*)$", printed, re.MULTILINE)
    told = {int(number): "error" for number, kind, _ in found if kind == "error"}
    for number, _, message in found:
        if revealed := re.fullmatch(r'Revealed type is "(.*)"', message):
            told[int(number)] = plain(revealed[1])
    return told


def by_pyright(path: Path) -> dict[int, str]:
    command = [sys.executable, "-m", "pyright", "--outputjson"]
    command += ["--pythonpath", sys.executable, str(path)]
    run = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True)
    told = {}
    for one in json.loads(run.stdout)["generalDiagnostics"]:
        revealed = re.fullmatch(r'Type of "[^\n]*" is "(.*)"', one["message"])
        if one["severity"] == "error" or revealed:
            number = one["range"]["start"]["line"] + 1
            told[number] = plain(revealed[1]) if revealed else "error"
    return told


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mypy_knows_the_types(path: Path) -> None:
    assert by_mypy(path) == expected(path)


@pytest.mark.skipif(which("node") is None, reason="pyright needs Node.js")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pyright_knows_the_same_types(path: Path) -> None:
    assert by_pyright(path) == expected(path)
