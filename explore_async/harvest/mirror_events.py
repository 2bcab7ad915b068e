"""What a mirror tells while it runs, and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from explore_async.errors import ExploreError

__all__ = ["Change", "Listed", "MirrorEvent", "MirrorFinished", "MirrorReport", "Mirrored"]

Change: TypeAlias = Literal["new", "changed", "unchanged", "closed", "failed"]


@frozen(kw_only=True)
class Listed:
    """The catalog was read.

    Attributes:
        datasets: the identifiers of the datasets to mirror.
    """

    datasets: tuple[str, ...]


@frozen(kw_only=True)
class Mirrored:
    """A dataset is in its place, or failed.

    Attributes:
        dataset_id: the dataset.
        outcome: `new`, `changed` or `unchanged`; `closed` if the portal shows no rows of it, so
            that only its description is there; or `failed`.
        rows: the rows in its files, or in a plan those that the catalog says; None if there are
            none.
        bytes: the size of its files; None if there are none.
        changes: what differs from the last run, in words.
        error: why it failed.
    """

    dataset_id: str
    outcome: Change
    rows: int | None = None
    bytes: int | None = None
    changes: tuple[str, ...] = ()
    error: ExploreError | None = None


@frozen(kw_only=True)
class MirrorReport:
    """What a run did.

    Attributes:
        url: the base URL of the portal.
        datasets: what was done with each dataset, in the order of the catalog.
        gone: datasets of the last run that the catalog does not list any more; their folders are
            kept.
    """

    url: str
    datasets: tuple[Mirrored, ...]
    gone: tuple[str, ...]

    def of(self, outcome: Change) -> tuple[Mirrored, ...]:
        """Return the datasets with an outcome."""
        return tuple(one for one in self.datasets if one.outcome == outcome)


@frozen(kw_only=True)
class MirrorFinished:
    """All datasets were tried.

    Attributes:
        report: what was done.
    """

    report: MirrorReport


MirrorEvent: TypeAlias = Listed | Mirrored | MirrorFinished
