"""More examples for each rule: queries that trigger it, and similar ones that do not."""

from __future__ import annotations

import pytest
from attrs import evolve

from odsql import check
from odsql.checks.rules import RULES
from tests.odsql.checks.asking import PLACES, codes, found, request, schema

FIRES = {
    "ODS101": ["where: FALSE", "where: year(opened) in (1, 2)", "refine: x", "select: a b",
               'where: "x" in lower(name)', "select: include(lower(a))"],
    "ODS102": ["where: a <> 1", "where: a = 1 && b = 2"],
    "ODS103": ['where: name not like "x"'],
    "ODS104": ['where: search("l""annexe")'],
    "ODS105": ["select: stddev(x)", "where: round(x) = 1"],
    "ODS106": ["where: opened >= 2024-01-31", "where: opened >= -09-01"],
    "ODS201": [
        "where: sum(x) > 1",
        "group_by: a + b",
        "group_by: length(a)",
        "select: random(1)",
        "order_by: json_format(a)",
        "select: geo_cluster(a, 3)",
        "group_by: sum(x)",
        "where: distance(a, geom'POINT(1 1)') < 10",
    ],
    "ODS202": [
        "select: length(a, b)",
        "where: within_distance(a, geom'POINT(1 1)')",
        "group_by: range(a, *)",
        "facet: facet(disjunctive=true)",
        "where: in_bbox(a, 1, 2, 3)",
    ],
    "ODS203": [
        "select: length(5)",
        'where: year("name") = 2024',
        "where: search(park)",
        "where: within_distance(a, geom'POINT(1 1)', 1000)",
        "order_by: random(1.5)",
        'select: sum("x") as s',
        "where: within_distance(geom'POINT(1 1)', place, 1km)",
        "where: intersects(geom'POINT(1 1)', place)",
        "select: sum(date'2024-01-01') as s",
        'facet: facet(name="a", sort="size")',
        "group_by: range(a, 1, *, 2)",
        "where: geometry(a, geom'POINT(1 1)', TOUCHES)",
    ],
    "ODS204": ["group_by: range(a, 1 Month)",
               "where: within_distance(a, geom'POINT(1 1)', 1 furlong)"],
    "ODS205": ["group_by: range(a, 2 M)", "group_by: range(a, 1.5 days)"],
    "ODS206": ["select: percentile(a, -1)", "group_by: geo_cluster(a, 26)"],
    "ODS207": [
        "where: within(a, geom'POINT(1, 2)')",
        "where: within(a, geom'CIRCLE(1 2)')",
        "where: within(a, geom'')",
        "where: within(a, geom'POLYGON((0 0, 1 1, 1 0))')",
        "where: within(a, geom'{\"type\": \"Feature\", \"geometry\": null}')",
        "where: within(a, geom'{\"type\": \"Point\", \"coordinates\": [1]}')",
    ],
    "ODS208": ["where: a = date'2023-02-29'", "where: a = date'2024-13'", "where: a = date'today'",
               "where: a = date'2024-01-31T25:00:00Z'"],
    "ODS209": ["select: date_format(a, 'MMM')", "select: date_format(a, \"yyyy 'at\")"],
    "ODS210": ["where: a > now(hour=24)", "where: a > now(fortnights=1)",
               "where: a > now(days=1.5)", "where: a > now(microsecond=1000000)",
               "where: a > now(hour=24)", "where: a > now(weekday=7)"],
    "ODS211": ["order_by: gender, avg(age)", "order_by: a, 1 + count(*)"],
    "ODS212": ["select: a as x, b as x"],
    "ODS213": ["select: a as b, count(*) as n\ngroup_by: c"],
    "ODS214": ['endpoint: exports\norder_by: vector_similarity("x")',
               'endpoint: records\nwhere: vector_similarity_threshold("x")'],
    "ODS215": ["limit: -2", "limit: ten", "offset: -1", "group_by: a\nlimit: 20001",
               "endpoint: exports\nlimit: -2"],
    "ODS216": ["order_by: id\noffset: 9991", "group_by: a\noffset: 29000\nlimit: 2000"],
    "ODS217": ["endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: -1",
               "endpoint: exports\ngroup_by: a\norder_by: sum(b)",
               "endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: 50001"],
    "ODS218": ["endpoint: catalog_exports\norder_by: metas.default.modified desc",
               "endpoint: datasets\nselect: dataset_id, metas",
               "endpoint: datasets\nselect: metas.default.title",
               'endpoint: datasets\nwhere: metas.default.title like "x"',
               'endpoint: datasets\nwhere: metas.default.title = "x"\nlimit: 1',
               "endpoint: datasets\nselect: count(*)\ngroup_by: metas.default.theme",
               "endpoint: datasets\norder_by: lower(metas.default.title)",
               "endpoint: datasets\norder_by: -metas.default.modified"],
    "ODS301": ["where: missing = 1", "select: count(missing) as n\nlimit: 1", "order_by: nothing",
               "where: name = star_name", "where: record_dat = 1", "where: recipe = 1",
               "where: people > 3\nselect: population as people"],
    "ODS302": ['where: opened = "2024"', "where: name = date'2024-01-01'",
               'where: population = "10"',
               'where: opened in ("2024", "2023")', 'where: "2024" = opened',
               "where: opened in [2020..2022]", 'where: opened = "yesterday"',
               'where: opened in ("2024-01-01", "2024-02-01")', "where: opened = 202401311"],
    "ODS303": ['where: "M" < name', 'where: name in ["a".."b"]', "where: name > 5"],
    "ODS304": ["where: population = date'2024-01-01'", "where: population > date'2024-01-31'",
               'where: active = "yes"',
               "where: opened = true",
               'where: length(name) = "3"'],
    "ODS305": ["select: sum(lower(name)) as s\nlimit: 1", "select: avg(place) as s\nlimit: 1"],
    "ODS306": ["group_by: geo_cluster(name, 3)",
               "where: within_distance(population, geom'POINT(1 1)', 1km)"],
    "ODS307": ['where: "x" in name'],
    "ODS308": ["where: year(name) = 2024", "where: name", "where: NOT name AND active",
               "where: name is true", "select: name + 1 as x", "group_by: range(name, 10)",
               "where: -name > 5", "group_by: range(population, 1 day)",
               "group_by: range(opened, 5)", "group_by: geo_cluster(border, 4)"],
    "ODS309": ["refine: towns:Paris", "facet: name", 'facet: facet(name="name")'],
    "ODS310": ["group_by: place as p"],
    "ODS311": ["select: include(x*)"],
    "ODS312": ["select: Name"],
    "ODS313": ['refine: day:"2023-04"', "refine: day: 2023-04-05",
               "exclude: moment:'2023-04-05'", "refine: `day`:2023-04"],
    "ODS401": ["where: a != b", "where: a != 1 OR b is null"],
    "ODS402": ['where: lower(a) like "x%"'],
    "ODS403": ["endpoint: datasets\nselect: count(*) as n",
               "dataset: d\nselect: sum(a)\nlimit: 10"],
    "ODS404": ["select: percentile(a, 0.5)"],
    "ODS405": ["where: a in ]date'2024-01-01'..date'2025-01-01']", "where: date'2024-01-01' < a"],
    "ODS406": ["dataset: d\noffset: 10", "order_by: name\noffset: {offset}",
               "order_by: name\nlimit: 100\nunfilled: offset",
               "dataset: d\nlimit: 100\nunfilled: offset"],
    "ODS407": ["where: polygon(a, geom'POLYGON((0 0,1 0,1 1,0 0))')",
               "where: geometry(a, geom'POINT(1 1)')", "group_by: range(a, ]10, 20[)"],
    "ODS408": ["q: x", "limt: 1"],
    "ODS409": ["where: in_bbox(a, 144.9, -37.8, 145.1, -37.7)",
               "where: within(a, geom'POLYGON((1 99, 2 99, 2 98, 1 99))')"],
    "ODS410": ["where: a: 5", "where: a: [1 TO 2]", "where: a: true"],
    "ODS411": ["select: a as b\ngroup_by: a"],
    "ODS412": ["order_by: random(1) asc"],
    "ODS413": ["endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: 20001",
               "endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: 50000",
               "group_by: a\noffset: 20000\nlimit: 10000"],
    "ODS414": ["limit: 1\nlimit: 2"],
    "ODS415": ["where: a != null", "where: a: null"],
    "ODS419": ["where: a = '{a}'", "where: a > date'{a}' and b = '{b}'", "refine: x:'{y}'"],
    "ODS416": ["apikey: 0123456789abcdef0123456789abcdef", "apikey: s3cret-key",
               "apikey: 12345678", "apikey: ABCD1234EFGH",
               "where: a = 1\napikey: 0123456789ABCDEFabcdef"],
    "ODS417": ["select: SELECT", "where: WHERE", "order_by: ORDER_BY", "facet: FACET",
               "where: WHERE\nlimit: 10"],
    "ODS418": ["url: /api/records/1.0/search", "url: /api/v2/catalog/datasets"],
}  # fmt: skip

