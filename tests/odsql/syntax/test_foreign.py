"""Words and signs of other languages are answered with what ODSQL has instead."""

from __future__ import annotations

import pytest

from odsql import ODSQLSyntaxError, parse_refinement
from odsql.syntax.foreign_functions import INSTEAD, RENAMED
from odsql.syntax.functions import CATALOGUE
from odsql.syntax.parsing import parse


def hint(text: str, clause: str = "where") -> str:
    with pytest.raises(ODSQLSyntaxError) as caught:
        parse(clause, text)
    return caught.value.hint or ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a between 1 and 2", "ODSQL has no between: write a in [1..2]"),
        ("a not between 1 and 2", "ODSQL has no between: write NOT a in [1..2]"),
        ("d between '2024-01-01' and '2024-02-01'", "d in [date'2024-01-01'..date'2024-02-01']"),
        ("a between 'x' and 'y'", "text has no order"),
        ("year(d) between 1 and 2", "write year(d) >= 1 AND year(d) <= 2"),
        ("year(d) not between 1 and 2", "write NOT (year(d) >= 1 AND year(d) <= 2)"),
        ("a between", "write field in [low..high]"),
        ("a ilike '%x%'", 'like already ignores case: write field like "word"'),
        ("a not ilike 'x'", 'write NOT field like "word"'),
        ("a rlike 'x'", "ODSQL has no regular expressions"),
        ("a ~ 'x'", "ODSQL has no regular expressions"),
        ("a !~ 'x'", "ODSQL has no regular expressions"),
        ("a regexp 'x'", "ODSQL has no regular expressions"),
        ("a not regexp 'x'", "with NOT in front"),
        ("a similar to 'x'", "ODSQL has no regular expressions"),
        ("a contains 'x'", 'write field like "word" or search(field, "words")'),
        ("a starts with 'x'", 'write startswith(field, "text")'),
        ("a endswith 'x'", "ODSQL cannot match the end of a value"),
        ("a like 'x' escape '!'", "like has no escape"),
        ("a = 'x' collate nocase", "ODSQL has no collate"),
        ("a = 1 xor b = 2", "ODSQL has no xor"),
        ("a mod 2 = 0", "ODSQL has no mod"),
        ("a eq 1", "write ="),
        ("a gte 1", "write >="),
    ],
)
def test_an_operator_of_another_language_has_a_counterpart_or_none(
    text: str, expected: str
) -> None:
    """The hint repeats the operands if they are short."""
    assert expected in hint(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a => 1", "write >="),
        ("a =< 1", "write <="),
        ("a =! 1", "write !="),
        ("a > = 1", "write >="),
        ("a ! = 1", "write != without a space"),
        ("a <=> 1", "write =, or is null"),
        ("a := 1", "write ="),
        ("a::int = 1", "cannot change the type"),
        ("a->>'b' = 'x'", "cannot look into JSON"),
        ("a.b->c", "cannot look into JSON"),
        ("a[0] = 1", "cannot look into a value"),
        ("a = 'x';", "remove the semicolon"),
        ("a = 1 # why", "ODSQL has no comments"),
        ("a = 1 /* why */", "ODSQL has no comments"),
        ("a || b = 'x'", "write OR; ODSQL cannot join texts"),
        ("a \u2265 1", "write >= instead of \u2265 (U+2265)"),
        ("a \u2013 1 = 2", "write - instead of \u2013 (U+2013)"),
        ("a \uff1d 1", "write = instead of \uff1d (U+FF1D)"),
        ("a = \u201cx\u201d", "\u201c (U+201C) is a typographic quote"),
        ("a = \u2019x\u2019", "\u2019 (U+2019) is a typographic quote"),
        ("a =\u200b 1", "U+200B is an invisible character: remove it"),
        ("a = ?", "a placeholder that was not filled in"),
        ("a = $1", "a placeholder that was not filled in"),
        ("a = {name}", "a placeholder that was not filled in"),
        ("a = :name", "a placeholder that was not filled in"),
        ("a = @name", "a placeholder that was not filled in"),
        ("a = %s", "a placeholder that was not filled in"),
    ],
)
def test_a_sign_of_another_language_has_a_counterpart_or_none(text: str, expected: str) -> None:
    """A character that only looks like one of ODSQL is named by its number."""
    assert expected in hint(text)


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u3000"])
def test_a_wide_or_unbreakable_space_is_a_space(space: str) -> None:
    """The grammar allows all white space."""
    assert parse("where", f"a{space}={space}1") == parse("where", "a = 1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a is nul", "did you mean null?"),
        ("a is not nul", "did you mean null?"),
        ("a is ture", "did you mean true?"),
        ("a is none", "write is null for a missing value"),
        ("a is empty", "write is null for a missing value"),
        ("a is not empty", "write is not null for a missing value"),
        ("a is ''", "write is null for a missing value"),
        ("a is 5", "compare other values with ="),
        ("a isnull", "write is null"),
        ("a notnull", "write is not null"),
        ("a not null", "write is not null"),
        ("a = not null", "write is not null"),
    ],
)
def test_is_takes_three_constants(text: str, expected: str) -> None:
    """What else stands there was meant as one of them, or as a comparison."""
    assert hint(text) == expected or hint(text).endswith(expected)


