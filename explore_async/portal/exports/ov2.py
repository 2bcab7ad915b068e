"""OV2, the points of interest of TomTom devices: a record with a position and a name for each row.

No OV2 export is recorded. This is the simple record of the format: the byte 2, the size of the
record, longitude and latitude in hundred-thousandths of a degree (32 bits, little-endian), and a
name in Latin-1 that ends with a zero. The position is the first point of the result, the name is
its first text; neither choice is recorded. Rows without a point are left out.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Any

from explore_async.portal.answers import plain_cell
from explore_async.portal.exports.markup import value_text
from explore_async.portal.exports.rows import stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["write_ov2"]

_SIMPLE = 2
_UNIT = 100_000


def write_ov2(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one record after the other; the format has no header."""
    outputs, context = one.plan.outputs, one.plan.context
    points = [each.value.sql for each in outputs if each.value.type == "geo_point_2d"]
    texts = [each for each in outputs if each.value.type == "text"] or outputs
    name = plain_cell(texts[0].value, context, context.bind(",")) if texts else "NULL"

    def write(rows: list[Row]) -> bytes:
        return b"".join([_record(*row) for row in rows if row[0] is not None])

    return stream(one, [points[0] if points else "NULL", name], write, engine)


def _record(point: dict[str, float], name: Any) -> bytes:
    text = "" if name is None else value_text(name)
    # A zero would end the name.
    encoded = text.replace("\0", "").encode("latin-1", "replace") + b"\0"
    position = (round(point[axis] * _UNIT) for axis in ("lon", "lat"))
    return pack("<BIii", _SIMPLE, 13 + len(encoded), *position) + encoded
