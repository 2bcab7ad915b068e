"""The command line: `explore`.

    explore demo
    explore records --url https://opendata.paris.fr DATASET --where "capacity > 30" --limit 5
    explore export --url https://opendata.paris.fr DATASET -o stations.jsonl

The portal comes from `--url` or EXPLORE_URL, an API key from EXPLORE_API_KEY only: on a command
line every user of the machine could read it. Exit status: 0 done, 1 it failed and says why on
standard error, 2 wrong usage, 128 and its number where a signal ended it. The first Ctrl-C cleans
up, the second ends the program at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from typing import Any

import click

import odsql
from explore_async.cli.datasets import datasets
from explore_async.cli.demo import demo
from explore_async.cli.display import printable
from explore_async.cli.export import export
from explore_async.cli.facets import facets
from explore_async.cli.records import records
from explore_async.cli.running import SIGNALLED
from explore_async.cli.schema import schema
from explore_async.cli.serve import serve
from explore_async.errors import ExploreError

__all__ = ["main"]


class _Commands(click.Group):
    """Commands whose failures are one message and exit status 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and turn the errors that a user can mend into messages."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # now, when what goes wrong can still be said
        except (ExploreError, odsql.ODSQLError) as error:
            # A server's words may be part of it, and could send commands to the terminal.
            raise click.ClickException(printable(str(error))) from None
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            raise SystemExit(SIGNALLED + signal.SIGINT) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe has left; click ends quietly
                raise
            _drop_output()
            reason = error.strerror or str(error)
            msg = f"The output cannot be written: {reason}. Check the disk and where it goes."
            raise click.ClickException(msg) from None
        return result


def _drop_output() -> None:
    """What could not be written must not be tried, and complained of, once more at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(odsql.__version__, package_name="explore-async", prog_name="explore")
def main() -> None:
    """Ask open data portals that publish through the Explore API v2.1."""
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding lacks is shown as an escape, and is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


for _command in (datasets, demo, export, facets, records, schema, serve):
    main.add_command(_command)
