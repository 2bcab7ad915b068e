"""Files of a dataset besides its rows: attachments and alternative exports.

A request names a file by its identifier, which is looked up among those of the dataset; no text of
a request becomes a path. URLs and members of attachments are recorded; those of alternative exports
were seen in programs and documentation only.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from explore_async.portal.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from explore_async.portal.errors import PortalError

__all__ = ["Attached", "attach", "find", "read_file"]

_KEYS = ("file", "id", "title", "mimetype", "description")
_IDENTIFIER = re.compile(r"[\w-]{1,200}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?", re.ASCII)
_CHUNK = 262_144

_OFFICE = "application/vnd.openxmlformats-officedocument"
_MORE_TYPES = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
}
"""Media types that Python's own table lacks in some versions."""


@frozen
class Attached:
    """One file of a dataset.

    Attributes:
        path: where it is.
        id: its identifier in URLs.
        title: its name for display.
        mimetype: its media type.
        description: what it is; empty if nothing is said.
    """

    path: Path
    id: str
    title: str
    mimetype: str
    description: str = ""

    def described(self, url: str) -> dict[str, Any]:
        """Return the attachment in a dataset object, with its keys in the live order."""
        return {"id": self.id, "title": self.title, "mimetype": self.mimetype, "url": url}

    def linked(self, url: str) -> dict[str, Any]:
        """Return the attachment in the list of its operation (specification)."""
        metas = {"mime-type": self.mimetype, "title": self.title, "url": url, "id": self.id}
        return {"href": url, "metas": metas}

    @property
    def disposition(self) -> str:
        """The value of `Content-Disposition`, with the name of the file."""
        return f"attachment; filename*=UTF-8''{quote(self.path.name, safe='')}"


def attach(items: object, folder: Path, place: str) -> tuple[Attached, ...]:
    """Read what is said about files: mappings with `file`, a path seen from `folder`, and options.

    Without `id`, the identifier is the name of the file in lower case, with `_` between words
    (recorded: `Data Triage - Noise.xlsx` is `data_triage_noise_xlsx`). The title is the name of the
    file, and the media type that of its suffix.

    Raises:
        StoreError: a file is not there, a key is unknown, or an identifier is used twice.
    """
    if not isinstance(items, list | tuple):
        raise StoreError(f'{place} must be a list of tables such as {{ file = "notes.pdf" }}.')
    found: dict[str, Attached] = {}
    for item in items:
        one = item if isinstance(item, Attached) else _attached(item, folder, place)
        if one.id in found:
            raise StoreError(f"{place} has two files with the id {one.id!r}. Give one another id.")
        found[one.id] = one
    return tuple(found.values())


def find(files: Iterable[Attached], identifier: str) -> Attached | None:
    """Return the file with an identifier, or None."""
    return next((one for one in files if one.id == identifier), None)


async def read_file(
    path: Path, run: Callable[[Callable[[], Any]], Awaitable[Any]], missing: PortalError
) -> AsyncGenerator[bytes]:
    """Yield the content of a file in chunks; `run` calls a function in a thread.

    Raises:
        PortalError: it is `missing`, or cannot be read any more.
    """
    try:
        with await run(lambda: path.open("rb")) as file:
            while chunk := await run(lambda: file.read(_CHUNK)):
                yield chunk
    except OSError as error:
        raise missing from error


def _attached(item: object, folder: Path, place: str) -> Attached:
    if not isinstance(item, Mapping) or "file" not in item:
        raise StoreError(f'{place} must be a list of tables such as {{ file = "notes.pdf" }}.')
    unknown = [key for key in item if key not in _KEYS]
    if unknown:
        raise StoreError(f"{place} has the unknown key {unknown[0]!r}. Known: {', '.join(_KEYS)}.")
    if not all(isinstance(item[key], str | Path) for key in item):
        raise StoreError(f"{place}: {', '.join(item)} must be texts.")
    path = (folder / item["file"]).absolute()
    if not _is_file(path):
        raise StoreError(f"{place}: {path} is not a file. Correct its name.")
    one = Attached(
        path,
        id=item.get("id", _identifier(path.name)),
        title=item.get("title", path.name),
        mimetype=item.get("mimetype", _media_type(path)),
        description=item.get("description", ""),
    )
    if not _IDENTIFIER.fullmatch(one.id):
        raise StoreError(f"{place}: the id {one.id!r} may have letters, digits, - and _ only.")
    if not _MEDIA_TYPE.fullmatch(one.mimetype):
        raise StoreError(f"{place}: {one.mimetype!r} is not a media type such as text/plain.")
    return one


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # it is no name of a file at all
        return False


def _identifier(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return "_".join(re.findall(r"[a-z0-9]+", plain)) or "file"


def _media_type(path: Path) -> str:
    # The tables of the operating system are left out, so that all machines agree.
    guessed, encoding = mimetypes.MimeTypes().guess_type(path.name)
    if encoding is not None:
        return "application/octet-stream"
    return guessed or _MORE_TYPES.get(path.suffix.lower(), "application/octet-stream")
