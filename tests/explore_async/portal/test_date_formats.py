"""`date_format`: each symbol agrees with Python's own calendar, in every language."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from explore_async.operations import LANGS
from explore_async.portal import Store, serve
from tests.explore_async.portal.asking import Asker

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = [date(2019, 12, 25) + timedelta(days=number * 5) for number in range(160)]
MOMENTS = [datetime(2026, 3, 28, 20, 7, 9, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(12)]

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

SYMBOLS: dict[str, Callable[[datetime], str]] = {
    "yy": lambda at: f"{at.year % 100:02}",
    "YY": lambda at: f"{at.year % 100:02}",
    "yyyy": lambda at: f"{at.year:04}",
    "YYYY": lambda at: f"{at.year:04}",
    "xx": lambda at: f"{at.isocalendar().year % 100:02}",
    "xxxx": lambda at: f"{at.isocalendar().year:04}",
    "w": lambda at: str(at.isocalendar().week),
    "ww": lambda at: f"{at.isocalendar().week:02}",
    "e": lambda at: str(at.isoweekday()),
    "E": lambda at: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][at.weekday()],
    "EEEE": lambda at: [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ][at.weekday()],
    "D": lambda at: str(at.timetuple().tm_yday),
    "DDD": lambda at: f"{at.timetuple().tm_yday:03}",
    "M": lambda at: str(at.month),
    "MM": lambda at: f"{at.month:02}",
    "MMMM": lambda at: MONTHS[at.month - 1],
    "d": lambda at: str(at.day),
    "dd": lambda at: f"{at.day:02}",
    "H": lambda at: str(at.hour),
    "HH": lambda at: f"{at.hour:02}",
    "m": lambda at: str(at.minute),
    "mm": lambda at: f"{at.minute:02}",
    "s": lambda at: str(at.second),
    "ss": lambda at: f"{at.second:02}",
    "'it''s %Y'": lambda _: "it's %Y",
    "''": lambda _: "'",
    ".": lambda _: ".",
}


async def formatted(
    ask: Asker, rows: list[dict[str, object]], pattern: str, zone: str
) -> list[str]:
    """Return the field `f` of each row, as the portal formats it."""
    with Store() as store:
        store.add("x", rows=rows)
        async with serve(store) as url:
            answer = await Asker(url, ask.session).get(
                "datasets/x/exports/json", select=f'date_format(f, "{pattern}") as f', timezone=zone
            )
    return [row["f"] for row in answer.json]


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_a_symbol_of_the_pattern(ask: Asker, symbol: str) -> None:
    """The pattern language is that of the reference; weeks are those of ISO 8601."""
    days = await formatted(ask, [{"f": day} for day in DAYS], symbol, "Europe/Paris")
    assert days == [SYMBOLS[symbol](datetime(day.year, day.month, day.day)) for day in DAYS]
    moments = await formatted(ask, [{"f": at} for at in MOMENTS], symbol, "Europe/Paris")
    zone = ZoneInfo("Europe/Paris")
    assert moments == [SYMBOLS[symbol](at.astimezone(zone)) for at in MOMENTS]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Fri Friday 28 August"),
        ("fr", "ven. vendredi 28 août"),
        ("nl", "vr vrijdag 28 augustus"),
        ("pt", "sex. sexta-feira 28 agosto"),
        ("it", "ven venerdì 28 agosto"),
        ("ar", "الجمعة الجمعة 28 أغسطس"),
        ("de", "Fr. Freitag 28 August"),
        ("es", "vie viernes 28 agosto"),
        ("ca", "dv. divendres 28 d\u2019agost"),
        ("eu", "or. ostirala 28 abuztua"),
        ("sv", "fre fredag 28 augusti"),
    ],
)
async def test_names_follow_the_language(ask: Asker, language: str, expected: str) -> None:
    """`lang` has eleven values; names are those of the Unicode CLDR."""
    answer = await ask.get(
        "datasets/things/records",
        select="date_format(day, 'E EEEE d MMMM') as d",
        where="id = 1",
        lang=language,
    )
    assert answer.results == [{"d": expected}]


def test_every_language_of_the_specification_is_tried() -> None:
    """There are eleven."""
    assert len(LANGS) == 11


async def test_names_in_another_language_are_refused(ask: Asker) -> None:
    """Only if the pattern has names."""
    query = {"where": "id = 1", "lang": "pl"}
    named = await ask.get("datasets/things/records", select="date_format(day, 'EEEE')", **query)
    assert (named.status, named.json["error_code"]) == (400, "NotSupportedByLocalPortal")
    plain = await ask.get("datasets/things/records", select="date_format(day, 'dd') as d", **query)
    assert plain.results == [{"d": "28"}]


async def test_no_date_has_no_text(ask: Asker) -> None:
    """Null stays null, whatever the pattern."""
    for pattern in ("EEEE", "w", "xx 'x'", "", "'x'"):
        answer = await ask.get(
            "datasets/things/records", select=f'date_format(day, "{pattern}") as d', where="id = 4"
        )
        assert answer.results == [{"d": None}]


async def test_groups_by_a_name(ask: Asker) -> None:
    """`date_format` may stand in every clause."""
    answer = await ask.get(
        "datasets/things/records",
        group_by="date_format(day, 'MMMM') as m",
        select="count(*) as n",
        where="date_format(day, 'MMMM') != 'juillet'",
        order_by="m desc",
        lang="fr",
    )
    assert answer.results == [{"m": "septembre", "n": 1}, {"m": "août", "n": 2}]
