"""The scripts with which shells complete the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.odsql.commands.test_main import run
from tests.platforms import posix

if TYPE_CHECKING:
    from pathlib import Path

_ASK = """
source {script}
COMP_WORDS=({words} "{last}")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_odsql odsql "{last}" "${{COMP_WORDS[-2]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def bash(command: str, folder: Path) -> list[str]:
    found = shutil.which("bash") or pytest.skip("needs bash")
    done = subprocess.run(
        [found, "--norc", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return the script for bash, in a folder with other files."""
    assert run("--print-completion", "bash") == 0
    path = tmp_path / "completion.sh"
    path.write_text(capsys.readouterr().out)
    (tmp_path / "queries.toml").touch()
    (tmp_path / "notes.md").touch()
    return path


@posix
def test_bash_is_told_how_to_complete_odsql(script: Path, tmp_path: Path) -> None:
    """Sourcing the script registers a function."""
    (line,) = bash(f"source {script}; complete -p odsql", tmp_path)
    assert line.startswith("complete ")
    assert line.endswith(" odsql")


@posix
@pytest.mark.parametrize(
    ("words", "last", "expected"),
    [
        ("odsql", "", ["check", "fmt", "ast", "explain"]),
        ("odsql", "ch", ["check"]),
        ("odsql check", "--sel", ["--select", "--select-codes"]),
        ("odsql check --format", "s", ["sarif"]),
        ("odsql check", "q", ["queries.toml"]),
        ("odsql check queries.toml", "n", ["notes.md"]),
        ("odsql check --schema", "q", ["queries.toml"]),
        ("odsql check --ignore", "ODS21", [f"ODS21{number}" for number in range(9)]),
        ("odsql fmt", "n", ["notes.md"]),
        ("odsql ast --clause", "g", ["group_by"]),
        ("odsql explain", "ODS40", [f"ODS40{number}" for number in range(1, 10)]),
    ],
)
def test_bash_completes_commands_options_files_and_codes(
    script: Path, tmp_path: Path, words: str, last: str, expected: list[str]
) -> None:
    """Those of every command, not only of the one that is loaded."""
    asked = _ASK.format(script=script, words=words, last=last)
    assert sorted(bash(asked, tmp_path)) == sorted(expected)


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that every version of shtab knows."""
    assert run("--print-completion", shell) == 0
    assert "explain" in capsys.readouterr().out


def test_an_unknown_shell_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Which they are depends on shtab."""
    assert run("--print-completion", "nosh") == 2
    said = capsys.readouterr().err
    assert said.startswith("odsql: shtab ")
    assert " cannot complete for 'nosh', only for bash, zsh, " in said


def test_without_shtab_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is optional."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert run("--print-completion", "bash") == 2
    assert capsys.readouterr().err == (
        "odsql: completion needs shtab: pip install 'explore-async[completion]'\n"
    )


def test_shtab_is_loaded_for_completion_only() -> None:
    """Hooks run on every commit."""
    code = (
        "import sys\n"
        "from odsql.commands.main import main\n"
        "try:\n    main(['check', '--where', 'a = 1'])\nexcept SystemExit:\n    pass\n"
        "assert not {'shtab', 'odsql.commands.completing'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
