"""docs/ci.md and the README's section about CI, tested with real git and real pre-commit hooks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from odsql.commands.configuration import read
from tests.platforms import posix

ROOT = Path(__file__).parents[1]
PAGES = ("docs/ci.md", "README.md")
BROKEN = '[queries.large]\nwhere = "population >> 1000"\n'
MESSY = '[queries.large]\nwhere = "population>1000"   # many people\n'
FIXED = '[queries.large]\nwhere = "population > 1000"   # many people\n'


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def hooks() -> list[tuple[str, str]]:
    """Return the pre-commit configurations that the pages show."""
    return [(page, one) for page in PAGES for one in blocks(page, "yaml") if "repo: local" in one]


class Repository:
    """A temporary repository that is isolated from the user's own settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = Path(sys.executable).parent
        self.environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder.parent),
            "PRE_COMMIT_HOME": str(folder.parent / "pre-commit"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PRE_COMMIT_COLOR": "never",
        }
        for name in [
            one for one in self.environment if one.startswith("GIT_") and "CONFIG" not in one
        ]:
            del self.environment[name]
        folder.mkdir()
        self.run("git", "init", "--quiet")
        self.run("git", "config", "user.name", "A Reader")
        self.run("git", "config", "user.email", "reader@example.org")

    def run(self, *command: str, succeeds: bool = True) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, timeout=50, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode == 0) is succeeds, done.stdout
        return done.stdout

    def write(self, name: str, content: str, *, encoding: str = "utf-8") -> None:
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding=encoding)

    def commit(self, *, succeeds: bool = True) -> str:
        self.run("git", "add", "--all")
        return self.run("git", "commit", "--message", "Ask for large cities", succeeds=succeeds)

    def commits(self) -> int:
        return int(self.run("git", "rev-list", "--all", "--count"))


@posix
@pytest.mark.parametrize(("page", "configuration"), hooks(), ids=lambda one: str(one)[:10])
def test_a_commit_with_a_broken_query_is_refused(
    tmp_path: Path, page: str, configuration: str
) -> None:
    """A fixed query can be committed, an untidy one is formatted first, and data is untouched."""
    repository = Repository(tmp_path / "repository")
    repository.write(".pre-commit-config.yaml", configuration)
    repository.write("notes.md", "Nothing about queries.\n")
    repository.write("data/train.jsonl", '{"id": 1, "text": "x"}\n')
    repository.write("notes.txt", "caf\u00e9\n", encoding="latin-1")
    repository.run(sys.executable, "-m", "pre_commit", "install")
    repository.commit()

    repository.write("queries/cities.toml", BROKEN)
    said = repository.commit(succeeds=False)
    assert "queries/cities.toml:2:22: error ODS101" in said
    assert repository.commits() == 1

    if "odsql-fmt" in configuration:
        repository.write("queries/cities.toml", MESSY)
        repository.commit(succeeds=False)
        assert (repository.folder / "queries/cities.toml").read_text() == FIXED
    repository.write("queries/cities.toml", FIXED)
    repository.commit()
    assert repository.commits() == 2


STEPS = re.findall(r"run: (odsql .*)", "\n".join(blocks("docs/ci.md", "yaml")))


@posix
@pytest.mark.parametrize("command", STEPS)
def test_a_step_of_a_build_needs_no_configuration(tmp_path: Path, command: str) -> None:
    """The command names the paths to check, so it fails for findings there and nothing else."""
    repository = Repository(tmp_path / "repository")
    repository.write("queries/cities.toml", FIXED)
    repository.run("sh", "-c", command)
    repository.write("queries/cities.toml", BROKEN)
    said = repository.run("sh", "-c", command, succeeds="--exit-zero" in command)
    assert "ODS101" in said or "ODS101" in (repository.folder / "odsql.sarif").read_text()


def test_the_hooks_that_are_offered_are_the_ones_that_are_described() -> None:
    """The manifest and the pages have the same commands for the same files."""
    offered = {
        one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    }
    assert set(offered) == {"odsql-check", "odsql-fmt"}
    for _, configuration in hooks():
        for repository in yaml.safe_load(configuration)["repos"]:
            for hook in repository["hooks"]:
                same = {key: offered[hook["id"]][key] for key in hook if key != "language"}
                assert same == {key: hook[key] for key in same}


def test_the_hooks_are_what_pre_commit_takes() -> None:
    """pre-commit validates its own manifest format."""
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=50)


def test_the_described_configuration_is_accepted() -> None:
    """The page has every key of `[tool.odsql]` and no others."""
    (described,) = [one for one in blocks("docs/ci.md", "toml") if "[tool.odsql]" in one]
    configuration = read("pyproject.toml", described.encode())
    assert configuration is not None
    assert configuration.paths == ("queries", "src")
    keys: dict[str, Any] = tomllib.loads(described)["tool"]["odsql"]
    assert {key.replace("-", "_") for key in keys} == {*configuration._fields} - {"folder"}


@pytest.mark.parametrize("command", ["check", "fmt"])
def test_every_option_is_described(command: str) -> None:
    """These are the options in `--help`, except those for clauses."""
    done = subprocess.run(
        [sys.executable, "-m", "odsql", command, "--help"],
        capture_output=True, text=True, check=True, timeout=50,
    )  # fmt: skip
    clauses = ["where", "select", "group-by", "order-by", "facet", "refine", "exclude"]
    options = set(re.findall(r"--[a-z-]+", done.stdout)) - {
        f"--{one}" for one in (*clauses, "limit", "offset", "help")
    }
    page = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    assert {one for one in options if f"`{one}" not in page} - {"--diff"} == set()


def test_the_pytest_helper_does_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """The block prints the text that follows it on the page."""
    (source,), (output,) = blocks("docs/ci.md", "python"), blocks("docs/ci.md", "text")
    exec(compile(source, "docs/ci.md", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out == output
