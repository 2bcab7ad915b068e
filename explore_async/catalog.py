"""`Catalog`: one method per operation on the catalog (the specification's tag Catalog)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explore_async.operations import (
    CATALOG_FORMATS,
    DATASET_FORMATS,
    DCAT_VARIANTS,
    comma_list,
    flags,
    listed,
    query_of,
    several,
)
from explore_async.results.requests import ExportOptions, Requests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from explore_async.models import ExportFormat
    from explore_async.results.exports import ExportStream
    from explore_async.results.facets import Facets
    from explore_async.results.records import Records
    from odsql import Query
    from odsql.builder.expressions import Expression
    from odsql.builder.query import QueryClauses

__all__ = ["Catalog"]


class Catalog:
    """The catalog of a portal; the part of `ExploreClient` that asks for datasets, not for rows.

    Wherever a method takes a query, it also takes the clauses of one as keywords, as `Query(...)`
    does: `client.datasets(where="theme = 'Transport'", order_by="title")`.
    """

    _requests: Requests

    def datasets(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> Records:
        """Return the datasets of the catalog as a lazy object (getDatasets).

        Rows are plain dicts; `DatasetInfo.from_json(row)` converts one to a typed object.

        Args:
            query: filters, order and fields. Its `offset` is the index of the first row, and its
                `limit` is the default for `max_rows`.
            max_rows: the maximum number of rows; None for all.
            page_size: rows per request; None for the server's maximum.

        Raises:
            ConfigurationError, WindowExceeded: see `Dataset.records`.
        """
        return self._requests.records(
            "/catalog/datasets",
            "getDatasets",
            query_of(query, clauses),
            max_rows=max_rows,
            page_size=page_size,
        )

    def catalog_facets(
        self,
        query: Query | None = None,
        *,
        names: str | Expression | Sequence[str | Expression] = (),
        **clauses: Unpack[QueryClauses],
    ) -> Facets:
        """Return facets of the catalog, with one request each (getDatasetsFacets).

        Await the result for a list of `Facet` in the order of `names`. Nothing is sent until then.

        Args:
            query: selects the datasets to count.
            names: one or more facets, such as `publisher` or `keyword`; empty for all that the
                portal declares.
        """
        return self._requests.facets(
            "/catalog/facets", "getDatasetsFacets", names, query_of(query, clauses)
        )

    async def export_formats(self) -> tuple[ExportFormat, ...]:
        """Return the formats in which the catalog can be exported (listExportFormats)."""
        return await self._requests.formats("/catalog/exports")

    def export(
        self,
        file_format: str,
        query: Query | None = None,
        *,
        nan_as_null: bool = False,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream:
        """Return an export of the catalog as one stream (exportDatasets); sends nothing yet.

        Args:
            file_format: such as `json`, `csv`, `rdf` or `rss`; `Unlisted("...")` for one that the
                specification does not list. `export_formats` returns those of the portal.
            query: selects the datasets and their fields.
            nan_as_null: read a bare NaN, Infinity or -Infinity in JSON as null instead of raising
                an error.

        Raises:
            ConfigurationError: the format is unknown, or the query holds a parameter that the
                export does not accept.
        """
        listed(file_format, CATALOG_FORMATS, "export format of the catalog")
        options = ExportOptions(nan_as_null=nan_as_null)
        return self._export("exportDatasets", file_format, query_of(query, clauses), options)

    def export_csv(
        self,
        query: Query | None = None,
        *,
        delimiter: str | None = None,
        list_separator: str | None = None,
        quote_all: bool | None = None,
        with_bom: bool | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream:
        r"""Return a CSV export of the catalog (exportCatalogCSV); sends nothing yet.

        Args:
            query: selects the datasets and their fields.
            delimiter: separates cells: `;` (the server's default), `,`, `\t` or `|`.
            list_separator: separates the values of a multivalued cell; `,` by default.
            quote_all: quote all text, not only where necessary.
            with_bom: begin with a byte order mark, for spreadsheets; true by default.

        Raises:
            ConfigurationError: a value is not listed, or the query holds a parameter that the
                export does not accept.
        """
        options = ExportOptions.csv(
            delimiter=delimiter,
            list_separator=list_separator,
            quote_all=quote_all,
            with_bom=with_bom,
        )
        return self._export("exportCatalogCSV", "csv", query_of(query, clauses), options)

    def export_dcat(
        self,
        dcat_ap_format: str,
        query: Query | None = None,
        *,
        include_exports: str | Sequence[str] | None = None,
        use_labels_in_exports: bool | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream:
        """Return an RDF/XML export of the catalog in a DCAT profile (exportCatalogDCAT).

        Args:
            dcat_ap_format: the profile: `_ap_ch`, `_ap_de`, `_ap_se`, `_ap_sp`, `_ap_it`, `_ap_vl`
                or `_ap_benap`; `Unlisted("...")` for another. Portals activate each separately.
            query: selects the datasets.
            include_exports: one or more formats to offer as distributions; None for all.
            use_labels_in_exports: whether distributions use labels as column names.

        Raises:
            ConfigurationError: a value is not listed, the list is empty, or the query holds a
                parameter that the export does not accept.
        """
        listed(dcat_ap_format, DCAT_VARIANTS, "DCAT profile")
        for file_format in several(include_exports or ()):
            listed(file_format, DATASET_FORMATS, "export format")
        params = flags(
            include_exports=comma_list("include_exports", include_exports),
            use_labels_in_exports=use_labels_in_exports,
        )
        file_format = f"dcat{dcat_ap_format}"
        options = ExportOptions(params=params)
        return self._export("exportCatalogDCAT", file_format, query_of(query, clauses), options)

    def _export(
        self, operation_id: str, file_format: str, query: Query | None, options: ExportOptions
    ) -> ExportStream:
        path = "/catalog/exports"
        return self._requests.export(path, operation_id, file_format, query, options)
