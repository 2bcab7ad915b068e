"""From requests to results: schemas, selection of findings, and fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from odsql.checks.diagnostics import CATALOG_ENDPOINTS, CLAUSES, Parameter, Request
from odsql.checks.run import check
from odsql.commands.inputs import STDIN, found_in, in_url, is_data, stands_whole
from odsql.outputs.results import Checked, Option, Unreadable, visible
from odsql.syntax.templates import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from odsql.checks.diagnostics import Diagnostic, Endpoint
    from odsql.commands.configuration import Configuration, Selection
    from odsql.commands.inputs import File
    from odsql.commands.rewriting import Change
    from odsql.outputs.results import Result
    from odsql.schema import Schema
    from odsql.sources import Found, SourceFile

__all__ = ["Assumptions", "Checker", "asked", "holding"]

_ROUNDS = 5
"""The maximum number of passes; a fix may reveal another finding."""
_SHOWN = 5

_CONCLUDED_FROM = {
    "ODS211": ("group_by", "select"),
    "ODS213": ("group_by",),
    "ODS215": ("group_by",),
    "ODS216": ("group_by",),
    "ODS217": ("limit",),
    "ODS403": ("group_by",),
    "ODS406": ("group_by", "order_by"),
    "ODS413": ("group_by",),
}
"""The parameters that must be known for a finding to hold, by code."""

_LABELS_FROM = {"select": ("group_by",), "order_by": ("group_by", "select")}
"""The clauses where a name may be a label, with the clauses that declare it."""
_NAMES = ("ODS301", "ODS312")


class _Looked(NamedTuple):
    """A request found in a file, with its findings."""

    found: Found
    diagnostics: tuple[Diagnostic, ...]


class Checker:
    """Checks requests with the schemas and the settings of one run."""

    def __init__(
        self,
        *,
        schemas: Mapping[str, Schema] | None,
        selection: Selection,
        configuration: Configuration,
        dataset_id: str | None = None,
        endpoint: Endpoint | None = None,
        fix: bool = False,
    ) -> None:
        """Keep the settings; `dataset_id` and `endpoint` are for requests that name no dataset.

        `schemas` is None if names and types are not to be checked.
        """
        self.configuration = configuration
        self.fixed = 0
        self._schemas = schemas
        self._without_schema: set[str] = set()
        self._unread = 0
        self._selection = selection
        self._assumed = Assumptions(dataset_id, endpoint, _only(schemas or {}))
        self._fixes = fix

    def options(self, clauses: Sequence[tuple[str, str]]) -> Iterator[Checked]:
        """Check the clauses given as options, as one request."""
        parameters = tuple(Parameter(name, text) for name, text in clauses)
        given = self._assumed.dataset_id or self._assumed.endpoint or self._assumed.only
        request = self._assumed.complete(Request(parameters, whole=given is not None))
        wanted = [one for one in self._check(request) if self._selection.wants(one.code)]
        for number, one in enumerate(parameters):
            said = tuple(each for each in wanted if each.parameter == number)
            if one.name in CLAUSES or said:
                source = Option("--" + one.name.replace("_", "-"), one.text)
                yield Checked(source, one.name, one.text, range(len(one.text) + 1), said)

    def file(self, file: File) -> Iterator[Result]:
        """Check the requests in a file; with `fix`, fix it first and yield what remains."""
        from odsql.sources import lacks_grammar

        found, broken = found_in(file)
        self._unread += lacks_grammar(file.source)
        looked = self._look(file.source, found)
        complaint = None
        if self._fixes and any(
            diagnostic.edits for one in looked for diagnostic in one.diagnostics
        ):
            looked, complaint = self._fix(file, looked)
        for one in looked:
            yield from _clauses(one)
        if broken is not None:
            yield broken
        if complaint is not None:
            yield complaint

    def notes(self) -> Iterator[str]:
        """Yield notes about what was not checked: names without a schema, and programs."""
        if self._unread:
            one = self._unread == 1
            files = "1 program that leads" if one else f"{self._unread} programs that lead"
            yield (
                f"{files} to an Explore API {'was' if one else 'were'} searched for URLs only; "
                "pip install 'explore-async[code]' to check the other queries, too"
            )
        if self._schemas is None:
            return
        if not self._schemas:
            yield "no schemas found; names and types are not checked"
        elif self._without_schema:
            names = sorted(self._without_schema)
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            listed = ", ".join(map(visible, names[:_SHOWN])) + more
            yield f"no schema for {listed}; names and types are not checked there"

    # ------------------------------------------------------------ checking

    def _look(self, source: SourceFile, found: Iterable[Found]) -> list[_Looked]:
        ignored = self.configuration.ignored_in(source.path)
        return [_Looked(one, self._wanted(one, ignored)) for one in found]

    def _wanted(self, found: Found, ignored: tuple[str, ...]) -> tuple[Diagnostic, ...]:
        return tuple(
            _fixable(one, found)
            for one in holding(found, self._check(asked(found, self._assumed)))
            if self._selection.wants(one.code) and not (ignored and one.code.startswith(ignored))
        )

    def _check(self, request: Request) -> Sequence[Diagnostic]:
        dataset_id = request.dataset_id
        if not self._schemas or dataset_id is None or request.endpoint in CATALOG_ENDPOINTS:
            return check(request)
        schema = self._schemas.get(dataset_id)
        if schema is None:
            self._without_schema.add(dataset_id)
        return check(request, schema)

    # ------------------------------------------------------------ fixing

    def _fix(self, file: File, looked: list[_Looked]) -> tuple[list[_Looked], Unreadable | None]:
        from odsql.commands.rewriting import NotRewrittenError, apply, write

        first, count = file, 0
        for _ in range(_ROUNDS):
            done = apply(file, [one.found for one in looked], _changes(looked))
            if not done.applied:
                break
            count += len(done.applied)
            file = done.file
            looked = self._look(file.source, found_in(file)[0])
        if count and file.path is not None:
            try:
                write(file.path, first.source.text, file.source.text)
            except NotRewrittenError as error:
                return looked, Unreadable(file.source.path, str(error))
        self.fixed += count
        return looked, None


# ---------------------------------------------------------------- assumptions about requests


class Assumptions(NamedTuple):
    """Assumptions about requests that do not name their dataset.

    `dataset_id` and `endpoint` come from the command line. `only` is the dataset of a single
    schema: a user who gives one schema means it for requests that do not name a dataset.
    """

    dataset_id: str | None = None
    endpoint: Endpoint | None = None
    only: str | None = None

    def complete(self, request: Request) -> Request:
        """Return a request with its missing dataset and endpoint filled in."""
        if request.dataset_id is not None:
            return request
        if self.endpoint is not None and not request.endpoint_known:
            request = evolve(request, endpoint=self.endpoint, endpoint_known=True)
        dataset_id = self.dataset_id or self.only
        if dataset_id is None or request.endpoint in CATALOG_ENDPOINTS:
            return request
        return evolve(request, dataset_id=dataset_id)


def _only(schemas: Mapping[str, Schema]) -> str | None:
    return next(iter(schemas)) if len(schemas) == 1 else None


def asked(found: Found, assumed: Assumptions) -> Request:
    """Return a found request, completed with the assumptions.

    A URL or a call without a dataset has it in a variable. It gets the dataset from the command
    line, but not that of a single schema, because the variable may hold any dataset.
    """
    request, skipped = found.request, found.skipped
    url = any(in_url(found, number) for number in range(len(found.offsets)))
    request = Request(
        request.parameters,
        request.dataset_id,
        request.endpoint,
        endpoint_known=url or request.endpoint != "records",
        whole="*" not in skipped,
        unfilled=skipped,
        older=request.older,
    )
    if assumed.only is not None and (url or not _is_written_alone(found)):
        assumed = assumed._replace(only=None)
    return assumed.complete(request)


def _is_written_alone(found: Found) -> bool:
    """Return whether a file holds only queries, not a program."""
    return found.file.path == STDIN or is_data(found.file.path)


def holding(found: Found, diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the findings that hold for all values of placeholders and that no comment ignores."""
    for one in diagnostics:
        if found.ignores(one.code, one.parameter):
            continue
        kept = _weighed(one, found) if found.skipped else one
        if kept is not None:
            yield kept


