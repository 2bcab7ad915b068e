"""The service of docs/typing.md runs, and type checkers find the mistakes that the page names."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from shutil import which
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

PAGE = (Path(__file__).parents[1] / "docs" / "typing.md").read_text("utf-8")
SERVED = "http://127.0.0.1:8021"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = [source for kind, source in BLOCKS if kind == "python"]
TEXTS = [text for kind, text in BLOCKS if kind == "text"]
COMMANDS = [
    text.removeprefix("$ explore ").splitlines() for kind, text in BLOCKS if kind == "console"
]
SERVICE = PYTHON[-1]


RIGHT = "Cities.population > 1000"


def run(*command: str, folder: Path) -> str:
    """Run a module of Python, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, encoding="utf-8"
    )
    return done.stdout + done.stderr


def errors_of_pyright(folder: Path, *files: str) -> list[str]:
    """Return the rules that are broken."""
    command = ("pyright", "--outputjson", "--pythonpath", sys.executable, *files)
    found = json.loads(run(*command, folder=folder))["generalDiagnostics"]
    return [one["rule"] for one in found if one["severity"] == "error"]


@pytest.fixture(scope="module")
def folder(served: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page: classes that were pulled and renamed, and the service."""
    found = tmp_path_factory.mktemp("service")
    cities = found / "cities.py"
    (first, printed), (_, again, *shown) = COMMANDS
    pull, dataset = first.replace(SERVED, served).split(), first.split()[3]
    assert run("explore_async", *pull, folder=found) == f"{printed}\n"
    for part in TEXTS[0].split("...\n"):
        assert part in cities.read_text("utf-8")
    long_name = "GeonamesAllCitiesWithAPopulation1000"
    cities.write_text(cities.read_text("utf-8").replace(long_name, "Cities"), "utf-8")
    pull.remove(dataset)
    assert run("explore_async", *pull, folder=found) == f"{again}\n"
    lines = cities.read_text("utf-8").splitlines()
    assert [one for one in lines if one.startswith("class")] == shown
    (found / "service.py").write_text(SERVICE.replace(SERVED, served), "utf-8")
    return found


def test_the_blocks_about_rows_print_what_the_page_shows(
    served: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They run in order in one namespace."""
    namespace: dict[str, Any] = {"__name__": "docs"}
    for source, shown in zip(PYTHON[:-1], TEXTS[2:], strict=False):
        exec(compile(source.replace(SERVED, served), "docs", "exec", dont_inherit=True), namespace)
        assert capsys.readouterr().out == shown


def test_the_service_answers_what_the_page_shows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)

    async def ask() -> str:
        service = run_path(str(folder / "service.py"))
        async with TestClient(TestServer(service["app"])) as client:
            answer = await client.get("/countries/IS/cities")
            return await answer.text()

    assert len(SERVICE.splitlines()) <= 60
    assert asyncio.run(ask()) == TEXTS[-2].strip()
    sys.modules.pop("cities")


def test_mypy_accepts_the_service_and_finds_its_mistakes(folder: Path) -> None:
    """Those that the page names, and says nothing else."""
    strict = ("mypy", "--strict", "--no-error-summary")
    assert run(*strict, "service.py", "cities.py", folder=folder) == ""
    mistakes = 'Cities.poplation > 1000, Cities.modification_date > "2024-01-31"'
    source = (folder / "service.py").read_text("utf-8").replace(RIGHT, mistakes)
    (folder / "mistaken.py").write_text(source, "utf-8")
    printed = run(*strict, "mistaken.py", folder=folder)
    assert printed == TEXTS[-1].replace("service.py", "mistaken.py")


def test_mypy_finds_the_mistakes_in_comparisons(folder: Path) -> None:
    """The first line of the block is right, the others are not."""
    source = f"from cities import Cities\nfrom odsql import Query\n\n{TEXTS[1]}"
    (folder / "comparisons.py").write_text(source, "utf-8")
    printed = run("mypy", "--strict", "comparisons.py", folder=folder)
    assert re.findall(r"^comparisons\.py:(\d)", printed, re.MULTILINE) == ["5", "6", "7"]


@pytest.mark.skipif(which("node") is None, reason="pyright needs Node.js")
def test_pyright_accepts_the_service_and_finds_a_misspelt_field(folder: Path) -> None:
    assert errors_of_pyright(folder, "service.py", "cities.py") == []
    source = (folder / "service.py").read_text("utf-8").replace(RIGHT, "Cities.poplation > 1000")
    (folder / "misspelt.py").write_text(source, "utf-8")
    assert errors_of_pyright(folder, "misspelt.py") == ["reportAttributeAccessIssue"]
