"""Faults by rule: what networks, proxies and busy portals do to requests, on purpose.

Each fault is an aiohttp middleware, and a rule says which requests it meets. All rules for a
request are chosen when it arrives, so the same requests in the same order meet the same faults.
Delays come first, then refusals, of which the first ends the matter, then changes of the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from attrs import define

from explore_async.portal.app import BASE_PATH, STORE
from explore_async.portal.changing import change_a_row
from explore_async.portal.errors import StoreError
from explore_async.portal.quotas import Counter, Period, Quota
from explore_async.portal.spoiling import break_off, hang_up, say_nothing, without_numbers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Fault = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
    Fits = Callable[[web.Request], bool]

__all__ = ["Faults"]

_DELAY, _REFUSAL, _CHANGE = range(3)
_PAGES = re.compile(r"/catalog/datasets(/[^/]+/records)?/?")
_RECORDS = re.compile(r"/catalog/datasets/[^/]+/records/?")
_JSON_EXPORTS = re.compile(r"/catalog/datasets/[^/]+/exports/(jsonl|json|geojson)/?")
_LINES = re.compile(r"/catalog/datasets/[^/]+/exports/(jsonl|csv)/?")
_TOTAL = re.compile(rb'"total_count": (\d+)')
_LOGIN = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Log in</body></html>"


@define
class _Rule:
    """One fault, and the requests that meet it; `left` is None without an end."""

    rank: int
    fault: Fault
    left: int | None
    path: str
    chance: float
    fits: Fits

    def takes(self, request: web.Request, draw: Callable[[], float]) -> bool:
        """Return whether the request meets the fault, and count it."""
        if self.left == 0 or not fnmatchcase(path_of(request), self.path):
            return False
        if not self.fits(request) or (self.chance < 1 and draw() >= self.chance):
            return False
        if self.left is not None:
            self.left -= 1
        return True


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Faults:
    """The faults of one portal.

    Each method adds a rule. `next` is the number of requests that meet the fault, None for all from
    now on. `path` is a pattern of the path below `/api/explore/v2.1`, such as `*/records`, where
    `*` stands for any characters. `chance` is the share of those requests that meet the fault.

    A method raises `StoreError` if an argument is out of range.

    Args:
        now: returns the current time as an aware datetime.
        sleep: waits for a number of seconds.
        seed: where the random numbers begin; None for anywhere.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        seed: int | None = None,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it
        self._rules: list[_Rule] = []
        self._quota: Counter | None = None

    def install(self, app: web.Application) -> None:
        """Let the faults happen in an application that is not yet running."""
        app.middlewares.insert(0, self._meet)
        app.on_response_prepare.append(self._headers)

    # ------------------------------------------------------------ the rules

    def fail(
        self,
        next: int | None = 1,  # noqa: A002 - reads as the rule is said
        *,
        status: int = 503,
        retry_after: float | None = None,
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Refuse with a status from 400 to 599, and `Retry-After` in whole seconds if given.

        The bodies of live portals for these statuses are unknown; this one has their usual form.
        """
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise StoreError(f"The status is {status!r}; it must be from 400 to 599.")
        headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}

        async def refuse(_: web.Request, __: Handler) -> web.StreamResponse:
            return _refusal(status, headers)

        self._add(_REFUSAL, refuse, next, path=path, chance=chance)

    def html_login(
        self,
        next: int | None = 1,  # noqa: A002
        *,
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Answer with a login page in HTML and status 200, as single sign-on does."""

        async def log_in(_: web.Request, __: Handler) -> web.StreamResponse:
            return web.Response(body=_LOGIN, content_type="text/html")

        self._add(_REFUSAL, log_in, next, path=path, chance=chance)

    def quota(self, limit: int, unit: Period = "day") -> None:
        """Allow so many calls per day or month in UTC; the next ones are refused with 429.

        The body of the 429 is the documented one, and the headers are those of live portals. Every
        request counts; whether refused ones count on live portals is unknown.
        """
        if not isinstance(limit, int) or limit < 0 or unit not in ("day", "month"):
            raise StoreError("A quota is a number of calls, 0 or more, per day or per month.")
        self._quota = Counter(Quota(limit, unit))

    def delay(
        self,
        seconds: float,
        *,
        jitter: float = 0.0,
        next: int | None = 1,  # noqa: A002
        path: str = "*",
    ) -> None:
        """Wait before answering, up to `jitter` seconds more or less; infinity never answers."""
        if not seconds >= 0 or not 0 <= jitter < math.inf:
            raise StoreError("A delay and its jitter are numbers of seconds, 0 or more.")

        async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
            shift = jitter * (2 * self._random.random() - 1) if jitter else 0.0
            if seconds == math.inf:
                await asyncio.Event().wait()
            await self._sleep(max(0.0, seconds + shift))
            return await handler(request)

        self._add(_DELAY, wait, next, path=path)

    def cut(
        self,
        *,
        after_rows: int | None = None,
        after_bytes: int | None = None,
        next: int | None = 1,  # noqa: A002
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Close the connection in the middle of an answer, which is sent without compression.

        `after_rows` meets pages of rows and the exports jsonl and csv only. An answer that is not
        as long loses its end.
        """
        after = after_rows if after_bytes is None else after_bytes
        if (after_rows is None) == (after_bytes is None) or after is None or after < 0:
            raise StoreError("Pass either after_rows or after_bytes, 0 or more.")
        by_rows = after_rows is not None

        async def cut(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await break_off(request, handler, after, hang_up, by_rows=by_rows)

        self._add(_CHANGE, cut, next, path=path, chance=chance, fits=_has_rows if by_rows else _any)

    def stall(
        self,
        next: int | None = 1,  # noqa: A002
        *,
        after_bytes: int = 100,
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Begin an answer, without compression, and never go on; the connection stays open.

        A shorter answer than `after_bytes` lacks its end.
        """
        if after_bytes < 0:
            raise StoreError("after_bytes is a number of bytes, 0 or more.")

        async def stall(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await break_off(request, handler, after_bytes, say_nothing, by_rows=False)

        self._add(_CHANGE, stall, next, path=path, chance=chance)

    def nan(
        self,
        next: int | None = 1,  # noqa: A002
        *,
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Write NaN, which is not JSON, for the numbers in the rows of an answer.

        It meets pages of rows, and the exports jsonl, json and geojson.
        """
        self._add(_CHANGE, without_numbers, next, path=path, chance=chance, fits=_has_json_rows)

    def mutate(
        self,
        next: int | None = 1,  # noqa: A002
        *,
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Change the rows of a dataset before a page of records with an offset.

        A row is removed, or one that was removed comes back at the end of the dataset. The dataset
        stays changed, also for other requests and after `recover`.
        """

        async def change(request: web.Request, handler: Handler) -> web.StreamResponse:
            returns, place = self._random.random() < 0.5, self._random.random()
            apply = partial(change_a_row, returns=returns, place=place)
            changed = request.app[STORE].change
            with contextlib.suppress(StoreError):  # the answer says that it cannot be loaded
                await asyncio.to_thread(changed, request.match_info["dataset_id"], apply)
            return await handler(request)

        fits = lambda one: _is_later_page(one) and bool(_RECORDS.fullmatch(path_of(one)))  # noqa: E731
        self._add(_CHANGE, change, next, path=path, chance=chance, fits=fits)

    def duplicate_page(
        self,
        next: int | None = 1,  # noqa: A002
        *,
        path: str = "*",
        chance: float = 1.0,
    ) -> None:
        """Answer a page with an offset as if it had none, as a stale cache does."""

        async def repeat(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await handler(request.clone(rel_url=request.rel_url.update_query(offset="0")))

        self._add(_CHANGE, repeat, next, path=path, chance=chance, fits=_is_later_page)

    def drift(
        self,
        by: int = 1,
        *,
        next: int | None = 1,  # noqa: A002
        path: str = "*",
    ) -> None:
        """Change `total_count` in a page with an offset, as if rows had come or gone meanwhile."""

        async def change(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if isinstance(response, web.Response) and isinstance(response.body, bytes):
                response.body = _TOTAL.sub(
                    lambda found: b'"total_count": %d' % (int(found[1]) + by), response.body, 1
                )
            return response

        self._add(_CHANGE, change, next, path=path, fits=_is_later_page)

    def recover(self) -> None:
        """Drop all rules and the quota."""
        self._rules, self._quota = [], None

    # ------------------------------------------------------------ how they happen

    def _add(
        self,
        rank: int,
        fault: Fault,
        left: int | None,
        *,
        path: str,
        chance: float = 1.0,
        fits: Fits | None = None,
    ) -> None:
        if left is not None and (not isinstance(left, int) or left < 1):
            raise StoreError(f"next is {left!r}; pass a number of requests, or None for all.")
        if not 0 <= chance <= 1:
            raise StoreError(f"The chance is {chance!r}; it must be from 0 to 1.")
        rule = _Rule(rank, fault, left, path, chance, fits or _any)
        self._rules = sorted([*self._rules, rule], key=lambda one: one.rank)

    @web.middleware
    async def _meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        for fault in reversed(self._chosen(request)):
            handler = _around(fault, handler)
        return await handler(request)

    def _chosen(self, request: web.Request) -> list[Fault]:
        chosen: list[Fault] = []
        beyond = self._quota is not None and self._quota.count(self._now())
        for rule in self._rules:
            if beyond and rule.rank >= _REFUSAL:
                break
            if rule.takes(request, self._random.random):
                chosen.append(rule.fault)
                if rule.rank == _REFUSAL:
                    return chosen
        return [*chosen, self._refuse_for_quota] if beyond else chosen

    async def _refuse_for_quota(self, _: web.Request, __: Handler) -> web.StreamResponse:
        assert self._quota is not None  # noqa: S101 - chosen because of it
        return self._quota.refusal()

    async def _headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Send the time of the portal's clock, and the quota wherever the portal sends one."""
        response.headers[hdrs.DATE] = format_datetime(self._now().astimezone(UTC), usegmt=True)
        if self._quota is not None and "x-ratelimit-limit" in response.headers:
            response.headers.update(self._quota.headers)


def _around(fault: Fault, handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await fault(request, handler)

    return handle


def path_of(request: web.Request) -> str:
    """Return the decoded path below `/api/explore/v2.1`."""
    return request.path.removeprefix(BASE_PATH)


def _any(_: web.Request) -> bool:
    return True


def _has_rows(request: web.Request) -> bool:
    path = path_of(request)
    return bool(_PAGES.fullmatch(path) or _LINES.fullmatch(path))


def _has_json_rows(request: web.Request) -> bool:
    path = path_of(request)
    is_export = _JSON_EXPORTS.fullmatch(path) and "compressed" not in request.query
    return bool(_PAGES.fullmatch(path) or is_export)


def _is_later_page(request: web.Request) -> bool:
    return bool(_PAGES.fullmatch(path_of(request))) and request.query.get("offset", "0") != "0"


def _refusal(status: int, headers: dict[str, str]) -> web.Response:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    body = {"error_code": phrase.replace(" ", ""), "message": "The portal was told to fail."}
    return web.json_response(body, status=status, headers=headers)