SILENT = {
    "ODS101": ["where: 1 = 2", 'refine: x:"y"'],
    "ODS102": ["where: a != 1 AND a is not null"],
    "ODS103": ['where: NOT (name like "x" or a in (1))'],
    "ODS104": ["where: search(\"l'annexe\")"],
    "ODS105": ["where: LENGTH(x) = 1", "where: round = 1"],
    "ODS106": ["where: opened >= 2024 - 1"],
    "ODS201": ["order_by: sum(x)", "group_by: lower(a)",
               "select: distance(a, geom'POINT(1 1)') as d"],
    "ODS202": ["where: a > now()", 'where: search("x")', "group_by: geo_cluster(a, 3, 40)"],
    "ODS203": ['where: search(*, "x")', "select: min(date'2024-01-01') as x", 'select: length("x")',
               "order_by: random(1)", 'facet: facet(name="a", new_option=1, limit=3)'],
    "ODS204": ["where: within_distance(a, geom'POINT(1 1)', 8 km)", "group_by: range(a, 12hours)"],
    "ODS205": ["group_by: range(a, 12 h)", "group_by: range(a, 1 M)"],
    "ODS206": ["select: percentile(a, 100)", "group_by: geo_cluster(a, 0)"],
    "ODS207": [
        "where: within(a, geom'MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))')",
        "where: within(a, geom'POINT Z (1 2 3)')",
        "where: within(a, geom'SRID=4326;POINT(1 2)')",
        "where: within(a, geom'POINT EMPTY')",
        "where: within(a, geom'GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2, 3 4))')",
        "where: within(a, geom'MULTIPOINT((1 2), (3 4))')",
        "where: within(a, geom'0101000000000000000000F03F000000000000F03F')",
        "where: within(a, geom'{\"type\": \"Point\", \"coordinates\": [1.5, 2]}')",
        "where: within(a, geom'POLYGON((0 0,9 0,9 9,0 0),(1 1,2 1,2 2,1 1))')",
    ],
    "ODS208": [f"where: a = date'{text}'" for text in (
        "2023", "2024-02", "20220413", "2024/2/9", "2024-02-29", "2024-01-31 10:00:00",
        "2024-01-31T10:00:00.123Z", "2024-01-31T10:00:00+01:00", "2024-01-31T24:00:00Z", "2024-W05",
        "2024-031")],
    "ODS209": ["select: date_format(a, \"'The date is '''dd/MM/YYYY''\")",
               "select: date_format(a, 'yyyyMMdd')", "select: date_format(a, \"YYYY-MM-dd'T'HH\")"],
    "ODS210": ["where: a > now(days=-7, hour=23, mondays=+1, weekday=0, day=99)",
               "where: a > now(microsecond=999999, weekday=6)"],
    "ODS211": ["order_by: avg(age), gender", "select: a as n\norder_by: n, sum(b)"],
    "ODS212": ["select: x, count(*) as n\ngroup_by: a as x"],
    "ODS213": ["select: a, b, count(*) as n\ngroup_by: a, range(c, 10) as b"],
    "ODS214": ['where: vector_similarity_threshold("x")',
               'endpoint: datasets\nwhere: vector_similarity_threshold("x")'],
    "ODS215": ["limit: -1", "limit: 0", "limit: {limit}", "endpoint: exports\nlimit: 1000000",
               "group_by: a\nlimit: 20000"],
    "ODS216": ["order_by: id\noffset: 9990"],
    "ODS217": ["endpoint: exports\ngroup_by: a\norder_by: b\nlimit: -1",
               "group_by: a\norder_by: sum(b)",
               "endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: 20000",
               "endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: {limit}"],
    "ODS218": ["endpoint: datasets\norder_by: default.title", "endpoint: records\nselect: metas",
               "dataset: d\nendpoint: datasets\nselect: metas",
               "endpoint: datasets\nselect: year(modified) as metas\norder_by: metas"],
    "ODS301": ["select: population as people\norder_by: people", "order_by: record_size",
               "where: record_timestamp > date'2024' AND recordid is not null",
               "select: year(opened) as y, count(*) as n\ngroup_by: y",
               "select: k, count(*) as n\ngroup_by: name as k\norder_by: n desc"],
    "ODS302": ["where: name = 44035", 'where: opened = "2024-01-31"',
               "where: population in (1, -2)",
               'where: opened >= "2024-05-01T22:00:00Z"', "where: year(opened) = 2024",
               'where: name in (1, "a")', "where: opened >= date'2024'",
               "where: opened = 20240131", "where: opened in (20240131)"],
    "ODS303": ['where: name = "a"', 'where: name in ("a", "b")', "where: population < area"],
    "ODS304": ["where: active is true", 'where: lower(name) = "x"', "where: lower(name) = 5"],
    "ODS305": ["select: max(opened) as m, sum(population * area) as s\nlimit: 1",
               "select: count(name) as n\nlimit: 1"],
    "ODS306": ["where: within_distance(place, geom'POINT(1 1)', 1km)"],
    "ODS307": ['where: "x" in tags'],
    "ODS308": ["where: active OR NOT active", "select: lower(country)",
               "group_by: range(opened, 1 day)", "order_by: -opened", "where: -population < 5",
               "group_by: range(population, 10)", "group_by: range(opened, date'2024', *)",
               "group_by: geo_cluster(place, 4)"],
    "ODS309": ["refine: country:FR", "facet: tags"],
    "ODS310": ["select: place"],
    "ODS311": ["select: include(pop*), exclude(name)", "select: include(*)"],
    "ODS312": ["select: name"],
    "ODS313": ["refine: day:2023/04", "refine: day:2023", "refine: country:2023-04",
               "refine: day:2023-13", "refine: day:2023-04-05T10:00:00Z"],
    "ODS401": ["where: a != 1 OR a is null", "where: a != 1 AND a is not null", "where: 1 != 2"],
    "ODS402": ['where: a like "film*"', 'where: a = "100%"'],
    "ODS403": ["select: count(*) as n", "dataset: d\nselect: count(*) as n\ngroup_by: a",
               "dataset: d\nselect: count(*) as n\nlimit: {limit}",
               "dataset: d\nselect: count(*) as n\nunfilled: limit",
               "dataset: d\nselect: count(*) as n\nlimit: 0",
               "dataset: d\nselect: count(*) as n\nlimit: 1"],
    "ODS404": ["select: percentile(a, 0)", "select: percentile(a, 1)"],
    "ODS405": ["where: a > date'2024-01-01T00:00:00'", "where: a <= date'2024-01-01'"],
    "ODS406": ["dataset: d\noffset: 0", "offset: {offset}", "order_by: id\nunfilled: offset",
               "dataset: d\nlimit: 100\nunfilled: limit", "order_by: name, siret\noffset: 10",
               "group_by: a\noffset: 10"],
    "ODS407": ["group_by: range(a, *, 10, *)"],
    "ODS408": ["lang: fr\ntimezone: UTC\napikey: k"],
    "ODS409": ["where: in_bbox(a, -37.8, 144.9, -37.7, 145.1)",
               "where: in_bbox(a, 95, 144.9, 96, 145.1)",
               "where: within(a, geom'POINT(144 -37)')"],
    "ODS410": ["where: a in [1..2]"],
    "ODS411": ["select: a, count(*) as b\ngroup_by: a"],
    "ODS412": ["order_by: random(1), a desc"],
    "ODS413": ["group_by: a\nlimit: 20000",
               "endpoint: exports\ngroup_by: a\norder_by: sum(b)\nlimit: 20000"],
    "ODS414": ["where: a = 1\nwhere: b = 2\nrefine: a:1\nrefine: b:1"],
    "ODS415": ["where: a is null"],
    "ODS419": ["where: a = {a}", "where: {a}", "refine: x:{y}"],
    "ODS416": ["apikey: YOUR_API_KEY_2", "apikey: my-api-key", "apikey: $KEY_1234",
               "apikey: {key1234}", "apikey: ********", "apikey: key1"],
    "ODS417": ["select: WHERE", "select: select", 'where: WHERE = "x"', "group_by: SELECTED"],
    "ODS418": ["url: /api/explore/v2.1/catalog/datasets"],
}  # fmt: skip


