"""The public callables, their valid arguments, and the wrong ones."""

from __future__ import annotations

import importlib
import inspect
import json
import random
from datetime import UTC, date, datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from aiohttp import web
from attrs import frozen

import odsql
from explore_async import (
    ApiKey,
    Converter,
    Dataset,
    DatasetField,
    DatasetInfo,
    ExploreClient,
    ExportStream,
    Facets,
    FanOut,
    OAuth2,
    OAuth2App,
    Outcome,
    Records,
    Tokens,
)
from explore_async.portal import Store
from odsql.builder.expressions import Condition, FieldValue, Grouping, Item, Term
from odsql.builder.query import QueryClauses
from tests.explore_async.doubles import json_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = odsql.F
NUMBERS = count()
MODULES = ("explore_async", "explore_async.portal", "odsql", "odsql.schema")


class Odd:
    """A class that takes anything."""

    def __init__(self, *_: object, **__: object) -> None: ...


def function(*_: object, **__: object) -> Any:
    return object()


async def coroutine_function(*_: object, **__: object) -> object:
    return object()


def nested(depth: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    return deep


WRONG: dict[str, Callable[[], object]] = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "5": lambda: 5,
    "10**30": lambda: 10**30,
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "bytes": lambda: b"x",
    "empty": lambda: "",
    "x": lambda: "x",
    "surrogate": lambda: "\ud800",
    "long": lambda: "x" * 100_000,
    "nul": lambda: "a\0b",
    "object": object,
    "class": lambda: Odd,
    "function": lambda: function,
    "coroutine function": lambda: coroutine_function,
    "[]": list,
    "[None]": lambda: [None],
    "{}": dict,
    "{1: 2}": lambda: {1: 2},
    "path": lambda: Path("no-such-folder/file"),
    "date": lambda: date(2024, 1, 31),
    "nested": lambda: nested(5000),
    "generator": lambda: (one for one in [1, 2]),
}

INFO: dict[str, Any] = {
    "dataset_id": "trees",
    "dataset_uid": "u",
    "has_records": True,
    "features": [],
    "metas": {"default": {"title": "T"}},
    "fields": [
        {"name": "id", "type": "int", "label": "Id", "annotations": {}},
        {"name": "name", "type": "text", "label": "Name", "annotations": {"facet": True}},
    ],
}


def parquet() -> bytes:
    file = BytesIO()
    pq.write_table(pa.table({"id": [1]}), file)
    return file.getvalue()


def answer(request: web.Request) -> web.StreamResponse | None:
    """Return what `FakePortal` has no answer for."""
    last = request.path.rsplit("/", 1)[-1]
    if last == "trees" or last.startswith("r-"):
        return json_body(INFO)
    if last == "attachments":
        return json_body({"attachments": []})
    if last == "exports":
        return json_body({"links": [{"rel": "csv", "href": "/csv"}]})
    bodies = {"csv": b"id;name\r\n1;x\r\n", "json": b'[{"id": 1}]', "file-1": b"x"}
    bodies |= {"gpx": b"<gpx/>", "parquet": parquet(), "dcat_ap_de": b"<?xml version='1.0'?><a/>"}
    return web.Response(body=bodies[last]) if last in bodies else None


@frozen
class World:
    """What valid arguments are made of."""

    client: ExploreClient
    url: str
    folder: Path
    store: Store

    @property
    def trees(self) -> Dataset:
        return self.client.dataset("trees")


@frozen
class Tree:
    """A class of rows."""

    id: int | None


def tokens() -> Tokens:
    return Tokens(access="a", refresh="r", expires_at=datetime(2100, 1, 1, tzinfo=UTC))


def app() -> OAuth2App:
    return OAuth2App(
        portal="https://host", client_id="me", client_secret="s", redirect_uri="https://app/"
    )


def schema() -> odsql.Schema:
    return odsql.Schema.from_json(INFO)


def fields() -> tuple[DatasetField, ...]:
    return DatasetInfo.from_json(INFO).fields


