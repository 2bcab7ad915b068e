"""The rows of a JSON array are found in linear time, wherever chunks begin and end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from explore_async import DecodeError, TooLargeError, TruncatedError
from explore_async.results import row_readers
from explore_async.results.row_readers import ArrayReader, FeatureReader

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from explore_async import Row

MIB = 1024 * 1024
ROWS: list[Row] = [
    {"id": 1, "nested": [{"a": 1}, {"a": "},{"}, {}], "o": {"p": {}}},
    {"id": 2},
    {"id": 3, "text": '"},{"', "back": "\\", "end": '\\"},{\\\\'},
    {},
    {"id": 4, "a": [[{}, {}], [{"b": "}"}]], "},{": "{", "u": "\u2028é"},
]


def reader(*, nan_as_null: bool = False, cap: int = 16 * MIB) -> ArrayReader:
    return ArrayReader(nan_as_null=nan_as_null, cap=cap)


def read(body: bytes, size: int, *, nan_as_null: bool = False) -> list[Row]:
    """Return the rows of a body that arrives in chunks of this size."""
    source = reader(nan_as_null=nan_as_null)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return [row for chunk in chunks for row in source.feed(chunk)] + source.finish()


@pytest.mark.parametrize("between", [b",", b" ,\r\n ", b"\n,\t"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_rows_are_found_whole_in_any_chunks(size: int, between: bytes) -> None:
    """Nested objects and strings may contain the separator of rows."""
    body = b" [ " + between.join(map(orjson.dumps, ROWS * 3)) + b" ]\n"
    assert read(body, size) == ROWS * 3


def test_random_rows_are_found_whole() -> None:
    """The rows contain strings of quotes, backslashes and braces at any depth."""
    chance = random.Random(5)

    def value(depth: int) -> object:
        if depth == 0 or chance.random() < 0.3:
            return "".join(chance.choices('{}[],"\\x ', k=chance.randrange(8)))
        if chance.random() < 0.5:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        return {str(value(0)): value(depth - 1) for _ in range(chance.randrange(4))}

    for _ in range(300):
        rows = [{"a": value(4), "b": value(3)} for _ in range(chance.randrange(6))]
        assert read(orjson.dumps(rows), chance.randrange(1, 40)) == rows


@pytest.mark.parametrize(
    "of_count",
    [
        lambda count: {"blob": [{"a": at, "b": "x" * 20} for at in range(count)]},
        lambda count: {"text": "},{" * count},
        lambda count: {"text": "\\},{" * count},
        lambda count: {"text": '\\"},{' * count, "blob": [{}] * count},
        lambda count: {"text": "x" * (20 * count)},
    ],
    ids=["objects", "text", "backslashes", "quotes", "long"],
)
def test_each_byte_of_a_row_is_looked_at_a_few_times(
    of_count: Callable[[int], dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds even if many places in the row look like its end."""
    looked_at = 0

    def counting(work: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **options: Any) -> Any:
            nonlocal looked_at
            looked_at += next(len(one) for one in arguments if isinstance(one, bytes | bytearray))
            return work(*arguments, **options)

        return count

    monkeypatch.setattr(row_readers.Nesting, "feed", counting(row_readers.Nesting.feed))
    monkeypatch.setattr(row_readers, "_object_or_none", counting(row_readers._object_or_none))
    monkeypatch.setattr(row_readers, "load_row", counting(row_readers.load_row))
    body = orjson.dumps([of_count(5_000)] * 2)
    assert len(read(body, 65_536)) == 2
    assert looked_at < 4 * len(body)


def test_nan_in_a_nested_row_is_looked_for_once() -> None:
    """It is found at the end of the row, and read as null on request."""
    body = b'[{"a": NaN, "b": [{"c": 1},{"c": NaN}]},{"a": 2}]'
    found = [{"a": None, "b": [{"c": 1}, {"c": None}]}, {"a": 2}]
    assert read(body, 5, nan_as_null=True) == found
    with pytest.raises(DecodeError, match="nan_as_null"):
        read(body, 5)


