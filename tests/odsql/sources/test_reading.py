"""Listing the files of a repository and reading them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from odsql.sources import UnreadableError, read_text, walk
from tests.odsql.sources.support import URL
from tests.platforms import posix


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        ("é\r\n".encode(), "é\r\n"),
        (b"\xef\xbb\xbfa", "a"),
        ("é".encode("utf-16"), "é"),
        ("é😀".encode("utf-32"), "é😀"),
        (b"a" * 10_000 + b"\0", "a" * 10_000 + "\0"),
    ],
)
def test_text_is_decoded(tmp_path: Path, content: bytes, text: str) -> None:
    """A byte order mark names the encoding, otherwise it is UTF-8; line endings are kept."""
    (tmp_path / "a").write_bytes(content)
    assert read_text(tmp_path / "a").text == text


@pytest.mark.parametrize(
    ("content", "message", "passable"),
    [
        (b"\x89PNG\0\0", "is binary, not text", True),
        (b"\0odsql queries", "is binary, not text", True),
        (b"\0" + URL.encode(), "is binary, not text", False),
        (URL.encode("utf-16-le"), "is binary, not text", False),
        (URL.encode("utf-32-be"), "is binary, not text", False),
        (b"\xff caf\xe9", "byte 0 is not UTF-8", True),
        (b"odsql caf\xe9", "byte 9 is not UTF-8", False),
        (b"\xff\xfea", "byte 2 is not UTF-16", True),
    ],
)
def test_other_files_are_unreadable(
    tmp_path: Path, content: bytes, message: str, passable: bool
) -> None:
    """A walk may skip those that cannot hold queries."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnreadableError, match=message) as caught:
        read_text(tmp_path / "a")
    assert caught.value.passable is passable
    assert str(caught.value).startswith((tmp_path / "a").as_posix())


@posix
def test_what_is_no_file_is_unreadable(tmp_path: Path) -> None:
    """Reading does not block on a pipe."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path, message in [
        (tmp_path, "is a directory"),
        (tmp_path / "pipe", "is a pipe"),
        (tmp_path / "none", "No such file"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / "a\0b", "cannot be read"),
        (Path("/dev/zero"), "is a pipe, a device"),
    ]:
        with pytest.raises(UnreadableError, match=message):
            read_text(path)


def test_pictures_and_archives_are_passed_by(tmp_path: Path) -> None:
    """A file that is named is yielded whatever its suffix."""
    for name in ("a.PNG", "b.tar.gz", "c.txt", "png"):
        (tmp_path / name).touch()
    assert [one.name for one in walk([tmp_path])] == ["c.txt", "png"]
    assert [one.name for one in walk([tmp_path / "a.PNG"])] == ["a.PNG"]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Command-line tools share this convention."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a")))
    assert read_text("-").text == "a"
    assert sys.stdin is not None


@posix
def test_a_walk_is_sorted_and_enters_what_people_write(tmp_path: Path) -> None:
    """Each file comes once, links are not followed, and files that are too large are reported."""
    for name in ["b/c.py", "b/a.py", "a.md", ".git/x", "node_modules/x", "env/pyvenv.cfg", "env/x"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "big").write_text("x" * 100)
    (tmp_path / "link").symlink_to(tmp_path / "b")
    reported: list[str] = []
    paths = [tmp_path / "b" / "c.py", tmp_path, tmp_path / "none"]
    files = walk(
        paths, size_limit=50, report=lambda path, why: reported.append(f"{path.name} {why}")
    )
    names = [one.relative_to(tmp_path).as_posix() for one in files]
    assert names == ["b/c.py", "a.md", "b/a.py", "none"]
    assert reported == ["big is skipped: it has 100 bytes"]
