"""Typed rows of pages: both ways of decoding return the same result."""

from contextlib import suppress
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from explore_async import Converter, DatasetField, DecodeError, ExploreClient, GeoPoint
from explore_async.results.typed_pages import TypedRows
from tests.explore_async.doubles import FakePortal

KINDS = {
    "day": "date",
    "at": "datetime",
    "place": "geo_point_2d",
    "size": "decimal",
    "height": "double",
    "count": "int",
    "name": "text",
}


def converter(**options: Any) -> Converter:
    """Return a converter for the fields above."""
    fields = [DatasetField.from_json({"name": name, "type": kind}) for name, kind in KINDS.items()]
    return Converter(fields=tuple(fields), **options)


texts = st.text(max_size=3)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
degrees = st.floats(-180, 180)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=zones)
values = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    st.dates().map(str),
    st.just("2024"),
    moments.map(lambda moment: moment.isoformat()),
    st.just("2024-12-12T10:27:18"),
    st.fixed_dictionaries({"lon": degrees, "lat": degrees}),
    st.lists(st.dates().map(str) | numbers | texts, max_size=2),
)
keys = st.sampled_from([*KINDS, "alias", "2nd"])
pages = st.lists(st.dictionaries(keys, values, max_size=4), max_size=3)


def encoded(rows: list[dict[str, object]]) -> bytes:
    """Encode a page as a server does, with integers of any size, which orjson refuses."""
    texts = ",".join(
        "{" + ",".join(f"{dumped(key)}:{dumped(value)}" for key, value in row.items()) + "}"
        for row in rows
    )
    return f'{{"total_count": {len(rows)}, "results": [{texts}]}}'.encode()


def dumped(value: object) -> str:
    """Encode one value as JSON."""
    if isinstance(value, list):
        return "[" + ",".join(map(dumped, value)) + "]"
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else orjson.dumps(value).decode()


def shown(rows: TypedRows, answer: object) -> list[dict[str, str]]:
    """Return the rows of a response, with the types of their values."""
    page = rows.page(answer, offset=0, limit=100)
    return [{key: repr(value) for key, value in row.items()} for row in page.rows]


@given(page=pages, decimals=st.booleans())
def test_both_ways_give_the_same_rows(page: list[dict[str, object]], decimals: bool) -> None:
    rows = TypedRows(converter(misfits="keep", decimals=decimals))
    body = encoded(page)
    at_once = rows._at_once(body)
    if at_once is not None:
        assert shown(rows, at_once) == shown(rows, rows._in_two_steps(body))


@pytest.mark.parametrize(
    ("body", "at_once"),
    [
        (b'{"total_count": 1, "results": [{"day": "2024-02-01", "n": 1}]}', True),
        (b'{"results": []}', True),
        (b'{"total_count": 1, "results": [{"day": "2024"}]}', False),
        (b'{"total_count": 1, "results": [{"2nd": 1}]}', False),
        (b'{"total_count": 0, "results": [], "links": []}', False),
    ],
)
def test_a_page_that_fits_is_decoded_in_one_step(body: bytes, at_once: bool) -> None:
    assert (type(TypedRows(converter()).decode(body)) is not dict) is at_once


def test_a_page_that_has_the_keys_and_does_not_fit_ends_the_trials() -> None:
    rows = TypedRows(converter())
    good, bad = b'{"results": [{"day": "2024-02-01"}]}', b'{"results": [{"day": "2024"}]}'
    assert [type(rows.decode(body)) is dict for body in (good, bad, good)] == [False, True, True]


def test_a_value_of_another_type_is_told_with_its_field() -> None:
    rows = TypedRows(converter())
    body = encoded([dict.fromkeys(KINDS, None) | {"day": "yesterday"}])
    with pytest.raises(DecodeError, match="day has type date, but holds 'yesterday'"):
        shown(rows, rows.decode(body))


def test_a_large_float_where_an_integer_is_declared_was_rounded_by_nobody() -> None:
    """It can be an average with the name of its field; neither way treats it as a misfit."""
    rows = TypedRows(converter())
    for day in ("2024-02-01", "2024"):
        body = b'{"results": [{"day": "%b", "count": 1e22}]}' % day.encode()
        assert shown(rows, rows.decode(body))[0]["count"] == "1e+22"


