"""Wrong arguments: whatever a caller passes, only errors of this package come back.

The public callables are found by introspection, so a new one is tested too. Each parameter gets
each of the wrong values in turn, while the others are valid, and a result is used: it is awaited,
iterated, entered or sent. What a callable accepts is not a fault; another exception, or no end, is.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
from contextlib import AsyncExitStack, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

import odsql
from explore_async import (
    Anonymous,
    ApiKey,
    Caps,
    ExploreClient,
    ExploreError,
    ExportStream,
    FanOut,
    Located,
    NameResolutionError,
    OAuth2,
    OAuth2App,
    Rate,
    Records,
    Retry,
    Timeouts,
    Tokens,
)
from explore_async.portal import Store
from odsql.builder.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.explore_async.doubles import FakePortal

from tests.faults.arguments import (
    WRONG,
    F,
    Target,
    World,
    answer,
    app,
    function,
    targets,
    wrong_arguments,
)


@pytest.fixture
async def world(
    portal: FakePortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.chdir(tmp_path)
    portal.override = answer
    async with ExploreClient(portal.url, retry=Retry.never()) as client:
        with Store(threads=1) as store:
            yield World(client, portal.url, tmp_path, store)


async def use(result: Any, world: World) -> None:
    """Do what a caller does with a result."""
    known = next((how for kind, how in USES.items() if isinstance(result, kind)), None)
    if known is not None:
        await known(result, world)
    elif inspect.isawaitable(result):
        await use(await result, world)
    elif hasattr(result, "__aenter__"):
        async with result:
            pass
    elif hasattr(result, "__aiter__"):
        async for _ in result:
            pass
    elif inspect.isgenerator(result):
        list(islice(result, 10))


async def use_client(client: ExploreClient, world: World) -> None:
    async with client:
        if client.base_url.startswith(world.url):  # another host is not there
            await client.dataset("trees").records().first()


async def use_export(stream: ExportStream, world: World) -> None:
    async with stream:
        await use(stream.bytes(), world)


async def use_option(option: Any, world: World) -> None:
    options: dict[str, Any] = {"retry": Retry.never(), type(option).__name__.lower(): option}
    await use_client(ExploreClient(world.url, **options), world)


async def use_auth(auth: Any, world: World) -> None:
    await use_client(ExploreClient(world.url, auth=auth, retry=Retry.never()), world)


async def use_query(query: odsql.Query, world: World) -> None:
    query.params()
    if query.clauses.facet:
        await world.trees.facets(query=query)
        return
    await world.trees.records(query, max_rows=1).first()


async def use_schema(schema: odsql.Schema, world: World) -> None:
    schema.to_json()
    await use_fields(odsql.Fields(schema), world)


async def use_fields(fields: odsql.Fields, world: World) -> None:
    str(fields.id)


async def use_app(app: OAuth2App, world: World) -> None:
    app.authorization_url()


async def use_tokens(tokens: Tokens, world: World) -> None:
    await use_auth(OAuth2(app(), tokens, save=function), world)


async def read(several: Any, world: World) -> None:
    """Iterate over what can also be awaited."""
    async for _ in several:
        pass


async def shown(expression: Expression, world: World) -> None:
    str(expression)


async def closed(store: Store, world: World) -> None:
    if store is not world.store:
        store.close()


USES: dict[Any, Callable[[Any, World], Awaitable[None]]] = {
    ExploreClient: use_client,
    Located: lambda located, world: located.client.close(),
    ExportStream: use_export,
    Records | FanOut: read,
    Timeouts | Retry | Caps | Rate: use_option,
    ApiKey | Anonymous | OAuth2: use_auth,
    OAuth2App: use_app,
    Tokens: use_tokens,
    odsql.Query: use_query,
    Expression: shown,
    odsql.Fields: use_fields,
    odsql.Schema: use_schema,
    Store: closed,
}
"""What is done with results, besides awaiting, entering or iterating them."""


def is_allowed(error: BaseException, target: Target) -> bool:
    if isinstance(error, ExploreError | odsql.ODSQLError):
        return True
    if isinstance(error, OSError) and target.name == "explore_async.portal.serve":
        return True  # documented: the address cannot be listened on
    # Python itself refuses a call that does not match the signature, at its place.
    at_the_call = error.__traceback__ is not None and error.__traceback__.tb_next is None
    return isinstance(error, TypeError) and at_the_call


async def outcome(target: Target, world: World, name: str, value: object) -> BaseException | None:
    """Return what a call with one wrong argument ends with; None if it is accepted."""
    try:
        async with asyncio.timeout(5), AsyncExitStack() as stack:
            bound = target.bound(world)
            stream = getattr(bound, "__self__", None)
            if isinstance(stream, ExportStream):
                await stack.enter_async_context(stream)
            positional, named = target.arguments(world, name, value)
            await use(bound(*positional, **named), world)
    except Exception as error:  # noqa: BLE001 - the question is of which class it is
        return error
    return None


def owner_of(target: Target) -> str:
    return target.name.rpartition(".")[0] or target.name


def targets_of(owner: str) -> list[Target]:
    return [one for one in targets() if owner_of(one) == owner]


OWNERS = sorted(set(map(owner_of, targets())))


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize("owner", OWNERS)
async def test_a_wrong_argument_is_an_error_of_this_package(owner: str, world: World) -> None:
    """Or it is accepted, and so is its use."""
    faults = []
    for target in targets_of(owner):
        for name, label, value in wrong_arguments(target):
            error = await outcome(target, world, name, value)
            if error is not None and not is_allowed(error, target):
                faults.append(f"{target.name}({name}={label}): {error!r:.200}")
    assert faults == []


@pytest.mark.parametrize("owner", OWNERS)
async def test_the_valid_arguments_are_valid(owner: str, world: World) -> None:
    """Otherwise each wrong one would hide behind the others; add valid ones to `VALID`."""
    refused = []
    for target in targets_of(owner):
        error = await outcome(target, world, "", None) if target.signature.parameters else None
        if error is not None and not isinstance(error, NameResolutionError):
            refused.append(f"{target.name}: {error!r:.200}")
    assert refused == []


OPERATORS: dict[str, Callable[[Any, Any], object]] = {
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "and_", "or_")},
    "getitem": lambda _, other: F[other],
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("left", [F.id, F.id > 1, odsql.year(F.day)], ids=str)
def test_a_wrong_operand_is_an_error_of_the_language(left: Any, name: str) -> None:
    """On either side; or of Python, if the expression has no such operator."""
    for make in WRONG.values():
        for pair in ((left, make()), (make(), left)):
            with suppress(odsql.ODSQLError):
                str(from_python(OPERATORS[name], *pair))


def from_python(operation: Callable[[Any, Any], object], *operands: Any) -> object:
    try:
        return operation(*operands)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise
        return None
