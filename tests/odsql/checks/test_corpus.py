"""No errors for queries that portals accept, and an error for each that they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odsql import check
from odsql.checks.diagnostics import Parameter, Request
from tests.odsql.checks.asking import found, schema

CORPUS = Path(__file__).parents[2] / "fidelity" / "corpus.jsonl"
ROWS = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def rows(expect: str) -> list[tuple[str, str]]:
    """Return the entries of the corpus with this verdict."""
    return [(row["clause"], row["text"]) for row in ROWS if row["expect"] == expect]


@pytest.mark.parametrize(("clause", "text"), rows("parse"))
def test_what_portals_take_is_no_error(clause: str, text: str) -> None:
    """Warnings are allowed; after the edits the text still parses and has no errors."""
    asked = Request((Parameter(clause, text),))
    findings = check(asked)
    assert [one for one in findings if one.severity == "error"] == []
    edits = sorted((edit for one in findings for edit in one.edits), key=lambda one: -one.start)
    for edit in edits:
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    after = check(Request((Parameter(clause, text),)))
    assert [one for one in after if one.severity == "error" or one.edits] == []


@pytest.mark.parametrize(("clause", "text"), rows("syntax-error"))
def test_what_portals_cannot_parse_is_an_error(clause: str, text: str) -> None:
    """The finding has a place in the text, and a hint if there is an alternative."""
    (finding,) = check(Request((Parameter(clause, text),)))
    assert finding.severity == "error"
    assert 0 <= finding.start <= finding.end <= len(text)
    assert finding.hint is not None or finding.code in ("ODS105", "ODS201")


SCHEMAS = {
    "sum(etp_de_femmes_enseignantes)/sum(etp_d_enseignants_hommes_et_femmes)*100": (
        "ODS305",
        "etp_de_femmes_enseignantes text\netp_d_enseignants_hommes_et_femmes text",
    ),
    "geo_point_2d": ("ODS301", "name text"),
    "calendar_year = '2024'": ("ODS302", "calendar_year date"),
    "year(calendar_year) as y, count(*) as n": ("ODS212", "calendar_year date"),
    "min(period_label)": ("ODS305", "period_label text"),
    "annee=2024": ("ODS302", "annee date"),
    "max(nom_arret)": ("ODS305", "nom_arret text"),
    'exer="2024"': ("ODS302", "exer date"),
    "min(utc_timestamp)": ("ODS305", "utc_timestamp text"),
    "metas.default.title": ("ODS301", "title text"),
    "descripteurs": ("ODS301", "descripteur_libelle text"),
    "organisme": ("ODS301", "type_organisme text"),
    "nom_de_l_etablissement": ("ODS301", "nom_etablissement text"),
    'departement = "75"': ("ODS301", "code_departement text"),
}
"""The rule that each refused query breaks, and the relevant fields of its dataset."""


@pytest.mark.parametrize(("clause", "text"), rows("semantic-error"))
def test_what_portals_refuse_for_its_fields_is_an_error(clause: str, text: str) -> None:
    """With the schema of the dataset; a label needs its duplicate in group_by to be refused."""
    code, fields = SCHEMAS[text]
    lines = f"{clause}: {text}"
    if code == "ODS212":
        lines += "\ngroup_by: year(calendar_year) as y"
    errors = {one.code for one in found(lines, schema(fields)) if one.severity == "error"}
    assert errors == {code}


def test_a_catalog_name_is_refused_without_a_schema() -> None:
    """Portals refused order_by=metas.default.title."""
    (finding,) = found("endpoint: datasets\norder_by: metas.default.title")
    assert (finding.code, finding.severity) == ("ODS218", "error")
