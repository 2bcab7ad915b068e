"""JSON Lines of clauses, `{"clause": ..., "text": ...}`, or of queries, `{"where": ..., ...}`.

Data is written as JSON Lines too. A file that the user did not name is a file of queries only if
its first line is a clause or a query. A query has a clause (or `limit` or `offset`, if it names a
dataset) and no unknown keys; if it has both a dataset and a clause, most of its keys must be known.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from odsql.checks.diagnostics import CLAUSES, ENDPOINTS, PARAMETERS
from odsql.sources.json_strings import decoded
from odsql.sources.model import UnreadableError
from odsql.sources.requests import DESCRIPTIONS, found
from odsql.sources.views import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions

__all__ = ["find_lines"]

_LINE = re.compile(r"[^\n]+")
_SPACE = re.compile(r"[ \t\r\n]*+")
_MEMBER = re.compile(r'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+")[ \t\r\n]*+:[ \t\r\n]*+')
_NEXT = re.compile(r'[\[\]{}]|"(?:[^"\\]++|\\.)*+"|[^"\[\]{},]++|,')
_TEXT = re.compile(r'"text": ?"([^"\\]*)"')
_LONGEST_LINE = 1_000_000
_SHAPE = 'is neither {"clause": ..., "text": ...} nor a query like {"where": ...}'
_TELLING = frozenset({*CLAUSES, "clause"})
_KNOWN = DESCRIPTIONS | PARAMETERS | {"format"}
_DATASET = frozenset(("dataset", "dataset_id"))
_PAGING = frozenset(("limit", "offset"))


class _BadLineError(ValueError):
    """A line that is not a query. The message gives the reason."""


def find_lines(
    file: SourceFile, suppressions: Suppressions, *, expected: bool = False
) -> Iterator[Found]:
    """Yield the requests of a JSON Lines file.

    Raises:
        UnreadableError: some lines are not queries; raised after the others have been yielded.
    """
    problems: list[tuple[int, str]] = []
    sure = expected
    for match in _LINE.finditer(file.text):
        if match[0].isspace():
            continue
        row = _row(match[0])
        if not sure:
            if not _is_query(row):
                return
            sure = True
        try:
            request = _found(file, match.start(), match.end(), row, suppressions)
        except _BadLineError as error:
            problems.append((match.start(), str(error)))
        else:
            if request is not None:
                yield request
    if problems:
        line = file.line_and_column(problems[0][0])[0]
        others = len(problems) - 1
        more = f" (and {others} more line{'s' if others > 1 else ''})" if others else ""
        path = f"{file.path}:{line}"
        raise UnreadableError(path, problems[0][1] + more)


def _row(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_query(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    if row.get("clause") in CLAUSES and isinstance(row.get("text"), str):
        return True
    unknown = len(row.keys() - _KNOWN)
    if _DATASET.isdisjoint(row):
        return not unknown and not _TELLING.isdisjoint(row)
    if any(_is_text(row[one]) for one in row.keys() & _TELLING):
        return 2 * unknown < len(row)
    return not unknown and not _PAGING.isdisjoint(row)


def _is_text(value: Any) -> bool:
    listed = value if isinstance(value, list) else [value]
    return all(isinstance(one, str) for one in listed)


def _found(
    file: SourceFile, start: int, end: int, row: Any, suppressions: Suppressions
) -> Found | None:
    if not isinstance(row, dict):
        raise _BadLineError(_SHAPE)
    if end - start > _LONGEST_LINE:
        msg = f"is too long for a query: {end - start:,} characters"
        raise _BadLineError(msg)
    if "clause" not in row and not (_TELLING | _DATASET).isdisjoint(row):
        return _query(file, start, row, suppressions)
    if not {"clause", "text"} <= row.keys():
        raise _BadLineError(_SHAPE)
    if row["clause"] not in CLAUSES or not isinstance(row["text"], str):
        msg = f"is not a clause: clause must be one of {', '.join(CLAUSES)}, and text a string"
        raise _BadLineError(msg)
    view = _text(file.text, start, end, row["text"])
    # A clause by itself says nothing about the rest of its request.
    return found(file, [(row["clause"], view)], suppressions, start=start, skipped="*")


def _text(text: str, start: int, end: int, value: str) -> View:
    match = _TEXT.search(text, start, end)
    if match is not None and match[1] == value:
        return View(value, range(match.start(1), match.end(1) + 1))
    return _members(text, start)["text"][0]


def _query(
    file: SourceFile, start: int, row: dict[str, Any], suppressions: Suppressions
) -> Found | None:
    endpoint = row.get("endpoint", "records")
    if endpoint not in ENDPOINTS:
        msg = f"is not a query: endpoint must be one of {', '.join(ENDPOINTS)}"
        raise _BadLineError(msg)
    members = _members(file.text, start)
    parameters = []
    for key, value in row.items():
        if key in DESCRIPTIONS or value is None:
            continue
        listed = value if isinstance(value, list) else [value]
        views = members[key]
        plain = all(isinstance(one, str | int | float) for one in listed)
        if not plain or len(views) != len(listed):
            msg = f"is not a query: {key} must be a string, a number or a list of these"
            raise _BadLineError(msg)
        parameters += [(key, view) for view in views]
    dataset = row.get("dataset", row.get("dataset_id"))
    name = row.get("name")
    return found(
        file, parameters, suppressions, start=start,
        dataset_id=dataset if isinstance(dataset, str) else None, endpoint=endpoint,
        name=name if isinstance(name, str) else None,
    )  # fmt: skip


def _members(text: str, start: int) -> dict[str, list[View]]:
    """Return the strings and numbers of a valid JSON object by key; the last of equal keys wins."""
    members: dict[str, list[View]] = {}
    place = text.index("{", start) + 1
    while (key := _MEMBER.match(text, place)) is not None:
        name = decoded(text, key.start(1) + 1, key.end(1) - 1).text
        members[name], place = _values(text, key.end())
        place = _after_comma(text, place)
    return members


def _values(text: str, place: int) -> tuple[list[View], int]:
    """Return the strings and numbers of a value, or of the items of a list, and where it ends."""
    views: list[View] = []
    depth = 0
    while (match := _NEXT.match(text, place)) is not None:
        one = match[0]
        if one in "[{":
            depth += 1
        elif one in "]}":
            depth -= 1
        elif one[0] == '"' and depth <= 1:
            views.append(decoded(text, match.start() + 1, match.end() - 1))
        elif one != "," and one.strip() and depth <= 1:
            begin = match.start() + len(one) - len(one.lstrip())
            views.append(View(one.strip(), range(begin, begin + len(one.strip()) + 1)))
        place = match.end()
        if depth <= 0:
            break
    return views, place


def _after_comma(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    place = match.end() if match else place
    return place + 1 if text[place : place + 1] == "," else place
