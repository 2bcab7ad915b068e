"""Typed rows, data frames, and typed rows of exports in every format with rows."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web

from explore_async import (
    ConfigurationError,
    Converter,
    DatasetInfo,
    DecodeError,
    ExploreClient,
    GeoPoint,
    MissingExtraError,
    TruncatedError,
)
from tests.explore_async.doubles import json_body

if TYPE_CHECKING:
    from tests.explore_async.doubles import FakePortal

TYPES = {
    "day": "date",
    "at": "datetime",
    "place": "geo_point_2d",
    "size": "double",
    "count": "int",
    "tags": "text",
}
FIELDS = [
    {
        "name": name,
        "label": name.title(),
        "type": kind,
        "annotations": {"multivalued": True} if name == "tags" else {},
    }
    for name, kind in TYPES.items()
]
INFO = {"dataset_id": "trees", "fields": FIELDS}
RAW = {
    "day": "2021-04-01",
    "at": "2024-12-12T10:27:18+00:00",
    "place": {"lon": 2.5, "lat": 48.0},
    "size": 30.30000000000001,
    "count": 3,
    "tags": ["a", 'b "},{'],
}
TYPED = {
    **RAW,
    "day": date(2021, 4, 1),
    "at": datetime(2024, 12, 12, 10, 27, 18, tzinfo=UTC),
    "place": GeoPoint(lon=2.5, lat=48.0),
}
EMPTY = dict.fromkeys(RAW)
CSV = (
    "\ufeffday;at;place;size;count;tags\r\n2021-04-01;2024-12-12T10:27:18+00:00;"
    '48.0, 2.5;30.30000000000001;3;"a|b ""},{"\r\n;;;;;"x\ny"\r\n'
)


@pytest.fixture
def answering(portal: FakePortal) -> FakePortal:
    """Return a portal with the schema above, two rows, and their exports."""
    bodies = {
        "csv": CSV.encode(),
        "json": orjson.dumps([RAW, EMPTY]).replace(b"30.30000000000001", b"NaN"),
        "jsonl": orjson.dumps(RAW) + b"\n" + orjson.dumps(EMPTY) + b"\n",
    }

    def override(request: web.Request) -> web.Response | None:
        kind = request.path.rpartition("/")[2]
        if kind in bodies:
            return web.Response(body=bodies[kind], content_type="application/octet-stream")
        return json_body(INFO) if kind == "trees" else None

    portal.rows = [RAW, EMPTY]
    portal.override = override
    return portal


@pytest.mark.parametrize(
    "text", ["2021-04-01T00:00:00+00:00", "2021-04-01T00:00:00Z", "2021-04-01T00:00:00.000Z"]
)
async def test_a_date_that_is_sent_as_midnight_is_that_day(
    client: ExploreClient, answering: FakePortal, text: str
) -> None:
    """No zone applies to a day, so it is not shifted."""
    answering.rows = [{**RAW, "day": text}]
    assert await client.dataset("trees").records(typed=True).to_list() == [TYPED]


@pytest.mark.parametrize("text", ["2021-04-01T01:00:00+00:00", "2021-04-01T00:00:00+02:00"])
def test_a_date_with_a_time_or_a_zone_does_not_fit(text: str) -> None:
    """Which day it is cannot be told."""
    with pytest.raises(DecodeError, match="day has type date"):
        Converter.from_info(DatasetInfo.from_json(INFO)).row({"day": text})


async def test_records_are_typed_when_asked(client: ExploreClient, answering: FakePortal) -> None:
    """The schema is requested once."""
    trees = client.dataset("trees")
    assert await trees.records().to_list() == [RAW, EMPTY]
    assert await trees.records(typed=True).to_list() == [TYPED, EMPTY]
    assert (await trees.records(typed=True)).rows == [TYPED, EMPTY]
    assert await trees.records(typed=True).first() == TYPED
    assert [path for path, _ in answering.requests].count("/catalog/datasets/trees") == 1


def test_decimals_keep_the_digits_and_misfits_are_loud() -> None:
    """A year alone stays a string, because Python has no type for it."""
    info = DatasetInfo.from_json(INFO)
    converter = Converter.from_info(info, decimals=True)
    assert converter.row(RAW)["size"] == Decimal("30.30000000000001")
    assert converter.row({"day": "2025", "at": None, "year": 1})["day"] == "2025"
    with pytest.raises(DecodeError, match="day has type date"):
        converter.row({"day": "yesterday"})
    kept = Converter.from_info(info, misfits="keep")
    assert kept.row({"day": "yesterday"}) == {"day": "yesterday"}


async def rows(client: ExploreClient, kind: str, **options: Any) -> list[dict[str, object]]:
    """Return the rows of an export."""
    async with client.dataset("trees").export(kind, **options) as stream:
        return [row async for row in stream.rows()]


async def test_exports_are_typed_in_every_format_of_rows(
    client: ExploreClient, answering: FakePortal
) -> None:
    """This includes CSV in any dialect."""
    assert await rows(client, "jsonl", typed=True) == [TYPED, EMPTY]
    assert await rows(client, "json", typed=True, nan_as_null=True) == [
        {**TYPED, "size": None},
        EMPTY,
    ]
    export = client.dataset("trees").export_csv(list_separator="|", typed=True)
    async with export as stream:
        found = [row async for row in stream.rows()]
    assert found == [TYPED, {**EMPTY, "tags": ["x\ny"]}]
    assert (await rows(client, "csv"))[0]["count"] == "3"


DIGITS = (
    b'{"size": 0.1234567890123456789012, "count": 123456789012345678901234567890, '
    b'"tags": [1.10, -98765432109876543210], "place": {"lon": 2.5, "lat": 0.10000000000000000001}}'
)
NUMBERS = {"size": "double", "count": "int", "tags": "decimal", "place": "geo_shape"}


@pytest.mark.parametrize("kind", ["jsonl", "json"])
async def test_numbers_of_exports_keep_the_digits_that_were_sent(
    client: ExploreClient, portal: FakePortal, kind: str
) -> None:
    """This applies to decimals and integers; plain rows hold floats."""
    body = DIGITS + b"\n" if kind == "jsonl" else b"[" + DIGITS + b"]"
    portal.override = lambda request: web.Response(
        body=body, content_type="application/octet-stream"
    )
    fields = [{"name": name, "label": name, "type": kind} for name, kind in NUMBERS.items()]
    info = DatasetInfo.from_json({"dataset_id": "trees", "fields": fields})
    (row,) = await rows(client, kind, typed=Converter.from_info(info, decimals=True))
    assert row == {
        "size": Decimal("0.1234567890123456789012"),
        "count": 123456789012345678901234567890,
        "tags": [Decimal("1.10"), -98765432109876543210],
        "place": {"lon": 2.5, "lat": 0.1},
    }
    assert isinstance(row["count"], int)
    assert str(row["tags"][0]) == "1.10"  # type: ignore[index]
    (plain,) = await rows(client, kind)
    assert plain["size"] == 0.12345678901234568


def test_integers_of_a_list_keep_the_digits_that_were_sent() -> None:
    converter = Converter.from_info(DatasetInfo.from_json(INFO))
    raw = b'{"count": [123456789012345678901234567890, 1, 2.5, null]}'
    # A float of this size is another number.
    assert converter.exact(raw) == {"count": [123456789012345678901234567890, 1, 2.5, None]}


def test_an_integer_that_was_rounded_is_a_misfit() -> None:
    """A decoded row has lost the digits; an average with the field's name is kept."""
    converter = Converter.from_info(DatasetInfo.from_json(INFO))
    assert converter.rows([{"count": 3}, {"count": 2.5}]) == [{"count": 3}, {"count": 2.5}]
    for rounded in (12345678901234567890123.0, [1, 2.0**63], -(2.0**63)):
        with pytest.raises(DecodeError, match=r"count has type int.*rounded.*typed=") as caught:
            converter.row({"count": rounded})
        assert caught.value.status == 200
    assert converter.row({"count": [1, 2.5]}) == {"count": [1, 2.5]}