INSTANCES: dict[type, Callable[[World], Any]] = {
    ApiKey: lambda world: ApiKey("key"),
    Condition: lambda world: F.id == 1,
    Converter: lambda world: Converter(fields=fields()),
    Dataset: lambda world: world.trees,
    ExploreClient: lambda world: world.client,
    ExportStream: lambda world: world.trees.export("jsonl"),
    Facets: lambda world: world.trees.facets("name"),
    FanOut: lambda world: world.client.gather_records([world.trees.records()]),
    FieldValue: lambda world: F.id,
    Grouping: lambda world: odsql.range_("id", 5),
    Item: lambda world: F.id.asc(),
    OAuth2: lambda world: OAuth2(app(), tokens(), save=print),
    OAuth2App: lambda world: app(),
    Outcome: lambda world: Outcome(index=0, value=1),
    Records: lambda world: world.trees.records(max_rows=3),
    Store: lambda world: world.store,
    Term: lambda world: odsql.year(F.day),
    odsql.Query: lambda world: odsql.Query(where="id > 1"),
    odsql.Schema: lambda world: schema(),
}
"""One of each class whose methods are tested; other classes are created from valid arguments."""


def sheet(folder: Path) -> Path:
    """Write a small CSV file, under another name each time."""
    path = folder / f"sheet{next(NUMBERS)}.csv"
    path.write_text("id\n1\n")
    return path


VALID: dict[str, Callable[[World], Any]] = {
    "alternative": lambda world: 1,
    "answer": lambda world: {"total_count": 0, "results": []},
    "app": lambda world: app(),
    "arguments": lambda world: F.id,
    "base": lambda world: world.url,
    "base_url": lambda world: world.url,
    "bounds": lambda world: "[]",
    "clause": lambda world: "where",
    "code": lambda world: "code",
    "conditions": lambda world: F.id > 1,
    "count": lambda world: function,
    "database": lambda world: ":memory:",
    "dataset": lambda world: INFO,
    "dataset_id": lambda world: f"d{next(NUMBERS)}",
    "date": lambda world: date(2024, 1, 31),
    "dcat_ap_format": lambda world: "_ap_de",
    "errors": lambda world: "raise",
    "expires_at": lambda world: datetime(2100, 1, 1, tzinfo=UTC),
    "facets": lambda world: "name",
    "fallback": lambda world: "x",
    "field": lambda world: F.place,
    "fields": lambda world: fields(),
    "fields_and_text": lambda world: "words",
    "file": lambda world: "file-1",
    "file_format": lambda world: "jsonl",
    "geometry": lambda world: None,
    "high": lambda world: 5,
    "host": lambda world: "127.0.0.1",
    "into": lambda world: Tree,
    "info": lambda world: DatasetInfo.from_json(INFO),
    "items": lambda world: F.id,
    "latitude1": lambda world: 1,
    "latitude2": lambda world: 2,
    "longitude1": lambda world: 1,
    "longitude2": lambda world: 2,
    "low": lambda world: 1,
    "metas": lambda world: {"default": {"title": "T"}},
    "misfits": lambda world: "raise",
    "mode": lambda world: "within",
    "names": lambda world: "name",
    "node": lambda world: odsql.parse_where("id > 1"),
    "parts": lambda world: 1,
    "path": lambda world: world.folder / "file",
    "paths": lambda world: sheet(world.folder),
    "pattern": lambda world: "x*",
    "percent": lambda world: 50,
    "point": lambda world: (2.0, 48.0),
    "portal": lambda world: "https://host",
    "query": lambda world: odsql.Query(),
    "radius": lambda world: "10km",
    "reason": lambda world: "x",
    "record_id": lambda world: "r-1",
    "redirect_uri": lambda world: "https://app/",
    "refinements": lambda world: "name:x",
    "report": lambda world: function,
    "requests": lambda world: [],
    "row": lambda world: {"id": 1},
    "rows": lambda world: [{"id": 1}],
    "save": lambda world: function,
    "schema": lambda world: None,
    "seed": lambda world: 1,
    "shape": lambda world: "POINT(2 48)",
    "steps": lambda world: 5,
    "store": lambda world: world.store,
    "subscriber": lambda world: function,
    "text": lambda world: "2024",
    "tokens": lambda world: tokens(),
    "typed": lambda world: True,
    "url": lambda world: f"{world.url}/explore/dataset/trees/table/",
    "value": lambda world: F.id,
    "values": lambda world: [1, 2],
    "zoom": lambda world: 5,
}
"""A valid value by the name of a parameter; another one gets what its annotation allows."""

