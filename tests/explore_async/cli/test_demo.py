"""The demo runs in one process, and its statements about the data are true."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner

from explore_async import ExploreClient, ExploreError, TransportError
from explore_async.cli.main import main
from explore_async.portal import GEONAMES_ID, Store, load_geonames
from odsql import F, Query
from tests.explore_async.doubles import Clock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output of the demo, and the file it wrote."""
    path = tmp_path_factory.mktemp("demo") / "cities.jsonl"
    result = CliRunner().invoke(main, ["demo", "-o", str(path)])
    assert result.exit_code == 0, result.output
    return result.stdout, path


def test_the_exported_rows_are_what_duckdb_holds(demo: tuple[str, Path]) -> None:
    """The file has the same number of rows, with the same identifiers, each once."""
    _, path = demo
    received = [orjson.loads(line)["geoname_id"] for line in path.read_bytes().splitlines()]
    with Store() as store:
        dataset = load_geonames(store)
        column = dataset.columns["geoname_id"].sql
        held = store.cursor().execute(f"SELECT {column} FROM {dataset.table}").fetchall()
    assert sorted(received) == sorted(identifier for (identifier,) in held)
    assert len(received) == len(set(received)) > 10_000


def test_the_proof_is_printed(demo: tuple[str, Path]) -> None:
    """The numbers of expected, received and unique rows are equal."""
    printed, path = demo
    rows = len(path.read_bytes().splitlines())
    for word in ("expected", "received", "unique"):
        assert f"{word} rows" in printed
    assert printed.count(f"{rows:,}") == 4


def test_every_step_is_shown(demo: tuple[str, Path]) -> None:
    """The output has the query and its ODSQL, rows, bars, and a diagnostic with a caret."""
    printed, _ = demo
    assert 'F.timezone.startswith("Europe/")' in printed
    assert 'where = population > 100000 AND startswith(timezone, "Europe/")' in printed
    assert "Istanbul" in printed
    assert "█" in printed
    assert "          ^\nexpected:" in printed


async def test_a_server_that_dies_half_way_leaves_an_error_and_no_file(tmp_path: Path) -> None:
    """A real process is killed during the export; a partial result never passes as complete."""
    command = [sys.executable, "-m", "explore_async", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: ASYNC220
        assert server.stdout is not None
        url = await asyncio.to_thread(server.stdout.readline)
        async with ExploreClient(url.strip(), timing=Clock().timing()) as client:
            with pytest.raises(TransportError, match=r"[Rr]ows|ended|cut|connection"):
                await client.dataset(GEONAMES_ID).export_verified(
                    tmp_path / "cities.jsonl", progress=lambda _: server.kill()
                )
            with pytest.raises(ExploreError):
                await client.dataset(GEONAMES_ID).records(Query(where=F.population > 1)).first()
    assert list(tmp_path.iterdir()) == []
