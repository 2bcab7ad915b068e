"""What a `portal.toml` says about the portal itself: API keys, and datasets without records."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from explore_async.portal.errors import StoreError
from explore_async.portal.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

    from explore_async.portal.settings import PortalSettings
    from explore_async.portal.store import Store

__all__ = ["add_entries", "add_keys"]


def add_entries(store: Store, said: PortalSettings) -> None:
    """Add the datasets without records.

    Raises:
        StoreError: an identifier is taken.
    """
    for one in said.entries:
        if one.visible:
            store.add(
                one.id or "",
                fields=[],
                metas=one.metas,
                data_visible=one.data_visible,
                visibility=one.visibility,
                attachments=one.attachments,
                alternative_exports=one.alternative_exports,
            )


def add_keys(store: Store, folders: Mapping[Path, PortalSettings], whole: Container[Path]) -> None:
    """Let callers in as each `portal.toml` says; a key is valid for the whole portal.

    `whole` are the folders of which all files are served; only there, a key that opens an unknown
    dataset is a mistake.

    Raises:
        StoreError: a key is given twice or opens a dataset that is not there, or there are several
            quotas of callers without a key.
    """
    if sum(said.anonymous.quota is not None for said in folders.values()) > 1:
        raise StoreError(f"Several {SETTINGS_FILE} have a quota of anonymous callers. Keep one.")
    for folder, said in folders.items():
        path = folder / SETTINGS_FILE
        if said.anonymous.quota is not None:
            with _placed(f"{path}, anonymous"):
                store.access.limit_anonymous(said.anonymous.quota)
        for at, one in enumerate(said.keys, start=1):
            with _placed(f"{path}, key {at}"):
                unknown = [name for name in one.datasets or () if name not in store]
                if unknown and folder in whole:
                    raise StoreError(f"There is no dataset {unknown[0]!r} to open. Correct it.")
                store.access.add_key(one.key, quota=one.quota, datasets=one.datasets)


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say where the mistake is."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{place}: {error}") from None
