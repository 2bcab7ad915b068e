"""`odsql explain`: print what a code means, why, and what to do.

odsql explain ODS401
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from odsql.checks.rules import RULES, explanation
from odsql.commands.inputs import UsageError

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="a code such as ODS401 (default: list all codes)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the page of a code, or the list of all codes."""
    if options.code is None:
        for rule in RULES.values():
            sys.stdout.write(f"{rule.code}  {rule.severity:7}  {rule.name}: {rule.summary}\n")
        return 0
    code = options.code.upper()
    if code not in RULES:
        msg = f"there is no code {options.code!a}; `odsql explain` lists the codes"
        raise UsageError(msg)
    sys.stdout.write(explanation(code))
    return 0
