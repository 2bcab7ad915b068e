"""The command line: what it prints, and one clear message for everything that goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner, Result

from explore_async.cli import main
from explore_async.portal import PortalField, Store, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = [
    {"name": "Kyiv", "country": "UA", "population": 2_952_301},
    {"name": "Lviv", "country": "UA", "population": 717_273},
    {"name": "Gent", "country": "BE", "population": 265_086},
]
FIELDS = (
    PortalField("name", "text", "Name"),
    PortalField("country", "text", "Country", annotations={"facet": []}),
    PortalField("population", "int", "Population"),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A small portal in a thread of its own, since the commands run their own event loops."""
    with Store() as store, contextlib.ExitStack() as stack:
        store.add("cities", FIELDS, ROWS)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        server = serve(store)
        address = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        stack.callback(loop.close)
        stack.callback(thread.join, 10)
        stack.callback(loop.call_soon_threadsafe, loop.stop)
        yield address
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_records_are_printed_as_a_table(url: str) -> None:
    """Numbers to the right, text to the left."""
    result = run("records", "--url", url, "cities", "--order-by", "population", "--limit", "2")
    assert result.exit_code == 0
    assert result.stdout == (
        "name  country  population\n"
        "----  -------  ----------\n"
        "Gent  BE           265086\n"
        "Lviv  UA           717273\n"
    )


def test_records_are_printed_as_json_lines(url: str) -> None:
    """For other programs."""
    result = run(
        "records", "--url", url, "cities", "--where", "country = 'BE'", "--format", "jsonl"
    )
    assert [orjson.loads(line) for line in result.stdout.splitlines()] == [ROWS[2]]


def test_facets_are_printed_as_bars(url: str) -> None:
    """The most frequent first."""
    result = run("facets", "--url", url, "cities")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["country", f"UA  2  {'█' * 30}"]


def test_datasets_are_listed(url: str) -> None:
    """With their number of records."""
    result = run("datasets", "--url", url)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].split()[:2] == ["cities", "3"]


def test_an_export_is_proved_whole(url: str, tmp_path: Path) -> None:
    """The file has the rows, and the proof is printed."""
    path = tmp_path / "cities.jsonl"
    result = run("export", "--url", url, "cities", "-o", str(path))
    assert result.exit_code == 0
    assert "expected 3, received 3, unique 3 rows" in result.stdout
    assert [orjson.loads(line) for line in path.read_bytes().splitlines()] == ROWS


def test_an_export_to_another_format_is_saved(url: str, tmp_path: Path) -> None:
    """As the server sends it."""
    path = tmp_path / "cities.csv"
    result = run("export", "--url", url, "cities", "--format", "csv", "-o", str(path))
    assert result.exit_code == 0
    assert path.read_text("utf-8-sig").splitlines()[0] == "name;country;population"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["records", "nowhere"], "does not exist"),
        (["records", "cities", "--where", "no_such_field = 1"], "Unknown field: no_such_field"),
        (["records", "cities", "--where", "name =="], "single ="),
        (["facets", "cities", "no_such_field"], "no_such_field"),
        (["export", "cities", "-o", "/no/such/folder/x.jsonl"], "/no/such/folder"),
        (["export", "nowhere"], "does not exist"),
    ],
)
def test_what_goes_wrong_is_one_message_and_exit_status_1(
    url: str, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, and no file."""
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, "--url", url)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    assert list(tmp_path.iterdir()) == []


def test_a_portal_that_is_down_is_one_message() -> None:
    """It names the address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = run("datasets", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.output


def test_an_answer_that_is_not_json_is_one_message() -> None:
    """A login page, for example, sent with status 200."""
    page = b"<html>Please log in</html>"
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(10):
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply % (len(page), page))

        thread = threading.Thread(target=answer)
        thread.start()
        result = run("datasets", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert result.exit_code == 1
    assert "text/html" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["records"],
        ["records", "cities"],
        ["nothing"],
        ["records", "x", "--url", "y", "--limit", "-1"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """With a usage line."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr


def test_a_url_that_is_none_is_one_message() -> None:
    """Nothing is sent."""
    result = run("datasets", "--url", "ftp://example.org")
    assert result.exit_code == 1
    assert "https://" in result.stderr


def test_a_port_that_is_taken_is_one_message() -> None:
    """It says what to choose."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "choose another --port" in result.stderr
