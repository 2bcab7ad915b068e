"""The technical fields of a record: its identifier, the time of its adding and its size.

Queries may use them, but `select=*` leaves them out. An identifier is a digest of the place and the
content of a record, so it stays the same if the same rows are added again; how live portals make
theirs is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explore_async.portal.schema import Column, PortalField

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = ["IDENTIFIER", "technical_columns"]

IDENTIFIER = " recordid"
"""The name of the identifier even if a field of the dataset is called `recordid`."""


def technical_columns(columns: Iterable[Column], added: datetime) -> Mapping[str, Column]:
    """Return the technical fields of a table with these columns.

    `recordid` has 40 hexadecimal digits, `record_timestamp` is `added`, a naive UTC time, and
    `record_size` is the number of bytes of the record in JSON.
    """
    packed = ", ".join(f"{one.sql} := {one.sql}" for one in columns)
    content = f"CAST(to_json(struct_pack({packed})) AS VARCHAR)" if packed else "'{}'"
    identifier = Column(
        PortalField("recordid", "text", "recordid"), f"sha1(concat(rowid, {content}))"
    )
    return {
        IDENTIFIER: identifier,
        "recordid": identifier,
        "record_timestamp": Column(
            PortalField("record_timestamp", "datetime", "record_timestamp"),
            f"TIMESTAMP '{added.isoformat(sep=' ')}'",
        ),
        "record_size": Column(
            PortalField("record_size", "int", "record_size"), f"strlen({content})"
        ),
    }
