"""Fixtures for all tests: recorded responses of live portals, and canned ones without a socket."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# No deadline, so that no test fails on a slow machine. CI uses the same examples every time; local
# runs generate new ones.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

RECORDED = Path(__file__).parent / "fidelity" / "recorded"


class CannedResponse(ClientResponse):
    """The response class that aioresponses 0.7.9 needs with aiohttp 3.14 and later.

    There, `ClientResponse` has a new required keyword, `stream_writer`, which aioresponses does not
    pass. Nothing is uploaded, so an object with an `output_size` of 0 is enough. Older versions do
    not have the keyword, and nothing is added.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Canned responses to all aiohttp requests, for tests in which one response is enough."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", CannedResponse)
    with aioresponses() as answers:
        yield answers


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The base URL of a portal that `explore serve` runs in a separate process."""
    command = [sys.executable, "-m", "explore_async", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip().removesuffix("/api/explore/v2.1")
        server.kill()


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """A function that returns a recorded body by its path in tests/fidelity/recorded."""
    return lambda name: (RECORDED / name).read_bytes()
