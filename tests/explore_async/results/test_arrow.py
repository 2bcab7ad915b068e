"""Arrow columns keep a value unchanged, widen it by rule, or refuse it; they never alter it."""

from __future__ import annotations

import asyncio
import math
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from explore_async import Converter, DatasetField, DecodeError
from explore_async.results.arrow import table
from tests.explore_async.doubles import files_in, json_body

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async import ExploreClient
    from tests.explore_async.doubles import FakePortal

MOMENT = datetime(2021, 4, 1, 5, tzinfo=UTC)


async def column(
    client: ExploreClient, portal: FakePortal, values: list[object], **options: Any
) -> list[object]:
    """Return column `a` of a jsonl export of these values, read in batches of one row."""
    portal.rows = [{"a": value} for value in values]
    async with client.dataset("trees").export("jsonl") as stream:
        batches = [batch async for batch in stream.batches(size=1, **options)]
    assert len({batch.schema for batch in batches}) == 1
    return [row["a"] for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("first", "later"),
    [(1, 2.5), (1, True), (True, 1), (1, "7"), (1.5, "x"), ([1], [2.5]), ({"b": 1}, {"b": 2.5})],
    ids=str,
)
async def test_a_later_batch_of_another_type_is_refused(
    client: ExploreClient, portal: FakePortal, first: object, later: object
) -> None:
    """2.5 must not become 2 because earlier batches held integers."""
    with pytest.raises(DecodeError, match="a does not fit its column"):
        await column(client, portal, [first, first, later])


async def test_an_integer_is_widened_where_floats_came_before(
    client: ExploreClient, portal: FakePortal
) -> None:
    """It stays the same number; an integer that no float can hold is refused."""
    assert await column(client, portal, [0.5, 2, None]) == [0.5, 2.0, None]
    with pytest.raises(DecodeError, match="a does not fit its column"):
        await column(client, portal, [0.5, 2**53 + 1])


