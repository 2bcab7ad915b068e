"""The engine: statements end when their reader does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from explore_async.portal.context import Parameters
from explore_async.portal.engine import Engine

if TYPE_CHECKING:
    import pytest

    from explore_async.portal import Store


class Watched:
    """A DuckDB cursor that writes down how it ends."""

    def __init__(self, cursor: Any, ends: list[str]) -> None:
        self._cursor = cursor
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def interrupt(self) -> None:
        self._ends.append("interrupt")
        self._cursor.interrupt()

    def close(self) -> None:
        self._ends.append("close")
        self._cursor.close()


async def test_leaving_early_interrupts_and_closes_the_statement(
    samples: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No statement goes on for a reader that has left."""
    ends: list[str] = []
    cursor = samples.cursor
    monkeypatch.setattr(samples, "cursor", lambda: Watched(cursor(), ends))
    engine = Engine(samples)
    stream = engine.stream("SELECT * FROM range(1000000)", Parameters(), lambda rows: b"x")
    assert await anext(stream) == b"x"
    assert ends == []
    await stream.aclose()
    assert ends == ["interrupt", "close"]
    engine.close()
