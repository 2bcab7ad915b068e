"""Deadlines for any number of attempts, with one timer.

Each attempt has two limits: its total time, and the time without a byte received. With
`asyncio.timeout` and a socket timeout this takes four timers per page, which cost as much as all
the client's other work on a page. Here an attempt only records its deadline, and one timer, set for
the earliest deadline, cancels the attempts whose deadline has passed.

A deadline that passes cancels the task, as `asyncio.timeout` does; `Deadline.over` distinguishes
that from any other cancellation.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from typing import Any

__all__ = ["CURRENT", "Deadline", "Deadlines"]

CURRENT: ContextVar[Deadline | None] = ContextVar("explore_async_deadline", default=None)
"""The deadline of the current request, for the connector to extend once it has connected."""


class Deadlines:
    """The deadlines of one client, in one event loop.

    Attributes:
        running: the deadlines of attempts and waits in progress.
        naps: those of them that belong to waits.
        due: the time of the next check; infinity if none is scheduled.
    """

    def __init__(self) -> None:
        self.running: set[Deadline] = set()
        self.naps: set[Deadline] = set()
        self.due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, *, whole: float, quiet: float) -> Deadline:
        """Start the deadline of an attempt by the current task; end it with `over`.

        Args:
            whole: seconds for the whole attempt.
            quiet: seconds allowed without a byte, from the first `heard` on.

        Raises:
            RuntimeError: there is no current task to cancel.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("A request must be awaited in an asyncio task.")
        deadline = Deadline(self, loop, task, whole=whole, quiet=quiet)
        self.running.add(deadline)
        if deadline.ends < self.due:
            self.look_at(deadline.ends, loop)
        return deadline

    def nap(self) -> Deadline:
        """Start a deadline that only `close` reaches, for a wait with no request in flight."""
        napping = self.begin(whole=math.inf, quiet=math.inf)
        self.naps.add(napping)
        return napping

    def look_at(self, moment: float, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule a check of all deadlines for `moment`."""
        self._unset()
        self.due = moment
        self._timer = loop.call_at(moment, self._look, loop)

    def close(self) -> None:
        """End all naps, and stop the timer unless an attempt is in progress."""
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
    """The deadline of one attempt.

    Attributes:
        ends: the deadline, on the event loop's clock; it moves as bytes arrive.
        last: the latest value of `ends`.
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
        """Move the deadline, because a connection was made or bytes arrived."""
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
        """End the deadline, and return whether it alone cancelled the task."""
        self._owner.running.discard(self)
        self._owner.naps.discard(self)
        # The task holds its context, which holds this deadline: break the reference cycle.
        task, self._task = self._task, None
        if task is None or not self._reached:
            return False
        return task.uncancel() <= self._cancelling
