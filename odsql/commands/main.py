"""The command line: `odsql check`, `fmt`, `ast` and `explain`.

    odsql check --where "population > 1000" --order-by "population desc"
    odsql check queries/ --schema schemas/
    odsql fmt queries/

Exit status: 0 nothing to complain about, 1 findings, 2 wrong usage or unreadable input. Only the
command that is asked for is loaded: a hook runs for every commit.
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
    "check": ("check", "check queries, offline"),
    "fmt": ("fmt", "format the queries in TOML, YAML and JSON Lines files"),
    "ast": ("tree", "show how a clause is read"),
    "explain": ("explain", "say what the code of a finding means"),
}
"""The module of each command, and what it is for."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    if arguments is not None:
        sys.exit(_run(_parser(arguments).parse_args(arguments)))
    # What is loaded stays to the end: to collect among it, or to take it apart at the end, would be
    # a tenth of the time that a hook takes for a commit.
    gc.disable()
    parser = _parser(sys.argv[1:])
    gc.freeze()
    gc.enable()
    sys.exit(_run(parser.parse_args()))


def _run(options: argparse.Namespace) -> int:
    from odsql.commands.configuration import ConfigurationError
    from odsql.commands.inputs import UsageError

    if sys.stdout is None:  # closed by whoever started us; the status says all
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal lacks is no reason to stop half-way.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (UsageError, ConfigurationError) as error:
        sys.stderr.write(f"odsql: {error}\n")
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough; keep Python from complaining when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        sys.stderr.write(f"odsql: the output cannot be written: {error.strerror or error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="odsql", description="Work with ODSQL offline.", formatter_class=_formatter
    )
    parser.add_argument("--version", action="version", version=f"odsql {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = next((one for one in arguments if not one.startswith("-")), None)
    for name, (module, purpose) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=_sentence(purpose),
            allow_abbrev=False,
            formatter_class=_formatter,
        )
        if name == asked:
            code = import_module(f"odsql.commands.{module}")
            code.add_arguments(command)
            command.set_defaults(run=code.run)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Make what argparse would make, without loading shutil just to ask how wide a terminal is."""
    try:
        width = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size().columns
    except (ValueError, OSError):
        width = 80
    return argparse.HelpFormatter(prog, width=max(width - 2, 20))


def _sentence(phrase: str) -> str:
    return f"{phrase[0].upper()}{phrase[1:]}."