def _weighed(diagnostic: Diagnostic, found: Found) -> Diagnostic | None:
    """Drop a finding that depends on unknown parameters, or make it a warning."""
    name = found.request.parameters[diagnostic.parameter].name
    needed = _CONCLUDED_FROM.get(diagnostic.code, ())
    if diagnostic.code in _NAMES:
        needed = _LABELS_FROM.get(name, ())
    if not needed:
        return diagnostic
    if not found.skipped.isdisjoint(needed):
        return None
    if "*" not in found.skipped:
        return diagnostic
    if diagnostic.code == "ODS211" or (diagnostic.code == "ODS301" and name == "select"):
        # An added parameter may declare this name as a label, but that is rare.
        hint = diagnostic.hint or "correct only if group_by declares this label"
        return evolve(diagnostic, severity="warning", hint=hint)
    return None


def _fixable(diagnostic: Diagnostic, found: Found) -> Diagnostic:
    """Return a finding, without its fix if the text is not written in one piece."""
    if not diagnostic.edits or stands_whole(found, diagnostic.parameter):
        return diagnostic
    return evolve(diagnostic, edits=())


def _changes(looked: Sequence[_Looked]) -> list[Change]:
    """Return the edits of the findings; of overlapping ones, only the first."""
    from odsql.commands.rewriting import Change

    changes: list[Change] = []
    for number, one in enumerate(looked):
        taken: dict[int, int] = {}
        edited = [each for each in one.diagnostics if each.edits]
        for diagnostic in sorted(edited, key=lambda each: (each.parameter, each.edits[0].start)):
            edits = sorted(diagnostic.edits, key=lambda each: each.start)
            if edits[0].start < taken.get(diagnostic.parameter, 0):
                continue
            taken[diagnostic.parameter] = max(1, edits[-1].end)
            changes.append(Change(number, diagnostic.parameter, tuple(edits)))
    return changes


def _clauses(looked: _Looked) -> Iterator[Checked]:
    """Yield the clauses of a request, and its other parameters that have findings.

    The text of an API key is not shown in any output, and "…" for each hole.
    """
    found = looked.found
    for number, parameter in enumerate(found.request.parameters):
        said = tuple(one for one in looked.diagnostics if one.parameter == number)
        if said or parameter.name in CLAUSES:
            secret = parameter.name == "apikey"
            text = "*" * len(parameter.text) if secret else shown(parameter.text)
            yield Checked(found.file, parameter.name, text, found.offsets[number], said, found.name)
