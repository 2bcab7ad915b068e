"""The fixtures of the client's tests, including the check that no fault leaks resources."""

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
