"""The 16 operations of the Explore API v2.1, their parameters and the values these accept.

A server ignores unknown parameters and may misinterpret unknown values, so both are checked here
before anything is sent. Because portals add values, `Unlisted` passes any value unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

import odsql
from explore_async.errors import ConfigurationError
from odsql.syntax.errors import shown
from odsql.syntax.functions import FACET_OPTIONS as FUNCTION_OPTIONS
from odsql.syntax.functions import FACET_SORTS
from odsql.syntax.scanning import UNSENDABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odsql import Query, nodes
    from odsql.builder.expressions import Expression
    from odsql.builder.query import Clauses, QueryClauses

__all__ = [
    "CATALOG_FORMATS",
    "COMPRESSIONS",
    "DATASET_FORMATS",
    "DCAT_VARIANTS",
    "DELIMITERS",
    "FACET_OPTIONS",
    "FACET_SORTS",
    "LANGS",
    "OPERATIONS",
    "Operation",
    "Unlisted",
    "clauses_of",
    "comma_list",
    "facet_names",
    "flags",
    "is_sendable",
    "listed",
    "operation_params",
    "query_of",
    "refuse_fractions",
    "refuse_no_function",
    "refuse_other_types",
    "several",
]

N = TypeVar("N", bound="str | Expression")


class Unlisted(str):
    """A value that the specification does not list, passed on unchecked.

    Use it for formats, languages, DCAT profiles, delimiters, compressions and facet options:
    `dataset.export(Unlisted("docx"))`, `Query(lang=Unlisted("pl"))`,
    `Query(facet=Unlisted('facet(name="city", sort="size")'))`. The equivalent for a facet
    expression is `odsql.call("facet", name="city", sort="size")`.
    """

    __slots__ = ()


DATASET_FORMATS = (
    *("csv", "fgb", "geojson", "gpx", "json", "jsonl", "jsonld", "kml", "n3", "ov2"),
    *("parquet", "rdfxml", "shp", "turtle", "xlsx"),
)
"""The export formats of a dataset (exportRecords)."""

DCAT_VARIANTS = tuple(f"_ap_{name}" for name in ("ch", "de", "se", "sp", "it", "vl", "benap"))
"""The DCAT application profiles (exportCatalogDCAT)."""

CATALOG_FORMATS = (
    *("csv", "data.json", "dcat", *(f"dcat{name}" for name in DCAT_VARIANTS)),
    *("dublin_core", "json", "rdf", "rss", "ttl", "xlsx"),
)
"""The export formats of the catalog (exportDatasets)."""

LANGS = ("en", "fr", "nl", "pt", "it", "ar", "de", "es", "ca", "eu", "sv")
"""The languages of labels and messages."""

DELIMITERS = (";", ",", "\t", "|")
"""The cell separators of CSV exports."""

COMPRESSIONS = ("snappy", "zstd")
"""The compression methods of Parquet exports."""

FACET_OPTIONS = tuple(FUNCTION_OPTIONS)
"""The arguments of `facet(...)`."""


@frozen(kw_only=True)
class Operation:
    """One operation of the specification.

    Attributes:
        name: the operationId.
        path: the path below the API's base URL, with placeholders in braces.
        parameters: the query parameters that it accepts.
    """

    name: str
    path: str
    parameters: frozenset[str]


_FACET_CALL = re.compile(r"\s*facet\s*\(", re.IGNORECASE)
_FILTERS = ("where", "refine", "exclude", "timezone")
_SHAPE = ("select", "group_by", "order_by")
_REPEATED = ("select", "where", "group_by", "order_by", "refine", "exclude", "facet")
_LINKS = ("include_links", "include_app_metas")
_PAGED = (*_FILTERS, *_SHAPE, *_LINKS, "lang", "limit", "offset")
_CSV = ("delimiter", "list_separator", "quote_all", "with_bom")
_CATALOG_EXPORT = (*_FILTERS, *_SHAPE, "lang", "limit", "offset")
_RECORDS_EXPORT = (*_FILTERS, *_SHAPE, "lang", "limit", "use_labels", "compressed", "epsg")
_GPX = ("name_field", "description_field_list", "use_extension")
_DATASET = "/catalog/datasets/{dataset_id}"


def _operations(*rows: tuple[str, str, tuple[str, ...]]) -> Mapping[str, Operation]:
    made = (Operation(name=name, path=path, parameters=frozenset(has)) for name, path, has in rows)
    return MappingProxyType({one.name: one for one in made})


OPERATIONS = _operations(
    ("getDatasets", "/catalog/datasets", _PAGED),
    ("listExportFormats", "/catalog/exports", ()),
    ("exportDatasets", "/catalog/exports/{format}", _CATALOG_EXPORT),
    # An export operation for one format has the general export's parameters and some of its own.
    ("exportCatalogCSV", "/catalog/exports/csv", (*_CATALOG_EXPORT, *_CSV)),
    (
        "exportCatalogDCAT",
        "/catalog/exports/dcat{dcat_ap_format}",
        (*_CATALOG_EXPORT, "include_exports", "use_labels_in_exports"),
    ),
    ("getDatasetsFacets", "/catalog/facets", (*_FILTERS, "facet")),
    ("getRecords", f"{_DATASET}/records", _PAGED),
    ("listDatasetExportFormats", f"{_DATASET}/exports", ()),
    ("exportRecords", f"{_DATASET}/exports/{{format}}", _RECORDS_EXPORT),
    ("exportRecordsCSV", f"{_DATASET}/exports/csv", (*_RECORDS_EXPORT, *_CSV)),
    (
        "exportRecordsParquet",
        f"{_DATASET}/exports/parquet",
        (*_RECORDS_EXPORT, "parquet_compression"),
    ),
    ("exportRecordsGPX", f"{_DATASET}/exports/gpx", (*_RECORDS_EXPORT, *_GPX)),
    ("getDataset", _DATASET, (*_LINKS, "select", "lang", "timezone")),
    ("getRecordsFacets", f"{_DATASET}/facets", (*_FILTERS, "lang", "facet")),
    ("getDatasetAttachments", f"{_DATASET}/attachments", ()),
    ("getRecord", f"{_DATASET}/records/{{record_id}}", ("select", "lang", "timezone")),
)
"""The operations by operationId, in the order of the specification."""


def listed(value: str, allowed: Sequence[str], what: str) -> str:
    """Return the value if it is in `allowed` or is an `Unlisted`.

    Raises:
        ConfigurationError: it is neither.
    """
    if value in allowed or isinstance(value, Unlisted):
        return value
    raise ConfigurationError(
        f"{shown(value)} is not a valid {what}; use one of "
        f"{', '.join(sorted(map(repr, allowed)))}. "
        f"If this portal supports it, pass Unlisted({shown(value)})."
    )


def flags(**options: object) -> list[tuple[str, str]]:
    """Return options as parameters, with `true` for True, and without those that are None.

    Raises:
        ConfigurationError: an option is neither a string, nor a boolean, nor a whole number.
    """
    for name, value in options.items():
        if value is not None:
            refuse_other_types(
                name, value, str, int, wanted="a string, a boolean or a whole number"
            )
    return [
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in options.items()
        if value is not None
    ]


def refuse_fractions(**numbers: object) -> None:
    """Check that options are whole numbers, or None.

    Raises:
        ConfigurationError: an option is something else.
    """
    for name, value in numbers.items():
        if value is not None and not hasattr(value, "__index__"):
            raise ConfigurationError(f"{name} is {shown(value)}; it must be a whole number.")


def refuse_other_types(what: str, value: object, *types: type, wanted: str) -> None:
    """Check that an argument is of one of these types.

    The message does not show the value, which may be a secret in the wrong place.

    Raises:
        ConfigurationError: it is of another type.
    """
    if not isinstance(value, types):
        raise ConfigurationError(f"{what} has type {type(value).__name__}; pass {wanted}.")


def refuse_no_function(what: str, value: object) -> None:
    """Check that an argument can be called, and that nothing has to await what it returns.

    Raises:
        ConfigurationError: it is something else.
    """
    if not callable(value):
        raise ConfigurationError(f"{what} has type {type(value).__name__}; it must be callable.")
    if any(map(iscoroutinefunction, (value, type(value).__call__))):
        raise ConfigurationError(
            f"{what} is a coroutine function, which would never be awaited. Pass a plain function; "
            "it may put what it is told into a queue."
        )


def is_sendable(value: object) -> bool:
    """Return whether a value is a string that a request can carry."""
    return isinstance(value, str) and UNSENDABLE.search(value) is None


def several(names: N | Iterable[N]) -> tuple[N, ...]:
    """Return the names as a tuple; a single name stands for a list of one.

    A string is one name, although it is an iterable of its characters.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        return (names,)
    return tuple(names)


