"""The harvester: whole datasets in files, resumable, each row exactly once.

    async with ExploreClient("data.example.org") as client:
        manifest = await harvest(client, "trees", "data", file_format="parquet")

It is above the client, and nothing below knows of it. In the order of a harvest: `plan` chooses how
to get all rows, with `splitting` and `counting` for the `partitions`, and `since` what to keep of a
previous harvest; `journal` remembers what is finished, in one of the `folders`, which may be
`remote`; `run` has the `units` fetched, here or by `dask`; `sinks` write the files; `manifest` says
what is there at the end, and `events` what happens until then. `harvesting` is the way in, with
`several` for many datasets and `mirroring` for a whole portal in a `mirror_folder`, and `options`
checks what it is given. `dlt` loads rows with dlt
instead.
"""

from explore_async.harvest.events import (
    Changed,
    Committed,
    Failed,
    Finished,
    HarvestEvent,
    Planned,
    Resumed,
    Retried,
    Split,
)
from explore_async.harvest.harvesting import Harvest, harvest, plan_harvest
from explore_async.harvest.manifest import Cursor, HarvestedFile, Manifest, Since, State
from explore_async.harvest.mirror_events import (
    Listed,
    Mirrored,
    MirrorEvent,
    MirrorFinished,
    MirrorReport,
)
from explore_async.harvest.mirroring import Mirror, mirror
from explore_async.harvest.partitions import Partition
from explore_async.harvest.plan import HarvestPlan
from explore_async.harvest.several import Harvests, harvest_all

__all__ = [
    "Changed",
    "Committed",
    "Cursor",
    "Failed",
    "Finished",
    "Harvest",
    "HarvestEvent",
    "HarvestPlan",
    "HarvestedFile",
    "Harvests",
    "Listed",
    "Manifest",
    "Mirror",
    "MirrorEvent",
    "MirrorFinished",
    "MirrorReport",
    "Mirrored",
    "Partition",
    "Planned",
    "Resumed",
    "Retried",
    "Since",
    "Split",
    "State",
    "harvest",
    "harvest_all",
    "mirror",
    "plan_harvest",
]
