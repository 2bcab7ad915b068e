"""A portal with five datasets, and a client that gives up at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async import Retry
from tests.explore_async.harvest.mirroring.mirrors import five

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from explore_async import ExploreClient
    from explore_async.testing import Portal


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    """A portal with five datasets."""
    async with five() as one:
        yield one


@pytest.fixture
async def client(portal: Portal) -> AsyncIterator[ExploreClient]:
    """A client that gives up at once."""
    async with portal.client(retry=Retry.never()) as one:
        yield one


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with two documents."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "guide.pdf").write_bytes(b"guide")
    (folder / "map.png").write_bytes(b"map")
    return folder
