"""The portal against the OpenAPI specification: generated requests to all of its operations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from explore_async.testing import Portal
from tests.explore_async.portal.asking import THINGS, THINGS_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = Path(__file__).with_name("openapi-explore-v2.1.yaml")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

RELATIONS = (
    "source",  # vancouver/facets-catalog.json
    "csv", "json", "data.json", "rdf", "ttl", "dublin_core", "dcat", "rss", "sitemap", "xlsx",
    # enw/list-export-formats-example.json; of a dataset, the list was not recorded
    "fgb", "geojson", "gpx", "jsonl", "jsonld", "kml", "n3", "ov2", "parquet", "rdfxml", "shp",
    "turtle",
)  # fmt: skip
UNDECLARED = {
    "403": "Forbidden",  # enw/forbidden-records-example.json
    "404": "Not Found",  # vancouver/error-not-found.json, errors/404-record.json
}

OF_RECORDS = {
    "dataset_id": ["things", "more-things", "most-things", "hidden"],
    "record_id": ["first", "1"],
    "select": ["*", "count(*), avg(size)", "code", "date_format(day, 'yyyy') as y"],
    "where": ["id > 1", "'mill'", "day > date'2026'", "within(place, geom'POINT(1 2)')", ""],
    "order_by": ["size desc", "id", "count(*) desc", "random(1)"],
    "group_by": ["code", "tags", "range(size, 5)", "geo_cluster(place, 10)"],
    "refine": ["tags:a", "day:2026/08"],
    "exclude": ["tags:a", "path:europe"],
    "facet": ["tags", "day", "facet(name='path', hierarchical=true)"],
    "timezone": ["UTC", "Europe/Paris"],
    "name_field": ["name"],
    "description_field_list": ["name,size"],
}
OF_DATASETS = {
    "select": ["*", "count(*), sum(records_count)", "dataset_id, features", "exclude(default.*)"],
    "where": ["records_count > 1", "'mill'", "modified > date'2026'", "features = 'geo'", ""],
    "order_by": ["title desc", "dataset_id", "count(*) desc", "random(1)"],
    # Not of `features`: a group has one value, or null, where a dataset has a list.
    "group_by": ["language", "theme", "range(records_count, 5)"],
    "refine": ["features:geo", "language:en"],
    "exclude": ["features:geo", "title:x"],
    "facet": ["features", "modified", "facet(name='theme', sort='alphanum')"],
    "timezone": ["UTC", "Europe/Paris"],
    "include_exports": ["csv", "csv,json"],
}
"""Values of parameters for which the specification has any text; not all fit each other."""


def amended() -> dict[str, Any]:
    """Return the specification with what live portals were seen to do besides."""
    described: dict[str, Any] = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    components = described["components"]
    components["schemas"]["links"]["properties"]["rel"]["enum"] += RELATIONS
    components["schemas"]["record"]["additionalProperties"] = {}  # `any` is no type of JSON Schema
    described["security"] = []  # keys have tests of their own
    error = components["responses"]["bad_request"]["content"]
    for path, item in described["paths"].items():
        operation = item["get"]
        for status, description in UNDECLARED.items():
            operation["responses"][status] = {"description": description, "content": error}
        valid = OF_RECORDS if "{dataset_id}/" in path else {**OF_RECORDS, **OF_DATASETS}
        operation["parameters"] = [
            _limited(components["parameters"].get(one.get("$ref", "").split("/")[-1], one), valid)
            for one in operation.get("parameters", ())
        ]
    return described


def _limited(parameter: dict[str, Any], valid: dict[str, list[str]]) -> dict[str, Any]:
    """Return a parameter that takes valid values only."""
    known = valid.get(parameter["name"])
    return parameter if known is None else {**parameter, "schema": {"enum": known}}


SCHEMA = schemathesis.openapi.from_dict(amended())
OPERATIONS = {
    one.ok().label: one.ok() for one in SCHEMA.get_all_operations() if isinstance(one, Ok)
}


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """A portal with the sample datasets, and one whose records are hidden."""
    with Portal() as running:
        for name in ("things", "more-things", "most-things"):
            running.store.add(name, THINGS_FIELDS, THINGS)
        running.store.add("hidden", rows=[{"f": 1}], data_visible=False)
        yield running


def _first(portal: Portal) -> str:
    records = f"{portal.url}/api/explore/v2.1/catalog/datasets/things/records"
    with urlopen(f"{records}?select=recordid&limit=1") as response:
        found: str = json.load(response)["results"][0]["recordid"]
        return found


def test_all_operations_are_tried() -> None:
    """The specification has sixteen."""
    assert len(OPERATIONS) == 16


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        pytest.param(label, mode, id=f"{mode.value} {label}")
        for label, operation in OPERATIONS.items()
        for mode in GenerationMode
        if mode.is_positive or [*operation.query, *operation.path_parameters]
    ],
)
def test_every_request_is_answered_as_specified(
    label: str, mode: GenerationMode, portal: Portal
) -> None:
    """No failure of the server, no other status, media type or shape than declared.

    The mode says whether the values of parameters are as specified, or violate it.
    """

    @settings(
        max_examples=50,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # a failing request need not be the shortest
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        if case.path_parameters.get("record_id") == "first":
            case.path_parameters["record_id"] = _first(portal)
        response = case.call(base_url=f"{portal.url}/api/explore/v2.1")
        case.validate_response(response, checks=CHECKS)

    ask()
