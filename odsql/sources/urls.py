"""Explore URLs in any text: code, prose, configuration.

A URL is recognised by its path, `/api/explore/v2.x/catalog/...`; the portal before it may be
anything. Its parameters are decoded as a server decodes them. A parameter with a part that is not
known (`${x}`, `{x}`, `%s`, `<name>`, a variable between two literals) is left out and named in
`Found.skipped`; the others are found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources.literals import UNKNOWN, WHOLE, Written, read_url
from odsql.sources.requests import found
from odsql.sources.views import View, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions

__all__ = ["MARK", "find_urls"]

MARK = "explore/v2"
"""A text without this, or its form with escaped slashes, has no Explore URL."""

_START = re.compile(r"/api\\{0,4}/explore\\{0,4}/v2\.\w{1,4}\\{0,4}/(?:catalog)\b")
_HOST = re.compile(r"(?:[\w.:/@%~-]|\\{1,4}/)*\Z")
_INTERPOLATED = re.compile(r"(?:[$#]?\{+[^{}\n]{0,200}\}+|\$\w{1,80})\Z")
_OPENING = re.compile(r"""(\\{0,8})(["'`])\Z""")
_HOST_LENGTH = 300

_PATH = re.compile(
    r"/catalog/(?:datasets(?:/(?P<dataset>[^/?]+)(?:/(?P<part>[^/?]+))?)?"
    r"|(?P<catalog>facets|exports))?(?:/|\Z)"
)
_PERCENT = re.compile(
    r"%[cCdD][0-9a-fA-F]%[89abAB][0-9a-fA-F]"
    r"|%[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    r"|%[fF][0-7](?:%[89abAB][0-9a-fA-F]){3}"
    r"|%[0-9a-fA-F]{2}|\+"
)
_PLACEHOLDER = re.compile(
    # What printf fills in (two hexadecimal digits are an escape), and dots that stand for more.
    rf"{UNKNOWN}|%(?![0-9a-fA-F]{{2}})(?:\d\$)?[-0 #]*\d*(?:\.\d+)?[sdifgxv@](?![A-Za-z0-9])"
    r"|%0[1-9]d|%%|%\(|\.\.\."
)
_SHOUTED = re.compile(r"[A-Z][A-Z_]*")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def find_urls(
    file: SourceFile, view: View, suppressions: Suppressions, language: str = ""
) -> Iterator[Found]:
    """Yield the requests of the Explore URLs in a view of a file, in its order.

    `language` is "python", "php", "string" for a text that may be a URL and nothing else, or
    anything that needs no special treatment.
    """
    text = view.text
    place = 0
    unclosed: dict[str, int] = {}
    for start in _START.finditer(text):
        if start.start() < place:
            continue
        begin = _begin(text, start.start(), place)
        written = _read(text, begin, language, unclosed)
        place = max(written.end, start.end())
        request = _request(file, view, written, suppressions)
        if request is not None:
            yield request


def _begin(text: str, start: int, lowest: int) -> int:
    """Return where the URL begins whose path starts at `start`."""
    begin = start
    lowest = max(lowest, start - _HOST_LENGTH)
    while True:
        before = text[lowest:begin]
        host = _HOST.search(before)
        begin = lowest + (host.start() if host else len(before))
        interpolated = _INTERPOLATED.search(text[lowest:begin])
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
    # A quote that is not closed is looked for only once in each line.
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
    pieces = query.split("&")
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        _parameter(url, place, piece, written.cut and last, known, skipped)
        place += len(piece) + 1
    dataset_id, endpoint = _target(path)
    return found(
        file, known, suppressions,
        start=url.offsets[0], dataset_id=dataset_id, endpoint=endpoint, skipped=skipped,
    )  # fmt: skip


def _parameter(
    url: View, place: int, piece: str, cut: bool, known: list[tuple[str, View]], skipped: set[str]
) -> None:
    name, equals, value = piece.partition("=")
    name = _PERCENT.sub(_unescaped, name)
    if not equals or not _NAME.fullmatch(name):
        if UNKNOWN in piece:
            skipped.add("*")
        return
    if cut or not value or _is_placeholder(name, value):
        skipped.add(name)
        return
    if name == "apikey":  # a secret: nothing to check, and nothing to show
        return
    start = place + len(piece) - len(value)
    decoded = decode(url.text, start, place + len(piece), _PERCENT, _unescaped)
    known.append((name, decoded.inside(url)))


def _is_placeholder(name: str, value: str) -> bool:
    if _PLACEHOLDER.search(value):
        return True
    return name in ("limit", "offset") and _SHOUTED.fullmatch(value) is not None


def _unescaped(match: re.Match[str]) -> str:
    written = match[0]
    if written == "+":
        return " "
    encoded = bytes.fromhex(written.replace("%", ""))
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return "\ufffd" * len(encoded)


def _target(path: str) -> tuple[str | None, str]:
    """Return which dataset a path is about, if it is known, and which operation it is for."""
    match = _PATH.search(path)
    if match is None:
        return None, "records"
    if match["catalog"]:
        return None, "catalog_facets" if match["catalog"] == "facets" else "catalog_exports"
    if match["dataset"] is None:
        return None, "datasets"
    dataset_id = _PERCENT.sub(_unescaped, match["dataset"])
    part = match["part"] or ""
    endpoint = part if part in ("exports", "facets") else "records" if part else "datasets"
    return None if _PLACEHOLDER.search(match["dataset"]) else dataset_id, endpoint
