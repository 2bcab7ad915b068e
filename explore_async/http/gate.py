"""The limit on requests in flight, and the order in which waiting requests are sent.

A `Gate` belongs to one client, or to one fan-out over several clients. A request takes a slot
before it is sent and releases it when it has finished. A fan-out passes an `Admission` to the
requests of each of its readings.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Protocol

__all__ = ["Admission", "Gate"]


class Gate:
    """Hands out slots for requests, first to the portal that holds the fewest.

    Attributes:
        places: the number of slots.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, portal: str = "") -> None:
        """Wait for a slot for one request to `portal`; release it with `give_back`."""
        if self._free > 0:
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
        """Release the slot of a finished request."""
        self._held[portal] -= 1
        self._free += 1
        self._hand_out()

    def resize(self, places: int) -> None:
        """Change the number of slots; those in use beyond it are not handed out again."""
        self._free += places - self.places
        self.places = places
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free > 0 and self._waiting:
            name = min(self._waiting, key=self._held.__getitem__)
            queue = self._waiting[name]
            place = queue.popleft()
            if not queue:
                del self._waiting[name]
            if not place.done():
                self._free -= 1
                self._held[name] += 1
                place.set_result(None)


class Admission(Protocol):
    """Admits the requests of one reading of a fan-out."""

    async def enter(self) -> None:
        """Wait until this reading may request more."""

    @property
    def closed(self) -> bool:
        """Whether the reading may not request more now."""

    async def take(self) -> None:
        """Wait for a slot for one request about to be sent; release it with `give_back`."""

    def give_back(self) -> None:
        """Release the slot of a finished request."""

    def received(self, size: int) -> None:
        """Record the bytes that a request received."""

    def shared(self) -> Admission:
        """Return the admission of a request whose response other readings also wait for.

        It does not wait for room in memory, because the reading that has to free the room may be
        one of those waiting for this response.
        """
