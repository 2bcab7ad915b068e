"""Attachments: a response is a list of them, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async import Attachment, DecodeError
from tests.explore_async.doubles import json_body

if TYPE_CHECKING:
    from explore_async import ExploreClient
    from tests.explore_async.doubles import FakePortal


async def test_no_attachments_are_an_empty_list(client: ExploreClient, portal: FakePortal) -> None:
    """An empty list is a valid response."""
    portal.override = lambda request: json_body({"links": [], "attachments": []})
    assert await client.dataset("trees").attachments() == ()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"links": []},
        {"results": [], "total_count": 0},
        {"attachments": None},
        {"attachments": {}},
        {"attachments": ["plan.pdf"]},
        [],
    ],
)
async def test_an_answer_of_another_shape_is_an_error(
    client: ExploreClient, portal: FakePortal, answer: object
) -> None:
    """It must not look like a dataset without attachments."""
    portal.override = lambda request: json_body(answer)
    with pytest.raises(DecodeError, match="Check that the base URL leads to"):
        await client.dataset("trees").attachments()


def test_what_the_server_leaves_open_is_empty() -> None:
    """Null becomes an empty string and not the word None."""
    one = Attachment.from_json({"id": "plan", "title": None, "mimetype": None})
    assert (one.title, one.mimetype) == ("", "")
