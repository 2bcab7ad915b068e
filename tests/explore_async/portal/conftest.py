"""Fixtures of the portal tests: stores are filled once per session, portals run per test."""

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
    """A store with the sample datasets."""
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
    """A client of a portal with the sample datasets, whose time is noon on 29 August 2026 UTC."""
    async with serve(samples, clock=lambda: NOW) as url, aiohttp.ClientSession() as session:
        yield Asker(url, session)


@pytest.fixture
async def ask_cities(cities: Store) -> AsyncIterator[Asker]:
    """A client of a portal with the cities of the world."""
    async with serve(cities) as url, aiohttp.ClientSession() as session:
        yield Asker(url, session)
