"""Fixtures of the portal's tests: stores are filled once, portals live as long as a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from explore_async.portal import Store, load_geonames, serve
from tests.explore_async.portal.asking import NOW, Asker, fill_samples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def samples() -> Iterator[Store]:
    """A store with the small datasets."""
    with Store() as store:
        fill_samples(store)
        yield store


@pytest.fixture(scope="session")
def cities() -> Iterator[Store]:
    """A store with the cities of the world."""
    with Store() as store:
        load_geonames(store)
        yield store


@pytest.fixture
async def ask(samples: Store) -> AsyncIterator[Asker]:
    """Asks a portal over the small datasets; for it, it is noon of 29 August 2026 in UTC."""
    async with serve(samples, clock=lambda: NOW) as url, aiohttp.ClientSession() as session:
        yield Asker(url, session)


@pytest.fixture
async def ask_cities(cities: Store) -> AsyncIterator[Asker]:
    """Asks a portal over the cities of the world."""
    async with serve(cities) as url, aiohttp.ClientSession() as session:
        yield Asker(url, session)
