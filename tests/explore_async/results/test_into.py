"""`into=`: rows in a class, wherever rows come out."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
import pytest

from explore_async import ConfigurationError, DecodeError, ExploreClient, GeoPoint, MisfitError
from explore_async.results.class_plans import plan_of
from explore_async.results.into import ClassPages, ClassRows, Into
from explore_async.results.misfits import Misfits
from explore_async.testing import Portal
from odsql import F, Field, Query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FIELDS: list[dict[str, Any]] = [
    {"name": "1_uai", "type": "text"},
    {"name": "height", "type": "double"},
    {"name": "count", "type": "int"},
    {"name": "kind", "type": "text"},
    {"name": "tags", "type": "text", "annotations": {"multivalued": True}},
    {"name": "day", "type": "date"},
    {"name": "place", "type": "geo_point_2d"},
]
ROWS: list[dict[str, Any]] = [
    {
        "1_uai": f"tree {number}",
        "height": number + 0.5,
        "count": number,
        "kind": "oak" if number % 3 else "elm",
        "tags": ["a", "b"],
        "day": "2024-01-31",
        "place": {"lon": 2.5, "lat": 48.0},
    }
    for number in range(250)
]


@attrs.frozen(kw_only=True)
class Tree:
    """A row of the dataset."""

    uai: Annotated[str, Field("1_uai")]
    height: float
    count: int
    tags: list[str]
    place: GeoPoint


@attrs.frozen
class Oak:
    """A row that only some fit."""

    kind: Literal["oak"]
    count: int


TREES = [
    Tree(
        uai=row["1_uai"],
        height=row["height"],
        count=row["count"],
        tags=row["tags"],
        place=GeoPoint(lon=2.5, lat=48.0),
    )
    for row in ROWS
]
OAKS = [Oak("oak", row["count"]) for row in ROWS if row["kind"] == "oak"]


@pytest.fixture
async def trees() -> AsyncIterator[Portal]:
    async with Portal({"trees": ROWS}, fields={"trees": FIELDS}) as portal:
        yield portal


@pytest.fixture
async def client(trees: Portal) -> AsyncIterator[ExploreClient]:
    async with trees.client() as client:
        yield client


async def test_records_come_out_in_the_class(client: ExploreClient) -> None:
    """As a list, one by one, in pages, the first page, the first row, and from several readings."""
    records = client.dataset("trees").records(into=Tree)
    assert await records.to_list() == TREES
    assert [row async for row in records] == TREES
    assert [row async for page in records.pages() for row in page.rows] == TREES
    assert (await records).rows == TREES[:100]
    assert await records.first() == TREES[0]
    assert await client.gather_records([records, records]) == [TREES, TREES]


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
async def test_exports_give_the_same_rows(client: ExploreClient, file_format: str) -> None:
    """Those of CSV, too, whose cells are read by the schema."""
    async with client.dataset("trees").export(file_format, into=Tree) as stream:
        assert [row async for row in stream.rows()] == TREES


@attrs.frozen
class Whole:
    """A row with values of every type that CSV writes in another way."""

    is_open: bool | None
    number: int | None
    text: str | None
    blob: Any


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
async def test_cells_are_what_json_has(file_format: str) -> None:
    """Null, true and objects."""
    fields = [
        {"name": "is_open", "type": "boolean"},
        {"name": "number", "type": "int"},
        {"name": "text", "type": "text"},
        {"name": "blob", "type": "json_blob"},
    ]
    rows: list[dict[str, Any]] = [
        {"is_open": True, "number": 5, "text": "5", "blob": {"a": [1, "x"]}},
        {"is_open": False, "number": None, "text": None, "blob": None},
        {"is_open": None, "number": -7, "text": "true", "blob": [1]},
    ]
    async with Portal({"trees": rows}, fields={"trees": fields}) as portal:
        async with portal.client() as client:
            async with client.dataset("trees").export(file_format, into=Whole) as stream:
                found = [attrs.asdict(row) async for row in stream.rows()]
    assert found == rows


async def test_export_csv_reads_its_own_dialect(client: ExploreClient) -> None:
    export = client.dataset("trees").export_csv(delimiter="|", list_separator="/", into=Tree)
    async with export as stream:
        assert [row async for row in stream.rows()] == TREES


async def test_the_class_is_the_projection(trees: Portal, client: ExploreClient) -> None:
    """Of a query without `select`; the schema is requested once."""
    dataset = client.dataset("trees")
    await dataset.records(Query(where=F.count > 5), into=Tree).first()
    await dataset.records(into=Tree, select="height, count, `1_uai`, tags, place, day").first()
    asked = [one.params.get("select") for one in trees.requests if one.path.endswith("/records")]
    assert asked == [
        "`1_uai`, height, `count`, tags, place",
        "height, `count`, `1_uai`, tags, place, `day`",
    ]
    assert sum(one.path.endswith("/trees") for one in trees.requests) == 1


@attrs.frozen
class Misspelt:
    """A class with a field that is not there."""

    heigth: float


@attrs.frozen
class MisspeltDefault:
    """A class whose default would stand for every value."""

    heigth: float = 0.0


@attrs.frozen
class Counted:
    """A class with a default."""

    kind: str
    count: int = -1


@attrs.frozen
class Total:
    """A row of groups."""

    kind: str
    total: int


@attrs.frozen
class Computed:
    """A row with labels, some of which are also fields."""

    kind: str
    total: int
    height: float


@attrs.frozen
class Days:
    """A row whose number has the name of a date."""

    kind: str
    day: int


@attrs.frozen
class KindOnly:
    """A row of groups that are not counted."""

    kind: str


@attrs.frozen
class Shape:
    """A row with a shape."""

    shape: dict[str, Any]


@attrs.frozen
class Technical:
    """A row with its identifier."""

    recordid: str


@attrs.frozen
class Price:
    """A row with numbers."""

    name: str
    exact: Decimal
    price: float | None


GROUPS = [Total("elm", 84), Total("oak", 166)]


async def test_an_unknown_field_is_an_error_before_the_first_page(
    trees: Portal, client: ExploreClient
) -> None:
    dataset = client.dataset("trees")
    with pytest.raises(ConfigurationError, match=r"Misspelt asks for heigth.* mean height"):
        await dataset.records(into=Misspelt).to_list()
    async with dataset.export("jsonl", into=Misspelt) as stream:
        with pytest.raises(ConfigurationError, match="heigth"):
            [row async for row in stream.rows()]
    assert [one.path for one in trees.requests] == ["/catalog/datasets/trees"]


async def test_labels_of_the_query_are_fields_of_the_class(client: ExploreClient) -> None:
    dataset = client.dataset("trees")
    query = Query(select="kind, count(*) as total", group_by="kind", order_by="kind")
    assert await dataset.records(query, into=Total).to_list() == GROUPS
    with pytest.raises(ConfigurationError, match="Total asks for total"):
        await dataset.records(into=Total, select="kind").to_list()


async def test_a_query_may_leave_out_what_has_a_default(client: ExploreClient) -> None:
    """But not what a row must have, and the dataset must know both."""
    dataset = client.dataset("trees")
    assert await dataset.records(into=Counted, select="kind").first() == Counted("elm")
    with pytest.raises(ConfigurationError, match="asks for kind, which the query leaves out"):
        await dataset.records(into=Counted, select="`count`").first()
    with pytest.raises(ConfigurationError, match=r"MisspeltDefault asks for heigth.* mean height"):
        await dataset.records(into=MisspeltDefault).first()


async def test_a_query_that_groups_is_no_projection_of_the_class(
    trees: Portal, client: ExploreClient
) -> None:
    """Its rows have what it groups by."""
    rows = await client.dataset("trees").records(into=KindOnly, group_by="kind").to_list()
    assert {one.kind for one in rows} == {"elm", "oak"}
    assert [one.params.get("select") for one in trees.requests if "limit" in one.params] == [None]


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
async def test_exports_read_what_a_query_computes(client: ExploreClient, file_format: str) -> None:
    """A column of CSV that has no type is what the class wants; an alias has that of its field."""
    dataset = client.dataset("trees")
    grouped = Query(
        select="kind, count(*) as total, avg(height) as height", group_by="kind", order_by="kind"
    )
    async with dataset.export(file_format, grouped, into=Computed) as stream:
        assert [row async for row in stream.rows()] == [
            Computed("elm", 84, 125.0),
            Computed("oak", 166, 125.0),
        ]
    numbers = "`count` as kind, `count` as total, height as height"
    async with dataset.export(file_format, into=Computed, select=numbers) as stream:
        with pytest.raises(MisfitError, match="kind must be str, but holds 0"):
            await anext(stream.rows())
    relabelled = Query(select="kind, count(*) as `day`", group_by="kind", order_by="kind")
    async with dataset.export(file_format, relabelled, into=Days) as stream:
        assert [row async for row in stream.rows()] == [Days("elm", 84), Days("oak", 166)]


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
async def test_a_shape_is_the_same_in_every_export(file_format: str) -> None:
    shape = {"type": "Point", "coordinates": [2.5, 48.0]}
    fields = {"trees": [{"name": "shape", "type": "geo_shape"}]}
    async with Portal({"trees": [{"shape": shape}]}, fields=fields) as portal:
        async with portal.client() as client:
            dataset = client.dataset("trees")
            expected = await dataset.records(into=Shape).to_list()
            async with dataset.export(file_format, into=Shape) as stream:
                assert [row async for row in stream.rows()] == expected
    assert expected == [Shape({"type": "Feature", "geometry": shape, "properties": {}})]


@pytest.mark.parametrize("select", [None, "recordid", "*, recordid"])
async def test_a_class_may_ask_for_what_portals_know_of_each_row(
    client: ExploreClient, select: str | None
) -> None:
    """No schema has these fields."""
    dataset = client.dataset("trees")
    (row,) = await dataset.records(into=Technical, select=select, max_rows=1).to_list()
    assert len(row.recordid) == 40
    with pytest.raises(ConfigurationError, match="asks for recordid"):
        await dataset.records(into=Technical, select="*").first()


def test_numbers_keep_their_digits_beside_a_nan() -> None:
    """And texts that contain one stay as they are."""
    row = rb'{"name":"\u00e9 \"NaN","exact":0.12345678901234567890,"price":-Infinity,"more":NaN}'
    schema: Any = None
    into = Into.of(Price, "raise", None, dataset_id="trees", schema=schema)
    rows = ClassRows(into=into, fields=(), list_separator=",", misfits=Misfits())
    rows.restore({}, row)
    expected = Price('\xe9 "NaN', Decimal("0.12345678901234567890"), None)
    assert rows.exact_row({}) == expected


async def test_a_misfit_is_one_error_that_says_what_came(client: ExploreClient) -> None:
    """The rows before it are delivered, and `resume` continues after it."""
    records = client.dataset("trees").records(into=Oak, order_by="count", where="count > 0")
    got = []
    with pytest.raises(MisfitError) as caught:
        async for row in records:
            got.append(row)
    assert got == OAKS[:2]
    error: MisfitError = pickle.loads(pickle.dumps(caught.value))
    assert (error.row, error.field, error.wanted, error.came) == (
        2,
        "kind",
        "Literal['oak']",
        '"elm"',
    )
    assert error.url is not None
    assert error.status == 200
    assert "/records?" in error.url
    assert await records.resume().first() == OAKS[2]


@pytest.mark.parametrize("mode", ["skip", "collect"])
async def test_misfits_that_are_left_out_are_counted_and_logged(
    client: ExploreClient, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    records = client.dataset("trees").records(into=Oak, misfits=mode)
    assert await records.to_list() == OAKS
    assert records.misfits.count == 84
    assert len(records.misfits.errors) == (84 if mode == "collect" else 1)
    assert [row async for row in records] == OAKS
    assert [row async for page in records.pages() for row in page.rows] == OAKS
    assert records.misfits.count == 84
    assert await records.first() == OAKS[0]
    assert [one.row for one in records.misfits][:1] == [0]
    assert "Row 0 does not fit Oak" in caplog.text
    assert caplog.text.count("A row is left out") == 5  # once a reading; `first` needs two


async def test_the_row_of_a_misfit_is_its_index_in_the_result(client: ExploreClient) -> None:
    query = Query(offset=1)
    records = client.dataset("trees").records(query, into=Oak, misfits="collect", page_size=10)
    await records.to_list()
    wrong = [number for number in range(1, 250) if number % 3 == 0]
    assert [one.row for one in records.misfits] == wrong


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
async def test_misfits_of_exports_are_raised_or_counted(
    client: ExploreClient, file_format: str
) -> None:
    dataset = client.dataset("trees")
    async with dataset.export(file_format, into=Oak, misfits="collect") as stream:
        assert [row async for row in stream.rows()] == OAKS
    assert stream.misfits.count == stream.rows_received - len(OAKS) == 84
    assert [one.row for one in stream.misfits][:2] == [0, 3]
    async with dataset.export(file_format, into=Oak) as stream:
        with pytest.raises(MisfitError, match="Row 0 does not fit Oak: kind must be") as caught:
            [row async for row in stream.rows()]
    assert caught.value.url == stream.url


async def test_a_record_by_its_identifier_comes_out_in_the_class(client: ExploreClient) -> None:
    dataset = client.dataset("trees")
    first = await dataset.records(select="recordid", where="count = 0").first()
    assert first is not None
    record_id = str(first["recordid"])
    assert await dataset.record(record_id, into=Tree) == TREES[0]
    with pytest.raises(MisfitError, match=r"^The row does not fit Oak"):
        await dataset.record(record_id, into=Oak)


def test_what_is_no_page_of_rows_is_an_error() -> None:
    """And what a server adds to a page is kept."""
    pages = ClassPages(plan_of(KindOnly))
    page = pages.page(
        pages.decode(b'{"total_count":1,"results":[{"kind":"oak"}],"links":[]}'), offset=0, limit=1
    )
    assert (page.rows, page.extra) == ([KindOnly("oak")], {"links": []})
    for wrong in (b"[]", b"{}", b'{"results":[5]}', b'{"results":{}}', b'{"results":null}'):
        with pytest.raises(DecodeError, match=r"response|row|results"):
            pages.page(pages.decode(wrong), offset=0, limit=1)


async def test_wrong_uses_are_refused_before_anything_is_sent(
    trees: Portal, client: ExploreClient
) -> None:
    dataset = client.dataset("trees")
    wrong: Any = dataset
    uses: list[Callable[[], object]] = [
        lambda: wrong.records(into=int),
        lambda: wrong.records(into=Tree, misfits="drop"),
        lambda: wrong.records(into=Tree, typed=True),
        lambda: wrong.records(misfits="skip"),
        lambda: wrong.export("csv", into=Tree, use_labels=True),
    ]
    for use in uses:
        with pytest.raises(ConfigurationError):
            use()
    with pytest.raises(ConfigurationError, match="cannot become a table"):
        await dataset.records(into=Tree).to_arrow()
    async with dataset.export("jsonl", into=Tree) as stream:
        with pytest.raises(ConfigurationError, match="makes columns"):
            await stream.to_arrow()
    assert trees.requests == []
