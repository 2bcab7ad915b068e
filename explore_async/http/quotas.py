"""The quotas that a portal reports in its `x-ratelimit-*` headers.

A portal counts calls per identity and period, and some portals also per dataset. The headers of
the latest response are kept as strings and parsed only when the quota is read.
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
    """The calls allowed according to the latest responses; None where they do not say.

    Attributes:
        limit: calls per period.
        remaining: calls left in the current period.
        reset_at: when the next period begins, by the server's clock.
        datasets: quotas of single datasets, by identifier, on portals that have them.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    datasets: Mapping[str, Quota] = field(factory=dict)


class QuotaBook:
    """Collects the quotas that responses report."""

    def __init__(self) -> None:
        self._portal: tuple[str | None, str | None, str | None] | None = None
        self._datasets: dict[str, tuple[str | None, str | None, str | None]] = {}
        self._refusal: Quota | None = None

    def note(self, headers: Mapping[str, str], *, url: str) -> None:
        """Keep the quota headers of a response.

        Args:
            headers: a case-insensitive mapping.
            url: the URL of the request, which identifies the dataset of a dataset quota.
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
        """Keep the quota in the body of a 429, unless headers have reported one."""
        if self._portal is None:
            self._refusal = Quota(limit=error.call_limit, remaining=0, reset_at=error.reset_at)

    def view(self) -> Quota:
        """Return the quotas known now."""
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
