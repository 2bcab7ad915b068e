"""OAuth2: one refresh at a time, tokens saved before use, and no token that could leak."""

from __future__ import annotations

import asyncio
import pickle
import ssl
import traceback
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from explore_async import (
    ConfigurationError,
    ConnectError,
    Event,
    ExploreClient,
    OAuth2,
    OAuth2App,
    RequestTimeout,
    Retry,
    RetryEvent,
    ServerError,
    TLSError,
    TokenError,
    Tokens,
    Unauthorized,
)
from tests.explore_async.doubles import NOW, Clock, Wire, http, json_body, settle, writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECRETS = ("cl13nt-secret", "acc3ss-0", "acc3ss-1", "r3fresh-0", "r3fresh-1", "c0de")


class TokenServer:
    """A server that issues tokens; each refresh token works once."""

    def __init__(self) -> None:
        self.forms: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        self.valid = "r3fresh-0"
        self.refusals: list[web.Response] = []
        self.good: str | None = None
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()
        self.gate.set()
        self.url = ""
        self.now = NOW

    @asynccontextmanager
    async def running(self, context: ssl.SSLContext | None = None) -> AsyncIterator[TokenServer]:
        application = web.Application()
        application.router.add_post("/oauth2/token/", self._tokens)
        application.router.add_get("/{path:.*}", self._data)
        server = TestServer(application, scheme="https" if context else "http")
        await server.start_server(ssl=context)
        self.url = f"{server.scheme}://localhost:{server.port}"
        try:
            yield self
        finally:
            await server.close()

    def app(self, **options: Any) -> OAuth2App:
        return OAuth2App(
            portal=self.url,
            client_id="me",
            client_secret="cl13nt-secret",
            redirect_uri="https://app.example/back",
            now=lambda: self.now,
            **options,
        )

    async def _tokens(self, request: web.Request) -> web.Response:
        form: dict[str, Any] = dict(await request.post())
        self.forms.append(form)
        self.asked.set()
        await self.gate.wait()
        if self.refusals:
            return self.refusals.pop(0)
        known = form.get("code") == "c0de" or form.get("refresh_token") == self.valid
        if not known:
            return json_body({"error": "invalid_grant", "error_description": str(form)}, status=400)
        self.valid = f"r3fresh-{len(self.forms)}"
        answer = {"access_token": f"acc3ss-{len(self.forms)}", "refresh_token": self.valid}
        return json_body({**answer, "expires_in": 3600, "token_type": "Bearer"})

    async def _data(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers.get("Authorization"))
        if self.good is not None and self.headers[-1] != f"Bearer {self.good}":
            return json_body({}, status=401)
        return json_body({"id": 1})


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    """A portal with a token endpoint."""
    async with TokenServer().running() as server:
        yield server


def expired() -> Tokens:
    return Tokens(access="acc3ss-0", refresh="r3fresh-0", expires_at=NOW + timedelta(seconds=30))


def test_the_user_is_sent_with_a_state_of_their_own() -> None:
    """The URL has all required parameters and does not contain the secret."""
    app = OAuth2App(
        portal="https://host", client_id="me", client_secret="s", redirect_uri="https://a/b"
    )
    url, state = app.authorization_url()
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("host", "/oauth2/authorize/")
    assert parse_qs(parts.query) == {
        "client_id": ["me"],
        "redirect_uri": ["https://a/b"],
        "response_type": ["code"],
        "scope": ["all"],
        "state": [state],
    }
    assert app.authorization_url()[1] != state


async def test_a_code_becomes_tokens(server: TokenServer) -> None:
    """The tokens include their expiry time."""
    tokens = await server.app().exchange("c0de")
    assert (tokens.access, tokens.refresh) == ("acc3ss-1", "r3fresh-1")
    assert tokens.expires_at == NOW + timedelta(hours=1)
    assert server.forms[0]["grant_type"] == "authorization_code"


async def test_tokens_that_come_in_two_parts_are_read_to_the_end() -> None:
    """The code is used up, so a partial read would lose the user's grant."""
    answer = http(b'{"access_token": "acc3ss-1", "refresh_token": "r3fresh-1"}')

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(answer[:-20])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(answer[-20:])

    async with Wire(respond).running() as wire:
        app = OAuth2App(portal=wire.url, client_id="me", client_secret="s", redirect_uri="x")
        tokens = await app.exchange("c0de")
    assert (tokens.access, tokens.refresh) == ("acc3ss-1", "r3fresh-1")


