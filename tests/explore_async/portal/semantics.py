"""What the functions of ODSQL mean, in plain Python over values, without the portal's code.

The source is the ODSQL reference with what was measured on live portals; where both say nothing,
docs/portal.md does. A missing value is None, a point is (longitude, latitude), a rectangle is
(west, south, east, north), and a datetime is in UTC and has no time zone.
"""

from __future__ import annotations

import calendar
import json
import math
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

Point = tuple[float, float]
Box = tuple[float, float, float, float]

SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
OTHER_SIGMAS = "\N{GREEK CAPITAL LETTER SIGMA}\N{GREEK SMALL LETTER FINAL SIGMA}"
RADIUS = 6_371_008.7714

# ---------------------------------------------------------------- words


def folded(text: str) -> str:
    """Leave out case and marks, letter by letter."""
    letters = "".join(SIGMA if one in OTHER_SIGMAS else one.lower() for one in text)
    parts = unicodedata.normalize("NFD", letters)
    left = "".join(one for one in parts if unicodedata.category(one)[0] != "M")
    return unicodedata.normalize("NFC", left)


def words(text: str) -> list[str]:
    """Split a text into its runs of letters and digits."""
    found, run = [], ""
    for one in folded(text) + " ":
        if unicodedata.category(one)[0] in "LN":
            run += one
        elif run:
            found.append(run)
            run = ""
    return found