def comma_list(option: str, names: str | Iterable[str] | None) -> str | None:
    """Return names as one comma-separated parameter, or None if they are None.

    Raises:
        ConfigurationError: the list is empty, or holds something else than names.
    """
    if names is None:
        return None
    texts = several(names)
    for one in texts:
        refuse_other_types(f"A name in {option}", one, str, wanted="a string")
    text = ",".join(texts)
    if not text:
        raise ConfigurationError(
            f"{option} is empty. Omit it for the server's default, or pass at least one name."
        )
    return text


def clauses_of(query: Query | None) -> Clauses | None:
    """Return the clauses of a query, or None if it is None.

    Raises:
        ConfigurationError: the query is something else, such as a string.
    """
    if query is None:
        return None
    if isinstance(query, odsql.Query):
        return query.clauses
    raise ConfigurationError(
        f"The query has type {type(query).__name__}; it must be an odsql.Query, such as "
        "Query(where=...)."
    )


def query_of(query: Query | None, clauses: QueryClauses) -> Query | None:
    """Return a query with the clauses that were passed as keywords; None if there is nothing.

    Conditions and facet filters are added to those of the query; other clauses replace them.

    Raises:
        TypeError: a keyword is not a clause.
        ConfigurationError: the query is not a query.
    """
    if not clauses:
        return query
    from odsql.builder.query import QueryClauses  # costly, and rarely needed

    unknown = clauses.keys() - QueryClauses.__optional_keys__
    if unknown:
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")
    clauses_of(query)
    combined = query if query is not None else odsql.Query()
    for name, value in clauses.items():
        values: Iterable[object] = (value,)
        if name in _REPEATED and isinstance(value, list | tuple):
            values = value
        combined = getattr(combined, name)(*values)
    return combined


