"""The code blocks of the pages in docs/ do what the pages say they do."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import explore_async
from explore_async import ExploreClient
from explore_async.portal import Store, load_files
from explore_async.testing import Portal

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[1] / "docs"
SERVED = "http://127.0.0.1:8021"
ERRORS = re.compile(r"^\| (`.*?) \|", re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str | None]]:
    """Return the Python blocks of a page, each with the text block after it, or None."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(python|text)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        (source, following[1] if following[0] == "text" else None)
        for (kind, source), following in zip(found, [*found[1:], ("", "")], strict=True)
        if kind == "python"
    ]


async def run(source: str, namespace: dict[str, Any]) -> None:
    """Run a block as `python -m asyncio` does, with `await` at the top level."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    result = eval(compile(source, "docs", "exec", flags=flags, dont_inherit=True), namespace)
    if inspect.isawaitable(result):
        await result


def test_the_blocks_about_the_client_print_what_the_page_shows(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks run in order in one event loop."""
    monkeypatch.chdir(tmp_path)
    pairs = blocks("client.md")
    assert sum(output is not None for _, output in pairs) >= 10

    async def read() -> None:
        namespace: dict[str, Any] = {"__name__": "docs"}
        try:
            for source, output in pairs:
                await run(source.replace(SERVED, served), namespace)
                assert capsys.readouterr().out == (output or ""), source
        finally:
            for value in namespace.values():
                if isinstance(value, ExploreClient):
                    await value.close()

    asyncio.run(read())


def test_the_blocks_about_harvests_print_what_the_page_shows(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They write to the current directory."""
    monkeypatch.chdir(tmp_path)
    *harvests, _ = blocks("harvest.md")
    assert len(harvests) == 2
    for source, output in harvests:
        asyncio.run(run(source.replace(SERVED, served), {"__name__": "docs"}))
        assert capsys.readouterr().out == output


def test_the_block_about_dlt_prints_what_the_page_shows(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pipeline writes a database to the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    *_, (source, output) = blocks("harvest.md")
    exec(compile(source.replace(SERVED, served), "docs", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out == output


def test_the_blocks_about_the_language_print_what_the_page_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The blocks run in order in one namespace."""
    namespace: dict[str, Any] = {"__name__": "docs"}
    pairs = blocks("odsql.md")
    assert len(pairs) >= 6
    for source, output in pairs:
        exec(compile(source, "docs", "exec"), namespace)
        assert capsys.readouterr().out == (output or ""), source


def test_the_page_names_every_error() -> None:
    """These are the errors that users see; base classes need no row of their own."""
    page = (DOCS / "client.md").read_text(encoding="utf-8")
    public = [getattr(explore_async, name) for name in explore_async.__all__]
    errors = {
        one.__name__ for one in public if isinstance(one, type) and issubclass(one, Exception)
    }
    listed = set(re.findall(r"`(\w+)`", " ".join(ERRORS.findall(page))))
    assert errors - listed <= {"APIError", "ExploreError", "StreamConsumedError", "TransportError"}
    assert listed <= errors


def test_the_blocks_about_the_portal_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The first queries the three largest cities of France, the others add a dataset each."""
    first, restricted, public, *_ = (source for source, _ in blocks("portal.md"))
    exec(compile(first, "docs", "exec"), {"__name__": "docs"})
    assert "'Paris'" in capsys.readouterr().out
    with Store() as store:
        exec(compile(restricted, "docs", "exec"), {"store": store})
        exec(compile(public, "docs", "exec"), {"store": store})
        found = [(one.dataset_id, one.visibility, one.records_count) for one in store.datasets]
        assert found == [("salaries", "restricted", 1), ("stations", "domain", 1)]


def test_the_settings_of_access_and_of_attachments_are_read(tmp_path: Path) -> None:
    """Each block of `portal.toml` but the first describes a folder of its own."""
    text = (DOCS / "portal.md").read_text(encoding="utf-8")
    found = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    for number, said in enumerate(found[1:]):
        folder = tmp_path / str(number)
        for name in re.findall(r'file = "([^"]+)"', said):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("name\nA\n", "utf-8")
        (folder / "portal.toml").write_text(said, "utf-8")
        with Store() as store:
            load_files(store, folder)
            assert len(store.datasets) == said.count("[[dataset]]")


def test_the_block_about_copies_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the copied portal has two trees."""
    (source,) = (source for source, _ in blocks("portal.md") if "snapshot(" in source)
    names: dict[str, Any] = {}
    exec(compile(source, "docs", "exec"), names)
    monkeypatch.chdir(tmp_path)
    trees = [{"name": "oak", "height": 21.5}, {"name": "elm", "height": 17.0}]
    with Portal({"trees": trees}) as portal:
        asyncio.run(names["copy_again"](portal.url))
    printed = capsys.readouterr().out.replace("\\", "/").strip()
    assert f"print(one)  # {printed}\n" in source
    asyncio.run(names["test_with_a_copy"]())


def test_the_blocks_about_tests_pass() -> None:
    """The last block uses the fixture, which starts portals in a thread."""
    *_, with_portal, with_fixture = (source for source, _ in blocks("portal.md"))
    tests: dict[str, Any] = {}
    exec(compile(with_portal, "docs", "exec"), tests)
    found = [one for name, one in tests.items() if name.startswith("test_")]
    assert len(found) == 2
    for test in found:
        asyncio.run(test())
    exec(compile(with_fixture, "docs", "exec"), tests)
    with ExitStack() as running:
        start = lambda *given: running.enter_context(Portal(*given))  # noqa: E731
        tests["test_a_program_with_another_client"](start)
