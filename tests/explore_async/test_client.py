"""The client: base URLs, operations and models, tested with recorded responses."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from explore_async import (
    ConfigurationError,
    DatasetInfo,
    DecodeError,
    DoneEvent,
    Event,
    ExploreClient,
    ExportStream,
    NotFound,
    NotFoundResource,
    TruncatedError,
)
from odsql import Query
from tests.explore_async.doubles import Wire, http, json_body, jsonl, writes

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web
    from aioresponses import aioresponses

    from tests.explore_async.doubles import FakePortal

HOST = "https://data.example.org"
BASE = f"{HOST}/api/explore/v2.1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("data.example.org", BASE),
        (HOST, BASE),
        (f"{HOST}/", BASE),
        (f" {BASE}/ ", BASE),
        ("localhost:8080", "https://localhost:8080/api/explore/v2.1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/explore/v2.1"),
        ("http://[::1]:8080", "http://[::1]:8080/api/explore/v2.1"),
        (f"{HOST}/proxy/api/explore/v2.1", f"{HOST}/proxy/api/explore/v2.1"),
        ("données.example", "https://xn--donnes-eva.example/api/explore/v2.1"),
    ],
)
def test_a_portal_is_addressed_as_it_is_known(given: str, expected: str) -> None:
    """The base URL may be a domain, an IP address, or the API's full URL."""
    assert ExploreClient(given).base_url == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "https://",
        "ftp://host",
        "https://host/explore",
        "http://host:port",
        "https://host/?x=1",
        "https://user:secret@host",
        "https://host/api/explore/v2.0",
        "https://host/?apikey=secret",
        None,
    ],
)
def test_an_address_that_leads_nowhere_is_refused(given: Any) -> None:
    """Nothing is sent, and the message does not quote the URL, which may contain a secret."""
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        ExploreClient(given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("dataset_id", "path"),
    [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("é", "%C3%A9"),
        ("a%2F", "a%252F"),
        ("a@public", "a%40public"),
    ],
)
async def test_identifiers_stay_one_segment(
    client: ExploreClient, portal: FakePortal, dataset_id: str, path: str
) -> None:
    """They are percent-encoded, so they cannot change the path."""
    assert f"/datasets/{path}/records?" in client.dataset(dataset_id).records().url()
    raw = []

    def override(request: web.Request) -> web.Response:
        raw.append(request.raw_path)
        return json_body({"id": 1})

    portal.override = override
    await client.dataset(dataset_id).record(dataset_id)
    assert raw == [f"/api/explore/v2.1/catalog/datasets/{path}/records/{path}"]


@pytest.mark.parametrize("dataset_id", ["", ".", ".."])
def test_identifiers_that_change_the_path_are_refused(dataset_id: str) -> None:
    """`..` would address another operation."""
    with pytest.raises(ConfigurationError, match="identifier"):
        ExploreClient(HOST).dataset(dataset_id)


async def test_odsql_arrives_as_it_was_written(client: ExploreClient, portal: FakePortal) -> None:
    """Plus, percent, ampersand, quotes and accents are encoded once."""
    where = "name = \"50% + 1 & 'é' #?\""
    await client.dataset("trees").records(Query(where=where)).first()
    assert portal.requests[0][1]["where"] == Query(where=where).params()[0][1]


async def test_info_reads_a_recorded_dataset(
    canned: aioresponses, recorded: Callable[[str], bytes]
) -> None:
    """getDataset keeps everything that the server sent."""
    body = recorded("vancouver/metadata-property-tax-report.json")
    canned.get(f"{BASE}/catalog/datasets/property-tax-report", body=body)
    async with ExploreClient(HOST) as client:
        info = await client.dataset("property-tax-report").info()
    assert (info.dataset_id, info.has_records, info.data_visible) == (
        "property-tax-report",
        True,
        True,
    )
    assert (info.fields[0].name, info.fields[0].type) == ("pid", "text")
    assert info.fields[1].annotations == {"facet": True}
    assert "default" in info.metas
    assert info.extra["visibility"] == "domain"


async def test_rows_of_the_catalog_can_be_typed(
    canned: aioresponses, recorded: Callable[[str], bytes]
) -> None:
    """getDatasets returns dicts, and DatasetInfo converts them."""
    canned.get(f"{BASE}/catalog/datasets?limit=2&offset=0", body=recorded("ukpn/getDatasets.json"))
    async with ExploreClient(HOST) as client:
        row, _ = await client.datasets(max_rows=2).to_list()
    assert DatasetInfo.from_json(row).dataset_id
    assert DatasetInfo.from_json(row).fields


