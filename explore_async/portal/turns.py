"""Whose turn it is: many clients share a few threads, and none can take them all."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextvars import ContextVar

__all__ = ["CLIENT", "Turns"]

CLIENT: ContextVar[str] = ContextVar("client", default="")
"""Who the current request is from.

It is the address of the client. A middleware that has checked a key may add it; one that was not
checked would let a client be many.
"""


class Turns:
    """Gives out `most` turns at once; the client with the fewest goes first.

    The last free turn is kept for a client that has none, so at most `most - 1` are for one client.
    All calls are from one event loop.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, client: str) -> None:
        """Wait for a turn, which the caller gives back.

        A caller that is cancelled while it waits has no turn.
        """
        if self._may_take(client):
            self._grant(client)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(client, turn)
            else:  # the turn came at the same moment
                self.give_back(client)
            raise

    def give_back(self, client: str) -> None:
        """End a turn, and let those who wait have it."""
        self._free += 1
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]
        while self._waiting:
            # Of several with the fewest turns, the one who has waited longest comes first.
            first = min(self._waiting, key=lambda one: self._taken[one])
            if not self._may_take(first):
                return
            turn = self._waiting[first][0]
            self._forget(first, turn)
            if not turn.cancelled():
                self._grant(first)
                turn.set_result(None)

    def _may_take(self, client: str) -> bool:
        kept = 1 if self._taken[client] else 0
        return self._free > kept

    def _grant(self, client: str) -> None:
        self._free -= 1
        self._taken[client] += 1

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        """Take a turn off the queue; the client goes to the end of the clients."""
        turns = self._waiting.pop(client, deque())
        if turn in turns:
            turns.remove(turn)
        if turns:
            self._waiting[client] = turns
