"""`geo_cluster`: which points are together, compared with plain Python and published values."""

from __future__ import annotations

import json
import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.portal import Store, serve
from explore_async.portal.clusters import clusters
from tests.explore_async.portal.asking import Asker, recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

Position = tuple[float, float]

longitudes = st.floats(-180, 180).map(lambda value: round(value, 3))
latitudes = st.floats(-85, 85).map(lambda value: round(value, 3))
around = st.floats(-1, 1).map(lambda value: round(value, 4))
date_line = st.sampled_from([-180.0, -179.75, 179.5, 179.75, 180.0])
positions = st.one_of(
    st.tuples(longitudes, latitudes), st.tuples(around, around), st.tuples(date_line, around)
)

PARIS: list[Position] = [
    (2.454929, 48.821578), (2.245858, 48.86914), (2.240358, 48.863481), (2.25292, 48.847176),
    (2.279111, 48.872383), (2.336267, 48.822021), (2.338677, 48.822672), (2.336643, 48.822493),
    (2.438465, 48.84204), (2.381554, 48.835382), (2.407744, 48.83733), (2.34521, 48.849358),
    (2.252938, 48.846041), (2.279715, 48.871775), (2.380629, 48.879757),
]  # fmt: skip
"""The points of the example of the vendor's plugin of Elasticsearch, with its results below."""


def geohash(position: Position, level: int) -> str:
    """Halve the longitudes and the latitudes in turn; the bits say which half has the point."""
    ends = [[-180.0, 180.0], [-90.0, 90.0]]
    bits = ""
    for turn in range(5 * level):
        low, high = ends[turn % 2]
        middle = (low + high) / 2
        upper = position[turn % 2] >= middle
        ends[turn % 2] = [middle, high] if upper else [low, middle]
        bits += "01"[upper]
    return bits


