"""`explore serve`: how it starts, stops and shares its port among processes."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import attrs
import pytest

from explore_async.cli.operation import Operation
from tests.explore_async.cli.shell import run
from tests.explore_async.cli.test_main import command, obey_signals
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from explore_async.portal import Store

ROWS = 150_000


@attrs.frozen
class Served:
    """A portal in its own process."""

    process: subprocess.Popen[str]
    url: str

    @property
    def workers(self) -> list[int]:
        """The numbers of the worker processes."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(number) for number in found.stdout.split()]

    def says(self) -> str:
        """Return the next line of standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def ends(self) -> tuple[int, str]:
        """Return the exit status and the rest of standard error, when all processes ended."""
        assert self.process.stderr is not None
        rest = self.process.stderr.read()
        return self.process.wait(), rest

    def get(self, path: str) -> Any:
        with urlopen(f"{self.url}/catalog/datasets{path}") as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose export is longer than what fits into the buffers of a connection."""
    path = tmp_path_factory.mktemp("served") / "trees.csv"
    path.write_text("id,name\n" + "".join(f"{one},{'x' * 99}\n" for one in range(ROWS)))
    return path


@contextlib.contextmanager
def served(*arguments: object) -> Iterator[Served]:
    """Run `explore serve` on a free port."""
    with subprocess.Popen(
        command("serve", "--port", "0", *map(str, arguments)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obey_signals,
    ) as process:
        assert process.stdout is not None
        try:
            running = Served(process, process.stdout.readline().rstrip())
            assert running.says() == "Press Ctrl-C to stop.\n"
            yield running
        finally:
            process.kill()


@contextlib.contextmanager
def exporting(served: Served) -> Iterator[Any]:
    """Begin to read an export, which then waits for its reader."""
    host, port = served.url.removeprefix("http://").partition("/")[0].split(":")
    connection = HTTPConnection(host, int(port))
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sock.connect((host, int(port)))
    connection.request("GET", "/api/explore/v2.1/catalog/datasets/trees/exports/jsonl")
    with contextlib.closing(connection):
        response = connection.getresponse()
        assert response.read(9) == b'{"id": 0,'
        yield response


@posix
@pytest.mark.parametrize(("number", "workers"), [("SIGINT", 1), ("SIGTERM", 1), ("SIGTERM", 2)])
def test_a_signal_lets_running_requests_finish(trees: Path, number: str, workers: int) -> None:
    """It is the usual end, so the status is 0."""
    with served(trees, "--grace", "60s", "--workers", workers) as portal:
        with exporting(portal) as response:
            portal.process.send_signal(signal.Signals[number])
            assert portal.says().startswith("Cleaning up.")
            assert response.read().count(b"\n") == ROWS
        assert portal.ends() == (0, "Stopped.\n")


@posix
@pytest.mark.parametrize("workers", [1, 2])
def test_requests_that_take_longer_than_the_grace_are_cut_off(trees: Path, workers: int) -> None:
    """The portal stops although nobody reads the export."""
    with served(trees, "--grace", "10ms", "--workers", workers) as portal:
        with exporting(portal):
            portal.process.terminate()
            status, said = portal.ends()
    assert (status, said.endswith("Stopped.\n")) == (0, True)


@posix
@pytest.mark.parametrize(("number", "workers"), [("SIGTERM", 1), ("SIGINT", 2)])
def test_the_second_signal_stops_at_once(trees: Path, number: str, workers: int) -> None:
    """The workers, too."""
    with served(trees, "--grace", "60s", "--workers", workers) as portal:
        with exporting(portal):
            portal.process.send_signal(signal.Signals[number])
            assert portal.says().startswith("Cleaning up.")
            portal.process.send_signal(signal.Signals[number])
            assert portal.ends() == (-signal.Signals[number], "")


@posix
def test_a_worker_that_dies_is_replaced(trees: Path) -> None:
    """The others serve on, and connections wait for the new one."""
    with served(trees, "--workers", 2) as portal:
        first, second = portal.workers
        for worker in (first, second):
            subprocess.run(["kill", "-KILL", str(worker)], check=True)
        said = {portal.says(), portal.says()}
        assert said == {
            f"Worker {one} ended with SIGKILL; another one starts.\n" for one in (first, second)
        }
        assert portal.get("/trees/records?limit=0")["total_count"] == ROWS
        assert not {first, second} & set(portal.workers)
        portal.process.terminate()
        assert portal.ends()[0] == 0


@posix
def test_workers_do_not_outlive_the_first_process(trees: Path) -> None:
    """They would hold the port for ever."""
    with served(trees, "--workers", 2) as portal:
        portal.process.kill()
        assert portal.ends() == (-signal.SIGKILL, "")


@posix
def test_workers_leave_signals_to_the_first_process(trees: Path) -> None:
    """A terminal and a service manager send them to all."""
    with served(trees, "--grace", "60s", "--workers", 2) as portal:
        with exporting(portal) as response:
            for worker in portal.workers:
                subprocess.run(["kill", "-INT", str(worker)], check=True)
                subprocess.run(["kill", "-TERM", str(worker)], check=True)
            assert response.read().count(b"\n") == ROWS
        assert len(portal.workers) == 2
        portal.process.terminate()
        assert portal.ends()[0] == 0


@posix
def test_a_worker_that_cannot_start_stops_all(tmp_path: Path) -> None:
    """It has said why."""
    (tmp_path / "empty.csv").touch()
    done = subprocess.run(
        command("serve", "--port", "0", "--workers", "2", str(tmp_path / "empty.csv")),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "empty.csv is empty" in done.stderr
    assert "A worker ended with status 1 before it was ready." in done.stderr


@posix
def test_a_port_that_is_taken_is_one_message_of_the_first_process() -> None:
    """No worker starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--workers", "2", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "Choose another --host or --port" in result.stderr


@pytest.mark.parametrize("option", [["--seed", "7"], ["--quota", "9/day"]], ids=["seed", "quota"])
def test_what_each_process_would_count_needs_one_process(option: list[str]) -> None:
    """The message says so."""
    result = run("serve", "--workers", "2", *option)
    assert result.exit_code == 2
    assert f"{option[0]} and --workers contradict each other" in result.stderr


@posix
def test_the_access_log_is_on_standard_error(trees: Path) -> None:
    """And standard output has the URL only."""
    with served(trees, "--access-log") as portal:
        portal.get("/trees/records?limit=0&apikey=s3cret")
        line = portal.says()
    assert "GET /api/explore/v2.1/catalog/datasets/trees/records?limit=0&apikey=<hidden> 2" in line


@posix
def test_a_query_has_only_the_time_that_is_given(trees: Path) -> None:
    """The answer says how long it took."""
    with served(trees, "--query-timeout", "0.0001ms") as portal:
        with pytest.raises(HTTPError) as caught:
            portal.get("/trees/records")
        with caught.value as answer:
            assert json.loads(answer.read())["error_code"] == "QueryTimeout"


def seen(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """Return how a portal would be served."""
    told: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def serve(store: Store, **options: Any) -> AsyncIterator[str]:
        with store.cursor() as cursor:
            settings = "memory_limit", "enable_external_access", "lock_configuration"
            for name in settings:
                told[name] = cursor.execute(f"SELECT current_setting('{name}')").fetchall()[0][0]
        told.update(options)
        raise KeyboardInterrupt
        yield ""

    monkeypatch.setattr("explore_async.portal.serve", serve)
    assert run("serve", *arguments).exit_code == 0
    return told


def test_the_files_are_served_from_a_locked_store(
    monkeypatch: pytest.MonkeyPatch, trees: Path
) -> None:
    """With a limit for each query, if nothing else is said."""
    told = seen(monkeypatch, str(trees))
    assert (told["enable_external_access"], told["lock_configuration"]) == (False, True)
    assert (told["timeout"], told["grace"]) == (30.0, 5.0)


def test_the_limits_are_options(monkeypatch: pytest.MonkeyPatch, trees: Path) -> None:
    """No time at all is no limit."""
    options = ["--memory-limit", "1GiB", "--query-timeout", "0s", "--grace", "0s"]
    told = seen(monkeypatch, str(trees), *options)
    assert (told["memory_limit"], told["timeout"], told["grace"]) == ("1.0 GiB", None, 0.0)


def test_workers_share_the_memory() -> None:
    """A limit that is given is that of each."""
    whole: dict[str, Any] = {"query_timeout": 0, "grace": 0, "access_log": False, "watch": False}
    shared = Operation(workers=2, memory_limit=None, **whole).store_options()
    given = Operation(workers=2, memory_limit="1GB", **whole).store_options()
    assert shared["memory_limit"] != given["memory_limit"] == "1GB"
    assert shared["threads"] == given["threads"] >= 1
    assert Operation(workers=1, memory_limit=None, **whole).store_options() == {
        "memory_limit": None
    }


def test_a_wrong_memory_limit_is_one_message(trees: Path) -> None:
    """It shows how to write one."""
    result = run("serve", str(trees), "--memory-limit", "much")
    assert result.exit_code == 1
    assert "write a size such as '2GB' or '512MiB'" in result.stderr
