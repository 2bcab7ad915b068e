"""From requests to results: what to check them against, what to leave out, what to put right."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from odsql.checking import check
from odsql.commands.inputs import STDIN, found_in, in_url
from odsql.diagnostics import Parameter, Request
from odsql.outputs.results import Checked, Option, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from odsql.commands.inputs import File
    from odsql.commands.rewriting import Change
    from odsql.configuration import Configuration, Selection
    from odsql.diagnostics import Diagnostic, Endpoint
    from odsql.outputs.results import Result
    from odsql.schema import Schema
    from odsql.sources import Found, SourceFile

__all__ = ["Checker"]

_CLAUSES = frozenset(("where", "select", "group_by", "order_by", "facet", "refine", "exclude"))
_ROUNDS = 5
"""How often to fix what a fix has laid open."""

_CONCLUDED_FROM = {
    "ODS213": ("group_by",),
    "ODS215": ("group_by",),
    "ODS216": ("group_by",),
    "ODS217": ("limit",),
    "ODS301": ("group_by", "select"),
    "ODS403": ("group_by", "limit"),
    "ODS406": ("order_by",),
    "ODS413": ("group_by",),
}
"""What has to be known of a request, parameter by parameter, for a finding to be one."""


class _Looked(NamedTuple):
    """A request that was found in a file, and what is said about it."""

    found: Found
    diagnostics: tuple[Diagnostic, ...]


class Checker:
    """Checks requests with what is known about them."""

    def __init__(
        self,
        *,
        schemas: Mapping[str, Schema],
        selection: Selection,
        configuration: Configuration,
        dataset_id: str | None = None,
        endpoint: Endpoint | None = None,
        fix: bool = False,
    ) -> None:
        """Keep what is known; `dataset_id` and `endpoint` are for requests that name no dataset."""
        self.configuration = configuration
        self.fixed = 0
        self._schemas = schemas
        self._selection = selection
        self._dataset_id = dataset_id
        self._endpoint = endpoint
        self._fixes = fix

    def options(self, clauses: Sequence[tuple[str, str]]) -> Iterator[Checked]:
        """Check the clauses that were given as options: one request."""
        parameters = tuple(Parameter(name, text) for name, text in clauses)
        wanted = [
            one for one in self._check(Request(parameters)) if self._selection.wants(one.code)
        ]
        for number, one in enumerate(parameters):
            said = tuple(each for each in wanted if each.parameter == number)
            if one.name in _CLAUSES or said:
                source = Option("--" + one.name.replace("_", "-"), one.text)
                yield Checked(source, one.name, one.text, range(len(one.text) + 1), said)

    def file(self, file: File) -> Iterator[Result]:
        """Check the requests in a file; with `fix`, what is left after that."""
        found, broken = found_in(file)
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

    # ------------------------------------------------------------ checking

    def _look(self, source: SourceFile, found: Iterable[Found]) -> list[_Looked]:
        ignored = self.configuration.ignored_in(source.path)
        return [_Looked(one, self._wanted(one, ignored)) for one in found]

    def _wanted(self, found: Found, ignored: tuple[str, ...]) -> tuple[Diagnostic, ...]:
        if "*" in found.ignored:
            return ()
        said = self._check(found.request, assumed=_may_leave_it_out(found))
        if not said:
            return ()
        return tuple(
            one
            for one in said
            if self._selection.wants(one.code)
            and one.code not in found.ignored
            and not one.code.startswith(ignored or "\0")
            and not (found.skipped and _depends(one, found))
        )

    def _check(self, request: Request, *, assumed: bool = True) -> Sequence[Diagnostic]:
        """Check a request; what it leaves out may be `assumed`."""
        if request.dataset_id is not None:
            return check(request, self._schemas.get(request.dataset_id))
        if not assumed:
            return check(request)
        if self._endpoint is not None and request.endpoint == "records":
            request = evolve(request, endpoint=self._endpoint)
        if self._dataset_id is None:
            return check(request, self._only_schema)
        request = evolve(request, dataset_id=self._dataset_id)
        return check(request, self._schemas.get(self._dataset_id))

    @cached_property
    def _only_schema(self) -> Schema | None:
        """Whoever gives one schema means it for what does not say which."""
        return next(iter(self._schemas.values())) if len(self._schemas) == 1 else None

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


def _may_leave_it_out(found: Found) -> bool:
    """Whether a request is of the kind that may leave its dataset to the command line.

    A URL or a call without one has it in a variable, and it can be any.
    """
    suffix = found.file.path.rpartition(".")[2].lower()
    written_alone = suffix in ("toml", "yaml", "yml", "jsonl", "ndjson") or found.file.path == STDIN
    return written_alone and not in_url(found, 0)


def _depends(diagnostic: Diagnostic, found: Found) -> bool:
    """Whether a finding might not hold if it were known what stands for a placeholder."""
    if diagnostic.code == "ODS301":
        name = found.request.parameters[diagnostic.parameter].name
        if name != "order_by":  # only there a name may be a label
            return False
    needed = _CONCLUDED_FROM.get(diagnostic.code, ())
    return bool(needed) and ("*" in found.skipped or not found.skipped.isdisjoint(needed))


def _changes(looked: Sequence[_Looked]) -> list[Change]:
    """Return the edits of the findings; of two that overlap, the first."""
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
    """Yield the clauses of a request, and what else in it something is said about."""
    found = looked.found
    for number, parameter in enumerate(found.request.parameters):
        said = tuple(one for one in looked.diagnostics if one.parameter == number)
        if said or parameter.name in _CLAUSES:
            yield Checked(
                found.file, parameter.name, parameter.text, found.offsets[number], said, found.name
            )