BY_OWNER: dict[str, Callable[[World], Any]] = {
    "AlternativeExport.from_json.value": lambda world: {"id": "a", "title": "T", "mimetype": "x/y"},
    "ApiKey.from_env.name": lambda world: "PATH",
    "Attachment.from_json.value": lambda world: {
        "metas": {"id": "a", "title": "T", "mime-type": "x/y"},
        "href": "/a",
    },
    "Condition.equals.other": lambda world: F.id,
    "DatasetField.from_json.value": lambda world: INFO["fields"][0],
    "DatasetInfo.from_json.value": lambda world: INFO,
    "ExploreClient.export.file_format": lambda world: "csv",
    "ExportFormat.from_json.value": lambda world: {"rel": "csv", "href": "/csv"},
    "Facet.from_json.value": lambda world: {"name": "name", "facets": []},
    "FacetValue.from_json.value": lambda world: {"name": "x", "value": "x", "count": 1},
    "FieldValue.equals.other": lambda world: F.id,
    "FieldValue.has.value": lambda world: 1,
    "Grouping.equals.other": lambda world: F.id,
    "Item.equals.other": lambda world: F.id,
    "PortalField.from_json.described": lambda world: INFO["fields"][0],
    "Query.facet.facets": lambda world: "name",
    "Query.lang.lang": lambda world: "fr",
    "Term.equals.other": lambda world: F.id,
    "odsql.call.function": lambda world: "length",
    "odsql.facet.name": lambda world: "name",
    "odsql.schema.load_schemas.path": lambda world: saved_schema(world.folder),
    "Store.add.fields": lambda world: INFO["fields"],
    "Store.remove.dataset_id": lambda world: (
        world.store.add(f"d{next(NUMBERS)}", INFO["fields"]).dataset_id
    ),
    "ExploreClient.gather.requests": lambda world: world.trees.records(max_rows=1),
    "ExploreClient.gather_facets.requests": lambda world: [world.trees.facets("name")],
    "ExploreClient.gather_records.requests": lambda world: [world.trees.records(max_rows=1)],
    "ExportStream.save_verified.count": lambda world: counted,
    "Schema.fields": lambda world: schema().fields.values(),
    "odsql.check.request": lambda world: request_to_check(),
    "odsql.condition.text": lambda world: "id > 1",
    "odsql.geo_cluster.radius": lambda world: 5,
    "odsql.geometry.mode": lambda world: None,
    "odsql.parse_facet.text": lambda world: "name",
    "odsql.parse_group_by.text": lambda world: "name",
    "odsql.parse_order_by.text": lambda world: "name",
    "odsql.parse_refinement.text": lambda world: "name:x",
    "odsql.parse_select.text": lambda world: "name",
    "odsql.parse_template.parts": lambda world: ["id > ", None],
    "odsql.parse_where.text": lambda world: "id > 1",
}
BY_ANNOTATION = {"str": "x", "int": 1, "float": 1.5, "bool": True}

MADE_BY_OTHERS = {
    *("Auth", "Dataset", "ExportStream", "Facets", "FanOut", "Located", "Records"),
    *("Misfits",),
}
"""Classes that callers do not create: a protocol, and what a client returns."""

NOT_FOR_CALLERS = {
    *(f"Converter.{name}" for name in ("exact", "exact_row", "key", "kind", "restore")),
    *("Converter.restore_page", "Converter.text_row", "Facets.job", "Records.job"),
    *("OAuth2.connect", "OAuth2.refused", "OAuth2.settle", "OAuth2.redact", "ApiKey.redact"),
    *("Anonymous.redact", "Retry.backoff", "Retry.delay", "Retry.within"),
    *("Store.fill", "Store.register", "Store.cursor", "Store.load_copy", "Store.change"),
}
"""Methods with which the package's own objects call each other; no page mentions them."""


def saved_schema(folder: Path) -> Path:
    file = folder / "schema.json"
    file.write_text(json.dumps(INFO), "utf-8")
    return file