def test_values_of_an_alias_of_the_same_name_stay_unchanged() -> None:
    """Such as a number of days instead of a day."""
    converter = Converter.from_info(DatasetInfo.from_json(INFO), decimals=True)
    alias = {"day": 5, "at": True, "place": "here", "size": {"a": 1}, "count": "3"}
    assert converter.row(alias) == alias


def test_a_cell_that_does_not_match_its_field_is_named() -> None:
    info = DatasetInfo.from_json(INFO)
    with pytest.raises(DecodeError, match="day has type date, but holds 'yesterday'"):
        Converter.from_info(info).text_row({"day": "yesterday"})
    kept = Converter.from_info(info, misfits="keep").text_row({"day": "yesterday", "count": "3"})
    assert kept == {"day": "yesterday", "count": 3}


def test_each_value_of_a_multivalued_field_is_converted() -> None:
    converter = Converter.from_info(DatasetInfo.from_json(INFO), decimals=True)
    row = {"day": ["2021-04-01", "2021", None], "size": [0.5, 1, None, True]}
    assert converter.row(row) == {
        "day": [date(2021, 4, 1), "2021", None],
        "size": [Decimal("0.5"), Decimal(1), None, True],
    }


def test_a_converter_takes_no_other_way_with_misfits() -> None:
    with pytest.raises(ConfigurationError, match=r"misfits is 'drop'; it must be"):
        Converter(fields=(), misfits="drop")  # type: ignore[arg-type]


