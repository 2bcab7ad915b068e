"""`portal.toml`: what a user says about the files of a folder.

    [[dataset]]
    file = "stations.csv"
    title = "Stations"
    csv = { delimiter = ";", decimal = "," }

    [dataset.fields.opened]
    type = "date"
    label = "Opening"

    [[key]]
    key = "..."
    quota = "100/day"

Every key of a dataset is optional but `file`; a dataset without records has none, but `id` and
`has_records = false`. An unknown key is an error: most often it is a typing error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
import msgspec
from attrs import field, frozen

from explore_async.portal.attached import Attached, attach
from explore_async.portal.errors import StoreError
from explore_async.portal.schema import (  # noqa: TC001 - msgspec reads types
    FieldType,
    Precision,
    Visibility,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "SETTINGS_FILE",
    "CsvSettings",
    "DatasetSettings",
    "FieldSettings",
    "KeySettings",
    "PortalSettings",
    "read_portal_file",
]

SETTINGS_FILE = "portal.toml"

_METAS = (
    "title", "description", "theme", "keyword", "license", "license_url", "language", "publisher",
    "references",
)  # fmt: skip
_ANNOTATIONS = (
    "facet", "facetsort", "disjunctive", "hierarchical", "multivalued", "sortable", "id", "unit",
)  # fmt: skip

T = TypeVar("T")


@frozen
class CsvSettings:
    """How a CSV file is written; what is None is sniffed.

    Attributes:
        delimiter: the character between cells.
        quote: the character around cells.
        header: whether the first line has the names.
        decimal: the decimal separator.
        encoding: `utf-8`, `utf-16` or `latin-1`.
        skip: the number of lines before the header.
        null: the text of a null cell.
        date_format: the format of dates, such as `%d/%m/%Y`.
    """

    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    decimal: str | None = None
    encoding: str | None = None
    skip: int | None = None
    null: str | None = None
    date_format: str | None = None


@frozen
class FieldSettings:
    """What is said about one field.

    Attributes:
        type: its type; None for that of the file. `decimal` is another name of `double`.
        label: its label; None for its name in the file.
        description: its description.
        visible: False to leave the field out.
        precision: the precision of a date.
        facet, facetsort, disjunctive, hierarchical, multivalued, sortable, id, unit: its
            annotations; `hierarchical` and `multivalued` are separators.
    """

    type: FieldType | Literal["decimal"] | None = None
    label: str | None = None
    description: str | None = None
    visible: bool = True
    precision: Precision = "day"
    facet: bool = False
    facetsort: str | None = None
    disjunctive: bool = False
    hierarchical: str | None = None
    multivalued: str | None = None
    sortable: bool = False
    id: bool = False
    unit: str | None = None

    @property
    def field_type(self) -> FieldType | None:
        """The type as dataset objects name it."""
        return "double" if self.type == "decimal" else self.type

    @property
    def annotations(self) -> dict[str, Any]:
        """The annotations of the field in a dataset object."""
        given = {name: getattr(self, name) for name in _ANNOTATIONS}
        return {name: value for name, value in given.items() if value not in (None, False)}


@frozen
class DatasetSettings:
    """What is said about one file, or about a dataset without records.

    Attributes:
        file: the name of the file; empty without one.
        table: the name of the table, if the file is a database.
        id: the dataset identifier; None for the name of the table, or of the file without its
            suffix.
        visible: False to not serve the file.
        has_records: False for a dataset without a file and records.
        visibility: `restricted` if only callers with a key see the dataset.
        data_visible: False if only the description can be read.
        attachments, alternative_exports: the files that belong to it.
        csv: how the file is written, if it is CSV.
        fields: the settings of fields by their names in the file.
        title, description, theme, keyword, license, license_url, language, publisher, references:
            the metadata of the dataset.
    """

    file: str = ""
    table: str | None = None
    id: str | None = None
    visible: bool = True
    has_records: bool = True
    visibility: Visibility = "domain"
    data_visible: bool = True
    attachments: tuple[Attached, ...] = ()
    alternative_exports: tuple[Attached, ...] = ()
    title: str | None = None
    description: str | None = None
    theme: list[str] | None = None
    keyword: list[str] | None = None
    license: str | None = None
    license_url: str | None = None
    language: str | None = None
    publisher: str | None = None
    references: str | None = None
    csv: CsvSettings = CsvSettings()
    fields: Mapping[str, FieldSettings] = field(factory=dict, hash=False)

    @property
    def metas(self) -> dict[str, Any]:
        """The metadata of the dataset by namespace."""
        given = {name: getattr(self, name) for name in _METAS}
        return {"default": {name: value for name, value in given.items() if value is not None}}


@frozen
class KeySettings:
    """An API key.

    Attributes:
        key: the key.
        quota: the calls allowed, such as `100/day`; None for any number.
        datasets: the restricted datasets that it opens; None for all.
    """

    key: str = field(repr=False)
    quota: str | None = None
    datasets: list[str] | None = field(default=None, hash=False)


@frozen
class AnonymousSettings:
    """What is said about callers without a key.

    Attributes:
        quota: the calls allowed to all of them together, such as `1000/day`; None for any number.
    """

    quota: str | None = None


@frozen
class PortalSettings:
    """What a `portal.toml` says.

    Attributes:
        files: the settings by file and table.
        entries: the datasets without records.
        keys: the API keys of the portal.
        anonymous: what callers without a key may do.
    """

    files: Mapping[tuple[str, str | None], DatasetSettings] = field(factory=dict, hash=False)
    entries: tuple[DatasetSettings, ...] = ()
    keys: tuple[KeySettings, ...] = ()
    anonymous: AnonymousSettings = AnonymousSettings()


def read_portal_file(folder: Path) -> PortalSettings:
    """Read the `portal.toml` of a folder; it says nothing if there is none.

    Raises:
        StoreError: it is not TOML, has an unknown key or a value of a wrong type, names a file that
            is not there, or names a file or a table twice.
    """
    path = folder / SETTINGS_FILE
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return PortalSettings()
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    except ValueError as error:
        raise StoreError(f"{path} is not TOML: {error}. Correct this line.") from error
    _refuse_unknown(read, ["dataset", "key", "anonymous"], str(path))
    found: dict[tuple[str, str | None], DatasetSettings] = {}
    entries: list[DatasetSettings] = []
    for at, table in enumerate(_tables(read, "dataset", path), start=1):
        one = _dataset(table, f"{path}, dataset {at}", folder)
        if not one.has_records:
            entries.append(one)
            continue
        if (one.file, one.table) in found:
            what = one.file if one.table is None else f"the table {one.table} of {one.file}"
            raise StoreError(f"{path} describes {what} twice. Join the two tables.")
        if PurePath(one.file).name != one.file or not (folder / one.file).is_file():
            raise StoreError(f"{path} describes {one.file}, which is not in {folder}.")
        found[one.file, one.table] = one
    keys = [
        _converted(KeySettings, table, f"{path}, key {at}")
        for at, table in enumerate(_tables(read, "key", path), start=1)
    ]
    anonymous = _converted(AnonymousSettings, read.get("anonymous", {}), f"{path}, anonymous")
    return PortalSettings(found, tuple(entries), tuple(keys), anonymous)


def _tables(read: Mapping[str, Any], name: str, path: Path) -> list[Any]:
    tables = read.get(name, [])
    if not isinstance(tables, list):
        raise StoreError(f"{path}: write [[{name}]] with two brackets, once for each one.")
    return tables


def _dataset(table: Any, place: str, folder: Path) -> DatasetSettings:
    if not isinstance(table, Mapping):
        raise StoreError(f"{place} must be a table of keys and values.")
    has_records = table.get("has_records") is not False
    named = table.get("file" if has_records else "id")
    if not isinstance(named, str) or not named:
        said = "the name of the file" if has_records else "an identifier, for it has no records"
        key = "file" if has_records else "id"
        raise StoreError(f'{place} has no {key}. Add {key} = "..." with {said}.')
    place = f"{place} ({named})"
    if not has_records and not table.keys().isdisjoint(("file", "csv", "fields")):
        raise StoreError(f"{place} has has_records = false, and a file, csv or fields. Remove one.")
    csv = _converted(CsvSettings, table.get("csv", {}), f"{place}, csv")
    fields = table.get("fields", {})
    if not isinstance(fields, Mapping):
        raise StoreError(f"{place}: write [dataset.fields.NAME] once for each field.")
    described = {
        name: _converted(FieldSettings, one, f"{place}, field {name}")
        for name, one in fields.items()
    }
    files = {
        name: attach(table.get(name, ()), folder, f"{place}, {name}")
        for name in ("attachments", "alternative_exports")
    }
    plain = {name: value for name, value in table.items() if name not in ("csv", "fields", *files)}
    read = _converted(DatasetSettings, plain, place)
    return attrs.evolve(
        read,
        csv=csv,
        fields=described,
        attachments=files["attachments"],
        alternative_exports=files["alternative_exports"],
    )


def _converted(kind: type[T], table: Any, place: str) -> T:
    if not isinstance(table, Mapping):
        raise StoreError(f"{place} must be a table of keys and values.")
    known = [one.name for one in attrs.fields(kind)]  # type: ignore[arg-type]
    _refuse_unknown(table, known, place)
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise StoreError(f"{place}: {error}.") from error


def _refuse_unknown(table: Mapping[str, Any], known: list[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            advice = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}."
            raise StoreError(f"{place} has the unknown key {key!r}. {advice}")