def test_every_rule_is_tested_both_ways() -> None:
    """A new rule needs examples of both kinds."""
    assert set(FIRES) == set(SILENT) == set(RULES)


@pytest.mark.parametrize(("code", "lines"), [(code, one) for code in FIRES for one in FIRES[code]])
def test_it_fires(code: str, lines: str) -> None:
    """The schema is given only to the rules about names and types."""
    known = PLACES if code.startswith("ODS3") else None
    assert codes(lines, known) == [code]
    assert found(lines, known)[0].severity == RULES[code].severity


@pytest.mark.parametrize(
    ("code", "lines"), [(code, one) for code in SILENT for one in SILENT[code]]
)
def test_nothing_fires(code: str, lines: str) -> None:
    """Neither this rule nor any other has a finding."""
    assert codes(lines, PLACES if code.startswith("ODS3") else None) == []


def test_a_field_of_type_date_has_no_time_to_leave_out() -> None:
    """`>` with a bare date is surprising for datetimes only."""
    assert codes("where: opened > date'2024-01-31'", PLACES) == []
    assert codes("where: updated > date'2024-01-31'", PLACES) == ["ODS405"]


@pytest.mark.parametrize(
    "bounds", ["202201 TO 202212", "20220101 TO 20221231", "'2022' TO '2023'", "2022 TO 2023"]
)
def test_a_range_behind_a_colon_takes_dates_without_their_quotes(bounds: str) -> None:
    """Only the older spelling is reported."""
    assert codes(f"where: opened: [{bounds}]", PLACES) == ["ODS410"]


