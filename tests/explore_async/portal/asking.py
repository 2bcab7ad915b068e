"""Helpers of the portal tests: GET requests over loopback, and the sample datasets."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from explore_async.portal import Store

RECORDED = Path(__file__).parents[2] / "fidelity" / "recorded"
NOW = datetime(2026, 8, 29, 12, 0, tzinfo=UTC)
GEONAMES = "datasets/geonames-all-cities-with-a-population-1000"


@frozen
class Answer:
    """An HTTP response with a decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def results(self) -> list[dict[str, Any]]:
        """The rows of a successful response."""
        assert self.status == 200, self.body
        rows: list[dict[str, Any]] = self.json["results"]
        return rows


@frozen
class Asker:
    """Sends requests to a portal."""

    url: str
    session: aiohttp.ClientSession

    async def get(
        self,
        path: str,
        *repeated: tuple[str, str],
        accepting: str = "gzip",
        **parameters: str | int,
    ) -> Answer:
        """GET a path below the catalog; `repeated` holds parameters that occur more than once.

        `accepting` is the content coding that the client accepts.
        """
        pairs = [*repeated, *((name, str(value)) for name, value in parameters.items())]
        headers = {"accept-encoding": accepting}
        url = f"{self.url}/api/explore/v2.1/catalog/{path}"
        async with self.session.get(url, params=pairs, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ids(self, where: str, **parameters: str) -> list[int]:
        """Return the identifiers of the things that match a condition."""
        answer = await self.get("datasets/things/records", where=where, select="id", **parameters)
        return [row["id"] for row in answer.results]


def recorded(name: str) -> Any:
    """Return a recorded JSON body."""
    return json.loads((RECORDED / name).read_text(encoding="utf-8"))


def fill_samples(store: Store) -> None:
    """Add the sample datasets: recorded rows of two portals, and `things` of nearly all types."""
    _add_velib(store)
    _add_trees(store)
    store.add("things", THINGS_FIELDS, THINGS, metas={"default": {"title": "Things"}})


def _add_velib(store: Store) -> None:
    rows = recorded("velib-fi/01-records.json")["results"]
    kinds = {
        "duedate": "datetime",
        "coordonnees_geo": "geo_point_2d",
        **dict.fromkeys(
            ("capacity", "numdocksavailable", "numbikesavailable", "mechanical", "ebike"), "int"
        ),
    }
    fields = [{"name": name, "type": kinds.get(name, "text")} for name in rows[0]]
    store.add("velib", fields, rows)


def _add_trees(store: Store) -> None:
    """Add the records of the recorded CSV, with the recorded schema."""
    described = recorded("vancouver/metadata-public-trees.json")
    text = (RECORDED / "vancouver/data-public-trees-csv.csv").read_text(encoding="utf-8")
    rows = [tree(row) for row in csv.DictReader(text.splitlines(), delimiter=";")]
    store.add("public-trees", described["fields"], rows, metas=described["metas"])


def tree(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of the recorded CSV in the form of records."""
    latitude, longitude = map(float, row["geo_point_2d"].split(", "))
    geometry = json.loads(row["geom"])
    return {
        **row,
        "asset_id": int(row["asset_id"]),
        "height_m": float(row["height_m"]),
        "diameter_cm": float(row["diameter_cm"]),
        "geom": {"type": "Feature", "geometry": geometry, "properties": {}},
        "geo_point_2d": {"lon": longitude, "lat": latitude},
    }


THINGS_FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "int", "label": "Identifier"},
    {"name": "name", "type": "text", "label": "Its name"},
    {"name": "tags", "type": "text", "annotations": {"multivalued": ",", "facet": True}},
    {"name": "size", "type": "double"},
    {"name": "day", "type": "date", "annotations": {"facet": True}},
    {"name": "moment", "type": "datetime"},
    {"name": "open", "type": "boolean"},
    {"name": "place", "type": "geo_point_2d"},
    {"name": "shape", "type": "geo_shape"},
    {"name": "path", "type": "text", "annotations": {"hierarchical": "/"}},
    {"name": "code", "type": "text", "annotations": {"disjunctive": True}},
    {"name": "year", "type": "date", "precision": "year"},
]

THINGS: list[dict[str, Any]] = [
    {
        "id": 1,
        "name": "Café des Arts",
        "tags": ["a", "b"],
        "size": 1.5,
        "day": "2026-08-28",
        "moment": "2026-08-28T22:30:00+00:00",
        "open": True,
        "place": {"lon": 2.3522, "lat": 48.8566},
        "shape": {
            "type": "Feature",
            "geometry": {"coordinates": [2.3522, 48.8566], "type": "Point"},
            "properties": {},
        },
        "path": "europe/france/paris",
        "code": "44035",
        "year": "2025",
    },
    {
        "id": 2,
        "name": "Old Mill Museum",
        "tags": ["b"],
        "size": 10.0,
        "day": "2026-08-29",
        "moment": "2026-08-29T00:00:00+00:00",
        "open": False,
        "place": {"lon": 4.8357, "lat": 45.764},
        "path": "europe/france/lyon",
        "code": "69123",
        "year": "2024",
    },
    {
        "id": 3,
        "name": 'mill street; the "narrow" one',
        "tags": ["c"],
        "size": -2.0,
        "day": "2026-09-30",
        "moment": "2026-08-30T12:00:00.250000+00:00",
        "place": {"lon": -1.5536, "lat": 47.2184},
        "path": "america/us",
        "code": "44035",
    },
    {"id": 4},
]
