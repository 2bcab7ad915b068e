"""What a harvest tells while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from explore_async.errors import ExploreError
    from explore_async.harvest.manifest import HarvestedFile, Manifest
    from explore_async.harvest.partitions import Partition
    from explore_async.harvest.plan import HarvestPlan

__all__ = [
    "Changed",
    "Committed",
    "Failed",
    "Finished",
    "HarvestEvent",
    "Planned",
    "Resumed",
    "Retried",
    "Split",
]


@frozen(kw_only=True)
class Planned:
    """The plan is made, and nothing is fetched yet.

    Attributes:
        plan: the plan.
    """

    plan: HarvestPlan


@frozen(kw_only=True)
class Resumed:
    """An unfinished harvest goes on.

    Attributes:
        finished: the partitions that are finished.
        partitions: all partitions.
        rows: the rows of the finished ones.
        total: the rows of all.
    """

    finished: int
    partitions: int
    rows: int
    total: int


@frozen(kw_only=True)
class Committed:
    """A partition is finished: its file is on the disk, and the journal says so.

    Attributes:
        partition: the partition.
        file: its file.
        rows: the rows of all finished partitions.
        total: the rows of all partitions.
    """

    partition: Partition
    file: HarvestedFile
    rows: int
    total: int


@frozen(kw_only=True)
class Retried:
    """A partition is fetched again.

    Attributes:
        partition: the partition.
        why: the error, in words.
    """

    partition: Partition
    why: str


@frozen(kw_only=True)
class Split:
    """Smaller partitions replace one that failed.

    Attributes:
        partition: the partition.
        into: the ones that replace it.
        why: the error, in words.
    """

    partition: Partition
    into: tuple[Partition, ...]
    why: str


@frozen(kw_only=True)
class Changed:
    """The dataset changed while it was fetched, and the policy is to go on.

    Attributes:
        changes: what changed, in words.
        again: how many partitions are fetched again.
    """

    changes: tuple[str, ...]
    again: int


@frozen(kw_only=True)
class Finished:
    """The harvest is complete.

    Attributes:
        manifest: what it left.
    """

    manifest: Manifest


@frozen(kw_only=True)
class Failed:
    """One of several harvests failed; the others go on.

    Attributes:
        error: why.
    """

    error: ExploreError


HarvestEvent: TypeAlias = (
    Planned | Resumed | Committed | Retried | Split | Changed | Finished | Failed
)
