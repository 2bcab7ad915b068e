"""Harvests on a cluster: the same rows, whatever becomes of its workers."""

from __future__ import annotations

import copyreg
import json
import os
import signal
import subprocess
import sys
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    ForbiddenAccess,
    IncompleteHarvestError,
    MissingExtraError,
    QuotaExceeded,
)
from explore_async.harvest import Committed, Finished, Resumed, harvest, plan_harvest
from explore_async.harvest.dask import DaskEngine, alone, lease_name
from tests.explore_async.harvest.trees import multiset, rows_of, trees
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from explore_async import ExploreClient
    from explore_async.testing import Portal

ROOT = Path(__file__).parents[3]
WAY: dict[str, Any] = {"strategy": "exports", "partition_rows": 60}


@pytest.fixture(scope="module", autouse=True)
def pickling() -> Iterator[None]:
    """Dask changes how all errors of a process are pickled, which other tests check."""
    before = dict(copyreg.dispatch_table)
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of the scheduler of a cluster."""
    with cluster() as (address, _):
        yield address


@contextmanager
def cluster() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a cluster, and return the address of its scheduler, and the process."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    # A lost worker keeps its leases until they expire.
    expiring = {
        "DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE_TIMEOUT": "1s",
        "DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE_VALIDATION_INTERVAL": "100ms",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.explore_async.harvest.cluster"],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=os.environ | expiring,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        yield running.stdout.readline().strip(), running
        assert running.stdin is not None
        running.stdin.close()
        running.wait(20)


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which workers may still end a hidden file after a test."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def engine(scheduler: str) -> DaskEngine:
    """The engine of the cluster."""
    return DaskEngine(scheduler, concurrency=3)


async def asked(scheduler: str, function: Any, *, workers: bool = False) -> Any:
    """Return what a function says of the scheduler, or on each worker."""
    from distributed import Client

    async with Client(scheduler, asynchronous=True, set_as_default=False) as client:
        if workers:
            return await client.run(function)
        return await client.run_on_scheduler(function)


def names(folder: Path) -> set[str]:
    """Return what is in the folder of the trees."""
    return {path.name for path in (folder / "trees").iterdir()}


@pytest.mark.parametrize("strategy", ["exports", "pages"])
async def test_a_cluster_brings_each_row_once(
    client: ExploreClient, engine: DaskEngine, shared: Path, strategy: str
) -> None:
    """In files of the same names as without it."""
    way = {**WAY, "strategy": strategy}
    manifest = await harvest(client, "trees", shared, engine=engine, **way)
    assert multiset(rows_of(shared, manifest)) == multiset(trees(1_000))
    assert names(shared) == {
        *(f"part-{number:05}.jsonl" for number in range(len(manifest.files))),
        "manifest.json",
        ".harvest.lock",
    }


async def test_workers_write_to_a_store_too(
    client: ExploreClient, engine: DaskEngine, shared: Path
) -> None:
    """Here it is a folder that fsspec knows as one."""
    manifest = await harvest(client, "trees", f"local://{shared}", engine=engine, **WAY)
    assert multiset(rows_of(shared, manifest)) == multiset(trees(1_000))
    assert names(shared) == {*(file.path for file in manifest.files), "manifest.json", "journal"}


class Killing(list[Any]):
    """The requests of a portal; at the fifth export, it kills the processes that wait for it."""

    def __init__(self, pids: Iterable[int]) -> None:
        super().__init__()
        self.exports = 0
        self._pids = pids

    def append(self, asked: Any) -> None:
        """Take a request."""
        super().append(asked)
        self.exports += "/exports/" in asked.path
        if self.exports == 5:
            self.exports += 1
            for pid in self._pids:
                os.kill(pid, signal.SIGKILL)


@posix
async def test_a_cluster_that_loses_its_workers_half_way_brings_the_same(
    portal: Portal, client: ExploreClient, engine: DaskEngine, shared: Path
) -> None:
    """Others do what they had begun."""
    pids = await asked(engine.scheduler, os.getpid, workers=True)
    portal.requests = killing = Killing(pids.values())
    manifest = await harvest(client, "trees", shared, engine=engine, **WAY)
    assert set((await asked(engine.scheduler, os.getpid, workers=True)).values()) != set(
        pids.values()
    )
    assert killing.exports - 2 > len(manifest.files)  # besides the sample, some were sent again
    assert multiset(rows_of(shared, manifest)) == multiset(trees(1_000))
    assert names(shared) == {
        *(file.path for file in manifest.files), "manifest.json", ".harvest.lock"
    }  # fmt: skip


async def test_an_error_of_a_worker_arrives_as_it_was_raised(
    portal: Portal, client: ExploreClient, engine: DaskEngine, shared: Path
) -> None:
    """What is finished is kept."""
    with pytest.raises(ForbiddenAccess) as caught:
        async for event in harvest(client, "trees", shared, engine=engine, **WAY):
            if isinstance(event, Committed):
                portal.fail(None, status=403, path="*/exports/*")
    assert caught.value.status == 403
    portal.recover()
    resumed, *_, finished = [
        one async for one in harvest(client, "trees", shared, engine=engine, resume=True, **WAY)
    ]
    assert isinstance(resumed, Resumed)
    assert resumed.finished > 0
    assert isinstance(finished, Finished)
    assert multiset(rows_of(shared, finished.manifest)) == multiset(trees(1_000))


async def test_a_cluster_that_ends_ends_the_harvest(client: ExploreClient, shared: Path) -> None:
    """What is finished is kept, and any engine can go on."""
    with cluster() as (address, process):
        events = aiter(
            harvest(client, "trees", shared, engine=DaskEngine(address, concurrency=1), **WAY)
        )
        async with aclosing(events):  # type: ignore[type-var]
            await anext(events)
            assert isinstance(await anext(events), Committed)
            process.kill()
            with pytest.raises(IncompleteHarvestError, match=r"was lost on the cluster.*--resume"):
                async for _ in events:
                    pass
    manifest = await harvest(client, "trees", shared, resume=True, **WAY)
    assert multiset(rows_of(shared, manifest)) == multiset(trees(1_000))


async def test_a_harvest_that_is_left_cancels_its_work(
    client: ExploreClient, engine: DaskEngine, shared: Path
) -> None:
    """The scheduler has nothing more to do for it, and it can go on without the cluster."""
    async with aclosing(  # type: ignore[type-var]
        aiter(harvest(client, "trees", shared, engine=engine, **WAY))
    ) as events:
        async for event in events:
            if isinstance(event, Committed):
                break

    def left(dask_scheduler: Any) -> list[str]:
        return [key for key, one in dask_scheduler.tasks.items() if one.who_wants]

    assert await asked(engine.scheduler, left) == []
    manifest = await harvest(client, "trees", shared, resume=True, **WAY)
    assert multiset(rows_of(shared, manifest)) == multiset(trees(1_000))


async def test_all_workers_share_one_budget_for_a_portal(
    client: ExploreClient, engine: DaskEngine, shared: Path
) -> None:
    """The scheduler gives out the leases, and has all of them back at the end."""
    await harvest(client, "trees", shared, engine=engine, **WAY)

    def leases(dask_scheduler: Any) -> dict[str, tuple[int, int]]:
        known = dask_scheduler.extensions["semaphores"]
        return {name: (most, len(known.leases[name])) for name, most in known.max_leases.items()}

    assert (await asked(engine.scheduler, leases))[lease_name(client.base_url, 3)] == (3, 0)


@pytest.mark.parametrize("waits", [False, True], ids=["fails", "waits"])
async def test_one_client_waits_for_the_quota_of_all(
    portal: Portal, client: ExploreClient, engine: DaskEngine, shared: Path, waits: bool
) -> None:
    """Workers do not wait, each for itself."""
    way: dict[str, Any] = {"strategy": "exports", "partition_rows": 150}
    plan = await plan_harvest(client, "trees", **way)
    portal.quota(plan.planning_requests + 3)
    running = harvest(client, "trees", shared, engine=engine, wait_for_quota=waits, **way)
    if not waits:
        with pytest.raises(QuotaExceeded):
            await running
        return
    assert multiset(rows_of(shared, await running)) == multiset(trees(1_000))
    assert max(portal.clock.waits) > 3_600


async def test_a_folder_that_workers_do_not_have_is_told(
    client: ExploreClient, engine: DaskEngine, shared: Path
) -> None:
    """By the error of the worker."""
    events = aiter(harvest(client, "trees", shared, engine=engine, **WAY))
    async with aclosing(events):  # type: ignore[type-var]
        await anext(events)
        (shared / "trees").rename(shared / "elsewhere")
        with pytest.raises(ConfigurationError, match="directory exists"):
            await anext(events)


async def test_a_scheduler_that_is_not_there_is_told(
    client: ExploreClient, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is requested."""
    dask = pytest.importorskip("dask", reason="dask is not installed")
    with dask.config.set({"distributed.comm.timeouts.connect": "10ms"}):
        with pytest.raises(ConfigurationError, match="Cannot reach the scheduler"):
            await harvest(client, "trees", shared, engine=DaskEngine("tcp://127.0.0.1:9"))


async def test_without_dask_the_error_names_the_extra(
    client: ExploreClient, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module itself can be imported."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"explore-async\[dask\]"):
        await harvest(client, "trees", shared, engine=DaskEngine("tcp://127.0.0.1:9"))


def test_what_an_error_was_raised_from_stays_on_the_worker() -> None:
    """It may hold what the portal sent, which may repeat the key."""
    with pytest.raises(DecodeError) as caught:
        try:
            json.loads("Apikey s3cr3t")
        except ValueError as error:
            raise DecodeError("The response is not JSON.") from error
    sent = alone(caught.value)
    assert sent.__cause__ is None
    assert sent.__context__ is None
    assert str(sent) == "The response is not JSON."


def test_no_concurrency_is_refused() -> None:
    """Nothing would ever be fetched."""
    with pytest.raises(ConfigurationError, match="at least 1"):
        DaskEngine("tcp://127.0.0.1:8786", concurrency=0)


def test_harvests_without_a_cluster_do_not_import_dask() -> None:
    """It takes half a second, and is optional."""
    code = (
        "import sys, explore_async.harvest, explore_async.harvest.dask, explore_async.harvest.dlt\n"
        "assert not {'dask', 'distributed', 'dlt', 'fsspec'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)
