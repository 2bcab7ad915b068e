"""The 16 operations of the Explore API v2.1 and the values their parameters may have, as data.

A server ignores a parameter that it does not know and may answer a value that it does not know with
something else, so both are checked here, before anything is sent. Portals grow, and so there is one
way past every check of a value: `Unlisted`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

import odsql
from explore_async.errors import ConfigurationError
from odsql.syntax.functions import FACET_OPTIONS as FUNCTION_OPTIONS
from odsql.syntax.functions import FACET_SORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odsql import Query, nodes
    from odsql.builder.expressions import Expression
    from odsql.builder.query import Clauses

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
    "listed",
    "operation_params",
    "refuse_fractions",
    "several",
]

N = TypeVar("N", bound="str | Expression")


class Unlisted(str):
    """A value that the specification does not list, passed through as it is.

    It is the one way past the checks of formats, languages, DCAT variants, delimiters, compressions
    and facet options: `dataset.export(Unlisted("docx"))`, `Query(lang=Unlisted("pl"))`,
    `Query(facet=Unlisted('facet(name="city", sort="size")'))`. A facet that is built takes
    `odsql.call("facet", name="city", sort="size")` for it.
    """

    __slots__ = ()


DATASET_FORMATS = (
    *("csv", "fgb", "geojson", "gpx", "json", "jsonl", "jsonld", "kml", "n3", "ov2"),
    *("parquet", "rdfxml", "shp", "turtle", "xlsx"),
)
"""What a dataset can be exported to (exportRecords)."""

DCAT_VARIANTS = tuple(f"_ap_{name}" for name in ("ch", "de", "se", "sp", "it", "vl", "benap"))
"""The application profiles of a DCAT export (exportCatalogDCAT)."""

CATALOG_FORMATS = (
    *("csv", "data.json", "dcat", *(f"dcat{name}" for name in DCAT_VARIANTS)),
    *("dublin_core", "json", "rdf", "rss", "ttl", "xlsx"),
)
"""What a catalog can be exported to (exportDatasets)."""

LANGS = ("en", "fr", "nl", "pt", "it", "ar", "de", "es", "ca", "eu", "sv")
"""The languages of names and messages."""

DELIMITERS = (";", ",", "\t", "|")
"""What may stand between two cells of a CSV export."""

COMPRESSIONS = ("snappy", "zstd")
"""How a Parquet export may be compressed."""

FACET_OPTIONS = tuple(FUNCTION_OPTIONS)
"""The arguments of `facet(...)`."""


@frozen(kw_only=True)
class Operation:
    """One operation of the specification.

    Attributes:
        name: its operationId.
        path: below the API's base; what is in braces is filled in.
        parameters: the query parameters it takes.
    """

    name: str
    path: str
    parameters: frozenset[str]


_FACET_CALL = re.compile(r"\s*facet\s*\(", re.IGNORECASE)
_FILTERS = ("where", "refine", "exclude", "timezone")
_SHAPE = ("select", "group_by", "order_by")
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
    # The exports of one format are the general export of that format with further parameters.
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
"""By operationId, in the order of the specification."""


def listed(value: str, allowed: Sequence[str], what: str) -> str:
    """The value itself when it is one of those allowed, or `Unlisted`.

    Raises:
        ConfigurationError: it is neither.
    """
    if value in allowed or isinstance(value, Unlisted):
        return value
    raise ConfigurationError(
        f"{value!r} is no {what}; there are {', '.join(sorted(map(repr, allowed)))}. For one that "
        f"only this portal has, pass Unlisted({value!r})."
    )


def flags(**options: object) -> list[tuple[str, str]]:
    """Parameters as the API writes them, `true` for True; None is left out."""
    return [
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in options.items()
        if value is not None
    ]


def refuse_fractions(**numbers: object) -> None:
    """Check that options are whole numbers, or None.

    Raises:
        ConfigurationError: one is not.
    """
    for name, value in numbers.items():
        if value is not None and not hasattr(value, "__index__"):
            raise ConfigurationError(f"{name} is {value!r}; it must be a whole number.")


def several(names: N | Iterable[N]) -> tuple[N, ...]:
    """The names of a list, or the one that was given instead of a list of one.

    Taken as a list, a text would be its letters.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        return (names,)
    return tuple(names)


