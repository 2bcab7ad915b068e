"""`explore files`: the attachments and alternative exports of a dataset."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import orjson
import pytest

from tests.explore_async.cli.shell import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTACHMENTS = [
    {"metas": {"id": "plan", "title": "../plan.pdf", "mime-type": "application/pdf"}},
    {"metas": {"id": "old", "title": "gtfs.zip", "mime-type": "application/zip"}},
]
ALTERNATIVES = [{"id": "gtfs_1", "title": "gtfs.zip", "mimetype": "application/zip"}]


class Portal(BaseHTTPRequestHandler):
    """A portal with one dataset that has three files."""

    answers: ClassVar[dict[str, object]] = {
        "trees": {"dataset_id": "trees", "alternative_exports": ALTERNATIVES},
        "attachments": {"attachments": ATTACHMENTS},
        "plan": "a plan",
        "old": "an old archive",
        "gtfs_1": "an archive",
    }

    def do_GET(self) -> None:
        """Answer with what the last part of the path names."""
        body = orjson.dumps(self.answers[self.path.rpartition("/")[2]])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


@pytest.fixture(scope="module")
def files_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_files_are_listed(files_url: str) -> None:
    """Two files of one title get different names."""
    result = run("files", "trees", "--url", files_url, "--format", "csv")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "file,type,title",
        "_plan.pdf,application/pdf,../plan.pdf",
        "gtfs.zip,application/zip,gtfs.zip",
        "2-gtfs.zip,application/zip,gtfs.zip",
    ]


def test_files_are_downloaded_into_a_folder(files_url: str, tmp_path: Path) -> None:
    """No title leads out of it."""
    folder = tmp_path / "new" / "files"
    result = run("files", "trees", "--url", files_url, "-o", str(folder))
    assert result.exit_code == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "_plan.pdf": '"a plan"', "gtfs.zip": '"an old archive"', "2-gtfs.zip": '"an archive"',
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert f"{folder / 'gtfs.zip'}: 16 bytes" in result.stderr


def test_a_folder_that_cannot_be_made_is_one_message(files_url: str, tmp_path: Path) -> None:
    """Nothing is asked of the portal then."""
    (tmp_path / "file").write_text("")
    result = run("files", "trees", "--url", files_url, "-o", str(tmp_path / "file" / "x"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Cannot create")
