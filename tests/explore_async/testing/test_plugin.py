"""The fixture `explore_portal`, in a project of its own with the plugin and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

PLUGIN = "explore_async.testing.plugin"
TESTS = """
import asyncio
from urllib.request import urlopen

TREES = {"trees": [{"name": "oak"}]}

def test_with_another_client(explore_portal):
    portal = explore_portal(TREES)
    url = f"{portal.url}/api/explore/v2.1/catalog/datasets/trees/records"
    assert b'"oak"' in urlopen(url).read()

def test_with_files(explore_portal, tmp_path):
    (tmp_path / "birds.csv").write_text("name\\ntit\\n")
    portal = explore_portal(folder=tmp_path)
    url = f"{portal.url}/api/explore/v2.1/catalog/datasets/birds/records"
    assert b'"tit"' in urlopen(url).read()

def test_two_portals(explore_portal):
    assert explore_portal(TREES).url != explore_portal(TREES).url

def test_in_an_event_loop(explore_portal):
    async def read():
        portal = explore_portal(TREES)
        async with portal.client() as client:
            return await client.dataset("trees").records().to_list()

    assert asyncio.run(read()) == TREES["trees"]
"""
UNUSED = """
import sys

def test_nothing():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not loaded & {"aiohttp", "duckdb", "lark", "msgspec", "odsql", "orjson", "pyarrow"}
"""


def run(folder: Path, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a program, with the plugins of the options only."""
    (folder / "test_it.py").write_text(program)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_fixture_needs_no_other_plugin(tmp_path: Path) -> None:
    """Tests are errors if it warns."""
    ended = run(tmp_path, TESTS, "-p", PLUGIN, "-W", "error")
    assert "4 passed" in ended.stdout, ended.stdout


def test_the_plugin_can_be_switched_off(tmp_path: Path) -> None:
    ended = run(tmp_path, TESTS, "-p", f"no:{PLUGIN}")
    assert "fixture 'explore_portal' not found" in ended.stdout


def test_the_plugin_loads_nothing_before_a_test_uses_it(tmp_path: Path) -> None:
    """So it does not delay the start of pytest."""
    ended = run(tmp_path, UNUSED, "-p", PLUGIN)
    assert "1 passed" in ended.stdout, ended.stdout


def test_the_plugin_is_installed_with_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {"explore_async": PLUGIN}