async def test_datasets_are_paged_like_records(client: ExploreClient, portal: FakePortal) -> None:
    """The lazy object is the same, with another path."""
    assert await client.datasets(max_rows=3).to_list() == portal.rows[:3]
    assert portal.requests == [("/catalog/datasets", {"limit": "3", "offset": "0"})]


async def test_export_formats_are_the_links(
    canned: aioresponses, recorded: Callable[[str], bytes]
) -> None:
    """listDatasetExportFormats returns all links except the one to itself."""
    body = recorded("enw/list-export-formats-example.json")
    canned.get(f"{BASE}/catalog/datasets/x/exports", body=body)
    async with ExploreClient(HOST) as client:
        formats = await client.dataset("x").export_formats()
    names = [one.name for one in formats]
    assert names[:3] == ["csv", "json", "data.json"]
    assert "self" not in names
    assert formats[0].href.endswith("/exports/csv")


async def test_recorded_pages_are_read(
    canned: aioresponses, recorded: Callable[[str], bytes]
) -> None:
    """The pages are ten of 1,486 rows from Paris, and grouped rows without a total."""
    base = f"{BASE}/catalog/datasets/velib/records"
    canned.get(f"{base}?limit=10&offset=0", body=recorded("velib-fi/01-records.json"))
    grouped = recorded("velib-fi/16-group_by-text.json")
    canned.get(f"{base}?group_by=name&limit=10&offset=0", body=grouped)
    canned.get(f"{base}?limit=0&offset=0", body=recorded("misc/webstat.empty-records.json"))
    async with ExploreClient(HOST) as client:
        dataset = client.dataset("velib")
        assert len(await dataset.records(max_rows=10).to_list()) == 10
        groups = await dataset.records(Query(group_by="name"), max_rows=10).to_list()
        assert groups[0]["count(*)"] == 5
        assert await dataset.records().count() == 0


async def test_a_missing_record_is_not_found(
    canned: aioresponses, recorded: Callable[[str], bytes]
) -> None:
    """The error of getRecord quotes the server's message."""
    canned.get(
        f"{BASE}/catalog/datasets/x/records/1", status=404, body=recorded("errors/404-record.json")
    )
    async with ExploreClient(HOST) as client:
        with pytest.raises(NotFoundResource, match="record 1 does not exist") as caught:
            await client.dataset("x").record("1")
    assert caught.value.url == f"{BASE}/catalog/datasets/x/records/1"


@pytest.mark.parametrize(
    "answer",
    [{}, {"dataset_id": 5}, {"dataset_id": "x", "fields": {}}, {"dataset_id": "x", "fields": [1]}],
)
async def test_what_is_no_dataset_is_an_error(
    client: ExploreClient, portal: FakePortal, answer: dict[str, Any]
) -> None:
    """It must not look like a dataset without fields."""
    portal.override = lambda request: json_body(answer)
    with pytest.raises(DecodeError):
        await client.dataset("x").info()


@pytest.mark.parametrize("query", [Query(where="id > 1"), Query().limit(1)])
async def test_parameters_of_another_operation_are_refused(
    client: ExploreClient, portal: FakePortal, query: Query
) -> None:
    """A portal would silently ignore them."""
    with pytest.raises(ConfigurationError, match="getDataset does not accept"):
        await client.dataset("trees").info(query)
    with pytest.raises(ConfigurationError, match="getRecord does not accept"):
        await client.dataset("trees").record("1", query)
    assert portal.requests == []


SCHEMA = {"dataset_id": "trees", "fields": [{"name": "id", "type": "int"}]}


def schema_or_rows(request: web.Request) -> web.Response | None:
    return json_body(SCHEMA) if request.path.endswith("/datasets/trees") else None


async def test_concurrent_readings_ask_for_the_schema_once(
    client: ExploreClient, portal: FakePortal
) -> None:
    """With labels as names, they request it once per language."""
    portal.override = schema_or_rows
    trees = client.dataset("trees")
    await client.gather(*(trees.records(typed=True).to_list() for _ in range(5)))
    asked = [params for path, params in portal.requests if path == "/catalog/datasets/trees"]
    assert asked == [{}]

    async def export(lang: str) -> None:
        stream = trees.export("jsonl", Query(lang=lang), typed=True, use_labels=True)
        async with stream:
            await whole(stream)

    await client.gather(*map(export, ("fr", "fr", "nl", "nl")))
    asked = [params for path, params in portal.requests if path == "/catalog/datasets/trees"]
    assert sorted(one["lang"] for one in asked[1:]) == ["fr", "nl"]