async def test_an_answer_without_an_end_is_not_read_for_ever() -> None:
    """A response of more than 64 KiB does not contain tokens."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(b" " * 70_000, length=10**9))
        await writer.drain()
        await asyncio.sleep(1)

    async with Wire(respond).running() as wire:
        app = OAuth2App(portal=wire.url, client_id="me", client_secret="s", redirect_uri="x")
        with pytest.raises(TokenError, match="refused to issue tokens"):
            await app.exchange("c0de")


async def test_many_requests_refresh_once(server: TokenServer) -> None:
    """The refresh token works once: all requests wait for it, and the tokens are saved first."""
    saved: list[Tokens] = []

    async def save(tokens: Tokens) -> None:
        assert not server.headers
        saved.append(tokens)

    auth = OAuth2(server.app(), expired(), save=save)
    async with ExploreClient(server.url, auth=auth) as client:
        await client.gather(*(client.dataset("trees").record("1") for _ in range(8)))
    assert len(server.forms) == 1
    assert [tokens.refresh for tokens in saved] == ["r3fresh-1"]
    assert set(server.headers) == {"Bearer acc3ss-1"}


async def test_a_cancelled_caller_does_not_lose_the_tokens(server: TokenServer) -> None:
    """The refresh that the caller started finishes, and its tokens are saved."""
    saved: list[Tokens] = []
    auth = OAuth2(server.app(), expired(), save=saved.append)
    server.gate.clear()
    asking = asyncio.create_task(auth.authorization())
    await server.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    server.gate.set()
    assert await auth.authorization() == "Bearer acc3ss-1"
    assert (len(server.forms), len(saved)) == (1, 1)


async def test_tokens_that_cannot_be_saved_are_kept_and_saved_later(server: TokenServer) -> None:
    """Until then they are not used, and there is no second refresh."""
    disk = ["full", "free"]

    def save(tokens: Tokens) -> None:
        if disk.pop(0) == "full":
            raise OSError(tokens.access)

    auth = OAuth2(server.app(), expired(), save=save)
    with pytest.raises(TokenError, match="OSError") as caught:
        await auth.authorization()
    assert "acc3ss" not in "".join(traceback.format_exception(caught.value))
    assert await auth.authorization() == "Bearer acc3ss-1"
    assert len(server.forms) == 1


async def test_refused_tokens_are_a_token_error_without_secrets(server: TokenServer) -> None:
    """The server echoes the request in its error description."""
    server.valid = "another"
    auth = OAuth2(server.app(), expired(), save=lambda tokens: None)
    async with ExploreClient(server.url, auth=auth) as client:
        with pytest.raises(TokenError, match="invalid_grant") as caught:
            await client.dataset("trees").record("1")
        assert (caught.value.status, caught.value.code) == (400, "invalid_grant")
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    shown += repr(pickle.dumps(caught.value)) + repr(auth) + repr(client) + repr(expired())
    assert not [secret for secret in SECRETS if secret in shown]
    assert auth.redact("x acc3ss-0 r3fresh-0 cl13nt-secret") == "x " + " ".join(["<hidden>"] * 3)


async def test_a_token_before_the_latest_is_still_a_secret(server: TokenServer) -> None:
    """A late response may echo the old token after the renewal."""
    auth = OAuth2(server.app(), expired(), save=lambda tokens: None)
    await auth.authorization()
    for _ in range(2):
        server.now += timedelta(hours=2)
        await auth.authorization()
    echo = "acc3ss-0 r3fresh-0 acc3ss-1 r3fresh-1 acc3ss-2 r3fresh-2 acc3ss-3 r3fresh-3"
    assert auth.redact(echo) == " ".join(["<hidden>"] * 8)


def test_no_end_of_a_secret_remains_where_it_begins_with_another() -> None:
    """The longest secret is replaced first."""
    app = OAuth2App(portal="https://h", client_id="me", client_secret="ab", redirect_uri="x")
    tokens = Tokens(access="abc", refresh="abcd", expires_at=NOW)
    auth = OAuth2(app, tokens, save=print)
    assert auth.redact("abcd abc ab") == "<hidden> <hidden> <hidden>"


def test_an_empty_secret_is_not_looked_for() -> None:
    """An empty string matches between any two characters."""
    app = OAuth2App(portal="https://h", client_id="me", client_secret="", redirect_uri="x")
    tokens = Tokens(access="abc", refresh="", expires_at=NOW)
    assert OAuth2(app, tokens, save=print).redact("an abc") == "an <hidden>"


async def test_a_refresh_token_that_is_not_replaced_is_kept_as_plain_text() -> None:
    """`save` can write a plain str with any serializer."""
    saved: list[Tokens] = []
    async with Wire(writes(http(b'{"access_token": "acc3ss-1"}'))).running() as wire:
        app = OAuth2App(
            portal=wire.url,
            client_id="me",
            client_secret="s",
            redirect_uri="x",
            now=lambda: NOW,
        )
        auth = OAuth2(app, expired(), save=saved.append)
        await auth.authorization()
    (tokens,) = saved
    assert tokens.refresh == "r3fresh-0"
    assert pickle.loads(pickle.dumps(tokens.refresh)) == "r3fresh-0"


async def test_without_a_refresh_token_the_user_must_come_again(server: TokenServer) -> None:
    """The error is raised at once, and nothing is sent."""
    tokens = Tokens(access="acc3ss-0", expires_at=NOW)
    with pytest.raises(TokenError, match="grant access again"):
        await OAuth2(server.app(), tokens, save=print).authorization()
    assert not server.forms


async def test_no_answer_is_a_transport_error() -> None:
    """A token request fails like any other request."""
    app = OAuth2App(
        portal="http://127.0.0.1:1", client_id="me", client_secret="s", redirect_uri="x"
    )
    with pytest.raises(ConnectError):
        await app.exchange("c0de")


@pytest.mark.parametrize("portal", ["http://host", "host", "https://u:p@host", "http://["])
def test_secrets_go_over_tls_only(portal: str) -> None:
    """The exception is this machine, as in the other tests."""
    with pytest.raises(ConfigurationError):
        OAuth2App(portal=portal, client_id="me", client_secret="s", redirect_uri="x")


def test_tokens_are_not_pickled() -> None:
    """This covers the tokens, their OAuth2 object and the application's secret."""
    app = OAuth2App(portal="https://h", client_id="me", client_secret="s", redirect_uri="x")
    for thing in (expired(), app, OAuth2(app, expired(), save=print)):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)


