"""OAuth2 authorization code flow: an application reads a portal on a user's behalf.

The steps: send the user to `OAuth2App.authorization_url`, take the `code` from the redirect URL,
`exchange` it for tokens, save them, and pass `OAuth2` to a client as `auth=`.

A refresh token works only once. Therefore only one refresh runs at a time, all waiting requests
share its result, cancelling one of them does not cancel it, and new tokens are saved before they
are used. Tokens and the client secret appear in no repr, error or pickle. Only `Tokens` exposes
them, through its attributes and `attrs.asdict`, because the caller has to save them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
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
from explore_async.http.connection import Connection, Hidden, connection_error, is_loopback
from explore_async.http.headers import parse_retry_after
from explore_async.http.redaction import redact
from explore_async.operations import is_sendable, refuse_no_function, refuse_other_types

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

__all__ = ["OAuth2", "OAuth2App", "Tokens"]

_LARGEST = 64 * 1024
_SECONDS = 30.0
_EARLY = timedelta(seconds=60)
_LIFETIME = 3600.0
_REMEMBERED = 8
_TEXTS = ("portal", "client_id", "client_secret", "redirect_uri")
_NONE: Mapping[str, Any] = MappingProxyType({})

Save: TypeAlias = "Callable[[Tokens], Awaitable[object] | object]"


@frozen(kw_only=True)
class Tokens:
    """The tokens that a portal issues for a code or a refresh token. Keep both tokens secret.

    Instances are meant to be saved: their attributes and `attrs.asdict(tokens)` hold both tokens in
    plain text.

    Attributes:
        access: sent in the Authorization header; valid for about an hour.
        refresh: exchanged once for the next tokens; None if the portal issued none.
        expires_at: when `access` expires.
    """

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: datetime

    def __attrs_post_init__(self) -> None:
        if not is_sendable(self.access) or not (self.refresh is None or is_sendable(self.refresh)):
            raise ConfigurationError("A token must be a string that can be sent in a request.")
        if not isinstance(self.expires_at, datetime) or self.expires_at.tzinfo is None:
            raise ConfigurationError(
                "expires_at must be a datetime with a time zone, such as datetime.now(UTC)."
            )

    def __reduce__(self) -> NoReturn:
        raise TypeError("Tokens cannot be pickled. Save their attributes in a secret store.")


class OAuth2App:
    """An application registered on a portal's account page.

    This is not an attrs class, because `attrs.asdict` would copy the secret into a plain dict.

    Args:
        portal: the portal's `https://host`.
        client_id, client_secret: the values that the portal shows.
        redirect_uri: the registered URI to which users return.
        proxy, ssl: as in `ExploreClient`; None to use the settings of the client that the tokens
            are for.
        now: the clock; the system clock by default.

    Raises:
        ConfigurationError: `portal` is not a portal's URL, or would receive secrets over plain
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
        self.proxy = Hidden(proxy) if isinstance(proxy, str) else proxy
        self.ssl = ssl
        self.now = now or partial(datetime.now, UTC)
        # Crash reporters print the locals of every frame.
        del portal, client_secret, proxy
        wrong = [name for name in _TEXTS if not is_sendable(getattr(self, name))]
        if wrong:
            raise ConfigurationError(f"{wrong[0]}= must be a string that can be sent in a request.")
        refuse_no_function("now", self.now)
        if not _may_get_secrets(self.portal):
            raise ConfigurationError(
                "portal= must be the portal's https://host, because secrets are sent there."
            )

    def __repr__(self) -> str:
        # Not `portal`: an instance whose `portal` was refused may hold a password in it.
        return f"OAuth2App(client_id={self.client_id!r}, redirect_uri={self.redirect_uri!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An OAuth2App cannot be pickled. Create it in the process that needs it.")

    def authorization_url(self, state: str | None = None) -> tuple[str, str]:
        """Return the URL to send the user to, and the `state` that must come back with the code.

        Compare the state: a different one means that an attacker injected another user's code.
        """
        state = state or secrets.token_urlsafe(24)
        if not is_sendable(state):
            raise ConfigurationError("state= must be a string that can be sent in a request.")
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "all",
            "state": state,
        }
        return f"{self._address('authorize')}?{urlencode(query)}", state

    async def exchange(self, code: str) -> Tokens:
        """Exchange the code from the redirect for tokens (POST /oauth2/token/).

        Raises:
            TokenError: the portal refused.
            ServerError, QuotaExceeded: the portal issues no tokens at present; try again later.
            TransportError: there was no response.
        """
        if not is_sendable(code):
            raise ConfigurationError("The code must be a string that can be sent in a request.")
        code = Hidden(code)
        return await self._ask(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        )

    async def refresh(self, tokens: Tokens, *, options: Mapping[str, Any] = _NONE) -> Tokens:
        """Exchange the refresh token, which is then void, for new tokens (POST /oauth2/token/).

        Args:
            tokens: the latest tokens.
            options: aiohttp's `proxy`, `proxy_headers` and `ssl`, used unless the application has
                its own.

        Raises:
            TokenError: there is no refresh token, or the portal refused it.
            ServerError, QuotaExceeded: the portal issues no tokens at present; try again later.
            TransportError: there was no response; the token may be used up.
        """
        refuse_other_types("tokens", tokens, Tokens, wanted="Tokens(...)")
        if not isinstance(options, Mapping) or not all(isinstance(one, str) for one in options):
            raise ConfigurationError("options must be a mapping of aiohttp's options by name.")
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
        """Return the aiohttp options: the application's where set, otherwise the client's."""
        own = Connection(proxy=self.proxy, ssl=self.ssl).options
        if "proxy" in own:
            # Do not send the password of the client's proxy to another proxy.
            options = {name: value for name, value in options.items() if name != "proxy_headers"}
        return {**options, **own}