@pytest.mark.parametrize("way", ["cancelled", "refused"])
async def test_a_reading_that_fails_to_get_the_schema_leaves_it_to_the_next(
    client: ExploreClient, portal: FakePortal, way: str
) -> None:
    """One failed request for the schema fails only one reading."""
    refusals = [json_body({}, status=404)] if way == "refused" else []
    gate = asyncio.Event()

    def override(request: web.Request) -> web.Response | None:
        if request.path.endswith("/datasets/trees") and refusals:
            return refusals.pop()
        return schema_or_rows(request)

    async def before(request: web.Request) -> None:
        await gate.wait()

    portal.override, portal.before = override, before
    trees = client.dataset("trees")
    first, *others = (asyncio.create_task(trees.records(typed=True).to_list()) for _ in range(3))
    await portal.until_requests(1)
    if way == "cancelled":
        first.cancel()
    gate.set()
    await asyncio.wait([first, *others])
    assert [len(one.result()) for one in others] == [10, 10]
    assert first.cancelled() or isinstance(first.exception(), NotFound)
    assert [path for path, _ in portal.requests].count("/catalog/datasets/trees") == 2


async def test_who_asks_for_the_schema_waits_for_no_other_reading(portal: FakePortal) -> None:
    """Otherwise a consumer of the results that also needs the schema would wait forever."""
    portal.override = schema_or_rows
    async with ExploreClient(portal.url, concurrency=1) as client:
        trees = client.dataset("trees")
        readings = [client.datasets(max_rows=3), client.datasets(max_rows=3)]
        readings.append(trees.records(typed=True))
        found = client.gather_records(readings, concurrency=3, max_bytes=1)
        async with asyncio.timeout(5), found.open() as outcomes:
            async for _ in outcomes:
                assert len(await trees.records(typed=True).to_list()) == 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeouts": 5},
        {"retry": 3},
        {"rate": 5},
        {"caps": 1000},
        {"timing": 1},
        {"session": 5},
        {"auth": 5},
        {"concurrency": "8"},
        {"concurrency": 2.5},
    ],
    ids=str,
)
def test_an_option_of_another_type_is_refused(wrong: dict[str, Any]) -> None:
    """The error is raised when the client is created, and names the option."""
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"{name}[= ]"):
        ExploreClient("host", **wrong)
    if name in {"timeouts", "retry", "caps", "auth"}:
        with pytest.raises(ConfigurationError, match=f"{name}="):
            ExploreClient("host").with_options(**wrong)
    if name == "concurrency":
        with pytest.raises(ConfigurationError, match=r"^concurrency is"):
            ExploreClient("host").gather_records([], **wrong)


@pytest.mark.parametrize(
    "ask",
    [
        lambda trees, wrong: trees.records(wrong),
        lambda trees, wrong: trees.records(wrong, max_rows=5, typed=True),
        lambda trees, wrong: trees.facets("a", query=wrong),
        lambda trees, wrong: trees.export("jsonl", wrong),
        lambda trees, wrong: trees.export_csv(wrong, typed=True, use_labels=True),
    ],
)
@pytest.mark.parametrize("wrong", ["a > 1", 5])
def test_what_is_no_query_is_refused(ask: Callable[[Any, object], object], wrong: object) -> None:
    """The message shows how to write a query."""
    with pytest.raises(ConfigurationError, match=r"Query\(where=...\)"):
        ask(ExploreClient("host").dataset("trees"), wrong)


@pytest.mark.parametrize("wrong", [Query(), 5, ["a", "b"]])
def test_what_is_no_name_of_a_facet_is_refused(wrong: Any) -> None:
    """A query passed as a name is a likely mistake, so the message names the keyword."""
    with pytest.raises(ConfigurationError, match="query as query="):
        ExploreClient("host").dataset("trees").facets(wrong)


@pytest.mark.parametrize("wrong", [{"max_rows": 150.5}, {"max_rows": "5"}, {"page_size": 9.0}])
def test_a_number_of_rows_is_whole(wrong: dict[str, Any]) -> None:
    """The client does not round or convert the caller's numbers."""
    with pytest.raises(ConfigurationError, match="whole number"):
        ExploreClient("host").dataset("trees").records(**wrong)