async def test_nan_is_read_as_null_only_when_asked(
    client: ExploreClient, answering: FakePortal
) -> None:
    """A bare NaN is not JSON."""
    with pytest.raises(DecodeError, match="nan_as_null"):
        await rows(client, "json")


@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_a_cut_export_is_an_error(
    client: ExploreClient, portal: FakePortal, kind: str
) -> None:
    """Any cut is found, except one after a CSV line, which only counting reveals."""
    whole = b'a;b\r\n1;"x\r\ny"\r\n' if kind == "csv" else b'[{"a": 1},{"b": "},{"}]'
    for end in range(1, len(whole)):
        if kind == "csv" and whole[:end].endswith(b"\n") and whole[:end].count(b'"') % 2 == 0:
            continue
        portal.override = (
            lambda request, end=end: web.Response(  # type: ignore[misc]
                body=whole[:end], content_type="application/octet-stream"
            )
        )
        with pytest.raises(TruncatedError):
            await rows(client, kind)


async def test_frames_have_the_types_of_the_schema(
    client: ExploreClient, answering: FakePortal
) -> None:
    """pandas and Polars get them through Arrow."""
    records = client.dataset("trees").records(typed=True)
    table = await records.to_arrow()
    assert [str(one.type) for one in table.schema][:2] == ["date32[day]", "timestamp[us, tz=UTC]"]
    assert table.to_pylist()[0]["place"] == {"lon": 2.5, "lat": 48.0}
    assert (await records.to_pandas()).shape == (2, 6)
    assert (await records.to_polars()).shape == (2, 6)
    assert (await client.dataset("trees").records().to_arrow()).num_rows == 2


async def test_batches_have_one_schema(client: ExploreClient, answering: FakePortal) -> None:
    """This holds even if a column is all null in the first batch."""
    async with client.dataset("trees").export("jsonl", typed=True) as stream:
        batches = [batch async for batch in stream.batches(size=1)]
    assert [batch.num_rows for batch in batches] == [1, 1]
    assert batches[0].schema == batches[1].schema


async def test_parquet_is_read_in_batches(client: ExploreClient, portal: FakePortal) -> None:
    """The export goes through a temporary file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": list(range(10))}), sink)
    body = sink.getvalue().to_pybytes()
    portal.override = lambda request: web.Response(body=body)
    async with client.dataset("trees").export_parquet() as stream:
        found = [batch.num_rows async for batch in stream.batches(size=4)]
    assert sum(found) == 10


async def test_a_missing_package_is_named_with_its_extra(
    client: ExploreClient, portal: FakePortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is raised before anything is sent."""
    for package, extra in (("pandas", "pandas"), ("polars", "polars"), ("pyarrow", "parquet")):
        monkeypatch.setitem(sys.modules, package, None)
        records = client.dataset("trees").records()
        read = records.to_arrow if package == "pyarrow" else getattr(records, f"to_{package}")
        with pytest.raises(MissingExtraError, match=rf"explore-async\[{extra}\]"):
            await read()
    assert not portal.requests
