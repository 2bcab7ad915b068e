"""Named queries, as TOML and YAML files define them, with known positions.

A file of queries has a top-level `queries`: a table of tables, or a list of tables. If none of them
has a clause or a dataset, the file belongs to another program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from odsql.checks.diagnostics import CLAUSES, ENDPOINTS
from odsql.sources.requests import DESCRIPTIONS, found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions
    from odsql.sources.views import View

__all__ = ["Entry", "are_queries", "read_entries"]

_TELLING = frozenset({*CLAUSES, "dataset", "dataset_id"})


@frozen
class Entry:
    """One named query: where it begins, its name, and its values by key.

    None stands for a value that is neither a string nor a number.
    """

    start: int
    name: str | None = None
    values: dict[str, list[View | None]] = field(factory=dict)


def are_queries(keys: Iterable[Iterable[str]]) -> bool:
    """Return whether tables with these keys are queries, and not something else of that name."""
    return any(not _TELLING.isdisjoint(one) for one in keys)


def read_entries(
    file: SourceFile, entries: Iterable[Entry], suppressions: Suppressions, problems: list[str]
) -> Iterator[Found]:
    """Yield the requests of entries, and add descriptions of errors to `problems`."""
    for entry in entries:
        name = entry.name or _text(entry, "name")
        endpoint = _text(entry, "endpoint") or "records"
        if endpoint not in ENDPOINTS:
            said = f"has an unknown endpoint; the endpoints are {', '.join(ENDPOINTS)}"
            problems.append(f"{_shown(file, entry, name)} {said}")
            continue
        parameters: list[tuple[str, View]] = []
        for key, values in entry.values.items():
            if key in DESCRIPTIONS or key.startswith(("x-", "_")):
                continue
            known = [(key, one) for one in values if one is not None]
            if len(known) < len(values):
                said = f"has a value in {key} that is neither a string nor a number"
                problems.append(f"{_shown(file, entry, name)} {said}")
            parameters += known
        request = found(
            file, parameters, suppressions, start=entry.start, name=name, endpoint=endpoint,
            dataset_id=_text(entry, "dataset") or _text(entry, "dataset_id"),
        )  # fmt: skip
        if request is not None:
            yield request


def _shown(file: SourceFile, entry: Entry, name: str | None) -> str:
    called = f" {name!r}" if name else ""
    return f"the query{called} on line {file.line_and_column(entry.start)[0]}"


def _text(entry: Entry, key: str) -> str | None:
    values = entry.values.get(key, [])
    return values[0].text if len(values) == 1 and values[0] is not None else None
