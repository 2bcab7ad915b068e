"""Failure 30: types that drift between pages and batches, huge numbers, invalid UTF-8.

A declared column keeps its type, and a value of another type is an error. An undeclared column is
as wide as the values known when the first of them is returned.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explore_async import DecodeError, ExploreClient
from tests.explore_async.doubles import FakePortal, Wire, http, json_body, writes

if TYPE_CHECKING:
    from pathlib import Path

arrow = pytest.importorskip("pyarrow")

FIELDS = {
    "int": "int64",
    "double": "double",
    "text": "string",
    "date": "date32[day]",
    "datetime": "timestamp[us, tz=UTC]",
}
INFO = {
    "dataset_id": "trees",
    "fields": [{"name": name, "label": name, "type": name} for name in FIELDS],
}


def holding(portal: FakePortal, name: str, values: list[str]) -> None:
    """Give the dataset one field with these JSON values, one per row."""
    lines = [b'{"%s":%s}' % (name.encode(), value.encode()) for value in values]

    def override(request: web.Request) -> web.Response | None:
        if request.path.endswith("/trees"):
            return json_body(INFO)
        if request.path.endswith("/jsonl"):
            return web.Response(body=b"\n".join([*lines, b""]))
        start = int(request.query["offset"])
        page = b",".join(lines[start : start + int(request.query["limit"])])
        return web.Response(body=b'{"total_count":%d,"results":[%b]}' % (len(lines), page))

    portal.override = override


async def columns(client: ExploreClient, way: str, **options: Any) -> list[Any]:
    """Read a table from one-row pages, or the batches of one row each."""
    trees = client.dataset("trees")
    if way == "pages":
        return [await trees.records(page_size=1, **options).to_arrow()]
    async with trees.export("jsonl", **options) as stream:
        return [batch async for batch in stream.batches(size=1)]


@pytest.mark.parametrize("way", ["pages", "batches"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("int", ["null", "1", "null", "-9223372036854775808", "9223372036854775807"]),
        ("double", ["null", "1", "2.5", "null", "9007199254740992", "1e308"]),
        ("text", ["null", '"a"', '""', '"\\u0000\\u2028"']),
        ("date", ["null", '"2021-04-01"', "null"]),
    ],
)
async def test_30_a_declared_column_keeps_its_type(
    client: ExploreClient, portal: FakePortal, way: str, name: str, values: list[str]
) -> None:
    """The order of values does not matter; an integer among floats keeps its value."""
    holding(portal, name, values)
    found = await columns(client, way, typed=True)
    assert {str(part.schema.field(name).type) for part in found} == {FIELDS[name]}
    kept = [row[name] for part in found for row in part.to_pylist()]
    plain = [orjson.loads(value) for value in values]
    assert [str(value) if name == "date" and value else value for value in kept] == plain


@pytest.mark.parametrize("way", ["pages", "batches"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("int", "2.5"),
        ("int", '"x"'),
        ("int", "9223372036854775808"),
        ("int", "1180591620717411303424"),
        ("double", "9007199254740993"),
        ("double", '"1.5"'),
        ("date", "20210401"),
        ("datetime", "1617235200000000"),
        ("datetime", "999999999999999999"),
    ],
)
async def test_30_a_value_that_is_not_of_its_declared_column_is_one_error(
    client: ExploreClient, portal: FakePortal, way: str, name: str, value: str
) -> None:
    """The error names the field and a remedy, whichever page the value is on."""
    holding(portal, name, ["null", "null", value])
    with pytest.raises(DecodeError, match=rf"\b{name}\b.*(read|plain) rows"):
        await columns(client, way, typed=True)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["null", "1"], "int64"),
        (["null", "1", "2.5"], "double"),
        (["1", "9007199254740993", "0.5"], "string"),
        (["1", '"one"', "null"], "string"),
        (["9223372036854775807", "9223372036854775808"], "string"),
        (["null", "null"], "null"),
    ],
)
async def test_30_a_table_is_as_wide_as_all_of_its_pages(
    client: ExploreClient, portal: FakePortal, values: list[str], kind: str
) -> None:
    """Values without a common type become strings, and no digit is lost."""
    holding(portal, "a", values)
    (table,) = await columns(client, "pages")
    assert str(table.schema.field("a").type) == kind
    kept = table["a"].to_pylist()
    plain = [orjson.loads(value) for value in values]
    assert kept == (plain if kind != "string" else [v if v is None else str(v) for v in plain])


async def test_30_a_first_batch_of_nulls_declares_nothing(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The column has no type, so a later value is an error that names the remedies."""
    holding(portal, "int", ["null", "1"])
    with pytest.raises(DecodeError, match=r"all null.*typed=True.*schema="):
        await columns(client, "batches")
    async with client.dataset("trees").export("jsonl") as stream:
        schema = arrow.schema([("int", arrow.int64())])
        batches = [batch async for batch in stream.batches(size=1, schema=schema)]
    assert [row["int"] for batch in batches for row in batch.to_pylist()] == [None, 1]


