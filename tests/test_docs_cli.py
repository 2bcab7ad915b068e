"""The commands of docs/cli.md and docs/harvest.md print what the pages show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platforms import posix

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("cli.md", "harvest.md")
SERVED = "http://127.0.0.1:8021"
BLOCK = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page and their outputs."""
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def run(command: str, served: str, folder: Path) -> str:
    """Run a command in a terminal of 100 columns, and return both streams in order."""
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        ["sh", "-c", command.replace(SERVED, served)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50,
        env=os.environ | {
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100",
            "EXPLORE_URL": served, "PYTHONIOENCODING": "utf-8",
        },
    )  # fmt: skip
    return done.stdout.replace(served, SERVED)


@posix
@pytest.mark.parametrize(
    ("command", "output"),
    [
        pytest.param(*block, id=f"{page.removesuffix('.md')}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page))
    ],
)
def test_a_command_prints_what_the_page_shows(
    served: str, tmp_path: Path, command: str, output: str
) -> None:
    """Progress and messages included."""
    assert run(command, served, tmp_path) == output


def test_the_page_shows_every_kind_of_command() -> None:
    """All that read from a portal."""
    shown = {command.split()[1] for command, _ in blocks("cli.md")}
    assert shown == {"datasets", "info", "records", "facets", "export", "snapshot"}
