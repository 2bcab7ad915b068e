"""The command line: `odsql check`, `fmt`, `ast` and `explain`.

    odsql check --where "population > 1000" --order-by "population desc"
    odsql check queries/ --schema schemas/
    odsql fmt queries/

Exit status: 0 success, 1 findings, 2 wrong usage or unreadable input. Only the requested command is
loaded, because hooks run on every commit.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from odsql import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_COMMANDS = {
    "check": ("check", "check queries offline"),
    "fmt": ("fmt", "format the queries in TOML, YAML and JSON Lines files"),
    "ast": ("tree", "show the syntax tree of a clause"),
    "explain": ("explain", "explain what a code such as ODS401 means"),
}
"""The module of each command, and its purpose."""

_COMPLETION = "--print-completion"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; Ctrl-C ends it quietly even while it is being loaded."""
    try:
        sys.exit(_run(_options(arguments)))
    except KeyboardInterrupt:
        sys.exit(130)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    if arguments is not None:
        return _parser(arguments).parse_args(arguments)
    # The loaded modules stay until the end. Collecting among them, or tearing them down at exit,
    # would take a tenth of the run time of a hook.
    gc.disable()
    parser = _parser(sys.argv[1:])
    gc.freeze()
    gc.enable()
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    from odsql.commands.configuration import ConfigurationError
    from odsql.commands.inputs import UsageError

    if sys.stdout is None:  # the caller closed it and wants only the exit status
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot show must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (UsageError, ConfigurationError) as error:
        sys.stderr.write(f"odsql: {error}\n")
        return 2
    except BrokenPipeError:
        # The reader closed the pipe early; keep Python from reporting that at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        sys.stderr.write(f"odsql: the output cannot be written: {error.strerror or error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    return status


def _parser(arguments: Sequence[str], *, every: bool = False) -> argparse.ArgumentParser:
    """Return the parser with the options of the requested command, or of every one."""
    parser = argparse.ArgumentParser(
        prog="odsql",
        description="Check, format and explain ODSQL queries offline.",
        formatter_class=_formatter,
    )
    parser.add_argument("--version", action="version", version=f"odsql {__version__}")
    parser.add_argument(
        _COMPLETION,
        metavar="SHELL",
        help="print a script that completes the command line in a shell, such as bash",
    )
    completes = any(one.startswith(_COMPLETION) for one in arguments)
    commands = parser.add_subparsers(required=not completes, metavar="COMMAND")
    if completes:
        parser.set_defaults(run=_complete)
    asked = next((one for one in arguments if not one.startswith("-")), None)
    for name, (module, purpose) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=_sentence(purpose),
            allow_abbrev=False,
            formatter_class=_formatter,
        )
        if every or name == asked:
            code = import_module(f"odsql.commands.{module}")
            code.add_arguments(command)
            command.set_defaults(run=code.run)
    return parser


def _complete(options: argparse.Namespace) -> int:
    from odsql.commands.completing import script

    sys.stdout.write(script(_parser((), every=True), options.print_completion))
    return 0


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Return a help formatter without loading shutil, as argparse would for the terminal width."""
    try:
        width = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size().columns
    except (ValueError, OSError):
        width = 80
    return argparse.HelpFormatter(prog, width=max(width - 2, 20))


def _sentence(phrase: str) -> str:
    return f"{phrase[0].upper()}{phrase[1:]}."
