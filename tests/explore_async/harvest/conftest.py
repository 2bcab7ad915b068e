"""A portal with trees, and its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async.testing import Portal
from tests.explore_async.harvest.trees import FIELDS, METAS, trees

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from explore_async import ExploreClient


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    """A portal with 1,000 trees."""
    async with Portal(
        {"trees": trees(1_000)}, fields={"trees": FIELDS}, metas={"trees": METAS}
    ) as one:
        yield one


@pytest.fixture
async def client(portal: Portal) -> AsyncIterator[ExploreClient]:
    """A client of the portal that never really waits."""
    async with portal.client() as one:
        yield one