@pytest.mark.parametrize("body", [b'[{"id": 2},{"a": [{"b": 1},{"b": "},{"}]}]'])
def test_a_cut_at_any_byte_is_a_cut(body: bytes) -> None:
    """This holds even if the part ends like a complete array."""
    for end in range(len(body)):
        with pytest.raises(TruncatedError):
            read(body[:end], 4)


@pytest.mark.parametrize(
    "body", [b"[1, 2]", b'[1,{"a": 1},{"a": 2}]', b"[[{},{}]]", b'[{"a": 1,},{"a": 2}]', b'["{"]']
)
def test_what_is_no_row_is_refused(body: bytes) -> None:
    """Rows must be objects."""
    with pytest.raises(DecodeError, match="not an array of rows"):
        read(body, 3)


def test_a_row_longer_than_the_cap_is_refused() -> None:
    """A row is held in memory until it is complete."""
    source = reader(cap=1000)
    with pytest.raises(TooLargeError):
        for _ in range(3):
            source.feed(b'[{"a": [' + b'{"b": 1},' * 50)


@pytest.mark.parametrize("parts", [(b" ", b"[]"), (b'[{"a": 1}', b" ", b',{"a": 2}]')])
def test_white_space_is_searched_once(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    """A gzip body of a few bytes may inflate to megabytes of it."""
    searched: list[int] = []

    class Counting:
        def finditer(self, data: bytearray, start: int) -> Iterator[re.Match[bytes]]:
            searched.append(len(data) - start)
            return between.finditer(data, start)

    between = row_readers._BETWEEN
    monkeypatch.setattr(row_readers, "_BETWEEN", Counting())
    body = b"".join(part * MIB if part == b" " else part for part in parts)
    assert len(read(body, 1000)) == body.count(b"{")
    assert sum(searched) < 2 * len(body)


@pytest.mark.parametrize("cell", [b"\n" * MIB, b'""\n' * MIB, b"x" * MIB])
def test_each_character_of_a_csv_cell_is_looked_at_once(
    monkeypatch: pytest.MonkeyPatch, cell: bytes
) -> None:
    """Line breaks in quotes end no row, however many there are."""
    looked_at: list[int] = []

    def counting(text: str, *, in_quotes: bool) -> int:
        looked_at.append(len(text))
        return end_of_records(text, in_quotes=in_quotes)

    end_of_records = row_readers._end_of_records
    monkeypatch.setattr(row_readers, "_end_of_records", counting)
    source = row_readers.CSVReader(delimiter=";", cap=16 * MIB)
    body = b'a;b\r\n1;"' + cell + b'"\r\n2;3\r\n'
    found = [
        row for start in range(0, len(body), 997) for row in source.feed(body[start : start + 997])
    ]
    assert [row["a"] for row in found + source.finish()] == ["1", "2"]
    assert found[0]["b"] == cell.decode().replace('""', '"')
    assert sum(looked_at) == len(body)


@pytest.mark.parametrize("cut", range(6))
def test_a_byte_order_mark_may_be_cut(cut: int) -> None:
    """Where the network divides the bytes does not matter."""
    body = b'\xef\xbb\xbf [{"id": 1}]'
    source = reader()
    assert source.feed(body[:cut]) + source.feed(body[cut:]) + source.finish() == [{"id": 1}]


def test_features_are_read_one_by_one() -> None:
    """Each is returned as soon as the next begins."""
    reader = FeatureReader(nan_as_null=False, cap=1000)
    text = b'{"type": "FeatureCollection", "features": [{"id": 1},{"id": 2},{"id": 3}]}'
    found = [reader.feed(text[at : at + 1]) for at in range(len(text))]
    assert [row for rows in found for row in rows] == [{"id": 1}, {"id": 2}]
    assert reader.finish() == [{"id": 3}]
