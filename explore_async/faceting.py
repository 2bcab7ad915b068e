"""Facets of one dataset or catalog, one request per facet (getRecordsFacets, getDatasetsFacets).

A portal computes the facets of one request one after the other; asked for separately they are
computed side by side, so the whole takes as long as the slowest facet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explore_async.errors import DecodeError, IntegrityError
from explore_async.models import Facet, as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from explore_async.scheduling import Scheduler

__all__ = ["fetch_facets"]


async def fetch_facets(
    names: Sequence[str],
    *,
    ask: Callable[[str | None], Awaitable[object]],
    scheduler: Scheduler,
) -> list[Facet]:
    """Fetch facets concurrently.

    Args:
        names: field names or `facet(...)` expressions; none for all that the portal declares.
        ask: sends the request for one of them, or (None) for the declared ones.
        scheduler: runs the requests.

    Returns:
        One facet per name, in the order asked; without names, in the server's order.

    Raises:
        ExploreError: the first request to fail; the others are cancelled.
    """
    if not names:
        return _facets(await ask(None))

    async def one(name: str) -> Facet:
        return _only(_facets(await ask(name)), name)

    return await scheduler.gather([one(name) for name in names])


def _facets(answer: object) -> list[Facet]:
    whole = as_object(answer, "an answer")
    if "facets" not in whole:
        raise DecodeError(
            f"The answer has no facets, only {', '.join(sorted(whole)) or 'nothing'}. "
            "Check that the base URL leads to an Explore API v2.1.",
            status=200,
        )
    return [Facet.from_json(each) for each in as_list(whole["facets"], "facets")]


def _only(facets: list[Facet], name: str) -> Facet:
    if not facets:
        # A facet that no matching record has a value for is left out of the answer.
        return Facet(name=name, values=())
    if len(facets) == 1:
        return facets[0]
    named = next((facet for facet in facets if facet.name == name), None)
    if named is not None:
        return named
    raise IntegrityError(
        f"One facet, {name}, was asked for, and {len(facets)} others came. "
        "Read it again; if it persists, report it to the portal.",
        expected=1,
        received=len(facets),
    )
