"""One export: its plan and the parameters that several formats read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.portal.errors import malformed
from explore_async.portal.requests import GROUP_LIMIT, flag

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import TypeAlias

    from multidict import MultiMapping

    from explore_async.portal.compiling import Output, Plan
    from explore_async.portal.engine import Engine

    Writer: TypeAlias = Callable[["Export", Engine], AsyncGenerator[bytes]]
    """Yields the bytes of an export; close the generator to stop early, as it holds a statement."""

__all__ = ["Export", "check"]


@frozen
class Export:
    """One export.

    Attributes:
        plan: the query.
        limit: the maximum number of rows (None: all).
        parameters: the parameters of the request.
        origin: the base URL of the portal, without a slash at the end.
        offset: the number of rows to skip.
    """

    plan: Plan
    limit: int | None
    parameters: MultiMapping[str]
    origin: str
    offset: int = 0

    @property
    def labels(self) -> dict[str, str]:
        """The labels by field name if `use_labels=true`, else an empty mapping."""
        if not flag(self.parameters, "use_labels", default=False):
            return {}
        return {one.name: one.label for one in self.plan.context.dataset.fields}

    @property
    def compressed(self) -> bool:
        """True if the file is to be compressed with gzip, whatever its format is."""
        return flag(self.parameters, "compressed", default=False)

    def column(self, output: Output) -> str:
        """Return the name of a column in a format that lists its fields: the key or the label."""
        return self.labels.get(output.label, output.label)


def check(one: Export) -> None:
    """Refuse an export that live portals refuse."""
    beyond = one.limit is None or one.limit > GROUP_LIMIT
    if one.plan.kind == "groups" and one.plan.ordered_by_aggregate and beyond:
        raise malformed(
            f"aggregation function in order by is not supported with a limit > {GROUP_LIMIT}. "
            f"Please remove the order by or set a limit parameter lower than {GROUP_LIMIT + 1}",
            "order_by",
        )
