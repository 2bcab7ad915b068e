"""Redaction: a secret is not shown, however a server spells it."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest

from explore_async.http.redaction import HIDDEN, redact

KEY = 'abc/def+GHI\\jkl"0123&<456>mno%pqr'


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),
        "".join(f"\\u{ord(one):04X}" for one in KEY),
        json.dumps(json.dumps(KEY)[1:-1])[1:-1],
        repr(KEY)[1:-1],
        repr(repr(KEY))[3:-3],
        html.escape(KEY),
        "".join(f"&#{ord(one)};" for one in KEY),
        "".join(f"&#x{ord(one):x};" for one in KEY),
        quote(KEY, safe=""),
        quote(KEY, safe="").lower(),
        KEY.upper(),
    ],
)
def test_every_spelling_of_a_secret_is_hidden(echo: str) -> None:
    assert redact(f"bad key {echo}.", [KEY]) == f"bad key {HIDDEN}."


@pytest.mark.parametrize("length", range(6, len(KEY)))
def test_the_beginning_of_a_secret_is_hidden_too(length: int) -> None:
    """A message quotes the beginning of a body, which may end inside the key."""
    assert redact(f"begins '{KEY[:length]}'", [KEY]) == f"begins '{HIDDEN}'"


def test_secrets_that_begin_alike_are_hidden_whole() -> None:
    """Nothing of one stays visible because the other was replaced first."""
    secrets = ["token-of-a-user-1", "token-of-a-user-2", "token-of-a-user-12"]
    assert redact(" ".join(secrets), secrets) == " ".join([HIDDEN] * 3)


def test_a_long_token_is_hidden_to_its_end() -> None:
    """It is recognized by its beginning, and ends at a space or a quote."""
    token = "eyJ0eXAi" + "x" * 3000
    assert redact(f'{{"t": "{token}"}}', [token]) == f'{{"t": "{HIDDEN}"}}'


def test_other_text_stays() -> None:
    """A few characters in common are no secret."""
    assert redact("abc/d", [KEY]) == "abc/d"
    assert redact("anything", ["", KEY]) == "anything"
