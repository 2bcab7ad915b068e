"""Frozen classes for the API's responses; unknown keys are kept in `extra`.

Records stay plain dicts, because their keys are the user's own fields. Everything else has a
structure defined by the specification, and becomes one of these classes.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic
from urllib.parse import unquote

from attrs import field, fields, frozen

from explore_async.errors import DecodeError
from explore_async.notebooks import html_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import TypeVar
else:
    from typing import TypeVar

__all__ = [
    "AlternativeExport",
    "Attachment",
    "DatasetField",
    "DatasetInfo",
    "ExportFormat",
    "Facet",
    "FacetValue",
    "Page",
    "Progress",
    "R",
    "Reconciliation",
    "Row",
    "SavedFile",
    "as_list",
    "as_object",
    "safe_name",
]

Row = dict[str, object]
"""A record: its keys are the user's own fields."""

if TYPE_CHECKING:
    R = TypeVar("R", default=Row)
else:
    R = TypeVar("R")  # the default is for type checkers; Python has it from 3.13

_NAME_BYTES = 200
_DEVICES = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^\w.-]")
_PAGE_KEYS = frozenset({"results", "total_count"})
_PLAIN = ("name", "value", "count", "state")

_plain = itemgetter(*_PLAIN)
_VALUE_KEYS = frozenset({*_PLAIN, "facets"})
_FACET_KEYS = frozenset({"name", "facets"})
_FIELD_KEYS = frozenset({"name", "label", "type", "description", "annotations"})


def _extra() -> Any:
    return field(factory=dict, repr=False, hash=False)


@frozen(kw_only=True)
class Page(Generic[R]):
    """One response of getRecords or getDatasets.

    Attributes:
        rows: the rows, in the server's order.
        offset: index of the first row in the whole result.
        limit: how many rows were requested.
        total_count: rows in the whole result; None if the server does not say. For a query
            with `group_by` the server counts the rows of this page instead.
        extra: the other keys that the server sent, such as `links` if requested.
    """

    rows: list[R] = field(repr=False)
    offset: int
    limit: int
    total_count: int | None
    extra: Mapping[str, object] = _extra()

    @classmethod
    def from_json(cls, answer: object, *, offset: int, limit: int) -> Page[Any]:
        """Convert a whole response.

        Raises:
            DecodeError: the response is not a page.
        """
        whole = answer if isinstance(answer, dict) else as_object(answer, "a response")
        if "results" not in whole:
            raise DecodeError(
                f"The response has no results key, {_only(whole)}. "
                "Check that the base URL leads to an Explore API v2.1."
            )
        total = whole.get("total_count")
        if isinstance(total, int) and total < 0:
            raise DecodeError(f"The server counts {total} rows. Report it to the portal.")
        rows: Any = whole["results"]
        if not isinstance(rows, list):
            raise _misshapen(rows, "results", "an array")
        if not set(map(type, rows)) <= {dict}:
            as_object(next(row for row in rows if not isinstance(row, dict)), "a row")
        return cls(
            rows=rows,
            offset=offset,
            limit=limit,
            total_count=total if isinstance(total, int) else None,
            extra=_beyond(whole, _PAGE_KEYS) if len(whole) > len(_PAGE_KEYS) else {},
        )

    def _repr_html_(self) -> str:
        of = "" if self.total_count is None else f" of {self.total_count:,}"
        title = f"{len(self.rows):,}{of} rows from {self.offset:,}"
        return html_table(
            title, [one if isinstance(one, dict) else {"row": repr(one)} for one in self.rows]
        )


@frozen(kw_only=True)
class FacetValue:
    """One value of a facet.

    Attributes:
        name: the value for display.
        value: the value to pass to `refine`.
        count: records with this value; None if the server sends no count, as for excluded values.
        state: `displayed`, `refined` or `excluded`.
        children: values below this one in a hierarchical facet.
        extra: the other keys that the server sent.
    """

    name: str
    value: str
    count: int | None
    state: str
    children: tuple[FacetValue, ...] = ()
    extra: Mapping[str, object] = _extra()

    @classmethod
    def from_json(cls, value: object) -> FacetValue:
        """Convert one item of a `facets` list.

        Raises:
            DecodeError: the item is not a facet value.
        """
        item = as_object(value, "a facet value")
        count = item.get("count")
        name = _text(item.get("name"))
        return cls(
            name=name,
            value=_text(item.get("value"), name),
            count=count if isinstance(count, int) else None,
            state=_text(item.get("state")),
            children=tuple(
                _facet_value(child) for child in as_list(item.get("facets", []), "child facets")
            ),
            extra=_beyond(item, _VALUE_KEYS),
        )


