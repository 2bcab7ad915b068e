"""The command line: `explore`.

    explore demo
    explore records --url https://opendata.paris.fr DATASET --where "capacity > 30" --limit 5
    explore export --url https://opendata.paris.fr DATASET -o stations.jsonl

The portal comes from `--url` or EXPLORE_URL. An API key comes only from EXPLORE_API_KEY, because
every user of the machine can read a command line. Exit status: 0 success, 1 failure with a message
on standard error, 2 wrong usage, 128 plus the signal's number after a signal. The first Ctrl-C
cleans up, the second ends the program immediately.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

import odsql
from explore_async.errors import ExploreError

__all__ = ["main"]

_COMMANDS = {
    "datasets": "List the datasets of a portal.",
    "demo": "Show the main features of this package, step by step.",
    "export": "Export the rows of a dataset to a file.",
    "facets": "Print the facet values of a dataset with their counts.",
    "files": "List the files of a dataset, or download them.",
    "harvest": "Harvest whole datasets into folders, resumable and verified.",
    "info": "Show a dataset: title, records, dates, licence and fields.",
    "mirror": "Mirror a portal in folders that each run brings up to date.",
    "records": "Print rows of a dataset.",
    "schema": "Save the schemas of datasets and compare them with a portal.",
    "serve": "Run a local portal with your files, or with the cities of the world.",
    "snapshot": "Copy datasets of a portal for `explore serve` and for tests.",
}
"""The commands and the first lines of their help; each is in the module of its name."""

_SIGNALLED = 128
"""The number that shells add to that of the signal that ended a program."""


class _Commands(click.Group):
    """Commands that are loaded when they are called.

    They fail with one message and exit status 1, never with a traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"explore_async.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and report the errors that a user can fix as messages."""
        if sys.stdout is None:  # closed by the caller, who wants the exit status only
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # now, while an error can still be reported
        except (ExploreError, odsql.ODSQLError) as error:
            from explore_async.cli.tables import printable

            lines = [str(error), *getattr(error, "__notes__", ())]
            # The message may quote the server, which could send commands to the terminal.
            raise click.ClickException(printable("\n".join(lines))) from None
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            raise SystemExit(_SIGNALLED + signal.SIGINT) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the pipe's reader has exited; click ends quietly
                raise
            _drop_output()
            reason = error.strerror or str(error)
            msg = f"Cannot write the output: {reason}. Free space, or redirect it elsewhere."
            raise click.ClickException(msg) from None
        return result


def _drop_output() -> None:
    """Discard unwritten output, so that Python does not fail to write it again at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(odsql.__version__, package_name="explore-async", prog_name="explore")
def main() -> None:
    """Query and export open data from portals with the Explore API v2.1.

    Most commands need the URL of a portal: pass --url, or set EXPLORE_URL. If the portal requires
    an API key, set EXPLORE_API_KEY.
    """
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal's encoding lacks are shown as escapes instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