async def test_anything_is_its_json_text_where_text_came_before(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The JSON text loses nothing."""
    values: list[object] = ["x", 7, True, {"b": [1]}, None]
    assert await column(client, portal, values) == ["x", "7", "true", '{"b":[1]}', None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.date32(), 1.5),
        (pa.timestamp("us", tz="UTC"), 1),
        (pa.int32(), 1.5),
        (pa.float32(), 0.1),
        (pa.struct([("b", pa.int64())]), {"b": 1, "c": 2}),
    ],
    ids=str,
)
async def test_columns_that_were_asked_for_change_no_value(
    client: ExploreClient, portal: FakePortal, kind: pa.DataType, value: object
) -> None:
    """They drop no key of an object either."""
    with pytest.raises(DecodeError, match="a does not fit its column"):
        await column(client, portal, [value], schema=pa.schema([("a", kind)]))


async def test_a_typed_column_refuses_what_is_not_of_its_field(
    client: ExploreClient, portal: FakePortal
) -> None:
    """An average can have the name of the field and not be an integer."""
    info = {"dataset_id": "trees", "fields": [{"name": "a", "label": "A", "type": "int"}]}
    portal.rows = [{"a": 1}, {"a": 2.5}]

    def override(request: web.Request) -> web.Response | None:
        return json_body(info) if request.path.endswith("/trees") else None

    portal.override = override
    with pytest.raises(DecodeError, match=r"2\.5 cannot be kept as int64"):
        await client.dataset("trees").records(typed=True).to_arrow()


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5],
        [1, None],
        [math.inf, 1],
        [{"b": 1}, {"b": 2.5, "c": None}, {}],
        [[1], [2.5], []],
        [date(2021, 4, 1), None],
        [MOMENT, MOMENT.astimezone(timezone(timedelta(hours=2)))],
        [Decimal("0.10"), Decimal(2)],
    ],
    ids=str,
)
def test_values_with_a_common_type_share_it(values: list[object]) -> None:
    """The column returns equal values."""
    found = table([{"a": value} for value in values])
    assert not pa.types.is_string(found.schema.field("a").type)
    for value, kept in zip(values, found["a"].to_pylist(), strict=True):
        assert kept == value or value.items() <= kept.items()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "values",
    [[1, "x"], [1.5, True], [2**53 + 1, 2.5], [2**64], [date(2021, 4, 1), MOMENT]],
    ids=str,
)
def test_values_without_a_common_type_are_text(values: list[object]) -> None:
    """No value is forced into the type of another."""
    found = table([{"a": value} for value in values])["a"].to_pylist()
    assert found == [v if isinstance(v, str) else _text(v) for v in values]


def parquet() -> bytes:
    """Return a Parquet file of ten rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": list(range(10))}), sink)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
async def test_batches_need_no_thread_of_the_event_loop(
    client: ExploreClient, portal: FakePortal, kind: str
) -> None:
    """Those resolve host names, and a user's work may keep them busy."""
    over = threading.Event()
    if kind == "parquet":
        portal.override = lambda request: web.Response(body=parquet())
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as only:
        loop.set_default_executor(only)
        busy = loop.run_in_executor(None, over.wait)
        try:
            async with asyncio.timeout(5), client.dataset("trees").export(kind) as stream:
                assert sum([batch.num_rows async for batch in stream.batches(size=4)]) == 10
        finally:
            over.set()
        await busy


@pytest.mark.parametrize(
    "body",
    [b"PAR1 no Parquet at all \x0c\0\0\0PAR1", b"PAR1" + parquet()[90:]],
    ids=["other", "cut inside"],
)
async def test_broken_parquet_is_an_error_of_this_package(
    client: ExploreClient,
    portal: FakePortal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
) -> None:
    """It says what to do next, and the temporary file is removed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    portal.override = lambda request: web.Response(body=body)
    async with client.dataset("trees").export("parquet") as stream:
        with pytest.raises(DecodeError, match="Parquet export cannot be read"):
            await anext(stream.batches())
    assert files_in(tmp_path) == []


async def test_batches_left_early_leave_no_file(
    client: ExploreClient,
    portal: FakePortal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The temporary file is removed with its reader."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    portal.override = lambda request: web.Response(body=parquet())
    async with client.dataset("trees").export("parquet") as stream:
        async with aclosing(stream.batches(size=1)) as batches:
            assert (await anext(batches)).num_rows == 1
            assert files_in(tmp_path) != []
    assert files_in(tmp_path) == []


def test_nan_is_kept() -> None:
    """NaN does not equal itself, but that is not a change."""
    (first, second) = table([{"a": math.nan}, {"a": 1}])["a"].to_pylist()
    assert math.isnan(first)
    assert second == 1


def _text(value: object) -> str:
    return orjson.dumps(value).decode() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("type_", "annotations", "decimals", "sent", "expected"),
    [
        ("double", {}, True, "0.1234567890123456789", "0.1234567890123456789"),
        ("decimal", {}, False, "[1.10]", '["1.10"]'),
        ("decimal", {"multivalued": ","}, False, "[1.10, null]", ["1.10", None]),
        ("geo_shape", {}, False, '{"v": 1180591620717411303424}', '{"v":1180591620717411303424}'),
        ("text", {}, False, '{"v": {"w": [1, true]}}', '{"v":{"w":[1,true]}}'),
    ],
)
async def test_a_converted_value_without_an_arrow_type_is_text(
    client: ExploreClient,
    portal: FakePortal,
    type_: str,
    annotations: dict[str, object],
    decimals: bool,
    sent: str,
    expected: object,
) -> None:
    """With all its digits, also in a list and in an object."""
    one = DatasetField(name="a", label="a", type=type_, description=None, annotations=annotations)
    converter = Converter(fields=(one,), decimals=decimals)
    body = b'{"total_count": 1, "results": [{"a": %b}]}' % sent.encode()
    portal.override = lambda request: web.Response(body=body)
    found = await client.dataset("trees").records(typed=converter).to_arrow()
    assert found.column("a").to_pylist() == [expected]


async def test_rows_without_columns_are_counted(client: ExploreClient, portal: FakePortal) -> None:
    """A select of a field that is always missing gives such rows."""
    portal.rows = [{}, {}]
    assert (await client.dataset("trees").records().to_arrow()).num_rows == 2
    async with client.dataset("trees").export("jsonl") as stream:
        assert [batch.num_rows async for batch in stream.batches()] == [2]
