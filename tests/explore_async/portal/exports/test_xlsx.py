"""XLSX: cells of the right kinds, as another library reads them."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from hypothesis import given, settings

from explore_async.portal import PortalError
from explore_async.portal.exports import xlsx
from tests.explore_async.portal.asking import THINGS
from tests.explore_async.portal.exports.samples import FIELDS, ROWS, exported

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker


def sheet(body: bytes) -> list[list[Any]]:
    """Return the cells of the only sheet."""
    book = openpyxl.load_workbook(io.BytesIO(body))
    (found,) = book.worksheets
    return [list(row) for row in found.iter_rows(values_only=True)]


def cells(row: dict[str, Any]) -> list[Any]:
    """Return a record as the cells hold it."""
    day, moment = row["day"], row["moment"]
    row = {
        **row,
        "tags": row["tags"] and ",".join(row["tags"]),
        # xlsxwriter writes 16 digits; spreadsheets show 15.
        "size": row["size"] and pytest.approx(row["size"], rel=1e-15),
        "day": day and datetime.fromisoformat(day),
        "moment": moment and datetime.fromisoformat(moment).replace(tzinfo=None),
        "place": row["place"] and f"{row['place']['lat']!r}, {row['place']['lon']!r}",
        "shape": row["shape"] and row["shape"]["geometry"],
    }
    return [row[field["name"]] for field in FIELDS]


def same_number(text: str) -> Any:
    """Return the numbers of a point, whose digits may be written in another way."""
    return [float(part) for part in text.split(", ")]


@settings(max_examples=25)
@given(ROWS)
def test_every_value_is_a_cell(rows: list[dict[str, Any]]) -> None:
    """Numbers, booleans and dates are no text; lists, points and shapes are text as in CSV."""
    header, *found = sheet(exported(rows, "xlsx"))
    assert header[:3] == ["id", "name", "tags"]
    place, shape = header.index("place"), header.index("shape")
    # Rows without cells at the end are not part of the sheet.
    found += [[None] * len(header)] * (len(rows) - len(found))
    for row, record in zip(found, rows, strict=True):
        expected = cells(record)
        if record["shape"] is not None:
            row[shape] = json.loads(row[shape])
        if record["place"] is not None:
            row[place], expected[place] = map(same_number, (row[place], expected[place]))
        assert row == expected


def test_moments_are_in_the_time_zone_of_the_request() -> None:
    """Cells have no time zone."""
    body = exported(THINGS, "xlsx", select="moment", limit="1", timezone="Europe/Paris")
    assert sheet(body)[1] == [datetime(2026, 8, 29, 0, 30)]


def test_what_a_cell_cannot_hold_is_text() -> None:
    """Days before March 1900, whole numbers of more than 53 bits, and numbers that are none."""
    moment = "1800-01-02T03:04:05"
    rows = [{"id": 2**60, "size": float("nan"), "day": "1899-12-31", "moment": moment}]
    assert sheet(exported(rows, "xlsx", select="id, size, day, moment"))[1] == [
        str(2**60),
        "nan",
        "1899-12-31",
        moment,
    ]


def test_text_is_never_a_formula_or_a_link() -> None:
    """It is what it is."""
    rows = [{"name": "=1+1", "code": "http://portal.test"}]
    book = openpyxl.load_workbook(io.BytesIO(exported(rows, "xlsx", select="name, code")))
    ((name, code),) = book.active.iter_rows(min_row=2)
    assert (name.data_type, name.value) == ("s", "=1+1")
    assert (code.hyperlink, code.value) == (None, "http://portal.test")


def test_labels_are_the_header() -> None:
    """As in CSV."""
    assert sheet(exported(THINGS, "xlsx", select="id, name as n", use_labels="true"))[0] == [
        "Identifier",
        "n",
    ]


def test_what_a_sheet_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the rows or of a text would be a wrong answer."""
    with pytest.raises(PortalError, match="texts longer than 32767"):
        exported([{"name": "x" * 32_768}], "xlsx")
    monkeypatch.setattr(xlsx, "_MOST_ROWS", 4)
    with pytest.raises(PortalError, match="more than 3 rows"):
        exported(THINGS, "xlsx")


async def test_the_response_is_a_file(ask: Asker) -> None:
    """Media type and name; those of live portals are not recorded."""
    answer = await ask.get("datasets/things/exports/xlsx")
    assert answer.headers["content-type"] == (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet; charset=utf-8"
    )
    assert answer.headers["content-disposition"] == 'attachment; filename="things.xlsx"'
    assert sheet(answer.body)[1][4] == datetime(2026, 8, 28)


def test_a_day_is_a_day() -> None:
    """Its format shows no time."""
    body = exported(THINGS, "xlsx", select="day", limit="1")
    cell = openpyxl.load_workbook(io.BytesIO(body)).active["A2"]
    assert cell.number_format == "yyyy-mm-dd"
    assert cell.value.date() == date(2026, 8, 28)