class OAuth2:
    """Sends `Authorization: Bearer <access token>`, and renews it a minute before it expires.

    Args:
        app: the application.
        tokens: the latest saved tokens.
        save: a function or coroutine function, called with new tokens before they are used. If it
            does not store them, they are lost on restart and the user must grant access again.
    """

    def __init__(self, app: OAuth2App, tokens: Tokens, *, save: Save) -> None:
        refuse_other_types("app", app, OAuth2App, wanted="OAuth2App(...)")
        refuse_other_types("tokens", tokens, Tokens, wanted="Tokens(...)")
        if not callable(save):
            raise ConfigurationError(f"save has type {type(save).__name__}; it must be callable.")
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
        raise TypeError("OAuth2 cannot be pickled. Read the tokens in the process that needs them.")

    async def authorization(self) -> str | None:
        """Return the header value, after a refresh if one is due.

        Raises:
            TokenError: the tokens cannot be renewed or saved.
        """
        if self._unsaved or self._void or self._app.now() + _EARLY >= self._tokens.expires_at:
            if self._refreshing is None:
                self._refreshing = asyncio.create_task(self._renew())
                self._refreshing.add_done_callback(self._renewed)
            # Shielded: a refresh token that was sent is used up even if this caller is cancelled.
            await asyncio.shield(self._refreshing)
        return f"Bearer {self._tokens.access}"

    def connect(self, options: Mapping[str, Any]) -> None:
        """Renew tokens with the client's connection options."""
        self._options = options

    def refused(self, renewals: int) -> bool:
        """Handle a 401 for a token that should still be valid by the clock.

        The token may have been revoked, or the clock may be wrong. Tokens renewed less than a
        minute ago are not renewed again, because the token is then not the cause.
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
        """Wait until a refresh in progress is saved or has failed.

        Otherwise the program could exit and lose tokens that the portal has already issued.
        """
        if self._refreshing is not None:
            await asyncio.wait((self._refreshing,))

    def redact(self, text: str) -> str:
        """Return the text with the client secret and the current and recent tokens replaced."""
        # The response to a request sent before a renewal may echo the old token after it.
        every = (self._tokens, *self._spent)
        known = {self._app.client_secret, *(one.access for one in every)}
        known |= {one.refresh for one in every if one.refresh is not None}
        return redact(text, known)

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
        except Exception as error:  # noqa: BLE001 - `save` may raise anything, and it is reported
            raise TokenError(
                f"New tokens could not be saved: {type(error).__name__}. They are kept in memory "
                "and saved with the next request; fix `save` before this program exits."
            ) from None
        self._unsaved = False

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled():
            task.exception()  # Mark it as retrieved: all waiters may be gone.


@frozen(kw_only=True)
class _Answer:
    """The token server's response. Its repr hides the tokens, since many frames hold it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def fields(self) -> dict[str, object]:
        """The JSON object in the body; empty if the body is not a JSON object."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return value if isinstance(value, dict) else {}

    def tokens(self, *, now: datetime, refresh: str | None) -> Tokens | None:
        """Return the tokens, with `refresh` unless there is a new one; None if there are none."""
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
    # A separate session: an injected one may keep cookies or add headers for this address.
    try:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.post(
                url, data=form, timeout=timeout, allow_redirects=False, **options
            ) as response,
        ):
            body = BytesIO()  # A crash report may print this frame; the repr of BytesIO hides it.
            # One read returns the bytes that have arrived so far, possibly not all of them.
            while body.tell() < _LARGEST and body.write(await response.content.read(_LARGEST)):
                pass
            return _Answer(status=response.status, headers=response.headers, body=body.getvalue())
    except TimeoutError:
        raise RequestTimeout("The token server timed out. Try again later.", url=url) from None
    except (aiohttp.ClientError, OSError) as error:
        raise connection_error(error, url) from None


def _seconds(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return min(max(0.0, float(value)), 1e9) if usable else _LIFETIME  # type: ignore[arg-type]


def _unavailable(answer: _Answer, url: str, *, now: datetime) -> APIError:
    # The token may or may not be used up; the next attempt will show.
    kind = QuotaExceeded if answer.status == 429 else ServerError
    return kind(
        f"The token server did not issue tokens: HTTP {answer.status}. The current tokens are "
        "kept. Try again later.",
        status=answer.status,
        url=url,
        attempts=1,
        retry_after=parse_retry_after(answer.headers.get("Retry-After"), now=now),
    )


def _refusal(answer: _Answer, url: str) -> TokenError:
    # Show only a standard error code: the description may repeat the secrets that were sent.
    code = answer.fields.get("error")
    known = code if isinstance(code, str) and code in _CODES else None
    said = f" ({known})" if known else ""
    return TokenError(
        f"The portal refused to issue tokens: HTTP {answer.status}{said}. Check the client ID and "
        "secret, or have the user grant access again: a code or refresh token works only once.",
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
