"""What the portal still allows: the view of its `x-ratelimit-*` headers.

A portal counts calls per identity and period, and some count per dataset too. The headers of the
latest answer are kept as text and read only when somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from attrs import evolve, field, frozen

from explore_async.http.headers import parse_count, parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from explore_async.errors import QuotaExceeded

__all__ = ["Quota", "QuotaBook"]

_PORTAL = "x-ratelimit-"
_DATASET = "x-ratelimit-dataset-"
_PORTAL_REMAINING = f"{_PORTAL}remaining"
_DATASET_REMAINING = f"{_DATASET}remaining"
_MOST_DATASETS = 1000


@frozen(kw_only=True)
class Quota:
    """Calls allowed, as the latest answers said; None is what they did not say.

    Attributes:
        limit: calls per period.
        remaining: calls left in this one.
        reset_at: when the next period begins, by the server's clock.
        datasets: the quotas of single datasets, by identifier, where a portal has them.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    datasets: Mapping[str, Quota] = field(factory=dict)


class QuotaBook:
    """Collects what answers say about quotas."""

    def __init__(self) -> None:
        self._portal: tuple[str | None, str | None, str | None] | None = None
        self._datasets: dict[str, tuple[str | None, str | None, str | None]] = {}
        self._refusal: Quota | None = None

    def note(self, headers: Mapping[str, str], *, url: str) -> None:
        """Keep the headers of an answer.

        Args:
            headers: any mapping that ignores case.
            url: the URL that was asked, to know which dataset its quota is about.
        """
        if _PORTAL_REMAINING in headers:
            self._portal, self._refusal = _scope(headers, _PORTAL), None
        if _DATASET_REMAINING in headers:
            name = _dataset_of(url.partition("?")[0])
            self._datasets.pop(name, None)
            if len(self._datasets) >= _MOST_DATASETS:
                del self._datasets[next(iter(self._datasets))]
            self._datasets[name] = _scope(headers, _DATASET)

    def refused(self, error: QuotaExceeded) -> None:
        """Keep what a 429 says, where its headers say nothing."""
        if self._portal is None:
            self._refusal = Quota(limit=error.call_limit, remaining=0, reset_at=error.reset_at)

    def view(self) -> Quota:
        """What is known now."""
        portal = self._refusal or _read(self._portal or (None, None, None))
        datasets = {name: _read(said) for name, said in self._datasets.items()}
        return evolve(portal, datasets=datasets)


def _scope(headers: Mapping[str, str], prefix: str) -> tuple[str | None, str | None, str | None]:
    return (
        headers.get(f"{prefix}limit"),
        headers.get(f"{prefix}remaining"),
        headers.get(f"{prefix}reset"),
    )


def _read(said: tuple[str | None, str | None, str | None]) -> Quota:
    limit, remaining, reset = said
    return Quota(
        limit=parse_count(limit),
        remaining=parse_count(remaining),
        reset_at=parse_moment(reset) if reset is not None else None,
    )


def _dataset_of(path: str) -> str:
    _, found, rest = path.partition("/catalog/datasets/")
    return unquote(rest.partition("/")[0]) if found else ""
