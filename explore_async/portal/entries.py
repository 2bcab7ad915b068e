"""What a `portal.toml` says about the portal itself: API keys, and datasets without records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explore_async.portal.errors import StoreError
from explore_async.portal.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
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


def add_keys(store: Store, folders: Mapping[Path, PortalSettings]) -> None:
    """Let callers in as each `portal.toml` says; a key is valid for the whole portal.

    Raises:
        StoreError: a key is given twice or opens a dataset that is not there, or there are several
            quotas of callers without a key.
    """
    quotas = [said.anonymous.quota for said in folders.values() if said.anonymous.quota is not None]
    if len(quotas) > 1:
        raise StoreError(f"Several {SETTINGS_FILE} have a quota of anonymous callers. Keep one.")
    for quota in quotas:
        store.access.limit_anonymous(quota)
    for folder, said in folders.items():
        for at, one in enumerate(said.keys, start=1):
            place = f"{folder / SETTINGS_FILE}, key {at}"
            unknown = [name for name in one.datasets or () if name not in store]
            if unknown:
                raise StoreError(f"{place} opens {unknown[0]!r}, which is no dataset. Correct it.")
            try:
                store.access.add_key(one.key, quota=one.quota, datasets=one.datasets)
            except StoreError as error:
                raise StoreError(f"{place}: {error}") from None
