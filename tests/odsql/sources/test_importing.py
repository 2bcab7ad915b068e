"""A program leads to an Explore API, too, if a file that it imports does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odsql.sources import SourceFile, read_text
from odsql.sources.importing import Imports

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "BASE = 'https://data.example.org/api/explore/v2.1/catalog/datasets'\n"
QUERY = "params = {'where': 'a > 1'}\n"


def lead(folder: Path, files: dict[str, str], program: str) -> bool:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    path = folder / program
    return Imports().lead(path, path.read_text())


@pytest.mark.parametrize(
    ("address", "program", "line"),
    [
        ("pkg/config.py", "pkg/jobs.py", "from .config import BASE"),
        ("pkg/config.py", "pkg/jobs.py", "from . import config"),
        ("pkg/config.py", "pkg/jobs/trees.py", "from ..config import BASE"),
        ("pkg/__init__.py", "pkg/jobs.py", "from . import BASE"),
        ("pkg/config.py", "pkg/jobs.py", "from pkg.config import BASE"),
        ("pkg/config.py", "jobs/trees.py", "    from pkg.config import BASE"),
        ("pkg/config/__init__.py", "pkg/jobs.py", "from pkg.config import BASE"),
        ("config.js", "jobs.js", "import { BASE } from './config.js'"),
        ("config.ts", "jobs/trees.ts", "import { BASE } from '../config'"),
        ("config.ts", "jobs.ts", "import { BASE } from './config.js'"),
        ("config/index.js", "jobs.js", 'const { BASE } = require("./config")'),
    ],
)
def test_an_imported_address_leads(tmp_path: Path, address: str, program: str, line: str) -> None:
    """Relative to the program, or from the root of the repository."""
    (tmp_path / "pyproject.toml").write_text("")
    assert lead(tmp_path, {address: ADDRESS, program: f"{line}\n{QUERY}"}, program)


@pytest.mark.parametrize(
    ("other", "line", "query"),
    [
        ("BASE = 'https://example.org'\n", "from .config import BASE", QUERY),
        (ADDRESS, "from .other import BASE", QUERY),
        (ADDRESS, "# from nowhere", QUERY),
        (ADDRESS, "from .config import BASE", "print('hello')\n"),
        ("BASE = '" + "x" * 2_000_000 + "/api/explore/v2.1/'", "from .config import BASE", QUERY),
        (ADDRESS, "from ........config import BASE", QUERY),
    ],
    ids=["elsewhere", "missing", "none", "no clause", "large", "above all"],
)
def test_anything_else_does_not_lead(tmp_path: Path, other: str, line: str, query: str) -> None:
    """A file that is large, missing or of another API; a program without a clause."""
    assert not lead(tmp_path, {"config.py": other, "jobs.py": f"{line}\n{query}"}, "jobs.py")


def test_an_imported_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository may import it in every file."""
    (tmp_path / "config.py").write_text(ADDRESS)
    imports, reads = Imports(), list[object]()

    def read(path: Path) -> SourceFile:
        reads.append(path)
        return read_text(path)

    monkeypatch.setattr("odsql.sources.importing.read_text", read)
    for name in ("a.py", "b.py"):
        assert imports.lead(tmp_path / name, f"from .config import BASE\n{QUERY}")
    assert len(reads) == 1
