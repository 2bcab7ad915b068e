"""OAuth2 with an authorization code: a user lets an application read a portal in their name.

The steps: send the user to `OAuth2App.authorization_url`, take the `code` from the address they
come back to, `exchange` it for tokens, keep those, and give `OAuth2` to a client as `auth=`.

A refresh token works once. So one refresh runs at a time, whoever needs it shares its result, a
caller that is cancelled does not cancel it, and the new tokens are saved before they are used.
Tokens and the client secret are in no repr, no error and no pickle. Only `Tokens` gives its texts
away, by its attributes and by `attrs.asdict`, because somebody has to save them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import isawaitable
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from urllib.parse import urlencode

import aiohttp
import orjson
from attrs import field, frozen
from yarl import URL

from explore_async.errors import (
    APIError,
    ConfigurationError,
    QuotaExceeded,
    RequestTimeout,
    ServerError,
    TokenError,
)
from explore_async.http.auth import HIDDEN
from explore_async.http.connection import Connection, Hidden, connection_error, is_loopback
from explore_async.http.headers import parse_retry_after

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Mapping
    from ssl import SSLContext

__all__ = ["OAuth2", "OAuth2App", "Tokens"]

_LARGEST = 64 * 1024
_SECONDS = 30.0
_EARLY = timedelta(seconds=60)
_LIFETIME = 3600.0
_REMEMBERED = 8
_NONE: Mapping[str, Any] = MappingProxyType({})

Save: TypeAlias = "Callable[[Tokens], Awaitable[object] | object]"


@frozen(kw_only=True)
class Tokens:
    """What a portal gave for a code or for a refresh token. Keep both texts as secrets.

    It is made to be saved: its attributes, and `attrs.asdict(tokens)`, hold both texts in plain.

    Attributes:
        access: goes into the Authorization header, for about an hour.
        refresh: buys the next tokens, once; None when there is none.
        expires_at: until when `access` is good.
    """

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: datetime

    def __reduce__(self) -> NoReturn:
        raise TypeError("Tokens are not pickled; save their attributes where secrets are kept.")


class OAuth2App:
    """An application that is registered on a portal's account page.

    It is no attrs class, because `attrs.asdict` would copy the secret into a plain dict.

    Args:
        portal: `https://host` of the portal.
        client_id, client_secret: as the portal shows them.
        redirect_uri: where users come back to; as registered.
        proxy, ssl: how to reach the portal, as in `ExploreClient`; None to reach it as the client
            does that the tokens are for.
        now: the clock; that of the system by default.

    Raises:
        ConfigurationError: `portal` is not the address of a portal, or would get secrets over plain
            HTTP.
    """

    __slots__ = ("client_id", "client_secret", "now", "portal", "proxy", "redirect_uri", "ssl")

    def __init__(
        self,
        *,
        portal: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        proxy: str | None = None,
        ssl: SSLContext | str | os.PathLike[str] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.portal = portal
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri
        self.proxy = None if proxy is None else Hidden(proxy)
        self.ssl = ssl
        self.now = now or partial(datetime.now, UTC)
        # Crash reporters print the locals of every frame.
        del portal, client_secret, proxy
        if not _may_get_secrets(self.portal):
            raise ConfigurationError(
                "portal= must be https://host of the portal: secrets are sent there."
            )

    def __repr__(self) -> str:
        # Not `portal` itself: that of one which could not be made may hold a password.
        return f"OAuth2App(client_id={self.client_id!r}, redirect_uri={self.redirect_uri!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "An application's secret is not pickled; make it anew in the process that needs it."
        )

    def authorization_url(self, state: str | None = None) -> tuple[str, str]:
        """Where to send the user, and the `state` that must come back with the code.

        Compare the state: another one means that somebody else's code is slipped to the user.
        """
        state = state or secrets.token_urlsafe(24)
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "all",
            "state": state,
        }
        return f"{self._address('authorize')}?{urlencode(query)}", state

    async def exchange(self, code: str) -> Tokens:
        """Tokens for the code with which a user came back (POST /oauth2/token/).

        Raises:
            TokenError: the portal refuses.
            ServerError, QuotaExceeded: it gives no tokens just now; try again later.
            TransportError: no answer came.
        """
        code = Hidden(code)
        return await self._ask(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        )

    async def refresh(self, tokens: Tokens, *, options: Mapping[str, Any] = _NONE) -> Tokens:
        """New tokens for the refresh token, which is void afterwards (POST /oauth2/token/).

        Args:
            tokens: the latest ones.
            options: `proxy`, `proxy_headers` and `ssl` of aiohttp, where the application has none.

        Raises:
            TokenError: there is no refresh token, or the portal refuses it.
            ServerError, QuotaExceeded: it gives no tokens just now; try again later.
            TransportError: no answer came; the token may be used up.
        """
        if tokens.refresh is None:
            raise TokenError(
                "The access token has expired and there is no refresh token. "
                "Have the user grant access again."
            )
        form = {"grant_type": "refresh_token", "refresh_token": Hidden(tokens.refresh)}
        return await self._ask(form, options)

    def _address(self, step: str) -> str:
        return f"{URL(self.portal).origin()}/oauth2/{step}/"

    async def _ask(self, form: Mapping[str, str], options: Mapping[str, Any] = _NONE) -> Tokens:
        url = self._address("token")
        secret = {"client_id": self.client_id, "client_secret": Hidden(self.client_secret)}
        answer = await _post(url, {**form, **secret}, self._way(options))
        if answer.status == 429 or answer.status >= 500:
            raise _unavailable(answer, url, now=self.now())
        tokens = answer.tokens(now=self.now(), refresh=form.get("refresh_token"))
        if tokens is None:
            raise _refusal(answer, url)
        return tokens

    def _way(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """How to reach the portal: as the application says, or else as the client does."""
        own = Connection(proxy=self.proxy, ssl=self.ssl).options
        if "proxy" in own:
            # The password of the client's proxy is nothing for another proxy.
            options = {name: value for name, value in options.items() if name != "proxy_headers"}
        return {**options, **own}


class OAuth2:
    """Sends `Authorization: Bearer <access token>`, and renews it a minute before it expires.

    Args:
        app: the application.
        tokens: the latest tokens that were saved.
        save: called with new tokens before they are used; a function or a coroutine function.
            Without it a restarted program has lost them, and the user must grant access again.
    """

    def __init__(self, app: OAuth2App, tokens: Tokens, *, save: Save) -> None:
        self._app = app
        self._tokens = tokens
        self._spent: deque[Tokens] = deque(maxlen=_REMEMBERED)
        self._save = save
        self._unsaved = False
        self._void = False
        self._renewed_at: datetime | None = None
        self._options: Mapping[str, Any] = _NONE
        self._refreshing: asyncio.Task[None] | None = None
        self.renewals = 0

    def __repr__(self) -> str:
        return f"OAuth2({self._app!r}, expires_at={self._tokens.expires_at.isoformat()!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Tokens are not pickled; read them anew in the process that needs them.")

    async def authorization(self) -> str | None:
        """The header value, after a refresh where one is due.

        Raises:
            TokenError: the tokens cannot be renewed or saved.
        """
        if self._unsaved or self._void or self._app.now() + _EARLY >= self._tokens.expires_at:
            if self._refreshing is None:
                self._refreshing = asyncio.create_task(self._renew())
                self._refreshing.add_done_callback(self._renewed)
            # Shielded: a refresh token that was sent is used up, whether or not we still listen.
            await asyncio.shield(self._refreshing)
        return f"Bearer {self._tokens.access}"

    def connect(self, options: Mapping[str, Any]) -> None:
        """Renew tokens by the way that the client reaches the portal."""
        self._options = options

    def refused(self, renewals: int) -> bool:
        """The portal answered 401, though the clock says that the token was good.

        It may have been revoked, or the clock be wrong. Tokens less than a minute old are not
        renewed: then it is not the token that is refused.
        """
        if renewals != self.renewals:
            return True
        now = self._app.now()
        young = self._renewed_at is not None and now < self._renewed_at + _EARLY
        if young or self._tokens.refresh is None:
            return False
        self._void = True
        return True

    async def settle(self) -> None:
        """Wait until a refresh that is under way is saved or has failed.

        Otherwise the end of the program would lose tokens that the portal has already given.
        """
        if self._refreshing is not None:
            await asyncio.wait((self._refreshing,))

    def redact(self, text: str) -> str:
        """The text without tokens, those before the latest included, and the client secret."""
        # A request that was sent before a renewal may be answered, and echoed, after it.
        every = (self._tokens, *self._spent)
        known = {self._app.client_secret, *(one.access for one in every)}
        known |= {one.refresh for one in every if one.refresh is not None}
        # The longest first: where one secret begins with another, its end must not remain.
        for secret in sorted(filter(None, known), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    async def _renew(self) -> None:
        if not self._unsaved:
            renewed = await self._app.refresh(self._tokens, options=self._options)
            self._spent.append(self._tokens)
            self._tokens = renewed
            self._unsaved, self._void = True, False
            self._renewed_at = self._app.now()
            self.renewals += 1
        try:
            saved = self._save(self._tokens)
            if isawaitable(saved):
                await saved
        except Exception as error:  # noqa: BLE001 - it is the caller's own, and is told
            raise TokenError(
                f"New tokens could not be saved: {type(error).__name__}. They are kept in memory "
                "and saved with the next request; mend `save` before this program ends."
            ) from None
        self._unsaved = False

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled():
            task.exception()  # Everybody who waited may be gone; it is told at the next request.


@frozen(kw_only=True)
class _Answer:
    """What the token server answered; its repr shows no token, as it is a local of many frames."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def fields(self) -> dict[str, object]:
        """The JSON object of the body; empty where it is none."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return value if isinstance(value, dict) else {}

    def tokens(self, *, now: datetime, refresh: str | None) -> Tokens | None:
        """The tokens, with that refresh token where there is no new one; None if it gives none."""
        fields = self.fields
        access = fields.get("access_token")
        if self.status != 200 or not isinstance(access, str) or not access:
            return None
        renewed = fields.get("refresh_token") or refresh
        return Tokens(
            access=access,
            refresh=str(renewed) if isinstance(renewed, str) else None,  # not a Hidden
            expires_at=now + timedelta(seconds=_seconds(fields.get("expires_in"))),
        )


def _may_get_secrets(portal: str) -> bool:
    try:
        url = URL(portal)
        safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host or ""))
    except ValueError:
        return False
    return safe and url.user is None and url.password is None


async def _post(url: str, form: Mapping[str, str], options: Mapping[str, Any]) -> _Answer:
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    # A session of its own: one that was injected may keep cookies or send headers to this address.
    try:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.post(
                url, data=form, timeout=timeout, allow_redirects=False, **options
            ) as response,
        ):
            body = BytesIO()  # The locals of this frame may be printed, and its repr shows nothing.
            # One read gives what has come so far, which may be less than all of it.
            while body.tell() < _LARGEST and body.write(await response.content.read(_LARGEST)):
                pass
            return _Answer(status=response.status, headers=response.headers, body=body.getvalue())
    except TimeoutError:
        raise RequestTimeout("The token server did not answer in time.", url=url) from None
    except (aiohttp.ClientError, OSError) as error:
        raise connection_error(error, url) from None


def _seconds(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return min(max(0.0, float(value)), 1e9) if usable else _LIFETIME  # type: ignore[arg-type]


def _unavailable(answer: _Answer, url: str, *, now: datetime) -> APIError:
    # Whether the token is used up cannot be known from this; the next attempt will tell.
    kind = QuotaExceeded if answer.status == 429 else ServerError
    return kind(
        f"The token server gives no tokens just now: HTTP {answer.status}. The tokens are kept; "
        "try again later.",
        status=answer.status,
        url=url,
        attempts=1,
        retry_after=parse_retry_after(answer.headers.get("Retry-After"), now=now),
    )


def _refusal(answer: _Answer, url: str) -> TokenError:
    # Only the standard's error code is shown: a description may repeat what was sent.
    code = answer.fields.get("error")
    known = code if isinstance(code, str) and code in _CODES else None
    said = f" ({known})" if known else ""
    return TokenError(
        f"The portal gives no tokens: HTTP {answer.status}{said}. Check the client id and secret, "
        "or have the user grant access again: a code and a refresh token work only once.",
        status=answer.status,
        code=known,
        url=url,
        attempts=1,
    )


_CODES = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
