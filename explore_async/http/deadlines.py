"""Until when an attempt may take, for any number of them, with one timer.

Each attempt has two limits: one for the whole of it, and one for how long no byte may come. With
`asyncio.timeout` and a timeout of the socket, that would be four timers for each page, which cost
as much as all else that a page costs this client. Here an attempt only writes down when it must
have ended, and a timer that is set for the first of those moments looks whether any has come.

A reached limit cancels the task, as `asyncio.timeout` does, and `Deadline.over` tells that from a
cancellation by somebody else.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from typing import Any

__all__ = ["CURRENT", "Deadline", "Deadlines"]

CURRENT: ContextVar[Deadline | None] = ContextVar("explore_async_deadline", default=None)
"""The deadline of the request that is sent here; for who hears of its connection."""


class Deadlines:
    """The deadlines of one client, in one event loop.

    Attributes:
        running: those of the attempts under way.
        naps: those of the waits between them.
        due: when it will look next whether any has been reached; infinity for never.
    """

    def __init__(self) -> None:
        self.running: set[Deadline] = set()
        self.naps: set[Deadline] = set()
        self.due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, *, whole: float, quiet: float) -> Deadline:
        """The deadline of an attempt that the current task begins now; end it with `over`.

        Args:
            whole: seconds for all of it.
            quiet: seconds in which more must be heard, once something was.

        Raises:
            RuntimeError: no task runs that could be cancelled.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("A request must be awaited in a task of asyncio.")
        deadline = Deadline(self, loop, task, whole=whole, quiet=quiet)
        self.running.add(deadline)
        if deadline.ends < self.due:
            self.look_at(deadline.ends, loop)
        return deadline

    def nap(self) -> Deadline:
        """A deadline that only `close` reaches, for a wait in which nothing is on its way."""
        napping = self.begin(whole=math.inf, quiet=math.inf)
        self.naps.add(napping)
        return napping

    def look_at(self, moment: float, loop: asyncio.AbstractEventLoop) -> None:
        """Look then whether any has been reached."""
        self._unset()
        self.due = moment
        self._timer = loop.call_at(moment, self._look, loop)

    def close(self) -> None:
        """End all naps, and leave no timer behind, unless something runs."""
        for napping in tuple(self.naps):
            napping.reach()
        if not self.running:
            self._unset()

    def _unset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self.due = None, math.inf

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._unset()
        now = loop.time()
        for deadline in [one for one in self.running if one.ends <= now]:
            deadline.reach()
        moment = min((one.ends for one in self.running), default=math.inf)
        if moment < math.inf:
            self.look_at(moment, loop)


class Deadline:
    """When one attempt must have ended.

    Attributes:
        ends: the moment, on the clock of the event loop; it moves while bytes come.
        last: the moment that it never passes.
    """

    __slots__ = ("_cancelling", "_loop", "_owner", "_quiet", "_reached", "_task", "ends", "last")

    def __init__(
        self,
        owner: Deadlines,
        loop: asyncio.AbstractEventLoop,
        task: asyncio.Task[Any],
        *,
        whole: float,
        quiet: float,
    ) -> None:
        self._owner = owner
        self._loop = loop
        self._task: asyncio.Task[Any] | None = task
        self._cancelling = task.cancelling()
        self._quiet = quiet
        self._reached = False
        self.ends = self.last = loop.time() + whole

    def heard(self) -> None:
        """Something came: the connection stands, or there were bytes."""
        if self._task is None:
            return
        self.ends = min(self.last, self._loop.time() + self._quiet)
        if self.ends < self._owner.due:
            self._owner.look_at(self.ends, self._loop)

    def reach(self) -> None:
        """Cancel the task."""
        self._owner.running.discard(self)
        if self._task is not None:
            self._reached = True
            self._task.cancel()

    def over(self) -> bool:
        """End it; returns whether it, and nobody else, has cancelled the task."""
        self._owner.running.discard(self)
        self._owner.naps.discard(self)
        # A task has its context, which has this: let go of it, or both stay with its result.
        task, self._task = self._task, None
        if task is None or not self._reached:
            return False
        return task.uncancel() <= self._cancelling