def fresh() -> Tokens:
    return Tokens(access="acc3ss-0", refresh="r3fresh-0", expires_at=NOW + timedelta(hours=1))


async def test_closing_waits_for_a_refresh_under_way(server: TokenServer) -> None:
    """The caller was cancelled, but the portal has used up the old token."""
    saved: list[Tokens] = []
    auth = OAuth2(server.app(), expired(), save=saved.append)
    server.gate.clear()
    client = ExploreClient(server.url, auth=auth)
    asking = asyncio.create_task(client.dataset("trees").record("1"))
    await server.asked.wait()
    asking.cancel()
    await asyncio.wait([asking])
    closing = asyncio.create_task(client.close())
    await settle()
    assert not closing.done()
    server.gate.set()
    await closing
    assert [tokens.refresh for tokens in saved] == ["r3fresh-1"]


async def test_closing_waits_for_the_tokens_of_derived_clients(server: TokenServer) -> None:
    """Derived clients do not close anything themselves."""
    saved: list[Tokens] = []
    server.gate.clear()
    async with ExploreClient(server.url) as client:
        auth = OAuth2(server.app(), expired(), save=saved.append)
        derived = client.with_options(auth=auth)
        asking = asyncio.create_task(derived.dataset("trees").record("1"))
        await server.asked.wait()
        asking.cancel()
        await asyncio.wait([asking])
        server.gate.set()
    assert len(saved) == 1


async def test_tokens_are_asked_for_by_the_clients_way() -> None:
    """The request uses the client's proxy, or the application's if it has one."""
    answer = http(b'{"access_token": "acc3ss-1", "expires_in": 3600}')
    data = http(b'{"id": 1}')
    async with Wire(writes(answer, data, answer)).running() as proxy:
        portal = "http://localhost:9"
        app = OAuth2App(portal=portal, client_id="me", client_secret="s", redirect_uri="x")
        auth = OAuth2(app, expired(), save=lambda tokens: None)
        async with ExploreClient(portal, auth=auth, proxy=proxy.url) as client:
            assert await client.dataset("trees").record("1") == {"id": 1}
        proxied = OAuth2App(
            portal=portal, client_id="me", client_secret="s", redirect_uri="x", proxy=proxy.url
        )
        assert (await proxied.exchange("c0de")).access == "acc3ss-1"
    lines = [head.partition(b"\r")[0].split()[:2] for head in proxy.heads]
    token = [b"POST", b"http://localhost:9/oauth2/token/"]
    assert lines[0] == lines[2] == token
    assert lines[1][0] == b"GET"


