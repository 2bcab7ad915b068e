"""Misuse: a wrong argument is an error of this package, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from explore_async import ConfigurationError, ExploreClient

if TYPE_CHECKING:
    from tests.explore_async.doubles import FakePortal


@pytest.mark.parametrize("wrong", [None, 5, 1.5, b"x", object(), "\ud800", ""])
@pytest.mark.parametrize(
    "call",
    [
        lambda client, wrong: client.dataset(wrong).info(),
        lambda client, wrong: client.dataset("trees").record(wrong),
        lambda client, wrong: client.dataset("trees").download(wrong, "file"),
        lambda client, wrong: client.gather(wrong),
    ],
    ids=["dataset", "record", "download", "gather"],
)
async def test_a_wrong_name_is_refused(
    client: ExploreClient, portal: FakePortal, call: Any, wrong: object
) -> None:
    """Of whatever type it is, and if it cannot be sent."""
    with pytest.raises(ConfigurationError):
        await call(client, wrong)
    assert portal.requests == []


@pytest.mark.parametrize("wrong", [None, 5, [None], ["trees"], [5]])
async def test_only_lists_of_readings_are_gathered(
    client: ExploreClient, portal: FakePortal, wrong: Any
) -> None:
    """A single one is no list, and None is no reading."""
    single: Any = client.dataset("trees").records()
    with pytest.raises(ConfigurationError):
        await client.gather_records(wrong)
    with pytest.raises(ConfigurationError):
        await client.gather_facets(wrong)
    with pytest.raises(ConfigurationError):
        await client.gather_records(single)
    assert portal.requests == []


@pytest.mark.parametrize("wrong", [None, 5, "x"])
async def test_typed_is_a_choice_or_a_converter(
    client: ExploreClient, portal: FakePortal, wrong: Any
) -> None:
    trees = client.dataset("trees")
    with pytest.raises(ConfigurationError, match="typed is"):
        await trees.records(typed=wrong).to_list()
    with pytest.raises(ConfigurationError, match="typed is"):
        trees.export("jsonl", typed=wrong)
    assert portal.requests == []


@pytest.mark.parametrize("wrong", [None, "many", 1.5])
async def test_limits_are_whole_numbers(client: ExploreClient, wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        ExploreClient("https://portal.example", concurrency=wrong)
    with pytest.raises(ConfigurationError):
        client.gather_records([], max_bytes=wrong)


@pytest.mark.parametrize("wrong", [None, 5, "x"])
async def test_a_subscriber_can_be_called(client: ExploreClient, wrong: Any) -> None:
    """Another one would be dropped at its first event, long after the mistake."""
    with pytest.raises(ConfigurationError, match="must be callable"):
        client.subscribe(wrong)


async def test_half_of_a_surrogate_pair_cannot_be_sent(
    client: ExploreClient, portal: FakePortal
) -> None:
    """No UnicodeEncodeError comes from the depth of the client."""
    with pytest.raises(ConfigurationError, match="surrogate"):
        await client.dataset("trees").facets("\ud800")
    assert portal.requests == []
