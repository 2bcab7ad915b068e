"""The table of failures that are retried.

The table classifies each failure; `Retry` sets how often to retry and how long to wait; the loop in
`call` applies both. A caller's hook takes precedence over the table.
"""

from __future__ import annotations

import enum
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.errors import (
    APIError,
    ConnectError,
    DecodeError,
    ExploreError,
    NameResolutionError,
    ProxyError,
    RequestTimeout,
    TLSError,
    TooLargeError,
    TruncatedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from explore_async.http.policy import Retry

__all__ = ["BY_CLASS", "BY_STATUS", "Decision", "Step", "next_step"]


class Decision(enum.Enum):
    """How to handle a failure."""

    RETRY = "retry"
    """Send the request again after a wait of its own."""
    THROTTLE = "throttle"
    """Send the request again after a pause of the whole client."""
    SLOW_DOWN = "slow down"
    """Retry after a pause of the whole client, and send less from then on."""
    ONCE = "once"
    """Send the request once more: a proxy may have spoiled one response, but hardly two."""
    FAIL = "fail"
    """Raise the error: the same request would fail again."""


BY_STATUS: Mapping[int, Decision] = MappingProxyType(
    {
        407: Decision.FAIL,
        429: Decision.SLOW_DOWN,
        500: Decision.RETRY,
        502: Decision.RETRY,
        503: Decision.SLOW_DOWN,
        504: Decision.RETRY,
    }
)
"""The decision by the status of an error response; FAIL for any other status."""

BY_CLASS: tuple[tuple[type[ExploreError], Decision], ...] = (
    (TLSError, Decision.FAIL),
    (NameResolutionError, Decision.RETRY),
    (ProxyError, Decision.RETRY),
    (ConnectError, Decision.SLOW_DOWN),
    (RequestTimeout, Decision.RETRY),
    (TruncatedError, Decision.RETRY),
    (TooLargeError, Decision.FAIL),
    (DecodeError, Decision.ONCE),
)
"""The decision by class, for failures without an error response; the first match counts."""


@frozen
class Step:
    """The next step after a failure.

    Attributes:
        decision: the kind of failure.
        wait: seconds before the next attempt, or None to raise the error.
    """

    decision: Decision
    wait: float | None


_RAISE = Step(Decision.FAIL, None)


def next_step(
    error: ExploreError,
    *,
    retry: Retry,
    attempt: int,
    counted: int,
    elapsed: float,
    chance: float,
) -> Step:
    """Return the next step; a pure function except for the caller's hook.

    Args:
        error: the failure of the attempt.
        retry: the policy.
        attempt: the number of attempts made, from 1.
        counted: those that count towards `retry.attempts` if the server was overloaded.
        elapsed: seconds since the first attempt began, without queueing time.
        chance: a random number in [0, 1).
    """
    ruled = retry.hook(error) if retry.hook is not None else None
    decision = _decide(error, ruled)
    if decision is Decision.FAIL or (decision is Decision.ONCE and attempt > 1):
        return _RAISE
    if ruled is not None and not isinstance(ruled, bool):
        return Step(decision, retry.within(ruled, attempt=attempt, elapsed=elapsed))
    asked = error.retry_after if isinstance(error, APIError) else None
    if asked is not None:
        # A wait named by the server applies to the whole server, not to this one request.
        decision = Decision.THROTTLE
    if decision is Decision.SLOW_DOWN:
        attempt = max(1, counted)
    wait = retry.delay(attempt=attempt, elapsed=elapsed, asked=asked, chance=chance)
    return Step(decision, wait)


def _decide(error: ExploreError, ruled: bool | float | None) -> Decision:
    if ruled is None:
        return _by_table(error)
    if ruled is False or (ruled is not True and not math.isfinite(ruled)):
        return Decision.FAIL
    known = _by_table(error)
    return known if known is Decision.SLOW_DOWN and ruled is True else Decision.RETRY


def _by_table(error: ExploreError) -> Decision:
    if isinstance(error, APIError) or (isinstance(error, ProxyError) and error.status):
        return BY_STATUS.get(error.status or 0, Decision.FAIL)
    return next((known for kind, known in BY_CLASS if isinstance(error, kind)), Decision.FAIL)
