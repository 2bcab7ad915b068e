"""Blocks: Arrow reads them only where the result is that of reading row by row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.harvest.sinks.blocks import BlockReader
from explore_async.harvest.sinks.tables import columns_of
from explore_async.models import DatasetField
from explore_async.results import arrow
from explore_async.results.conversion import Converter

KINDS = {
    "i": "int",
    "d": "double",
    "t": "text",
    "day": "date",
    "at": "datetime",
    "p": "geo_point_2d",
}
MULTIVALUED = DatasetField(
    name="many", label="many", type="text", description=None, annotations={"multivalued": ","}
)
CONVERTER = Converter(
    fields=[
        *(
            DatasetField(name=name, label=name, type=kind, description=None, annotations={})
            for name, kind in KINDS.items()
        ),
        MULTIVALUED,
    ],
    misfits="keep",
)
SCHEMA = columns_of(CONVERTER, [*KINDS, "many"], wkb=False, misfits="fail")
ODD = st.sampled_from(
    [
        True,
        2.5,
        2**63,
        2**63 + 1,
        "2024",
        "x",
        ["a"],
        {"lon": 1},
        [1],
        [None],
        {},
        -0.0,
        1e300,
    ]
)
VALUES = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "d": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    "t": st.text(),
    "day": st.dates().map(str),
    "at": st.datetimes(datetime(2, 1, 1)).map(lambda one: f"{one.isoformat()}+02:00"),
    "p": st.fixed_dictionaries({"lon": st.floats(-180, 180), "lat": st.floats(-90, 90)}),
    "many": st.lists(st.text(), max_size=3),
}
PLAIN = st.fixed_dictionaries({}, optional={name: one | st.none() for name, one in VALUES.items()})
ANY = st.fixed_dictionaries({}, optional={name: one | ODD for name, one in VALUES.items()})


def block(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as JSON Lines."""
    return b"".join(
        orjson.dumps(row, option=orjson.OPT_PASSTHROUGH_DATETIME) + b"\n" for row in rows
    )


@given(rows=st.lists(PLAIN | ANY, min_size=1, max_size=5))
def test_a_block_has_the_rows_that_reading_them_one_by_one_has(rows: list[dict[str, Any]]) -> None:
    """Or it is not read by Arrow at all."""
    found = BlockReader(SCHEMA, CONVERTER).read(block(rows))
    if found is None:
        return
    loaded = [orjson.loads(line) for line in block(rows).splitlines()]
    converted = [CONVERTER.exact_row(row) for row in loaded]
    assert arrow.joined(found, SCHEMA).combine_chunks() == arrow.joined(
        [arrow.batch(converted, SCHEMA)], SCHEMA
    )


COMMON = {**VALUES, "t": st.text('aé\n"\\'), "many": st.lists(st.text("aé\n"), max_size=3)}


@given(rows=st.lists(st.fixed_dictionaries(COMMON), min_size=1, max_size=5))
def test_common_values_are_read_by_arrow(rows: list[dict[str, Any]]) -> None:
    """Which is the reason for all this."""
    assert BlockReader(SCHEMA, CONVERTER).read(block(rows)) is not None


@pytest.mark.parametrize(
    "lines",
    [
        b"null\n",
        b'{"i": 1}\nnull\n',
        b'{"i": 1}\n[1]\n',
        b'{"i": 1}{"i": 2}\n',
        b'{"i": 1}\n\n',
        b' {"i": 1}\n',
        b'{"i": 1.0}\n',
        b'{"i": 9223372036854775808}\n',
        b'{"d": NaN}\n',
        b'{"t": "\xff"}\n',
        b'{"t": "\\ud800"}\n',
        b'{"t": 5}\n',
        b'{"other": 5}\n',
        b'{"day": "2024"}\n',
        b'{"at": "2024-01-01T00:00:00"}\n',
        b'{"i": 1\n',
    ],
)
def test_other_lines_are_read_one_by_one(lines: bytes) -> None:
    """Where each is converted, or refused with a reason."""
    assert BlockReader(SCHEMA, CONVERTER).read(lines) is None


@pytest.mark.parametrize("kind", ["geo_shape", "file", "boolean"])
def test_a_column_of_json_text_is_read_one_by_one(kind: str) -> None:
    """Arrow would read its objects as columns."""
    one = DatasetField(name="a", label="a", type=kind, description=None, annotations={})
    converter = Converter(fields=[one])
    schema = columns_of(converter, ["a"], wkb=False, misfits="fail")
    assert BlockReader(schema, converter).read(b'{"a": "x"}\n') is None


def test_a_block_is_read_in_chunks_in_the_order_of_its_lines() -> None:
    """By several processors at once."""
    rows = [{"i": number, "t": "x" * 1_000} for number in range(1_500)]
    found = BlockReader(SCHEMA, CONVERTER).read(block(rows))
    assert found is not None
    assert len(found) > 1
    assert arrow.joined(found, SCHEMA).column("i").to_pylist() == list(range(1_500))


def test_a_line_of_several_chunks_is_read_by_itself() -> None:
    """Arrow would refuse it."""
    rows: list[dict[str, Any]] = [{"i": 1, "t": "x" * 2_000_000}, {"i": 2}]
    assert BlockReader(SCHEMA, CONVERTER).read(block(rows)) is None


def test_after_some_refusals_arrow_is_not_asked_again() -> None:
    """Each would cost the time of reading twice."""
    reader = BlockReader(SCHEMA, CONVERTER)
    good = b'{"i": 1}\n'
    for _ in range(3):
        assert reader.read(good) is not None
        assert reader.read(b'{"i": 1.5}\n') is None
    assert reader.read(good) is None
