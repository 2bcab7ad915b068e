"""A small portal for the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async.portal import PortalField, Store
from tests.explore_async.cli.shell import ROWS
from tests.explore_async.doubles import served

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = (
    PortalField("name", "text", "Name"),
    PortalField("country", "text", "Country", annotations={"facet": []}),
    PortalField("population", "int", "Population"),
)
DATED = {"default": {"data_processed": "2026-01-01T00:00:00+00:00"}}


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The URL of a portal in a separate thread, because commands run their own event loops."""
    declared = [{"name": "name", "type": "text", "annotations": {"facet": True}}]
    with Store() as store:
        store.add("odd", [{"name": "1_uai", "type": "text"}], [{"1_uai": "\x9b31m"}])
        store.add("cities", FIELDS, ROWS)
        trees = [{"name": f"tree {number:03}"} for number in range(150)]
        store.add("trees", declared, trees, metas=DATED)
        store.add(
            "many", declared, [{"name": f"{number}"} for number in range(10_001)], metas=DATED
        )
        store.add(
            "places", [{"name": "at", "type": "geo_point_2d"}], [{"at": {"lon": 2.5, "lat": 48.5}}]
        )
        with served(store) as address:
            yield address