@pytest.mark.parametrize(
    ("user", "credentials"),
    [("", []), ("app:p4ssword@", [b"Proxy-Authorization: Basic YXBwOnA0c3N3b3Jk"])],
)
async def test_the_proxy_of_the_application_goes_before_that_of_the_client(
    user: str, credentials: list[bytes]
) -> None:
    """It gets its own password, if any, and never that of the client's proxy."""
    answer = http(b'{"access_token": "acc3ss-1", "expires_in": 3600}')
    async with Wire(writes(answer)).running() as own, Wire(writes(http(b"{}"))).running() as other:
        app = OAuth2App(
            portal="http://localhost:9",
            client_id="me",
            client_secret="s",
            redirect_uri="x",
            proxy=own.url.replace("http://", f"http://{user}"),
        )
        auth = OAuth2(app, expired(), save=lambda tokens: None)
        proxy = other.url.replace("http://", "http://client:other@")
        async with ExploreClient("http://localhost:9", auth=auth, proxy=proxy) as client:
            assert await client.dataset("trees").record("1") == {}
    (head,) = own.heads
    assert head.startswith(b"POST http://localhost:9/oauth2/token/")
    sent = [line for line in head.split(b"\r\n") if line.startswith(b"Proxy-Authorization")]
    assert sent == credentials
    (head,) = other.heads
    assert head.startswith(b"GET http://localhost:9/api")


@pytest.fixture
def authority() -> trustme.CA:
    """A CA that no machine trusts."""
    return trustme.CA()


