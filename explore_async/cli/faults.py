"""The options of `explore serve` that make its portal slow and unreliable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from explore_async.portal.faults import Faults
    from explore_async.portal.quotas import Quota

__all__ = ["duration", "fault_options", "read_faults"]

_CUT_AFTER = 1000
"""Bytes of a response that is cut short; a shorter one loses its last byte."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s)")
_FAILURE = re.compile(r"([45]\d\d):(\d+(?:\.\d+)?|\.\d+)")


def read_faults(
    *,
    latency: float,
    jitter: float,
    fail: tuple[tuple[int, float], ...],
    html_login: float,
    quota: Quota | None,
    truncate: float,
    stall: float,
    nan: float,
    duplicate_page: float,
    mutate: float,
    seed: int | None,
) -> Faults:
    """Return the faults for the portal: times in seconds, shares from 0 to 1.

    Raises:
        UsageError: the shares of `fail` and `html_login` are more than all requests.
    """
    from explore_async.portal.faults import Faults

    faults = Faults(seed=seed)
    if latency or jitter:
        faults.delay(latency, jitter=jitter, next=None)
    left = 1.0
    for status, share in fail:
        faults.fail(None, status=status, chance=_of_the_rest(share, left))
        left = round(left - share, 9)
    if html_login:
        faults.html_login(None, chance=_of_the_rest(html_login, left))
    if quota is not None:
        faults.quota(quota.limit, quota.unit)
    # The last of these is the closest to the data.
    if truncate:
        faults.cut(after_bytes=_CUT_AFTER, next=None, chance=truncate)
    for share, rule in (
        (stall, faults.stall),
        (nan, faults.nan),
        (duplicate_page, faults.duplicate_page),
        (mutate, faults.mutate),
    ):
        if share:
            rule(None, chance=share)
    return faults


def _of_the_rest(share: float, left: float) -> float:
    """Return a share of all requests as a share of those that the rules before leave over."""
    if share > left:
        msg = "The shares of --fail and --html-login add up to more than 1."
        raise click.UsageError(msg)
    return min(1.0, share / left) if left else 0.0


def duration(text: str) -> float:
    """Read a time such as `50ms` or `1.5s`, in seconds."""
    found = _DURATION.fullmatch(text)
    if found is None:
        msg = f"{text!r} is not a time such as 50ms or 1.5s."
        raise click.BadParameter(msg)
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def _failure(text: str) -> tuple[int, float]:
    """Read a status and a share of the requests, such as `503:0.1`."""
    found = _FAILURE.fullmatch(text)
    if found is None or float(found[2]) > 1:
        msg = f"{text!r} is not a status and a share, such as 503:0.1."
        raise click.BadParameter(msg)
    return int(found[1]), float(found[2])


def _quota(text: str) -> Quota:
    """Read a number of calls per day or month, such as `100/day`."""
    from explore_async.portal.errors import StoreError
    from explore_async.portal.quotas import Quota

    try:
        return Quota.parse(text)
    except StoreError as error:
        raise click.BadParameter(str(error)) from None


def _share(name: str, what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(name, type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help=what)


_OPTIONS = (
    click.option(
        "--latency",
        type=duration,
        default="0s",
        metavar="TIME",
        help="Wait before each response, such as 50ms or 1.5s.",
    ),
    click.option(
        "--jitter",
        type=duration,
        default="0s",
        metavar="TIME",
        help="Wait up to this much more or less, at random.",
    ),
    click.option(
        "--fail",
        type=_failure,
        multiple=True,
        metavar="STATUS:SHARE",
        help="Refuse a share of the requests, such as 503:0.1. Repeatable.",
    ),
    _share("--html-login", "Answer a share of the requests with a login page and status 200."),
    click.option(
        "--quota",
        type=_quota,
        metavar="CALLS/PERIOD",
        help="Allow so many calls, such as 100/day or 5000/month.",
    ),
    _share("--truncate", "Cut a share of the responses short, such as 0.05."),
    _share("--stall", "Begin a share of the responses, and never go on."),
    _share("--nan", "Write NaN for the numbers of a share of the JSON responses with rows."),
    _share("--duplicate-page", "Answer a share of the later pages as if they were the first."),
    _share("--mutate", "Remove a row, or bring one back, before a share of the later pages."),
    click.option(
        "--seed",
        type=int,
        metavar="NUMBER",
        help="Let the same requests in the same order meet the same faults.",
    ),
)


def fault_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that `read_faults` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
