"""URLs of portals: what their paths lead to, and which parameters of the API v2.1 they hold.

People have the URLs of four generations: the APIs v2.1, v2.0 and v1, and the pages of a portal's
web site. Only v2.1 is spoken here, so the parameters of the others are translated where v2.1 has an
exact counterpart, and otherwise refused together, in one error that says what to write instead.

Sources: the vendor's references of the Search API v1 and of the Explore API v2.0 and v2.1, and the
code of the vendor's own web site, which translates the parameters of its pages to v2.1. Where these
disagree, above all on the direction of `sort`, nothing is assumed.
"""

from __future__ import annotations

import re
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import field, frozen

from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Generation: TypeAlias = Literal["v2.1", "v2.0", "v1", "page"]

__all__ = [
    "Place", "read_parameters", "read_place", "split_url", "url_pairs", "without_counterpart",
]  # fmt: skip


# ---------------------------------------------------------------- paths


class Place(NamedTuple):
    """What the path of a URL leads to.

    `prefix` is the part of the path before the portal's own. `accepted` is False for paths that
    stand for neither a portal nor a dataset, nor a query on one of them. `download` means that the
    parameters hold a `format`; otherwise `export_format` is the one that the path names. `records`
    means that the parameters hold the `dataset`; otherwise the path names it.
    """

    generation: Generation
    prefix: str = ""
    accepted: bool = True
    dataset_id: str | None = None
    export_format: str | None = None
    download: bool = False
    records: bool = False


_API = re.compile(r"/api/(?:explore/(v2\.[01])|(v2)|((?:records|datasets)/1\.0))(?=/|\Z)")
_V2 = re.compile(
    r"(?:/console|/catalog(?:/facets|/exports(?:/(?P<catalog_format>[^/]+))?"
    r"|/datasets(?:/(?P<dataset>[^/]+)"
    r"(?:/records|/facets|/aggregates|/exports(?:/(?P<format>[^/]+))?"
    r"|/(?:attachments|alternative_exports|files)(?:/[^/]+)?)?)?)?)?/*"
)
_V1_RECORDS = re.compile(r"/(?P<operation>search|download)/*")
_V1_DATASETS = re.compile(r"/(?:search|(?P<dataset>[^/]+))/*")
_PAGE = re.compile(r"/+explore/(?:embed/)?dataset/(?P<dataset>[^/]+)(?:/(?P<tab>[^/]*))?/*")
_CATALOG_PAGE = re.compile(r"(?:/+(?:explore|pages?/home))?/*")


def read_place(path: str) -> Place | None:
    """Return what a path leads to, percent escapes included; None if portals have no such path.

    Raises:
        BuildError: the percent escapes of the dataset identifier are not UTF-8.
    """
    api = _API.search(path)
    if api is not None:
        return _api_place(path[: api.start()].rstrip("/"), api, path[api.end() :])
    page = _PAGE.fullmatch(path)
    if page is not None:
        return Place(
            "page", dataset_id=_unescaped(page["dataset"]), download=page["tab"] == "download"
        )
    return Place("page") if _CATALOG_PAGE.fullmatch(path) else None


def _api_place(prefix: str, api: re.Match[str], rest: str) -> Place:
    if api[3] == "records/1.0":
        search = _V1_RECORDS.fullmatch(rest)
        download = search is not None and search["operation"] == "download"
        return Place("v1", prefix, search is not None, download=download, records=True)
    match = (_V1_DATASETS if api[3] else _V2).fullmatch(rest)
    generation: Generation = "v1" if api[3] else "v2.1" if api[1] == "v2.1" else "v2.0"
    if match is None:
        return Place(generation, prefix, accepted=False)
    parts = match.groupdict()
    export_format = parts.get("format") or parts.get("catalog_format")
    return Place(
        generation,
        prefix,
        dataset_id=parts["dataset"] and _unescaped(parts["dataset"]),
        export_format=export_format and _unescaped(export_format),
    )


