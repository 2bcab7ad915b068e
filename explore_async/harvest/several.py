"""`harvest_all`: the harvests of several datasets, some at a time, as one."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from explore_async.errors import ConfigurationError, ExploreError, IncompleteHarvestError
from explore_async.fanout.merging import End, merged, refuse_none_at_once
from explore_async.harvest.events import Failed, Finished
from explore_async.harvest.harvesting import Harvest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable

    from explore_async.harvest.events import HarvestEvent
    from explore_async.harvest.manifest import Manifest

__all__ = ["Harvests", "harvest_all"]

AT_ONCE = 4


class Harvests:
    """Several harvests to await for their manifests, or to iterate over for their events.

    Awaiting gives a list in the order of the harvests: a `Manifest`, or the `ExploreError` of one
    that failed. Iterating gives pairs of a harvest and an event, as they happen; a harvest that
    failed ends with `Failed`, and the others go on. Each client limits its requests over all of its
    harvests.
    """

    def __init__(self, harvests: tuple[Harvest, ...], at_once: int) -> None:
        self._harvests = harvests
        self._at_once = at_once
        self._draining = False

    def __repr__(self) -> str:
        return f"Harvests({', '.join(map(repr, self._harvests))})"

    def __await__(self) -> Generator[object, None, list[Manifest | ExploreError]]:
        return self._results().__await__()

    def __aiter__(self) -> AsyncIterator[tuple[Harvest, HarvestEvent]]:
        return self.events()

    def drain(self) -> None:
        """End after the partitions in flight; no other harvest begins."""
        self._draining = True
        for one in self._harvests:
            one.drain()

    async def events(self) -> AsyncGenerator[tuple[Harvest, HarvestEvent], None]:
        """Yield the events; close them with `contextlib.aclosing` to leave a loop early."""
        self._draining = False
        streams = [self._stream(one) for one in self._harvests]
        async with aclosing(merged(streams, at_once=self._at_once)) as items:
            async for item in items:
                one = self._harvests[item.index]
                if not isinstance(item, End):
                    yield one, item.value
                elif isinstance(item.error, ExploreError):
                    yield one, Failed(error=item.error)

    def _stream(self, one: Harvest) -> Callable[[], AsyncGenerator[HarvestEvent, None]]:
        return lambda: _not_begun(one) if self._draining else one.events()

    async def _results(self) -> list[Manifest | ExploreError]:
        found: dict[Harvest, Manifest | ExploreError] = {}
        async with aclosing(self.events()) as events:
            async for one, event in events:
                if isinstance(event, Finished):
                    found[one] = event.manifest
                elif isinstance(event, Failed):
                    found[one] = event.error
        return [found[one] for one in self._harvests]


async def _not_begun(one: Harvest) -> AsyncGenerator[HarvestEvent, None]:
    raise IncompleteHarvestError(
        f"The harvest of {one.dataset_id} was not begun, because it was stopped. Begin it with "
        "--resume.",
        finished=0,
        planned=0,
    )
    yield  # so that it is a stream


def harvest_all(harvests: Iterable[Harvest], *, at_once: int = AT_ONCE) -> Harvests:
    """Run several harvests, some at a time; one that fails does not stop the others.

        names = ["trees", "shrubs"]
        harvests = harvest_all(harvest(client, name, "data") for name in names)
        async for one, event in harvests: ...

    Args:
        harvests: what `harvest` returned for each dataset, also of several clients.
        at_once: how many run at a time.

    Raises:
        ConfigurationError: `at_once` is below 1, or something else than a harvest is given.
    """
    refuse_none_at_once(at_once)
    given = tuple(harvests)
    strangers = [one for one in given if not isinstance(one, Harvest)]
    if strangers:
        raise ConfigurationError(
            f"harvest_all() got {type(strangers[0]).__name__}. Pass what harvest(...) returns, "
            "without awaiting it."
        )
    if len(set(given)) < len(given):
        raise ConfigurationError("harvest_all() got a harvest twice. Pass each one once.")
    return Harvests(given, at_once)
