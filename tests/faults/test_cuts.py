"""Cut exports: a part of a file never passes for the whole, whatever the framing says.

The body of each format is cut at places chosen with a fixed seed, and sent in each framing: with
the length of the part or of the whole, in chunks with and without the last one, or until the
connection is closed; each plain, as a gzip stream of the part, and as a part of a gzip stream.
"""

from __future__ import annotations

import asyncio
import json
import random
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explore_async import ExploreClient, ExploreError, IntegrityError, Retry, TruncatedError
from explore_async.cli.formats import ENDINGS
from explore_async.operations import CATALOG_FORMATS, DATASET_FORMATS
from explore_async.results.tallies import COUNTED
from tests.explore_async.cli.shell import run
from tests.explore_async.doubles import Wire, files_in, gzipped, http, writes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from explore_async import ExportStream

    Read = Callable[[ExportStream, Path], Awaitable[None]]

ROWS = [{"id": number, "text": f'row {number} "}}]'} for number in range(5)]
FEATURES = [{"type": "Feature", "geometry": None, "properties": row} for row in ROWS]
XML = b'<?xml version="1.0" encoding="utf-8"?>\n<%s><a b="/>"/><!-- c --><d>e</d></%s>'
TRIPLES = b"<http://a> <http://b> <http://c> .\n<http://d> <http://e> <http://f> .\n"


def archive() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a.xml", "<a/>")
        written.writestr("b.xml", "<b/>" * 50)
    return file.getvalue()


def parquet() -> bytes:
    file = BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    return file.getvalue()


def csv_file() -> bytes:
    cells = (f'{row["id"]};"row ""{row["id"]}""\nsecond line"\r\n' for row in ROWS)
    return "".join(["\ufeffid;text\r\n", *cells]).encode()


def xml(root: str) -> bytes:
    return XML.replace(b"%s", root.encode())


WHOLE = {
    "csv": csv_file(),
    "data.json": json.dumps({"dataset": ROWS}).encode(),
    "fgb": b"fgb\x03fgb\x01" + (8).to_bytes(4, "little") + bytes(range(64)),
    "geojson": json.dumps({"type": "FeatureCollection", "features": FEATURES}).encode(),
    "gpx": xml("gpx"),
    "json": json.dumps(ROWS).encode(),
    "jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
    "jsonld": json.dumps({"@context": {}, "@graph": ROWS}).encode(),
    "kml": xml("kml"),
    "n3": TRIPLES,
    "ov2": b"\x02\x10\0\0\0" + bytes(range(1, 60)),
    "parquet": parquet(),
    "rdfxml": xml("rdf:RDF"),
    "rss": xml("rss"),
    "shp": archive(),
    "ttl": TRIPLES,
    "turtle": TRIPLES,
    "xlsx": archive(),
}
"""A small file of each format; other formats of the catalog are RDF in XML."""

ENDLESS = frozenset({"fgb", "n3", "ov2", "ttl", "turtle"})
"""The formats without an end, of which no cut can be seen (docs/client.md)."""

HEAD = b"HTTP/1.1 200 OK\r\n%s\r\n"


def chunked(body: bytes, coding: bytes) -> bytes:
    sent = HEAD % (coding + b"Transfer-Encoding: chunked\r\n")
    for begin in range(0, len(body), 100):
        piece = body[begin : begin + 100]
        sent += b"%x\r\n%s\r\n" % (len(piece), piece)
    return sent


def with_length(body: bytes, coding: bytes, length: int) -> bytes:
    return HEAD % (coding + b"Content-Length: %d\r\n" % length) + body


HONEST: dict[str, Callable[[bytes, bytes], bytes]] = {
    "length": lambda body, coding: with_length(body, coding, len(body)),
    "chunked": lambda body, coding: chunked(body, coding) + b"0\r\n\r\n",
    "closed": lambda body, coding: HEAD % (coding + b"Connection: close\r\n") + body,
}
"""Framings that say of a part that it is whole, or say nothing."""

TELLING: dict[str, Callable[[bytes, bytes], bytes]] = {
    "short": lambda body, coding: with_length(body, coding, len(body) + 7),
    "no last chunk": chunked,
}
"""Framings that say that something is missing."""

GZIP = b"Content-Encoding: gzip\r\n"


def is_seen(file_format: str, part: bytes) -> bool:
    """Return whether a cut can be seen without counting, by the rules of docs/client.md."""
    if file_format in ENDLESS:
        return False
    if file_format == "csv":
        return not part.endswith(b"\n") or part.count(b'"') % 2 == 1
    if file_format == "jsonl":
        return bool(part) and not part.rstrip().endswith(b'}]"}')
    return True


def body_of(file_format: str) -> bytes:
    return WHOLE.get(file_format, xml("rdf:RDF"))


def cuts(file_format: str, chance: random.Random, count: int) -> list[int]:
    """Return places to cut at: the first and last bytes, the ends of lines, and any others."""
    whole = body_of(file_format)
    ends = [at + 1 for at, byte in enumerate(whole[:-1]) if byte == ord("\n")]
    places = [1, len(whole) - 1, *ends, *chance.sample(range(1, len(whole) - 1), 20)]
    return chance.sample(places, count)


