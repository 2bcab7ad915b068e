"""The fixture `explore_portal` of pytest, for tests with and without an event loop."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from explore_async.testing.portal import Portal


@pytest.fixture
def explore_portal() -> Iterator[Callable[..., Portal]]:
    """A function that starts a local portal for this test.

    It takes the arguments of `explore_async.testing.Portal`, and may be called more than once. The
    portal runs in a thread of its own, so the test may be a coroutine or not.
    """
    from explore_async.testing.portal import Portal

    with ExitStack() as running:

        def start(*arguments: Any, **options: Any) -> Portal:
            return running.enter_context(Portal(*arguments, **options))

        yield start