async def counted(*_: object) -> int:
    return 10


def request_to_check() -> object:
    from odsql.checks.diagnostics import Parameter, Request

    return Request((Parameter("where", "id > 1"),), None, "records")


@frozen
class Target:
    """One public callable."""

    name: str
    signature: inspect.Signature
    bound: Callable[[World], Callable[..., Any]]

    def arguments(
        self, world: World, wrong: str, value: object
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return arguments that are valid except for one."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in self.signature.parameters.values():
            given = value if parameter.name == wrong else self._valid(parameter, world)
            if given is parameter.empty:
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                named.update(cast("dict[str, Any]", given))
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                positional.append(given)
            else:
                named[parameter.name] = given
        if any(one.kind is one.VAR_POSITIONAL for one in self.signature.parameters.values()):
            before = [
                one.name
                for one in self.signature.parameters.values()
                if one.kind is one.POSITIONAL_OR_KEYWORD and one.name in named
            ]
            positional = [*(named.pop(name) for name in before), *positional]
        return positional, named

    def _valid(self, parameter: inspect.Parameter, world: World) -> object:
        valid = BY_OWNER.get(f"{self.name}.{parameter.name}")
        if valid is not None:
            return valid(world)
        if parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            return parameter.empty
        valid = VALID.get(parameter.name)
        if valid is not None:
            return valid(world)
        return BY_ANNOTATION.get(str(parameter.annotation).split(" ")[0])


def targets() -> Iterator[Target]:
    """Yield every public callable: functions, constructors and methods."""
    seen = set()
    for module in MODULES:
        imported = importlib.import_module(module)
        for name in imported.__all__:
            one = getattr(imported, name)
            if inspect.isclass(one) and one not in seen:
                seen.add(one)
                yield from constructor(one)
                yield from methods(one)
            elif inspect.isroutine(one):
                yield Target(f"{module}.{name}", inspect.signature(one), always(one))
    for one in sorted(INSTANCES.keys() - seen, key=lambda one: one.__name__):
        yield from methods(one)


def constructor(one: type) -> Iterator[Target]:
    if one.__name__ in MADE_BY_OTHERS or issubclass(one, str | BaseException):
        return
    yield Target(one.__name__, inspect.signature(one), always(one))


def methods(one: type) -> Iterator[Target]:
    for name in dir(one):
        static = inspect.getattr_static(one, name)
        found = getattr(one, name)
        if name.startswith("_") or not inspect.isroutine(found):
            continue
        if f"{one.__name__}.{name}" in NOT_FOR_CALLERS or not of_this_package(found):
            continue
        full, signature = f"{one.__name__}.{name}", inspect.signature(found)
        if isinstance(static, classmethod):
            yield Target(full, signature, always(found))
        elif one in INSTANCES:
            own = list(signature.parameters.values())[1:]
            yield Target(full, signature.replace(parameters=own), method_of(one, name))


def of_this_package(found: Any) -> bool:
    return str(getattr(found, "__module__", "")).startswith(("odsql", "explore_async"))


def always(one: Any) -> Callable[[World], Callable[..., Any]]:
    return lambda world: one


def method_of(one: type, name: str) -> Callable[[World], Callable[..., Any]]:
    return lambda world: getattr(INSTANCES[one](world), name)


def wrong_arguments(target: Target) -> Iterator[tuple[str, str, object]]:
    chance = random.Random(target.name)
    for parameter in target.signature.parameters.values():
        for label, make in WRONG.items():
            value = make()
            if parameter.kind is parameter.VAR_KEYWORD:
                value = {clause_or_option(target, chance): value}
                label = f"{next(iter(value))}={label}"
            yield parameter.name, label, value


def clause_or_option(target: Target, chance: random.Random) -> str:
    if target.name == "ExploreClient.from_url":
        return chance.choice(["auth", "concurrency", "timeouts", "retry", "proxy"])
    if target.name == "odsql.now":
        return chance.choice(["day", "hours", "x"])
    if target.name == "odsql.facet":
        return chance.choice(["limit", "sort", "disjunctive"])
    return chance.choice(sorted(QueryClauses.__optional_keys__))