_SET_NAME, _SET_VALUE, _SET_COUNT, _SET_STATE, _SET_CHILDREN, _SET_EXTRA = (
    getattr(FacetValue, one.name).__set__ for one in fields(FacetValue)
)


def _facet_value(item: object) -> FacetValue:
    """Do the same as `FacetValue.from_json`, in less than half the time for common values.

    Nearly all values are common, and a portal may send thousands. Frozen classes set attributes
    slowly, which takes most of the time, so this function writes to the slots directly.
    """
    if type(item) is not dict or len(item) != len(_PLAIN):
        return FacetValue.from_json(item)
    try:
        name, value, count, state = _plain(item)
    except KeyError:
        return FacetValue.from_json(item)
    if type(count) is not int or not type(name) is type(value) is type(state) is str:
        return FacetValue.from_json(item)
    made = object.__new__(FacetValue)
    _SET_NAME(made, name)
    _SET_VALUE(made, value)
    _SET_COUNT(made, count)
    _SET_STATE(made, state)
    _SET_CHILDREN(made, ())
    _SET_EXTRA(made, {})
    return made


@frozen(kw_only=True)
class Facet:
    """A facet with its values.

    The server lists at most 100 values per facet unless `facet(name=..., limit=...)` sets another
    limit, and never lists null.

    Attributes:
        name: the field.
        values: its values, in the server's order.
        extra: the other keys that the server sent.
    """

    name: str
    values: tuple[FacetValue, ...]
    extra: Mapping[str, object] = _extra()

    @classmethod
    def from_json(cls, value: object) -> Facet:
        """Convert one facet.

        Raises:
            DecodeError: the value is not a facet.
        """
        item = as_object(value, "a facet")
        values: Any = as_list(item.get("facets", []), "facet values")
        if not _are_simple(values):
            values = _facet_values(values)
        return cls(name=_text(item.get("name")), values=values, extra=_beyond(item, _FACET_KEYS))

    def _repr_html_(self) -> str:
        return html_table(self.name, [{"value": v.name, "count": v.count} for v in self.values])


def _are_simple(values: list[Any]) -> bool:
    """Return whether no item can be invalid, so that they can be converted later."""
    return all(type(one) is dict and "facets" not in one for one in values)


def _facet_values(values: list[object]) -> tuple[FacetValue, ...]:
    return tuple([_facet_value(each) for each in values])


class _Unread:
    """The attribute `values` of a `Facet`, converted when it is first read.

    A portal may send thousands of values, of which a program often reads a few. Converting them
    takes as long as everything else that the client does for a response.
    """

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __get__(self, facet: Facet | None, kind: type[Facet]) -> Any:
        if facet is None:
            return self
        values = self._slot.__get__(facet, kind)
        if type(values) is list:
            values = _facet_values(values)
            self._slot.__set__(facet, values)
        return values

    def __set__(self, facet: Facet, values: object) -> None:
        self._slot.__set__(facet, values)


setattr(Facet, "values", _Unread(vars(Facet)["values"]))  # noqa: B010 - unknown to type checkers


@frozen(kw_only=True)
class DatasetField:
    """A field of a dataset.

    Attributes:
        name: the name in ODSQL.
        label: the name for display.
        type: `text`, `int`, `double`, `date`, `datetime`, `geo_point_2d`, ...
        description: the portal's description, or None.
        annotations: settings such as `facet` or `multivalued`, as the server sends them.
        extra: the other keys that the server sent.
    """

    name: str
    label: str
    type: str
    description: str | None
    annotations: Mapping[str, object] = field(hash=False)
    extra: Mapping[str, object] = _extra()

    @classmethod
    def from_json(cls, value: object) -> DatasetField:
        """Convert one item of a dataset's `fields`.

        Raises:
            DecodeError: the item is not a field.
        """
        item = as_object(value, "a field")
        description = item.get("description")
        name = _text(item.get("name"))
        return cls(
            name=name,
            label=_text(item.get("label"), name),
            type=_text(item.get("type")),
            description=None if description is None else str(description),
            annotations=_object_or_none(item.get("annotations"), "annotations"),
            extra=_beyond(item, _FIELD_KEYS),
        )


