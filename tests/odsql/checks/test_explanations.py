"""Every rule has a page, and the examples on the page are correct."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from odsql import checks
from odsql.checks.rules import RULES, explanation
from tests.odsql.checks.asking import codes, schema

PAGES = Path(checks.__file__).parent / "explanations"


def block(page: str, title: str) -> str | None:
    """Return the code block below a heading of a page."""
    match = re.search(rf"^## {title}\n\n```text\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    return match[1] if match else None


def test_every_rule_has_its_page_and_every_page_its_rule() -> None:
    """No page is missing, and no page belongs to a removed rule."""
    assert {page.stem for page in PAGES.glob("*.md")} == set(RULES)


@pytest.mark.parametrize("code", RULES)
def test_a_page_begins_with_its_rule(code: str) -> None:
    """The page repeats the code, name, severity and summary of the rule."""
    rule, page = RULES[code], explanation(code)
    assert page.startswith(f"# {code}: {rule.name}\n")
    article = "An error" if rule.severity == "error" else "A warning"
    assert f"\n{article}: {rule.summary}.\n" in page
    assert f"ignore[{code}]" in page


@pytest.mark.parametrize("code", RULES)
def test_the_failing_example_fires_this_rule_only_and_the_fixed_one_none(code: str) -> None:
    """The examples use the dataset of the page, if it has one."""
    page = explanation(code)
    fields, failing, fixed = (block(page, one) for one in ("Dataset", "Failing", "Fixed"))
    known = schema(fields) if fields is not None else None
    assert failing is not None
    assert fixed is not None
    assert codes(failing, known) == [code]
    assert codes(fixed, known) == []


@pytest.mark.parametrize("code", RULES)
def test_a_rule_that_needs_a_schema_says_nothing_without_one(code: str) -> None:
    """ODS3 rules are about the fields of a dataset; no other rule needs a schema."""
    failing = block(explanation(code), "Failing") or ""
    assert (codes(failing) == []) is code.startswith("ODS3")


def test_a_rule_that_does_not_exist_has_no_page() -> None:
    """A KeyError, like any missing key of RULES."""
    with pytest.raises(KeyError):
        explanation("ODS999")