def operation_params(
    query: Query | None, operation: Operation, *, extra: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Return the parameters of a query for one operation, after checking them.

    Raises:
        ConfigurationError: the operation does not accept a parameter, a value is not listed, or
            the query is not a query.
    """
    clauses = clauses_of(query)
    params = [*(query.params() if query is not None else ()), *extra]
    unknown = sorted({name for name, _ in params} - operation.parameters)
    if unknown:
        raise ConfigurationError(
            f"{operation.name} does not accept {', '.join(unknown)}, and the server would silently "
            f"ignore it. Accepted: {', '.join(sorted(operation.parameters)) or 'no parameters'}."
        )
    if clauses is not None:
        if clauses.lang is not None:
            listed(clauses.lang, LANGS, "language")
        for facet in clauses.facet:
            _check_facet(facet)
    return params


def facet_names(names: str | Expression | Iterable[str | Expression]) -> list[str]:
    """Return facets as strings, after checking the options of `facet(...)`.

    Raises:
        ConfigurationError: an option is not listed, or a name is not a string or an expression.
    """
    texts = []
    for name in several(names):
        if isinstance(name, str):
            if _FACET_CALL.match(name) and not isinstance(name, Unlisted):
                _check_facet(odsql.parse_facet(name))
        elif hasattr(name, "node"):
            _check_facet(name.node)
        else:
            raise ConfigurationError(
                f"A facet name has type {type(name).__name__}; it must be a string or an "
                "expression. Pass each name separately, and a query as query=."
            )
        texts.append(str(name))
    return texts


def _check_facet(facet: nodes.Node) -> None:
    """Check the options of a facet that was parsed from a string.

    A node built with `odsql` has no position in a string and is not checked: the helpers of `odsql`
    have checked it, and `odsql.call` is the documented way to bypass them.
    """
    if not isinstance(facet, odsql.nodes.Call) or facet.at is None:
        return
    if isinstance(facet.at[0], Unlisted):
        return
    for argument in facet.arguments:
        if isinstance(argument, odsql.nodes.Named):
            _check_option(argument.name, argument.value, text=facet.at[0])


def _check_option(name: str, value: nodes.Node, *, text: str) -> None:
    advice = f"If this portal supports it, pass the whole facet as Unlisted({text!r})."
    kind = FUNCTION_OPTIONS.get(name)
    shown = value.value if isinstance(value, odsql.nodes.Text) else odsql.render(value)
    if kind is None:
        raise ConfigurationError(
            f"{name!r} is not an option of facet(); use {', '.join(FACET_OPTIONS)}. {advice}"
        )
    if kind == "boolean" and not isinstance(value, odsql.nodes.Boolean):
        raise ConfigurationError(f"{name} of facet() must be true or false, not {shown}. {advice}")
    number = value.text if isinstance(value, odsql.nodes.Number) else ""
    if kind == "integer" and not number.isdecimal():
        raise ConfigurationError(
            f"{name} of facet() must be a whole number, at least 0, not {shown}. {advice}"
        )
    if name == "sort" and shown not in FACET_SORTS:
        raise ConfigurationError(
            f"{shown!r} is not a sort order of facet(); use {', '.join(FACET_SORTS)}. {advice}"
        )
