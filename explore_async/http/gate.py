"""How many requests are in flight, and which waiting one is sent next.

A `Gate` belongs to one client, or to one fan-out over several. A request takes a place before it is
sent and gives it back when it is over. `Admission` is what a fan-out hands down to the requests of
each of its readings.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Protocol

__all__ = ["Admission", "Gate"]


class Gate:
    """Hands out places for requests, first to the portal that holds the fewest.

    Args:
        places: how many there are.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, portal: str = "") -> None:
        """Wait for a place for one request to a portal; `give_back` must follow."""
        if self._free:
            self._free -= 1
            self._held[portal] += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(portal, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give_back(portal)
            raise

    def give_back(self, portal: str = "") -> None:
        """The request is over."""
        self._held[portal] -= 1
        for name in sorted(self._waiting, key=self._held.__getitem__):
            queue = self._waiting[name]
            while queue:
                place = queue.popleft()
                if not place.done():
                    self._held[name] += 1
                    place.set_result(None)
                    return
            del self._waiting[name]
        self._free += 1


class Admission(Protocol):
    """Lets the requests of one reading through, among those of the other readings of a fan-out."""

    async def enter(self) -> None:
        """Wait until this reading may ask for more."""

    @property
    def closed(self) -> bool:
        """Whether it may not ask for more now."""

    async def take(self) -> None:
        """Wait for a place for one request that is about to be sent; `give_back` must follow."""

    def give_back(self) -> None:
        """The request is over."""

    def received(self, size: int) -> None:
        """The request brought so many bytes."""

    def shared(self) -> Admission:
        """The admission of a request whose answer other readings wait for as well.

        It does not wait for room in memory: the reading that has to make room may be one of those
        that wait.
        """