@pytest.mark.parametrize(
    ("clause", "text", "expected"),
    [
        ("where", "where a = 1", "does not begin with its name: remove where"),
        ("where", "where=a = 1", "does not begin with its name: remove where"),
        ("select", "SELECT a", "does not begin with its name: remove SELECT"),
        ("order_by", "order by a", "does not begin with its name: remove order by"),
        ("order_by", "sort by a", "does not begin with its name: remove sort by"),
        ("order_by", "order_by a", "does not begin with its name: remove order_by"),
        ("group_by", "group by a", "does not begin with its name: remove group by"),
        ("group_by", "group by", "write what to group by here, or drop the parameter"),
        ("where", "select a from b where c = 1", "this is SQL"),
        ("where", "order by a", "this belongs in the parameter order_by, not in where"),
        ("where", "limit 5", "this belongs in the parameter limit, not in where"),
        ("where", "having count(*) > 1", "groups cannot be filtered"),
        ("select", "top 5 a", "send limit=5"),
        ("select", "distinct a", "send group_by=a and select=a"),
    ],
)
def test_a_text_does_not_begin_with_the_name_of_a_clause(
    clause: str, text: str, expected: str
) -> None:
    """Neither its own nor that of another one."""
    assert expected in hint(text, clause)


@pytest.mark.parametrize(
    ("clause", "text", "expected"),
    [
        ("where", "a = 1 limit 5", "remove it here and send limit=5"),
        ("where", "a = 1 limit=5", "remove it here and send limit=5"),
        ("where", "a = 1 offset 3", "remove it here and send offset=3"),
        ("where", "a = 1 order by b desc", "remove it here and send order_by=b desc"),
        ("where", "a = 1 group by b limit 5", "remove it here and send group_by=b"),
        ("where", "a = 1 select b", "remove it here and send select=b"),
        ("where", "a = 1 order by", "remove it here and send order_by=..."),
        ("where", f"a = 1 order by {'b' * 50}", "remove it here and send order_by=..."),
        ("where", "a = 1 where b = 2", "write where only once, and join its parts with AND"),
        ("where", "a = 1 having count(*) > 1", "ODSQL has no having"),
        ("group_by", "a having count(*) > 1", "ODSQL has no having"),
        ("select", "a from b", "ODSQL has no from"),
        ("select", "a where b = 1", "remove it here and send where=b = 1"),
        ("order_by", "a limit 5 offset 3", "remove it here and send limit=5"),
        ("order_by", "a nulls last", "records without a value always come last"),
        ("select", "sum(a) over (partition by b)", "ODSQL has no window functions"),
        ("group_by", "a desc", "groups are ordered in order_by"),
    ],
)
def test_another_clause_belongs_in_its_own_parameter(clause: str, text: str, expected: str) -> None:
    """The hint names the parameter and its text."""
    assert expected in hint(text, clause)


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("where", "limit = 5 b"),
        ("where", "a = 1 order b"),
        ("where", "a = 1 start b"),
        ("where", "a = 1 group"),
        ("where", "a = (b where c)"),
        ("where", "order a"),
        ("select", "a distinct"),
        ("where", "a b between"),
    ],
)
def test_a_name_is_not_taken_for_a_clause(clause: str, text: str) -> None:
    """Fields may have the names of clauses; the mistake is another one."""
    assert hint(text, clause) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a in (select b from c)", "ODSQL has no subqueries"),
        ("a in []", "a list has at least one value"),
        ("a in ()", "a list has at least one value"),
        ("a in [1]", "put a list in parentheses: field in (1)"),
        ("a = 1, b = 2", "join conditions with AND or OR, not with commas"),
        ("a = 1,5", "write a decimal number with a point: 1.5"),
        ("a = .5", "write a digit before the point: 0.5"),
        ("a = 5.", "write a digit after the point"),
        ("a = +5", "remove the +"),
        ("a = 1_000", "write digits without separators: 1000"),
        ("d > now(-7)", "name what is shifted: now(days=-7)"),
        ("d > now('-7d')", "name what is shifted: now(days=-7)"),
        ("d > now() - 7d", "now(days=-7)"),
        ("d > now() - interval '7 day'", "ODSQL has no intervals"),
        ("d > timestamp '2024-01-01'", "write a date as date'2024-01-01'"),
        ("max(a)", "groups cannot be filtered"),
        ("count(distinct a)", "groups cannot be filtered"),
        ("bbox(a, 1, 2, 3, 4)", "write in_bbox("),
        ("year from d = 2024", "write year(d)"),
        ("a = \"x'", "never closed; the text ends with ', which is another quote"),
        ("a = 'x\u2019", "never closed; the text ends with \u2019, which is another quote"),
    ],
)
def test_a_value_of_another_language_is_told_by_its_form(text: str, expected: str) -> None:
    """Numbers, dates, lists and quotes."""
    assert expected in hint(text)


