"""Facets of one dataset or catalog, one request per facet (getRecordsFacets, getDatasetsFacets).

A portal computes the facets of one request one after the other. In separate requests they are
computed concurrently, so the total time is that of the slowest facet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.errors import DecodeError, IntegrityError
from explore_async.fanout.readings import Job
from explore_async.models import Facet, as_list, as_object
from explore_async.results.showing import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from explore_async.fanout.scheduler import Scheduler
    from explore_async.http.gate import Admission
    from odsql import Query

__all__ = ["Facets", "facet_of", "facets_of"]

_FIELD = re.compile(r"\w+(\.\w+)*", re.ASCII)


@frozen(kw_only=True, eq=False, repr=False)
class Facets:
    """Facets to await; creating the object sends nothing.

    Awaiting returns one `Facet` per name, in the given order, or without names those that the
    portal declares, in its order. Awaiting again sends the requests again.

    Attributes:
        names: field names or `facet(...)` expressions; empty for all that the portal declares.
        portal: the base URL of the portal.

    Raises when awaited:
        ExploreError: the first failure; the other requests are cancelled.
    """

    names: tuple[str, ...]
    portal: str
    _path: str
    _query: Query | None
    _ask: Callable[[str, Admission | None], Coroutine[object, object, Facet]]
    _ask_for_declared: Callable[[Admission | None], Awaitable[list[Facet]]]
    _scheduler: Scheduler

    def __repr__(self) -> str:
        return shown("Facets", self.portal, self._path, self._query, names=self.names or None)

    def __await__(self) -> Generator[object, None, list[Facet]]:
        return self.fetch().__await__()

    async def fetch(self) -> list[Facet]:
        """Request the facets, as awaiting does."""
        return await self._fetch(None)

    def job(self) -> Job[list[Facet]]:
        """Return `fetch` as one reading of a fan-out."""
        return Job(portal=self.portal, run=self._fetch)

    async def _fetch(self, admission: Admission | None) -> list[Facet]:
        if not self.names:
            return await self._ask_for_declared(admission)
        return await self._scheduler.together([self._ask(name, admission) for name in self.names])


def facets_of(answer: object) -> list[Facet]:
    """Return the facets of a response.

    Raises:
        DecodeError: the response holds no facets.
    """
    whole = as_object(answer, "a response")
    if "facets" not in whole:
        raise DecodeError(
            f"The response has no facets key, only {', '.join(sorted(whole)) or 'nothing'}. "
            "Check that the base URL leads to an Explore API v2.1."
        )
    return [Facet.from_json(each) for each in as_list(whole["facets"], "facets")]


def facet_of(answer: object, name: str) -> Facet:
    """Return the facet of a response to a request for one facet.

    Raises:
        DecodeError: the response holds no facets.
        IntegrityError: it holds several and none of that name, or one of another field.
    """
    facets = facets_of(answer)
    if not facets:
        # The server omits a facet if no matching record has a value for it.
        return Facet(name=name, values=())
    if len(facets) == 1 and _may_answer(facets[0].name, name):
        return facets[0]
    named = next((facet for facet in facets if facet.name == name), None)
    if named is not None:
        return named
    others = ", ".join(facet.name for facet in facets)
    raise IntegrityError(
        f"The request was for one facet, {name}, but the response holds {others}. "
        "Request it again; if the error persists, report it to the portal.",
        expected=1,
        received=len(facets),
    )


def _may_answer(answered: str, asked: str) -> bool:
    """Return whether a facet of that name may be the requested one.

    The server names the facet of a field after the field. Its names for `facet(...)`, backquotes
    and prefixes such as `default.` are not known, so any name is accepted for them.
    """
    if _FIELD.fullmatch(asked) is None:
        return True
    return answered.rpartition(".")[2].lower() == asked.rpartition(".")[2].lower()
