"""The options of `explore serve` that make its portal slow and unreliable."""

from __future__ import annotations

from typing import Any

import aiohttp
import click
import pytest
from click.testing import CliRunner

from explore_async.cli.faults import fault_options, read_faults
from explore_async.portal import Store, serve
from explore_async.portal.faults import Faults
from explore_async.portal.quotas import Quota
from tests.explore_async.cli.shell import run

PATH = "/api/explore/v2.1/catalog/datasets/trees/records"


def read(*arguments: str) -> dict[str, Any]:
    """Return what the options say."""
    given: dict[str, Any] = {}

    @click.command()
    @fault_options
    def command(**options: Any) -> None:
        given.update(options)

    ended = CliRunner().invoke(command, arguments)
    assert ended.exit_code == 0, ended.output
    return given


async def answers(faults: Faults, count: int) -> list[int | str]:
    """Return the status of each response, or what was wrong with it."""
    seen: list[int | str] = []
    with Store(threads=1) as store:
        fields = [{"name": "name", "type": "text"}, {"name": "height", "type": "int"}]
        rows = [{"name": f"tree {number}", "height": number} for number in range(100)]
        store.add("trees", fields, rows)
        async with serve(store, extend=faults.install) as url, aiohttp.ClientSession() as session:
            for _ in range(count):
                async with session.get(url + PATH, params={"limit": "100"}) as response:
                    seen.append(await answer(response))
    return seen


async def answer(response: aiohttp.ClientResponse) -> int | str:
    """Return the status of a response, or what is wrong with it."""
    try:
        body = await response.text()
    except aiohttp.ClientPayloadError:
        return "cut"
    if body.startswith("<"):
        return "login"
    return "NaN" if ": NaN" in body else response.status


def test_without_options_nothing_happens() -> None:
    assert read() == {
        "latency": 0, "jitter": 0, "fail": (), "html_login": 0, "quota": None, "truncate": 0,
        "stall": 0, "nan": 0, "duplicate_page": 0, "mutate": 0, "seed": None,
    }  # fmt: skip


def test_options_are_read_in_the_units_that_people_write() -> None:
    line = "--latency 50ms --jitter 1.5s --fail 503:0.1 --fail 429:.05 --quota 100/day"
    assert read(*line.split(), "--truncate", "0.05", "--nan", ".5", "--seed", "7") == {
        **read(),
        "latency": 0.05,
        "jitter": 1.5,
        "fail": ((503, 0.1), (429, 0.05)),
        "quota": Quota(100, "day"),
        "truncate": 0.05,
        "nan": 0.5,
        "seed": 7,
    }


def test_latency_delays_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    delays = []
    monkeypatch.setattr(
        Faults, "delay", lambda _, *given, **options: delays.append((given, options))
    )
    read_faults(**read("--latency", "50ms", "--jitter", "10ms"))
    assert delays == [((0.05,), {"jitter": 0.01, "next": None})]


@pytest.mark.parametrize(
    ("option", "method"),
    [
        ("--html-login", "html_login"),
        ("--stall", "stall"),
        ("--nan", "nan"),
        ("--duplicate-page", "duplicate_page"),
        ("--mutate", "mutate"),
    ],
)
def test_a_share_is_the_chance_of_each_request(
    monkeypatch: pytest.MonkeyPatch, option: str, method: str
) -> None:
    rules = []
    monkeypatch.setattr(Faults, method, lambda _, *given, **options: rules.append((given, options)))
    read_faults(**read())
    read_faults(**read(option, "0.25"))
    assert rules == [((None,), {"chance": 0.25})]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--latency", "50"),
        ("--jitter", "-1s"),
        ("--fail", "200:0.1"),
        ("--fail", "503:1.5"),
        ("--fail", "503"),
        ("--quota", "100"),
        ("--quota", "100/week"),
        ("--truncate", "2"),
        ("--mutate", "2/s"),
    ],
)
def test_another_value_is_one_message(option: str, value: str) -> None:
    """The message names the option."""
    ended = run("serve", option, value)
    assert ended.exit_code == 2
    assert option in ended.stderr


@pytest.mark.parametrize("more", [("--fail", "500:0.6"), ("--html-login", "0.6")], ids=" ".join)
def test_shares_of_more_than_all_requests_are_one_message(more: tuple[str, str]) -> None:
    ended = run("serve", "--fail", "503:0.6", *more)
    assert ended.exit_code == 2
    assert "more than 1" in ended.stderr


async def test_a_seed_repeats_the_faults() -> None:
    """Each share is that of all requests."""
    line = [
        "--fail",
        "503:0.3",
        "--fail",
        "500:0.2",
        "--html-login",
        "0.1",
        "--truncate",
        "0.4",
        "--nan",
        "0.5",
    ]
    seven, again, eight = [
        await answers(read_faults(**read(*line, "--seed", seed)), 200) for seed in ("7", "7", "8")
    ]
    assert seven == again != eight
    assert 40 <= seven.count(503) <= 80
    assert 25 <= seven.count(500) <= 55
    assert 10 <= seven.count("login") <= 35
    assert 15 <= seven.count("cut") <= 50
    assert 10 <= seven.count("NaN") <= 40


async def test_all_shares_together_may_be_all_requests() -> None:
    faults = read_faults(**read("--fail", "503:0.7", "--fail", "500:0.3"))
    assert 200 not in await answers(faults, 20)


async def test_a_quota_ends_with_429() -> None:
    assert await answers(read_faults(**read("--quota", "2/month")), 3) == [200, 200, 429]
