"""The vendor's client for JavaScript, all operations that it has.

npm install --no-save --prefix benchmarks @opendatasoft/api-client
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from explore_async.portal import Store, serve
from tests.explore_async.portal.asking import NOW, THINGS, Asker, fill_samples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "benchmarks" / "node_modules"
PATHS = os.pathsep.join(filter(None, [os.environ.get("NODE_PATH"), str(MODULES)]))
ENVIRONMENT = {**os.environ, "NODE_PATH": PATHS}


def _find_node() -> str:
    """Return the path of Node.js, or skip the test if it or the package is absent."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed.")
    find = [node, "-e", "require.resolve('@opendatasoft/api-client')"]
    if subprocess.run(find, env=ENVIRONMENT, capture_output=True, check=False).returncode:
        pytest.skip(
            "@opendatasoft/api-client is not installed. Run: npm install --no-save --prefix "
            "benchmarks @opendatasoft/api-client"
        )
    return node


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    """A client of a portal with the sample datasets and one whose records are hidden."""
    with Store() as store:
        fill_samples(store)
        store.add("hidden", rows=[{"f": 1}], data_visible=False)
        async with serve(store, clock=lambda: NOW) as url, aiohttp.ClientSession() as session:
            yield Asker(url, session)


async def _answers(ask: Asker, record: str) -> dict[str, Any]:
    command = [_find_node(), str(HERE / "npm_client.mjs"), ask.url, record]
    running = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, env=ENVIRONMENT
    )
    output, _ = await running.communicate()
    assert running.returncode == 0
    answers: dict[str, Any] = json.loads(output)
    return answers


async def test_the_client_of_the_vendor_reads_every_answer(ask: Asker) -> None:
    """Paths with a slash at the end, quoted names, texts and dates, and errors by their status."""
    (first, *_) = (await ask.get("datasets/things/records", select="recordid")).results
    found = await _answers(ask, first["recordid"])

    async def same(path: str, *repeated: tuple[str, str], **parameters: Any) -> Any:
        return (await ask.get(path, *repeated, **parameters)).json

    things = "datasets/things"
    assert found == {
        "datasets": await same("datasets", limit=1),
        "catalog facets": await same("facets", facet="publisher"),
        "catalog export": await same("exports/json"),
        "catalog export as text": (await ask.get("exports/csv", limit=1)).body.decode("utf-8-sig"),
        "dataset": await same(things),
        "records": await same(f"{things}/records", limit=2, offset=1),
        "record": {**dict.fromkeys(THINGS[0]), **THINGS[0]},
        "facets": await same(
            f"{things}/facets", ("facet", "day"), ("facet", "tags"), refine="tags:b"
        ),
        "export": [{**dict.fromkeys(THINGS[0]), "id": 4}],
        "export as text": "id\r\n1\r\n2\r\n3\r\n4\r\n",
        "groups": {
            "total_count": 4,
            "results": [
                {"n": "café des arts", "many": 1},
                {"n": 'mill street; the "narrow" one', "many": 1},
                {"n": "old mill museum", "many": 1},
                {"n": None, "many": 1},
            ],
        },
        "conditions": {"total_count": 1, "results": [{"id": 3}]},
        "time zone": {"total_count": 4, "results": [{"moment": "2026-08-29T00:30:00+02:00"}]},
        "exclusion": {"total_count": 2, "results": [{"id": 2}, {"id": 4}]},
        "an unknown dataset": {"error": "NotFoundError", "code": "NotFoundResource"},
        "an unknown field": {"error": "UserError", "code": "ODSQLError"},
        "hidden records": {"error": "UserError", "code": "ForbiddenAccess"},
    }