def edits(one: str, other: str) -> int:
    """Count the letters to insert, remove or replace (Levenshtein, by rows of the table)."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, row[0] = row[0], at
        for to, wanted in enumerate(other, start=1):
            before, row[to] = (
                row[to],
                min(row[to] + 1, row[to - 1] + 1, before + (letter != wanted)),
            )
    return row[-1]


def allowed_edits(word: str) -> int:
    return 0 if len(word) <= 2 else 1 if len(word) <= 5 else 2


def has_words(texts: Iterable[str], wanted: Sequence[tuple[str, bool, int]]) -> bool:
    """Tell whether texts have all wanted words; each is a word, its being a prefix, and edits."""
    there = [word for text in texts for word in words(text)]
    return bool(wanted) and all(
        any(
            (word.startswith(one) if prefix else word == one)
            or (count > 0 and edits(word, one) <= count)
            for word in there
        )
        for one, prefix, count in wanted
    )


def like(texts: Iterable[str], pattern: str) -> bool:
    """All words of the pattern; one with a `*` at its end may go on."""
    wanted = []
    for part in re.split(r"(?<=\*)", pattern):
        found = words(part)
        wanted += [(one, False, 0) for one in found]
        if found and re.search(r"[^\W_]\*$", folded(part)):
            wanted[-1] = (found[-1], True, 0)
    return has_words(texts, wanted)


def bare_text(texts: Iterable[str], text: str) -> bool:
    return has_words(texts, [(one, False, 0) for one in words(text)])


def suggest(texts: Iterable[str], text: str) -> bool:
    return has_words(texts, [(one, True, 0) for one in words(text)])


def search(texts: Iterable[str], text: str) -> bool:
    """All words, nearly the same; the last may go on."""
    listed = words(text)
    return has_words(
        texts,
        [(one, at == len(listed), allowed_edits(one)) for at, one in enumerate(listed, start=1)],
    )


def startswith(texts: Iterable[str], text: str) -> bool:
    return any(one[: len(text)] == text for one in texts)


# ---------------------------------------------------------------- time


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clocks of a zone show."""
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def in_utc(clock: datetime, zone: ZoneInfo) -> datetime:
    return clock.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def clock_of(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Return what clocks show at a datetime, or at the start of a day, which has no zone."""
    if isinstance(value, datetime):
        return local(value, zone)
    return datetime(value.year, value.month, value.day)


def later(clock: datetime, months: int) -> datetime:
    """Add months; a day that the month lacks is its last."""
    year, month = divmod(clock.year * 12 + clock.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return clock.replace(year=year, month=month + 1, day=min(clock.day, last))


def period(literal: str, zone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """Return the start and end of the year, month, day, hour, minute or second of a literal.

    With a zone, they are in UTC.
    """
    numbers = [int(one) for one in re.findall(r"[0-9]+", literal)]
    start = datetime(*[*numbers, 1, 1][: max(3, len(numbers))])  # type: ignore[arg-type]
    length = len(numbers)
    if length < 3:
        end = later(start, {1: 12, 2: 1}[length])
    else:
        seconds = {3: 86_400, 4: 3600, 5: 60, 6: 1}[length]
        end = start + timedelta(seconds=seconds)
    return (start, end) if zone is None else (in_utc(start, zone), in_utc(end, zone))


def compared(value: date | datetime, sign: str, literal: str, zone: ZoneInfo) -> bool:
    """Compare a date with a whole period; a bare day is a whole day (measured)."""
    is_moment = isinstance(value, datetime)
    start, end = period(literal, zone if is_moment else None)
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return {
        "=": start <= moment < end, ":": start <= moment < end, "!=": not start <= moment < end,
        "<": moment < start, "<=": moment < end, ">": moment >= end, ">=": moment >= start,
    }[sign]  # fmt: skip


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
JOURS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
MOIS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip


def formatted(clock: datetime, symbol: str, language: str) -> str:
    """Return the text of one symbol of `date_format`."""
    english = language == "en"
    week_year, week, weekday = clock.isocalendar()
    day_of_year = (clock.date() - date(clock.year, 1, 1)).days + 1
    name = (DAYS if english else JOURS)[weekday - 1]
    return {
        "yy": f"{clock.year % 100:02}", "YY": f"{clock.year % 100:02}",
        "yyyy": f"{clock.year:04}", "YYYY": f"{clock.year:04}",
        "xx": f"{week_year % 100:02}", "xxxx": f"{week_year:04}",
        "w": str(week), "ww": f"{week:02}", "e": str(weekday),
        "E": name[:3] if english else f"{name[:3]}.", "EEEE": name,
        "D": str(day_of_year), "DDD": f"{day_of_year:03}",
        "M": str(clock.month), "MM": f"{clock.month:02}",
        "MMMM": (MONTHS if english else MOIS)[clock.month - 1],
        "d": str(clock.day), "dd": f"{clock.day:02}", "H": str(clock.hour),
        "HH": f"{clock.hour:02}", "m": str(clock.minute), "mm": f"{clock.minute:02}",
        "s": str(clock.second), "ss": f"{clock.second:02}",
    }[symbol]  # fmt: skip


SYMBOLS = (
    "yy", "YY", "yyyy", "YYYY", "xx", "xxxx", "w", "ww", "e", "E", "EEEE", "D", "DDD", "M", "MM",
    "MMMM", "d", "dd", "H", "HH", "m", "mm", "s", "ss",
)  # fmt: skip


def now(clock: datetime, parts: Sequence[tuple[str, int]]) -> datetime:
    """Set the parts with singular names, then shift by those with plural ones."""
    last = dict(parts)
    year, month = last.get("year", clock.year), last.get("month", clock.month)
    day = min(last.get("day", clock.day), calendar.monthrange(year, month)[1])
    units = ("hour", "minute", "second", "microsecond")
    start = datetime(year, month, day, *(last.get(one, getattr(clock, one)) for one in units))
    moved = later(start, 12 * last.get("years", 0) + last.get("months", 0))
    for unit in ("days", "hours", "minutes", "seconds", "microseconds"):
        moved += timedelta(**{unit: last.get(unit, 0)})
    while "weekday" in last and moved.weekday() != last["weekday"]:
        moved += timedelta(days=1)
    for weekday, name in enumerate(one.lower() + "s" for one in DAYS):
        count = last.get(name, 0)
        step = timedelta(days=1 if count > 0 else -1)
        for left in range(abs(count)):
            moved += step if left else timedelta()  # the day itself counts
            while moved.weekday() != weekday:
                moved += step
    return moved


# ---------------------------------------------------------------- geography


def metres(one: Point, other: Point) -> float:
    """Measure the angle between two unit vectors."""
    vectors = []
    for longitude, latitude in (one, other):
        turn, up = math.radians(longitude), math.radians(latitude)
        vectors.append((math.cos(up) * math.cos(turn), math.cos(up) * math.sin(turn), math.sin(up)))
    return 2 * RADIUS * math.asin(min(1.0, math.dist(*vectors) / 2))


def boxes_meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def box_within(inner: Box, outer: Box) -> bool:
    west, south = outer[0] <= inner[0], outer[1] <= inner[1]
    return west and south and inner[2] <= outer[2] and inner[3] <= outer[3]


def in_triangle(point: Point, corners: Sequence[Point]) -> bool | None:
    """Tell whether a point is in a triangle; None on its edge, where either is right."""
    turns = [_turn(a, b, point) for a, b in pairwise([*corners, corners[0]])]
    if all(one > 0 for one in turns) or all(one < 0 for one in turns):
        return True
    return False if any(one > 0 for one in turns) and any(one < 0 for one in turns) else None


def _turn(one: Point, two: Point, three: Point) -> float:
    return (two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])


def hull(points: Iterable[Point]) -> set[Point]:
    """Return the corners of the convex hull (Andrew's monotone chain)."""
    listed = sorted(set(points))
    return {*_side(listed), *_side(listed[::-1])}


def _side(listed: Sequence[Point]) -> list[Point]:
    side: list[Point] = []
    for at in listed:
        while len(side) > 1 and _turn(side[-2], side[-1], at) <= 0:
            side.pop()
        side.append(at)
    return side


def around(points: Iterable[Point]) -> Box | None:
    listed = list(points)
    if not listed:
        return None
    longitudes, latitudes = zip(*listed, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


# ---------------------------------------------------------------- values


def read_json(text: str | None, otherwise: str | None) -> Any:
    """Read JSON, which has no NaN."""
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=lambda one: 1 // 0)
    except (ValueError, ZeroDivisionError):
        return otherwise


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Interpolate between the two nearest ranks."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))