def answers(file_format: str, chance: random.Random) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield cut answers: how they are cut, the part of the body that arrives, and the bytes."""
    whole = body_of(file_format)
    packed = gzipped(whole)
    for framing, frame in {**HONEST, **TELLING}.items():
        for cut in cuts(file_format, chance, 4):
            part = whole[:cut]
            if framing in TELLING or is_seen(file_format, part):
                yield f"{framing}, {cut}", part, frame(part, b"")
                yield f"{framing}, {cut}, gzip of the part", part, frame(gzipped(part), GZIP)
        cut = chance.randrange(1, len(packed) - 1)
        yield f"{framing}, {cut}, part of the gzip", b"", frame(packed[:cut], GZIP)


async def saved(stream: ExportStream, path: Path) -> None:
    await stream.save(path)


async def compressed(stream: ExportStream, path: Path) -> None:
    await stream.save(path, gzip=True)


async def verified(stream: ExportStream, path: Path) -> None:
    async def count() -> int:
        return len(ROWS)

    await stream.save_verified(path, count=count)


def iterated(method: str) -> Read:
    async def read(stream: ExportStream, _: Path) -> None:
        async for _piece in getattr(stream, method)():
            pass

    return read


def readers(file_format: str) -> dict[str, Read]:
    """Return all ways to read an export of this format."""
    ways: dict[str, Read] = {"save": saved, "save, gzip": compressed}
    ways |= {name: iterated(name) for name in ("bytes", "lines")}
    if file_format in {"csv", "json", "jsonl"}:
        ways["rows"] = iterated("rows")
    if file_format in {"csv", "json", "jsonl", "parquet"}:
        ways["batches"] = iterated("batches")
    if file_format in COUNTED:
        ways["save_verified"] = verified
    return ways


def exported(client: ExploreClient, of: str, file_format: str) -> ExportStream:
    if of == "dataset":
        return client.dataset("trees").export(file_format)
    if file_format.startswith("dcat_"):
        return client.export_dcat(file_format.removeprefix("dcat"))
    return client.export(file_format)


async def ends(
    answer: bytes, of: str, file_format: str, read: Read, path: Path
) -> Exception | None:
    """Return the error that reading an answer ends with; None if it ends without one."""
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, retry=Retry.never()) as client:
            try:
                async with exported(client, of, file_format) as stream:
                    await read(stream, path)
            except ExploreError as error:
                return error
    return None


CASES = [("dataset", one) for one in DATASET_FORMATS] + [
    ("catalog", one) for one in CATALOG_FORMATS
]


@pytest.mark.parametrize(("of", "file_format"), CASES)
async def test_a_cut_export_is_never_whole(of: str, file_format: str, tmp_path: Path) -> None:
    """And no file is left of it."""
    chance = random.Random(f"{of} {file_format}")
    path = tmp_path / "file"
    ways = readers(file_format)
    passed = []
    for number, (how, _, answer) in enumerate(answers(file_format, chance)):
        name = list(ways)[number % len(ways)]
        error = await ends(answer, of, file_format, ways[name], path)
        if not isinstance(error, TruncatedError) or files_in(tmp_path):
            passed.append(f"{how}: {name}: {error!r}")
    assert passed == []


@pytest.mark.parametrize(("of", "file_format"), CASES)
async def test_a_whole_export_is_whole(of: str, file_format: str, tmp_path: Path) -> None:
    """In every framing, plain and compressed."""
    whole = body_of(file_format)
    refused = []
    for name, read in readers(file_format).items():
        for framing, frame in HONEST.items():
            for answer in (frame(whole, b""), frame(gzipped(whole), GZIP)):
                error = await ends(answer, of, file_format, read, tmp_path / "file")
                if error is not None:
                    refused.append(f"{framing}: {name}: {error}")
    assert refused == []
    assert (tmp_path / "file").is_file()


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
@pytest.mark.parametrize("framing", HONEST)
async def test_only_counting_finds_a_cut_after_a_row(
    file_format: str, framing: str, tmp_path: Path
) -> None:
    """`save` keeps what the framing calls whole, `save_verified` does not."""
    whole = body_of(file_format)
    end = b'second line"\r\n' if file_format == "csv" else b"}\n"
    part = whole[: whole.index(end) + len(end)]
    answer = HONEST[framing](part, b"")
    assert not is_seen(file_format, part)
    assert await ends(answer, "dataset", file_format, saved, tmp_path / "saved") is None
    error = await ends(answer, "dataset", file_format, verified, tmp_path / "verified")
    assert isinstance(error, IntegrityError)
    assert files_in(tmp_path) == [tmp_path / "saved"]


@pytest.mark.parametrize("file_format", sorted(set(ENDINGS.values())))
async def test_explore_export_leaves_no_part(
    file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit status is 1."""
    # An export is retried until its first bytes arrive.
    monkeypatch.setattr(Retry, "backoff", lambda self, *, attempt, chance: 0.0)
    chance = random.Random(file_format)
    page = http(json.dumps({"total_count": len(ROWS), "results": []}).encode())
    options = ["--format", file_format, "-o", str(tmp_path / "file")]
    found = list(answers(file_format, chance))
    for how, part, answer in chance.sample(found, 4):
        sent = (page, answer) if file_format in COUNTED else (answer,)
        async with Wire(writes(*sent)).running() as wire:
            result = await asyncio.to_thread(run, "export", "trees", "--url", wire.url, *options)
        assert (how, result.exit_code) == (how, 1), (part, result.output)
        assert files_in(tmp_path) == []
