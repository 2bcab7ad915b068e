"""Edits: the fixed text parses and keeps its meaning."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import PLACES, fixed, found, request


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("where: a <> 1 AND b == 2", "a != 1 AND b = 2"),
        ("where: a not in (1, 2)", "NOT a in (1, 2)"),
        ('where: x = 1 and lower(a) not like "b" or y = 2',
         'x = 1 and NOT lower(a) like "b" or y = 2'),
        ('where: (a NOT IN (1) and b not like "c")', '(NOT a IN (1) and NOT b like "c")'),
        ('where: "x" not in tags', 'NOT "x" in tags'),
        ("where: a not in (1) and b <> 2", "NOT a in (1) and b != 2"),
        ("where: distance(f, geom'POINT(1 1)', 1km)", "within_distance(f, geom'POINT(1 1)', 1km)"),
        ("where: polygon(f, geom'POLYGON((0 0,1 0,1 1,0 0))')",
         "within(f, geom'POLYGON((0 0,1 0,1 1,0 0))')"),
        ("where: Geometry(f, geom'POINT(1 1)' , DISJOINT )", "disjoint(f, geom'POINT(1 1)'  )"),
        ('where: a:"b" AND (c) : 5', 'a="b" AND (c) = 5'),
        ("where: a:[1 TO 2]", "a in [1 TO 2]"),
        ("where: a:[20220 TO 20221]", "a in [20220 TO 20221]"),
        ("where: a :[date'2024'..date'2025']", "a in [date'2024'..date'2025']"),
        ("where: a => 1 and b =< 2", "a >= 1 and b <= 2"),
        ("where: a > = 1 and b ! = 2", "a >= 1 and b != 2"),
        ("where: a === 1", "a = 1"),
        ("where: a \u2265 1 or b \u2260 \u22121", "a >= 1 or b != -1"),
        ("where: a \uff1d 1", "a = 1"),
        ("where: a = \u201cx y\u201d or b = \u2018z\u2019", 'a = "x y" or b = "z"'),
        ("where: a =\u200b 1", "a = 1"),
        ("where: a = 'x' ;", "a = 'x' "),
        ("where: WHERE  a <> 1", "a != 1"),
        ("where: where=a = 1", "a = 1"),
        ("select: select a, b", "a, b"),
        ("order_by: order by a desc", "a desc"),
        ("group_by: GROUP BY a", "a"),
        ("order_by: a descending, b ASCENDING", "a desc, b asc"),
        ("where: a isnull or b NOTNULL", "a is null or b is not null"),
        ("where: a between 1 and 2.5 and b = 1", "a in [1..2.5] and b = 1"),
        ("where: d BETWEEN date'2024' AND date'2025'", "d in [date'2024'..date'2025']"),
        ("where: EXTRACT(Year FROM d) = 2024", "year(d) = 2024"),
        ("where: d > to_date('2024-01-31')", "d > date'2024-01-31'"),
        ("where: d > DATE(2024, 1, 31)", "d > date'2024-01-31'"),
        ("where: d > timestamp '2024-01-31'", "d > date'2024-01-31'"),
        ("where: d > date '2024-01-31'", "d > date'2024-01-31'"),
        ("where: nvl(a, ifnull(b, c)) = 1 and len(d) > 2",
         "ifnull(a, ifnull(b, c)) = 1 and length(d) > 2"),
        ("where: coalesce(a, b) = 1", "ifnull(a, b) = 1"),
        ("where: in_distance(a, geom'POINT(1 1)', 1km)",
         "within_distance(a, geom'POINT(1 1)', 1km)"),
        ("select: average(a) as b", "avg(a) as b"),
    ],
)  # fmt: skip
def test_a_safe_edit_gives_a_text_without_the_finding(lines: str, text: str) -> None:
    """The edited text has no error, and nothing left to edit."""
    assert fixed(lines) == text
    clause = request(lines).parameters[0].name
    again = found(f"{clause}: {text}")
    assert [one for one in again if one.severity == "error" or one.edits] == []


@pytest.mark.parametrize(
    "lines",
    [
        "where: a <> 1 AND",
        "where: a = b not in (1)",
        "where: a && b",
        "where: a: null",
        "where: a: true",
        "where: a: [20220101 TO 20220201]",
        "where: a: [202201 TO 202202]",
        "where: a: [2021 TO 2022]",
        "where: a: ['2022-01-01' TO '2022-02-01']",
        "where: geometry(f, geom'POINT(1 1)')",
        "where: geometry(f, geom'POINT(1 1)', INTERSECT)",
        "group_by: range(a, ]10, 20[)",
        "where: a = 'it''s'",
        "where: a > 2024-01-31",
        "where: a != 1",
        "where: a =!b",
        "where: a ilike 'x'",
        "where: a not between 1 and 2",
        "where: a between 'x' and 'y'",
        "where: year(d) between 1 and 2",
        'where: a = \u201csay "x"\u201d',
        "where: a = \u00ab x \u00bb",
        "where: a = 1; b = 2",
        "where: a = 1 limit 5",
        "where: select a",
        "where: coalesce(a, b, c) = 1",
        "where: coalesce(a) = 1",
        "where: d > date(2024, 2, 30)",
        "where: d > date(a)",
        "where: d > to_date('31/01/2024')",
        "where: d > to_date('2024-01-31', 'x')",
        "where: extract(week from d) = 1",
        "where: upper(a) = 'X'",
        "group_by: GROUP BY",
        "refine: REFINE",
    ],
)
def test_nothing_is_edited_where_nobody_can_know_what_was_meant(lines: str) -> None:
    """Nor where the text would still not parse."""
    findings = found(lines)
    assert findings
    assert not any(one.edits for one in findings)


def test_two_mistakes_are_two_findings_at_their_places() -> None:
    """Parsing continues after a mistake that can be fixed."""
    findings = found("where: a <> 1 AND b <> 2")
    assert [(one.code, one.start, one.end) for one in findings] == [
        ("ODS102", 2, 4),
        ("ODS102", 13, 15),
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ('refine: day:"2023-04"', "2023/04"),
        ("refine: `day` : 2023-04-05", "2023/04/05"),
        ("exclude: moment:'2023-04'", "2023/04"),
    ],
)
def test_a_facet_date_gets_slashes_in_place(lines: str, text: str) -> None:
    """Only the value is replaced; the name and the quotes stay."""
    ((edit,),) = [one.edits for one in found(lines, PLACES)]
    before = request(lines).parameters[0].text
    assert before[edit.start : edit.end] == text.replace("/", "-")
    assert edit.replacement == text


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("where: b = 1 and a => 2", "=>"),
        ("where: a between 1 and 2", "between 1 and 2"),
        ("where: a = \u201cx\u201d", "\u201cx\u201d"),
        ("where: WHERE a = 1", "WHERE "),
        ("where: select a", "select"),
        ("where: order by a", "order by"),
        ("where: a = 1 limit 5", "limit"),
        ("select: top 5 a", "top"),
        ("where: d > timestamp '2024'", "timestamp '2024'"),
        ("where: d > to_date('2024-01-31')", "to_date("),
        ("group_by: GROUP BY", "GROUP BY"),
    ],
)
def test_a_finding_is_placed_at_the_mistake(lines: str, place: str) -> None:
    """The refused token is often the one after it."""
    (finding,) = found(lines)
    assert request(lines).parameters[0].text[finding.start : finding.end] == place


@pytest.mark.parametrize(
    "text", ["year(d) between 1 and 2", "a = 1; b = 2", "upper(a) = 1", "a = \u00ab x \u00bb"]
)
def test_a_mistake_that_is_not_edited_is_one_finding(text: str) -> None:
    """Nothing is concluded from a text that was only edited on trial."""
    assert len(found(f"where: {text}")) == 1
