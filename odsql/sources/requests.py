"""Building `Found` requests from the parameters that the readers collect."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from odsql.checks.diagnostics import Endpoint, Parameter, Request
from odsql.sources.model import Found
from odsql.sources.views import closed
from odsql.syntax.templates import has_holes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odsql.sources.model import SourceFile
    from odsql.sources.suppressing import Suppressions
    from odsql.sources.views import View

__all__ = ["DESCRIPTIONS", "found"]

DESCRIPTIONS = frozenset(
    {"dataset", "dataset_id", "endpoint", "name", "title", "description", "comment", "portal",
     "url", "tags", "id"}
)  # fmt: skip
"""The keys of a named query that are not parameters."""


def found(
    file: SourceFile,
    parameters: Iterable[tuple[str, View]],
    suppressions: Suppressions,
    *,
    start: int | None = None,
    dataset_id: str | None = None,
    endpoint: str = "records",
    name: str | None = None,
    skipped: Iterable[str] = (),
) -> Found | None:
    """Return the request with these parameters, or None if there are none.

    `start` is where the request begins in the file, if that is not its first parameter. Codes that
    are suppressed on that line are suppressed for all parameters, unless one of them begins on it.
    """
    listed = list(parameters)
    if not listed:
        return None
    offsets = tuple(closed(view.offsets) for _, view in listed)
    ignored = suppressions.of(start, [(one[0], one[-1]) for one in offsets])
    return Found(
        file,
        Request(
            tuple(Parameter(one, view.text) for one, view in listed),
            dataset_id,
            cast("Endpoint", endpoint),
        ),
        offsets,
        name,
        frozenset().union(*ignored),
        frozenset(skipped).union(one for one, view in listed if has_holes(view.text)),
        ignored,
    )