async def test_30_an_integer_beyond_64_bits(client: ExploreClient, portal: FakePortal) -> None:
    """It is a float in plain rows, as in other JSON parsers, and exact in typed ones."""
    holding(portal, "int", [str(2**70 + 1)])
    trees = client.dataset("trees")
    assert await trees.records().to_list() == [{"int": float(2**70)}]
    assert await trees.records(typed=True).to_list() == [{"int": 2**70 + 1}]
    async with trees.export("jsonl", typed=True) as stream:
        assert [row async for row in stream.rows()] == [{"int": 2**70 + 1}]


ODD = "Tilia \xe9".encode("latin-1")


@pytest.mark.parametrize("method", ["rows", "batches"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("jsonl", b'{"a":"x"}\n{"a":"' + ODD + b'"}\n'),
        ("json", b'[{"a":"x"},{"a":"' + ODD + b'"}]'),
        ("csv", b"a\r\nx\r\n" + ODD + b"\r\n"),
    ],
)
async def test_30_an_export_that_is_not_utf_8_is_an_error_or_kept_byte_by_byte(
    tmp_path: Path, kind: str, body: bytes, method: str
) -> None:
    """The encoding is not guessed, and the content of a saved file is not checked."""
    async with Wire(writes(http(body))).running() as wire, ExploreClient(wire.url) as client:
        trees = client.dataset("trees")
        with pytest.raises(DecodeError, match=r"Request it again|Request another format"):
            async with trees.export(kind) as stream:
                async for _ in getattr(stream, method)():
                    pass
        async with trees.export(kind) as stream:
            await stream.save(tmp_path / "trees")
    assert (tmp_path / "trees").read_bytes() == body


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3)
NUMBERS = (
    st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(VALUES | st.lists(NUMBERS, max_size=2)) | st.lists(NUMBERS), data=st.data())
def test_30_batches_change_no_value_or_say_that_they_cannot(
    values: list[Any], data: st.DataObject
) -> None:
    """Each value stays equal, becomes a string, or raises an error, in any batch size."""
    size = data.draw(st.integers(1, len(values) + 1))

    async def read() -> list[Any]:
        async with FakePortal().running() as portal:
            portal.rows = [{"a": value} for value in values]
            async with ExploreClient(portal.url) as client:
                async with client.dataset("trees").export("jsonl") as stream:
                    return [batch async for batch in stream.batches(size=size)]

    try:
        batches = asyncio.run(read())
    except DecodeError:
        return
    assert len({batch.schema for batch in batches}) <= 1
    kept = [row["a"] for batch in batches for row in batch.to_pylist()]
    assert len(kept) == len(values)
    for value, one in zip(values, kept, strict=True):
        assert one == value or one == as_text(value)


def as_text(value: object) -> str:
    """Return the value as JSON; numbers as Python prints them, which is JSON too."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if plain else orjson.dumps(value).decode()