def comma_list(option: str, names: str | Iterable[str] | None) -> str | None:
    """Names as one parameter; None where there is none.

    Raises:
        ConfigurationError: the list is empty.
    """
    if names is None:
        return None
    text = ",".join(several(names))
    if not text:
        raise ConfigurationError(
            f"{option} names nothing. Leave it out for the server's default, or name one."
        )
    return text


def clauses_of(query: Query | None) -> Clauses | None:
    """What a query says; None where there is none.

    Raises:
        ConfigurationError: it is something else than a query, such as a text.
    """
    if query is None:
        return None
    if isinstance(query, odsql.Query):
        return query.clauses
    raise ConfigurationError(
        f"A {type(query).__name__} was given where a query belongs. Pass an odsql.Query, such as "
        "Query(where=...)."
    )


def operation_params(
    query: Query | None, operation: Operation, *, extra: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """The parameters of a query for one operation, checked before anything is sent.

    Raises:
        ConfigurationError: the operation does not take one of them, a value is not listed, or the
            query is none.
    """
    clauses = clauses_of(query)
    params = [*(query.params() if query is not None else ()), *extra]
    unknown = sorted({name for name, _ in params} - operation.parameters)
    if unknown:
        raise ConfigurationError(
            f"{operation.name} takes no {', '.join(unknown)}; the server would ignore it silently. "
            f"It takes: {', '.join(sorted(operation.parameters)) or 'no parameters'}."
        )
    if clauses is not None:
        if clauses.lang is not None:
            listed(clauses.lang, LANGS, "language")
        for facet in clauses.facet:
            _check_facet(facet)
    return params


def facet_names(names: str | Expression | Iterable[str | Expression]) -> list[str]:
    """Facets as text, with the options of `facet(...)` checked.

    Raises:
        ConfigurationError: an option is not listed, or something else than a name was given.
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
                f"A {type(name).__name__} was given where the name of a facet belongs. Pass each "
                "name by itself, and a query as query=."
            )
        texts.append(str(name))
    return texts


def _check_facet(facet: nodes.Node) -> None:
    """Check the options of a facet that was written as text.

    What was built has no place in a text: the helpers of `odsql` have checked it, and `odsql.call`
    is their way past the check.
    """
    if not isinstance(facet, odsql.nodes.Call) or facet.at is None:
        return
    if isinstance(facet.at[0], Unlisted):
        return
    for argument in facet.arguments:
        if isinstance(argument, odsql.nodes.Named):
            _check_option(argument.name, argument.value, text=facet.at[0])


def _check_option(name: str, value: nodes.Node, *, text: str) -> None:
    advice = f"For what only this portal has, pass the whole facet as Unlisted({text!r})."
    kind = FUNCTION_OPTIONS.get(name)
    shown = value.value if isinstance(value, odsql.nodes.Text) else odsql.render(value)
    if kind is None:
        raise ConfigurationError(
            f"{name!r} is no option of facet(); there are {', '.join(FACET_OPTIONS)}. {advice}"
        )
    if kind == "boolean" and not isinstance(value, odsql.nodes.Boolean):
        raise ConfigurationError(f"{name} of facet() is true or false, not {shown}. {advice}")
    number = value.text if isinstance(value, odsql.nodes.Number) else ""
    if kind == "integer" and not number.isdecimal():
        raise ConfigurationError(
            f"{name} of facet() is a whole number from 0, not {shown}. {advice}"
        )
    if name == "sort" and shown not in FACET_SORTS:
        raise ConfigurationError(
            f"{shown!r} is no order of a facet; there are {', '.join(FACET_SORTS)}. {advice}"
        )