def level_of(metres: float) -> int:
    """Count the bits that the narrowest cell needs, and the levels that have so many."""
    bits = math.ceil(40_075_016.7 * math.sqrt(1.25) / metres).bit_length()
    return min(12, 2 * (bits // 5) + (bits % 5 > 0) + (bits % 5 > 3))


def metres_between(one: Position, other: Position) -> float:
    """Measure the angle between two unit vectors."""
    vectors = []
    for longitude, latitude in (one, other):
        turn, up = math.radians(longitude), math.radians(latitude)
        vectors.append((math.cos(up) * math.cos(turn), math.cos(up) * math.sin(turn), math.sin(up)))
    return 2 * 6_371_008.7714 * math.asin(min(1.0, math.dist(*vectors) / 2))


def merged(listed: Sequence[Position], zoom: int, radius: float) -> list[list[int]]:
    """Compare all groups with each other, in the order of their geohashes from the greatest."""
    metres = radius * 40_075_016.7 / (256 * 2**zoom)
    cells: dict[str, list[int]] = {}
    for at, position in enumerate(listed):
        cells.setdefault(geohash(position, level_of(metres)), []).append(at)

    def centre(group: list[int]) -> Position:
        return fmean(listed[at][0] for at in group), fmean(listed[at][1] for at in group)

    waiting = [cells[cell] for cell in sorted(cells, reverse=True)]
    found = []
    while waiting:
        group, *others = waiting
        waiting = []
        for other in others:
            one, two = centre(group), centre(other)
            if metres_between(one, two) <= metres * math.cos(math.radians((one[1] + two[1]) / 2)):
                group = [*group, *other]
            else:
                waiting.append(other)
        found.append(sorted(group))
    return found


def members(numbers: Sequence[int]) -> list[list[int]]:
    return [
        [at for at, number in enumerate(numbers) if number == one]
        for one in range(max(numbers, default=-1) + 1)
    ]


def points(listed: Sequence[Position]) -> list[dict[str, float]]:
    return [{"lon": lon, "lat": lat} for lon, lat in listed]


@given(
    listed=st.lists(positions, max_size=40),
    zoom=st.integers(0, 12),
    radius=st.sampled_from([7, 40, 90]),
)
def test_groups_of_a_geohash_grid_are_merged_if_their_centres_are_near(
    listed: list[Position], zoom: int, radius: float
) -> None:
    """As the reference describes; only groups around one another are compared."""
    assert members(clusters(points(listed), zoom, radius)) == merged(listed, zoom, radius)


@pytest.mark.parametrize("zoom", range(13))
@pytest.mark.parametrize("radius", [7, 40, 90])
def test_the_180th_meridian_is_no_border(zoom: int, radius: float) -> None:
    """Groups on both sides of it are merged as others are, however the world is divided."""
    listed = [(lon, lat / 4) for lon in (-180.0, -179.7, 179.5, 180.0) for lat in range(-3, 4)]
    assert members(clusters(points(listed), zoom, radius)) == merged(listed, zoom, radius)


@pytest.mark.parametrize(
    ("zoom", "sizes"), [(0, [15]), (1, [15]), (9, [9, 6]), (11, [1, 2]), (25, [1])]
)
def test_the_first_clusters_are_the_published_ones(zoom: int, sizes: list[int]) -> None:
    """The number of points in each, in the published order."""
    found = members(clusters(points(PARIS), zoom, 40))
    assert [len(one) for one in found[: len(sizes)]] == sizes
    assert len(found) == {0: 1, 1: 1, 9: 2, 11: 9, 25: 15}[zoom]


async def clustered(ask: Asker, listed: Sequence[Position | None], **query: str) -> list[Any]:
    rows = [{"n": at, "p": one and {"lon": one[0], "lat": one[1]}} for at, one in enumerate(listed)]
    with Store() as store:
        store.add("x", [{"name": "n", "type": "int"}, {"name": "p", "type": "geo_point_2d"}], rows)
        async with serve(store) as url:
            return (await Asker(url, ask.session).get("datasets/x/records", **query)).results


async def test_a_cluster_shows_the_published_mean_of_its_points(ask: Asker) -> None:
    """The greatest geohash comes first; records without a point are a group of their own."""
    found = await clustered(
        ask, [None, *PARIS], group_by="geo_cluster(p, 9) as c", select="count(*) as n, sum(n) as s"
    )
    centres = [row["c"] and row["c"]["cluster_centroid"] for row in found]
    assert centres == [
        None,
        pytest.approx({"lat": 48.83695897646248, "lon": 2.380013056099415}, abs=1e-7),
        pytest.approx({"lat": 48.86166598415002, "lon": 2.258483301848173}, abs=1e-7),
    ]
    assert [(row["n"], row["s"]) for row in found] == [(1, 0), (9, 79), (6, 41)]


async def test_only_records_that_match_are_clustered(ask: Asker) -> None:
    """A filtered record begins no cluster and is in no mean; other keys divide a cluster."""
    found = await clustered(
        ask,
        [(0.0, 0.0), (0.2, 0.0), (0.4, 0.0)],
        group_by="geo_cluster(p, 5, 100), n",
        where="n > 0",
    )
    key = "geo_cluster(p, 5, 100)"
    assert found == [
        {key: {"cluster_centroid": {"lat": 0.0, "lon": pytest.approx(0.3)}}, "n": number}
        for number in (1, 2)
    ]


async def test_clusters_are_laid_out_as_recorded(ask: Asker) -> None:
    """Key by key: the label as typed, then the centroid with its latitude first, then the count."""
    expected = recorded("velib-fi/20-group_by-geo_cluster.json")["results"][0]
    found = await clustered(
        ask, [(2.3, 48.8)], group_by="GEO_CLUSTER(p,10)", select="count(*)", limit="1"
    )
    assert json.dumps(found[0]).replace("(p,", "(coordonnees_geo,") == json.dumps(
        {
            **expected,
            "GEO_CLUSTER(coordonnees_geo,10)": {"cluster_centroid": {"lat": 48.8, "lon": 2.3}},
            "count(*)": 1,
        }
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("geo_cluster(place, 26)", "a whole zoom from 0 to 25"),
        ("geo_cluster(place, 1.5)", "a whole zoom from 0 to 25"),
        ("geo_cluster(place, 10, 0)", "a positive radius"),
        ("geo_cluster(name, 10)", "name is not a geographic field"),
    ],
)
async def test_the_arguments_of_geo_cluster(ask: Asker, text: str, reason: str) -> None:
    """The zoom is from 0 to 25, the radius is positive, and the field has points."""
    answer = await ask.get("datasets/things/records", group_by=text)
    assert (answer.status, answer.json["error_code"]) == (400, "ODSQLError")
    assert reason in answer.json["message"]