@frozen(kw_only=True)
class DatasetInfo:
    """The schema and metadata of a dataset.

    Attributes:
        dataset_id: the identifier used in URLs.
        dataset_uid: the identifier that stays the same when the dataset is renamed.
        has_records: whether it has rows.
        data_visible: whether the caller may read the rows.
        features: capabilities, such as `geo` or `analyze`.
        fields: the schema.
        metas: metadata by template, such as `default` and `dcat`.
        extra: the other keys that the server sent.
    """

    dataset_id: str
    dataset_uid: str
    has_records: bool
    data_visible: bool
    features: tuple[str, ...]
    fields: tuple[DatasetField, ...] = field(repr=False)
    metas: Mapping[str, object] = field(repr=False, hash=False)
    extra: Mapping[str, object] = field(repr=False, hash=False)

    @classmethod
    def from_json(cls, value: object) -> DatasetInfo:
        """Convert one dataset, from getDataset or a row of getDatasets.

        Raises:
            DecodeError: the value is not a dataset.
        """
        rest = dict(as_object(value, "a dataset"))
        if not isinstance(rest.get("dataset_id"), str):
            raise DecodeError(
                "The response has no dataset_id, so it is not a dataset. Check the base URL, and "
                "include dataset_id in `select`.",
                status=200,
            )
        fields = _list_or_none(rest.pop("fields", None), "fields")
        features = _list_or_none(rest.pop("features", None), "features")
        return cls(
            dataset_id=str(rest.pop("dataset_id")),
            dataset_uid=_text(rest.pop("dataset_uid", None)),
            has_records=bool(rest.pop("has_records", False)),
            data_visible=rest.pop("data_visible", None) is not False,
            features=tuple(str(feature) for feature in features if feature is not None),
            fields=tuple(DatasetField.from_json(each) for each in fields),
            metas=_object_or_none(rest.pop("metas", None), "metas"),
            extra=rest,
        )

    def _repr_html_(self) -> str:
        rows = [{"field": one.name, "type": one.type, "label": one.label} for one in self.fields]
        return html_table(self.dataset_id, rows)


@frozen(kw_only=True)
class Attachment:
    """A file attached to a dataset.

    Attributes:
        attachment_id: the identifier used in URLs.
        title: the name for display, usually the file name; empty if there is none.
        mimetype: media type; empty if the server does not say.
        extra: the other keys that the server sent, such as `href`.
    """

    attachment_id: str
    title: str
    mimetype: str
    extra: Mapping[str, object] = _extra()

    @property
    def file_name(self) -> str:
        """The title, or else the identifier, as the name of a file; never a path."""
        return _file_name(self.title or self.attachment_id)

    @classmethod
    def from_json(cls, value: object) -> Attachment:
        """Convert one item of `attachments`, from getDatasetAttachments or getDataset.

        Raises:
            DecodeError: the item is not an attachment.
        """
        item = as_object(value, "an attachment")
        known = {**item, **_object_or_none(item.get("metas"), "metas")}
        link = _text(known.get("href"))
        # Older portals send the identifier only as part of the URL.
        identifier = known.get("id") or unquote(link.rstrip("/").rpartition("/")[2])
        if not identifier:
            raise DecodeError(
                "The server sent an attachment without an identifier. Report it to the portal.",
                status=200,
            )
        return cls(
            attachment_id=str(identifier),
            title=_text(known.get("title")),
            mimetype=_text(known.get("mimetype") or known.get("mime-type")),
            extra=_beyond(item, frozenset({"id", "title", "mimetype"})),
        )


@frozen(kw_only=True)
class AlternativeExport:
    """A file that the publisher offers in place of the exports, such as a GTFS archive.

    Attributes:
        export_id: the identifier used in URLs. It may change with each update of the file.
        title: the name for display, usually the file name; empty if there is none.
        mimetype: media type; empty if the server does not say.
        description: the publisher's description; empty if there is none.
        extra: the other keys that the server sent, such as `url`.
    """

    export_id: str
    title: str
    mimetype: str
    description: str
    extra: Mapping[str, object] = _extra()

    @property
    def file_name(self) -> str:
        """The title, or else the identifier, as the name of a file; never a path."""
        return _file_name(self.title or self.export_id)

    @classmethod
    def from_json(cls, value: object) -> AlternativeExport:
        """Convert one item of `alternative_exports`, from getDataset.

        Raises:
            DecodeError: the item is not an alternative export.
        """
        item = as_object(value, "an alternative export")
        if not item.get("id"):
            raise DecodeError(
                "The server sent an alternative export without an identifier. Report it to the "
                "portal.",
                status=200,
            )
        return cls(
            export_id=str(item["id"]),
            title=_text(item.get("title")),
            mimetype=_text(item.get("mimetype")),
            description=_text(item.get("description")),
            extra=_beyond(item, frozenset({"id", "title", "mimetype", "description"})),
        )


