"""The fixtures of the client's tests, with the rule that none of the faults leaves anything."""

from tests.explore_async.conftest import (
    client,
    clock,
    held,
    nothing_left,
    portal,
    sessions,
    temporary,
)

__all__ = ["client", "clock", "held", "nothing_left", "portal", "sessions", "temporary"]
