"""Findings for text that does not parse: what they say, where they are, what they edit."""

from __future__ import annotations

import pytest

from tests.odsql.checks.asking import fixed, found

SAID = "an operator that ODSQL does not have"
UNEQUAL = "ODSQL has no <>; write !="
PLAIN = "write a plain field, text or number before in, not a function or an expression"


@pytest.mark.parametrize(
    ("where", "place", "message", "hint"),
    [
        ("a <> 1", "<>", SAID, UNEQUAL),
        ("a == 1", "==", SAID, "ODSQL compares with a single ="),
        ("a < > 1", ">", SAID, UNEQUAL),
        ("a && b", "&", SAID, "write AND"),
        ("a % 2 = 0", "%", SAID, "ODSQL has no %; the operators are + - * and /"),
        ("a not in (1)", "not", "unexpected not", "put NOT in front: NOT field in ..."),
        ('a NOT like "x"', "NOT", "unexpected NOT", "put NOT in front: NOT field like ..."),
        ("bogus(x) = 1", "bogus(", "there is no function bogus", None),
        ('Contains(a, "b")', "Contains(", "there is no function Contains",
         'write field like "word" or search(field, "words")'),
        ("x = 1 AND geo_cluster(a, 3) = 1", "geo_cluster(",
         "geo_cluster() is not allowed in where", None),
        ('"x" in lower(name)', "(", "unexpected (", "lower(...) is not allowed here"),
        ("d >= 2024-01-31", "2024-01-31", "unexpected 2024-01-31",
         "write a date as date'2024-01-31'"),
        ("not in (1)", "(", "unexpected (", "write a field before in: field in (a, b)"),
        ("a = b in (1)", "in", "unexpected in", PLAIN),
        ("lower(a", "", "the text ends too early", "the ( at position 5 is never closed"),
    ],
)  # fmt: skip
def test_a_finding_is_where_the_mistake_is(
    where: str, place: str, message: str, hint: str | None
) -> None:
    """An operator or a call is marked from its beginning."""
    (finding,) = found(f"where: {where}")
    assert where[finding.start : finding.end].rstrip() == place
    assert (finding.message, finding.hint) == (message, hint)


def test_what_could_come_next_is_the_hint_if_there_is_no_better_one() -> None:
    """The kinds of tokens are named in words."""
    (finding,) = found("facet: a b")
    assert finding.hint == "expected the end"


def test_findings_after_an_edit_are_at_their_places_in_the_original_text() -> None:
    """Edits make the text longer and shorter before them."""
    where = "a == 1 AND b not in (2) AND c <> 3"
    findings = found(f"where: {where}")
    assert [where[one.start : one.end] for one in findings] == ["==", "not", "<>"]
    assert fixed(f"where: {where}") == "a = 1 AND NOT b in (2) AND c != 3"


def test_nothing_is_edited_if_the_text_would_still_not_parse() -> None:
    """Only a plain field stands before `in`, and (a) is an expression."""
    findings = found("where: (a) not in (1)")
    assert [one.code for one in findings] == ["ODS103", "ODS101"]
    assert not any(one.edits for one in findings)


@pytest.mark.parametrize(
    ("mistakes", "findings", "edits"), [(19, 19, 19), (20, 20, 20), (21, 20, 0)]
)
def test_at_most_twenty_mistakes_are_reported(mistakes: int, findings: int, edits: int) -> None:
    """If there are more, edits would not make the text valid, so there are none."""
    where = " AND ".join(["a <> 1"] * mistakes)
    every = found(f"where: {where}")
    assert len([one for one in every if one.code == "ODS102"]) == findings
    assert sum(len(one.edits) for one in every) == edits


@pytest.mark.parametrize(
    ("where", "edited"),
    [
        ("a NOT IN (1)", "NOT a IN (1)"),
        ("x = 1 or a not in (1)", "x = 1 or NOT a in (1)"),
        ("not a not in (1)", "not NOT a in (1)"),
        ("(a not in (1))", "(NOT a in (1))"),
        ('lower(ifnull(a, "b")) not like "c"', 'NOT lower(ifnull(a, "b")) like "c"'),
        ('(a + b) not like "c"', 'NOT (a + b) like "c"'),
        ('a + b not like "c"', None),
        ("a = b not in (1)", None),
        ("1 + (a) not in (1)", None),
    ],
)
def test_not_goes_in_front_of_its_operand_if_that_is_clear(where: str, edited: str | None) -> None:
    """After AND, OR, NOT, an opening parenthesis or nothing."""
    assert fixed(f"where: {where}") == (edited or where)
