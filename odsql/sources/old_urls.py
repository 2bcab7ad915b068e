"""URLs of the APIs v1 and v2.0 in any text, each with the URL of v2.1 that asks for the same.

Nothing in such a URL is checked: its clauses are in another language. What is found is its path.
The hint is the URL of v2.1 if the whole URL is known and v2.1 has a counterpart of each parameter;
otherwise it also says which parameters have none, or, if there are placeholders, how names changed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode

from odsql.builder.query import Query
from odsql.builder.urls import read_place, url_pairs, without_counterpart
from odsql.checks.diagnostics import Older, Parameter, Request
from odsql.sources.model import Found
from odsql.sources.urls import OLD, PLACEHOLDER, written_urls
from odsql.sources.views import closed
from odsql.syntax.errors import ODSQLError
from odsql.syntax.templates import HOLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.literals import Written
    from odsql.sources.model import SourceFile
    from odsql.sources.suppressing import Suppressions
    from odsql.sources.views import View

__all__ = ["find_old_urls"]

_ANSWER = re.compile(r"\"href\"\s{0,9}:\s{0,9}\"\Z")
_PATH = "/api/explore/v2.1/catalog/datasets"
_UNNAMED = "ID"
_UNKNOWN = re.compile(rf"[{HOLES}]|{PLACEHOLDER.pattern}|\A[:\[<]|YOUR_")
_AFTER_PATH = re.compile(rf"[?{HOLES}]")
_PAGE_LIMIT = 100
_RENAMED = {
    "v1": 'rows is limit, start is offset, fields is select, and refine.x=y is refine=x:"y"',
    "v2.0": "rows is limit, and start is offset",
}


def find_old_urls(
    file: SourceFile, view: View, suppressions: Suppressions, language: str = ""
) -> Iterator[Found]:
    """Yield the paths of the URLs in a view of a file, in order; see `urls.find_urls`."""
    for written in written_urls(view.text, OLD, language):
        begin = view.offsets[written.view.offsets[0]]
        if _ANSWER.search(file.text, max(0, begin - 30), begin):
            continue  # a link in an answer that was saved, not a request of a program
        url = written.view.text
        start = OLD.search(url)
        if start is None:
            continue
        path = written.view.cut(start.start(), _end_of_path(url, start.end())).inside(view)
        offsets = closed(path.offsets)
        ignored = suppressions.of(None, [(offsets[0], offsets[-1])])
        generation = "v1" if "1.0" in start[0] else "v2.0"
        hint = _hint(url, start.start(), generation, written)
        request = Request((Parameter("url", path.text),), older=Older(generation, hint))
        yield Found(
            file, request, (offsets,), None, frozenset().union(*ignored), frozenset(), ignored
        )


def _end_of_path(url: str, place: int) -> int:
    match = _AFTER_PATH.search(url, place)
    return len(url) if match is None else match.start()


def _hint(url: str, start: int, generation: str, written: Written) -> str:
    """Return what to write in v2.1 instead."""
    before = url[: max(start - 1, 0)]
    portal = before if re.fullmatch(r"https?://[\w.:-]+", before) else ""
    relative = "/" + url[start:]
    path, _, query = relative.partition("?")
    general = f"in v2.1: {portal}{_path(path, query)}; {_RENAMED[generation]}"
    open_ended = written.open or written.cut or not query or query.endswith(("=", "&"))
    if open_ended or _has_unknown(relative):
        return general
    try:
        missing = without_counterpart(relative)
        kept = [(name, value) for name, value in url_pairs(query) if name not in missing]
        asked = Query.from_url(f"{path}?{urlencode(kept)}")
    except ODSQLError:
        return general
    many = any(
        name == "limit" and not 0 <= int(said) <= _PAGE_LIMIT for name, said in asked.params()
    )
    newer = _path(path, query, many=many)
    if newer.endswith(f"/{_UNNAMED}/records"):
        return general
    advice = "; ".join(f"{name}: {said}" for name, said in missing.items())
    without = f"; without an exact counterpart: {advice}" if missing else ""
    return f"in v2.1: {asked.url(portal + newer)}{without}"


def _has_unknown(text: str) -> bool:
    return any(_UNKNOWN.search(one) for one in re.split(r"[?&=/]", text))


def _path(path: str, query: str, *, many: bool = False) -> str:
    """Return the path in v2.1; `many` stands for more records than one page has.

    A dataset that is not known is called ID.
    """
    try:
        place = read_place(path)
    except ODSQLError:
        place = None
    if place is None or not place.accepted or _has_unknown(path):
        return f"{_PATH}/{_UNNAMED}/records"
    if place.generation == "v2.0":
        newer = re.sub(r"/api/(?:explore/v2\.0|v2)(?=/|\Z)", "/api/explore/v2.1", path, count=1)
        # Groups are asked for as records in v2.1.
        return newer.rstrip("/").replace("/aggregates", "/records")
    if not place.records:
        return f"{_PATH}/{quote(place.dataset_id, safe='')}" if place.dataset_id else _PATH
    given = {name: values[0] for name, values in parse_qs(query).items()}
    dataset = given.get("dataset", "")
    dataset = _UNNAMED if not dataset or _has_unknown(dataset) else quote(dataset, safe="")
    if place.download:
        return f"{_PATH}/{dataset}/exports/{quote(given.get('format', 'csv'))}"
    return f"{_PATH}/{dataset}/{'exports/json' if many else 'records'}"
