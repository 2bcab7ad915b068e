"""The journal and the folder: what a crash leaves can be read, and nothing is overwritten."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from explore_async.errors import ConfigurationError, StorageError
from explore_async.harvest import HarvestedFile, Partition, folders
from explore_async.harvest.folders import FolderLock, LocalFolder, write_whole
from explore_async.harvest.journal import JOURNAL, Journal

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = [Partition(number=one, where=f"a = {one}", expected=one) for one in range(3)]
HEADER = {"dataset": "trees"}


def finished(number: int) -> HarvestedFile:
    """Return the file of a finished partition."""
    return HarvestedFile(
        path=f"part-{number}", rows=number, bytes=9, sha256="0f", where=f"a = {number}", misfits={}
    )


def opened(folder: Path) -> Journal:
    """Return the journal of a folder."""
    journal = Journal.open(LocalFolder(folder))
    assert journal is not None
    journal.own()
    journal.close()
    return journal


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with a journal in which partition 1 is finished."""
    journal = Journal.create(LocalFolder(tmp_path), HEADER, PARTITIONS)
    journal.commit(PARTITIONS[1], finished(1))
    journal.close()
    return tmp_path


def test_a_journal_tells_what_is_planned_and_what_is_finished(written: Path) -> None:
    """Another process reads it."""
    journal = opened(written)
    assert journal.header == HEADER
    assert journal.pending == [PARTITIONS[0], PARTITIONS[2]]
    assert journal.done == {1: finished(1)}


def test_people_can_read_it(written: Path) -> None:
    """One JSON object on each line."""
    lines = [orjson.loads(line) for line in (written / JOURNAL).read_bytes().splitlines()]
    assert lines[0] == {"journal": 1, "dataset": "trees"}
    assert lines[1] == {"partition": 0, "where": "a = 0", "expected": 0}
    assert lines[4]["done"] == 1


def test_a_partition_to_fetch_again_is_pending(written: Path) -> None:
    """Its file is about to be replaced."""
    journal = Journal.open(LocalFolder(written))
    assert journal is not None
    journal.own()
    journal.again(1, "the rows changed")
    journal.close()
    assert opened(written).pending == PARTITIONS


def test_other_partitions_replace_one_that_is_split(written: Path) -> None:
    """All of them at once, in one line, with numbers that no other has."""
    journal = Journal.open(LocalFolder(written))
    assert journal is not None
    journal.own()
    made = journal.split(2, [Partition(number=one, where="b", expected=1) for one in (0, 1)])
    journal.close()
    assert [one.number for one in made] == [3, 4]
    assert opened(written).pending == [PARTITIONS[0], *made]


@pytest.mark.parametrize("left", range(1, 60, 7))
def test_a_line_that_a_crash_cut_off_does_not_count(written: Path, left: int) -> None:
    """And it does not spoil the next line."""
    path = written / JOURNAL
    whole = path.read_bytes()
    last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
    path.write_bytes(whole[: -len(last)] + last[: min(left, len(last) - 1)])
    journal = Journal.open(LocalFolder(written))
    assert journal is not None
    journal.own()
    assert journal.pending == PARTITIONS
    journal.commit(PARTITIONS[2], finished(2))
    journal.close()
    assert opened(written).done == {2: finished(2)}


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"done": 9}', b'{"done": 1}', b'{"again": 0}', b'{"unknown": 1}', b'"done"'],
    ids=["broken", "list", "missing", "short", "again", "unknown", "text"],
)
def test_another_broken_line_is_an_error(written: Path, line: bytes) -> None:
    """What it said is not known."""
    path = written / JOURNAL
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(StorageError, match=r"Line 6 of .* is broken"):
        Journal.open(LocalFolder(written))


@pytest.mark.parametrize("head", [b"", b"{}\n", b"rows\n", b"[1]\n"])
def test_another_file_is_no_journal(tmp_path: Path, head: bytes) -> None:
    """It is left alone."""
    (tmp_path / JOURNAL).write_bytes(head)
    with pytest.raises(StorageError, match="not a journal"):
        Journal.open(LocalFolder(tmp_path))


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    """Only the program that wrote it knows what it means."""
    (tmp_path / JOURNAL).write_bytes(b'{"journal": 2}\n')
    with pytest.raises(StorageError, match="version 2"):
        Journal.open(LocalFolder(tmp_path))


def test_a_full_disk_leaves_the_journal_as_it_was(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is taken back."""
    journal = Journal.open(LocalFolder(written))
    assert journal is not None
    journal.own()
    write, full = os.write, False

    def fill(descriptor: int, data: bytes) -> int:
        nonlocal full
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        full = True
        return write(descriptor, data[:10])

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(StorageError, match="No space left"):
        journal.commit(PARTITIONS[0], finished(0))
    monkeypatch.undo()
    assert 0 not in journal.done
    journal.commit(PARTITIONS[2], finished(2))
    journal.close()
    assert sorted(opened(written).done) == [1, 2]


def test_writing_a_file_fails_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays."""
    (tmp_path / "file").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(tmp_path / "file", b"new")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"file": b"old"}


def test_two_harvests_exclude_each_other(tmp_path: Path) -> None:
    """The second one says so."""
    with FolderLock(tmp_path):
        with pytest.raises(ConfigurationError, match="Another harvest"):
            FolderLock(tmp_path).__enter__()
    with FolderLock(tmp_path):
        pass


def test_the_lock_of_a_killed_process_does_not_remain(tmp_path: Path) -> None:
    """The operating system ends it."""
    source = (
        "import os, pathlib, signal\n"
        "from explore_async.harvest.folders import FolderLock\n"
        f"FolderLock(pathlib.Path({str(tmp_path)!r})).__enter__()\n"
        "os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode != 0
    with FolderLock(tmp_path):
        pass


def test_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for another harvest."""

    def fail(_: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folders, "_lock", fail)
    with pytest.raises(ConfigurationError, match="No locks available"):
        FolderLock(tmp_path).__enter__()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Before anything is requested."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="Choose another folder"):
        FolderLock(tmp_path / "file").__enter__()
