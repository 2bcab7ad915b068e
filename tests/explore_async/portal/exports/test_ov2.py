"""OV2: records of the documented layout, read byte by byte."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings

from tests.explore_async.portal.asking import THINGS
from tests.explore_async.portal.exports.samples import ROWS, exported

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker


def records(body: bytes) -> list[tuple[float, float, str]]:
    """Return longitude, latitude and name of each record, in degrees."""
    found, at = [], 0
    while at < len(body):
        kind, size, longitude, latitude = unpack_from("<BIii", body, at)
        name = body[at + 13 : at + size]
        assert kind == 2
        assert name.endswith(b"\0")
        assert b"\0" not in name[:-1]
        found.append((longitude / 1e5, latitude / 1e5, name[:-1].decode("latin-1")))
        at += size
    assert at == len(body)
    return found


@settings(max_examples=25)
@given(ROWS)
def test_every_point_is_a_record(rows: list[dict[str, Any]]) -> None:
    """With the first text of the row; rows without a point are left out."""
    assert records(exported(rows, "ov2")) == [
        (
            round(row["place"]["lon"] * 1e5) / 1e5,
            round(row["place"]["lat"] * 1e5) / 1e5,
            (row["name"] or "").encode("latin-1", "replace").decode("latin-1"),
        )
        for row in rows
        if row["place"] is not None
    ]


def test_the_name_is_the_first_text() -> None:
    """Or the first value, if there is no text; a zero would end it, and is left out."""
    body = exported(THINGS, "ov2", select="id, name, place", limit="1")
    assert records(body) == [(2.3522, 48.8566, "Café des Arts")]
    assert records(exported(THINGS, "ov2", select="place, size", limit="1"))[0][2] == (
        "48.8566, 2.3522"
    )
    rows = [{"name": "a\0b", "place": {"lon": 1.0, "lat": 2.0}}]
    assert records(exported(rows, "ov2")) == [(1, 2, "ab")]


def test_without_a_point_it_is_empty() -> None:
    """The format has no header."""
    assert exported(THINGS, "ov2", select="id, shape") == b""


async def test_the_response_is_a_file(ask: Asker) -> None:
    """Also an empty one; media type and name of live portals are not recorded."""
    for where, count in (("id > 0", 3), ("id = 4", 0)):
        answer = await ask.get("datasets/things/exports/ov2", where=where)
        assert answer.headers["content-type"] == "application/octet-stream; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="things.ov2"'
        assert len(records(answer.body)) == count