@pytest.mark.parametrize("name", [*KINDS, "other"])
@pytest.mark.parametrize("depth", [400, 900, 1500, 9000])
def test_deep_nesting_is_read_or_refused_and_never_a_recursion_error(name: str, depth: int) -> None:
    """The maximum nesting depth of JSON depends on the version of Python."""
    rows = TypedRows(converter())
    body = b'{"results": [{"%b": %b%b}]}' % (name.encode(), b"[" * depth, b"]" * depth)
    with suppress(orjson.JSONDecodeError, DecodeError):
        (row,) = rows.page(rows.decode(body), offset=0, limit=1).rows
        assert list(row) == [name]


def test_what_is_nested_deeper_than_any_python_reads_is_not_json() -> None:
    """Plain rows behave the same way."""
    body = b'{"results": [{"other": %b%b}]}' % (b"[" * 100_000, b"]" * 100_000)
    with pytest.raises(orjson.JSONDecodeError):
        TypedRows(converter()).decode(body)


NUMBERS = (
    b'{"total_count": 1, "results": [{"size": 0.1234567890123456789012, "count": '
    b'123456789012345678901234567890, "place": {"lon": 2.5, "lat": 48}%b}]}'
)


@pytest.mark.parametrize("more", [b"", b', "day": "2024"'])
async def test_numbers_of_pages_keep_the_digits_that_were_sent(
    client: ExploreClient, portal: FakePortal, more: bytes
) -> None:
    """This includes pages that are decoded in two steps or compared with others."""
    portal.override = lambda request: web.Response(body=NUMBERS % more)
    (row,) = await client.dataset("trees").records(typed=converter()).to_list()
    assert str(row["size"]) == "0.1234567890123456789012"
    assert row["count"] == 123456789012345678901234567890
    assert row["place"] == GeoPoint(lon=2.5, lat=48.0)


async def test_numbers_of_one_record_keep_their_digits(
    client: ExploreClient, portal: FakePortal
) -> None:
    body = b'{"size": 0.1234567890123456789012, "count": 123456789012345678901234567890}'
    portal.override = lambda request: web.Response(body=body)
    row = await client.dataset("trees").record("1", typed=converter())
    assert row == {
        "size": Decimal("0.1234567890123456789012"),
        "count": 123456789012345678901234567890,
    }


HUGE = "9" * 309
NUMBERS_ANYWHERE = [
    ("other", "1180591620717411303425", 1180591620717411303425),
    ("count", "1180591620717411303425", 1180591620717411303425),
    ("count", "1e30", 1e30),
    ("count", HUGE, int(HUGE)),
    ("other", "1e30", 1e30),
]


@pytest.mark.parametrize(("name", "sent", "expected"), NUMBERS_ANYWHERE)
async def test_a_number_is_the_same_wherever_it_is_read(
    client: ExploreClient, portal: FakePortal, name: str, sent: str, expected: object
) -> None:
    """In a typed page, and in typed exports of both formats."""
    row = b'{"%b": %b}' % (name.encode(), sent.encode())
    bodies = {"jsonl": row + b"\n", "json": b"[%b,%b]" % (row, row)}
    portal.override = lambda request: web.Response(
        body=bodies.get(
            request.path.rpartition("/")[2], b'{"total_count": 1, "results": [%b]}' % row
        )
    )
    trees = client.dataset("trees")
    found = await trees.records(typed=converter()).to_list()
    for file_format in bodies:
        async with trees.export(file_format, typed=converter()) as stream:
            found += [one async for one in stream.rows()]
    assert [one[name] for one in found] == [expected] * 4
    assert {type(one[name]) for one in found} == {type(expected)}


async def test_an_integer_of_any_length_is_json(client: ExploreClient, portal: FakePortal) -> None:
    """Plain rows have it too; a float that would be infinite is refused."""
    portal.override = lambda request: web.Response(
        body=b'{"total_count": 1, "results": [{"a": %b}]}' % HUGE.encode()
    )
    assert await client.dataset("trees").records().to_list() == [{"a": int(HUGE)}]
    portal.override = lambda request: web.Response(body=b'{"results": [{"a": 1e999}]}')
    with pytest.raises(DecodeError, match="infinity"):
        await client.dataset("trees").records().to_list()
