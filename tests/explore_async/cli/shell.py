"""Calling the command line in this process, and the rows that it prints."""

from __future__ import annotations

from click.testing import CliRunner, Result

from explore_async.cli.main import main

__all__ = ["ROWS", "run"]

ROWS = [
    {"name": "Kyiv", "country": "UA", "population": 2_952_301},
    {"name": "Lviv", "country": "UA", "population": 717_273},
    {"name": "Gent", "country": "BE", "population": 265_086},
]


def run(*arguments: str) -> Result:
    """Run `explore` with these arguments."""
    return CliRunner().invoke(main, arguments)