def test_the_fields_of_a_schema_are_those_of_records() -> None:
    """So a function for catalog searches is an error."""
    assert codes('where: vector_similarity_threshold("x")', PLACES) == ["ODS214"]


def test_what_is_missing_is_missing_from_a_whole_request_only() -> None:
    """A known dataset does not mean that nothing is added to the request."""
    asked = request("dataset: d\nselect: count(*) as n")
    assert [one.code for one in check(asked)] == ["ODS403"]
    assert check(evolve(asked, whole=False)) == []
    assert [one.code for one in check(evolve(asked, dataset_id=None))] == ["ODS403"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ofset", "write offset"),
        ("wher", "write where"),
        ("rows", "write limit"),
        ("distinct", "write group_by"),
        ("refine.city", "write refine=city:value"),
        ("disjunctive.city", 'write facet=facet(name="city", disjunctive=true)'),
        ("owner", None),
        ("bogus_param", None),
    ],
)
def test_a_hint_names_the_parameter_that_was_meant(name: str, hint: str | None) -> None:
    """No hint if a parameter merely shares some letters."""
    (finding,) = found(f"{name}: 1")
    assert (finding.code, finding.hint) == ("ODS408", hint)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("Bar%", 'write like "Bar*"; for values that begin so, startswith(name, "Bar")'),
        ("%bar%", 'whole words anywhere in the value: like "bar"; a word may end in *'),
        ("%bar", 'whole words anywhere in the value: like "bar"'),
    ],
)
def test_a_hint_says_what_a_wildcard_of_sql_is_in_odsql(pattern: str, hint: str) -> None:
    """The same text without % would match other values."""
    (finding,) = found(f"where: name like '{pattern}'")
    assert finding.code == "ODS402"
    assert hint in str(finding.hint)


