"""Both command lines, from their entry points: how they start and how Ctrl-C ends them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from tests.platforms import posix

INTERRUPTED = """
import importlib.abc, sys
from importlib.metadata import EntryPoint

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
sys.argv = {arguments!r}
EntryPoint("", {value!r}, "").load()()
"""


def entry(name: str) -> str:
    return entry_points(group="console_scripts", name=name)[name].value


@posix
@pytest.mark.parametrize(
    ("name", "arguments", "module"),
    [
        ("explore", ["--help"], "click"),
        ("explore", ["records", "--help"], "explore_async.cli.records"),
        ("explore", ["datasets", "--url", "http://127.0.0.1:9"], "aiohttp"),
        ("odsql", ["check", "--where", "a = 1"], "odsql.commands.check"),
        ("odsql", ["check", "--where", "a = 1"], "odsql.syntax.parsing"),
    ],
)
def test_an_interruption_while_modules_are_loaded_is_no_traceback(
    name: str, arguments: list[str], module: str
) -> None:
    """The status is that of a program ended by SIGINT."""
    program = INTERRUPTED.format(module=module, arguments=[name, *arguments], value=entry(name))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 130
    assert ended.stderr.strip() in ("", "Aborted!")


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (
            ["--help"],
            ("aiohttp", "asyncio", "attrs", "odsql.syntax.parsing", "explore_async.models"),
        ),
        (
            ["records", "--help"],
            ("aiohttp", "odsql.syntax.parsing", "explore_async.models"),
        ),
        (["serve", "--help"], ("aiohttp", "duckdb")),
    ],
)
def test_help_is_shown_without_loading_what_the_command_needs(
    arguments: list[str], unused: tuple[str, ...]
) -> None:
    """So it appears at once."""
    program = (
        "import sys\n"
        f"sys.argv = ['explore', *{arguments!r}]\n"
        "from explore_async.cli import start\n"
        "try:\n"
        "    start()\n"
        "finally:\n"
        f"    print([one for one in {unused!r} if one in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "[]", ended.stderr


@pytest.mark.parametrize(
    ("words", "position", "completed"),
    [
        ("explore rec", "1", {"records"}),
        ("explore records --format ", "3", {"table", "jsonl", "json", "csv", "geojson"}),
        ("explore export --sel", "2", {"--select"}),
        ("explore schema p", "2", {"pull"}),
    ],
)
def test_a_shell_completes_commands_options_and_values(
    words: str, position: str, completed: set[str]
) -> None:
    """As the script asks that `_EXPLORE_COMPLETE=bash_source explore` prints."""
    asked = {"_EXPLORE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": position}
    program = "import sys; sys.argv = ['explore']; from explore_async.cli import start; start()"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **asked}
    )
    assert {line.partition(",")[2] for line in ended.stdout.splitlines()} == completed