@frozen(kw_only=True)
class ExportFormat:
    """An export format of a dataset or a catalog.

    Attributes:
        name: the name to pass to `export`, such as `csv`; as `Unlisted(name)` if the specification
            does not list it.
        href: the URL that the portal sent; empty if it sent none.
        extra: the other keys that the server sent.
    """

    name: str
    href: str
    extra: Mapping[str, object] = _extra()

    @classmethod
    def from_json(cls, value: object) -> ExportFormat | None:
        """Convert one item of `links`; return None for other links, such as `self`.

        Raises:
            DecodeError: the item is not a link.
        """
        item = as_object(value, "a link")
        name = item.get("rel")
        if not isinstance(name, str) or name in {"", "self"}:
            return None
        return cls(
            name=name,
            href=_text(item.get("href")),
            extra=_beyond(item, frozenset({"rel", "href"})),
        )


@frozen(kw_only=True)
class SavedFile:
    """A complete file that was saved; can be used as a path.

    Attributes:
        path: the file.
        bytes: its size.
        rows: its number of rows, for formats with one row per line; None for others.
        checksum: its SHA-256 in hexadecimal, as `sha256sum` prints it.
    """

    path: Path
    bytes: int
    rows: int | None
    checksum: str

    def __fspath__(self) -> str:
        return str(self.path)


@frozen(kw_only=True)
class Progress:
    """The progress of an export.

    Attributes:
        bytes: decoded bytes written to the file so far.
        rows: rows written so far; None if they are not counted.
        expected: rows that the server counted before the export; None if it was not asked.
    """

    bytes: int
    rows: int | None
    expected: int | None = None


@frozen(kw_only=True)
class Reconciliation:
    """The proof that an export is complete: the rows received and the rows expected.

    Attributes:
        expected: rows that the server counted before the export.
        received: rows in the file; always equal to `expected`, or the export fails.
        unique: distinct rows among them, compared by a 64-bit digest of their bytes; None for
            Parquet, whose rows are not decoded.
        bytes: size of the file.
        path: the file.
        checksum: SHA-256 of the file in hexadecimal, as `sha256sum` prints it.
    """

    expected: int
    received: int
    unique: int | None
    bytes: int
    path: Path
    checksum: str


def _only(whole: Mapping[str, object]) -> str:
    return f"only {', '.join(sorted(map(str, whole)))}" if whole else "and no other"


def safe_name(text: str) -> str:
    """Return a text of the server as part of the name of a file; it cannot lead elsewhere."""
    name = _NOT_IN_NAMES.sub("_", text)
    # Windows keeps these names for devices, whatever the suffix.
    reserved = _DEVICES.fullmatch(name.partition(".")[0])
    return f"{'_' if reserved else ''}{name}"


def _file_name(text: str) -> str:
    # The end is kept, because it says what kind of file this is.
    name = _NOT_IN_NAMES.sub("_", text).encode()[-_NAME_BYTES:].decode(errors="ignore")
    # A leading dot hides a file, and Windows drops a trailing one.
    return safe_name(name.strip(".") or "_")


def _beyond(item: Mapping[str, object], known: frozenset[str]) -> dict[str, object]:
    if item.keys() <= known:
        return {}
    return {key: value for key, value in item.items() if key not in known}


def _text(value: object, default: str = "") -> str:
    """Return a value of the response as a string, or the default for null or a missing key."""
    return default if value is None else str(value)


def as_object(value: object, what: str) -> dict[str, object]:
    """Return the value if it is a JSON object.

    Raises:
        DecodeError: it is something else.
    """
    if isinstance(value, dict):
        return value
    raise _misshapen(value, what, "an object")


def as_list(value: object, what: str) -> list[object]:
    """Return the value if it is a JSON array.

    Raises:
        DecodeError: it is something else.
    """
    if isinstance(value, list):
        return value
    raise _misshapen(value, what, "an array")


def _object_or_none(value: object, what: str) -> dict[str, object]:
    return {} if value is None else as_object(value, what)


def _list_or_none(value: object, what: str) -> list[object]:
    return [] if value is None else as_list(value, what)


def _misshapen(value: object, what: str, shape: str) -> DecodeError:
    return DecodeError(
        f"The server sent {what} of type {type(value).__name__}, not {shape}. "
        "Check that the base URL leads to an Explore API v2.1.",
        status=200,
    )
