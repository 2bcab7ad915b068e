"""JSON for programs: one array with an object for each clause, each on a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.outputs.json_lines import objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.outputs.results import Result

__all__ = ["render"]


def render(results: Iterable[Result], *, color: bool = False) -> Iterator[str]:  # noqa: ARG001
    """Yield the array."""
    before = "[\n"
    for one in objects(results):
        yield f"{before}{one}"
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
