"""Units of work: plain values that any machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from attrs import evolve

from explore_async.errors import TotalCountDriftError
from explore_async.harvest.partitions import Partition
from explore_async.harvest.units import Unit, fetch
from explore_async.models import DatasetField
from odsql import F, Query
from tests.explore_async.harvest.trees import multiset, trees

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async import ExploreClient

QUERY = (
    Query()
    .select("number, kind, height, planted, seen, names, place")
    .where((F.number >= 20) & (F.kind != 'it\'s "so"'))
    .refine("kind:oak", "kind:óak")
    .exclude("kind:a&b=c")
    .order_by(F.number.desc())
    .timezone("Europe/Paris")
    .lang("fr")
)
UNIT = Unit(
    url="https://data.example.org/api/explore/v2.1",
    dataset_id="trees",
    query=tuple(QUERY.params()),
    paged=False,
    partition=Partition(number=3, where="number >= 20", expected=17),
    accept=False,
    file_format="jsonl",
    compression=None,
    misfits="null",
    fields=(
        DatasetField(
            name="number", label="Number", type="int", description=None,
            annotations={"facet": []}, extra={"unit": "m"},
        ),
        DatasetField(
            name="kind", label="Kind", type="text", description="Its kind", annotations={},
        ),
    ),
    columns=("number", "kind"),
)  # fmt: skip


def test_a_unit_is_the_same_after_json() -> None:
    """With everything that the portal said of the fields."""
    assert Unit.from_json(orjson.loads(orjson.dumps(UNIT.to_json()))) == UNIT


def test_the_query_of_a_unit_is_that_of_the_harvest() -> None:
    """In each of its clauses."""
    from urllib.parse import urlencode

    assert Query.from_url(f"?{urlencode(UNIT.query)}").params() == QUERY.params()


def unit_for(client: ExploreClient, expected: int, **changes: Any) -> Unit:
    """Return a unit of the trees with numbers below 10, of which there are 30."""
    return evolve(
        UNIT,
        url=client.base_url,
        query=(("where", "number < 10"),),
        partition=Partition(number=0, where="number < 10", expected=expected),
        **changes,
    )


@pytest.mark.parametrize("paged", [False, True], ids=["export", "pages"])
async def test_a_unit_is_all_that_is_needed_to_fetch_it(
    client: ExploreClient, tmp_path: Path, paged: bool
) -> None:
    """Its file has the rows of the partition."""
    unit = unit_for(client, 30, paged=paged)
    written, partition = await fetch(client.dataset(unit.dataset_id), unit, tmp_path / "rows")
    assert written.rows == partition.expected == 30
    rows = [orjson.loads(line) for line in (tmp_path / "rows").read_bytes().splitlines()]
    assert multiset(rows) == multiset(trees(30))


async def test_another_number_of_rows_is_accepted_only_if_it_is_wanted(
    client: ExploreClient, tmp_path: Path
) -> None:
    """And only if the portal counts it, too."""
    dataset = client.dataset("trees")
    with pytest.raises(TotalCountDriftError, match="had 31 rows when the harvest was planned"):
        await fetch(dataset, unit_for(client, 31), tmp_path / "rows")
    _, partition = await fetch(dataset, unit_for(client, 31, accept=True), tmp_path / "rows")
    assert partition.expected == 30