def test_a_list_of_dates_has_no_spelling_with_date_literals() -> None:
    """Portals do not parse those either, so the hint does not suggest them."""
    (finding,) = found('where: opened in ("2024-01-01")', PLACES)
    assert finding.hint == "write opened = date'...' for each of them, joined with OR"


def test_a_schema_is_left_aside_in_the_catalog() -> None:
    """Catalog names are metadata, not fields of a dataset."""
    assert codes("endpoint: datasets\nwhere: default.modified >= date'2024-01-01'", PLACES) == []


def test_unknown_labels_are_not_looked_for_in_a_clause_that_does_not_parse() -> None:
    """A mistake is reported once, not again for the labels that it hides."""
    assert codes("select: count(* as n\norder_by: n", PLACES) == ["ODS101"]


def test_an_identifier_of_the_schema_is_a_unique_order() -> None:
    """The annotation of the field marks it as an identifier."""
    assert codes("order_by: name\noffset: 10", PLACES) == ["ODS406"]
    assert codes("order_by: place_id\noffset: 10", PLACES) == []


def test_what_a_schema_without_annotations_does_not_say_is_not_held_against_it() -> None:
    """Neither multivalued fields nor facets are known without annotations."""
    from odsql import Schema

    bare = Schema.from_json({"dataset_id": "d", "fields": [{"name": "a", "type": "text"}]})
    assert codes('where: "x" in a\nrefine: a:x', bare) == []


