"""A portal for the tests of programs that query portals, with faults on demand.

async with Portal({"trees": [{"name": "oak"}]}) as portal, portal.client() as client:
    portal.fail(status=503)
    assert await client.dataset("trees").records().to_list() == [{"name": "oak"}]

`portal` runs the local portal; `fields` derives the fields of a dataset from its rows; `clock` is a
clock on which nothing waits; `plugin` is the fixture `explore_portal` of pytest; `snapshot` copies
datasets of a portal to a folder that `Portal(folder=...)` serves. Names are imported on first use,
so that the plugin does not delay the start of pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explore_async.snapshots import Snapshot, snapshot
    from explore_async.testing.clock import Clock
    from explore_async.testing.portal import Asked, Portal

__all__ = ["Asked", "Clock", "Portal", "Snapshot", "snapshot"]

_MODULES = {
    "Asked": "explore_async.testing.portal",
    "Clock": "explore_async.testing.clock",
    "Portal": "explore_async.testing.portal",
    "Snapshot": "explore_async.snapshots",
    "snapshot": "explore_async.snapshots",
}


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            msg = f"module 'explore_async.testing' has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module

        value: object = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
