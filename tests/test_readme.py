"""The code blocks of the README do what the README says they do."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SERVED = "http://127.0.0.1:8021"


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_python_blocks_print_what_the_text_blocks_show(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks run in order in one namespace, as a reader would run them."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "tour"}
    sources, outputs = blocks("python"), blocks("text")
    assert len(sources) == len(outputs) == 4
    for source, output in zip(sources, outputs, strict=True):
        exec(compile(source.replace(SERVED, served), "README.md", "exec"), namespace)
        assert capsys.readouterr().out == output


@pytest.mark.parametrize(
    "line",
    [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith(".venv") and not line.endswith(" serve")
    ],
)
def test_the_shell_commands_of_the_tour_succeed(served: str, tmp_path: Path, line: str) -> None:
    """Each command exits with 0 and prints something."""
    program, *arguments = shlex.split(line.replace(SERVED, served))
    module = {"odsql": "odsql", "explore": "explore_async"}[Path(program).name]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).strip()


def test_there_are_exactly_two_commands_to_start_with() -> None:
    """One runs the demo and one runs the tests; each creates its own environment."""
    commands = [block.strip() for block in blocks("sh") if block.startswith("python3")]
    assert len(commands) == 2
    assert commands[0].endswith("explore demo")
    assert "pytest" in commands[1]