@pytest.mark.parametrize(
    ("clause", "text", "expected"),
    [
        ("select", "a as 'x'", "write a label without quotes"),
        ("select", "a > 1 as x", "conditions are allowed in where only"),
        ("select", "sum(a * (b = 8))", "conditions are allowed in where only"),
        ("select", "count()", "write count(*)"),
        ("select", "a.*", "include(name*)"),
        ("select", "a || b", "ODSQL cannot join texts"),
        ("order_by", "random()", "write random(1)"),
        ("order_by", "a descending", "write asc or desc after the field"),
        ("order_by", "desc a", "write asc or desc after the field"),
        ("order_by", "a decs", "did you mean desc?"),
        ("order_by", "a acs", "did you mean asc?"),
    ],
)
def test_other_clauses_have_mistakes_of_their_own(clause: str, text: str, expected: str) -> None:
    """Labels, directions and calls without arguments."""
    assert expected in hint(text, clause)


@pytest.mark.parametrize("name", INSTEAD)
def test_a_function_of_another_language_has_a_counterpart_or_none(name: str) -> None:
    """The hint names the function and what to do instead."""
    assert hint(f"a = {name}(b)") == f"there is no function {name}; {INSTEAD[name]}"


def test_no_function_of_odsql_is_called_foreign() -> None:
    """A function that ODSQL has is never replaced; its replacements exist."""
    assert CATALOGUE.keys().isdisjoint(INSTEAD)
    assert {name for name, _ in RENAMED.values()} <= CATALOGUE.keys()
    assert RENAMED.keys() <= INSTEAD.keys()
    assert all(name == name.lower() for name in INSTEAD)


@pytest.mark.parametrize(
    ("clause", "text"),
    [("group_by", "GROUP BY"), ("order_by", "ORDER BY"), ("group_by", " GROUP BY ")],
)
def test_the_placeholder_of_a_console_is_told(clause: str, text: str) -> None:
    """It is what an empty field of the console shows."""
    assert hint(text, clause).endswith(f"a portal's console: drop the parameter {clause}")


@pytest.mark.parametrize("clause", ["refine", "exclude"])
def test_the_placeholder_of_a_refinement_is_told(clause: str) -> None:
    """Its hint does not ask for a facet and a value."""
    with pytest.raises(ODSQLSyntaxError, match="placeholder text of a portal's console"):
        parse_refinement(clause.upper(), clause=clause)
