"""What a complete harvest left: its files, their checksums, and the state of the dataset.

`manifest.json` is written last, by one atomic step, so a folder without it holds no complete
harvest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import orjson
from attrs import asdict, frozen

from explore_async.errors import StorageError
from explore_async.harvest.folders import LocalFolder

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping

    from explore_async.harvest.folders import Folder

__all__ = [
    "MANIFEST",
    "Cursor",
    "HarvestedFile",
    "Manifest",
    "Outcome",
    "Since",
    "State",
    "Strategy",
]

Strategy: TypeAlias = Literal["export", "exports", "pages"]
Outcome: TypeAlias = Literal["unchanged", "grown", "replaced"]

MANIFEST = "manifest.json"
_VERSION = 1


@frozen(kw_only=True)
class State:
    """What the portal says about a dataset and a query at one moment.

    Attributes:
        total: the number of rows of the query.
        data_processed: when the rows of the dataset changed, as the portal writes it; None if it
            does not say.
        fields: names and types in the order of the schema; `text[]` is a multivalued text.
    """

    total: int
    data_processed: str | None
    fields: tuple[tuple[str, str], ...]

    def changes(self, later: State) -> list[str]:
        """Return what differs in a later state, in words."""
        found = []
        if self.fields != later.fields:
            found.append(f"the schema changed from {_listed(self)} to {_listed(later)}")
        if self.total != later.total:
            found.append(f"the number of rows changed from {self.total:,} to {later.total:,}")
        if self.data_processed != later.data_processed:
            found.append(
                f"data_processed changed from {self.data_processed} to {later.data_processed}"
            )
        return found

    @classmethod
    def from_json(cls, value: Any) -> State:
        """Read a state from JSON.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        fields = tuple((str(name), str(kind)) for name, kind in value["fields"])
        return cls(total=int(value["total"]), data_processed=value["data_processed"], fields=fields)


@frozen(kw_only=True)
class HarvestedFile:
    """A file with the rows of one partition.

    Attributes:
        path: relative to the folder of the dataset.
        rows: its rows.
        bytes: its size.
        sha256: its SHA-256 in hexadecimal, as `sha256sum` prints it.
        where: the condition of its rows besides the query; None for all rows.
        misfits: by column, how many values did not fit its type and are null instead.
        tail: whether its rows have the largest value of the cursor or none, so that later rows may
            belong to it.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    where: str | None
    misfits: Mapping[str, int]
    tail: bool = False


@frozen(kw_only=True)
class Cursor:
    """How far a harvest has read a field whose values only grow.

    Attributes:
        field: the field.
        last: its largest value, as text. Rows with a smaller one are in files that the next harvest
            may keep; the others are in files marked as `tail`.
    """

    field: str
    last: str


@frozen(kw_only=True)
class Since:
    """What a harvest took over from a previous one.

    Attributes:
        folder: the folder of the previous harvest.
        outcome: `unchanged` if all files were kept; `grown` if those with old rows were kept, and
            the rows after them were fetched; `replaced` if all rows were fetched.
        rows: the rows that were kept.
        changes: what differs from the previous harvest, in words.
    """

    folder: str
    outcome: Outcome
    rows: int
    changes: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Any) -> Since:
        """Read what JSON has of one.

        Raises:
            KeyError, TypeError: it is something else.
        """
        return cls(**{**value, "changes": tuple(value["changes"])})


@frozen(kw_only=True)
class Manifest:
    """A complete harvest of one dataset.

    Attributes:
        dataset_id: the dataset.
        url: the base URL of the portal.
        query: the parameters of the query.
        format: the format of the files.
        strategy: `export`, `exports` or `pages`; see `HarvestPlan`.
        rows: the rows of all files.
        bytes: the size of all files.
        state: what the portal said when the last row had been received.
        changes: what changed at the portal meanwhile and was accepted; empty if nothing did.
        files: the files.
        compression: the compression of `jsonl` and `csv`.
        misfits_policy: what was done with values that do not fit the type of their field.
        cursor: how far the cursor was read; None without one.
        since: what was taken over from a previous harvest; None without one.
    """

    dataset_id: str
    url: str
    query: tuple[tuple[str, str], ...]
    format: str
    strategy: Strategy
    rows: int
    bytes: int
    state: State
    changes: tuple[str, ...]
    files: tuple[HarvestedFile, ...]
    compression: str | None = None
    misfits_policy: str = "fail"
    cursor: Cursor | None = None
    since: Since | None = None

    @property
    def misfits(self) -> dict[str, int]:
        """By column, how many values did not fit its type and are null instead."""
        found: dict[str, int] = {}
        for file in self.files:
            for name, number in file.misfits.items():
                found[name] = found.get(name, 0) + number
        return found

    def to_json(self) -> builtins.bytes:
        """Return the content of `manifest.json`."""
        return orjson.dumps({"manifest": _VERSION, **asdict(self)}, option=orjson.OPT_INDENT_2)

    @classmethod
    def read(cls, folder: Path | Folder) -> Manifest | None:
        """Return the manifest of a folder; None if it has none.

        Raises:
            StorageError: the file cannot be read, or is of another version.
        """
        place = LocalFolder(folder) if isinstance(folder, Path) else folder
        content = place.read(MANIFEST)
        if content is None:
            return None
        try:
            return cls._from_json(orjson.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{place}/{MANIFEST} is not a manifest of this version. Move the folder away, and "
                "harvest again."
            ) from error

    @classmethod
    def _from_json(cls, value: Any) -> Manifest:
        if value.pop("manifest") != _VERSION:
            raise ValueError
        value["query"] = tuple((name, text) for name, text in value["query"])
        value["changes"] = tuple(value["changes"])
        value["files"] = tuple(HarvestedFile(**one) for one in value["files"])
        value["state"] = State.from_json(value["state"])
        if cursor := value.get("cursor"):
            value["cursor"] = Cursor(**cursor)
        if since := value.get("since"):
            value["since"] = Since.from_json(since)
        return cls(**value)


def _listed(state: State) -> str:
    return "(" + ", ".join(f"{name} {kind}" for name, kind in state.fields) + ")"
