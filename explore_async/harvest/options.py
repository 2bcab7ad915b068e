"""The options of a harvest, checked before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from attrs import field, frozen

from explore_async.errors import ConfigurationError
from explore_async.harvest.units import Here

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async.harvest.manifest import Strategy
    from explore_async.harvest.sinks import Compression, Misfits
    from explore_async.harvest.units import Engine

__all__ = ["Drift", "Options"]

Drift: TypeAlias = Literal["fail", "retry-partition", "accept"]
"""What to do if the dataset changes: `fail`; fetch what may have changed again; or `accept` it, and
name the changes in the manifest."""


@frozen(kw_only=True)
class Options:
    """The options of a harvest; see `harvest`.

    Raises:
        ConfigurationError: one is out of range.
    """

    file_format: str = "jsonl"
    compression: Compression = None
    misfits: Misfits = "fail"
    strategy: Strategy | None = None
    partition_rows: int | None = None
    split_by: tuple[str, ...] = ()
    max_requests: int | None = None
    since: str | Path | None = None
    cursor_field: str | None = None
    drift: Drift = "fail"
    resume: bool = False
    engine: Engine = field(factory=Here)

    def __attrs_post_init__(self) -> None:
        if self.drift not in get_args(Drift):
            raise ConfigurationError(
                f"drift is {self.drift!r}; it must be one of {', '.join(get_args(Drift))}."
            )
