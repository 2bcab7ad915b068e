"""`odsql fmt`: format the queries in TOML, YAML and JSON Lines files, in place.

    odsql fmt queries/
    odsql fmt --check --diff queries/

Only the text of the clauses changes. A clause on several lines is broken into lines of at most 88
characters; any other stays on one line. Text literals are quoted so that the file needs no escapes.
A clause that does not parse, or whose formatted text the file cannot hold, is left unchanged.

Exit status: 0 everything is formatted; 1 a clause does not parse, or with --check a file would
change; 2 wrong usage, or an input that cannot be read or written.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from odsql.commands.inputs import STDIN, File, UsageError, add_sniff, files, found_in
from odsql.outputs.results import counted, masked, visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from odsql.commands.rewriting import Change
    from odsql.sources import Found

__all__ = ["SUFFIXES", "add_arguments", "run"]

SUFFIXES = (".toml", ".yaml", ".yml", ".jsonl", ".ndjson")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="TOML, YAML and JSON Lines files, and directories of them; - formats standard input "
        "to standard output (default: the `paths` of [tool.odsql] in pyproject.toml)",
    )
    add_sniff(parser)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file would change"
    )
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    parser.add_argument(
        "--stdin-filename", metavar="NAME", help="the file name to assume for standard input"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only problems")


def run(options: argparse.Namespace) -> int:
    """Format the inputs, and return the exit status."""
    names = options.files or _configured_paths()
    if not names:
        msg = "nothing to format: give a file, or set paths in [tool.odsql] of pyproject.toml"
        raise UsageError(msg)
    done = _Formatting(options)
    for file in files(names, options.stdin_filename, suffixes=SUFFIXES, sniff=options.sniff):
        if isinstance(file, File):
            done.format(file)
        else:
            done.complain(str(file), 2)
    if not options.quiet:
        done.stream.write(done.summary() + "\n")
    return done.status


def _configured_paths() -> list[str]:
    from odsql.commands.configuration import nearest

    configuration = nearest(os.curdir)
    return [os.path.join(configuration.folder, one) for one in configuration.paths]  # noqa: PTH118


class _Formatting:
    """One run: its options and its results."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.dry = options.check or options.diff
        self.diff = options.diff
        self.status = self.changed = self.unchanged = 0
        # With standard input, standard output holds only the formatted file.
        self.stream = sys.stderr if STDIN in options.files else sys.stdout
        self.check = options.check
        self.quiet = options.quiet

    def complain(self, text: str, status: int) -> None:
        """Report a problem; the worst exit status wins."""
        sys.stderr.write(f"odsql: {text}\n")
        self.status = max(self.status, status)

    def format(self, file: File) -> None:
        """Format one file."""
        if not file.source.path.lower().endswith((*SUFFIXES, STDIN)):
            self.complain(f"{file.source.path} is left unchanged: it is not {_listed()}", 2)
            return
        from odsql.commands.rewriting import apply

        found, broken = found_in(file)
        if broken is not None:
            self.complain(str(broken), 2)
        done = apply(file, found, list(self._changes(file, found)))
        for change in done.refused:
            self._leave(found[change.found], change.parameter)
        self._finish(file, done.file)

    def _changes(self, file: File, found: Sequence[Found]) -> Iterator[Change]:
        from odsql.commands.formatting import changed
        from odsql.syntax.errors import ODSQLSyntaxError

        for number, one in enumerate(found):
            for parameter in range(len(one.request.parameters)):
                try:
                    change = changed(one, number, parameter)
                except ODSQLSyntaxError as error:
                    line, column = file.source.line_and_column(
                        one.offsets[parameter][error.position]
                    )
                    place = f"{visible(file.source.path)}:{line}:{column}"
                    self.complain(f"{place} is left unchanged: it is not ODSQL", 1)
                else:
                    if change is not None:
                        yield change

    def _leave(self, found: Found, parameter: int) -> None:
        line, column = found.file.line_and_column(found.offsets[parameter][0])
        place = f"{visible(found.file.path)}:{line}:{column}"
        reason = "its quotes cannot hold the formatted text"
        self.complain(f"{place} is left unchanged: {reason}", 0)

    def _finish(self, before: File, after: File) -> None:
        from odsql.commands.rewriting import NotRewrittenError, write

        path, old, new = before.source.path, before.source.text, after.source.text
        if before.path is None and not self.dry:
            sys.stdout.buffer.write(new.encode())  # the file unchanged, not for a terminal
        if old == new:
            self.unchanged += 1
            return
        if not self.dry and before.path is not None:
            try:
                write(before.path, old, new)
            except NotRewrittenError as error:
                self.complain(f"{visible(path)} {error}", 2)
                return
        self.changed += 1
        if self.diff:
            self.stream.writelines(_diff(path, old, new))
        if self.check:
            self.status = max(self.status, 1)
        if self.dry and not self.diff and not self.quiet:
            self.stream.write(f"would format {visible(path)}\n")

    def summary(self) -> str:
        """Return a summary in one line."""
        would = "would be " if self.dry else ""
        return (
            f"{counted(self.changed, 'file')} {would}formatted, "
            f"{self.unchanged or 'none'} {'was' if self.unchanged == 1 else 'were'} "
            "already formatted"
        )


def _listed() -> str:
    return "TOML, YAML or JSON Lines"


def _diff(path: str, old: str, new: str) -> Iterator[str]:
    from difflib import unified_diff

    lines = unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), visible(path), visible(path)
    )
    for line in lines:
        plain = masked(line.rstrip("\r\n"))
        shown = visible(plain.replace("\t", "\0")).replace("\\x00", "\t")
        yield shown + "\n"
