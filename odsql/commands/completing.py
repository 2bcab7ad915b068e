"""`odsql --print-completion`: a script with which a shell completes the command line.

    eval "$(odsql --print-completion bash)"

The script is made by shtab, an optional dependency, from the options of all commands.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from odsql.checks.rules import RULES
from odsql.commands.inputs import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["script"]

_FILES = ("FILE", "PATH", "NAME")
"""The placeholders of arguments that are names of files or directories."""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell; the parser has every command with its options.

    Raises:
        UsageError: shtab is not installed, or it does not know the shell.
    """
    try:
        import shtab
    except ModuleNotFoundError:
        msg = "completion needs shtab: pip install 'explore-async[completion]'"
        raise UsageError(msg) from None
    if shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        msg = f"shtab {shtab.__version__} cannot complete for {shell!a}, only for {known}"
        raise UsageError(msg)
    for action in _actions(parser):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in ("CODE", "CODES"):
            action.choices = tuple(RULES)
    return f"{shtab.complete(parser, shell)}\n"


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)
