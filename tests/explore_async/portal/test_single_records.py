"""Single records by their identifiers, and the technical fields of records."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from explore_async.portal import Store, serve
from tests.explore_async.portal.asking import Asker

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS = [{"name": "n", "type": "int"}, {"name": "t", "type": "text"}]
ROWS: list[dict[str, Any]] = [
    {"n": 1, "t": "a"},
    {"n": 1, "t": "a"},
    {"n": 2, "t": "é"},
    {"t": None},
]
THINGS = "datasets/things/records"


def digest(place: int, row: dict[str, Any]) -> str:
    """Return the digest of a place and a row as compact JSON, with the names of its columns."""
    content = json.dumps(
        {"c0": row.get("n"), "c1": row.get("t")}, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha1(f"{place}{content}".encode()).hexdigest()


async def identifiers(ask: Asker, rows: Iterable[dict[str, Any]]) -> list[str]:
    with Store() as store:
        store.add("x", FIELDS, rows)
        async with serve(store) as url:
            answer = await Asker(url, ask.session).get("datasets/x/records", select="recordid as r")
    return [row["r"] for row in answer.results]


async def test_an_identifier_is_a_digest_of_place_and_content(ask: Asker) -> None:
    """It has 40 hexadecimal digits, and the same rows have the same identifiers again."""
    found = await identifiers(ask, ROWS)
    assert found == [digest(at, row) for at, row in enumerate(ROWS)]
    assert len(set(found)) == 4
    assert await identifiers(ask, ROWS) == found
    changed = await identifiers(ask, [{"n": 1, "t": "b"}, *ROWS[1:]])
    assert [one == other for one, other in zip(found, changed, strict=True)] == [
        False, True, True, True
    ]  # fmt: skip


async def test_a_record_is_found_by_its_identifier(ask: Asker) -> None:
    """It is the record of the list, without an envelope (documented)."""
    listed = (await ask.get(THINGS, select="*, recordid")).results
    for record in listed:
        identifier = record.pop("recordid")
        answer = await ask.get(f"{THINGS}/{identifier}")
        assert (answer.status, answer.json) == (200, record)
        assert list(answer.json) == list(record)
        assert (await ask.get(f"{THINGS}/{identifier}/")).json == record


async def test_a_record_takes_select_timezone_and_lang(ask: Asker) -> None:
    """As the specification lists them; other clauses are ignored."""
    identifier = (await ask.get(THINGS, select="recordid", where="id = 1")).results[0]["recordid"]
    answer = await ask.get(
        f"{THINGS}/{identifier}",
        select="moment, date_format(day, 'EEEE') as d, id+1",
        where="id = 2",
        timezone="Europe/Paris",
        lang="fr",
    )
    assert answer.json == {"moment": "2026-08-29T00:30:00+02:00", "d": "vendredi", "id+1": 2}


@pytest.mark.parametrize("identifier", ["1", "0" * 40, "' OR 1=1 --", "%00", "é", "..%2F.."])
async def test_another_identifier_is_none(ask: Asker, identifier: str) -> None:
    """Status 404, whatever it is."""
    answer = await ask.get(f"{THINGS}/{identifier}")
    assert answer.status == 404
    assert answer.json["error_code"] in ("NotFoundResource", "NotFoundURI")


async def test_technical_fields_are_fields_of_queries(ask: Asker) -> None:
    """In every clause, but not in `*`."""
    rows = (await ask.get(THINGS, select="id, recordid, record_size, record_timestamp")).results
    first = rows[0]
    assert all(len(row["recordid"]) == 40 for row in rows)
    assert await ask.ids(f"recordid = '{first['recordid']}'") == [first["id"]]
    assert await ask.ids(f"record_size >= {first['record_size']}", order_by="record_size desc")
    assert datetime.fromisoformat(first["record_timestamp"]) <= datetime.now(UTC)
    assert await ask.ids("record_timestamp > now(years=-100)", order_by="recordid") == [
        row["id"] for row in sorted(rows, key=lambda row: str(row["recordid"]))
    ]
    for group_by in ("recordid", "recordid, tags", "recordid, geo_cluster(place, 3), tags"):
        groups = (await ask.get(THINGS, group_by=group_by)).results
        assert {row["recordid"] for row in groups} == {row["recordid"] for row in rows}
    assert "recordid" not in (await ask.get(THINGS)).results[0]


async def test_the_size_of_a_record_is_that_of_its_json(ask: Asker) -> None:
    """In bytes, with the names of its columns."""
    with Store() as store:
        store.add("x", FIELDS, [{"n": 2, "t": "é"}])
        async with serve(store) as url:
            answer = await Asker(url, ask.session).get("datasets/x/records", select="record_size")
    assert answer.results == [{"record_size": len('{"c0":2,"c1":"é"}'.encode())}]


async def test_a_field_of_the_dataset_comes_first(ask: Asker) -> None:
    """A dataset may have a field called `recordid`; its records have identifiers, too."""
    with Store() as store:
        store.add("x", rows=[{"recordid": "mine"}])
        async with serve(store) as url:
            client = Asker(url, ask.session)
            path = "datasets/x/records"
            assert (await client.get(path, select="recordid")).results == [{"recordid": "mine"}]
            assert (await client.get(f"{path}/mine")).status == 404
            one = hashlib.sha1(b'0{"c0":"mine"}').hexdigest()
            assert (await client.get(f"{path}/{one}")).json == {"recordid": "mine"}