@pytest.fixture
async def tls_server(authority: trustme.CA) -> AsyncIterator[TokenServer]:
    """A portal with a token endpoint and a certificate from that CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with TokenServer().running(context) as server:
        yield server


@pytest.mark.parametrize("given", ["path", "text", "context"])
async def test_the_application_trusts_the_authority_it_was_given(
    tls_server: TokenServer, authority: trustme.CA, tmp_path: Path, given: str
) -> None:
    """The CA is a file or a context; without it no secret is sent."""
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    context = ssl.create_default_context(cafile=str(pem))
    ways: dict[str, Any] = {"path": pem, "text": str(pem), "context": context}
    with pytest.raises(TLSError):
        await tls_server.app().exchange("c0de")
    assert not tls_server.forms
    tokens = await tls_server.app(ssl=ways[given]).exchange("c0de")
    assert tokens.access == "acc3ss-1"


async def test_the_authority_of_the_application_is_not_that_of_the_client(
    tls_server: TokenServer, authority: trustme.CA
) -> None:
    """The application's own CA takes precedence; without one the client's applies."""
    right, wrong = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(right)
    for own, clients in ((None, right), (right, wrong)):
        tls_server.valid = "r3fresh-0"
        auth = OAuth2(tls_server.app(ssl=own), expired(), save=lambda tokens: None)
        async with ExploreClient(tls_server.url, auth=auth, ssl=clients):
            assert (await auth.authorization() or "").startswith("Bearer acc3ss-")
    assert len(tls_server.forms) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_token_server_that_is_down_is_asked_again(server: TokenServer, status: int) -> None:
    """The grant is still valid, so the user need not grant access again."""
    server.refusals = [json_body({}, status=status)]
    clock = Clock()
    auth = OAuth2(server.app(), expired(), save=lambda tokens: None)
    async with ExploreClient(server.url, auth=auth, timing=clock.timing()) as client:
        await client.dataset("trees").record("1")
    assert server.headers == ["Bearer acc3ss-2"]
    assert len(clock.waits) == 1


async def test_a_token_server_that_is_late_is_named(
    server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*args: object, **options: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(aiohttp.ClientSession, "post", late)
    with pytest.raises(RequestTimeout, match="token server timed out") as caught:
        await server.app().exchange("c0de")
    assert caught.value.url == f"{server.url}/oauth2/token/"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(600, 600), (0.5, 0.5), (-5, 0), (1e12, 1e9), ("600", 3600), (True, 3600), (None, 3600)],
)
async def test_tokens_live_as_long_as_the_portal_says(
    server: TokenServer, told: object, seconds: float
) -> None:
    """An hour if it does not say so, or says what is no number."""
    server.refusals = [json_body({"access_token": "acc3ss-1", "expires_in": told})]
    tokens = await server.app().exchange("c0de")
    assert tokens.expires_at == NOW + timedelta(seconds=seconds)
    assert tokens.refresh is None


async def test_a_token_server_that_stays_down_says_so(server: TokenServer) -> None:
    """The error has the Retry-After wait and does not ask for a new grant."""
    server.refusals = [web.Response(status=503, headers={"Retry-After": "7"})]
    with pytest.raises(ServerError, match="tokens are kept") as caught:
        await server.app().exchange("c0de")
    assert (caught.value.status, caught.value.retry_after) == (503, 7.0)
    assert "grant" not in str(caught.value)


async def test_secrets_do_not_follow_a_redirect(server: TokenServer) -> None:
    """With 307 the other address would get the whole form."""
    async with TokenServer().running() as other:
        away = f"{other.url}/oauth2/token/"
        server.refusals = [web.Response(status=307, headers={"Location": away})]
        with pytest.raises(TokenError, match="HTTP 307"):
            await server.app().exchange("c0de")
    assert other.forms == []


async def test_a_token_that_is_refused_is_renewed_once_for_all(server: TokenServer) -> None:
    """It was revoked, or our clock is wrong; all refused requests use the new token."""
    server.good = "acc3ss-1"
    auth = OAuth2(server.app(), fresh(), save=lambda tokens: None)
    events: list[Event] = []
    async with ExploreClient(server.url, auth=auth, on_event=events.append) as client:
        await client.gather(*(client.dataset("trees").record("1") for _ in range(8)))
    assert len(server.forms) == 1
    retries = [event for event in events if isinstance(event, RetryEvent)]
    assert [(one.wait, type(one.error)) for one in retries] == [(0.0, Unauthorized)] * 8
    assert client.stats.retries == 8
    assert server.headers.count("Bearer acc3ss-1") == 8


async def test_a_new_token_that_is_refused_is_not_renewed_again(server: TokenServer) -> None:
    """The user then lacks the permission, and a new token would not help."""
    server.good = "none"
    auth = OAuth2(server.app(), fresh(), save=lambda tokens: None)
    async with ExploreClient(server.url, auth=auth) as client:
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await client.dataset("trees").record("1")
    assert len(server.forms) == 1
    assert len(server.headers) == 4


async def test_a_request_that_is_sent_once_leaves_the_renewal_to_the_next(
    server: TokenServer,
) -> None:
    """`Retry.never()` also rules out sending again after a renewal."""
    server.good = "acc3ss-1"
    auth = OAuth2(server.app(), fresh(), save=lambda tokens: None)
    async with ExploreClient(server.url, auth=auth, retry=Retry.never()) as client:
        with pytest.raises(Unauthorized):
            await client.dataset("trees").record("1")
        assert await client.dataset("trees").record("1") == {"id": 1}


async def test_a_refusal_of_the_token_before_the_last_is_no_reason_to_renew(
    server: TokenServer,
) -> None:
    """Such a request was sent before the renewal; it is sent again with the new token."""
    auth = OAuth2(server.app(), fresh(), save=lambda tokens: None)
    assert auth.refused(auth.renewals)
    assert await auth.authorization() == "Bearer acc3ss-1"
    assert auth.refused(0)
    assert await auth.authorization() == "Bearer acc3ss-1"
    assert len(server.forms) == 1


async def test_a_token_of_a_minute_may_be_renewed_again(server: TokenServer) -> None:
    """A refusal of a younger one has another cause."""
    auth = OAuth2(server.app(), fresh(), save=lambda tokens: None)
    assert auth.refused(auth.renewals)
    await auth.authorization()
    server.now += timedelta(seconds=59)
    assert not auth.refused(auth.renewals)
    server.now += timedelta(seconds=1)
    assert auth.refused(auth.renewals)
    assert await auth.authorization() == "Bearer acc3ss-2"