def test_findings_are_in_order_of_parameter_and_place() -> None:
    """The order does not depend on which check found them."""
    places = [
        (one.parameter, one.start)
        for one in found("where: b != 1 AND a != 2\nlimt: 3\nselect: length(5), year(6)")
    ]
    assert places == sorted(places)
    assert len(places) == 5


def test_a_hint_names_the_nearest_fields() -> None:
    """The likeliest name comes first."""
    (finding,) = found("where: populaton > 5", PLACES)
    assert finding.hint == "did you mean population?"
    assert (finding.start, finding.end) == (0, 9)


def test_a_field_may_have_the_name_of_a_placeholder() -> None:
    """The schema knows better."""
    assert codes("select: SELECT", schema("SELECT text")) == []


def test_a_placeholder_where_a_number_belongs_is_told() -> None:
    """The console shows `LIMIT` in an empty field."""
    (finding,) = found("limit: LIMIT")
    assert (finding.code, finding.hint) == (
        "ODS215",
        "drop limit: this is the placeholder text of a portal's console",
    )
    assert [one.hint for one in found("limit: TEN")] == [None]


def test_an_aggregate_in_where_is_told_that_groups_cannot_be_filtered() -> None:
    """No parameter filters groups, as `having` would."""
    (finding,) = found("where: count(*) > 1")
    assert finding.hint == (
        "it is allowed in select, order_by; where filters records, and groups cannot be filtered"
    )
    (finding,) = found("group_by: sum(a)")
    assert finding.hint == "it is allowed in select, order_by"