def _unescaped(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise BuildError(_NOT_UTF8) from None


# ---------------------------------------------------------------- parameters


def _fixed(given: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(given))


@frozen(kw_only=True)
class _Rules:
    """How the parameters of one generation are read.

    Attributes:
        name: what to call the generation.
        renamed: the name in v2.1 of each parameter that has one.
        ignored: parameters that are no part of a query.
        advice: what to write instead of a parameter without a counterpart.
        dotted: facet filters are named `refine.FACET` and `exclude.FACET`.
        open: other parameters are read as in v2.1.
    """

    name: str
    renamed: Mapping[str, str] = field(factory=dict, converter=_fixed)
    ignored: frozenset[str]
    advice: Mapping[str, str] = field(factory=dict, converter=_fixed)
    dotted: bool = False
    open: bool = False


_MANY = frozenset(("where", "refine", "exclude", "facet"))
_MOST_PARAMETERS = 10_000
_NOT_UTF8 = "the URL has percent escapes that are not UTF-8"

_OTHER_PARAMETERS = frozenset(
    {
        "apikey", "compressed", "dcat_ap_format", "delimiter", "description_field_list", "epsg",
        "include_exports", "list_separator", "name_field", "parquet_compression", "quote_all",
        "use_extension", "use_labels", "use_labels_in_exports", "with_bom",
    }
)  # fmt: skip
"""Parameters of operations besides the query: keys and the options of export formats."""

_V1_OPTIONS = frozenset(
    {
        "apikey", "callback", "csv_separator", "dataset", "facet", "pretty_print",
        "use_labels_for_header",
    }
)  # fmt: skip
"""Parameters of v1 that only say which dataset is meant and what the answer looks like."""

_VIEW_STATE = frozenset(
    {
        "basemap", "dataChart", "datasetcard", "flg", "location", "scrollWheelZoom", "sort",
        "static", "tab",
    }
)  # fmt: skip
"""What a page shows and how. Pages add their default `sort` themselves, and show all rows."""

_FILTERS = MappingProxyType(
    {
        "q": 'where="words" finds these words, where=search("words") similar ones; what v1 finds, '
        "also longer words that begin with them, has no exact counterpart",
        "geofilter.polygon": "where=within(FIELD, geom'POLYGON((lon lat, ...))'), where FIELD has "
        "the positions of the dataset",
        "geonav": 'a condition in where, or refine=FACET:"..."',
    }
)
_QV1 = "conditions in where; qv1 takes the query language of v1"
_ORDER = "order_by=FIELD or order_by=FIELD desc"

_RULES: Mapping[Generation, _Rules] = MappingProxyType(
    {
        "v2.1": _Rules(name="this URL", ignored=_OTHER_PARAMETERS, advice={"qv1": _QV1}, open=True),
        "v2.0": _Rules(
            name="the API v2.0",
            renamed={"rows": "limit", "start": "offset"},
            ignored=_OTHER_PARAMETERS | {"pretty"},
            advice={
                "qv1": _QV1,
                "sort": f"{_ORDER}; the references of v2.0 disagree on the direction of sort",
                "search": 'where=suggest("words"), which finds words that begin with these',
            },
            open=True,
        ),
        "v1": _Rules(
            name="the API v1",
            renamed={
                "rows": "limit", "start": "offset", "fields": "select", "timezone": "timezone",
                "lang": "lang",
            },
            ignored=_V1_OPTIONS,
            advice={
                **_FILTERS,
                "sort": f"{_ORDER}; in v1, the direction depends on the type of the field",
                "format": "the URL of an export, such as .../exports/geojson",
            },
            dotted=True,
        ),
        "page": _Rules(
            name="the pages of a portal",
            renamed={"fields": "select", "timezone": "timezone", "lang": "lang"},
            ignored=_V1_OPTIONS | _VIEW_STATE,
            advice=_FILTERS,
            dotted=True,
        ),
    }
)  # fmt: skip


def split_url(url: str) -> SplitResult:
    """Split a URL.

    Raises:
        BuildError: it is not a URL.
    """
    try:
        return urlsplit(url)
    except ValueError:
        msg = "this is not a URL; its host is invalid"
        raise BuildError(msg) from None


def url_pairs(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string in order, without those that are empty.

    Raises:
        BuildError: there are too many parameters, or their percent escapes are not UTF-8.
    """
    try:
        return parse_qsl(query, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise BuildError(_NOT_UTF8) from None
    except ValueError:
        msg = f"the URL has more than {_MOST_PARAMETERS} parameters; filter with one where instead"
        raise BuildError(msg) from None


def read_parameters(url: str) -> dict[str, list[Any]]:
    """Return the values of each parameter of a URL, or of a query string, by its name in v2.1.

    A value is a string or a node. Names that are unknown in v2.1 are returned as they are.

    Raises:
        BuildError: a parameter has no exact counterpart in v2.1, or is given twice although it
            cannot be repeated, or the URL cannot be decoded.
    """
    rules, read, missing = _read(url)
    if missing:
        raise BuildError(_refusal(missing, rules))
    return read


def without_counterpart(url: str) -> Mapping[str, str]:
    """Return what to write instead of each parameter that has no exact counterpart in v2.1.

    Raises:
        BuildError: a parameter is given twice although it cannot be repeated, or the URL cannot be
            decoded.
    """
    return _read(url)[2]


def _read(url: str) -> tuple[_Rules, dict[str, list[Any]], dict[str, str]]:
    """Return the rules of a URL, its parameters as in v2.1, and advice for those that are not."""
    is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://|[^=]*\?", url)
    parts = split_url(url) if is_url else SplitResult("", "", "", url, "")
    # Without a scheme, the path begins with the host.
    path = parts.path[max(parts.path.find("/"), 0) :]
    # An empty path is no evidence of a page: a query string alone has none either.
    place = read_place(path) if path.strip("/") else None
    place = place or Place("v2.1")
    rules = _RULES[place.generation]
    read: dict[str, list[Any]] = {}
    missing: dict[str, str] = {}
    for name, value in url_pairs(parts.query):
        if _left_out(name, value, place, rules):
            continue
        known, translated = _translated(name, value, rules)
        if known is None:
            missing.setdefault(name, _advice(name, value, rules))
        elif known in read and known not in _MANY:
            msg = f"{shortened(name)} is given twice"
            raise BuildError(msg)
        else:
            read.setdefault(known, []).append(translated)
    if rules.dotted:
        missing |= _ambiguous(read.get("refine", ()))
    return rules, read, missing


def _left_out(name: str, value: str, place: Place, rules: _Rules) -> bool:
    """Return whether a parameter has no effect on the rows."""
    # Links in newsletters add parameters that begin with utm_, for statistics.
    if name in rules.ignored or (rules.dotted and name.startswith(("disjunctive.", "utm_"))):
        return True
    return rules.dotted and name == "format" and (place.download or value == "json")


def _translated(name: str, value: str, rules: _Rules) -> tuple[str | None, Any]:
    """Return the name and the value of a parameter in v2.1; None as name if it has none."""
    if name in rules.advice:
        return None, None
    clause, _, facet = name.partition(".")
    if rules.dotted and clause in ("refine", "exclude") and facet:
        return clause, nodes.Refinement(facet, value)
    if name not in rules.renamed:
        return (name, value) if rules.open else (None, None)
    if name == "fields":
        return "select", nodes.Select(
            tuple(nodes.Field(one.strip()) for one in value.split(",") if one.strip())
        )
    return rules.renamed[name], value


def _advice(name: str, value: str, rules: _Rules) -> str:
    if name == "geofilter.distance":
        return f"write where={_circle(value)}, where FIELD has the positions of the dataset"
    # Pages name their searches: q.timerange, q.mapfilter.
    advice = rules.advice.get(name) or rules.advice.get(name.partition(".")[0])
    return f"write {advice}" if advice else "unknown here; leave it out if it is not a filter"


def _circle(value: str) -> str:
    """Return the condition for `latitude,longitude,metres`."""
    numbers = [one.strip() for one in value.split(",")]
    if len(numbers) != 3 or not all(
        re.fullmatch(r"-?\d{1,9}(\.\d{1,20})?", one) for one in numbers
    ):
        numbers = ["LAT", "LON", "METRES"]
    latitude, longitude, metres = numbers
    return f"within_distance(FIELD, geom'POINT({longitude} {latitude})', {metres}m)"


def _ambiguous(refinements: Sequence[nodes.Refinement]) -> dict[str, str]:
    """Return the facets with several values.

    In v1, `disjunctive.FACET` says how they are joined; in v2.1, the settings of the dataset do.
    """
    counts = Counter(one.facet for one in refinements)
    return {
        f"refine.{facet}": "given several times, and the dataset decides whether v2.1 joins them "
        'by OR: write where=FIELD in ("...", "...") for any of the values, or a condition for each'
        for facet, count in counts.items()
        if count > 1
    }


def _refusal(missing: Mapping[str, str], rules: _Rules) -> str:
    lines = [f"  {shortened(name)}: {advice}" for name, advice in missing.items()]
    title = f"these parameters of {rules.name} have no exact counterpart in the API v2.1:"
    return "\n".join((title, *lines))
