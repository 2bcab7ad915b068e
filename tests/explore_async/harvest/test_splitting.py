"""Splitting: parts that fit, that hold each row once, with few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explore_async.errors import ConfigurationError
from explore_async.harvest.counting import Counter
from explore_async.harvest.partitions import joined
from explore_async.harvest.splitting import Part, Splitter, candidates
from explore_async.portal import PortalField
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.harvest.trees import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async import ExploreClient
    from explore_async.dataset import Dataset

KINDS = {
    "int": st.integers(-(2**40), 2**40) | st.integers(-5, 5),
    "double": st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.sampled_from([0.1, 0.3]),
    "date": st.dates().map(str),
    "datetime": st.datetimes().map(lambda one: f"{one.isoformat()}+00:00"),
    "text": st.text("aoé'\"% \\", max_size=4),
}


async def split(
    dataset: Dataset, most: int, by: Sequence[str] = (), timezone: str | None = None
) -> tuple[list[Part], Counter]:
    """Return the parts of a dataset, and who counted them."""
    counter = Counter(dataset, Query(timezone=timezone))
    splitter = Splitter(counter, most)
    fields = (await dataset.info()).fields
    ranked = await splitter.ranked(candidates(fields, by), chosen=bool(by))
    return await splitter.split(Part((), await counter.rows()), ranked), counter


async def assert_exact(dataset: Dataset, parts: list[Part]) -> None:
    """Check the parts as the portal sees them: their counts, and each row in one of them."""
    everything = await dataset.records(order_by="id").to_list()
    found = []
    for part in parts:
        rows = await dataset.records(where=joined(part.slices)).to_list()
        assert len(rows) == part.rows
        found += rows
    assert sorted(found, key=lambda row: int(str(row["id"]))) == everything


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(data=st.data(), most=st.integers(1, 6))
async def test_each_row_is_in_one_part(kind: str, data: st.DataObject, most: int) -> None:
    """For values of every type, nulls among them, as the portal compares them."""
    values: list[Any] = data.draw(st.lists(KINDS[kind] | st.none(), min_size=1, max_size=30))
    rows = [{"id": number, "value": value} for number, value in enumerate(values)]
    fields = [PortalField("id", "int", "id"), PortalField("value", kind, "value")]  # type: ignore[arg-type]
    async with Portal({"some": rows}, fields={"some": fields}) as portal, portal.client() as client:
        dataset = client.dataset("some")
        parts, _ = await split(dataset, most, ["value", "id"])
        assert all(part.rows <= most for part in parts)
        await assert_exact(dataset, parts)


@pytest.mark.parametrize("name", ["number", "height", "planted", "seen", "kind"])
async def test_parts_of_every_type_fit(client: ExploreClient, name: str) -> None:
    """Half of the trees are oaks, which the next field cuts."""
    parts, _ = await split(client.dataset("trees"), 100, [name, "number"])
    assert sum(part.rows for part in parts) == 1_000
    assert max(part.rows for part in parts) <= 100


@pytest.mark.parametrize("timezone", ["Europe/Paris", "America/St_Johns", "Asia/Kathmandu"])
async def test_a_time_zone_changes_no_row(client: ExploreClient, timezone: str) -> None:
    """Bounds are instants, also where buckets begin at the hours of another zone."""
    dataset = client.dataset("trees")
    parts, _ = await split(dataset, 100, ["seen", "planted", "number"], timezone)
    for part in parts:
        query = Query(where=joined(part.slices), timezone=timezone)
        assert await dataset.records(query).count() == part.rows
    assert sum(part.rows for part in parts) == 1_000
    assert max(part.rows for part in parts) <= 100


async def test_values_that_are_spread_take_few_requests_and_parts(client: ExploreClient) -> None:
    """One request tells the ends, one counts all buckets."""
    parts, counter = await split(client.dataset("trees"), 100, ["number"])
    assert len(parts) <= 12
    assert counter.requests <= 5


async def test_crowded_values_take_fewer_than_three_requests_for_a_part() -> None:
    """Buckets of one width would be empty but one."""
    rows = [{"value": 2.0 ** -(number / 10)} for number in range(1_000)]
    async with Portal({"some": rows}) as portal, portal.client() as client:
        parts, counter = await split(client.dataset("some"), 50, ["value"])
    assert sum(part.rows for part in parts) == 1_000
    assert len(parts) <= 1.2 * 20
    assert counter.requests < 3 * len(parts)


async def test_without_buckets_parts_are_bisected(
    client: ExploreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portal may refuse range()."""

    async def refuse(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(Counter, "histogram", refuse)
    for name in ("number", "height", "planted", "seen"):
        parts, counter = await split(client.dataset("trees"), 100, [name, "number"])
        assert sum(part.rows for part in parts) == 1_000
        assert max(part.rows for part in parts) <= 100
        assert counter.requests < 3 * len(parts)


async def test_texts_with_too_many_values_are_counted_by_prefix(
    client: ExploreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portal returns 20,000 groups."""

    async def too_many(*_: object) -> None:
        return None

    monkeypatch.setattr(Counter, "texts", too_many)
    parts, _ = await split(client.dataset("trees"), 300, ["kind", "number"])
    assert sum(part.rows for part in parts) == 1_000
    assert max(part.rows for part in parts) <= 300
    for part in parts:
        counted = await client.dataset("trees").records(where=joined(part.slices)).count()
        assert counted == part.rows


async def test_fields_with_the_most_different_values_come_first(client: ExploreClient) -> None:
    """Numbers and dates before texts."""
    dataset = client.dataset("trees")
    splitter = Splitter(Counter(dataset, Query()), 100)
    ranked = await splitter.ranked(candidates((await dataset.info()).fields), chosen=False)
    assert {one.name for one in ranked[:2]} == {"height", "number"}
    assert ranked[-1].name == "kind"


async def test_one_value_that_no_field_cuts_stays_whole() -> None:
    """The plan says what that means."""
    rows = [{"a": 1, "b": "x"} for _ in range(50)]
    async with Portal({"some": rows}) as portal, portal.client() as client:
        parts, _ = await split(client.dataset("some"), 10)
    assert [part.rows for part in parts] == [50]


@pytest.mark.parametrize("name", ["names", "place", "absent"])
def test_a_field_that_cannot_cut_is_refused(name: str) -> None:
    """A row with several values could be in two parts."""
    with pytest.raises(ConfigurationError, match="number, kind, height, planted, seen"):
        candidates(FIELDS, [name])  # type: ignore[arg-type]
