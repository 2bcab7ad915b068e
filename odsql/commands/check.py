"""`odsql check`: find errors in queries before a portal does.

    odsql check --where "population > 1000" --order-by "population desc"
    odsql check queries/ src/ --schema schemas/ --format github

Exit status: 0 nothing found, or warnings only; 1 errors, with --strict also warnings; 2 wrong
usage, or an input that cannot be read. The other inputs are still checked. Warnings are about
queries that portals accept and that may be intended, so they fail only with --strict, or with
`strict = true` in the configuration.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from odsql.checks.diagnostics import CLAUSES, ENDPOINTS
from odsql.commands.checking import Checker
from odsql.commands.configuration import Selection, nearest
from odsql.commands.counting import Counts
from odsql.commands.inputs import STDIN, UsageError, add_sniff, shown
from odsql.outputs import FORMATS, renderer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from odsql.commands.configuration import Configuration
    from odsql.outputs.results import Result
    from odsql.schema import Schema

__all__ = ["add_arguments", "run"]

_NUMBERS = ("limit", "offset")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="files and directories with queries; - is standard input (default: the `paths` of "
        "[tool.odsql] in pyproject.toml)",
    )
    add_sniff(parser)
    clauses = parser.add_argument_group("the clauses of one request, checked together")
    for clause in (*CLAUSES, *_NUMBERS):
        name = "--" + clause.replace("_", "-")
        clauses.add_argument(name, dest=clause, action="append", default=[], metavar="TEXT")
    _add_knowledge(parser.add_argument_group("schemas and datasets"))
    _add_choice(parser.add_argument_group("findings"))
    _add_output(parser.add_argument_group("output"))


def _add_knowledge(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--schema",
        action="append",
        metavar="PATH",
        help="a saved schema, or a directory of schemas; may be repeated",
    )
    group.add_argument(
        "--dataset",
        metavar="ID",
        help="the dataset of queries, calls and URLs that do not name one",
    )
    group.add_argument(
        "--endpoint",
        choices=ENDPOINTS,
        help="the operation of queries and calls that do not name a dataset (default: records)",
    )
    group.add_argument(
        "--stdin-filename", metavar="NAME", help="the file name to assume for standard input"
    )


def _add_choice(group: argparse._ArgumentGroup) -> None:
    # --select is the clause, as on the wire.
    group.add_argument(
        "--select-codes",
        metavar="CODES",
        action="append",
        help="report only codes with these comma-separated prefixes",
    )
    group.add_argument(
        "--ignore",
        metavar="CODES",
        action="append",
        help="do not report codes with these comma-separated prefixes",
    )
    group.add_argument(
        "--strict", action="store_true", default=None, help="exit with 1 on warnings, too"
    )
    group.add_argument(
        "--exit-zero", action="store_true", help="exit with 0 even if there are findings"
    )
    group.add_argument("--fix", action="store_true", help="apply safe fixes to the files, in place")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--format", choices=FORMATS, default="text")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    group.add_argument(
        "--statistics", action="store_true", help="print the number of findings per code"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="print only the findings")


def run(options: argparse.Namespace) -> int:
    """Run the checks, print the results, and return the exit status."""
    configuration = nearest(os.curdir)
    clauses = [(name, text) for name in (*CLAUSES, *_NUMBERS) for text in getattr(options, name)]
    names = options.files or ([] if clauses else _configured_paths(configuration))
    if not names and not clauses:
        msg = (
            "nothing to check: give a clause, such as --where TEXT, or a file, or set paths in "
            "[tool.odsql] of pyproject.toml"
        )
        raise UsageError(msg)
    if options.fix and STDIN in options.files:
        msg = "--fix writes files, so it cannot fix standard input; name the file instead of -"
        raise UsageError(msg)
    checker = Checker(
        schemas=_schemas(options.schema, configuration),
        selection=_selection(options, configuration),
        configuration=configuration,
        dataset_id=options.dataset,
        endpoint=options.endpoint,
        fix=options.fix,
    )
    return _report(options, checker, _results(options, checker, clauses, names))


def _configured_paths(configuration: Configuration) -> list[str]:
    return [os.path.join(configuration.folder, one) for one in configuration.paths]  # noqa: PTH118


def _schemas(given: list[str] | None, configuration: Configuration) -> dict[str, Schema] | None:
    """Return the schemas by dataset; None if neither option nor configuration names any."""
    folder = configuration.folder
    paths = given or [os.path.join(folder, one) for one in configuration.schemas]  # noqa: PTH118
    if not paths:
        return None
    from odsql.schema import SchemaError, load_schemas

    schemas: dict[str, Schema] = {}
    for path in paths:
        try:
            schemas.update(load_schemas(shown(path)))
        except SchemaError as error:
            raise UsageError(str(error)) from None
    return schemas


def _selection(options: argparse.Namespace, configuration: Configuration) -> Selection:
    select = _codes(options.select_codes, configuration.select)
    ignore = _codes(options.ignore, configuration.ignore)
    elsewhere = [code for codes in configuration.per_file_ignores.values() for code in codes]
    unknown = [
        one for one in (*select, *ignore, *elsewhere) if one != "ALL" and not _begins_a_code(one)
    ]
    if unknown:
        msg = f"no code begins with {', '.join(unknown)}; `odsql explain` lists the codes"
        raise UsageError(msg)
    return Selection(select, ignore)


def _codes(given: list[str] | None, configured: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return configured
    return tuple(code.strip() for one in given for code in one.split(",") if code.strip())


def _begins_a_code(prefix: str) -> bool:
    from odsql.checks.rules import RULES

    return any(code.startswith(prefix) for code in RULES)


def _results(
    options: argparse.Namespace, checker: Checker, clauses: list[tuple[str, str]], names: list[str]
) -> Iterator[Result]:
    if clauses:
        yield from checker.options(clauses)
    if names:
        from odsql.commands.inputs import File, configured, files
        from odsql.sources.importing import Imports

        imports = Imports()
        for file in files(names, options.stdin_filename, sniff=options.sniff):
            if isinstance(file, File):
                yield from checker.file(configured(file, checker.configuration, imports))
            else:
                yield file


# ---------------------------------------------------------------- output


def _report(options: argparse.Namespace, checker: Checker, results: Iterable[Result]) -> int:
    counts = Counts()
    color = wants_color(options.color)
    for piece in renderer(options.format)(counts.of(results), color=color):
        sys.stdout.write(piece)
    if options.statistics:
        # Programs read the other formats and expect nothing else.
        stream = sys.stdout if options.format == "text" else sys.stderr
        stream.write(counts.statistics())
    if options.format == "text" and not options.quiet:
        sys.stdout.write(counts.summary(checker.fixed) + "\n")
    if not options.quiet:
        for note in checker.notes():
            sys.stderr.write(f"odsql: {note}\n")
    strict = checker.configuration.strict if options.strict is None else options.strict
    if counts.unreadable:
        return 2
    failing = counts.errors or (strict and counts.warnings)
    return 1 if failing and not options.exit_zero else 0


def wants_color(choice: str) -> bool:
    """Return whether to print colours; "auto" means a terminal with colours and no NO_COLOR."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()
