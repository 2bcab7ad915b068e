"""The optional packages that write some formats. Without them the portal lacks these formats."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["have", "missing"]

_LOG = logging.getLogger(__name__)


def missing(packages: Iterable[str]) -> list[str]:
    """Return the packages that are not installed."""
    return [one for one in packages if find_spec(one) is None]


def have(feature: str, packages: Iterable[str]) -> bool:
    """Return whether packages are installed; if not, log that `feature` needs them."""
    absent = missing(packages)
    if absent:
        _LOG.warning(
            "%s needs the package %s: install it with `pip install 'explore-async[portal]'`.",
            feature,
            " and ".join(absent),
        )
    return not absent