def test_reprs_say_what_they_stand_for() -> None:
    """Notebooks and tracebacks display them."""
    client = ExploreClient("host")
    assert repr(client) == "ExploreClient('https://host/api/explore/v2.1')"
    assert repr(client.dataset("trees")) == "Dataset('https://host', 'trees')"


def test_the_repr_of_a_lazy_object_shows_portal_dataset_and_query() -> None:
    client = ExploreClient("https://host")
    trees, query = client.dataset("a@b"), Query(where="a = 1", limit=3)
    shown = "'https://host', 'a@b', Query(where='a = 1', limit=3)"
    assert repr(trees.records(query)) == f"Records({shown}, max_rows=3)"
    assert repr(trees.records(max_rows=9).resume()) == "Records('https://host', 'a@b', max_rows=9)"
    assert repr(client.datasets(Query(offset=5))) == (
        "Records('https://host', 'catalog', Query(offset=5), start=5)"
    )
    facets = trees.facets("kind", query=Query(where="a = 1"))
    assert repr(facets) == ("Facets('https://host', 'a@b', Query(where='a = 1'), names=('kind',))")


async def whole(stream: ExportStream) -> None:
    async for _ in stream.rows():
        pass


async def failing(stream: ExportStream) -> None:
    async with aclosing(stream.rows()) as found:
        async for _ in found:
            raise ZeroDivisionError


async def cancelled(stream: ExportStream) -> None:
    async with aclosing(stream.rows()) as found:
        async for _ in found:
            raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("answer", "read", "raised", "outcome"),
    [
        (http(jsonl(3)), whole, None, "ok"),
        (http(jsonl(3), length=500), whole, TruncatedError, "error"),
        (http(jsonl(3)), failing, ZeroDivisionError, "error"),
        (http(jsonl(3)), cancelled, asyncio.CancelledError, "cancelled"),
    ],
)
async def test_an_export_ends_with_its_true_outcome(
    answer: bytes,
    read: Callable[[ExportStream], Any],
    raised: type[BaseException] | None,
    outcome: str,
) -> None:
    """A complete, truncated or abandoned export reports its outcome and the error raised."""
    told: list[Event] = []
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, on_event=told.append) as client:
            error = await outcome_of(client, read)
            counts = client.stats.errors, client.stats.cancelled
    done = next(event for event in told if isinstance(event, DoneEvent))
    assert (type(error) if error else None, done.outcome) == (raised, outcome)
    assert done.error is (error if raised is TruncatedError else None)
    assert counts == (outcome == "error", outcome == "cancelled")


async def outcome_of(
    client: ExploreClient, read: Callable[[ExportStream], Any]
) -> BaseException | None:
    try:
        async with client.dataset("trees").export("jsonl") as stream:
            await read(stream)
    except BaseException as error:  # noqa: BLE001 - the test examines any outcome
        return error
    return None


async def test_a_url_from_the_browser_gives_a_dataset_and_a_query() -> None:
    """They unpack, and the client is at hand for everything else."""
    located = ExploreClient.from_url(f"{HOST}/explore/dataset/trees/table/?refine.kind=oak")
    dataset, query = located
    assert (dataset.dataset_id, query) == ("trees", Query(refine={"kind": "oak"}))
    assert (located.dataset, located.query) == (dataset, query)
    assert located.client.base_url == BASE
    await located.client.close()


async def test_a_client_of_a_url_closes_with_its_block(portal: FakePortal) -> None:
    """The request is the one that the URL stands for."""
    url = f"{portal.url}/explore/dataset/trees/table/?refine.kind=oak&location=1,2,3"
    async with ExploreClient.from_url(url, concurrency=2) as (dataset, query):
        assert len(await dataset.records(query).to_list()) == 10
    [(path, params)] = portal.requests
    assert path == "/catalog/datasets/trees/records"
    assert params["refine"] == 'kind:"oak"'
    with pytest.raises(ConfigurationError, match="closed"):
        await dataset.info()


def test_a_client_needs_the_url_of_a_dataset() -> None:
    """The URL of a portal is for the client itself."""
    with pytest.raises(ConfigurationError, match="not of one of its datasets"):
        ExploreClient.from_url(HOST)
