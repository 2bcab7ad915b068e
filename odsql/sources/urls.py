"""Explore URLs in any text: code, prose, configuration.

A URL is recognised by its path, `api/explore/v2.x/catalog/...`; the portal before it may be
anything. Its parameters are decoded as a server decodes them. In a clause, what a program fills in
(`${x}`, `{x}`, a variable between two literals) is a hole. Any other parameter with an unknown
part, and one with another placeholder (`%s`, `:name`), is left out and named in `Found.skipped`. A
parameter that no operation has is kept, as it is written, because its value does not matter. The
last clause of a quoted URL may be the first part of a longer one: if it ends too early, it counts
as unknown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.checks.diagnostics import CLAUSES, PARAMETERS
from odsql.sources.literals import WHOLE, Written, read_url
from odsql.sources.requests import found
from odsql.sources.views import View, closed, decode
from odsql.syntax.errors import ODSQLSyntaxError
from odsql.syntax.templates import HOLE, HOLES, SAFE, fill, has_holes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions

__all__ = [
    "MARK", "OLD", "PERCENT", "PLACEHOLDER", "find_urls", "percent_decoded", "target", "unescaped",
    "written_urls",
]  # fmt: skip

MARK = "explore/v2"
"""A text without this string, or its form with escaped slashes, has no Explore URL."""

_START = re.compile(
    r"api(?<![\w-]api)\\{0,4}/explore\\{0,4}/v2\.(?!0\b)\w{1,4}\\{0,4}"
    r"/(?:catalog|monitoring|opendatasoft)\b"
)
OLD = re.compile(
    r"api(?<![\w-]api)\\{0,4}/(?:"
    r"explore\\{0,4}/v2\.0(?![\w.])(?!\\{0,4}/console)"
    r"|v2\\{0,4}/(?:catalog|opendatasoft)\\{0,4}/(?:datasets|facets|exports)\b"
    r"|(?:records|datasets)\\{0,4}/1\.0(?![\w.]))"
)
"""The paths of the APIs v1 and v2.0; `/api/v2/` alone is a path that many other services have."""
_HOST_BACKWARDS = re.compile(r"(?:/\\{1,4}|[\w.:/@%~-])*+")
_INTERPOLATED = re.compile(r"(?:[$#]?\{+[^{}\n]{0,200}\}+|\$)\Z")
"""What may stand in the place of a host; the name behind a lone `$` looks like one."""
_OPENING = re.compile(r"""(\\{0,8})(["'`])\Z""")
_HOST_LENGTH = 300

_PATH = re.compile(
    r"/(?:catalog|monitoring|opendatasoft)/(?:datasets(?:/(?P<dataset>[^/?]+)(?:/(?P<part>[^/?]+))?)?"
    r"|(?P<catalog>facets|exports))?(?:/|\Z)"
)
PERCENT = re.compile(
    r"%[cCdD][0-9a-fA-F]%[89abAB][0-9a-fA-F]"
    r"|%[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    r"|%[fF][0-7](?:%[89abAB][0-9a-fA-F]){3}"
    r"|%[0-9a-fA-F]{2}|\+"
)
PLACEHOLDER = re.compile(
    # printf directives (two hexadecimal digits are an escape), and dots that stand for more.
    rf"%\d?[{HOLES}]|%(?![0-9a-fA-F]{{2}})(?:\d\$)?[-0 #]*\d*(?:\.\d+)?[sdifgxv@](?![A-Za-z0-9])"
    r"|%0[1-9]d|%%|%\(|\.\.\."
)
_TELLING = re.compile(r"\w{2}|[=<>(,]")
"""A clause that is all hole, or nearly so, tells nothing."""
_PROSE = re.compile(
    r"(?i)(?:(?:\A|/)[^./]*|\.(?:md|markdown|rst|txt|adoc|org|tex|html?|csv|log))\Z"
)
_SHOUTED = re.compile(r"[A-Z][A-Z0-9_]*")
_NAMED = re.compile(
    r""""[^"]*"|'[^']*'|(?<![\w"'`:@.\]])([:@][A-Za-z_]\w*(?!["'`\w])|YOUR_[A-Z_]+)"""
)
"""Values to be filled in by a database or a reader; ODSQL has unquoted colons only after names."""
_BRACKETED = re.compile(r"\[[\w -]+\]")
_ENDS = ("", "'", '"', "`")
"""The text at which a syntax error is found if a clause ends early or a quote is never closed."""
_UNFINISHED = re.compile(r"(?:[=<>!,(+*/-]|\b(?:and|or|not|in|like|is|as|by))\s*\Z", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def find_urls(
    file: SourceFile, view: View, suppressions: Suppressions, language: str = ""
) -> Iterator[Found]:
    """Yield the requests of the Explore URLs in a view of a file, in order.

    `language` is "python", "php", "string" for a string that may consist of one URL, or anything
    else for no special treatment.
    """
    for written in written_urls(view.text, _START, language):
        request = _request(file, view, written, suppressions)
        if request is not None:
            yield request


def written_urls(text: str, start: re.Pattern[str], language: str) -> Iterator[Written]:
    """Yield the URLs in a text whose paths begin with a pattern, in order."""
    place = 0
    unclosed: dict[str, int] = {}
    for match in start.finditer(text):
        if match.start() < place:
            continue
        begin = _begin(text, match.start(), place)
        written = _read(text, begin, language, unclosed)
        place = max(written.end, match.end())
        yield written


def _begin(text: str, start: int, lowest: int) -> int:
    """Return where the URL with the path at `start` begins."""
    begin = start
    lowest = max(lowest, start - _HOST_LENGTH)
    while True:
        before = text[lowest:begin]
        host = _HOST_BACKWARDS.match(before[::-1])
        begin -= host.end() if host else 0
        before = text[lowest:begin]
        interpolated = _INTERPOLATED.search(before) if "{" in before or "$" in before else None
        if interpolated is None or begin == lowest:
            return begin
        begin = lowest + interpolated.start()


def _read(text: str, begin: int, language: str, unclosed: dict[str, int]) -> Written:
    if language == "string" and begin == 0:
        url = read_url(text, begin, WHOLE, 0, language)
        return url or _nothing(text, begin)
    before = text[max(0, begin - 10) : begin]
    opening = _OPENING.search(before)
    if opening is not None:
        level, quote = len(opening[1]), opening[2]
    else:
        level, quote = 0, ">" if before.endswith("<") else ""
    # An unclosed quote is searched for only once per line.
    if quote and begin >= unclosed.get(quote, 0):
        written = read_url(text, begin, quote, level, language)
        if written is not None:
            return written
        newline = text.find("\n", begin)
        unclosed[quote] = newline if newline >= 0 else len(text)
    bare = read_url(text, begin, "", 0, language)
    return bare or _nothing(text, begin)


def _nothing(text: str, begin: int) -> Written:
    return Written(View(text[:0], range(begin, begin + 1)), begin)


def _request(
    file: SourceFile, view: View, written: Written, suppressions: Suppressions
) -> Found | None:
    url = written.view.inside(view)
    path, mark, query = url.text.partition("?")
    if not mark:
        return None
    known: list[tuple[str, View]] = []
    skipped = {"*"} if written.open else set()
    place = len(path) + 1
    last = len(url.text) if written.cut or written.quoted else -1
    for piece in query.split("&"):
        end = place + len(piece)
        parameter = _parameter(file, url, place, end, skipped)
        if parameter is not None:
            if end == last and _may_go_on(*parameter, cut=written.cut):
                skipped.add(parameter[0])
            else:
                known.append(parameter)
        place = end + 1
    dataset_id, endpoint = target(path)
    return found(
        file, known, suppressions,
        start=url.offsets[0], dataset_id=dataset_id, endpoint=endpoint, skipped=skipped,
    )  # fmt: skip


def _parameter(
    file: SourceFile, url: View, place: int, end: int, skipped: set[str]
) -> tuple[str, View] | None:
    """Return a parameter; None if there is none, or its value is unknown and it is `skipped`."""
    piece = url.text[place:end]
    name, equals, value = piece.partition("=")
    name = PERCENT.sub(unescaped, name)
    if not equals or not _NAME.fullmatch(name):
        if has_holes(piece):
            skipped.add("*")
        return None
    start = end - len(value)
    if not value or PLACEHOLDER.search(value) or not _is_known(name, value):
        skipped.add(name)
        return None if name in PARAMETERS else (name, _as_written(file, url, start, end))
    decoded = decode(url.text, start, end, PERCENT, unescaped)
    if _PROSE.search(file.path) is not None:  # whoever reads it fills in the value
        decoded = View(decoded.text.replace(HOLE, SAFE), decoded.offsets)
    if _stands_for_another(name, decoded.text):
        skipped.add(name)
        return None
    return name, decoded.inside(url)


def _is_known(name: str, value: str) -> bool:
    """Return whether a value has no hole, or is a clause of which enough is known to read it."""
    return not has_holes(value) or (name in CLAUSES and _TELLING.search(value) is not None)


def _stands_for_another(name: str, value: str) -> bool:
    """Return whether a value is a placeholder that readers of documentation should replace."""
    if any(one[1] for one in _NAMED.finditer(value)) or _BRACKETED.fullmatch(value):
        return True
    return name in ("limit", "offset") and _SHOUTED.fullmatch(value) is not None


def _as_written(file: SourceFile, url: View, start: int, end: int) -> View:
    offsets = closed(url.cut(start, end).offsets)
    return View(file.text[offsets[0] : offsets[-1]], range(offsets[0], offsets[-1] + 1))


def _may_go_on(name: str, value: View, *, cut: bool) -> bool:
    """Return whether the last parameter may be incomplete."""
    if name not in CLAUSES:
        return cut and name in PARAMETERS
    return cut or _ends_too_early(name, value.text)


def _ends_too_early(name: str, text: str) -> bool:
    """Return whether a clause is refused only because more should follow."""
    try:
        fill(name, text)
    except ODSQLSyntaxError as error:
        return error.found in _ENDS or _UNFINISHED.search(text) is not None
    return False


def unescaped(match: re.Match[str]) -> str:
    """Return what a match of `PERCENT` stands for."""
    written = match[0]
    if written == "+":
        return " "
    encoded = bytes.fromhex(written.replace("%", ""))
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return "\ufffd" * len(encoded)


def percent_decoded(view: View) -> View:
    """Return a part of a query as a server decodes it."""
    return decode(view.text, 0, len(view.text), PERCENT, unescaped).inside(view)


def target(path: str) -> tuple[str | None, str]:
    """Return the dataset in a path, if it is known, and the operation."""
    match = _PATH.search(path)
    if match is None:
        return None, "records"
    if match["catalog"]:
        return None, "catalog_facets" if match["catalog"] == "facets" else "catalog_exports"
    if match["dataset"] is None:
        return None, "datasets"
    dataset_id = PERCENT.sub(unescaped, match["dataset"])
    part = match["part"] or ""
    endpoint = part if part in ("exports", "facets") else "records" if part else "datasets"
    known = not has_holes(match["dataset"]) and PLACEHOLDER.search(match["dataset"]) is None
    return dataset_id if known else None, endpoint
