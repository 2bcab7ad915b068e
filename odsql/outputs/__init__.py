"""Output formats of `odsql check`, one module per format.

A renderer takes the `Result` of each clause from `results` and yields pieces of text. No renderer
prints a time or an absolute path, so two runs over the same files print the same bytes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.outputs.results import Result

__all__ = ["FORMATS", "Format", "Renderer", "renderer"]

Format = Literal["text", "json", "jsonl", "github", "sarif", "junit"]

FORMATS: tuple[Format, ...] = ("text", "json", "jsonl", "github", "sarif", "junit")


class Renderer(Protocol):
    """A function that writes results in one format, with `color` in terminal colours if any."""

    def __call__(self, results: Iterable[Result], *, color: bool = False) -> Iterator[str]:
        """Yield the output in pieces while the results arrive."""
        ...


def renderer(format_: Format) -> Renderer:
    """Return the renderer of a format, without loading the others."""
    module = {"json": "json_array", "jsonl": "json_lines"}.get(format_, format_)
    return cast("Renderer", import_module(f"odsql.outputs.{module}").render)
